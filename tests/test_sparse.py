"""Sparse features: the same results as the same features made dense, which no row ever is."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from helpers import HANG, needs, random_bytes
from randprop import (
    BitMatrix,
    Conv1D,
    Conv2D,
    Dense,
    StepClassifier,
    StepNetwork,
    StepTransformer,
    apply_weights,
    fit_parallel,
    reference,
    to_bytes,
)

CHAINS: dict[str, list[Any]] = {
    "one unit": [1],
    "below a word": [63],
    "a block": [128],
    "above a block": [Dense(130, bias=10**6), 40],
    "many": [Dense(300, bias=2000), Dense(70, fan_in=5)],
    "few inputs": [Dense(200, fan_in=8)],
    "few inputs and a bias": [Dense(65, fan_in=3, bias=100), 30],
    "one input": [Dense(500, fan_in=1), 10],
    "thresholds": [Dense(5, thresholds=(-(2**62), -1, 0, 1, 2**62))],
    "few inputs and thresholds": [Dense(5, fan_in=2, thresholds=(-(2**62), -1, 0, 1, 2**62))],
}


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own: an access out of bounds may end it."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )


def texts(
    n_samples: int = 90, n_features: int = 700, share: float = 0.02, *, seed: int = 0
) -> scipy.sparse.csr_array:
    """Return bytes of which few are not zero; some zeros are stored, some rows are empty."""
    rng = np.random.default_rng(seed)
    dense = random_bytes(seed, n_samples, n_features)
    stored = rng.random(dense.shape) < share
    stored[::5] = False
    rows, columns = np.nonzero(stored)
    found = scipy.sparse.csr_array((dense[stored], (rows, columns)), shape=dense.shape)
    assert found.nnz > np.count_nonzero(found.toarray())
    return found


def reference_bits(network: StepNetwork, X: np.ndarray) -> np.ndarray:
    described = [
        {**(entry if isinstance(entry, dict) else {"units": entry}), "kind": "Dense",
         "thresholds": stage.thresholds}
        for stage in network.stages
        for entry in [stage.described()]
    ]  # fmt: skip
    outputs, _ = reference.propagate_stages(
        X, described, weight_bits=network.weight_bits, activation=network.activation,
        seed=network.seed,
    )  # fmt: skip
    return outputs[-1]


@pytest.mark.parametrize("activation", ["step", "sign"])
@pytest.mark.parametrize("weight_bits", [1, 2, 4, 8, 24])
def test_the_bits_of_dense_rows(level: str, weight_bits: int, activation: str) -> None:
    X = texts()
    for name, stages in CHAINS.items():
        network = StepNetwork(
            700, stages=stages, weight_bits=weight_bits, activation=activation, seed=7
        )
        found = network.propagate_all(X)
        if len(stages) == 1:
            assert network.prepared_bytes <= 4 * sum(
                stage.units * (stage.fan_in or 0) for stage in network.stages
            ), "the kernels for dense rows lay out all weights"
        assert found == network.propagate_all(X.toarray()), name
        assert network.propagate(X, n_threads=1) == network.propagate(X, n_threads=3) == found[-1]
        assert network.propagate_stage(0, X) == found[0]


@pytest.mark.parametrize("weight_bits", [1, 2, 4, 8, 24])
def test_the_bits_of_the_reference(weight_bits: int) -> None:
    X = texts(40, 300, seed=2)
    for stages in CHAINS.values():
        network = StepNetwork(300, stages=stages, weight_bits=weight_bits, activation="sign")
        expected = reference_bits(network, X.toarray())
        np.testing.assert_array_equal(network.propagate(X).to_array(), expected)


@pytest.mark.parametrize("weight_bits", [1, 8, 24])
@pytest.mark.parametrize("stages", [[Dense(150), 20], [Dense(150, fan_in=6), Dense(9, bias=0.5)]])
def test_calibrate_is_that_of_dense_rows(weight_bits: int, stages: list[Any]) -> None:
    X = texts(60, 500)
    network = StepNetwork(500, stages=stages, weight_bits=weight_bits)
    calibrated = network.calibrate(X)
    assert calibrated == network.calibrate(X.toarray())
    assert calibrated.thresholds(0).any()
    nothing = scipy.sparse.csr_array((4, 500), dtype=np.uint8)
    assert network.calibrate(nothing) == network.calibrate(nothing.toarray())
    with pytest.raises(ValueError, match="at least one sample"):
        network.calibrate(X[:0])


def test_forms_of_sparse_matrices() -> None:
    """Any format, order and type of index; entries in parts are added, the caller's own is kept."""
    X = texts()
    network = StepNetwork(700, width=100)
    expected = network.propagate(X.toarray())
    for form in ("csc", "coo", "lil", "dok", "bsr"):
        assert network.propagate(X.asformat(form)) == expected
    assert network.propagate(scipy.sparse.csr_matrix(X)) == expected
    for dtype in ("i8", "u2", "i2"):
        assert network.propagate(X.astype(dtype)) == expected
    wide = X.copy()
    wide.indices, wide.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    assert network.propagate(wide) == expected
    backwards = X.copy()
    for row in range(X.shape[0]):
        part = slice(X.indptr[row], X.indptr[row + 1])
        backwards.indices[part] = X.indices[part][::-1]
        backwards.data[part] = X.data[part][::-1]
    backwards.has_sorted_indices = False
    assert network.propagate(backwards) == expected
    parts = scipy.sparse.csr_array(([100, 100, 9], [5, 5, 3], [0, 2, 3]), shape=(2, 700))
    assert network.propagate(parts) == network.propagate(parts.toarray())
    assert parts.nnz == 3
    bools = X.astype(bool)
    assert network.propagate(bools) == network.propagate(BitMatrix.from_array(bools.toarray()))
    parts.data[:2] = 200
    with pytest.raises(ValueError, match="from 0 to 255, got values from 9 to 400"):
        network.propagate(parts)
    with pytest.raises(ValueError, match="X has 699 features, the network expects 700"):
        network.propagate(X[:, 1:])
    with pytest.raises(TypeError, match="integers from 0 to 255, got float64"):
        network.propagate(X.astype(float))


