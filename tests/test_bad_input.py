"""Every public function with every kind of input it is not meant for.

The table is made, not written: parameters and their types come from the docstrings, what may be
raised from their "Raises" sections. What has no working call in public_api.py, or a parameter of a
type that no rule knows, fails here until it has.

An outcome is one of three. SAME: another spelling of the same value, which gives the same result.
ERROR: a documented error that names the parameter. EITHER: the value is as good as another to the
function, which takes it or refuses it as documented. Nothing crashes, warns of anything but data
that a network makes little of, or changes an object by a call that fails.
"""

from __future__ import annotations

import builtins
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import public_api
from randprop import BitMatrix

SAME, ERROR, EITHER = "same", "error", "either"
Case = tuple[str, Any, str]

ENTRIES = public_api.discover()

# Cases in which two parameters disagree, of which an error may name either.
SIZES = {"a row less", "no rows", "a column more", "no columns", "one more", "empty"}
ESTIMATORS = ("StepClassifier", "StepRegressor", "StepTransformer")
# The estimators' contract is scikit-learn's, which takes these for numbers.
LEFT_TO_SCIKIT_LEARN = {"bool", "huge integer", "dates"}


# --- values, by what the docstring says of a parameter ---------------------------------------


def strangers() -> Iterator[Case]:
    """What no parameter of this library takes."""
    yield "object", object(), ERROR
    yield "complex", 1j, ERROR
    yield "dict", {}, ERROR
    yield "a type", int, ERROR
    yield "a record array", np.zeros(2, dtype=[("a", "u1"), ("b", "f4")]), ERROR


def whole_numbers(good: Any, optional: bool) -> Iterator[Case]:
    yield from strangers()
    yield "None", None, EITHER if optional else ERROR
    yield "bool", True, ERROR
    yield "float", 2.0, ERROR
    yield "nan", float("nan"), ERROR
    yield "infinity", float("inf"), ERROR
    yield "float16", np.float16(1), ERROR
    yield "text", "3", ERROR
    yield "bytes", b"3", ERROR
    yield "list", [3], ERROR
    yield "array", np.array([3, 4]), ERROR
    yield "empty", np.array([]), ERROR
    yield "negative", -1, EITHER  # -1 jobs
    yield "very negative", -(10**30), ERROR
    yield "huge", 10**30, ERROR
    yield "astronomic", 10**5000, ERROR
    if good is not None:
        yield "int64", np.int64(good), SAME
        yield "uint8", np.uint8(good), SAME
        yield "big-endian", np.array(good, dtype=">i4")[()], SAME


def real_numbers(good: Any, optional: bool) -> Iterator[Case]:
    yield from strangers()
    yield "None", None, EITHER if optional else ERROR
    yield "bool", True, ERROR
    yield "nan", float("nan"), ERROR
    yield "infinity", float("inf"), ERROR
    yield "minus infinity", -float("inf"), ERROR
    yield "text", "1.0", ERROR
    yield "bytes", b"1.0", ERROR
    yield "list", [1.0], ERROR
    yield "array", np.array([1.0, 2.0]), ERROR
    yield "negative", -1.0, EITHER
    yield "huge", 1e300, EITHER
    yield "huge integer", 10**5000, ERROR
    if good is not None:
        yield "float64", np.float64(good), SAME
    yield "int", 1, EITHER


def choices(good: Any, optional: bool) -> Iterator[Case]:
    yield from strangers()
    yield "None", None, EITHER if optional else ERROR
    yield "bool", True, ERROR
    yield "float", 2.5, ERROR
    yield "nan", float("nan"), ERROR
    yield "huge", 10**30, ERROR
    yield "astronomic", -(10**5000), ERROR
    yield "negative", -1, ERROR
    yield "long text", "x" * 10_000_000, ERROR
    yield "other text", "no such choice", ERROR
    yield "empty text", "", ERROR
    yield "bytes", b"step", ERROR
    yield "array", np.array([1, 2]), ERROR
    yield "list", [good], ERROR
    if isinstance(good, int):
        yield "int64", np.int64(good), SAME


def flags(good: Any, optional: bool) -> Iterator[Case]:
    yield "numpy bool", np.bool_(good), SAME
    yield "text", "yes", ERROR
    yield "number", 3, ERROR
    yield "None", None, ERROR


