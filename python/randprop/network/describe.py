"""How a chain of stages is told to people."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from randprop._tables import html_picture, html_table, text_table
from randprop.network.stages import Dense, Shape, Stage

__all__ = ["chain_text", "page", "summary"]

_MOST_WEIGHTS = 1 << 22  # that are made for a picture: some 10 ms


def summary(stages: Sequence[Stage], shapes: Sequence[Shape], held: Sequence[int]) -> str:
    """Return a table, one line a stage; `held` are the bytes of weights laid out so far."""
    return text_table(_lines(stages, shapes, held, range(len(stages))), left=(1, 2))


def page(
    title: str,
    stages: Sequence[Stage],
    shapes: Sequence[Shape],
    held: Sequence[int],
    weights: Callable[[int], NDArray[np.int32]],
) -> str:
    """Return what a notebook shows: the table, of many stages the ends, and the first weights.

    They are drawn where they are few enough to be made at once; else the stages' widths are.
    """
    from randprop.show import thumbnails

    shown = list(range(len(stages)))
    lines = _lines(stages, shapes, held, shown if len(shown) <= 12 else shown[:8] + shown[-3:])
    if len(shown) > 12:
        lines.insert(9, ["…"] * len(lines[0]))
    first, n_units = stages[0], stages[0].n_units()
    if first.inputs_a_unit(shapes[0]) * n_units <= _MOST_WEIGHTS:
        kernel = getattr(first, "kernel", None)
        picture = thumbnails.units(weights(0), kernel, shapes[0], n=n_units)
    else:
        widths = [math.prod(shape) for shape in shapes]
        picture = thumbnails.bars(widths, "Inputs, and outputs of each stage")
    return html_table(title, lines) + html_picture(**vars(picture))


def _lines(
    stages: Sequence[Stage], shapes: Sequence[Shape], held: Sequence[int], shown: Iterable[int]
) -> list[list[str]]:
    lines = [["stage", "kind", "output", "inputs per unit", "weights", "bytes held"]]
    for m in shown:
        inputs = stages[m].inputs_a_unit(shapes[m])
        output = " x ".join(map(str, shapes[m + 1]))
        numbers = (inputs, inputs * stages[m].n_units(), held[m])
        lines.append([str(m), type(stages[m]).__name__, output, *map(str, numbers)])
    return lines


def chain_text(stages: Sequence[Stage], matrices: Sequence[int | Stage], n_features: int) -> str:
    """Return the arguments of a network that make this chain, as short as they can be."""
    if any(stage.gives_bytes or stage.input_dims == 2 for stage in stages) or any(
        stage != Dense(stage.n_units()) for stage in stages if stage.input_dims == 1
    ):
        return f"stages={list(matrices)}"
    layers = len(stages) - 1
    if set(matrices) == {n_features}:
        return f"layers={layers}"
    if len(set(matrices)) == 1:
        return f"layers={layers}, width={matrices[0]}"
    return f"layers={layers}, width={tuple(matrices)}"
