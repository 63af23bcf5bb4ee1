"""Integers of a sensor, mapped by the C of an export: the same bytes as the library's."""

from __future__ import annotations

import ctypes
import subprocess

import numpy as np
import pytest

from helpers import C_COMPILER, C_TRAPS, C_WARNINGS
from randprop import BinaryScaling, LinearScaling
from randprop.model.c_integers import integer_code
from randprop.model.c_text import Names

rng = np.random.default_rng(0)
SCALINGS = {
    "12 bits": LinearScaling(-2048, 2047),
    "10 bits": LinearScaling(0, 1023),
    "16 bits": LinearScaling(-32768, 32767),
    "24 bits": LinearScaling(-(2**23), 2**23 - 1),
    "halves, to the even byte": LinearScaling(0, 1020),
    "fractions": LinearScaling(-1.5, 2.25),
    "one value": LinearScaling(5, 5),
    "two values": LinearScaling(0, 1),
    "groups": LinearScaling([-10, 0, 3, 7], [500, 1023, 4, 7]),
    "groups with halves": LinearScaling(rng.integers(-900, 0, 40), rng.integers(1, 900, 40)),
    "level": BinaryScaling(63),
    "level between": BinaryScaling(-0.5),
    "level above all": BinaryScaling(1e12),
    "level below all": BinaryScaling(-3e9),
}


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """Functions of C, all in one library: values and the group to the bytes of a scaling."""
    folder = tmp_path_factory.mktemp("integers")
    lines = ["#include <stdint.h>", "#define RP_TABLE"]
    names = {kind: Names("abcdefghijklmn"[i]) for i, kind in enumerate(SCALINGS)}
    for kind, scaling in SCALINGS.items():
        p, P = names[kind].lower, names[kind].upper
        lines += [
            f"#define {P}RP_TABLE",
            integer_code(scaling, names[kind]),
            f"void {p}map(const int32_t* x, uint8_t* to, long n, uint16_t group);",
            f"void {p}map(const int32_t* x, uint8_t* to, long n, uint16_t group) {{",
            f"  for (; n != 0; --n) *to++ = {p}model_input_integer(*x++, group);",
            "}",
        ]
    (folder / "map.c").write_text("\n".join(lines) + "\n")
    subprocess.run(
        [C_COMPILER, "-std=c99", "-O1", *C_WARNINGS, *C_TRAPS, "-shared", "-fPIC", "map.c", "-o",
         "map.so"], cwd=folder, check=True,
    )  # fmt: skip
    library = ctypes.CDLL(str(folder / "map.so"))

    def call(kind, x, group):
        found = np.zeros(len(x), dtype=np.uint8)
        function = getattr(library, f"{names[kind].lower}map")
        function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_uint16]
        function(x.ctypes.data, found.ctypes.data, len(x), group)
        return found

    return call


@pytest.mark.parametrize("kind", SCALINGS)
def test_every_integer_becomes_the_librarys_byte(mapped, kind):
    scaling = SCALINGS[kind]
    near = np.arange(-40_000, 70_000)
    far = np.random.default_rng(1).integers(-(2**31), 2**31, 20_000)
    x = np.concatenate([near, far, [-(2**31), 2**31 - 1]]).astype(np.int32)
    n_groups = getattr(scaling, "n_groups", 1)
    expected = scaling.transform(np.repeat(x[:, None].astype(np.float64), n_groups, axis=1))
    expected = expected.to_array() if scaling.gives_bits else expected
    for group in range(n_groups):
        np.testing.assert_array_equal(mapped(kind, x, group), expected[:, group])
    # The index of a feature, beyond the groups, is that of its group.
    np.testing.assert_array_equal(mapped(kind, x, 3 * n_groups), expected[:, 0])


def test_the_steps_of_a_wide_range(mapped):
    """Around each of 255 steps, where a product that is a little off would be seen."""
    for kind in ("24 bits", "16 bits"):
        scaling = SCALINGS[kind]
        width = float(scaling.high[0]) - float(scaling.low[0])
        steps = float(scaling.low[0]) + (np.arange(255) + 0.5) * width / 255
        x = (np.rint(steps)[:, None] + np.arange(-3, 4)).ravel().clip(-(2**31), 2**31 - 1)
        found = mapped(kind, x.astype(np.int32), 0)
        np.testing.assert_array_equal(found, scaling.transform(x[:, None])[:, 0])


def test_ranges_that_have_no_integers():
    nothing = Names(None)
    assert integer_code(LinearScaling(0, 255), nothing) == ""  # bytes as they come
    assert integer_code(LinearScaling(0, 4e9), nothing) == ""
    assert integer_code(LinearScaling(-(2**31), 2**31 - 1), nothing) == ""
    assert integer_code(LinearScaling([0, 0], [1000, 1e12]), nothing) == ""
