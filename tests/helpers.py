"""Inputs and comparisons that several test files share."""

from __future__ import annotations

import os
import shutil
from typing import Any

import numpy as np
from numpy.typing import NDArray

C_WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror")
# Undefined behaviour ends the process; needs no library beside the compiler.
C_TRAPS = ("-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")
_COMPILERS = map(shutil.which, (os.environ.get("CC", "cc"), "gcc", "clang"))
C_COMPILER = next(filter(None, _COMPILERS), "cc")


def known_input(kind: str, n_samples: int, n_features: int) -> NDArray[np.uint8]:
    """Return the inputs that the known answers were made from."""
    s = np.arange(n_samples)[:, None]
    k = np.arange(n_features)[None, :]
    value = (31 * s + 7 * k + (s * k % 13)) % 256
    if kind == "sparse":
        value = np.where((s + k) % 5 == 0, value, 0)
    elif kind == "full":
        value = np.full((n_samples, n_features), 255)
    return value.astype(np.uint8)


def known_rows(packed: NDArray[np.uint8]) -> list[str]:
    """Return packed rows as the known answers spell them."""
    return [row.tobytes().hex() for row in packed]


def random_bits(seed: int, n_samples: int, n_bits: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 2, (n_samples, n_bits), dtype=np.uint8)


def random_bytes(seed: int, n_samples: int, n_features: int) -> NDArray[np.uint8]:
    """Return bytes that cover 0, 255 and everything between, half of them 0 as in images."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 256, (n_samples, n_features), dtype=np.uint8)
    X[rng.random(X.shape) < 0.3] = 0
    X[rng.random(X.shape) < 0.1] = 255
    return X


def readings(bits: NDArray[np.uint8], activation: str, first: bool) -> NDArray[Any]:
    """Return bits as a matrix reads them."""
    values = bits.astype(np.int64)
    return values if first or activation == "step" else 2 * values - 1
