"""BitMatrix: packing, selecting, guarding its invariants."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import random_bits
from randprop import BitMatrix, StepNetwork, apply_weights
from randprop.bits import stack


@given(st.integers(0, 2**32), st.integers(0, 5), st.integers(0, 200))
def test_round_trip(seed: int, n_samples: int, n_bits: int) -> None:
    A = random_bits(seed, n_samples, n_bits)
    bits = BitMatrix.from_array(A)
    assert bits.shape == (n_samples, n_bits)
    assert len(bits) == n_samples
    np.testing.assert_array_equal(bits.to_array(), A)
    np.testing.assert_array_equal(bits.to_packbits(), np.packbits(A, axis=1, bitorder="little"))
    assert BitMatrix.from_packbits(bits.to_packbits(), n_bits) == bits
    assert BitMatrix(bits.words.copy(), n_bits) == bits
    for j in range(n_bits):
        word = bits.words[:, j // 64] >> np.uint64(j % 64)
        np.testing.assert_array_equal(word & np.uint64(1), A[:, j])


def test_popcount(level: str) -> None:
    for n_bits in (0, 1, 63, 64, 65, 511, 512, 513, 1000):
        A = random_bits(n_bits, 9, n_bits)
        found = BitMatrix.from_array(A).popcount()
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, A.sum(axis=1))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int8, np.int64, np.uint64])
def test_from_array_takes_booleans_and_integers(dtype: type) -> None:
    A = random_bits(1, 4, 70)
    assert BitMatrix.from_array(A.astype(dtype)) == BitMatrix.from_array(A)
    assert BitMatrix.from_array(A.astype(dtype).tolist()) == BitMatrix.from_array(A)


def test_storage_is_aligned_and_read_only() -> None:
    for bits in (
        BitMatrix.from_array(random_bits(2, 3, 100)),
        StepNetwork(5).propagate(np.ones((3, 5), np.uint8)),
    ):
        assert bits.words.ctypes.data % 64 == 0
        with pytest.raises(ValueError, match="read-only"):
            bits.words[0, 0] = 1


def test_words_are_its_own(tmp_path: Path) -> None:
    """What the words came from may change: bits past the last stay zero, and the rest as it was."""
    source = np.lib.format.open_memmap(tmp_path / "words.npy", "w+", np.uint64, (3, 2))
    source[:] = 5
    whole = np.zeros((6, 4), dtype=np.uint64)
    for words in (np.full((3, 2), 5, np.uint64), source, whole[::2, ::2], whole[:3, :2]):
        words[:] = 5
        bits = BitMatrix(words, 100)
        words[:] = 2**64 - 1
        assert (bits.words == 5).all()
        assert bits.words.ctypes.data % 64 == 0


BITS = BitMatrix.from_array(random_bits(2, 9, 100))
MAKERS: dict[str, Callable[[], BitMatrix]] = {
    "words": lambda: BitMatrix(BITS.words.copy(), 100),
    "array": lambda: BitMatrix.from_array(BITS.to_array()),
    "packbits": lambda: BitMatrix.from_packbits(BITS.to_packbits(), 100),
    "slice": lambda: BITS[2:5],
    "steps": lambda: BITS[::2],
    "one row": lambda: BITS[3],
    "indices": lambda: BITS[[4, 1]],
    "mask": lambda: BITS[np.arange(9) > 3],
    "stack": lambda: stack([BITS, BITS[:4]]),  # type: ignore[return-value, list-item]
    "pickle": lambda: pickle.loads(pickle.dumps(BITS)),
    "copy": lambda: copy.deepcopy(BITS),
    "propagate": lambda: StepNetwork(100).propagate(BITS),
    "own weights": lambda: apply_weights(BITS, np.ones((7, 100), np.int64)),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_nobody_can_write_the_words(maker: str) -> None:
    bits = MAKERS[maker]()
    before = bits.words.copy()
    array: Any = bits.words
    assert array.flags.c_contiguous
    while isinstance(array, np.ndarray):
        with pytest.raises(ValueError, match="cannot set WRITEABLE flag"):
            array.flags.writeable = True
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1
        array = array.base
    with pytest.raises((ValueError, BufferError, TypeError)):
        memoryview(bits.words).cast("B")[0] = 1
    bits.words.shape = (-1,)
    np.testing.assert_array_equal(bits.words, before)


def test_selecting_rows() -> None:
    A = random_bits(3, 10, 77)
    bits = BitMatrix.from_array(A)
    mask = np.arange(10) % 3 == 0
    for rows in (slice(2, 7), slice(None, None, -2), slice(0, 0), [3, 1, 3], mask, [], [-1]):
        np.testing.assert_array_equal(bits[rows].to_array(), A[rows])
    np.testing.assert_array_equal(bits[-2].to_array(), A[-2:-1])
    assert np.shares_memory(bits[2:7].words, bits.words)
    with pytest.raises(IndexError, match="row 10 is out of range for 10 rows"):
        bits[10]
    with pytest.raises(IndexError):
        bits[[10]]
    for wrong in ((0, 1), "a", 1.5, None, [[1]]):
        with pytest.raises((TypeError, IndexError)):
            bits[wrong]


def test_a_slice_propagates_like_a_copy() -> None:
    bits = BitMatrix.from_array(random_bits(4, 20, 65))
    network = StepNetwork(65, 1)
    assert network.propagate(bits[3:12]) == network.propagate(bits)[3:12]


def test_pickle_and_copy() -> None:
    bits = BitMatrix.from_array(random_bits(5, 4, 90))
    for made in (pickle.loads(pickle.dumps(bits)), copy.copy(bits), copy.deepcopy(bits[1:])):
        assert made == (bits if len(made) == 4 else bits[1:])
    assert bits != bits[:3]
    assert bits != 1
    assert repr(bits) == "BitMatrix(n_samples=4, n_bits=90)"


def test_equality_tells_number_of_bits_apart() -> None:
    zeros = [BitMatrix.from_array(np.zeros((2, n), dtype=bool)) for n in (10, 11)]
    assert zeros[0] != zeros[1]


def test_tail_bits_are_refused() -> None:
    words = np.array([[0], [1 << 10]], dtype=np.uint64)
    with pytest.raises(ValueError, match=r"words\[1\] has bits set after bit 9, the last one"):
        BitMatrix(words, 10)
    assert BitMatrix(words, 11).popcount().tolist() == [0, 1]
    with pytest.raises(ValueError, match="after bit 9"):
        BitMatrix.from_packbits(np.array([[0, 255]], dtype=np.uint8), 10)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: BitMatrix(np.zeros((2, 2), np.uint8), 10), TypeError, "got an array of uint8"),
        (lambda: BitMatrix(np.zeros((2, 1), ">u8"), 10), TypeError, "got an array of >u8"),
        (lambda: BitMatrix([[0]], 10), TypeError, "got list"),
        (lambda: BitMatrix(np.zeros((2, 2), np.uint64), 10), ValueError, r"shape \(n_samples, 1\)"),
        (lambda: BitMatrix(np.zeros(2, np.uint64), 10), ValueError, r"got \(2,\)"),
        (lambda: BitMatrix(np.zeros((2, 1), np.uint64), -1), ValueError, "n_bits must lie in"),
        (lambda: BitMatrix(np.zeros((2, 1), np.uint64), 1.0), TypeError, "n_bits must be an int"),
        (lambda: BitMatrix.from_array(np.zeros((2, 3))), TypeError, "got dtype float64"),
        (lambda: BitMatrix.from_array(["ab"]), TypeError, "got dtype <U2"),
        (lambda: BitMatrix.from_array([0, 1]), ValueError, r"2 dimensions, got shape \(2,\)"),
        (lambda: BitMatrix.from_array([[0, 2]]), ValueError, "got values from 0 to 2"),
        (lambda: BitMatrix.from_array([[-1, 1]]), ValueError, "got values from -1 to 1"),
        (
            lambda: BitMatrix.from_packbits(np.zeros((1, 1), np.uint64), 8),
            TypeError,
            "packed must be a uint8 array .* got uint64",
        ),
        (
            lambda: BitMatrix.from_packbits(np.zeros((1, 1), np.uint8), 9),
            ValueError,
            r"shape \(n_samples, 2\) for 9 bits",
        ),
    ],
)
def test_bad_arguments(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
