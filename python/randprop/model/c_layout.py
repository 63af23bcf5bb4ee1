"""The numbers of a model that is exported as C: tables, scalars, sizes of the parts of a buffer."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop.model.c_stages import DENSE, FEW, FEW_ROWS, MOST, CStage, stages_of
from randprop.model.c_text import c_number
from randprop.model.model import Model
from randprop.readouts.quantized import QuantizedReadout

__all__ = ["CLayout"]


class CLayout:
    """The numbers of an exported model, each under the name it has in C."""

    def __init__(self, model: Model, quantized: QuantizedReadout, units: str) -> None:
        network = model.network
        self.network, self.quantized, self.scaling = network, quantized, model.scaling
        self.feature_names = model.feature_names
        self.units, self.stages = stages_of(network, units, of_bits=model.scaling.gives_bits)
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
        if not self.holds_sums:
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
        if not self.holds_sums:
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
        if not self.holds_sums:
            after = _area(len(self.stages))
            areas[after] = max(areas[after], _row(self.last.n_units))
        else:
            size = 2 if self.small_sums and not any_model else 4
            sums = _words(size * len(self.quantized.classes_))
        return work, sums, *areas

    def _work(self, m: int, stage: CStage, *, by_bytes: bool) -> int:
        if stage.kind == DENSE:
            bits_in = m and not self.stages[m - 1].gives_bytes
            most = (1 if bits_in else MOST) * (2**stage.weight_bits - 1) * stage.channels
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


def _words(size: int) -> int:
    return -(-size // 4) * 4


def _area(m: int) -> int:
    """rp_area of randprop_micro.c."""
    return 0 if m == 0 else 2 - m % 2


def _row(width: int) -> int:
    """RP_ROW_SIZE of randprop_micro.h."""
    return -(-width // 128) * 16
