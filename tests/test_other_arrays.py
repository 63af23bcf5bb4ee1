"""Arrays of other libraries: what bits are to them, and what is said where they are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse

import randprop
from randprop import BitMatrix, Centroids, StepClassifier

A = np.random.default_rng(2).integers(0, 2, (5, 67), dtype=np.uint8)
BITS = BitMatrix.from_array(A)
Y = [0, 1, 0, 1, 1]


def test_bits_are_an_array() -> None:
    np.testing.assert_array_equal(np.asarray(BITS), A)
    assert np.asarray(BITS).dtype == np.uint8
    assert np.asarray(BITS, dtype=np.float32).dtype == np.float32
    np.testing.assert_array_equal(np.array(BITS, copy=True), A)
    with pytest.raises(ValueError, match="holds packed bits"):
        np.array(BITS, copy=False)
    changed = np.asarray(BITS)
    changed[:] = 0
    np.testing.assert_array_equal(BITS.to_array(), A)


def test_bits_by_dlpack() -> None:
    found = np.from_dlpack(BITS)
    np.testing.assert_array_equal(found, A)
    assert BITS.__dlpack_device__() == (1, 0)
    with pytest.raises(BufferError, match="holds packed bits"):
        BITS.__dlpack__(copy=False)
    del found
    np.testing.assert_array_equal(BITS.to_array(), A)
    np.testing.assert_array_equal(BitMatrix.from_array(np.from_dlpack(BITS)).words, BITS.words)


def test_words_are_as_before() -> None:
    """Nothing takes packed words for features, or bits for bytes, that did not."""
    with pytest.raises(TypeError, match="X must be an array of features, got a BitMatrix"):
        randprop.to_bytes(BITS)
    with pytest.raises(TypeError, match="got a BitMatrix"):
        randprop.evaluate(0, dataset=(BITS, Y, BITS, Y))
    assert BitMatrix(BITS.words, 67) == BITS


def test_sparse_matrices_where_none_is_taken() -> None:
    sparse = scipy.sparse.csr_matrix(A)
    for name, call in {
        "A": lambda: BitMatrix.from_array(sparse),
        "bits": lambda: Centroids().fit(sparse, Y),
        "y": lambda: StepClassifier(width=8).fit(A, scipy.sparse.csr_array(np.array([Y]).T)),
    }.items():
        with pytest.raises(TypeError, match=rf"^{name} must be a dense array, got a sparse csr_"):
            call()


def test_lazy_frames_of_polars() -> None:
    polars = pytest.importorskip("polars")
    lazy = polars.LazyFrame(A)
    for name, call in {
        "X": lambda: StepClassifier(width=8).fit(lazy, Y),
        "A": lambda: BitMatrix.from_array(lazy),
        "y": lambda: StepClassifier(width=8).fit(A, lazy),
        "X_train": lambda: randprop.evaluate(0, dataset=(lazy, Y, A, Y)),
    }.items():
        with pytest.raises(TypeError, match=rf"^{name} must be .* LazyFrame; call .collect\(\)"):
            call()
    frame = lazy.collect()
    assert StepClassifier(width=8).fit(frame, Y).predict(frame).shape == (5,)


def test_missing_values_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": pandas.array([1, 0, None], dtype="Int64")})
    with pytest.raises(TypeError, match="A must hold .* with missing values; fill them"):
        BitMatrix.from_array(frame)
    with pytest.raises(ValueError, match="column 'a' of X has missing values; fill them"):
        StepClassifier(width=8).fit(frame, [0, 1, 1])


class Tensor:
    """What a tensor of PyTorch does where NumPy cannot have its numbers."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise self.error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach()"),
         "X is no array: Can't call numpy.*detach"),
        (TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu()"),
         "X is no array: can't convert cuda.*cpu"),
        (TypeError("Got unsupported ScalarType BFloat16"), r"BFloat16; \.float\(\) makes it one"),
    ],
)  # fmt: skip
def test_tensors(error: Exception, message: str) -> None:
    for call in (randprop.to_bytes, StepClassifier(width=8).fit):
        with pytest.raises(TypeError, match=message):
            call(Tensor(error), *([Y] if call is not randprop.to_bytes else []))
