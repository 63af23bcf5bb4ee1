"""The numbers of a model that is exported as C: stages, tables, sizes of the parts of a buffer."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop._validation import check_choice
from randprop.model.c_text import c_number
from randprop.model.model import Model
from randprop.network.convolutions import Conv1D, Conv2D
from randprop.network.stages import Dense, Shape, Stage
from randprop.network.step_network import StepNetwork
from randprop.readouts.quantized import QuantizedReadout

__all__ = ["KINDS", "CLayout", "CStage", "check_network", "check_units"]

DENSE, FEW, FEW_ROWS = range(3)
KINDS = ("RP_DENSE", "RP_FEW", "RP_FEW_ROWS")
NONE = 0xFFFFFFFF
MAX_UNITS = 65_535
_MAX_STAGES = 255
_MAX_FAN_IN = 255
# RP_MOST of randprop_dense.h: what one input may add to a counter.
_MOST = 272
_MAX_DENSE_BIAS, _MAX_FEW_BIAS = 2**30 - 1, 2**31 - 1
# RP_ROW_MOST of randprop_few.h: inputs of a unit and rows of a window where rows are gone through.
_ROW_MOST = 31
# Units are stored up to so many bytes, which is about what drawing them takes in code.
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


class CLayout:
    """The numbers of an exported model, each under the name it has in C."""

    def __init__(self, model: Model, quantized: QuantizedReadout, units: str) -> None:
        network = model.network
        self.network, self.quantized, self.scaling = network, quantized, model.scaling
        self.feature_names = model.feature_names
        self.units, self.stages = _stages(network, units, of_bits=model.scaling.gives_bits)
        self.last = self.stages[-1]
        n_outputs = network.widths[-1]
        self.row_bytes = n_outputs if self.last.gives_bytes else (n_outputs + 7) // 8
        self.codes = self._codes()
        self.small_sums = self._sums_are_small()
        scalars = {
            "seed_low": ("uint32_t", network.seed & 0xFFFFFFFF),
            "seed_high": ("uint32_t", network.seed >> 32),
            "n_features": ("uint16_t", network.n_features),
            "n_classes": ("uint16_t", len(quantized.classes_)),
            "n_stages": ("uint8_t", len(self.stages)),
            "activation": ("uint8_t", int(network.activation == "sign")),
            "code_bits": ("uint8_t", quantized.bits),
            "multiplier": ("uint16_t", quantized.multiplier),
            "offset": ("uint16_t", quantized.offset),
        }
        self.scalars = {
            name: (ctype, c_number(ctype, f"the exported {name}", int(value)))
            for name, (ctype, value) in scalars.items()
        }
        definition = repr((sorted(self.scalars.items()), self.stages)).encode()
        tables = (
            self.units.tobytes() + self.codes.tobytes() + quantized.bias_.astype("<i4").tobytes()
        )
        self.id = zlib.crc32(tables, zlib.crc32(definition))

    @property
    def values(self) -> dict[str, tuple[str, str, int | None]]:
        """Type, argument and value of every number by name; None where stages differ."""
        found: dict[str, tuple[str, str, int | None]] = {
            name: (ctype, "model", value) for name, (ctype, value) in self.scalars.items()
        }
        for name, ctype in CStage.types().items():
            several = {getattr(stage, name) for stage in self.stages}
            found[name] = (ctype, "stage", several.pop() if len(several) == 1 else None)
        return found

    @property
    def needs_stages(self) -> bool:
        """Whether any number must be read from the table of stages."""
        return any(value is None for _, _, value in self.values.values())

    @property
    def table_bytes(self) -> int:
        """Bytes of the constant tables: units, codes, biases, stages where they differ."""
        stages = 48 * len(self.stages) if self.needs_stages else 0
        return self.units.size + self.codes.size + 4 * len(self.quantized.classes_) + stages

    def buffer_size(self, lanes: str, *, any_model: bool = False) -> int:
        """Bytes of the buffer, as rp_buffer_size has it; of a runtime for any model or this one."""
        return sum(self.sizes(lanes, any_model=any_model)) + 3

    @property
    def holds_inputs(self) -> bool:
        """Whether the buffer holds the sample."""
        return self.stages[0].kind != DENSE

    @property
    def holds_sums(self) -> bool:
        """Whether codes are summed up unit by unit."""
        return self.last.kind != DENSE

    @property
    def pushes(self) -> tuple[int, int]:
        """How often rp_push fills a window, and how many bytes it takes."""
        first = self.stages[0]
        n = first.height if first.height != 1 else first.width
        return n, self.network.n_features // n

    def test_bytes(self, n_tests: int) -> int:
        """Bytes of a self-test: inputs, features, scores, labels."""
        n_classes = len(self.quantized.classes_)
        return n_tests * (self.network.n_features + self.row_bytes + 4 * n_classes + 2)

    def test_features(self, outputs: Any) -> NDArray[np.uint8]:
        """Return what the network puts out as the device does."""
        return np.asarray(outputs if self.last.gives_bytes else outputs.to_packbits())

    def _codes(self) -> NDArray[np.uint8]:
        """Codes as the runtime reads them: see `codes` of rp_model."""
        codes, bits = self.quantized.codes_, self.quantized.bits
        if self.last.kind == DENSE:
            digits = (codes[:, None, :] >> np.arange(bits)[None, ::-1, None]) & 1
            return np.packbits(digits.astype(np.uint8), axis=2, bitorder="little")
        grid = codes.reshape(len(codes), *self.last.outputs, self.last.n_units)
        stream = (grid.transpose(3, 1, 2, 0)[..., None] >> np.arange(bits)) & 1
        return np.packbits(stream.astype(np.uint8), bitorder="little")

    @property
    def nibbles(self) -> int:
        """Pairs of classes, where codes of two bits times a feature fit a byte; else 0."""
        n_classes = len(self.quantized.classes_)
        fits = self.small_sums and self.quantized.bits == 2 and self._most().max() <= 85
        return int(n_classes // 2) if fits and n_classes % 2 == 0 and n_classes <= 10 else 0

    def _most(self) -> NDArray[np.int64]:
        """Return the largest number that each feature can be."""
        stage = self.last
        if not stage.gives_bytes:
            return np.ones(self.network.widths[-1], dtype=np.int64)
        sides = [
            np.diff(np.arange(windows + 1) * places // windows)
            for windows, places in (
                (stage.windows_y, stage.places_y),
                (stage.windows_x, stage.places_x),
            )
        ]
        return np.repeat(np.minimum(np.outer(*sides).ravel(), 255), stage.n_units)

    def _sums_are_small(self) -> bool:
        """Whether no sum of codes times features leaves 16 bits."""
        if self.last.kind == DENSE:
            return False
        most = self._most()
        sums = (self.quantized.codes_ * most).sum(axis=1)
        return int(max(most.sum(), sums.max(initial=0))) < 2**16

    def sizes(self, lanes: str, *, any_model: bool = False) -> tuple[int, ...]:
        """Return the sizes of rp_sizes of randprop_micro.c, where lanes are "words" or "bytes"."""
        by_bytes = lanes == "bytes"
        areas = [0, 0, 0]
        work = 0
        for m, stage in enumerate(self.stages):
            work = max(work, _words(self._work(m, stage, by_bytes=by_bytes)))
            inputs = _words(self._inputs(m, stage, by_bytes=by_bytes))
            areas[_area(m)] = max(areas[_area(m)], inputs)
        sums = 0
        if self.last.kind == DENSE:
            after = _area(len(self.stages))
            areas[after] = max(areas[after], _row(self.last.n_units))
        else:
            size = 2 if self.small_sums and not any_model else 4
            sums = _words(size * len(self.quantized.classes_))
        return work, sums, *areas

    def _work(self, m: int, stage: CStage, *, by_bytes: bool) -> int:
        if stage.kind == DENSE:
            bits_in = m and not self.stages[m - 1].gives_bytes
            most = (1 if bits_in else _MOST) * (2**stage.weight_bits - 1) * stage.channels
            return 33 * int(most).bit_length()
        if stage.kind == FEW_ROWS:
            mask_bytes = (stage.places_x + 7) // 8 if by_bytes else 4
            n = stage.outputs[1]
            return 2 * stage.fan_in + n + (mask_bytes * n + 1) // 2 * 2
        return 2 * (stage.fan_in + stage.places_x + stage.outputs[1])

    def _inputs(self, m: int, stage: CStage, *, by_bytes: bool) -> int:
        if stage.kind == FEW_ROWS:
            columns = stage.kernel_x * ((stage.places_x + 7) // 8) if by_bytes else 4
            return columns * stage.padded_height
        if stage.kind == FEW:
            size = stage.pitch * stage.padded_height
            return max(size, _row(stage.channels)) if m else size
        if m == 0:
            return 0
        behind_dense = self.stages[m - 1].kind == DENSE
        return _row(stage.channels) if behind_dense else stage.channels


def check_units(units: object) -> str:
    """Return where the inputs of units come from, checked."""
    return str(check_choice("units", units, ("auto", "stored", "seed")))


def check_network(network: StepNetwork) -> None:
    """Refuse what the runtime does not do."""
    refused = "which the microcontroller runtime does not do"
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
            most = 0xBFFFFFFF // _MOST // (2**bits - 1)
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


def _words(size: int) -> int:
    return -(-size // 4) * 4


def _area(m: int) -> int:
    """rp_area of randprop_micro.c."""
    return 0 if m == 0 else 2 - m % 2


def _row(width: int) -> int:
    """RP_ROW_SIZE of randprop_micro.h."""
    return -(-width // 128) * 16


def _stages(
    network: StepNetwork, units: str, *, of_bits: bool
) -> tuple[NDArray[np.uint8], list[CStage]]:
    """Return the table of units, and the stages that point into it."""
    stages = [_described(network, m, of_bits=of_bits and m == 0) for m in range(network.n_stages)]
    tables: list[list[tuple[str, NDArray[Any]]]] = []
    for m, stage in enumerate(stages):
        drawn = [] if stage.kind == DENSE else _drawn(network, m, stage)
        given: list[tuple[str, NDArray[Any]]] = []
        if network.stages[m].thresholds is not None or (drawn and stage.bias):
            given = [("thresholds_at", _thresholds(network, m, stage))]
        tables.append(drawn + given)
    size = sum(table.nbytes for found in tables for _, table in found)
    stored = units == "stored" or (units == "auto" and size <= _STORED_BYTES)
    flat: list[NDArray[np.uint8]] = []
    at = 0
    for m, (stage, found) in enumerate(zip(stages, tables, strict=True)):
        places: dict[str, int] = {}
        for name, table in found:
            # Thresholds that are given stand nowhere else.
            if not stored and not (
                name == "thresholds_at" and network.stages[m].thresholds is not None
            ):
                continue
            places[name] = at
            if name == "taps_at":
                places["tap_bytes"] = table.itemsize
            if name == "thresholds_at":
                places["bias"] = 0
            at += table.nbytes
            flat.append(np.ascontiguousarray(table).view(np.uint8).ravel())
        stages[m] = CStage(**{**vars(stage), **places})
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


def _drawn(network: StepNetwork, m: int, stage: CStage) -> list[tuple[str, NDArray[Any]]]:
    """Return what the seed gives a stage of few inputs: inputs, dilations."""
    weights = network.weights(m)
    added = (stage.fan_in + 1) // 2
    plus = np.nonzero(weights > 0)[1].reshape(len(weights), added)
    minus = np.nonzero(weights < 0)[1].reshape(len(weights), stage.fan_in - added)
    size = "<u1" if weights.shape[1] <= 256 else "<u2"
    found: list[tuple[str, NDArray[Any]]] = [("taps_at", np.hstack([plus, minus]).astype(size))]
    if stage.dilation_x == 0:
        exponents = np.log2(network.dilations(m)).astype(np.uint8)
        found.append(("dilations_at", exponents))
    return found


def _thresholds(network: StepNetwork, m: int, stage: CStage) -> NDArray[Any]:
    """Thresholds in the bytes that the runtime reads; no sum is beyond them."""
    if stage.kind == DENSE:
        return np.clip(network.thresholds(m), -(2**30) + 1, 2**30 - 1).astype("<i4")
    return np.clip(network.thresholds(m), -32767, 32767).astype("<i2")
