"""Stages from their definition: few inputs a unit, thresholds, convolutions, counts, chains.

A stage is a mapping with the fields of `randprop.Dense`, `randprop.Conv2D` or `randprop.Conv1D` and
its `kind`, as files describe it; a field that is left out has its default. `bias` is an integer
here, and `thresholds` an array.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop._validation import (
    as_integers,
    check_array,
    check_choice,
    check_flag,
    check_int,
    check_ints,
    told,
)
from randprop.reference.compiled import compiled
from randprop.reference.network import check_sums, philox4x32_10, preactivations, weights

__all__ = [
    "convolve", "count_windows", "drawn_dilations", "drawn_thresholds", "few_inputs",
    "propagate_stages",
]  # fmt: skip

Stage = Mapping[str, Any]
_KINDS = ("Dense", "Conv1D", "Conv2D")
_INPUTS, _THRESHOLDS, _DILATIONS = 2**31, 2**31 + 1, 2**31 + 2  # last words of the counters
_GOLDEN = 0x9E3779B9


def _words(i: int, j: int, layer: int, what: int, seed: int) -> list[int]:
    return philox4x32_10((i, j, layer, what), (seed & 0xFFFFFFFF, seed >> 32))


def few_inputs(n_in: int, n_out: int, *, layer: int, fan_in: int, seed: int) -> NDArray[np.int64]:
    """Return the weights of units that look at few inputs each.

    Parameters
    ----------
    n_in, n_out : int
        Inputs and units.
    layer : int
        Position of the stage, 0 the first.
    fan_in : int
        Inputs of a unit, in [1, n_in]. The first half, rounded up, have weight +1, the others -1.
    seed : int
        In [0, 2**64).

    Returns
    -------
    ndarray of shape (n_out, n_in), dtype int64
        Weights -1, 0 and +1.
    """
    n_in, n_out = check_int("n_in", n_in, 1, 1 << 28), check_int("n_out", n_out, 0, 1 << 28)
    layer = check_int("layer", layer, 0, 2**32 - 1)
    fan_in = check_int("fan_in", fan_in, 1, n_in)
    seed = check_int("seed", seed, 0, 2**64 - 1)
    w = np.zeros((n_out, n_in), dtype=np.int64)
    for i in range(n_out):
        found: list[int] = []
        j = 0
        while len(found) < fan_in:
            for word in _words(i, j, layer, _INPUTS, seed):
                k = (word * n_in) >> 32
                if k not in found and len(found) < fan_in:
                    found.append(k)
            j += 1
        positive = (fan_in + 1) // 2
        w[i, found[:positive]] = 1
        w[i, found[positive:]] = -1
    return w


def drawn_thresholds(n_units: int, *, layer: int, bias: int, seed: int) -> NDArray[np.int64]:
    """Return thresholds drawn uniformly from the integers of [-bias, bias].

    Parameters
    ----------
    n_units : int
    layer : int
        Position of the stage, 0 the first.
    bias : int
        In [0, 2**31).
    seed : int
        In [0, 2**64).

    Returns
    -------
    ndarray of shape (n_units,), dtype int64
    """
    n_units = check_int("n_units", n_units, 0, 1 << 28)
    layer = check_int("layer", layer, 0, 2**32 - 1)
    bias = check_int("bias", bias, 0, 2**31 - 1)
    seed = check_int("seed", seed, 0, 2**64 - 1)
    first = (_words(i, 0, layer, _THRESHOLDS, seed)[0] for i in range(n_units))
    return np.array([((v * (2 * bias + 1)) >> 32) - bias for v in first], dtype=np.int64)


def drawn_dilations(
    n_units: int, *, layer: int, kernel: int, length: int, seed: int
) -> NDArray[np.int64]:
    """Return a dilation for each channel, a power of 2 whose kernel fits the length.

    Parameters
    ----------
    n_units : int
    layer : int
        Position of the stage, 0 the first.
    kernel : int
        Number of inputs that a unit reads from a channel, at least 2.
    length : int
        Length of the series, at least `kernel`.
    seed : int
        In [0, 2**64).

    Returns
    -------
    ndarray of shape (n_units,), dtype int64
    """
    n_units = check_int("n_units", n_units, 0, 1 << 28)
    layer = check_int("layer", layer, 0, 2**32 - 1)
    length = check_int("length", length, 2, 1 << 28)
    kernel = check_int("kernel", kernel, 2, length)
    seed = check_int("seed", seed, 0, 2**64 - 1)
    largest = 0
    while (kernel - 1) * 2 ** (largest + 1) + 1 <= length:
        largest += 1
    first = (_words(i, 0, layer, _DILATIONS, seed)[0] for i in range(n_units))
    return np.array([2 ** ((v * (largest + 1)) >> 32) for v in first], dtype=np.int64)


@compiled
def _convolve(
    x: NDArray[np.int64],
    w: NDArray[np.int64],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    z: NDArray[np.int64],
) -> None:
    n_samples, height, width, n_channels = x.shape
    for s in range(n_samples):
        for oy in range(z.shape[1]):
            for ox in range(z.shape[2]):
                for i in range(w.shape[0]):
                    total = 0
                    for dy in range(kernel[0]):
                        for dx in range(kernel[1]):
                            yy = oy * stride[0] - padding[0] + dy * dilation[0]
                            xx = ox * stride[1] - padding[1] + dx * dilation[1]
                            if yy < 0 or yy >= height or xx < 0 or xx >= width:
                                continue
                            for c in range(n_channels):
                                k = (dy * kernel[1] + dx) * n_channels + c
                                total += x[s, yy, xx, c] * w[i, k]
                    z[s, oy, ox, i] = total


def _pair(name: str, value: Any, low: int) -> tuple[int, int]:
    values = (value, value) if isinstance(value, (int, np.integer)) else value
    pair = check_ints(name, values, low, 1 << 28)
    if len(pair) != 2:
        raise ValueError(f"{name} must be an integer or two, for y and x, got {pair}")
    return pair[0], pair[1]


def convolve(
    x: NDArray[Any],
    w: NDArray[np.int64],
    *,
    kernel: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
) -> NDArray[np.int64]:
    """Return the exact sums z of a convolution.

    Parameters
    ----------
    x : ndarray of shape (n_samples, height, width, n_channels), integer
        Inputs as the stage reads them.
    w : ndarray of shape (n_out, kernel_y * kernel_x * n_channels), dtype int64
        Weights; input k = (dy * kernel_x + dx) * n_channels + c.
    kernel, stride, padding, dilation : int or (int, int)
        As in `randprop.Conv2D`, for y and x.

    Returns
    -------
    ndarray of shape (n_samples, out_height, out_width, n_out), dtype int64
        The sums. Pixels outside the image add nothing.
    """
    x = as_integers("x", x, ("n_samples", "height", "width", "n_channels"))
    kernel, stride = _pair("kernel", kernel, 1), _pair("stride", stride, 1)
    padding, dilation = _pair("padding", padding, 0), _pair("dilation", dilation, 1)
    if any(p >= k for p, k in zip(padding, kernel, strict=True)):
        raise ValueError(f"padding must lie below the kernel, {kernel}, got {padding}")
    w = as_integers("w", w, ("n_out", kernel[0] * kernel[1] * x.shape[3]))
    room = [
        side + 2 * p - d * (k - 1) - 1
        for side, k, p, d in zip(x.shape[1:3], kernel, padding, dilation, strict=True)
    ]
    if min(room) < 0:
        raise ValueError(
            f"kernel {kernel} with dilation {dilation} does not fit x of shape {x.shape}, "
            f"padding {padding}"
        )
    check_sums(x, w, w.shape[1])
    height, width = (r // s + 1 for r, s in zip(room, stride, strict=True))
    z = np.empty((x.shape[0], height, width, w.shape[0]), dtype=np.int64)
    _convolve(x, w, kernel, stride, padding, dilation, z)
    return z


def count_windows(bits: NDArray[Any], grid: Sequence[int]) -> NDArray[np.uint8]:
    """Count the set bits in the windows of a map.

    Parameters
    ----------
    bits : ndarray of shape (n_samples, height, width, n_channels), integer
        0 and 1.
    grid : (int, int)
        Windows down and across; window j reaches from floor(j h / g) to floor((j + 1) h / g).

    Returns
    -------
    ndarray of shape (n_samples, grid_y, grid_x, n_channels), dtype uint8
        Counts where a window has at most 255 positions, else floor(255 count / positions).
    """
    bits = as_integers("bits", bits, ("n_samples", "height", "width", "n_channels"))
    n_samples, height, width, n_channels = bits.shape
    sides = check_ints("grid", grid, 1, 1 << 28)
    if len(sides) != 2:
        raise ValueError(f"grid must be two integers, down and across, got {sides}")
    down, across = sides
    if down > height or across > width:
        raise ValueError(f"grid {down} x {across} is larger than the map, {height} x {width}")
    counts = np.empty((n_samples, down, across, n_channels), dtype=np.uint8)
    for j in range(down):
        top, bottom = j * height // down, (j + 1) * height // down
        for i in range(across):
            left, right = i * width // across, (i + 1) * width // across
            count = bits[:, top:bottom, left:right].sum(axis=(1, 2))
            positions = (bottom - top) * (right - left)
            counts[:, j, i] = count if positions <= 255 else count * 255 // positions
    return counts


def _stage_sums(
    x: NDArray[Any], stage: Stage, layer: int, weight_bits: int, seed: int
) -> list[NDArray[np.int64]]:
    """Return the exact sums z of each unit, of shape (n_samples, height, width).

    A list, since with drawn dilations each unit has a number of positions of its own.
    """
    if stage["kind"] == "Dense":
        flat = x.reshape(len(x), math.prod(x.shape[1:]))
        w = _weights(flat.shape[1], stage["units"], stage, layer, weight_bits, seed)
        return list(preactivations(flat, w).T[:, :, None, None])
    image, fields = _as_image(x, stage)
    kernel = _pair("kernel", fields.pop("kernel"), 1)
    n_in = kernel[0] * kernel[1] * image.shape[3]
    w = _weights(n_in, stage["channels"], stage, layer, weight_bits, seed)
    if stage.get("dilation") != "log":
        z = convolve(image, w, kernel=kernel, **fields)
        return [z[..., i] for i in range(len(w))]
    drawn = drawn_dilations(len(w), layer=layer, kernel=kernel[0], length=image.shape[1], seed=seed)
    return [
        convolve(image, w[i : i + 1], kernel=kernel, **{**fields, "dilation": (int(d), 1)})[..., 0]
        for i, d in enumerate(drawn)
    ]


def _as_image(x: NDArray[Any], stage: Stage) -> tuple[NDArray[Any], dict[str, Any]]:
    """Return the input of a convolution as images, a series as those of width 1, and its sizes."""
    defaults = {"kernel": None, "stride": 1, "padding": 0, "dilation": 1}
    fields = {name: stage.get(name, usual) for name, usual in defaults.items()}
    if stage["kind"] == "Conv2D":
        return x, fields
    across = {"kernel": 1, "stride": 1, "padding": 0, "dilation": 1}
    return x[:, :, None, :], {name: (fields[name], across[name]) for name in fields}


def _weights(
    n_in: int, n_out: int, stage: Stage, layer: int, weight_bits: int, seed: int
) -> NDArray[np.int64]:
    fan_in = stage.get("fan_in")
    if fan_in is not None:
        return few_inputs(n_in, n_out, layer=layer, fan_in=fan_in, seed=seed)
    bits = stage.get("weight_bits") or weight_bits
    return weights(n_in, n_out, layer=layer, weight_bits=bits, seed=seed)


def _thresholds(n_units: int, stage: Stage, layer: int, seed: int) -> NDArray[np.int64]:
    given = stage.get("thresholds")
    if given is not None:
        return as_integers("thresholds", given, (n_units,))
    return drawn_thresholds(n_units, layer=layer, bias=stage.get("bias", 0), seed=seed)


def _calibrated_thresholds(sums: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return of unit i the (a n) >> 32-th smallest of n sums, a = (i + 1) 0x9E3779B9 mod 2^32."""
    found = []
    for i, z in enumerate(sums):
        ordered = np.sort(np.asarray(z), axis=None)
        a = ((i + 1) * _GOLDEN) % 2**32
        found.append(ordered[(a * ordered.size) >> 32])
    return np.array(found, dtype=np.int64)


