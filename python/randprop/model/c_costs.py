"""What a model costs on microcontrollers: an estimate for the README of an export.

The figures of a processor are a fit to what emulators counted for thirteen models at -Os (cycles on
AVR, instructions elsewhere); of all of them the estimate is within a third, of most within a sixth.
`randprop bench micro` measures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from randprop.model.c_layout import CLayout
from randprop.model.c_stages import DENSE, FEW_ROWS, NONE, CStage

__all__ = ["Cost", "costs_of", "told_costs"]


@dataclass(frozen=True)
class _Processor:
    name: str
    unit: str
    by_bytes: bool  # whether rows of an image are gone through by bytes
    code: tuple[int, int, int]  # bytes of the runtime by kind: RP_DENSE, RP_FEW, RP_FEW_ROWS
    stack: int
    load: float  # an input that is asked for
    four: float  # a lane of a row, where two and two inputs are compared
    any: float  # the same for each input where others are
    window: float  # a count
    code_sum: float  # a count for a class
    nibble_sum: float  # the same where codes are added two by two, all sums in registers
    place: float  # four inputs of bytes at a place
    block: float  # an input of 128 dense units, a weight bit; every second input is 0
    philox: float  # four numbers of the seed


_PROCESSORS = (
    _Processor(
        "AVR (ATmega328P)", "cycles", True, (2400, 2600, 2350), 180,
        120, 10, 73, 503, 7, 0, 53, 2500, 2900,
    ),
    _Processor(
        "Cortex-M0", "instructions", False, (1200, 1650, 1350), 340,
        11, 29, 51, 217, 9.6, 1.9, 26, 693, 620,
    ),
    _Processor(
        "Cortex-M3, M4", "instructions", False, (1150, 1300, 1300), 320,
        10, 19, 39, 46, 18, 11, 19, 315, 300,
    ),
    _Processor(
        "RV32IMC", "instructions", False, (1300, 1600, 1600), 310,
        12, 23, 43, 123, 12, 4.9, 24, 356, 330,
    ),
    _Processor(
        "RV32EC", "instructions", False, (1800, 1900, 1850), 290,
        34, 48, 46, 196, 15, 3.9, 26, 2165, 2000,
    ),
)  # fmt: skip


class Cost(NamedTuple):
    """What a model takes on one processor at -Os, beside its tables."""

    processor: str
    code: int  # bytes
    stack: int  # bytes
    time: int  # of a sample, in the unit
    unit: str  # cycles or instructions


def costs_of(layout: CLayout) -> list[Cost]:
    """Estimate code, stack and time by processor."""
    kinds = {stage.kind for stage in layout.stages}
    return [
        Cost(
            processor.name,
            max(processor.code[kind] for kind in kinds) + 700 * (len(kinds) - 1),
            processor.stack,
            _rounded(sum(_cost(processor, layout, m) for m in range(len(layout.stages)))),
            processor.unit,
        )
        for processor in _PROCESSORS
    ]


def told_costs(layout: CLayout) -> str:
    """Return a table of code, stack and time by processor, in Markdown."""
    lines = [
        "The code adds about this much, at -Os:",
        "",
        "| processor | code, bytes | stack, bytes | per sample |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| {cost.processor} | {cost.code:,} | {cost.stack} | {cost.time:,} {cost.unit} |"
        for cost in costs_of(layout)
    ]
    return "\n".join([*lines, ""])


def _cost(processor: _Processor, layout: CLayout, m: int) -> float:
    """Cycles or instructions of a stage, of the first with its inputs, of the last with sums."""
    stage, n_classes = layout.stages[m], len(layout.quantized.classes_)
    is_last = stage is layout.last
    if stage.kind == DENSE:
        blocks = stage.channels * -(-stage.n_units // 128) * stage.weight_bits
        sums = stage.n_units * n_classes * layout.quantized.bits / 8 if is_last else 0
        return processor.block * blocks + 12 * sums
    height, width = stage.outputs
    windows = stage.n_units * height * width
    cost = windows * processor.window
    if is_last:
        in_registers = layout.nibbles > 0 if processor.by_bytes else layout.nibbles == 5
        a_class = processor.nibble_sum if in_registers else processor.code_sum
        cost += windows * n_classes * a_class
    if m == 0:
        cost += processor.load * layout.network.n_features
    cost += processor.philox * _draws(stage) * stage.n_units
    if stage.kind == FEW_ROWS:
        lanes = stage.n_units * stage.places_y
        lanes *= -(-stage.places_x // 8) if processor.by_bytes else 1
        is_four = stage.fan_in == 4 and stage.thresholds_at == NONE and stage.bias == 0
        return cost + lanes * (processor.four if is_four else processor.any * stage.fan_in)
    places = stage.n_units * stage.places_y * stage.places_x
    return cost + processor.place * places * max(1, -(-(stage.fan_in // 2) // 2))


def _draws(stage: CStage) -> int:
    """Blocks of the seed for a unit."""
    inputs = -(-stage.fan_in // 4) if stage.taps_at == NONE else 0
    dilation = stage.dilation_x == 0 and stage.dilations_at == NONE
    return inputs + int(dilation) + int(stage.bias != 0)


def _rounded(cost: float) -> int:
    """Two digits of a number."""
    step = float(10 ** max(len(str(int(cost))) - 2, 0))
    return int(round(cost / step) * step)
