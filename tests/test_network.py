"""StepNetwork against the known answers and against the reference, at every level."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import randprop
from helpers import (
    assert_known_network,
    known_input,
    known_philox,
    known_rows,
    random_bits,
    random_bytes,
    readings,
)
from randprop import BitMatrix, StepNetwork, _core, reference

WEIGHT_BITS = (1, 2, 4, 8, 24)
# Lengths around every boundary of a word, a panel, a Philox block and a vector.
TAILS = sorted({n + d for n in (0, 64, 128, 192, 256) for d in (-1, 0, 1, 2, 7, 8, 33)} - {-1, 0})


def test_known_answers(level: str, kernel: str, known_answers: dict[str, Any]) -> None:
    for case in known_answers["networks"]:
        assert_known_network(case)


def test_known_answers_by_reference(known_answers: dict[str, Any]) -> None:
    for case in known_answers["networks"]:
        X = known_input(case["input"], case["n_samples"], case["n_features"])
        outputs = reference.propagate(
            X,
            case["widths"],
            weight_bits=case["weight_bits"],
            activation=case["activation"],
            seed=case["seed"],
        )
        packed = [np.packbits(bits, axis=1, bitorder="little") for bits in outputs]
        assert [known_rows(rows) for rows in packed] == case["outputs"]


def test_philox_known_answers(known_answers: dict[str, Any]) -> None:
    for case in known_answers["philox4x32_10"]:
        counter, key, out = known_philox(case)
        assert _core.philox4x32_10(counter, key) == out
        assert reference.philox4x32_10(counter, key) == out


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    length = st.one_of(st.sampled_from(TAILS), st.integers(1, 300))
    n_matrices = draw(st.integers(1, 3))
    return {
        "n_samples": draw(st.sampled_from([0, 1, 2, 3, 5, 6, 7, 63, 64, 65, 130])),
        "n_features": draw(length),
        "widths": [draw(length) for _ in range(n_matrices)],
        "weight_bits": draw(st.sampled_from(WEIGHT_BITS)),
        "activation": draw(st.sampled_from(["step", "sign"])),
        "seed": draw(st.integers(0, 2**64 - 1)),
        "data": draw(st.integers(0, 2**32)),
        "bits_in": draw(st.booleans()),
        "n_threads": draw(st.integers(1, 3)),
    }


def equals_reference(level: str, kernel: str, case: dict[str, Any]) -> None:
    make = random_bits if case["bits_in"] else random_bytes
    X = make(case["data"], case["n_samples"], case["n_features"])
    network = StepNetwork(
        case["n_features"],
        len(case["widths"]) - 1,
        width=case["widths"],
        weight_bits=case["weight_bits"],
        activation=case["activation"],
        seed=case["seed"],
    )
    outputs = network.propagate_all(
        BitMatrix.from_array(X) if case["bits_in"] else X, n_threads=case["n_threads"]
    )
    expected = reference.propagate(
        X,
        case["widths"],
        weight_bits=case["weight_bits"],
        activation=case["activation"],
        seed=case["seed"],
    )
    for bits, right in zip(outputs, expected, strict=True):
        np.testing.assert_array_equal(bits.to_array(), right)
        BitMatrix(bits.words, bits.n_bits)  # raises where a tail bit is set


PROPERTY = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
# Every level times every kernel: few examples of each are many.
test_equals_reference = settings(PROPERTY, max_examples=12)(given(case=cases())(equals_reference))
test_equals_reference_at_length = pytest.mark.slow(
    settings(PROPERTY, max_examples=100)(given(case=cases())(equals_reference))
)


@pytest.mark.parametrize("weight_bits", WEIGHT_BITS)
@pytest.mark.parametrize("n_features", [40_000, 65_536, 65_537])
def test_no_overflow(level: str, weight_bits: int, n_features: int) -> None:
    """Every input 255: the sums leave 32 bits at 24-bit weights, and come near at 8."""
    X = np.full((2, n_features), 255, dtype=np.uint8)
    X[1, ::3] = 0
    network = StepNetwork(n_features, width=5, weight_bits=weight_bits, seed=9)
    expected = reference.propagate(X, [5], weight_bits=weight_bits, seed=9)[0]
    np.testing.assert_array_equal(network.propagate(X).to_array(), expected)


@pytest.mark.parametrize("weight_bits", WEIGHT_BITS)
def test_no_overflow_of_bits(level: str, kernel: str, weight_bits: int) -> None:
    bits = np.ones((2, 40_000), dtype=np.uint8)
    bits[1, ::7] = 0
    for activation in ("step", "sign"):
        widths = [40_000, 3]
        # The second matrix reads 40,000 bits; the first is bypassed to keep the test short.
        network = StepNetwork(
            3, 1, width=widths, weight_bits=weight_bits, activation=activation, seed=4
        )
        w = reference.weights(40_000, 3, layer=1, weight_bits=weight_bits, seed=4)
        x = bits.astype(np.int64) if activation == "step" else 2 * bits.astype(np.int64) - 1
        expected = (reference.preactivations(x, w) > 0).astype(np.uint8)
        found = network.propagate_stage(1, BitMatrix.from_array(bits))
        np.testing.assert_array_equal(found.to_array(), expected)


@pytest.fixture
def _no_forced_kernel() -> Iterator[None]:
    yield
    _core.use_kernel("")


@pytest.mark.usefixtures("_no_forced_kernel")
def test_a_forced_kernel_serves_only_what_it_can() -> None:
    for name, case, other in (
        ("dot", (8, "bits", 65_537, 9), "popcount"),
        ("lut", (8, "bytes", 784, 9999), "dot"),
        ("lut", (8, "bits", 4097, 9999), "dot"),
        ("popcount", (8, "bytes", 784, 9), "popcount"),
        ("dot", (1, "bits", 784, 9), "dot"),
    ):
        _core.use_kernel(name)
        assert _core.forced_kernel() == name
        weight_bits, reads, *sizes = case
        assert _core.kernel_choice(weight_bits, _core.Features[reads], *sizes) == other


def test_zero_preactivation_gives_zero(level: str, kernel: str) -> None:
    """With 1-bit weights and pairs of inputs of opposite weight, z = 0 exactly."""
    network = StepNetwork(200, width=64, weight_bits=1, seed=3)
    w = network.weights(0)
    X = np.zeros((64, 200), dtype=np.uint8)
    for unit in range(64):
        plus, minus = np.flatnonzero(w[unit] == 1), np.flatnonzero(w[unit] == -1)
        n = min(len(plus), len(minus), 20)
        X[unit, plus[:n]] = X[unit, minus[:n]] = 77
    z = reference.preactivations(X, w)
    assert (np.diag(z) == 0).all()
    out = network.propagate(X).to_array()
    assert not np.diag(out).any()
    np.testing.assert_array_equal(out, (z > 0).astype(np.uint8))


def test_precision_is_nested() -> None:
    """More bits refine the same weights: u of b bits is u of 8 bits without its last 8 - b."""
    fine = (StepNetwork(70, width=140, weight_bits=24, seed=5).weights(0) + 2**24 - 1) // 2
    for bits in (1, 2, 4, 8):
        w = StepNetwork(70, width=140, weight_bits=bits, seed=5).weights(0)
        np.testing.assert_array_equal((w + 2**bits - 1) // 2, fine >> (24 - bits))


def test_weights_are_uniform_on_the_grid() -> None:
    w = StepNetwork(784, width=784, weight_bits=8, seed=11).weights(0)
    assert w.dtype == np.int32
    assert set(np.unique(w).tolist()) == set(range(-255, 256, 2))
    # 614,656 draws of variance 256^2 / 3: the mean within 5 standard errors of 0.
    assert abs(w.mean()) < 5 * 256 / np.sqrt(3 * w.size)
    assert abs(w.var() / ((256**2 - 1) / 3) - 1) < 0.01


def test_threads_do_not_change_the_result(level: str, kernel: str) -> None:
    X = random_bytes(0, 1000, 300)
    network = StepNetwork(300, 2, width=[520, 200, 70], weight_bits=4)
    expected = network.propagate(X, n_threads=1)
    for n_threads in (2, 3, 8, 64):
        assert network.propagate(X, n_threads=n_threads) == expected


@cache
def few_samples(n_samples: int) -> NDArray[np.uint8]:
    w = reference.weights(6000, 3001, layer=0, weight_bits=2, seed=8)
    return (reference.preactivations(random_bytes(1, n_samples, 6000), w) > 0).astype(np.uint8)


@pytest.mark.parametrize("n_samples", [1, 3])
def test_few_samples_split_over_units(level: str, kernel: str, n_samples: int) -> None:
    """With fewer rows than threads, a row's units are split."""
    X = random_bytes(1, n_samples, 6000)
    network = StepNetwork(6000, width=3001, weight_bits=2, seed=8)
    expected = few_samples(n_samples)
    for n_threads in (1, 4):
        found = network.propagate(X, n_threads=n_threads)
        np.testing.assert_array_equal(found.to_array(), expected)


