"""Packed bits, the array type that every part of randprop speaks, and features: bits or bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

import randprop._core as _core
from randprop._validation import as_array, check_int, refuse_foreign, refuse_masked

__all__ = [
    "BitMatrix", "Features", "as_features", "bits_above", "stack", "trusted_bits",
]  # fmt: skip

_MAX_BITS = 1 << 28


def _n_words(n_bits: int) -> int:
    return (n_bits + 63) // 64


def _own(words: NDArray[np.uint64], n_bits: int) -> NDArray[np.uint64]:
    """Return a copy in memory of the core, which NumPy never lets become writeable again."""
    own = _core.empty_words(len(words), n_bits)
    own[...] = words
    return own


def _check_tails(words: NDArray[np.uint64], n_bits: int) -> None:
    tail = n_bits % 64
    if tail and np.any(words[:, -1] >> np.uint64(tail)):
        row = int(np.flatnonzero(words[:, -1] >> np.uint64(tail))[0])
        raise ValueError(f"words[{row}] has bits set after bit {n_bits - 1}, the last one")


class BitMatrix:
    """Rows of bits, 64 to a word.

    Bit j of a row is bit j % 64 of word j // 64. Bits past the last one are zero. The matrix owns
    its words. They are read-only, because all results rely on them.

    Parameters
    ----------
    words : ndarray of shape (n_samples, n_words), dtype uint64
        Packed rows, ``n_words = ceil(n_bits / 64)``. Copied.
    n_bits : int
        Number of bits of a row.

    Examples
    --------
    >>> import numpy as np
    >>> from randprop import BitMatrix
    >>> bits = BitMatrix.from_array(np.array([[1, 0, 1], [0, 0, 1]], dtype=np.uint8))
    >>> bits
    BitMatrix(n_samples=2, n_bits=3)
    >>> bits.words
    array([[5],
           [4]], dtype=uint64)
    >>> bits.popcount()
    array([2, 1])
    """

    __slots__ = ("_n_bits", "_words")

    _words: NDArray[np.uint64]
    _n_bits: int

    def __init__(self, words: NDArray[np.uint64], n_bits: int) -> None:
        n_bits = check_int("n_bits", n_bits, 0, _MAX_BITS)
        if not isinstance(words, np.ndarray) or words.dtype != np.dtype("=u8"):
            came = (
                f"an array of {words.dtype}"
                if isinstance(words, np.ndarray)
                else type(words).__name__
            )
            raise TypeError(
                f"words must be a uint64 array of packed bits, got {came}; "
                "use BitMatrix.from_array for 0/1 arrays, BitMatrix.from_packbits for bytes"
            )
        refuse_masked("words", words)
        if words.ndim != 2 or words.shape[1] != _n_words(n_bits):
            raise ValueError(
                f"words must have shape (n_samples, {_n_words(n_bits)}) for {n_bits} bits, "
                f"got {words.shape}"
            )
        # Copied before the look at the tails: the caller's array may change in between.
        words = _own(words, n_bits)
        _check_tails(words, n_bits)
        self._set(words, n_bits)

    def _set(self, words: NDArray[np.uint64], n_bits: int) -> None:
        """Take words that the core allocated: only those stay read-only for good."""
        words.flags.writeable = False
        self._words = words
        self._n_bits = n_bits

    @classmethod
    def from_array(cls, A: ArrayLike) -> BitMatrix:
        """Pack an array of 0 and 1.

        Parameters
        ----------
        A : array-like of shape (n_samples, n_bits), dtype bool or integer
            Every element 0 or 1.

        Returns
        -------
        BitMatrix
        """
        refuse_masked("A", A)
        array = as_array("A", A)
        if array.dtype.kind not in "bui":
            missing = " with missing values; fill them" if hasattr(A, "isna") else ""
            raise TypeError(
                f"A must hold booleans or integers 0 and 1, got dtype {array.dtype}{missing}"
            )
        if array.ndim != 2:
            raise ValueError(f"A must have 2 dimensions, got shape {array.shape}")
        if array.dtype.kind != "b" and array.size and (array.min() < 0 or array.max() > 1):
            raise ValueError(
                f"A must hold only 0 and 1, got values from {array.min()} to {array.max()}"
            )
        packed = np.packbits(array.astype(bool, copy=False), axis=1, bitorder="little")
        return cls.from_packbits(packed, array.shape[1])

    @classmethod
    def from_packbits(cls, packed: NDArray[np.uint8], n_bits: int) -> BitMatrix:
        """Make a matrix from the bytes of ``np.packbits(A, axis=1, bitorder="little")``.

        Parameters
        ----------
        packed : ndarray of shape (n_samples, ceil(n_bits / 8)), dtype uint8
            Packed rows.
        n_bits : int
            Bits of a row.

        Returns
        -------
        BitMatrix
        """
        n_bits = check_int("n_bits", n_bits, 0, _MAX_BITS)
        if not isinstance(packed, np.ndarray) or packed.dtype != np.uint8:
            came = getattr(packed, "dtype", type(packed).__name__)
            raise TypeError(f"packed must be a uint8 array as np.packbits makes it, got {came}")
        refuse_masked("packed", packed)
        n_bytes = (n_bits + 7) // 8
        if packed.ndim != 2 or packed.shape[1] != n_bytes:
            raise ValueError(
                f"packed must have shape (n_samples, {n_bytes}) for {n_bits} bits, "
                f"got {packed.shape}"
            )
        words = _core.empty_words(packed.shape[0], n_bits)
        words.view(np.uint8)[:, :n_bytes] = packed
        _check_tails(words, n_bits)
        result = cls.__new__(cls)
        result._set(words, n_bits)
        return result

    @property
    def words(self) -> NDArray[np.uint64]:
        """Packed rows: ndarray of shape (n_samples, n_words), dtype uint64, read-only."""
        return self._words.view()  # whose shape and dtype its holder may set

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return int(self._words.shape[0])

    @property
    def n_bits(self) -> int:
        """Number of bits of a row."""
        return self._n_bits

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_samples, n_bits)``."""
        return self.n_samples, self.n_bits

    @property
    def nbytes(self) -> int:
        """Number of bytes of the words."""
        return int(self._words.nbytes)

    def to_array(self) -> NDArray[np.uint8]:
        """Return the bits as an array of 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, n_bits), dtype uint8
        """
        if self.n_bits == 0:
            return np.zeros(self.shape, dtype=np.uint8)
        return np.unpackbits(
            self._words.view(np.uint8), axis=1, count=self.n_bits, bitorder="little"
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the bits as NumPy asks for an array: 0 and 1, as `to_array` gives them."""
        if copy is False:
            raise ValueError("copy must not be False: a BitMatrix holds packed bits, not 0 and 1")
        bits = self.to_array()
        return bits if dtype is None else bits.astype(dtype, copy=False)

    def __dlpack__(self, **options: Any) -> Any:
        """Return the bits for ``from_dlpack`` of another library: a copy, 0 and 1 as bytes.

        `words`, packed, go there as the array that they are.
        """
        if options.get("copy") is False:
            raise BufferError("copy must not be False: a BitMatrix holds packed bits, not 0 and 1")
        return self.to_array().__dlpack__(**{k: v for k, v in options.items() if k != "copy"})

    def __dlpack_device__(self) -> tuple[int, int]:
        """Say that the bits are in the memory of the CPU."""
        return (1, 0)

    def to_packbits(self) -> NDArray[np.uint8]:
        """Return the bytes that ``np.packbits(..., bitorder="little")`` gives for the rows.

        Returns
        -------
        ndarray of shape (n_samples, ceil(n_bits / 8)), dtype uint8
        """
        return self._words.view(np.uint8)[:, : (self.n_bits + 7) // 8].copy()

    def popcount(self) -> NDArray[np.int64]:
        """Count the set bits of each row.

        Returns
        -------
        ndarray of shape (n_samples,), dtype int64
        """
        return _core.row_popcounts(self._words, self._n_bits)

    def __len__(self) -> int:
        return self.n_samples

    def __getitem__(self, rows: Any) -> BitMatrix:
        """Select rows by a slice (a view where its step is 1), indices or a mask."""
        if isinstance(rows, (int, np.integer)) and not isinstance(rows, (bool, np.bool_)):
            index = int(rows)
            if not -self.n_samples <= index < self.n_samples:
                raise IndexError(f"row {index} is out of range for {self.n_samples} rows")
            rows = slice(index % self.n_samples, index % self.n_samples + 1)
        elif not isinstance(rows, slice):
            if isinstance(rows, tuple):
                raise TypeError("a BitMatrix is indexed only by rows; to_array() gives the bits")
            refuse_masked("rows", rows)
            rows = np.asarray(rows)
            if rows.size == 0 and rows.dtype.kind == "f":
                rows = rows.astype(np.intp)
            if rows.ndim != 1 or rows.dtype.kind not in "bui":
                raise TypeError(
                    "rows must be an integer, a slice, or a 1-dimensional array of integers or "
                    f"booleans, got {type(rows).__name__} of dtype {rows.dtype}, "
                    f"shape {rows.shape}"
                )
        words = self._words[rows]
        if not (words.flags.c_contiguous and isinstance(rows, slice)):
            words = _own(words, self._n_bits)
        return trusted_bits(words, self._n_bits)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BitMatrix):
            return NotImplemented
        return self.shape == other.shape and bool(np.array_equal(self._words, other._words))

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return BitMatrix, (self._words.view(), self._n_bits)

    def __repr__(self) -> str:
        return f"BitMatrix(n_samples={self.n_samples}, n_bits={self.n_bits})"


Features: TypeAlias = BitMatrix | NDArray[np.uint8]


def trusted_bits(words: NDArray[np.uint64], n_bits: int) -> BitMatrix:
    """Wrap words that the core made, tails zero: without a copy, and read-only from here on."""
    result = BitMatrix.__new__(BitMatrix)
    result._set(words, n_bits)
    return result


def bits_above(X: NDArray[np.uint8], level: float, n_threads: int = 1) -> BitMatrix:
    """Return the bits X > level."""
    if not 0.0 <= level < 255.0:
        return BitMatrix.from_array(np.full(X.shape, level < 0.0))
    words = _core.bits_above(np.ascontiguousarray(X), int(level), n_threads)
    return trusted_bits(words, X.shape[1])


def as_features(name: str, features: object) -> Features:
    """Return bits, or bytes in one block; what is neither is refused."""
    if isinstance(features, BitMatrix):
        return features
    if not isinstance(features, np.ndarray) or features.dtype != np.uint8:
        refuse_foreign(name, features)
        came = (
            f"an array of {features.dtype}"
            if isinstance(features, np.ndarray)
            else type(features).__name__
        )
        raise TypeError(
            f"{name} must be a BitMatrix or a uint8 array of features 0 to 255, "
            f"got {came}; BitMatrix.from_array packs 0/1 arrays"
        )
    refuse_masked(name, features)
    if features.ndim != 2:
        raise ValueError(
            f"{name} must have 2 dimensions (n_samples, n_features), got shape {features.shape}"
        )
    return np.ascontiguousarray(features)


def stack(parts: Sequence[Features]) -> Features:
    """Rows of several matrices of one kind and width, one below the other."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if isinstance(first, BitMatrix):
        words = _core.empty_words(sum(len(part) for part in parts), first.n_bits)
        np.concatenate([part.words for part in parts if isinstance(part, BitMatrix)], out=words)
        return trusted_bits(words, first.n_bits)
    return np.concatenate([part for part in parts if isinstance(part, np.ndarray)])