def paths(good: Path, optional: bool) -> Iterator[Case]:
    yield from strangers()
    yield "None", None, EITHER if optional else ERROR
    yield "bool", True, ERROR
    yield "number", 3, ERROR
    yield "float", 1.5, ERROR
    yield "bytes", os.fsencode(good), ERROR
    yield "list", [str(good)], ERROR
    yield "text", str(good), SAME
    yield "zero byte", "a\0b", ERROR
    yield "no such folder", good.parent / "absent" / "file", EITHER
    yield "a file as folder", Path(__file__) / "file", ERROR
    yield "too long", good.parent / ("x" * 5000), ERROR


def layouts(array: np.ndarray) -> Iterator[Case]:
    """The same numbers, laid out otherwise."""
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), dtype=array.dtype)
    wide[..., ::2] = array
    yield "not contiguous", wide[..., ::2], SAME
    yield "backwards", array[::-1].copy()[::-1], SAME
    yield "Fortran order", np.asfortranarray(array), SAME
    frozen = array.copy()
    frozen.flags.writeable = False
    yield "read-only", frozen, SAME
    raw = np.zeros(array.nbytes + 1, dtype=np.uint8)
    shifted = raw[1:].view(array.dtype).reshape(array.shape)
    shifted[...] = array
    yield "not aligned", shifted, SAME
    yield "mask of nothing", np.ma.masked_array(array, mask=False), SAME
    hidden = np.ma.masked_array(array, mask=False)
    hidden[(0,) * array.ndim] = np.ma.masked
    yield "masked", hidden, ERROR


def shapes(array: np.ndarray) -> Iterator[Case]:
    """Too few and too many dimensions and entries."""
    yield "no dimensions", np.array(array.flat[0]), ERROR
    yield "a dimension more", array[None], ERROR
    if array.ndim > 1:
        yield "a dimension less", array[0], ERROR
        yield "a column more", np.concatenate([array, array[..., :1]], axis=-1), EITHER
        yield "no columns", array[..., :0], EITHER
    yield "a row less", array[:-1], EITHER
    yield "no rows", array[:0], EITHER
    yield "empty", np.array([]), EITHER if array.ndim == 1 else ERROR


def no_numbers(array: np.ndarray) -> Iterator[Case]:
    yield from strangers()
    yield "None", None, ERROR
    yield "bool", True, ERROR
    yield "number", 3, ERROR
    yield "nan", float("nan"), ERROR
    yield "text", "text", ERROR
    yield "bytes", b"text", ERROR
    yield "objects", np.full(array.shape, object(), dtype=object), ERROR
    yield "complex array", array + 1j, ERROR
    yield "dates", np.zeros(array.shape, dtype="M8[D]"), ERROR


def exact_arrays(array: np.ndarray, any_integer: bool) -> Iterator[Case]:
    """For an ndarray of one dtype, or of integers."""
    import pandas

    yield from layouts(array)
    yield from shapes(array)
    yield from no_numbers(array)
    if array.ndim < 3:
        frame = pandas.DataFrame(array) if array.ndim == 2 else pandas.Series(array)
        yield "DataFrame", frame, SAME if any_integer else ERROR
    yield "float64", array.astype(np.float64), ERROR
    yield "float16", np.zeros(array.shape, dtype=np.float16), ERROR
    yield "with NaN", np.full(array.shape, np.nan), ERROR
    yield "with infinity", np.full(array.shape, np.inf), ERROR
    yield "strings", array.astype(str), ERROR
    yield "bool array", array.astype(bool), ERROR
    if any_integer:
        yield "big-endian", array.astype(">i8"), SAME
        yield "list of lists", array.tolist(), SAME
        yield "negative", np.full(array.shape, -1), EITHER
        yield "huge", np.full(array.shape, 2**62), EITHER
        yield "beyond int64", np.full(array.shape, 2**64 - 1, dtype=np.uint64), EITHER
    else:
        yield "big-endian", array.astype(">i4"), ERROR
        yield "list of lists", array.tolist(), ERROR
        yield "negative", np.full(array.shape, -1), ERROR


