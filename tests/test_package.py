"""The package as a whole: imports, versions, stub, doctests, threads, forks, signals, memory."""

from __future__ import annotations

import doctest
import importlib
import importlib.metadata
import os
import pkgutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

import randprop
from helpers import HANG, needs, random_bytes
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
        timeout=HANG,
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
        "randprop.measure.evaluate", "randprop.measure.sweep", "randprop.datasets",
        "randprop.reference", "randprop.theory", "randprop.study",
    ):  # fmt: skip
        assert lazy not in loaded


def test_the_command_loads_what_it_needs_only() -> None:
    """Every module here would be waited for in each run of the command."""
    code = """
    import sys
    from randprop.cli import main
    assert main(["evaluate", "--layers", "0"]) == 0
    print(*sys.modules)
    """
    loaded = set(python(code).stdout.splitlines()[-1].split())
    assert {"numpy", "randprop.measure.evaluate", "randprop.datasets.packed"} <= loaded
    for unused in (
        "sklearn", "scipy", "numba", "joblib", "pandas", "matplotlib", "numpy.random", "secrets",
        "shutil", "concurrent.futures", "logging", "csv", "html", "ssl", "urllib.request",
        "randprop.estimators", "randprop.study", "randprop.theory", "randprop.reference",
        "randprop.measure.sweep", "randprop.model.exports", "randprop.datasets.transfer",
    ):  # fmt: skip
        assert unused not in loaded


def test_the_reference_needs_no_cache() -> None:
    """Where numba can keep nothing on disk, it only takes longer."""
    pytest.importorskip("numba")
    done = python(
        """
        from numba.core import caching
        kind = getattr(caching, "CacheImpl", None) or caching._CacheImpl
        kind._locator_classes = []
        from randprop import reference
        print(reference.philox4x32_10([0, 0, 0, 0], [0, 0])[0] == 0x6627E8D5)
        """
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


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
        ("randprop.bits", 5), ("randprop.readouts.centroids", 6), ("randprop.measure.parallel", 6),
        ("randprop.readouts.neighbors", 6), ("randprop.network.step_network", 5),
        ("randprop.estimators.step_classifier", 3), ("randprop.model.files", 5),
        ("randprop.model.export_c", 4), ("randprop.model.export_onnx", 4),
    ):  # fmt: skip
        found = finder.find(importlib.import_module(module))
        assert sum(len(test.examples) for test in found) >= least


def test_package_data() -> None:
    root = Path(randprop.__file__).parent
    for name in (
        "py.typed", "_core.pyi", "study/report.css", "study/report.js", "study/report.html",
        "data/mnist/train-images-idx3-ubyte.packed",
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
    "propagate": "randprop.StepNetwork(784).propagate(images[:n])",
    "prepare": "randprop.StepNetwork(12_000).propagate(wide)",
    "convolve": "convolution.propagate(images[:n])",
    "centroids": "randprop.Centroids().fit(many[: 750 * n], labels[: 750 * n]).counts_",
    "gram": "randprop.RidgeReadout().fit(many[: 15 * n], labels[: 15 * n]).gram_",
    "distances": "fitted.distances(many[: 250 * n])",
    "scores": "fitted.with_metric('cosine').predict(many[: 250 * n])",
    "neighbors": "neighbors.kneighbors(many[: n // 2])[1]",
    "own weights": "randprop.apply_weights(images[:n], own)",
}


def test_ctrl_c_stops_every_long_call() -> None:
    """Soon, by CPU time against that of the whole call; objects in use give the same after."""
    code = """
    import os, signal, threading, time
    import numpy as np, randprop
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    n = 4000
    images = np.resize(np.arange(10_007, dtype=np.uint32).astype(np.uint8), (n, 784))
    wide = np.ones((1, 12_000), dtype=np.uint8)
    many = randprop.BitMatrix(np.zeros((750 * n, 13), dtype=np.uint64), 832)
    labels = np.arange(len(many)) % 10
    fitted = randprop.Centroids().fit(many[:1000], labels[:1000])
    neighbors = randprop.HammingNeighbors(5).fit(many[:10_000])
    own = np.ones((784, 784), dtype=np.int64) - 3
    convolution = randprop.StepNetwork(784, width=randprop.Conv2D(64, 5), input_shape=(28, 28, 1))

    def left_of(call, share):
        # CPU time from Ctrl-C to the end, where Ctrl-C comes after a share of that of one call.
        begun, sent = time.process_time(), []
        def interrupt():
            while time.process_time() - begun < share:
                time.sleep(0.001)
            sent.append(time.process_time())
            os.kill(os.getpid(), signal.SIGINT)
        thread = threading.Thread(target=interrupt)
        thread.start()
        try:
            while True:
                call(n)
        except KeyboardInterrupt:
            left = time.process_time() - sent[0]
        thread.join()
        return left

    for name, call in CALLS.items():
        begun = time.process_time()
        expected = call(n)
        whole = time.process_time() - begun
        left = max(left_of(call, share * whole) for share in (0.1, 0.4))
        # Ctrl-C is looked for 20 times a second: a call that is over by then needs no look.
        print(name, left / max(whole, 0.5), np.all(call(n) == expected), sep=";")
    """
    calls = ", ".join(f"{name!r}: lambda n: {call}" for name, call in LONG_CALLS.items())
    code = textwrap.dedent(code).replace("CALLS", f"{{{calls}}}")
    # Slow, on few threads: each has many chunks to go, whatever the machine.
    done = python(code, RANDPROP_SIMD="scalar", RANDPROP_NUM_THREADS="2")
    lines = [line.split(";") for line in done.stdout.splitlines()]
    assert [name for name, _, _ in lines] == list(LONG_CALLS), done.stderr
    assert {name for name, _, same in lines if same != "True"} == set()
    assert {name: share for name, share, _ in lines if float(share) > 0.5} == {}


def test_memory_of_sixteen_depths() -> None:
    """Peak of the whole process, images included."""
    needs(Path("/proc/self/status").is_file(), "/proc, where the peak is read from", "MEMORY")
    code = """
    import re, randprop
    randprop.evaluate(layers=range(16))
    # Not ru_maxrss, which starts from the parent's at a fork.
    print(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])
    """
    peak = int(python(code, RANDPROP_NUM_THREADS="4").stdout) * 1024
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
