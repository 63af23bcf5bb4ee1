"""Cases of the corpus of model files: the container, and JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from model_files_made import Case, Text, U, array, base, changed, each, file_of, member, spell

__all__ = ["containers", "damage", "missing", "texts"]


def keep(d: dict[str, Any], a: dict[str, Any]) -> None:
    """Change nothing."""


def entry(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    """Return a change of what the header says of one array."""
    return lambda h: {**h, "counts": {**h["counts"], **changes}}


def containers() -> Iterator[Case]:
    def odd(d: dict[str, Any], a: dict[str, Any]) -> None:
        a["counts"] = a["counts"].astype("<u2")

    def twice(found: str) -> str:
        counts = found[found.index('"counts"') : found.index("},") + 1]
        return "{" + counts + "," + found[1:]

    yield Case("as it is", changed(keep), True)
    for name, text in {
        "blanks behind": lambda t: t + "   ",
        "white space behind": lambda t: t + "\n\t\r ",
        "white space within": lambda t: t.replace(":[", " :\n[ ", 1),
        "escapes in names": lambda t: t.replace('"counts"', '"\\u0063ounts"'),
    }.items():
        yield Case(f"header, {name}", changed(keep, text=text), True)
    yield Case("arrays in another order", changed(keep, order=lambda n: sorted(n)[::-1]), True)
    yield Case("unaligned arrays", changed(odd, text=lambda t: t + " " * (len(t) % 2 == 0)), True)
    for name, text in {
        "blank ahead": lambda t: " " + t,
        "byte order mark": lambda t: "\ufeff" + t,
        "UTF-16": lambda t: t.encode("utf-16-le"),
        "no UTF-8": lambda t: t.replace("euclidean", "eucl\xe9an").encode("latin-1"),
        "overlong UTF-8": lambda t: t.encode().replace(b"a", b"\xc1\xa1", 1),
        "surrogate in UTF-8": lambda t: t.encode().replace(b"euclid", b"\xed\xa0\x80"),
        "NUL behind": lambda t: t + "\0",
        "text behind": lambda t: t + "x",
        "second value": lambda t: t + "{}",
        "no brace at the end": lambda t: t[:-1],
        "array": lambda t: "[" + t + "]",
        "comment": lambda t: t + "//",
        "comma at the end": lambda t: t[:-1] + ",}",
        "an array twice": twice,
        "metadata twice": lambda t: t[:-1] + ',"__metadata__":{}}',
        "dtype twice": lambda t: t.replace('"dtype"', '"dtype":"U8","dtype"', 1),
        "empty": lambda t: "",
        "deep": lambda t: "[" * 100_000,
        "deep object": lambda t: '{"a":' * 100_000,
    }.items():
        yield Case(f"header, {name}", changed(keep, text=text), False)


def damage() -> Iterator[Case]:
    """Lengths, entries and sums that do not fit."""
    for length in (0, 1, 10, 10**9, 2**63, 2**64 - 1):
        yield Case(f"header length {length}", changed(keep, length=length), False)
    good = changed(keep)
    for size in (0, 7, 8, 9, len(good) - 1):
        yield Case(f"cut to {size}", good[:size], False)
    for name, change in {
        "no metadata": lambda h: {k: v for k, v in h.items() if k != "__metadata__"},
        "metadata null": lambda h: {**h, "__metadata__": None},
        "metadata text": lambda h: {**h, "__metadata__": "randprop"},
        "metadata empty": lambda h: {**h, "__metadata__": {}},
        "metadata of others": lambda h: {
            **h,
            "__metadata__": {**h["__metadata__"], "format": "pt"},
        },
        "entry no string": lambda h: {**h, "__metadata__": {"randprop": 1}},
        "no dtype": lambda h: {**h, "counts": {"shape": [2, 3], "data_offsets": [0, 6]}},
        "entry null": lambda h: {**h, "counts": None},
        "entry with more": entry(more=1),
        "dtype lower case": entry(dtype="u8"),
        "dtype BF16": entry(dtype="BF16"),
        "dtype null": entry(dtype=None),
        "dtype another of the size": entry(dtype="I8"),
        "shape 1.0": entry(shape=[2, 3, 1.0]),
        "shape true": entry(shape=[2, 3, True]),
        "shape -0": entry(shape=[Text("-0"), 3]),
        "shape negative": entry(shape=[-2, -3]),
        "shape null": entry(shape=None),
        "shape transposed": entry(shape=[3, 2]),
        "shape of a scalar": entry(shape=[]),
        "shape of three": entry(shape=[2, 3, 1]),
        "shape that wraps": entry(shape=[2**32, 2**32]),
        "shape that wraps to 6": entry(shape=[2, 3, 2**63, 2]),
        "shape of 2^64": entry(shape=[2**64, 3]),
        "offsets of three": entry(data_offsets=[0, 6, 6]),
        "offsets of one": entry(data_offsets=[6]),
        "offsets 0.0": entry(data_offsets=[0.0, 6]),
        "offsets swapped": entry(data_offsets=[6, 0]),
        "offsets past the end": entry(data_offsets=[100, 106]),
        "overlap": entry(data_offsets=[1, 7]),
        "gap": entry(shape=[1, 3], data_offsets=[0, 3]),
    }.items():
        yield Case(f"container, {name}", changed(keep, header=change), False)  # fmt: skip
    yield Case("bytes behind", changed(keep, tail=b"\0"), False)
    for name, total in {
        "wrong": lambda t: f"{int(t, 16) ^ 1:08x} ",
        "upper case": lambda t: t.upper() + " ",
        "without a blank": lambda t: t,
        "none": lambda t: "",
        "longer": lambda t: "0" + t + " ",
        "a blank more": lambda t: t + "  ",
        "a line end": lambda t: t + "\n",
    }.items():
        yield Case(f"sum, {name}", changed(keep, total=total), False)
    more = {"U8": np.ones(1, U), "empty": np.ones(0, U)}
    yield from each("an array more", False, more, array("more"))
    yield from each("classes twice", False, {"both": np.arange(2)}, array("classes"))


def texts() -> Iterator[Case]:
    """The description as JSON."""

    def case(name: str, valid: bool, alter: Callable[[str], str]) -> Case:
        description, arrays = base()
        return Case(f"text, {name}", file_of(Text(alter(spell(description))), arrays), valid)

    def put(old: str, new: str) -> Callable[[str], str]:
        def alter(text: str) -> str:
            assert old in text
            return text.replace(old, new, 1)

        return alter

    for name, alter in {
        "white space ahead": lambda t: " \n\t\r" + t,
        "white space behind": lambda t: t + " \n",
        "escapes": put('"version"', '"\\u0076ersion"'),
        "upper case escapes": put('"a"', '"\\u004A"'),
        "escaped slash": put('"a"', '"\\/"'),
        "a pair": put('"b"', '"\\ud83d\\ude00"'),
        "a pair in upper case": put('"b"', '"\\uD83D\\uDE00"'),
        "UTF-8": put('"b"', '"\u00fc\U0001f600"'),
        "DEL": put('"b"', '"\x7f"'),
    }.items():
        yield case(name, True, alter)
    for name, alter in {
        "empty": lambda t: "",
        "a list": lambda t: f"[{t}]",
        "a string": lambda t: '"x"',
        "byte order mark": lambda t: "\ufeff" + t,
        "no-break space": put(":", ":\u00a0"),
        "more behind": lambda t: t + "1",
        "comma": lambda t: t[:-1] + ",}",
        "single quotes": lambda t: t.replace('"', "'"),
        "control character": put('"a"', '"\x01"'),
        "line end in a string": put('"a"', '"\n"'),
        "bad escape": put('"a"', '"\\x41"'),
        "short escape": put('"a"', '"\\u00e"'),
        "half a pair": put('"b"', '"\\ud83d"'),
        "the other half": put('"b"', '"\\ude00"'),
        "halves swapped": put('"b"', '"\\ude00\\ud83d"'),
        "half and a pair": put('"b"', '"\\ud83d\\ud83d\\ude00"'),
        "half in a name": put('"version"', '"\\ud800":1,"version"'),
        "version twice": put('"version"', '"version":1,"version"'),
        "seed twice": put('"seed"', '"seed":"7","seed"'),
        "metric twice": put('"metric"', '"metric":"cosine","metric"'),
        "twice by an escape": put('"version"', '"\\u0076ersion":1,"version"'),
        "NaN": put("[0,255]", "[NaN,255]"),
        "Infinity": put("[0,255]", "[0,Infinity]"),
        "-Infinity": put("[0,255]", "[-Infinity,0]"),
        "nan": put("[0,255]", "[nan,255]"),
        "number 01": put("[0,255]", "[01,255]"),
        "number +1": put("[0,255]", "[+1,255]"),
        "number 1.": put("[0,255]", "[1.,255]"),
        "number .5": put("[0,255]", "[.5,255]"),
        "number 1e": put("[0,255]", "[1e,255]"),
        "number 0x1": put("[0,255]", "[0x1,255]"),
        "number of other digits": put("[0,255]", "[\u0663,255]"),
        "True": put("null", "None"),
        "deep": lambda t: "[" * 100_000 + "]" * 100_000,
        "deep within": put("[0,255]", "[" * 50 + "]" * 50),
        "more in the description": put('"version"', '"more":null,"version"'),
        "more in the network": put('"seed"', '"thresholds":[],"seed"'),
        "more in the readout": put('"metric"', '"more":1,"metric"'),
    }.items():
        yield case(name, False, alter)


def missing() -> Iterator[Case]:
    """Members that are not there, or null; other versions."""
    for path in (
        ("version",), ("network",), ("input_range",), ("classes",), ("readout",),
        ("network", "n_features"), ("network", "matrices"), ("network", "input_shape"),
        ("network", "weight_bits"), ("network", "activation"), ("network", "seed"),
        ("readout", "kind"), ("readout", "metric"),
    ):  # fmt: skip

        def without(d: dict[str, Any], a: dict[str, Any], path: tuple[str, ...] = path) -> None:
            owner = d[path[0]] if len(path) == 2 else d
            del owner[path[-1]]

        yield Case(f"without {' '.join(path)}", changed(without), False)
        if path[-1] not in ("input_shape",):
            yield from each(f"null for {' '.join(path)}", False, [None], member(*path))
    wrong = [0, 2, -1, True, "1", 10**30, Text("1.0"), Text("1e0"), Text("-0"), [1]]
    yield from each("version", False, wrong, member("version"))
