"""What this installation is made of and what it uses on this machine."""

from __future__ import annotations

import platform
from typing import Any, Literal, overload

import numpy as np

import randprop._core as _core
from randprop._validation import check_choice, check_threads

__all__ = ["show_config"]


def _config() -> dict[str, Any]:
    built = _core.simd_levels_built()
    supported = _core.simd_levels_supported()
    cases = {
        f"{bits}-bit weights, {kind} in, {size}": (
            bits,
            getattr(_core.Features, kind),
            784,
            n_samples,
        )
        for kind in ("bits", "bytes")
        for bits in (1, 2, 4, 8, 24)
        for size, n_samples in (("1 sample", 1), ("10,000 samples", 10_000))
    }
    return {
        "randprop": _core.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "compiler": _core.compiler(),
        "simd_built": built,
        "simd_supported": supported,
        "simd_in_use": _core.simd_level(),
        "n_threads": check_threads(None),
        "measuring": _core.measuring(),
        "kernels": {name: _core.kernel_choice(*case) for name, case in cases.items()},
        "kernel_reasons": {name: _core.kernel_reason(*case) for name, case in cases.items()},
    }


@overload
def show_config(mode: Literal["stdout"] = "stdout") -> None: ...
@overload
def show_config(mode: Literal["dict"]) -> dict[str, Any]: ...


def show_config(mode: str = "stdout") -> dict[str, Any] | None:
    """Show versions, SIMD levels (built, supported, in use), threads and kernels.

    The kernels are those of a dense layer of 784 inputs and units. Each has its reason: the table,
    or a measurement of this process. Results do not depend on kernels.

    Parameters
    ----------
    mode : {"stdout", "dict"}, default="stdout"
        Print it, or return it.

    Returns
    -------
    dict or None

    Raises
    ------
    ValueError
        If ``RANDPROP_SIMD``, ``RANDPROP_KERNEL``, ``RANDPROP_MEASURE`` or ``RANDPROP_NUM_THREADS``
        has a value that is not allowed.
    """
    check_choice("mode", mode, ("stdout", "dict"))
    config = _config()
    if mode == "dict":
        return config
    reasons = config.pop("kernel_reasons")
    for name, value in config.items():
        if isinstance(value, dict):
            for case, kernel in value.items():
                print(f"{'kernel for ' + case:<50} {kernel} ({reasons[case]})")
        else:
            text = ", ".join(value) if isinstance(value, list) else value
            print(f"{name:<50} {text}")
    return None
