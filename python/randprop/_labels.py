"""Labels: what they may be, and how sets of them unite, in one place.

A label is a boolean, an integer that int64 or uint64 holds, a finite float that float64 holds, or
text that UTF-8 holds. Labels of one set are of one kind, except that integers go with floats where
each is exact as a float. Nothing is rounded, wrapped, cut or merged: what cannot be kept exactly is
refused with the reason. Integers of different types become int64, or uint64 where they must.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._validation import as_array, refuse_masked, told

__all__ = [
    "agreement", "as_classes", "as_codes", "as_labels", "codes_among", "distinct",
    "in_one_type", "unite",
]  # fmt: skip

_KINDS = {"b": "booleans", "i": "integers", "u": "integers", "f": "floats", "U": "strings"}


def as_labels(name: str, y: ArrayLike, n_samples: int, of: str) -> NDArray[Any]:
    """Return labels as an array of shape (n_samples,); `of` is what errors call the samples."""
    labels = as_classes(name, y)
    if labels.shape[0] != n_samples:
        raise ValueError(f"{name} has {labels.shape[0]} labels for {n_samples} samples of {of}")
    return labels


def as_classes(name: str, y: ArrayLike) -> NDArray[Any]:
    """Return labels as an array of 1 dimension: bool, an integer type, float64 or text."""
    refuse_masked(name, y)
    # Of a list each value is looked at before NumPy makes all of them one type.
    is_array = hasattr(y, "dtype") or hasattr(y, "__array__")
    labels = as_array(name, y, dtype=None if is_array else object)
    if labels.ndim != 1:
        hint = "; give it as y.ravel()" if labels.ndim == 2 and labels.shape[1] == 1 else ""
        raise ValueError(f"{name} must have 1 dimension, got shape {labels.shape}{hint}")
    if labels.dtype.kind in "OT":
        return _of_values(name, labels.tolist())
    return _of_array(name, labels)


def as_codes(labels: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.int32]:
    """Return the position of each label in the sorted array `classes`, which holds all of them."""
    return np.searchsorted(classes, labels.astype(classes.dtype, copy=False)).astype(np.int32)


def codes_among(
    name: str, labels: NDArray[Any], classes: NDArray[Any], of: str
) -> NDArray[np.int32]:
    """Return `as_codes`; labels that `of`, whose classes these are, has not are refused."""
    every = unite([classes, labels], f"{name} and {of}")
    if len(every) > len(classes):
        unseen = np.setdiff1d(every, classes.astype(every.dtype))
        raise ValueError(f"{name} has labels that {of} does not have: {unseen[:5].tolist()}")
    return as_codes(labels, classes)


def agreement(name: str, labels: NDArray[Any], predicted: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell where two arrays of labels are equal; those of different kinds never could be."""
    right, found = in_one_type(f"{name} and the classes", labels, predicted)
    return np.asarray(right == found)


def in_one_type(names: str, *labels: NDArray[Any]) -> list[NDArray[Any]]:
    """Return several arrays of labels in the type that holds all of them exactly."""
    dtype = _common(names, labels)
    return [array.astype(dtype, copy=False) for array in labels]


def distinct(labels: NDArray[Any]) -> NDArray[Any]:
    """Return the labels that there are, sorted.

    `numpy.unique` counts integers in a hash table that a daemon thread cannot leave when the
    interpreter ends: the process would abort. Sorting can be left.
    """
    found = np.sort(labels)
    return found[np.concatenate([[True], found[1:] != found[:-1]])] if found.size else found


def unite(known: Sequence[NDArray[Any]], names: str = "y and classes") -> NDArray[Any]:
    """Return every label of several arrays of labels, sorted; `names` is what errors call them."""
    some = [distinct(labels) for labels in known if labels.size]
    if not some:
        return known[0]
    dtype = _common(names, some)
    return distinct(np.concatenate([labels.astype(dtype, copy=False) for labels in some]))


def _common(names: str, arrays: Sequence[NDArray[Any]]) -> np.dtype[Any]:
    """Return the type that holds every label of these arrays exactly."""
    some = [labels for labels in arrays if labels.size] or arrays[:1]
    kinds = {_KINDS[labels.dtype.kind] for labels in some}
    _check_kinds(names, kinds)
    if len({labels.dtype for labels in some}) == 1:
        return some[0].dtype
    if kinds == {"strings"}:
        return max((labels.dtype for labels in some), key=lambda dtype: dtype.itemsize)
    integers = [labels for labels in some if labels.dtype.kind in "iu"]
    if "floats" in kinds:
        for labels in integers:
            _check_exact(names, labels)
        return np.dtype(np.float64)
    low = min(int(labels.min()) for labels in integers)
    return _integer_type(names, low, max(int(labels.max()) for labels in integers))