@pytest.mark.parametrize("stage", [Dense(70), Dense(70, fan_in=4)])
def test_empty_matrices(stage: Dense) -> None:
    network = StepNetwork(700, stages=[stage, 30])
    nothing = scipy.sparse.csr_array((0, 700), dtype=np.uint8)
    assert network.propagate(nothing).shape == (0, 30)
    assert [len(bits) for bits in network.propagate_all(nothing)] == [0, 0]
    zeros = scipy.sparse.csr_array((6, 700), dtype=np.uint8)
    assert network.propagate(zeros) == network.propagate(zeros.toarray())


def test_what_reads_no_sparse_rows_gets_them_dense_in_blocks() -> None:
    """Convolutions, later stages, own weights; and rows of which much is not zero."""
    X = texts(500, 900, 0.05, seed=3)
    image = StepNetwork(900, stages=[Conv2D(4, 5, pool=3), 20], input_shape=(30, 30, 1))
    series = StepNetwork(900, stages=[Conv1D(4, 5, pool=3)], input_shape=(900, 1))
    crowded = StepNetwork(900, stages=[20])
    for network in (image, series, crowded):
        for mine, theirs in zip(
            network.propagate_all(X), network.propagate_all(X.toarray()), strict=True
        ):
            assert type(mine) is type(theirs)
            assert (mine == theirs) if isinstance(mine, BitMatrix) else (mine == theirs).all()
        assert network.calibrate(X) == network.calibrate(X.toarray())
        assert network.propagate(X[:0]).shape[0] == 0
    assert crowded.prepared_bytes > 0, "the kernels for dense rows"
    counts = scipy.sparse.csr_array(image.propagate_all(X)[0])
    assert image.propagate_stage(1, counts) == image.propagate_stage(1, counts.toarray())
    weights = np.random.default_rng(0).integers(-9, 9, (5, 900))
    assert apply_weights(X, weights) == apply_weights(X.toarray(), weights)
    assert apply_weights(X[:0], weights).shape == (0, 5)


