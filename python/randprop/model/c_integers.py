"""How integers of a sensor become the bytes that an exported model reads: C without a double."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from randprop.model.c_text import Names
from randprop.model.fixed_scaling import AS_BYTES, BinaryScaling, FixedScaling, LinearScaling
from randprop.model.mapping import map_block

__all__ = ["integer_code"]

_LOWEST, _HIGHEST = -(2**31), 2**31 - 1
_N_BITS = 256

_FUNCTION = """
/* The same of an integer x, such as a sensor gives; no floating point. */
static inline uint8_t {p}model_input_integer(int32_t x, uint16_t index) {{
{body}
}}"""

_PRODUCT = """{group}  uint32_t above, byte{before};
  if (x <= {low}) return 0;
  if (x >= {high}) return 255;
  above = (uint32_t)x - (uint32_t){low};
  byte = ({rate} * above + {start}) >> {shift};
{late}  return (uint8_t)byte;"""

# Where a number lies in the middle of two bytes, the desktop takes the even one.
_LATE = """  /* Some bytes begin one integer later. */
  before = ({rate} * (above - 1u) + {start}) >> {shift};
  for (; byte != before; --byte) {{
    if (((uint32_t){bits} >> (byte & 7u) & 1u) == 0) break;
  }}
"""


@dataclass(frozen=True)
class _Product:
    """A byte is (rate (x - low) + start) >> shift between low, where it is 0, and high, 255.

    Bytes of which `late` is set begin one integer later.
    """

    low: int
    high: int
    rate: int
    start: int
    shift: int
    late: tuple[bool, ...]


def integer_code(scaling: FixedScaling, names: Names) -> str:
    """Return tables and a function of C that maps integers of 32 bits, to the same byte as here.

    Empty where there is nothing to map, and where no product of 32 bits does it.
    """
    if scaling == AS_BYTES:
        return ""
    if isinstance(scaling, BinaryScaling):
        level = min(max(math.floor(scaling.level), _LOWEST), _HIGHEST)
        body = f"  (void)index;\n  return x > {_spelled(level)} ? 1 : 0;"
        if scaling.level < _LOWEST:  # which every integer is above
            body = "  (void)x;\n  (void)index;\n  return 1;"
        return _FUNCTION.format(p=names.lower, body=body)
    assert isinstance(scaling, LinearScaling)
    steps = _steps(scaling)
    if steps.max() > _HIGHEST:  # a range that no such integer fills
        return ""
    widths = np.where(scaling.high > scaling.low, scaling.high - scaling.low, 1.0)
    products = [
        _product(column, width) for column, width in zip(steps.T, widths.tolist(), strict=True)
    ]
    found = [product for product in products if product is not None]
    if len(found) < len(products):
        return ""
    return _written(found, names)


def _written(products: list[_Product], names: Names) -> str:
    """Return tables, where there are several products, and the function."""
    p, macro, n = names.lower, f"{names.upper}MODEL_READ", len(products)
    any_late = any(any(product.late) for product in products)
    tables = ""
    if n == 1:
        only = products[0]
        group = "  (void)index;\n"
        values = {name: f"{getattr(only, name)}u" for name in ("rate", "start", "shift")}
        values |= {name: _spelled(getattr(only, name)) for name in ("low", "high")}
    else:
        group = (
            f"  const uint16_t group = (uint16_t)(index % {n}u);\n"
            f"  const int32_t low = (int32_t){macro}32({p}model_integer_low + group);\n"
        )
        values = {"low": "low"}
        for name, ctype, cell in (
            ("low", "int32_t", "{}"),
            ("high", "int32_t", "{}"),
            ("rate", "uint32_t", "{}u"),
            ("start", "uint32_t", "{}u"),
            ("shift", "uint8_t", "{}u"),
        ):
            column = np.array([getattr(product, name) for product in products])
            tables += names.table(ctype, f"model_integer_{name}", column, cell)
            read = f"{macro}{8 if ctype == 'uint8_t' else 32}({p}model_integer_{name} + group)"
            values.setdefault(name, f"(int32_t){read}" if name == "high" else read)
    if any_late:
        late = np.packbits([product.late for product in products], axis=1, bitorder="little")
        tables += names.table("uint8_t", "model_integer_late", late, "0x{:02X}")
        row = f" + {_N_BITS // 8}u * group" if n > 1 else ""
        bits = f"{macro}8({p}model_integer_late{row} + (byte >> 3))"
        values["late"] = _LATE.format(bits=bits, **values)
    if tables:
        tables = (
            "#if defined(__AVR__) /* which reads its flash by instructions of their own */\n"
            f"#define {macro}8(p) pgm_read_byte(p)\n#define {macro}32(p) pgm_read_dword(p)\n"
            f"#else\n#define {macro}8(p) (*(p))\n#define {macro}32(p) (*(p))\n#endif\n"
        ) + tables
    values = {"late": "", "before": ", before" if any_late else "", "group": group, **values}
    return tables + _FUNCTION.format(p=p, body=_PRODUCT.format(**values))


def _steps(scaling: LinearScaling) -> NDArray[np.int64]:
    """Return the least integer of byte 1, 2, ... 255, by group, of shape (255, n_groups).

    2**31 where there is none.
    """
    wanted = np.arange(1, 256)[:, None]
    low = np.full((255, scaling.n_groups), _LOWEST, dtype=np.int64)
    high = np.full_like(low, _HIGHEST + 1)
    while (low < high).any():
        middle = (low + high) // 2
        reached = map_block(middle.clip(max=_HIGHEST), scaling.low, scaling.high) >= wanted
        reached |= middle > _HIGHEST
        high = np.where(reached, middle, high)
        low = np.where(reached, low, middle + 1)
    return low


def _product(steps: NDArray[np.int64], width: float) -> _Product | None:
    """Return a product that gives exactly these steps, if one of 32 bits does."""
    low, high = int(steps[0]) - 1, int(steps[-1])
    if low < _LOWEST:
        return None
    byte, above = np.arange(1, 256).astype(object), (steps - low).astype(object)
    nothing = (False,) * _N_BITS
    if high - low == 1:
        return _Product(low, high, 0, 0, 0, nothing)
    for allowed in (0, 1):  # so many integers early, if it must be
        for shift in range(24, -1, -1):
            unit = 1 << shift
            guess = round(255 * unit / width)
            for rate in range(max(guess - 1, 1), guess + 2):
                least = max((byte * unit - above * rate).tolist())
                most = min((byte * unit - 1 - (above - 1 - allowed) * rate).tolist())
                start = min(max(least, 0), most)
                if least > most or rate * (high - low) + start >= 2**32:
                    continue
                # The lowest step is that of `low`, and the highest that of `high`.
                late = ((above - 1) * rate + start >= byte * unit) & (above > 1)
                late = late & (steps < high)
                # Below 0 it wraps, and so does the sum, which is not.
                return _Product(
                    low, high, rate, start % 2**32, shift, (False, *late.astype(bool).tolist())
                )
    return None


def _spelled(value: int) -> str:
    """Spell an integer of 32 bits; the lowest has no literal of its own."""
    return f"(int32_t)({value + 1} - 1)" if value == _LOWEST else f"(int32_t){value}"
