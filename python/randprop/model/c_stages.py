"""The stages of a network as the microcontroller runtime has them, and which it has not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop._validation import check_choice
from randprop.network.convolutions import Conv1D, Conv2D
from randprop.network.stages import Dense, Shape, Stage
from randprop.network.step_network import StepNetwork

__all__ = [
    "DENSE", "FEW", "FEW_ROWS", "KINDS", "MOST", "NONE", "CStage", "check_network", "check_units",
    "stages_of",
]  # fmt: skip

DENSE, FEW, FEW_ROWS = range(3)
KINDS = ("RP_DENSE", "RP_FEW", "RP_FEW_ROWS")
NONE = 0xFFFFFFFF
# RP_MOST of randprop_dense.h: what one input may add to a counter.
MOST = 272
MAX_UNITS = 65_535
_MAX_STAGES = 255
_MAX_FAN_IN = 255
_MAX_DENSE_BIAS, _MAX_FEW_BIAS = 2**30 - 1, 2**31 - 1
# RP_ROW_MOST of randprop_rows.h: inputs of a unit and rows of a window where rows are gone through.
_ROW_MOST = 31
# Units are stored up to so many bytes; the code that draws them takes some hundred, and time.
_STORED_BYTES = 2048


@dataclass(frozen=True)
class CStage:
    """`rp_stage` of randprop_micro.h, field by field."""

    kind: int
    weight_bits: int
    fan_in: int
    tap_bytes: int
    n_units: int
    height: int
    width: int
    channels: int
    kernel_y: int = 1
    kernel_x: int = 1
    stride_y: int = 1
    stride_x: int = 1
    padding_y: int = 0
    padding_x: int = 0
    dilation_y: int = 1
    dilation_x: int = 1
    places_y: int = 1
    places_x: int = 1
    windows_y: int = 0
    windows_x: int = 0
    bias: int = 0
    taps_at: int = NONE
    dilations_at: int = NONE
    thresholds_at: int = NONE

    @classmethod
    def types(cls) -> dict[str, str]:
        """Return the type in C of each field."""
        names = [entry.name for entry in fields(cls)]
        return {
            name: "uint8_t" if i < 4 else "uint16_t" if i < 20 else "uint32_t"
            for i, name in enumerate(names)
        }

    @property
    def gives_bytes(self) -> bool:
        """Whether it counts bits in windows."""
        return self.windows_y != 0

    @property
    def outputs(self) -> tuple[int, int]:
        """Windows, or places, down and across."""
        if self.gives_bytes:
            return self.windows_y, self.windows_x
        return self.places_y, self.places_x

    @property
    def pitch(self) -> int:
        """Bytes of a row of what it reads, with padding."""
        return (self.width + 2 * self.padding_x) * self.channels

    @property
    def padded_height(self) -> int:
        """Rows of what it reads, with padding."""
        return self.height + 2 * self.padding_y


def check_units(units: object) -> str:
    """Return where the inputs of units come from, checked."""
    return str(check_choice("units", units, ("auto", "stored", "seed")))


def check_network(network: StepNetwork) -> None:
    """Refuse what the runtime does not do."""
    refused = "which the microcontroller runtime does not support"
    counts = (
        ("inputs", network.n_features, MAX_UNITS),
        ("outputs of a stage", max(network.widths), MAX_UNITS),
        ("stages", network.n_stages, _MAX_STAGES),
    )
    for name, value, most in counts:
        if value > most:
            raise ValueError(
                f"model.network must have at most {most} {name} for a microcontroller, got {value}"
            )
    for m, stage in enumerate(network.stages):
        where = f"stage {m} of model.network"
        shape = network.shapes[m]
        if stage.fan_in is None:
            if type(stage) is not Dense:
                raise ValueError(
                    f"{where} is a {type(stage).__name__} without fan_in, {refused}; give it fan_in"
                )
            bits = stage.weight_bits or network.weight_bits
            if bits > 8:
                raise ValueError(
                    f"{where} must have 1, 2, 4 or 8 weight bits for a microcontroller, got {bits}"
                )
            most = 0xBFFFFFFF // MOST // (2**bits - 1)
            if stage.inputs_a_unit(shape) > most:
                raise ValueError(
                    f"{where} must have at most {most} inputs for a microcontroller, "
                    f"got {stage.inputs_a_unit(shape)}"
                )
        elif stage.fan_in > _MAX_FAN_IN:
            raise ValueError(
                f"{where} must have a fan_in of at most {_MAX_FAN_IN} for a microcontroller, "
                f"got {stage.fan_in}"
            )
        most = _MAX_DENSE_BIAS if stage.fan_in is None else _MAX_FEW_BIAS
        if stage.bias > most:
            raise ValueError(
                f"{where} must have a bias of at most {most} for a microcontroller, "
                f"got {stage.bias}"
            )
        signs = network.activation == "sign" and m and not network.stages[m - 1].gives_bytes
        if signs and any(_paddings(stage)):
            raise ValueError(f"{where} pads bits that stand for -1 and 1, {refused}")
        if _padded(stage, shape) > MAX_UNITS:
            raise ValueError(
                f"{where} must have at most {MAX_UNITS} inputs with its padding for a "
                f"microcontroller, got {_padded(stage, shape)}"
            )


def _padded(stage: Stage, shape: Shape) -> int:
    """Return the inputs of a stage, those of its padding included."""
    paddings = _paddings(stage)
    sizes = [size + 2 * padding for size, padding in zip(shape, paddings, strict=False)]
    return int(np.prod((*sizes, *shape[len(paddings) :]), dtype=np.int64))


def _paddings(stage: Stage) -> tuple[int, ...]:
    """Return the padding of each axis that has one."""
    if isinstance(stage, Conv2D):
        return _pair(stage.padding)
    return (stage.padding,) if isinstance(stage, Conv1D) else ()


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def stages_of(
    network: StepNetwork, units: str, *, of_bits: bool
) -> tuple[NDArray[np.uint8], list[CStage]]:
    """Return the table of units, and the stages that point into it."""
    stages = [_described(network, m, of_bits=of_bits and m == 0) for m in range(network.n_stages)]
    size = sum(_stored_bytes(stage) for stage in stages)
    stored = units == "stored" or (units == "auto" and size <= _STORED_BYTES)
    flat: list[NDArray[np.uint8]] = []
    at = 0
    for m, stage in enumerate(stages):
        places: dict[str, int] = {}
        for name, table in _tables(network, m, stage, stored=stored):
            places[name] = at
            if name == "taps_at":
                places["tap_bytes"] = table.itemsize
            if name == "thresholds_at":
                places["bias"] = 0
            at += table.nbytes
            flat.append(np.ascontiguousarray(table).view(np.uint8).ravel())
        stages[m] = replace(stage, **places)
    return np.concatenate([np.empty(0, dtype=np.uint8), *flat]), stages


def _described(network: StepNetwork, m: int, *, of_bits: bool) -> CStage:
    stage, shape = network.stages[m], network.shapes[m]
    # 1 where a number has no meaning: a compiler would warn of what can never be.
    common = {"fan_in": stage.fan_in or 1, "tap_bytes": 0, "bias": int(stage.bias)}
    n_inputs = int(np.prod(shape, dtype=np.int64))
    if isinstance(stage, Dense):
        flat = {"height": 1, "width": 1, "channels": n_inputs, "n_units": stage.units}
        if stage.fan_in is None:
            bits = stage.weight_bits or network.weight_bits
            return CStage(kind=DENSE, weight_bits=bits, **flat, **common)
        return CStage(kind=FEW, weight_bits=1, **flat, **common)
    assert isinstance(stage, (Conv1D, Conv2D))
    numbers: dict[str, int] = {}
    is_series = isinstance(stage, Conv1D)
    for name, below in (("kernel", 1), ("stride", 1), ("padding", 0), ("dilation", 1)):
        value = getattr(stage, name)
        if value == "log":
            value = 0
        down, across = (below, value) if is_series else _pair(value)
        numbers |= {f"{name}_y": down, f"{name}_x": across}
    if stage.pool is not None:
        given: Any = (1, stage.pool) if is_series else stage.pool
        numbers["windows_y"], numbers["windows_x"] = _pair(given)
    height, width, channels = (1, shape[0], shape[1]) if is_series else shape
    for axis, size in (("y", height), ("x", width)):
        # Of a drawn dilation the least, 1, gives the most places.
        reach = max(numbers[f"dilation_{axis}"], 1) * (numbers[f"kernel_{axis}"] - 1) + 1
        padded = size + 2 * numbers[f"padding_{axis}"]
        numbers[f"places_{axis}"] = (padded - reach) // numbers[f"stride_{axis}"] + 1
    in_rows = (
        of_bits
        and channels == 1
        and height > 1
        and numbers["stride_y"] == numbers["stride_x"] == 1
        and width + 2 * numbers["padding_x"] <= 32
        and height + 2 * numbers["padding_y"] <= 255
        and common["fan_in"] <= _ROW_MOST
        and numbers["places_y"] <= _ROW_MOST * numbers.get("windows_y", numbers["places_y"])
    )
    return CStage(
        kind=FEW_ROWS if in_rows else FEW, weight_bits=1, n_units=stage.channels,
        height=height, width=width, channels=channels, **numbers, **common,
    )  # fmt: skip


def _patch(stage: CStage) -> int:
    return stage.kernel_y * stage.kernel_x * stage.channels


def _stored_bytes(stage: CStage) -> int:
    """Bytes of what the seed gives a stage of few inputs, where it is stored."""
    if stage.kind == DENSE:
        return 0
    a_unit = stage.fan_in * (1 if _patch(stage) <= 256 else 2)
    return stage.n_units * (a_unit + int(stage.dilation_x == 0) + 2 * int(stage.bias != 0))


def _tables(
    network: StepNetwork, m: int, stage: CStage, *, stored: bool
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Give the tables of a stage: what the seed gives it, if that is stored; thresholds."""
    of_seed = stored and stage.kind != DENSE
    if of_seed:
        weights = network.weights(m)
        added = (stage.fan_in + 1) // 2
        plus = np.nonzero(weights > 0)[1].reshape(len(weights), added)
        minus = np.nonzero(weights < 0)[1].reshape(len(weights), stage.fan_in - added)
        yield "taps_at", np.hstack([plus, minus]).astype("<u1" if _patch(stage) <= 256 else "<u2")
        if stage.dilation_x == 0:
            yield "dilations_at", np.log2(network.dilations(m)).astype(np.uint8)
    # Those that are given stand nowhere else.
    if network.stages[m].thresholds is not None or (of_seed and stage.bias):
        yield "thresholds_at", _thresholds(network, m, stage)


def _thresholds(network: StepNetwork, m: int, stage: CStage) -> NDArray[Any]:
    """Thresholds in the bytes that the runtime reads; no sum is beyond them."""
    if stage.kind == DENSE:
        return np.clip(network.thresholds(m), -(2**30) + 1, 2**30 - 1).astype("<i4")
    return np.clip(network.thresholds(m), -32767, 32767).astype("<i2")
