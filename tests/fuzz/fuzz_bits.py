"""Atheris target, differential: a `BitMatrix` is what NumPy makes of the same bits.

Made from arrays, packed bytes and words of any layout and byte order, then selected from, pickled
and counted; what NumPy refuses, it refuses, and words with a bit past the last.
"""

from __future__ import annotations

import pickle

import atheris
import numpy as np

from harness import fuzz
from randprop.bits import BitMatrix


def _check(bits: BitMatrix, expected: np.ndarray) -> None:
    assert bits.shape == expected.shape
    np.testing.assert_array_equal(bits.to_array(), expected)
    np.testing.assert_array_equal(bits.popcount(), expected.sum(axis=1, dtype=np.int64))
    packed = np.packbits(expected, axis=1, bitorder="little")
    np.testing.assert_array_equal(bits.to_packbits(), packed)
    assert BitMatrix.from_packbits(packed, expected.shape[1]) == bits
    assert not bits.words.flags.writeable
    tail = bits.n_bits % 64
    assert not tail or not (bits.words[:, -1] >> np.uint64(tail)).any()


def _layout(array: np.ndarray, choice: int) -> np.ndarray:
    """Return the same values, laid out otherwise in memory."""
    if choice == 1:
        return np.asfortranarray(array)
    if choice == 2:
        wide = np.zeros((array.shape[0], 2 * array.shape[1]), dtype=array.dtype)
        wide[:, ::2] = array
        return wide[:, ::2]
    if choice == 3:
        return array[::-1].copy()[::-1]
    if choice == 4:  # not aligned
        raw = np.zeros(array.nbytes + 1, dtype=np.uint8)
        shifted = raw[1:].view(array.dtype).reshape(array.shape)
        shifted[...] = array
        return shifted
    return array


def _selector(from_: atheris.FuzzedDataProvider, n: int) -> object:
    kind = from_.ConsumeIntInRange(0, 4)
    if kind == 0:
        return from_.ConsumeIntInRange(-n - 2, n + 2)
    if kind == 1:
        ends = [from_.ConsumeIntInRange(-n - 3, n + 3) for _ in range(3)]
        return slice(*(None if end == n + 3 else end for end in ends))
    if kind == 2:
        return [from_.ConsumeIntInRange(-n - 1, n) for _ in range(from_.ConsumeIntInRange(0, 6))]
    if kind == 3:
        length = n if from_.ConsumeBool() else from_.ConsumeIntInRange(0, n + 1)
        return np.array([from_.ConsumeBool() for _ in range(length)], dtype=bool)
    return np.array(from_.ConsumeIntListInRange(3, -n, max(n - 1, -n)), dtype=">i2")


def test_one(data: bytes) -> None:
    """Make a matrix, compare, select, compare."""
    from_ = atheris.FuzzedDataProvider(data)
    n_samples, n_bits = from_.ConsumeIntInRange(0, 9), from_.ConsumeIntInRange(0, 200)
    layout = from_.ConsumeIntInRange(0, 4)
    choices = [from_.ConsumeIntInRange(0, 1) for _ in range(2)]
    dtype = from_.PickValueInList(["bool", "u1", "i1", ">i4", "<u8", ">u2"])
    selections = [_selector(from_, n_samples) for _ in range(from_.ConsumeIntInRange(0, 3))]
    raw = np.frombuffer(from_.ConsumeBytes(4000), dtype=np.uint8)
    values = np.resize(raw if raw.size else np.zeros(1, np.uint8), (n_samples, n_bits)) & 1
    bits = BitMatrix.from_array(_layout(values.astype(dtype), layout))
    _check(bits, values)
    words = _layout(np.array(bits.words), layout)
    if choices[0] and words.size:
        # One bit of the words is turned: a matrix of other bits, or a bit past the last.
        where = int(raw[:4].sum()) * 31 % (64 * words.size)
        words = np.array(words, order="C")
        words.reshape(-1)[where // 64] ^= np.uint64(1) << np.uint64(where % 64)
        row, bit = divmod(where, 64 * words.shape[1])
        if bit < n_bits:
            values = values.copy()
            values[row, bit] ^= 1
        else:
            try:
                BitMatrix(words, n_bits)
            except ValueError:
                return
            raise AssertionError("a bit past the last was taken")
    bits = BitMatrix(words, n_bits)
    _check(bits, values)
    for rows in selections:
        try:
            expected = values[[rows]] if isinstance(rows, int) else values[rows]
        except (IndexError, ValueError) as error:
            try:
                bits[rows]
            except type(error):
                continue
            raise AssertionError(f"{rows!r} was taken") from None
        if isinstance(rows, list) and not rows:
            expected = values[:0]
        _check(bits[rows], expected)
        assert pickle.loads(pickle.dumps(bits[rows])) == bits[rows]


if __name__ == "__main__":
    fuzz(test_one)