def test_rows_do_not_depend_on_their_neighbours(level: str, kernel: str) -> None:
    X = random_bytes(2, 200, 100)
    network = StepNetwork(100, 1, width=90)
    whole = network.propagate(X)
    for rows in (slice(0, 1), slice(5, 6), slice(10, 17), slice(101, 200)):
        assert network.propagate(X[rows]) == whole[rows]


def test_inputs_are_taken_in_any_memory_order() -> None:
    X = random_bytes(3, 50, 60)
    network = StepNetwork(60)
    expected = network.propagate(X)
    assert network.propagate(np.asfortranarray(X)) == expected
    wide = np.zeros((50, 120), dtype=np.uint8)
    wide[:, ::2] = X
    assert network.propagate(wide[:, ::2]) == expected
    X.flags.writeable = False
    assert network.propagate(X) == expected


def test_wide_networks_are_not_kept() -> None:
    """Beyond 256 MiB of weights a matrix is laid out for the call and dropped."""
    network = StepNetwork(8, 2, width=[16_384, 16_384, 16])
    network.propagate(np.ones((1, 8), dtype=np.uint8))
    assert network.prepared_bytes == 0
    small = StepNetwork(8, 2)
    small.propagate(np.ones((1, 8), dtype=np.uint8))
    assert small.prepared_bytes > 0


