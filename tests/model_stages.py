"""Files of stages with few inputs, thresholds, dilation and counts, valid and not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from model_files_made import Case, Text, base, changed, each, file_of, spell

IMAGE = [6, 5, 2]
SERIES = [12, 5]


def _named(values: list[Any]) -> dict[str, Any]:
    return {spell(value): value for value in values}


def _put(shape: list[int] | None) -> Any:
    """Return a change that puts a stage, and thresholds where there are any, before 3 units."""

    def change(d: dict[str, Any], a: dict[str, Any], value: Any) -> None:
        stage, thresholds = value if isinstance(value, tuple) else (value, None)
        d["network"] |= {"n_features": 60, "matrices": [stage, 3], "input_shape": shape}
        if thresholds is not None:
            a["thresholds_0"] = thresholds

    return change


def _dense(**fields: Any) -> dict[str, Any]:
    return {"kind": "Dense", "units": 4, **fields}


def _image(**fields: Any) -> dict[str, Any]:
    return {"kind": "Conv2D", "channels": 4, "kernel": 3, **fields}


def _series(**fields: Any) -> dict[str, Any]:
    return {"kind": "Conv1D", "channels": 4, "kernel": 3, **fields}


def stages() -> Iterator[Case]:
    """Every field of every kind, once within its limits and once beyond."""
    units = np.array([3, -7, 2**62, -(2**63)])
    flat = _put(None)
    yield from each("dense", True, _named([
        _dense(fan_in=1), _dense(fan_in=60), _dense(weight_bits=1), _dense(weight_bits=24),
        _dense(bias=1), _dense(bias=2**31 - 1), _dense(fan_in=3, bias=5),
    ]), flat)  # fmt: skip
    yield from each("dense", False, _named([
        _dense(), _dense(fan_in=0), _dense(fan_in=61), _dense(fan_in=3, weight_bits=8),
        _dense(weight_bits=3), _dense(weight_bits=None), _dense(bias=0), _dense(bias=-1),
        _dense(bias=2**31), _dense(bias=Text("1.0")), _dense(bias=Text("0.5")), _dense(bias=True),
        _dense(fan_in="3"), _dense(fan_in=3, pool=1), _dense(fan_in=3, thresholds=[1, 2, 3, 4]),
        {"kind": "Dense", "fan_in": 3}, {"kind": "Dense", "units": 0, "fan_in": 3},
        {"kind": "dense", "units": 4, "fan_in": 3}, {"kind": None, "units": 4, "fan_in": 3},
        {"units": 4, "fan_in": 3},
    ]), flat)  # fmt: skip
    yield from each(
        "thresholds", True, {"plain": (4, units), "few": (_dense(fan_in=2), units)}, flat
    )
    yield from each("thresholds", False, {
        "too few": (4, units[:3]), "none": (4, units[:0]), "u8": (4, np.ones(4, np.uint64)),
        "i4": (4, np.ones(4, np.int32)), "two dimensions": (4, units[None]),
        "and a bias": (_dense(bias=3), units),
    }, flat)  # fmt: skip
    yield Case("thresholds of no stage", changed(
        lambda d, a: a.update(thresholds_1=units)), False)  # fmt: skip
    yield Case("thresholds by another name", changed(
        lambda d, a: a.update(thresholds_00=units[:3])), False)  # fmt: skip
    yield Case("thresholds of 3", changed(lambda d, a: a.update(thresholds_0=units[:3])), True)
    yield from _images()
    yield from _of_series()
    yield from _readouts()


def _images() -> Iterator[Case]:
    put = _put(IMAGE)
    yield from each("image", True, _named([
        {"channels": 4, "kernel": 3, "stride": 1, "padding": 0},
        _image(fan_in=4), _image(pool=2), _image(pool=[4, 3]), _image(pool=[4, 1], fan_in=18),
        _image(dilation=2), _image(dilation=[2, 1]), _image(dilation=2, padding=2),
        _image(stride=[2, 1]), _image(padding=[1, 0]), _image(stride=2, pool=1),
        {"kind": "Conv2D", "channels": 4, "kernel": [3, 2]},
        {"kind": "Conv2D", "channels": 4, "kernel": [6, 5]},
        {"kind": "Conv2D", "channels": 1, "kernel": 1, "dilation": 2**28},
    ]), put)  # fmt: skip
    yield from each("image", False, _named([
        _image(), _image(stride=1, fan_in=4), _image(padding=0, fan_in=4), _image(dilation=1),
        _image(pool=0), _image(pool=5), _image(pool=[2, 2]), _image(pool=[2]), _image(pool=[5, 1]),
        _image(pool=[1, 4]), _image(pool=[0, 1]), _image(pool="2"), _image(stride=[2, 2]),
        _image(stride=[2, 0]), _image(padding=[3, 0]), _image(padding=3, fan_in=4),
        _image(dilation=3), _image(dilation=0), _image(dilation="log", pool=1), _image(fan_in=19),
        _image(dilation=2**28 + 1), _image(kernel=[3, 2, 1]), _image(kernel=None, pool=1),
        {"kind": "Conv2D", "kernel": 3, "pool": 1}, {"kind": "Conv2D", "channels": 3, "pool": 1},
        {"channels": 4, "kernel": 3, "stride": 1, "padding": 0, "pool": 2},
    ]), put)  # fmt: skip
    for shape in ([60], [12, 5], [6, 5, 2, 1], [6, 5, 3], None):
        yield from each(f"image of {shape}", False, _named([_image(pool=2)]), _put(shape))


def _of_series() -> Iterator[Case]:
    put = _put(SERIES)
    yield from each("series", True, _named([
        _series(), _series(stride=2, padding=2), _series(dilation=5), _series(pool=10),
        _series(fan_in=15, bias=9), _series(dilation="log", pool=1), _series(kernel=12),
        _series(dilation="log", pool=1, stride=3),
    ]), put)  # fmt: skip
    yield from each("series", False, _named([
        _series(stride=1), _series(padding=3), _series(dilation=6), _series(pool=11),
        _series(dilation="log"), _series(dilation="log", pool=2), _series(dilation="log", pool=1,
        padding=1), _series(dilation="Log", pool=1), _series(kernel=1, dilation="log", pool=1),
        _series(kernel=[3, 3]), _series(pool=[1]), _series(fan_in=16), _series(kernel=13),
    ]), put)  # fmt: skip
    for shape in ([12, 1, 5], [60], None):
        yield from each(f"series of {shape}", False, _named([_series()]), _put(shape))

    def two(first: Any, second: Any, shape: Any) -> bytes:
        def change(d: dict[str, Any], a: dict[str, Any]) -> None:
            d["network"] |= {"n_features": 60, "matrices": [first, second, 3]}
            d["network"]["input_shape"] = shape

        return changed(change)

    yield Case("a series behind a series", two(_series(), _series(), SERIES), True)
    yield Case("an image behind counts", two(_image(pool=4), _image(pool=2), [6, 6, 2]), False)
    yield Case("a series behind an image", two(_image(), _series(), IMAGE), False)
    yield Case("a series behind units", two(4, _series(kernel=2), None), False)
    yield Case("an image behind a series", two(_series(), _image(pool=1), SERIES), False)


def _readouts() -> Iterator[Case]:
    """Readouts of bytes: the last stage counts."""

    def last(kind: str, **changes: Any) -> bytes:
        description, arrays = base(kind)
        stage = {"kind": "Conv1D", "channels": 3, "kernel": 3, "pool": 1}
        description["network"] |= {"n_features": 60, "matrices": [stage], "input_shape": SERIES}
        description["readout"] |= changes.pop("readout", {})
        arrays = {**arrays, **changes.pop("arrays", {})}
        for name in changes.pop("without", ()):
            del arrays[name]
        return file_of(description, arrays)

    counts = np.array([[0, 1275, 7], [3, 4, 5]], dtype=np.uint16)
    yield Case("counts of bytes", last("centroids", arrays={"counts": counts}), True)
    yield Case("counts of too many", last("centroids", arrays={"counts": counts + 1}), False)
    cosine, hamming = {"metric": "cosine"}, {"metric": "hamming"}
    yield Case("cosine of bytes", last("centroids", readout=cosine), True)
    yield Case("majority of bytes", last("centroids", readout=hamming), False)
    yield Case("ridge of bytes", last("ridge"), True)
    yield Case("integers of bytes", last("quantized"), True)
    yield Case("words for bytes", last("neighbors"), False)
    vectors = np.arange(12, dtype=np.uint8).reshape(4, 3)
    yield Case(
        "neighbours of bytes", last("neighbors", arrays={"bytes": vectors}, without=["words"]), True
    )
    for name, wrong in {
        "wide": np.zeros((4, 4), np.uint8), "i1": vectors.astype(np.int8), "few": vectors[:3],
        "u2": vectors.astype(np.uint16),
    }.items():  # fmt: skip
        data = last("neighbors", arrays={"bytes": wrong}, without=["words"])
        yield Case(f"neighbours of bytes, {name}", data, False)
