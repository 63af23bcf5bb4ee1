"""How a chain of stages is told to people."""

from __future__ import annotations

from collections.abc import Sequence

from randprop._tables import text_table
from randprop.network.stages import Dense, Shape, Stage

__all__ = ["chain_text", "summary"]


def summary(stages: Sequence[Stage], shapes: Sequence[Shape], held: Sequence[int]) -> str:
    """Return a table, one line a stage; `held` are the bytes of weights laid out so far."""
    lines = [["stage", "kind", "output", "inputs a unit", "weights", "bytes held"]]
    for m, stage in enumerate(stages):
        inputs = stage.inputs_a_unit(shapes[m])
        output = " x ".join(map(str, shapes[m + 1]))
        numbers = (inputs, inputs * stage.n_units(), held[m])
        lines.append([str(m), type(stage).__name__, output, *map(str, numbers)])
    return text_table(lines, left=(1, 2))


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