def test_pickle_equality_repr() -> None:
    network = StepNetwork(20, 2, width=[7, 8, 9], weight_bits=2, activation="sign", seed=2**64 - 1)
    copy = pickle.loads(pickle.dumps(network))
    assert copy == network
    assert hash(copy) == hash(network)
    assert copy != StepNetwork(20, 2, width=[7, 8, 9], weight_bits=2, activation="sign")
    X = random_bytes(4, 9, 20)
    assert copy.propagate(X) == network.propagate(X)
    for shown in (network, StepNetwork(5), StepNetwork(5, 1, width=6)):
        assert eval(repr(shown), {"StepNetwork": StepNetwork}) == shown
    assert (network.n_features, network.layers, network.widths) == (20, 2, (7, 8, 9))
    assert (network.weight_bits, network.activation, network.seed) == (2, "sign", 2**64 - 1)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_features": 0}, ValueError, r"n_features must lie in \[1, 268435456\], got 0"),
        ({"n_features": 7.0}, TypeError, "n_features must be an integer, got float 7.0"),
        ({"n_features": True}, TypeError, "n_features must be an integer, got True"),
        ({"layers": -1}, ValueError, r"layers must lie in \[0, 100000\], got -1"),
        ({"layers": "2"}, TypeError, "layers must be an integer, got str '2'"),
        ({"width": 0}, ValueError, "width must lie in"),
        ({"layers": 1, "width": [3]}, ValueError, "width must have 2 entries.*got 1"),
        ({"width": [0]}, ValueError, r"width\[0\] must lie in"),
        ({"width": "8"}, TypeError, "width must be an integer, got str '8'"),
        ({"weight_bits": 3}, ValueError, "weight_bits must be one of 1, 2, 4, 8, 24, got 3"),
        ({"weight_bits": True}, ValueError, "weight_bits must be one of"),
        ({"activation": "relu"}, ValueError, "activation must be one of 'step', 'sign', got"),
        ({"seed": -1}, ValueError, "seed must lie in"),
        ({"seed": 2**64}, ValueError, "seed must lie in"),
        ({"seed": None}, TypeError, "seed must be an integer, got NoneType None"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        StepNetwork(**{"n_features": 4, **arguments})


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.zeros((2, 783), np.uint8), ValueError, "X has 783 features, the network expects 784"),
        (
            np.zeros((28, 28), np.uint8),
            ValueError,
            r"X has 28 features, the network expects 784; one sample is X.reshape\(1, -1\)",
        ),
        (np.zeros(784, np.uint8), ValueError, r"got \(784,\); one sample is X.reshape\(1, -1\)"),
        (
            np.zeros((1, 2, 2, 7, 28), np.uint8),
            ValueError,
            r"\(n_samples, height, width, channels\)",
        ),
        (np.zeros((2, 784)), TypeError, r"integers .* got float64; randprop.to_bytes\(X\) makes"),
        (np.full((2, 784), 256), ValueError, "integers from 0 to 255, got values from 256 to 256"),
        (np.full((2, 784), -1), ValueError, "integers from 0 to 255, got values from -1 to -1"),
        (np.full((2, 13), 2**63, np.uint64), ValueError, r"packed words are randprop.BitMatrix\("),
        ([["a"] * 784], TypeError, "X must hold real numbers, got dtype"),
        (None, TypeError, "got NoneType"),
    ],
)
def test_bad_input(X: Any, error: type[Exception], message: str) -> None:
    network = StepNetwork(784)
    with pytest.raises(error, match=message):
        network.propagate(X)


