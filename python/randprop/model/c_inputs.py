"""How features become the bytes that an exported model reads: a header of C, and words for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from randprop.model.c_integers import integer_code
from randprop.model.c_text import Names
from randprop.model.fixed_scaling import AS_BYTES, BinaryScaling, FixedScaling, LinearScaling
from randprop.model.mapping import arithmetic_of

__all__ = ["input_code", "told_inputs"]

_LINEAR = """
static inline uint8_t {p}model_input(double x, uint16_t index) {{
  const uint16_t group = (uint16_t)(index % {n}u);
  const double level = ({unit}x - {p}model_low[group]) * {p}model_scale[group];
  uint8_t whole;
  double half;
  if (!(level > 0.0)) return 0; /* not a number, too */
  if (level >= 255.0) return 255;
  whole = (uint8_t)level;
  half = (double)whole + 0.5;
  /* Half to even; compared, not subtracted, which a compiler might fuse with the product. */
  if (level > half || (!(level < half) && whole % 2u != 0)) ++whole;
  return whole;
}}"""

_BINARY = """static inline uint8_t {p}model_input(double x, uint16_t index) {{
  (void)index;
  return x > {level!r} ? 1 : 0;
}}"""

_USE = """

`{src}{p}inputs.h` does this mapping, if a `double` has 64 bits. It gives the same bytes as the
desktop:

```c
#include "{p}inputs.h"

static uint8_t read_input(void* context, uint16_t index) {{
  const double* features = (const double*)context;
  return {p}model_input(features[index], index);
}}
```

With it, `{p}rp_classify(&{p}model, read_input, features, ...)` takes an array of features. Its
tables take {size:,} bytes of flash.{integers}"""

_INTEGERS = """ Integers of a sensor, up to 32 bits, become the same bytes with
`{p}model_input_integer(x, index)`, without a `double`. It also works on AVR, where a `double` has
fewer bits. Do not round features that have fractions: multiply them, by 1000 say, before the model
is fitted, and on the device too.{few}"""
_FEW_INTEGERS = """ **The ranges of this model are narrow: one of them holds only {count} whole
numbers. Rounded features would get other labels.**"""
# Below this a mapping of integers alone loses what 256 levels keep.
_ENOUGH = 64


def input_code(scaling: FixedScaling, names: Names) -> str | None:
    """Return tables and a function that maps a feature; None where there is nothing to map."""
    if scaling == AS_BYTES:
        return None
    if type(scaling) is BinaryScaling:
        return _BINARY.format(p=names.lower, level=scaling.level)
    if type(scaling) is not LinearScaling:
        raise TypeError(
            f"model.scaling is a {type(scaling).__name__}, which cannot be exported to C"
        )
    tables = _tables(scaling)
    unit = f"{names.lower}model_unit[group] * " if "model_unit" in tables else ""
    function = _LINEAR.format(p=names.lower, n=scaling.n_groups, unit=unit)
    return "".join(_spelled(names, *table) for table in tables.items()) + function


def told_inputs(scaling: FixedScaling, names: Names, src: str) -> str:
    """Tell what the inputs of a model are, and how to make them of features."""
    if scaling == AS_BYTES:
        return "The inputs are the unchanged features: integers from 0 to 255."
    if type(scaling) is BinaryScaling:
        told = f"The inputs are 1 if a feature is above {scaling.level!r}, else 0."
    elif scaling.input_range is not None:
        low, high = scaling.input_range
        told = (
            "The inputs are features mapped to bytes: x becomes the integer\nnearest to "
            f"255 (x - ({low!r})) / ({high!r} - ({low!r})). Features outside become 0 or 255."
        )
    else:
        told = (
            "The inputs are features mapped to bytes. Each feature, or each channel, has its range:"
            "\nx becomes the integer nearest to 255 (x - low) / (high - low). Features outside "
            "become 0 or 255."
        )
    size = sum(table.nbytes for table in _tables(scaling).values())
    integers = ""
    if integer_code(scaling, names):
        integers = _INTEGERS.format(p=names.lower, few=_told_few(scaling))
    return told + _USE.format(p=names.lower, src=src, size=size, integers=integers)


def _told_few(scaling: FixedScaling) -> str:
    """Warn where a range holds few integers."""
    if not isinstance(scaling, LinearScaling):
        return ""
    count = (np.floor(scaling.high) - np.ceil(scaling.low) + 1).min()
    return _FEW_INTEGERS.format(count=int(count)) if count < _ENOUGH else ""


def _tables(scaling: FixedScaling) -> dict[str, NDArray[np.float64]]:
    """Return the numbers of the ranges by their names in C; the unit where it is not 1."""
    if not isinstance(scaling, LinearScaling):
        return {}
    unit, low, scale = arithmetic_of(scaling.low, scaling.high)
    tables = {"model_low": low, "model_scale": scale}
    return tables if (unit == 1.0).all() else {**tables, "model_unit": unit}


def _spelled(names: Names, name: str, values: NDArray[np.float64]) -> str:
    """Return an array of doubles, each spelled so that it is read back as it is."""
    spelled = [repr(value) for value in values.tolist()]
    lines = [", ".join(spelled[i : i + 6]) for i in range(0, len(spelled), 6)]
    body = ",\n    ".join(lines)
    return f"static const double {names.lower}{name}[{len(spelled)}] = {{\n    {body}}};\n"