def features(array: np.ndarray, of: str = "numbers") -> Iterator[Case]:
    """For an array-like of real numbers, of integers or of bits."""
    import pandas
    import scipy.sparse

    yield from layouts(array)
    for name, value, outcome in shapes(array):
        # One image: of another size, as a rule.
        yield name, value, EITHER if name == "a dimension more" else outcome
    yield "five dimensions", array[None, None, None], ERROR
    yield from no_numbers(array)
    yield "list of lists", array.tolist(), SAME
    yield "images", array[:, None], ERROR if of == "bits" else SAME
    yield "images of channels", array[:, None, None].tolist(), ERROR if of == "bits" else SAME
    yield "DataFrame", pandas.DataFrame(array), SAME
    nullable = pandas.DataFrame(array).astype("Int64")
    yield "nullable DataFrame", nullable, EITHER if of == "bits" else SAME
    missing = pandas.DataFrame(array).astype("Int64")
    missing.iloc[0, 0] = pandas.NA
    yield "DataFrame with a gap", missing, ERROR
    yield "DataFrame of texts", pandas.DataFrame(array.astype(str)), ERROR
    yield "DataFrame of categories", pandas.DataFrame(array).astype("category"), ERROR
    yield "integers as floats", array.astype(np.float64), SAME if of == "numbers" else ERROR
    yield "masked rows", [np.ma.masked_array(row, mask=row >= row.max()) for row in array], ERROR
    yield "big-endian", array.astype(">i4"), SAME
    yield "float16", array.astype(np.float16), SAME if of == "numbers" else ERROR
    yield "bool array", array.astype(bool), EITHER
    yield "strings", array.astype(str), EITHER
    yield "negative", np.full(array.shape, -1), EITHER if of == "numbers" else ERROR
    yield "huge", np.full(array.shape, 2**62), EITHER if of == "numbers" else ERROR
    yield "huge floats", np.full(array.shape, 1e300), EITHER
    yield "beyond int64", np.full(array.shape, 2**64 - 1, dtype=np.uint64), EITHER
    yield "sparse", scipy.sparse.csr_array(array), EITHER
    beyond = scipy.sparse.csr_array(array)
    beyond.indices[-1] = 10**8  # SciPy itself would write there
    yield "sparse, beyond its width", beyond, ERROR
    for name in ("nan", "inf", "-inf"):
        broken = array.astype(np.float64)
        broken[0, 0] = float(name)
        yield f"with {name}", broken, ERROR


def labels(array: np.ndarray, optional: bool) -> Iterator[Case]:
    import pandas

    yield from layouts(array)
    yield from shapes(array)
    for name, value, outcome in no_numbers(array):
        if name == "None" and optional:
            outcome = EITHER
        yield name, value, EITHER if name in ("dates", "complex array") else outcome
    yield "list", array.tolist(), SAME
    yield "Series", pandas.Series(array), SAME
    yield "big-endian", array.astype(">i4"), SAME
    yield "float16", array.astype(np.float16), EITHER
    yield "strings", array.astype(str), EITHER
    yield "bool array", array.astype(bool), EITHER
    yield "negative", -array, EITHER
    yield "huge", array + 2**60, EITHER
    yield "with NaN", np.full(array.shape, np.nan), ERROR
    yield "with infinity", np.full(array.shape, np.inf), ERROR


def bits(matrix: BitMatrix, optional: bool = False) -> Iterator[Case]:
    array = matrix.to_array()
    yield from no_numbers(array)
    yield "bytes of 0 and 1", array, EITHER
    yield "words", matrix.words, ERROR
    yield "list", array.tolist(), EITHER
    yield "floats", array.astype(float), ERROR
    yield "empty", [], EITHER
    yield (
        "a bit more",
        BitMatrix.from_array(np.zeros((len(array), array.shape[1] + 1), bool)),
        EITHER,
    )
    yield "no bits", BitMatrix.from_array(array[:, :0]), EITHER
    yield "no rows", matrix[:0], EITHER
    yield "a row less", matrix[:-1], EITHER
    padded = np.zeros((len(array), matrix.words.shape[1] + 1), dtype=np.uint64)
    padded[:, :-1] = matrix.words
    yield "words with gaps", BitMatrix(padded[:, :-1], matrix.n_bits), SAME


def several(good: Any, one: Iterator[Case]) -> Iterator[Case]:
    """For one value or a sequence of them."""
    yield from strangers()
    for name, value, outcome in one:
        if name not in ("list", "array", "empty", "None") and outcome != SAME:
            yield name, value, outcome
            yield f"[{name}]", [value], outcome
    yield "no entries", [], EITHER
    yield "nested", [[[]]], ERROR


