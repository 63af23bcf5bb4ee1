"""Model files of every kind: what the table of docs/format.md takes, and what it does not.

`corpus()` gives small files, the same every time. A rule has a case on either side of its border;
the readers of Python and C++ must agree about all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from model_containers import containers, damage, missing, texts
from model_files_made import Case, I, Text, U, array, base, changed, each, member, spell
from model_scalings import scalings
from model_stages import stages

__all__ = ["corpus"]


def corpus() -> list[Case]:
    """Return all cases; their names differ."""
    parts = (
        containers, damage, texts, missing, networks, convolutions, ranges, scalings, labels,
        readouts, quantized, ridge, neighbors, names, stages,
    )  # fmt: skip
    cases = [case for part in parts for case in part()]
    assert len({case.name for case in cases}) == len(cases)
    return cases


def networks() -> Iterator[Case]:
    no_sizes = [0, -1, True, "4", 2**28 + 1, 2**64 + 4, [4], Text("4.0"), Text("4e0"), Text("-0")]
    features, matrices = member("network", "n_features"), member("network", "matrices")
    yield from each("n_features", True, [1, 5], features)
    yield from each("n_features", True, [2**28], features, runs=False)
    yield from each("n_features", False, no_sizes, features)
    yield from each("matrices", True, [[1, 3], [2, 2, 2, 3]], matrices)
    yield from each("matrices", True, [[2**28, 3]], matrices, runs=False)
    yield from each("matrices", False, [[size, 3] for size in no_sizes], matrices)
    odd: dict[str, Any] = {
        "empty": [],
        "object": {"0": 3},
        "number": 3,
        "text": "3",
        "null": [None, 3],
    }
    yield from each("matrices", False, odd, matrices)
    yield from each("matrices", False, {"too many": [1] * 100_001 + [3]}, matrices)
    kinds = {
        "Dense spelled out": [{"kind": "Dense", "units": 3}],
        "an unknown kind": [{"kind": "Pool", "units": 3}],
        "another width than the readout": [2],
    }
    yield from each("matrices", False, kinds, matrices)
    bits = member("network", "weight_bits")
    yield from each("weight_bits", True, [1, 2, 4, 8, 24], bits)
    yield from each("weight_bits", False, [0, 3, 16, 25, True, "8", Text("8.0"), -8], bits)
    step = member("network", "activation")
    yield from each("activation", True, ["step", "sign"], step)
    yield from each("activation", False, ["", "Step", "tanh", 1, ["step"], "step\0"], step)
    seed = member("network", "seed")
    yield from each("seed", True, ["0", "10", str(2**53 + 1), str(2**64 - 1)], seed)
    no_seeds = [
        "", "00", "007", "-0", "+1", " 1", "1 ", "1_0", "1.0", "1e3", "0x1", "\uff11", "\u0663",
        str(2**64), "9" * 20, "0" * 5000, 7, [7], str(2**64 * 10),
    ]  # fmt: skip
    yield from each("seed", False, no_seeds, seed)
    shapes: list[Any] = [[2, 2, 1], [], 4, [769546, 494770, 48448661], False]
    yield from each("input_shape before a width", False, shapes, member("network", "input_shape"))


def convolutions() -> Iterator[Case]:
    def network(shape: Any, *matrices: Any) -> Callable[..., None]:
        def change(d: dict[str, Any], a: dict[str, Any], value: Any = None) -> None:
            d["network"]["matrices"] = [*matrices, 3]
            d["network"]["input_shape"] = shape
            if isinstance(shape, list) and all(type(side) is int for side in shape):
                d["network"]["n_features"] = int(np.prod([int(s) for s in shape], dtype=object))

        return change

    def conv(channels: Any = 2, kernel: Any = 2, stride: Any = 1, padding: Any = 0) -> Any:
        return {"channels": channels, "kernel": kernel, "stride": stride, "padding": padding}

    def without(name: str) -> Any:
        return {key: value for key, value in conv().items() if key != name}

    most = 2**28
    for name, change in {
        "one": network([2, 2, 1], conv()),
        "1 x 1": network([3, 2, 2], conv(kernel=1)),
        "padding of the kernel less 1": network([2, 3, 1], conv(kernel=3, padding=2)),
        "largest stride": network([2, 3, 1], conv(stride=most)),
        "two": network([5, 4, 2], conv(3, 3, padding=1), conv(stride=2)),
        "before a width": network([5, 4, 2], conv(3, 3), 7, 2),
    }.items():
        yield Case(f"convolution, {name}", changed(change), True)
    for name, change in {
        "largest image": network([2**14, 2**14, 1], conv(1)),
        "most channels of an image": network([1, 1, most], conv(kernel=1)),
        "most channels": network([1, 1, 1], conv(most, 1)),
        "largest patch and output": network([1, 1, 1], conv(1, 2**14, padding=2**14 - 1)),
    }.items():
        yield Case(f"convolution, {name}", changed(change), True, runs=False)
    for name, change in {
        "no shape": network(None, conv()),
        "a shape of 2": network([2, 2], conv()),
        "a shape of 4": network([2, 2, 1, 1], conv()),
        "a shape of floats": network([2, 2, Text("1.0")], conv()),
        "a shape of truths": network([2, 2, True], conv()),
        "an empty side": network([2, 0, 2], conv()),
        "an image beyond 2^28": network([2**14, 2**14 + 1, 1], conv()),
        "a patch beyond 2^28": network([1, 1, 1], conv(1, 2**14 + 1, padding=2**14, stride=most)),
        "an output beyond 2^28": network([2**14 + 1, 2**14 - 1, 1], conv(2)),
        "padding of the kernel": network([2, 3, 1], conv(padding=2)),
        "a kernel beyond the image": network([2, 3, 1], conv(kernel=3)),
        "kernel 0": network([2, 2, 1], conv(kernel=0)),
        "stride 0": network([2, 2, 1], conv(stride=0)),
        "channels 0": network([2, 2, 1], conv(channels=0)),
        "stride beyond 2^28": network([2, 2, 1], conv(stride=most + 1)),
        "channels beyond 2^28": network([1, 1, 1], conv(most + 1, 1)),
        "kernel of 2^64": network([2, 2, 1], conv(kernel=2**64, padding=2**64 - 1)),
        "negative padding": network([2, 2, 1], conv(padding=-1)),
        "padding -0": network([2, 2, 1], conv(padding=Text("-0"))),
        "stride 1.0": network([2, 2, 1], conv(stride=Text("1.0"))),
        "stride true": network([2, 2, 1], conv(stride=True)),
        "without stride": network([2, 2, 1], without("stride")),
        "without padding": network([2, 2, 1], without("padding")),
        "without kernel": network([2, 2, 1], without("kernel")),
        "kind spelled out": network([2, 2, 1], {"kind": "Conv2D", **conv()}),
        "dilation": network([2, 2, 1], {**conv(), "dilation": 1}),
        "an empty object": network([2, 2, 1], {}),
        "behind a width": network(None, 4, conv(kernel=1)),
        "behind a width of an image": network([2, 2, 1], 4, conv(kernel=1)),
    }.items():
        yield Case(f"convolution, {name}", changed(change), False)

    def wraps(d: dict[str, Any], a: dict[str, Any], value: Any) -> None:
        network(value, conv(kernel=1))(d, a)
        d["network"]["n_features"] = 4

    # The products are 4 modulo 2^64, and 2^32.
    sides = [[769546, 494770, 48448661], [2**32 + 4, 1, 1], [2, 2, 2**62], [2, 2, 2]]
    yield from each("convolution, a shape that is not of 4", False, sides, wraps)


def ranges() -> Iterator[Case]:
    change = member("input_range")
    fine = [
        [0, 255], [-1.5, 2.25], [1, 1], [0.5, 1.5], [Text("-0"), 0], [Text("-0.0"), Text("1e-400")],
        [5e-324, 1], [1e308, 1.7e308], [Text("1E+2"), Text("1e+3")], [0, Text("9007199254740993")],
        [Text("0.1000000000000000055511151231257827021181583404541015625"), 1],
        [Text("0." + "0" * 400 + "1"), Text("1" + "0" * 200)],
        [Text("0." + "0" * 400 + "5e401"), 9], [Text("5" + "0" * 400 + "e-400"), 9],
    ]  # fmt: skip
    spelled = {f"{spell(pair)[:40]} {n}": pair for n, pair in enumerate(fine)}
    yield from each("input_range", True, spelled, change)
    wrong = [
        [1, 0], [1], [1, 2, 3], [], [None, 1], ["0", 1], [True, 2], [0, Text("1e400")],
        [Text("-1e400"), 0], [0, 10**400], [Text("1" + "0" * 5000), 1], "01", 3,
        {"0": 0, "1": 1}, [[0], 1], [Text("0,5"), 1],
    ]  # fmt: skip
    yield from each("input_range", False, wrong, change)


def labels() -> Iterator[Case]:
    def texts(d: dict[str, Any], a: dict[str, Any], value: Any) -> None:
        d["classes"] = value
        n = len(value) if isinstance(value, list) else 2
        a["counts"] = np.zeros((n, 3), dtype=U)
        a["n_samples"] = np.ones(n, dtype=I)

    def numbers(d: dict[str, Any], a: dict[str, Any], value: Any) -> None:
        texts(d, a, list(range(value.shape[0] if value.ndim else 2)))
        d["classes"], a["classes"] = None, value

    fine = {
        "one": ["a"], "empty": ["", "a"], "blanks": [" ", "  "], "NUL within": ["a\0b", "c"],
        "case": ["A", "a"], "beyond 16 bits": ["\uffff", "\U00010000"], "last": ["\U0010ffff"],
        "composed and not": ["e\u0301", "\u00e9"], "escapes": ["\x1b[31m", "=1"],
        "long": ["a" * 65_536, "b"], "many": [f"{i:04d}" for i in range(2_000)],
    }  # fmt: skip
    yield from each("labels", True, fine, texts)
    wrong: dict[str, Any] = {
        "none": [], "the same": ["a", "a"], "not sorted": ["b", "a"],
        "NUL at the end": ["a\0", "b"],
        "only NUL": ["\0", "a"], "by 16-bit units": ["\U00010000", "\uffff"], "numbers": [1, 2],
        "a number": ["a", 1], "nulls": ["a", None], "truths": [False, True],
        "lists": [["a"], ["b"]],
        "text": "ab", "object": {"a": 1, "b": 2}, "number of all": 2, "floats": [0.5, 1.5],
        "a long one among many": [*(f"{i:04d}" for i in range(8_191)), "a" * 8_193],
    }  # fmt: skip
    yield from each("labels", False, wrong, texts)
    yield from each("labels", False, [["a", "b", "c"], ["a"]], member("classes"))
    yield from each("labels", False, {"no array": None}, member("classes"))
    for dtype in (*"uif", "b"):
        for size in {"f": (2, 4, 8), "b": (1,)}.get(dtype, (1, 2, 4, 8)):
            name = f"{dtype}{size}" if dtype != "b" else "?"
            if dtype == "b":
                value = np.array([False, True])
            elif dtype == "f":
                most = np.finfo(name)
                value = np.array([most.min, -1, -most.tiny / 2, 0, 0.1, most.max], name)
            else:
                value = np.array([np.iinfo(name).min, 1, np.iinfo(name).max], name)
            yield from each("label type", True, {name: value}, numbers)
            yield from each("label type", False, {f"{name} reversed": value[::-1].copy()}, numbers)
    fine_numbers = {
        "one truth": np.array([True]),
        "-0": np.array([-0.0, 1.0]),
        "one": np.array([3]),
    }
    yield from each("numbers", True, fine_numbers, numbers)
    yield from each("numbers", False, {
        "none": np.zeros(0, I), "two dimensions": np.arange(2)[:, None],
        "no dimension": np.array(3),
        "NaN": np.array([0.0, np.nan]), "infinity": np.array([0.0, np.inf]),
        "half NaN": np.array([0, np.nan], np.float16), "single": np.array([0, np.inf], np.float32),
        "two zeros": np.array([-0.0, 0.0]), "the same": np.array([3, 3]),
        "a third truth": np.array([0, 2], U).view(bool),
    }, numbers)  # fmt: skip


def readouts() -> Iterator[Case]:
    kind = member("readout", "kind")
    yield from each(
        "kind", False, ["", "tree", "quantized", "ridge", "discriminant", 1, ["centroids"]], kind
    )
    yield from each("metric", True, ["euclidean", "cosine", "hamming"], member("readout", "metric"))
    yield from each("metric", False, ["", "l7", 1, ["cosine"]], member("readout", "metric"))
    counts, n_samples = array("counts"), array("n_samples")
    zeros = np.zeros((2, 3))
    for dtype in "u1", "u2", "u4", "u8":
        yield from each("counts", True, {dtype: (zeros + 5).astype(dtype)}, counts)
    for dtype in "i1", "i8", "f8", "?":
        yield from each("counts", False, {dtype: zeros.astype(dtype)}, counts)
    yield from each("counts", False, {
        "above n_samples": (zeros + 6).astype(U), "a row less": zeros[:1].astype(U),
        "a column less": zeros[:, 1:].astype(U), "one dimension": zeros.ravel().astype(U),
        "beyond 63 bits": np.full((2, 3), 2**63, np.uint64),
    }, counts)  # fmt: skip
    most = {"most": np.array([2**34, 5])}
    yield from each("n_samples", True, most, n_samples)
    yield from each("n_samples", False, {
        "too many": np.array([2**34 + 1, 5]), "negative": np.array([-1, 5]),
        "u8": np.array([5, 5], np.uint64), "i4": np.array([5, 5], np.int32),
        "three": np.array([5, 5, 5]), "f8": np.array([5.0, 5.0]),
    }, n_samples)  # fmt: skip

    def empty(d: dict[str, Any], a: dict[str, Any], value: Any) -> None:
        a["counts"][0], a["n_samples"][0] = 0, 0
        d["readout"]["metric"] = value

    yield from each("a class without samples", True, ["euclidean", "cosine", "hamming"], empty)
    for name in ("quantized", "ridge", "discriminant", "neighbors"):
        data = changed(lambda d, a: None, name)
        yield Case(f"{name} as it is", data, True)
        more = member("readout", "more")
        yield from each(f"{name} with more", False, [1], more, name)
        for gone in [*base(name)[1], *base(name)[0]["readout"]]:
            yield Case(
                f"{name} without {gone}",
                changed(lambda d, a, g=gone: (a.pop(g, None), d["readout"].pop(g, None)), name),
                False,
            )


def quantized() -> Iterator[Case]:
    def of_bits(d: dict[str, Any], a: dict[str, Any], value: int) -> None:
        top = 2**value - 1
        d["readout"].update(bits=value, offset=top)
        a["codes"] = np.array([[0, top, 0], [top, 0, 1]], np.uint16 if value < 17 else np.uint32)

    def past(d: dict[str, Any], a: dict[str, Any], value: int) -> None:
        of_bits(d, a, value)
        a["codes"] = a["codes"].astype(np.uint32)
        a["codes"][0, 1] += 1

    def put(name: str, valid: bool, values: list[Any]) -> Iterator[Case]:
        return each(f"quantized {name}", valid, values, member("readout", name), "quantized")

    yield from each("quantized of bits", True, [1, 4, 16], of_bits, "quantized")
    yield from each("quantized of bits", False, [0, 17], of_bits, "quantized")
    yield from each("quantized past the codes", False, [1, 4, 16], past, "quantized")
    yield from put("bits", False, [Text("4.0"), True, "4", -4, None])
    yield from put("offset", True, [0, 15])
    yield from put("offset", False, [16, -1, Text("1.0"), True, Text("-0")])
    yield from put("multiplier", True, [1, 65535])
    yield from put("multiplier", False, [0, 65536, Text("1.0"), True, -1])
    yield from put("scale", True, [1, -1.5, 0, 1e-300, Text("1e-400")])
    yield from put("scale", False, [Text("1e400"), "1", True, None, [1]])
    codes, bias = array("codes"), array("bias")
    for dtype in "u1", "u2", "u4", "u8":
        yield from each("codes", True, {dtype: np.full((2, 3), 15, dtype)}, codes, "quantized")
    for dtype in "i1", "i8", "?":
        yield from each("codes", False, {dtype: np.ones((2, 3), dtype)}, codes, "quantized")
    high = {"largest": np.array([2**61, -(2**61)])}
    yield from each("bias", True, high, bias, "quantized")
    yield from each("bias", False, {
        "too large": np.array([2**61 + 1, 0]), "too small": np.array([0, -(2**61) - 1]),
        "smallest of all": np.array([0, -(2**63)]), "i4": np.zeros(2, np.int32),
        "u8": np.zeros(2, np.uint64), "three": np.zeros(3, I),
    }, bias, "quantized")  # fmt: skip


def ridge() -> Iterator[Case]:
    alpha = member("readout", "alpha")
    wrong = [0, -1, Text("1e-400"), Text("1e400"), "1", "auto", True, None]
    for kind in "ridge", "discriminant":
        yield from each(f"alpha of {kind}", True, [1, 5e-324, 1e308], alpha, kind)
        yield from each(f"alpha of {kind}", False, wrong, alpha, kind)
    for name in "coef", "intercept":
        shape = base("ridge")[1][name].shape

        def first(value: float, shape: tuple[int, ...] = shape) -> Any:
            made = np.zeros(shape)
            made.flat[0] = value
            return made

        put = array(name)
        yield from each(name, True, {"1e296": first(1e296), "-1e296": first(-1e296)}, put, "ridge")
        yield from each(name, False, {
            "beyond": first(1.0000001e296), "NaN": first(np.nan), "infinity": first(-np.inf),
            "f4": first(0).astype("f4"), "i8": first(0).astype("i8"),
            "another shape": first(0)[:1],
        }, put, "ridge")  # fmt: skip


def neighbors() -> Iterator[Case]:
    def rows(n: int, k: int) -> Callable[..., None]:
        def change(d: dict[str, Any], a: dict[str, Any]) -> None:
            d["readout"]["n_neighbors"] = k
            a["words"] = (np.arange(n, dtype=np.uint64) % 8)[:, None]
            a["codes"] = np.arange(n, dtype=U) % 2

        return change

    for n, k in ((1, 1), (4, 4), (1000, 1000), (1001, 1000)):
        yield Case(f"{k} of {n} neighbours", changed(rows(n, k), "neighbors"), True)
    for n, k in ((1, 0), (1, 2), (4, 5), (1001, 1001), (0, 1), (0, 0), (4, -1)):
        yield Case(f"{k} of {n} neighbours", changed(rows(n, k), "neighbors"), False)
    of = member("readout", "n_neighbors")
    yield from each("n_neighbors", False, [Text("2.0"), True, "2", None], of, "neighbors")
    words, codes = array("words"), array("codes")
    for dtype in "u1", "u2", "u4", "u8":
        yield from each("neighbour codes", True, {dtype: np.ones(4, dtype)}, codes, "neighbors")
    yield from each("neighbour codes", False, {
        "past the classes": np.full(4, 2, U), "i8": np.ones(4, I), "?": np.ones(4, bool),
        "few": np.ones(3, U), "u8 of 2^63": np.full(4, 2**63, np.uint64),
        "2^32": np.full(4, 2**32, np.uint64),
    }, codes, "neighbors")  # fmt: skip
    yield from each("words", False, {
        "bits past the last": np.full((4, 1), 8, np.uint64), "i8": np.ones((4, 1), I),
        "u4": np.ones((4, 1), np.uint32), "two a row": np.ones((4, 2), np.uint64),
        "one dimension": np.ones(4, np.uint64),
    }, words, "neighbors")  # fmt: skip

    def wide(d: dict[str, Any], a: dict[str, Any], value: int) -> None:
        d["network"]["matrices"] = [65]
        a["words"] = np.array([[2**64 - 1, 1], [0, 1], [5, 0], [2**63, value]], np.uint64)

    yield from each("words of 65 bits", True, [1], wide, "neighbors")
    yield from each("words of 65 bits", False, [2, 2**63], wide, "neighbors")


def names() -> Iterator[Case]:
    change = member("feature_names")
    fine = [None, ["a", "b", "c", "d"], ["", " ", "\u00fc", "\U0001f600"], ["d", "c", "b", "a\0"]]
    yield from each("feature_names", True, fine, change)
    wrong = [
        [], ["a", "b", "c"], ["a", "b", "c", "d", "e"], ["a", "b", "c", "a"], ["a", "b", "c", 4],
        "abcd", {"a": 1, "b": 2, "c": 3, "d": 4}, 4, True, ["a", "b", "c", None],
        [Text('"\\ud800"'), "b", "c", "d"],
    ]  # fmt: skip
    yield from each("feature_names", False, wrong, change)
    estimator = member("estimator")
    yield from each("estimator", True, ["", "{}", "\u00fc", "no JSON"], estimator)
    no_text = [None, {}, [], 1, True, [Text('"\\ud800"')]]
    yield from each("estimator", False, no_text, estimator)