@pytest.mark.filterwarnings("ignore::randprop.RandpropDataWarning")
@pytest.mark.parametrize("input_range", [None, (0, 0.5), (0, 0), (0.2, 1), (-1, 1), (-0.001, 1)])
def test_ranges_of_sparse_features(input_range: Any) -> None:
    """Mapped as they are stored where a zero stays 0, some rows at a time where it does not."""
    X = texts().astype(np.float64) / 255
    y = np.arange(X.shape[0]) % 3
    transformer = StepTransformer(width=50, input_range=input_range)
    expected = transformer.fit(X.toarray()).transform(X.toarray())
    np.testing.assert_array_equal(transformer.fit(X).transform(X), expected)
    classifier = StepClassifier(width=50, input_range=input_range).fit(X.toarray(), y)
    expected = classifier.predict(X.toarray())
    np.testing.assert_array_equal(classifier.predict(X), expected)
    np.testing.assert_array_equal(classifier.fit(X, y).predict(X), expected)
    np.testing.assert_array_equal(classifier.model_.predict(X), expected)
    whole = fit_parallel(StepNetwork(700, width=20), X, y, input_range=input_range or (0, 1))
    np.testing.assert_array_equal(whole.predict(X), whole.predict(X.toarray()))
    of_coo = fit_parallel(whole.network, X.tocoo(), y, input_range=input_range or (0, 1))
    np.testing.assert_array_equal(of_coo.predict(X), whole.predict(X))


# --- what is not as it says ----------------------------------------------------------------------


def broken(kind: str) -> Any:
    X = scipy.sparse.csr_matrix(np.eye(4, dtype=np.uint8))
    if kind in ("csc", "coo", "bsr"):
        X = X.asformat(kind)
    if kind == "coo":
        X.row[1] = 10**8
    elif kind == "negative coo":
        X = X.tocoo()
        X.col[1] = -1
    elif kind == "rows that end too late":
        X.indptr[2] = 10**8
    elif kind == "rows that fall":
        X.indptr[2] = 0
    else:
        X.indices[-1] = -5 if kind == "negative" else 10**8
    return X


BROKEN = ("csr", "csc", "coo", "bsr", "negative", "negative coo", "rows that fall",
          "rows that end too late")  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_indices_out_of_range_are_refused(kind: str) -> None:
    """SciPy itself writes beyond its memory for them."""
    y = [0, 1, 0, 1]
    network = StepNetwork(4, width=3)
    classifier = StepClassifier(width=8).fit(np.arange(16).reshape(4, 4), y)
    calls: list[Any] = [
        network.propagate,
        network.calibrate,
        to_bytes,
        classifier.predict,
        lambda X: classifier.fit(X, y),
        lambda X: apply_weights(X, np.ones((2, 4), dtype=int)),
        lambda X: fit_parallel(network, X, y),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="X is not a valid sparse matrix"):
            call(broken(kind))