def _check_kinds(names: str, kinds: set[str]) -> None:
    if len(kinds) > 1 and kinds != {"integers", "floats"}:
        raise TypeError(
            f"{names} must hold only numbers or only strings, and booleans are neither; got "
            f"{' and '.join(sorted(kinds))}"
        )


def _check_exact(names: str, integers: NDArray[Any]) -> None:
    """Refuse integers that are to stand beside floats and would be rounded."""
    if int(integers.min()) >= -(2**53) and int(integers.max()) <= 2**53:
        return
    for value in distinct(integers).tolist():
        if int(float(value)) != value:
            raise ValueError(
                f"{names} hold integers and floats, and as a float {value} would be rounded"
            )


def _integer_type(names: str, low: int, high: int) -> np.dtype[Any]:
    if low >= -(2**63) and high < 2**63:
        return np.dtype(np.int64)
    if low >= 0 and high < 2**64:
        return np.dtype(np.uint64)
    raise ValueError(
        f"integers of {names} must fit into 64 bits, with a sign or without, got {told(low)} "
        f"and {told(high)}; give larger ones as strings"
    )


def _of_values(name: str, values: list[Any]) -> NDArray[Any]:
    """Return Python's and NumPy's scalars as an array."""
    kinds = {}
    for cls in set(map(type, values)):
        kind = _kind_of(cls)
        if kind is None:
            first = next(value for value in values if type(value) is cls)
            raise TypeError(f"{name} must hold numbers or strings, got {told(first)}{_hint(cls)}")
        kinds[cls] = kind
    found = set(kinds.values())
    _check_kinds(name, found)
    if not found:
        return np.empty(0)
    if found == {"strings"}:
        # What a subclass holds, not what it shows, as members of an enumeration do.
        texts = [str.__str__(value) for value in values]
        ended = next((text for text in texts if text.endswith("\0")), None)
        if ended is not None:
            raise ValueError(f"{name} must not end in NUL, which NumPy drops, got {ended!a}")
        return _of_array(name, np.array(texts, dtype=np.str_))
    if found == {"booleans"}:
        return np.array(values, dtype=np.bool_)
    integers = [operator.index(value) for value in values if kinds[type(value)] == "integers"]
    if integers:
        whole = np.array(integers, dtype=_integer_type(name, min(integers), max(integers)))
        if found == {"integers"}:
            return whole
        _check_exact(name, whole)
    # Not float64 at once: of a long double it is to be seen whether it fits.
    wide = np.longdouble if np.longdouble in kinds else np.float64
    return _of_array(name, np.array(values, dtype=wide))


def _kind_of(cls: type) -> str | None:
    if issubclass(cls, (bool, np.bool_)):
        return "booleans"
    if issubclass(cls, (int, np.integer)) and not issubclass(cls, np.timedelta64):
        return "integers"
    if issubclass(cls, (float, np.floating)):
        return "floats"
    return "strings" if issubclass(cls, str) else None


def _hint(cls: type) -> str:
    return "; decode bytes to str" if issubclass(cls, (bytes, bytearray)) else ""


def _of_array(name: str, labels: NDArray[Any]) -> NDArray[Any]:
    kind = labels.dtype.kind
    if kind not in _KINDS:
        hint = "; decode bytes, as by y.astype(str)" if kind == "S" else ""
        raise TypeError(f"{name} must hold numbers or strings, got dtype {labels.dtype}{hint}")
    if kind == "f":
        if not np.all(np.isfinite(labels)):
            raise ValueError(f"{name} must not contain NaN or infinity")
        with np.errstate(over="ignore"):
            floats = labels.astype(np.float64)
        if not np.array_equal(floats, labels):
            raise ValueError(f"{name} holds floats of {labels.dtype} that float64 would round")
        return floats + 0.0  # one zero
    labels = labels.astype(labels.dtype.newbyteorder("="), copy=False)
    if kind == "U" and labels.size:
        codes = np.ascontiguousarray(labels).view(np.uint32)
        bad = np.flatnonzero(((codes >= 0xD800) & (codes <= 0xDFFF)) | (codes > 0x10FFFF))
        if bad.size:
            raise ValueError(
                f"{name} must be text that UTF-8 holds; label {bad[0] * len(labels) // len(codes)} "
                "has a surrogate or another code that stands for no character"
            )
    return labels
