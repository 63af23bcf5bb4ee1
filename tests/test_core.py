"""The compiled module by itself: what the Python front never hands it must not crash it either."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers import C_COMPILER, HANG, random_bits
from randprop import BitMatrix, _core

ROOT = Path(__file__).parent.parent
N, N_BITS, N_WORDS = 300, 70, 2
STEP, LAST = _core.Activation.step, _core.Keep.last


def dirty(n_samples: int = N) -> NDArray[np.uint64]:
    """Words whose bits past the last are set."""
    words = BitMatrix.from_array(random_bits(n_samples, n_samples, N_BITS)).words.copy()
    words[:, -1] |= np.uint64(2**64 - 2 ** (N_BITS % 64))
    return words


def table(value: int = 1) -> NDArray[np.int64]:
    return np.full((2, N_BITS), value, dtype=np.int64)


def column(value: int = 1) -> NDArray[np.int64]:
    return np.full(2, value, dtype=np.int64)


def network() -> _core.Network:
    stages = [_core.Dense(50, 8), _core.Dense(40, 8)]
    return _core.Network(N_BITS, stages, _core.Activation.sign, 0)


def network_of_few() -> _core.Network:
    return _core.Network(N_BITS, [_core.Dense(9, 8, fan_in=4)], STEP, 0)


CODES = np.arange(N, dtype=np.int32) % 2
# Every function that takes packed words, as called with these.
TAKES_WORDS: dict[str, Callable[[Any], Any]] = {
    "propagate_bits": lambda x: network().propagate_bits(x, N_BITS, 0, 2, LAST, 1)[0],
    "count_set_bits": lambda x: network().count_set_bits(x, N_BITS, 0, 1),
    "ranked_sums_bits": lambda x: network_of_few().ranked_sums_bits(
        x, N_BITS, 0, np.zeros(9, np.int64), 1
    ),
    "apply_weights_bits": lambda x: _core.apply_weights_bits(
        x, N_BITS, np.ones((50, N_BITS), np.int32), STEP, 1
    ),
    "add_class_counts_bits": lambda x: _core.add_class_counts_bits(
        x, N_BITS, CODES, table(), column(), 1
    ),
    "centroid_distances_bits": lambda x: _core.centroid_distances_bits(
        x, N_BITS, table(), column(), 1
    ),
    "linear_scores_bits": lambda x: _core.linear_scores_bits(x, N_BITS, table(), column(), 1),
    "real_scores_bits": lambda x: _core.real_scores_bits(
        x, N_BITS, table().astype(np.float64), column().astype(np.float64), 1
    ),
    "add_gram_bits": lambda x: _core.add_gram_bits(
        x, N_BITS, np.zeros((N_BITS, N_BITS), np.int64), 1
    ),
    "neighbors_bits": lambda x: check_neighbors(_core.neighbors_bits(x, x, N_BITS, 100, 1)),
    "row_popcounts": lambda x: _core.row_popcounts(x, N_BITS),
    "place_values": lambda x: check_placed(x),
}


def check_placed(x: NDArray[np.uint64]) -> None:
    expected = random_bits(N, N, N_BITS)
    out = np.empty((N, N_BITS), dtype=np.uint8)
    _core.place_values(x, N_BITS, np.ones(expected.sum(), dtype=np.uint8), out)
    np.testing.assert_array_equal(out, expected)


def check_neighbors(found: tuple[NDArray[np.int64], NDArray[np.int64]]) -> None:
    distances, indices = found
    assert distances.min() >= 0
    assert distances.max() <= 64 * N_WORDS
    for row in indices:
        assert len(set(row)) == len(row)
    assert indices.min() >= 0
    assert indices.max() < N


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True, text=True, timeout=HANG, check=False,
    )  # fmt: skip


def test_every_function_of_words_is_here() -> None:
    functions = {**vars(_core), **vars(_core.Network)}
    takes = {name for name, f in functions.items() if "uint64]" in str(f.__doc__).split("->")[0]}
    assert takes == set(TAKES_WORDS)


@pytest.mark.parametrize("name", TAKES_WORDS)
def test_bits_past_the_last_lead_nowhere(name: str, level: str, kernel: str) -> None:
    TAKES_WORDS[name](dirty())


def test_each_query_gets_neighbours_however_far() -> None:
    """Beyond n_bits, the largest distance of rows that keep the promise."""
    far = np.full((N, 1), 2**64 - 1, dtype=np.uint64)
    near = np.zeros((3, 1), dtype=np.uint64)
    distances, indices = _core.neighbors_bits(far, near, 10, 4, 1)
    assert (distances == 64).all()
    assert (indices == [0, 1, 2, 3]).all()


def test_words_and_codes_that_change_during_a_call() -> None:
    """Numbers may be wrong then, no memory is."""
    code = """
    import threading, time
    import numpy as np
    from randprop import _core
    codes, words = np.zeros(100_000, np.int32), np.zeros((100_000, 1), np.uint64)
    train = np.zeros((100, 1), np.uint64)
    stop = time.monotonic() + 0.4
    def change():
        while time.monotonic() < stop:
            for _ in range(100):
                codes[-1] = 2**31 - 1
                codes[-1] = 0
                train[:] = 0
                train[:] = 2**64 - 1
    thread = threading.Thread(target=change)
    thread.start()
    while time.monotonic() < stop:
        counts, n_samples = np.zeros((2, 10), np.int64), np.zeros(2, np.int64)
        try:
            _core.add_class_counts_bits(words, 10, codes, counts, n_samples, 1)
        except ValueError:
            pass
        _, indices = _core.neighbors_bits(train, train, 10, 100, 1)
        assert (np.sort(indices) == np.arange(100)).all(), indices
    thread.join()
    """
    done = python(code)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("n_bits", [2**64 - 1, 2**64 - 62, 2**63])
def test_numbers_of_bits_that_would_wrap(n_bits: int) -> None:
    """2^64 - 1 bits are no words where n_bits + 63 wraps."""
    none = np.zeros((3, 0), dtype=np.uint64)
    with pytest.raises(ValueError, match="words must be packed words"):
        _core.row_popcounts(none, n_bits)
    with pytest.raises(MemoryError):
        _core.empty_words(2**20, n_bits)
    with pytest.raises(ValueError, match=r"n_samples must lie below 2\^63"):
        _core.empty_words(n_bits, 0)


def conv(channels: int, *sizes: int) -> _core.Conv2D:
    """Return a convolution of these sizes in both directions: kernel, stride, padding."""
    pairs = [(size, size) for size in sizes]
    return _core.Conv2D(channels, *pairs, (1, 1), (0, 0), 8)


def test_sizes_that_no_machine_has() -> None:
    x = np.zeros((1, 10), dtype=np.uint8)
    for n_threads in (-1, 4097, 2**31 - 1):
        with pytest.raises(ValueError, match=r"n_threads must lie in \[0, 4096\]"):
            _core.neighbors_bytes(x, x, 1, n_threads)
    # Rows without a feature take no memory, so that there may be any number of them.
    endless = np.zeros((2**60, 0), dtype=np.uint8)
    with pytest.raises((ValueError, MemoryError)):
        _core.neighbors_bytes(x[:, :0], endless, 1, 1)
    with pytest.raises((ValueError, MemoryError)):
        _core.row_popcounts(np.zeros((2**60, 0), dtype=np.uint64), 0)
    for units in (2**64 - 1, 2**28 + 1):
        with pytest.raises(ValueError, match="width must lie in"):
            _core.Network(10, [_core.Dense(units, 8)], STEP, 0)
    for numbers in ((1, 2**63, 1, 0), (1, 1, 2**64 - 1, 0), (1, 1, 1, 2**64 - 1)):
        with pytest.raises(ValueError, match="sizes of images and convolutions"):
            _core.Network(10, [conv(*numbers)], STEP, 0, (1, 10, 1))
    with pytest.raises(ValueError, match=r"more than 2\^28 features"):
        _core.Network(4, [conv(1, 1, 1, 0)], STEP, 0, (769546, 494770, 48448661))


@pytest.mark.parametrize("wrong", [-1, 2**34, 2**63 - 1])
def test_counts_out_of_range(wrong: int) -> None:
    x = np.full((3, N_BITS), 255, dtype=np.uint8)
    codes = np.zeros(3, dtype=np.int32)
    for counts, n_samples in ((table(), column(wrong)), (table(255 * wrong % 2**63), column())):
        before = counts.tolist(), n_samples.tolist()
        with pytest.raises(ValueError, match="more fit"):
            _core.add_class_counts_bytes(x, codes, counts, n_samples, 1)
        assert before == (counts.tolist(), n_samples.tolist())


def test_objects_whose_init_never_ran() -> None:
    """Every class and every method of it, with arguments of every kind it could want."""
    code = """
    import sys
    import numpy as np
    from randprop import _core
    zeros = {"stage": 0, "first": 0, "last": 1, "n_threads": 1, "n_bits": 10}
    made = {
        "x": np.zeros((1, 10), np.uint8), "words": np.zeros((1, 1), np.uint64),
        "keep": _core.Keep.last, "reads": _core.Features.bits, **zeros,
        "starts": np.zeros(2, np.int64), "columns": np.zeros(0, np.int32),
        "values": np.zeros(0, np.uint8), "n_features": 10, "ranks": np.zeros(9, np.int64),
    }
    called = 0
    for name, cls in vars(_core).items():
        if not isinstance(cls, type) or not hasattr(cls, "_pybind11_conduit_v1_"):
            continue
        for method in vars(cls):
            bare = cls.__new__(cls)
            function = getattr(bare, method)
            if not callable(function) or method in ("__init__", "_pybind11_conduit_v1_"):
                continue
            wanted = [part.split(":")[0] for part in function.__doc__.split("(")[1].split(", ")[1:]]
            print(name, method, wanted, flush=True)
            try:
                function(**{argument: made[argument] for argument in wanted})
            except (RuntimeError, TypeError, ValueError) as error:
                assert "incompatible function arguments" not in str(error), error
                called += 1
            else:
                raise SystemExit(f"{name}.{method} took an object that is not there")
        repr(cls.__new__(cls)), hash(cls.__new__(cls))
        for stage in (cls.__new__(cls), None):
            try:
                _core.Network(10, [stage], _core.Activation.step, 0)
            except (RuntimeError, TypeError, ValueError):
                pass
            else:
                raise SystemExit(f"Network took a {name} that is not there")
    assert called == 13, called
    """
    done = python(code)
    assert done.returncode == 0, done.stdout + done.stderr


# Calls for a daemon thread that is inside one of them when the interpreter ends.
ENDLESS = {
    "propagate_bytes": "core.propagate_bytes(x, 0, 2, _core.Keep.last, 2)",
    "propagate_bits": "core.propagate_bits(words, 784, 0, 2, _core.Keep.last, 2)",
    "apply_weights": "_core.apply_weights_bytes(x, np.ones((300, 784), np.int32), 2)",
    "add_class_counts": "_core.add_class_counts_bits(words, 784, codes, counts * 1, ns * 1, 2)",
    "centroid_distances": "_core.centroid_distances_bytes(x, counts, ns, 2)",
    "linear_scores": "_core.linear_scores_bits(words, 784, counts, ns, 2)",
    "real_scores": "_core.real_scores_bytes(x, counts * 1.0, ns * 1.0, 2)",
    "bits_above": "_core.bits_above(x, 7, 2)",
    "count_changed": "_core.count_changed(x, x[0], np.zeros(784, np.int64), 2)",
    "ranked_sums": "few.ranked_sums_bytes(x, 0, np.zeros(300, np.int64), 2)",
    "add_gram": "_core.add_gram_bits(words, 784, np.zeros((784, 784), np.int64), 2)",
    "neighbors": "_core.neighbors_bits(words, words, 784, 5, 2)",
    "row_popcounts": "_core.row_popcounts(words, 784)",
    "count_set": "core.count_set_bits(words, 784, 0, 2)",
    "propagate_sparse": "core.propagate_sparse(*sparse, 784, 2, _core.Keep.last, 2)",
    "weights": "core.weights(0)",
    "prepare": "core.prepare(0, _core.Features.bytes, 2)",
    "spin": "_core.spin('popcount', 3_000_000)",
    "an error": "core.weights(9)",
    "one long call": "_core.neighbors_bits(np.zeros((10**6, 13), np.uint64), words, 784, 5, 2)",
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ("propagate_bytes", "spin") else pytest.mark.slow)
        for name in ENDLESS
    ],
)
def test_daemon_threads_in_the_core_at_exit(name: str) -> None:
    """The process ends with status 0 and says nothing, as if they were in no call."""
    code = f"""
    import sys, threading, time
    import numpy as np
    from randprop import _core
    core = _core.Network(784, [_core.Dense(300, 8)] * 2, _core.Activation.step, 0)
    few = _core.Network(784, [_core.Dense(300, 8, fan_in=4)], _core.Activation.step, 0)
    x = np.zeros((2000, 784), np.uint8)
    words = np.zeros((2000, 13), np.uint64)
    codes = np.zeros(2000, np.int32)
    counts, ns = np.zeros((10, 784), np.int64), np.full(10, 3)
    starts, columns = np.arange(0, 20_001, 10), np.tile(np.arange(0, 780, 78, np.int32), 2000)
    sparse = starts, columns, np.full(20_000, 9, np.uint8)
    running = threading.Barrier(4)
    def work():
        running.wait()
        while True:
            try:
                {ENDLESS[name]}
            except ValueError:
                pass
    for _ in range(3):
        threading.Thread(target=work, daemon=True).start()
    running.wait()
    time.sleep(float(sys.argv[1]))
    """
    for wait in (0.01, 0.03, 0.07):
        done = python(code, str(wait))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_environment_is_read_at_import_alone() -> None:
    """Later changes reach no call; values that name nothing are refused where they are used."""
    code = """
    import os, sys
    os.environ["RANDPROP_KERNEL"], os.environ["RANDPROP_SIMD"] = sys.argv[1], sys.argv[2]
    import randprop
    from randprop import _core
    os.environ["RANDPROP_KERNEL"] = os.environ["RANDPROP_SIMD"] = "later"
    for call in (_core.simd_level, lambda: _core.kernel_choice(8, _core.Features.bits, 784, 9)):
        try:
            print(call())
        except ValueError as error:
            print(error)
    """
    assert python(code, "popcount", "scalar").stdout == "scalar\npopcount\n"
    lines = python(code, "abacus", "sse9").stdout.splitlines()
    assert lines[0].startswith("RANDPROP_SIMD='sse9' is not a SIMD level of this build; valid:")
    assert lines[1] == "RANDPROP_KERNEL='abacus' is not a kernel; valid: popcount, dot, lut"


@pytest.mark.slow
def test_threads_that_set_environment_variables() -> None:
    """A list of variables that grows and shrinks while others propagate through many stages."""
    code = """
    import os, threading, time
    import numpy as np, randprop
    network = randprop.StepNetwork(8, 3000, width=8)
    X = np.ones((1, 8), np.uint8)
    network.propagate(X, n_threads=1)
    stop = time.monotonic() + 4
    def propagate():
        while time.monotonic() < stop:
            network.propagate(X, n_threads=1)
    threads = [threading.Thread(target=propagate) for _ in range(4)]
    for thread in threads:
        thread.start()
    while time.monotonic() < stop:
        for i in range(3000):
            os.environ[f"V{i}"] = "x" * 50
        for i in range(3000):
            del os.environ[f"V{i}"]
    for thread in threads:
        thread.join()
    """
    for _ in range(3):
        done = python(code)
        assert (done.returncode, done.stderr) == (0, "")


def test_big_endian_machines_are_refused_by_the_headers() -> None:
    header = ROOT / "cpp" / "include" / "randprop" / "bit_matrix.hpp"
    command = [C_COMPILER, "-x", "c++", "-std=c++17", "-fsyntax-only", "-w", str(header)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs a C++ compiler")
    command += ["-U__BYTE_ORDER__", "-D__BYTE_ORDER__=__ORDER_BIG_ENDIAN__"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "randprop needs a little-endian machine" in done.stderr