def test_the_core_refuses_what_would_be_read_out_of_bounds() -> None:
    from randprop import _core

    network = _core.Network(10, [_core.Dense(5, 8)], _core.Activation.step, 0)
    good: dict[str, Any] = {
        "starts": np.array([0, 2, 3]),
        "columns": np.array([1, 9, 4], dtype=np.int32),
        "values": np.array([1, 2, 3], dtype=np.uint8),
        "n_features": 10,
    }
    assert len(network.propagate_sparse(**good, last=1, keep=_core.Keep.last, n_threads=1)) == 1
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"columns": np.array([1, 10, 4], dtype=np.int32)}, r"row 0 must rise and lie in \[0, 10"),
        ({"columns": np.array([1, 9, -1], dtype=np.int32)}, "row 1 must rise"),
        ({"columns": np.array([9, 9, 4], dtype=np.int32)}, "row 0 must rise"),
        ({"columns": np.array([1, 2**32 + 2, 4])}, "row 0 must rise"),
        ({"columns": np.array([1, 9], dtype=np.int32)}, "as many entries"),
        ({"values": np.zeros((3, 1), dtype=np.uint8)}, "one dimension"),
        ({"starts": np.array([0, 2, 4])}, "starts must end within"),
        ({"starts": np.array([0, 3, 2])}, "starts must not fall"),
        ({"starts": np.array([-1, 2, 3])}, "starts must not be negative"),
        ({"starts": np.array([], dtype=np.int64)}, "one more than the rows"),
        ({"n_features": 11}, "X has 11 features, the network expects 10"),
    ]
    for change, message in wrong:
        arguments = {**good, **change}
        with pytest.raises(ValueError, match=message):
            network.propagate_sparse(**arguments, last=1, keep=_core.Keep.last, n_threads=1)
        with pytest.raises(ValueError, match=message):
            network.count_set_sparse(**arguments, n_threads=1)
    for last in (0, 2):
        with pytest.raises(ValueError, match="are not among the 1 of the network"):
            network.propagate_sparse(**good, last=last, keep=_core.Keep.last, n_threads=1)


def test_columns_that_change_during_a_call() -> None:
    """Numbers may be wrong then, no memory is."""
    code = """
    import threading, time
    import numpy as np
    from randprop import _core
    starts = np.arange(0, 100_001, 10)
    columns = np.tile(np.arange(10), 10_000)
    values = np.ones(100_000, np.uint8)
    few = _core.Network(1000, [_core.Dense(64, 8, 500)], _core.Activation.step, 0)
    all = _core.Network(1000, [_core.Dense(8, 1)], _core.Activation.step, 0)
    stop = time.monotonic() + 0.4
    def change():
        while time.monotonic() < stop:
            for _ in range(100):
                columns[-1] = 2**40
                starts[-1] = 2**40
                columns[-1] = 9
                starts[-1] = 100_000
    thread = threading.Thread(target=change)
    thread.start()
    while time.monotonic() < stop:
        for network in (few, all):
            try:
                network.count_set_sparse(starts, columns, values, 1000, 1)
            except ValueError:
                pass
    thread.join()
    """
    done = python(code)
    assert (done.returncode, done.stderr) == (0, "")


# --- memory --------------------------------------------------------------------------------------

WORDS = """
import re, sys
import numpy as np, scipy.sparse
import randprop
n_samples, n_features, words = int(sys.argv[1]), 182_000, 100
rng = np.random.default_rng(0)
columns = np.sort(rng.integers(0, n_features, (n_samples, words)), axis=1).ravel()
starts = np.arange(0, n_samples * words + 1, words)
counts = rng.integers(1, 9, n_samples * words).astype(np.uint8)
X = scipy.sparse.csr_matrix((counts, columns, starts), shape=(n_samples, n_features))
y = rng.integers(0, 2, n_samples)
few = randprop.StepNetwork(n_features, stages=[randprop.Dense(1024, fan_in=16)])
few.calibrate(X)
dense = randprop.StepNetwork(n_features, width=[1024])
dense.propagate(X[:200])
if len(sys.argv) > 2:
    randprop.StepClassifier(width=1024).fit(X, y).predict(X)
print(dense.prepared_bytes, re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])
"""


def peak_of_text(*arguments: str) -> int:
    """Return the largest memory of a process that reads text of 182,000 words."""
    needs(Path("/proc/self/status").is_file(), "/proc, where the peak is read from", "MEMORY")
    done = python(WORDS, *arguments)
    assert done.returncode == 0, done.stderr
    prepared, peak = map(int, done.stdout.split())
    assert prepared == 0, "the weights of all 182,000 inputs are never laid out"
    return peak * 1024


def test_memory_of_text() -> None:
    """2,000 texts made dense are 364 MB, the weights of all their words 186 MB."""
    assert 30e6 < peak_of_text("2000") < 180e6


@pytest.mark.slow
def test_memory_of_much_text() -> None:
    """20,000 texts made dense are 3.6 GB."""
    assert 30e6 < peak_of_text("20000", "fit") < 1e9