def pairs(good: Any, optional: bool) -> Iterator[Case]:
    yield from strangers()
    yield "None", None, EITHER if optional else ERROR
    yield "number", 3.0, ERROR
    yield "one", (1.0,), ERROR
    yield "three", (0.0, 1.0, 2.0), ERROR
    yield "text", "ab", ERROR
    yield "texts", ("a", "b"), ERROR
    yield "nan", (0.0, float("nan")), ERROR
    yield "infinity", (0.0, float("inf")), ERROR
    yield "backwards", (1.0, 0.0), ERROR
    yield "bools", (False, True), EITHER
    yield "list", list(good), SAME
    yield "array", np.array(good), SAME


def counts(good: Any, optional: bool) -> Iterator[Case]:
    """For tuples and sequences of whole numbers."""
    yield from strangers()
    yield "None", None, EITHER if optional else ERROR
    yield "number", 3, ERROR
    yield "text", "abc", ERROR
    yield "floats", [1.5] * len(good), ERROR
    yield "texts", ["a"] * len(good), ERROR
    yield "nothing in it", [None] * len(good), ERROR
    yield "negative", [-1] * len(good), ERROR
    yield "huge", [10**30] * len(good), ERROR
    yield "astronomic", [10**5000] * len(good), ERROR
    yield "long", [7] * 300, EITHER
    yield "no entries", [], EITHER
    yield "one more", [*good, 1], EITHER
    yield "array", np.array(good), SAME
    yield "nested", [list(good)], ERROR


def objects(good: Any, optional: bool) -> Iterator[Case]:
    """For an object of a class."""
    yield from strangers()
    yield "None", None, EITHER if optional else ERROR
    yield "number", 3, ERROR
    yield "text", "text", ERROR
    yield "array", np.zeros((3, 3)), ERROR
    yield "its type", type(good) if good is not None else int, ERROR


def cases(kind: str, good: Any) -> Iterator[Case]:
    """Return the values to try for a parameter of a documented type."""
    optional = "optional" in kind or "default=None" in kind
    if kind == "ignored":
        return iter(())
    if kind == "object":
        return strangers()
    if kind.startswith("int, RandomState"):
        optional = True
    if kind.startswith("int or ndarray"):
        return (case for case in whole_numbers(good, optional) if case[0] not in ("array", "empty"))
    if kind.startswith("int or (int, int)"):  # an array of two is as good as a pair
        return (case for case in whole_numbers(good, optional) if case[0] != "array")
    if kind.startswith("sequence of Dense") and good is None:
        return strangers()
    if re.match(r"int (or|,) ?.*(sequence|iterable)|int, Dense", kind):
        return several(good, whole_numbers(3, optional))
    if re.match(r"str(,| or).*(iterable|sequence) of", kind):
        return several(good, choices("x", optional))
    if kind.startswith("str or (X_train"):
        return several(good, choices("x", optional))
    if kind.startswith("{array-like"):
        return features(good)
    if kind.startswith('"calibrated"'):
        return real_numbers(good, optional)
    if kind.startswith(("{", "str")):
        return choices(good, optional)
    if kind.startswith("int"):
        return whole_numbers(good, optional)
    if kind.startswith("float"):
        return real_numbers(good, optional)
    if kind.startswith("bool"):
        return flags(good, optional)
    if kind.startswith("path-like"):
        return paths(good, optional)
    if kind.startswith("(float, float)"):
        return pairs(good, optional)
    if kind.startswith(("(int", "tuple of int", "sequence of", "iterable of int")):
        return counts(good, optional)
    if kind.startswith("BitMatrix"):
        return bits(good)
    if "n_targets" in kind:
        return numbers(np.asarray(good), optional)
    if "of shape (n_samples,)" in kind or "of shape (n_classes,)" in kind:
        if kind.startswith("ndarray") and ("integer" in kind or "int64" in kind):
            return exact_arrays(good, any_integer=True)
        return labels(good, optional)
    if kind.startswith("ndarray of shape"):
        return exact_arrays(good, any_integer="dtype" not in kind or "dtype int64" in kind)
    if "shape (n_samples, n_features)" in kind:
        return features(good, "integers" if "of int" in kind else "numbers")
    if "shape (n_samples, n_bits)" in kind:
        return features(good, "bits")
    if kind.startswith("array-like"):
        return numbers(np.asarray(good), optional)
    if kind.startswith("list of dict"):
        return objects(good, optional)
    if re.match(r"[A-Z]\w+|concurrent\.|matplotlib\.", kind):
        return objects(good, optional)
    raise NotImplementedError(f"no rule for parameters of type {kind!r}")


