"""The package as a whole: imports, versions, stub, doctests, threads, forks, signals, memory."""

from __future__ import annotations

import doctest
import importlib
import importlib.metadata
import os
import pkgutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import randprop
from helpers import random_bytes
from randprop import StepNetwork

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(randprop.__path__, prefix="randprop.")
)


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=300,
        check=False,
    )


def test_import_loads_numpy_and_the_core_only() -> None:
    code = "import sys, randprop; print(*sys.modules)"
    loaded = set(python(code).stdout.split())
    for heavy in (
        "numba", "sklearn", "matplotlib", "pandas", "scipy", "joblib", "rich", "sqlite3",
        "urllib.request",
    ):  # fmt: skip
        assert heavy not in loaded
    for lazy in (
        "randprop.evaluation", "randprop.datasets", "randprop.reference", "randprop.sweeps",
        "randprop.theory", "randprop.study",
    ):  # fmt: skip
        assert lazy not in loaded


def test_names() -> None:
    for name in randprop.__all__:
        assert getattr(randprop, name) is not None
    assert set(randprop.__all__) <= set(dir(randprop))
    with pytest.raises(AttributeError, match="module 'randprop' has no attribute 'nothing'"):
        randprop.nothing  # noqa: B018


def test_versions_agree() -> None:
    assert randprop.__version__ == importlib.metadata.version("randprop")


@pytest.mark.parametrize("name", [name for name in MODULES if "__main__" not in name])
def test_doctests(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def test_there_are_doctests() -> None:
    finder = doctest.DocTestFinder()
    for module, least in (
        ("randprop.bits", 5), ("randprop.readouts", 6), ("randprop.neighbors", 6),
        ("randprop.network", 5), ("randprop.estimators", 4), ("randprop.model_files", 5),
        ("randprop.export._c", 4), ("randprop.export._onnx", 4), ("randprop.parallel", 6),
    ):  # fmt: skip
        found = finder.find(importlib.import_module(module))
        assert sum(len(test.examples) for test in found) >= least


def test_package_data() -> None:
    root = Path(randprop.__file__).parent
    for name in (
        "py.typed", "_core.pyi", "_report.css", "_report.js",
        "data/mnist/train-images-idx3-ubyte.gz",
    ):  # fmt: skip
        assert (root / name).is_file()
    files = importlib.metadata.files("randprop") or []
    names = {file.name for file in files}
    assert {"LICENSE", "NOTICE"} <= names


def test_calls_from_many_threads() -> None:
    """One network shared by threads that prepare and use it at once."""
    X = random_bytes(0, 64, 200)
    expected = StepNetwork(200, 3).propagate(X)
    for _ in range(5):
        network = StepNetwork(200, 3)
        found: list[bool] = []
        threads = [
            threading.Thread(target=lambda n=network, f=found: f.append(n.propagate(X) == expected))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [True] * 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_fork() -> None:
    """Threads of the parent do not reach into the child, nor the child's back."""
    code = """
    import os, numpy as np, randprop
    X = np.arange(2000 * 300, dtype=np.uint32).astype(np.uint8).reshape(2000, 300)
    network = randprop.StepNetwork(300, 2)
    expected = network.propagate(X, n_threads=4)
    for _ in range(3):
        child = os.fork()
        if child == 0:
            os._exit(0 if network.propagate(X, n_threads=4) == expected else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert network.propagate(X, n_threads=4) == expected
    print("good")
    """
    done = python(code)
    assert (done.stdout, done.stderr) == ("good\n", "")


LONG_CALLS = {
    "propagate": """
        network = randprop.StepNetwork(784, 3)
        X = np.full((500_000, 784), 7, dtype=np.uint8)
        call = lambda: network.propagate(X)
    """,
    "prepare": """
        network = randprop.StepNetwork(60_000, width=60_000)
        X = np.ones((1, 60_000), dtype=np.uint8)
        call = lambda: network.propagate(X)
    """,
    "neighbors": """
        bits = randprop.BitMatrix(np.random.default_rng(0).integers(
            0, 2**63, (300_000, 13), dtype=np.uint64), 832)
        fitted = randprop.HammingNeighbors(5).fit(bits)
        call = lambda: fitted.kneighbors(bits)
    """,
}


@pytest.mark.parametrize("name", list(LONG_CALLS))
def test_ctrl_c_stops_a_long_call(name: str) -> None:
    setup = textwrap.dedent(LONG_CALLS[name])
    code = (
        "import signal, time, numpy as np, randprop\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job ignores it
        + setup
        + "print('ready', flush=True)\n"
        + "try:\n    call()\n    print('finished')\n"
        + "except KeyboardInterrupt:\n    print('interrupted', time.time())\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "RANDPROP_SIMD": "scalar"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    sent = time.time()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert out.startswith("interrupted ")
    assert float(out.split()[1]) - sent < 1.0


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak is read from Linux /proc")
def test_memory_of_sixteen_depths() -> None:
    """Peak of the whole process, images included."""
    code = """
    import re, randprop
    randprop.evaluate(layers=range(16))
    # Not ru_maxrss, which starts from the parent's at a fork.
    print(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])
    """
    peak = int(python(code).stdout) * 1024
    assert 60e6 < peak < 350e6


def test_results_of_propagation_are_one_bit_each() -> None:
    bits = StepNetwork(784).propagate(np.zeros((70, 784), dtype=np.uint8))
    assert bits.nbytes == 70 * 13 * 8


def test_readme_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python block of the README prints what it shows."""
    readme = Path(__file__).parent.parent / "README.md"
    monkeypatch.chdir(tmp_path)  # some write files
    result = doctest.testfile(
        str(readme), module_relative=False, optionflags=doctest.ELLIPSIS, encoding="utf-8"
    )
    assert result.attempted >= 8
    assert result.failed == 0
