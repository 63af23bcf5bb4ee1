"""How an exported model is spelled in C: names, numbers that fit their types, tables, strings."""

from __future__ import annotations

import re
from typing import Any

from numpy.typing import NDArray

__all__ = ["RUNTIME_FILES", "Names", "c_number", "c_string"]

_RANGES = {
    "uint8_t": (0, 2**8 - 1),
    "uint16_t": (0, 2**16 - 1),
    "uint32_t": (0, 2**32 - 1),
    "int32_t": (-(2**31), 2**31 - 1),
}
_LONGEST = 40
# What every name of the runtime begins with, and its files.
_OF_RUNTIME = re.compile(r"\b(rp_|RP_|RANDPROP_|randprop_[a-z]+\.)")
# What the runtime consists of.
RUNTIME_FILES = (
    "randprop_micro.h",
    "randprop_micro.c",
    "randprop_values.h",
    "randprop_philox.h",
    "randprop_dense.h",
    "randprop_few.h",
    "randprop_rows.h",
    "randprop_readout.h",
    "randprop_check.h",
)


class Names:
    """What stands in front of all files, types, functions, tables and macros of a model."""

    def __init__(self, name: object) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a str, got {type(name).__name__}")
        if name is not None and (
            len(name) > _LONGEST or not re.fullmatch("[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", name)
        ):
            raise ValueError(
                f"name must begin with a letter and hold only letters, digits and single "
                f"underscores between them, at most {_LONGEST} in all, got {name[:60]!r}"
            )
        self.lower = "" if name is None else f"{name}_"
        self.upper = self.lower.upper()

    def of_runtime(self, text: str) -> str:
        """Return a source of the runtime with this in front of all its names."""
        return _OF_RUNTIME.sub(
            lambda m: (self.upper if m[0].isupper() else self.lower) + m[0], text
        )

    def table(self, ctype: str, name: str, values: NDArray[Any], cells: str) -> str:
        """Return a constant array, 12 numbers a line."""
        spelled = [cells.format(c_number(ctype, name, value)) for value in values.ravel().tolist()]
        lines = [", ".join(spelled[i : i + 12]) for i in range(0, len(spelled), 12)]
        body = ",\n    ".join(lines)
        declared = f"static const {ctype} {self.lower}{name}[{len(spelled)}]"
        return f"{declared} {self.upper}RP_TABLE = {{\n    {body}}};\n"


def c_number(ctype: str, name: str, value: int) -> int:
    """Return an integer that its type in C holds."""
    low, high = _RANGES[ctype]
    if not low <= value <= high:
        raise ValueError(f"{name} holds {value}, which does not fit {ctype}")
    return value


def c_string(label: object) -> str:
    """Spell a label in C; octal escapes end after three digits whatever follows."""
    text = str(label)
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"the class label {text!r} holds half of a surrogate pair") from None
    if 0 in encoded:
        raise ValueError(f"the class label {text!r} holds a NUL, which ends a string in C")
    return (
        '"'
        + "".join(
            chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
            for byte in encoded
        )
        + '"'
    )
