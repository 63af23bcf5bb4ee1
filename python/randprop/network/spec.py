"""What users and files write for a chain of stages, checked and made whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop._validation import check_int, check_ints, told
from randprop.network.stages import MAX_WIDTH, STAGES, Dense, Shape, Stage

__all__ = [
    "Width", "check_input_shape", "check_stages", "parse_widths", "read_stage", "resolve_all",
    "shapes_of",
]  # fmt: skip

Width = int | Stage | Iterable[int | Stage] | None


def check_stages(
    width: Width, n_features: int, n_stages: int, name: str = "width"
) -> tuple[Stage, ...]:
    """Return the stages that the argument `width`, or `stages`, stands for."""

    def check(entry_name: str, entry: object) -> Stage:
        if isinstance(entry, Stage):
            return entry
        return Dense(check_int(entry_name, entry, 1, MAX_WIDTH))

    if width is None:
        return (Dense(n_features),) * n_stages
    if isinstance(width, Iterable) and not isinstance(width, (str, bytes)):
        stages = tuple(check(f"{name}[{m}]", entry) for m, entry in enumerate(width))
        if not stages:
            raise ValueError(f"{name} must have at least one stage, got none")
        if len(stages) != n_stages:
            raise ValueError(
                f"width must have {n_stages} entries, one for each matrix "
                f"(layers + 1), got {len(stages)}"
            )
        return stages
    return (check(name, width),) * n_stages


def check_input_shape(input_shape: Iterable[int] | None, n_features: int, reader: Stage) -> Shape:
    """Return the shape of the input that a first stage reads, of `n_features` in all."""
    if reader.input_dims == 1:
        return (n_features,)
    named = {2: "(length, channels)", 3: "(height, width, channels)"}[reader.input_dims]
    if input_shape is None:
        raise ValueError(
            f"a network that begins with a {type(reader).__name__} needs input_shape {named}"
        )
    sizes = tuple(check_ints("input_shape", input_shape, 1, MAX_WIDTH))
    if len(sizes) != reader.input_dims:
        raise ValueError(f"input_shape must be {named}, got {sizes}")
    if math.prod(sizes) != n_features:
        raise ValueError(
            f"input_shape {sizes} has {math.prod(sizes)} features, the network {n_features}"
        )
    return sizes


def shapes_of(stages: Sequence[Stage], shape: Shape, name: str = "width") -> tuple[Shape, ...]:
    """Return the shape of the input and of the output of each stage of a chain."""
    shapes = [shape]
    for m, stage in enumerate(stages):
        if stage.input_dims not in (1, len(shape)):
            reads = {2: "a series", 3: "an image"}[stage.input_dims]
            raise ValueError(
                f"{name}[{m}] is a {type(stage).__name__} and reads {reads}, "
                f"but {name}[{m - 1}] is a {type(stages[m - 1]).__name__}"
            )
        try:
            shape = stage.output_shape(shape)
        except ValueError as error:
            raise ValueError(f"{name}[{m}]: {error}") from None
        check_int(f"output of {name}[{m}]", math.prod(shape), 1, MAX_WIDTH)
        shapes.append(shape)
    return tuple(shapes)


def _resolve(stage: Stage, shape: Shape, weight_bits: int, *, reads_bytes: bool) -> Stage:
    """Return a stage for inputs of a shape: `fan_in` checked, a share as `bias` made an integer."""
    n_inputs = stage.inputs_a_unit(shape)
    if stage.fan_in is not None and stage.fan_in > n_inputs:
        raise ValueError(f"fan_in is {stage.fan_in}, but a unit has {n_inputs} inputs")
    if not isinstance(stage.bias, float):
        return stage
    largest = stage.fan_in or n_inputs * (2 ** (stage.weight_bits or weight_bits) - 1)
    bias = math.floor(stage.bias * (255 if reads_bytes else 1) * largest + 0.5)
    if bias >= 2**31:
        raise ValueError(
            f"bias {stage.bias} gives thresholds up to {bias}, which must be below 2**31"
        )
    return replace(stage, bias=bias)


def resolve_all(
    stages: Sequence[Stage],
    shapes: Sequence[Shape],
    weight_bits: int,
    name: str = "width",
    *,
    first_reads_bytes: bool = True,
) -> tuple[Stage, ...]:
    """Return stages whose bias is an integer; the first of a chain is taken to read bytes."""
    resolved: list[Stage] = []
    for m, stage in enumerate(stages):
        try:
            reads_bytes = first_reads_bytes if m == 0 else stages[m - 1].gives_bytes
            resolved.append(_resolve(stage, shapes[m], weight_bits, reads_bytes=reads_bytes))
        except ValueError as error:
            raise ValueError(f"{name}[{m}]: {error}") from None
    return tuple(resolved)


def read_stage(found: Any, thresholds: NDArray[np.int64] | None = None) -> Stage:
    """Return the stage of which `Stage.described` told a file, with thresholds that it holds."""
    if isinstance(found, dict):
        fields = dict(found)
        kind = fields.pop("kind", "Conv2D")
        if not isinstance(kind, str) or kind not in STAGES:
            raise ValueError(f"a stage has the unknown kind {told(kind)}")
        stage = STAGES[kind](**fields)
        if stage.described() != found:
            raise ValueError(f"a {kind} is not written as `save` writes it")
    else:
        stage = Dense(found)
    if isinstance(stage.bias, float):
        raise ValueError(f"bias must be an integer, got {told(stage.bias)}")
    return stage if thresholds is None else replace(stage, thresholds=tuple(thresholds.tolist()))


def parse_widths(text: str) -> list[int | Stage]:
    """Return what ``512``, ``512,256`` or ``Conv2D(16, kernel=3), 256`` stands for."""
    import ast

    try:
        parsed = ast.parse(f"[{text}]", mode="eval").body
        assert isinstance(parsed, ast.List)
        found: list[int | Stage] = []
        for node in parsed.elts:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                arguments = [ast.literal_eval(value) for value in node.args]
                named = {word.arg or "": ast.literal_eval(word.value) for word in node.keywords}
                found.append(STAGES[node.func.id](*arguments, **named))
            else:
                found.append(check_int("a width", ast.literal_eval(node), 1, MAX_WIDTH))
        if not found:
            raise ValueError("the list is empty")
    except (ValueError, TypeError, SyntaxError, KeyError, AssertionError, RecursionError) as error:
        raise ValueError(
            f"expected a width or a list of widths and stages ({', '.join(STAGES)}), such as 512 "
            f"or 'Conv2D(16, kernel=3), 256', got {text!r} ({error})"
        ) from None
    return found