def test_integers_of_any_type_and_images_are_features() -> None:
    """Flat or as images and series, in any integer type: the same bytes, and so the same bits."""
    X = random_bytes(0, 6, 8 * 5 * 3)
    network = StepNetwork(120, 1, width=70)
    expected = network.propagate(X)
    for dtype in ("i2", ">i4", "i8", "u2", "<u8"):
        assert network.propagate(X.astype(dtype)) == expected
    for shape in ((6, 8, 15), (6, 8, 5, 3), (6, 120)):
        assert network.propagate(X.reshape(shape)) == expected
        assert network.propagate_all(X.reshape(shape).astype(int))[-1] == expected
    assert network.propagate(X.tolist()) == expected
    assert network.propagate(scipy.sparse.csr_array(X.astype(np.int64))) == expected
    bits = X > 99
    assert network.propagate(bits) == network.propagate(BitMatrix.from_array(bits))
    assert len(network.propagate(X[:0])) == 0
    with pytest.raises(ValueError, match="masked entries"):
        network.propagate(np.ma.masked_greater(X.astype(int), 200))


def test_bad_bits_and_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    network = StepNetwork(10)
    with pytest.raises(ValueError, match="X has 9 features, the network expects 10"):
        network.propagate(BitMatrix.from_array(np.zeros((1, 9), dtype=bool)))
    X = np.zeros((1, 10), dtype=np.uint8)
    with pytest.raises(ValueError, match="n_threads must be at least 1, or negative .* got 0"):
        network.propagate(X, n_threads=0)
    monkeypatch.setenv("RANDPROP_NUM_THREADS", "two")
    with pytest.raises(ValueError, match="RANDPROP_NUM_THREADS must be an integer.*'two'"):
        network.propagate(X)
    monkeypatch.setenv("RANDPROP_NUM_THREADS", "2")
    network.propagate(X)
    with pytest.raises(ValueError, match="kernel='abacus' is not a kernel; valid"):
        _core.use_kernel("abacus")
    with pytest.raises(ValueError, match=r"m must lie in \[0, 0\], got 1"):
        network.weights(1)


