"""Fixtures: SIMD levels, kernels, known answers."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before SciPy is imported: scikit-learn skips one of its checks without it.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import pytest

from browsing import browser  # noqa: F401
from demo_page import demo_address, demo_folder, mnist, opened, served  # noqa: F401
from randprop import _core, datasets

ALL_LEVELS = ("scalar", "avx2", "avx512", "amx", "neon")
KERNELS = ("popcount", "dot", "lut")


# RANDPROP_SIMD=LEVEL pytest: the whole suite, and the processes that it starts, at that level.
SUITE_LEVEL = os.environ.get("RANDPROP_SIMD")
if SUITE_LEVEL:
    _core.use_simd_level(SUITE_LEVEL)
_core.use_kernel("")  # tests force kernels themselves


def pytest_report_header() -> str:
    supported = _core.simd_levels_supported()
    lacking = [level for level in ALL_LEVELS if level not in supported]
    return (
        f"SIMD level where a test does not choose: {_core.simd_level()}\n"
        f"SIMD levels tested: {', '.join(supported)}; "
        f"not on this machine or in this build: {', '.join(lacking)}"
    )


@pytest.fixture(params=_core.simd_levels_supported())
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every SIMD level that this machine has, one after the other."""
    before = _core.simd_level()
    _core.use_simd_level(request.param)
    yield request.param
    _core.use_simd_level(before)


@pytest.fixture(params=["chosen", *KERNELS])
def kernel(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kernel that the library chooses, then each one forced."""
    _core.use_kernel("" if request.param == "chosen" else request.param)
    yield str(request.param)
    _core.use_kernel("")


@pytest.fixture(scope="session")
def known_answers() -> dict[str, Any]:
    path = Path(__file__).parent / "data" / "known_answers.json"
    return dict(json.loads(path.read_text()))


@pytest.fixture(scope="session")
def known_numbers() -> dict[str, Any]:
    """Numbers that a study of every experiment measured, with one or two seeds."""
    path = Path(__file__).parent / "data" / "study_numbers.json"
    return dict(json.loads(path.read_text()))


@pytest.fixture
def small_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of a percent of MNIST in its place."""
    whole = datasets.load_mnist()
    part = datasets.Dataset(
        whole.X_train[:400], whole.y_train[:400], whole.X_test[:80], whole.y_test[:80]
    )

    def missing() -> datasets.Dataset:
        raise OSError("no mirror could be reached")

    loaders = {"mnist": lambda: part, "fashion_mnist": lambda: part}
    for name in ("mnist", "fashion_mnist", "kmnist", "cifar10"):
        entry = datasets.NamedSet(loaders.get(name, missing), (28, 28, 1))
        monkeypatch.setitem(datasets.DATASETS, name, entry)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RANDPROP_")]:
        if not name.startswith("RANDPROP_REQUIRE_") and name != "RANDPROP_SIMD":
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _no_figures_left() -> Iterator[None]:
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
