"""Files whose features are mapped by several ranges or by a level, valid and not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from model_files_made import Case, I, Text, array, each, spell


def scalings() -> Iterator[Case]:
    """What a file has in place of an input_range."""

    def change(d: dict[str, Any], a: dict[str, Any], value: Any) -> None:
        del d["input_range"]
        d["scaling"], low, high = value
        a |= {} if low is None else {"scaling_low": low}
        a |= {} if high is None else {"scaling_high": high}

    linear, zeros = {"kind": "linear"}, np.zeros(2)
    fine = {
        "two": (linear, np.array([-1.5, 0.25]), np.array([2.5, 0.5])),
        "four": (linear, np.array([-1, 0.5, 3, -9]), np.array([1.5, 2, 4, 9.0])),
        "low = high": (linear, zeros, zeros), "-0": (linear, -zeros, zeros),
        "extreme": (linear, np.array([-1.7e308, 0.0]), np.array([1.7e308, 3e-310])),
        **{
            f"level {spell(level)}": ({"kind": "binary", "level": level}, None, None)
            for level in (63, -0.5, 1e308, Text("1e-400"), Text("-0"))
        },
    }  # fmt: skip
    yield from each("scaling", True, fine, change)
    binary, three, nan = {"kind": "binary", "level": 1}, np.zeros(3), np.array([0, np.nan])
    wrong = {
        "one range": (linear, zeros[:1], zeros[:1]), "three of four": (linear, three, three),
        "eight of four": (linear, np.zeros(8), np.zeros(8)),
        "none": (linear, zeros[:0], zeros[:0]), "low above high": (linear, np.ones(2), zeros),
        "NaN": (linear, zeros, nan), "NaN below": (linear, nan, zeros),
        "infinity": (linear, zeros, np.array([0, np.inf])),
        "another length": (linear, zeros, np.zeros(4)), "no high": (linear, zeros, None),
        "no low": (linear, None, zeros), "no arrays": (linear, None, None),
        "f4": (linear, zeros.astype("f4"), zeros.astype("f4")),
        "i8": (linear, zeros.astype(I), zeros.astype(I)),
        "two dimensions": (linear, zeros[:, None], zeros[:, None]),
        "linear with a level": ({**linear, "level": 1}, zeros, zeros),
        "linear with more": ({**linear, "low": 1}, zeros, zeros),
        "a level and ranges": (binary, zeros, zeros), "a level and one": (binary, None, zeros),
        "level missing": ({"kind": "binary"}, None, None),
        "binary with more": ({**binary, "low": 0}, None, None),
        **{
            f"level {spell(level)[:20]}": ({"kind": "binary", "level": level}, None, None)
            for level in ("1", None, True, [1], Text("1e400"), 10**400)
        },
        **{
            f"kind {spell(kind)}": ({"kind": kind, "level": 1}, None, None)
            for kind in ("Binary", "", None, 1, ["binary"], {})
        },
        "no kind": ({"level": 1}, None, None), "empty": ({}, None, None),
        **{spell(found): (found, None, None) for found in (None, "binary", 1, [], [0, 255])},
    }  # fmt: skip
    yield from each("scaling", False, wrong, change)

    def also(d: dict[str, Any], a: dict[str, Any], value: Any) -> None:
        change(d, a, value)
        d["input_range"] = [0, 255]

    both = {"a level": (binary, None, None), "ranges": (linear, zeros, zeros), "null": 3 * (None,)}
    yield from each("scaling and input_range", False, both, also)
    ranges = array("scaling_low")
    yield from each("scaling_low of no scaling", False, {"two": zeros}, ranges)