def numbers(array: np.ndarray, optional: bool = False) -> Iterator[Case]:
    """For an array-like of floating-point numbers of any shape."""
    yield from strangers()
    yield "None", None, EITHER if optional else ERROR
    yield "text", "text", ERROR
    yield "objects", np.full(array.shape, object(), dtype=object), ERROR
    yield "complex array", array + 1j, ERROR
    yield "with NaN", np.full(array.shape, np.nan), ERROR
    yield "with infinity", np.full(array.shape, np.inf), ERROR
    yield "negative", np.full(array.shape, -7.0), EITHER
    yield "huge", np.full(array.shape, 1e300), EITHER
    yield "empty", np.array([]), EITHER
    yield "list", array.tolist(), SAME
    yield from layouts(array)


# --- the table -------------------------------------------------------------------------------


def test_everything_public_has_a_working_call() -> None:
    assert sorted(public_api.CALLS) == sorted(ENTRIES)


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_docstrings_name_the_parameters(name: str) -> None:
    entry = ENTRIES[name]
    assert sorted(entry.documented) == sorted(entry.signature)
    assert all(entry.documented.values())
    if entry.signature:
        assert entry.raises, "what bad input raises is documented"


def _allowed(entry: public_api.Entry) -> tuple[type[BaseException], ...]:
    found = []
    for name in entry.raises:
        error = getattr(builtins, name, None)
        assert isinstance(error, type), name
        found.append(error)
    return tuple(found)


def _is_named(error: Exception, parameter: str, label: str, entry: public_api.Entry) -> bool:
    """Whether the error names the parameter, or, where two disagree in size, the other."""
    if isinstance(error, OSError):
        return True  # names the file
    if entry.name.startswith(ESTIMATORS):
        return bool(str(error))  # scikit-learn's checks have words of their own
    named = entry.documented if label in SIZES else (parameter,)
    return any(re.search(rf"\b{name}\b", str(error)) for name in named)


PARAMETERS = [
    (name, parameter) for name in sorted(ENTRIES) for parameter in ENTRIES[name].documented
]


@pytest.mark.filterwarnings("ignore::randprop.RandpropDataWarning")
@pytest.mark.parametrize(("name", "parameter"), PARAMETERS)
def test_bad_input(name: str, parameter: str, tmp_path: Path) -> None:
    entry = ENTRIES[name]
    make = public_api.CALLS[name]
    call = make(tmp_path)
    # Not in the working call: no value is as good as its default.
    good = call.arguments.get(parameter)
    expected = call.function(**call.arguments)
    wrong = []
    estimator = name.startswith(ESTIMATORS)
    for number, (label, value, outcome) in enumerate(cases(entry.documented[parameter], good)):
        folder = tmp_path / f"case {number}"
        folder.mkdir()
        if estimator and label in LEFT_TO_SCIKIT_LEARN:
            outcome = EITHER
        call = make(folder)
        if isinstance(good, Path) and isinstance(value, (str, Path)):
            value = type(value)(str(value).replace(str(tmp_path), str(folder), 1))
        before = None if call.owner is None else public_api.snapshot(call.owner)
        arguments = {**call.arguments, parameter: value}
        try:
            result = call.function(**arguments)
        except _allowed(entry) as error:
            if outcome == SAME:
                wrong.append(f"{label}: refused: {error!r}")
            elif not _is_named(error, parameter, label, entry):
                wrong.append(f"{label}: the error does not name {parameter}: {error!r}")
            elif before is not None and public_api.snapshot(call.owner) != before:
                wrong.append(f"{label}: failed, and changed the object")
        except BaseException as error:
            wrong.append(f"{label}: {type(error).__name__} is not documented: {error!r}"[:300])
        else:
            if outcome == ERROR:
                wrong.append(f"{label}: taken, gave {str(result)[:80]!r}")
            elif outcome == SAME and not public_api.same(expected, result):
                wrong.append(f"{label}: another result")
    assert not wrong, f"{name}({parameter}):\n  " + "\n  ".join(wrong)