def propagate_stages(
    X: NDArray[np.uint8],
    stages: Sequence[Stage],
    *,
    input_shape: Sequence[int] | None = None,
    weight_bits: int = 8,
    activation: str = "step",
    seed: int = 0,
    calibrate: bool = False,
) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.int64]]]:
    """Send samples through a chain of stages.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), dtype uint8
        Features 0 to 255, or bits as 0 and 1.
    stages : sequence of mapping
    input_shape : sequence of int, optional
        (height, width, channels) or (length, channels) where the first stage is a convolution.
    weight_bits : int, default=8
        Bits of each weight, for stages with neither `weight_bits` nor `fan_in`.
    activation : {"step", "sign"}, default="step"
        How a stage reads the bits of the stage before it: as 0 or 1, or as -1 or +1.
    seed : int, default=0
        In [0, 2**64).
    calibrate : bool, default=False
        Whether thresholds are quantiles of the sums over `X`, and not those of the stages.

    Returns
    -------
    outputs : list of ndarray of shape (n_samples, n_outputs), dtype uint8
        Output of each stage: bits as 0 and 1, or counts.
    thresholds : list of ndarray of shape (n_units,), dtype int64
        Thresholds of each stage.
    """
    check_array("X", X, np.uint8, 2)
    check_choice("activation", activation, ("step", "sign"))
    weight_bits = check_int("weight_bits", weight_bits, 1, 32)
    calibrate = check_flag("calibrate", calibrate)
    if isinstance(stages, (str, bytes, Mapping)) or not isinstance(stages, Iterable):
        raise TypeError(f"stages must be a sequence of mappings, got {told(stages)}")
    stages = list(stages)
    for m, stage in enumerate(stages):
        if not isinstance(stage, Mapping) or stage.get("kind") not in _KINDS:
            raise TypeError(f"stages[{m}] must be a mapping with a kind of {', '.join(_KINDS)}")
    shape = (
        (X.shape[1],) if input_shape is None else check_ints("input_shape", input_shape, 1, 1 << 28)
    )
    if math.prod(shape) != X.shape[1]:
        raise ValueError(f"X has {X.shape[1]} features, input_shape {tuple(shape)} has others")
    if calibrate and not len(X):
        raise ValueError("X must hold at least one sample, got 0")
    x: NDArray[Any] = X.reshape(len(X), *shape)
    outputs, thresholds = [], []
    for m, stage in enumerate(stages):
        sums = _stage_sums(x, stage, m, weight_bits, seed)
        t = _calibrated_thresholds(sums) if calibrate else _thresholds(len(sums), stage, m, seed)
        fired = [(z > t[i]).astype(np.uint8)[..., None] for i, z in enumerate(sums)]
        pool = stage.get("pool")
        if pool is None:
            found = np.concatenate(fired, axis=3)
            x = 2 * found.astype(np.int8) - 1 if activation == "sign" else found
        else:
            grid = (pool,) if isinstance(pool, int) else tuple(pool)
            grid = (grid[0], 1) if stage["kind"] == "Conv1D" else (grid * 2)[:2]
            x = found = np.concatenate([count_windows(bits, grid) for bits in fired], axis=3)
        if stage["kind"] == "Conv1D":
            x = x[:, :, 0, :]
        elif stage["kind"] == "Dense":
            x = x.reshape(len(x), math.prod(x.shape[1:]))
        outputs.append(found.reshape(len(found), math.prod(found.shape[1:])))
        thresholds.append(t)
    return outputs, thresholds