def test_core_refuses_wrong_shapes() -> None:
    """The compiled module guards itself: no shape may make it read past an array."""
    last = _core.Keep.last
    network = _core.Network(10, [_core.Dense(10, 8)], _core.Activation.step, 0)
    with pytest.raises(ValueError, match="X has 9 features"):
        network.propagate_bytes(np.zeros((1, 9), np.uint8), 0, 1, last, 1)
    with pytest.raises(ValueError, match="x must have 2 dimensions"):
        network.propagate_bytes(np.zeros(10, np.uint8), 0, 1, last, 1)
    with pytest.raises(ValueError, match="words must be packed words"):
        network.propagate_bits(np.zeros((1, 2), np.uint64), 10, 0, 1, last, 1)
    with pytest.raises(ValueError, match="are not among"):
        network.propagate_bytes(np.zeros((1, 10), np.uint8), 0, 2, last, 1)
    with pytest.raises(TypeError):
        network.propagate_bytes(np.zeros((1, 10), np.float64), 0, 1, last, 1)
    with pytest.raises(ValueError, match="weight_bits must be"):
        _core.Network(10, [_core.Dense(10, 3)], _core.Activation.step, 0)
    with pytest.raises(ValueError, match="stages must have"):
        _core.Network(10, [], _core.Activation.step, 0)
    with pytest.raises(RuntimeError):
        _core.Network.__new__(_core.Network).prepared_bytes(0)
    with pytest.raises(RuntimeError):
        _core.Network(10, [_core.Dense.__new__(_core.Dense)], _core.Activation.step, 0)


def test_readings_of_a_bit_input_do_not_depend_on_the_activation() -> None:
    bits = BitMatrix.from_array(random_bits(5, 20, 100))
    step, sign = (StepNetwork(100, activation=a) for a in ("step", "sign"))
    assert step.propagate(bits) == sign.propagate(bits)
    assert randprop.StepNetwork is StepNetwork


@pytest.mark.parametrize("activation", ["step", "sign"])
@pytest.mark.parametrize("top", [1, 2, 7, 8, 127, 128, 200, 32_000, 40_000, 2**22 - 1])
def test_own_weights_equal_reference(level, kernel, top, activation):
    rng = np.random.default_rng(top)
    W = rng.integers(-top, top + 1, (70, 131))
    W[0], W[1], W[2] = top, -top, 0
    X = random_bytes(top, 600, 131)
    got = randprop.apply_weights(X, W, activation=activation)
    np.testing.assert_array_equal(got.to_array(), reference.preactivations(X, W) > 0)
    bits = random_bits(top, 600, 131)
    got = randprop.apply_weights(BitMatrix.from_array(bits), W, activation=activation)
    x = readings(bits, activation, first=False)
    np.testing.assert_array_equal(got.to_array(), reference.preactivations(x, W) > 0)


def test_own_weights_may_be_those_of_a_seed():
    network = StepNetwork(100, 1, width=90, activation="sign", seed=3)
    X = random_bytes(1, 40, 100)
    hidden = randprop.apply_weights(X, network.weights(0))
    got = randprop.apply_weights(hidden, network.weights(1), activation="sign")
    assert got == network.propagate(X)


def test_bad_own_weights():
    X = random_bytes(1, 4, 6)
    with pytest.raises(TypeError, match="W must hold integers, got dtype float64"):
        randprop.apply_weights(X, np.ones((3, 6)))
    with pytest.raises(ValueError, match=r"W must have shape \(n_out, n_in\)"):
        randprop.apply_weights(X, np.ones(6, dtype=int))
    with pytest.raises(ValueError, match="X has 6 features, the network expects 5"):
        randprop.apply_weights(X, np.ones((3, 5), dtype=int))
    for value in (2**22, -(2**22), 2**40):
        with pytest.raises(ValueError, match="W must lie between"):
            randprop.apply_weights(X, np.full((3, 6), value))
    with pytest.raises(ValueError, match="activation must be one of"):
        randprop.apply_weights(X, np.ones((3, 6), dtype=int), activation="relu")
