"""Checks that name the argument, what was expected and what came."""

from __future__ import annotations

import operator
import os
import re
import reprlib
import sys
import threading
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "as_array", "as_integers", "as_reals", "check_array", "check_choice", "check_flag",
    "check_int", "check_integers", "check_ints", "check_jobs", "check_number", "check_path",
    "check_threads", "meant", "refuse_foreign", "refuse_masked", "several", "told",
]  # fmt: skip


def told(value: object) -> str:
    """Return what an error says came: the type, and the value where that is short."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}, shape {value.shape}"
    text = _shown(value)
    return type(value).__name__ + (f" {text}" if len(text) <= 80 else "")


def _shown(value: object) -> str:
    """Return a short repr, whatever the value: of a long list, of an integer of 5,000 digits."""
    try:
        return reprlib.repr(value)
    except Exception:
        return f"a {type(value).__name__} that cannot be shown"


def check_int(name: str, value: object, low: int, high: int) -> int:
    """Return `value` as an int of [low, high]; bool and float are not integers here."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, got {value}")
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {told(value)}") from None
    if not low <= number <= high:
        raise ValueError(f"{name} must lie in [{low}, {high}], got {_shown(number)}")
    return number


def check_choice(name: str, value: object, choices: Collection[Any]) -> Any:
    """Return `value` if it is one of `choices`, which are strings or integers."""
    if (
        isinstance(value, (str, int, np.integer))
        and not isinstance(value, bool)
        and value in choices
    ):
        return value
    listed = ", ".join(repr(choice) for choice in choices)
    came = _shown(value) if isinstance(value, (str, int)) else told(value)
    raise ValueError(f"{name} must be one of {listed}, got {came}{meant(value, choices)}")


def meant(value: object, choices: Iterable[Any]) -> str:
    """Return the end of an error that names the nearest of some choices; nothing if none is."""
    if not isinstance(value, str) or len(value) > 50:
        return ""
    import difflib  # only where something is wrong

    found = difflib.get_close_matches(value, [c for c in choices if isinstance(c, str)], n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def check_ints(name: str, values: object, low: int, high: int) -> list[int]:
    """Return a sequence or iterable as ints of [low, high]."""
    if isinstance(values, (str, bytes, dict)) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a sequence of integers, got {told(values)}")
    return [check_int(f"{name}[{i}]", value, low, high) for i, value in enumerate(values)]


def several(name: str, values: Any, check: Callable[[str, Any], Any]) -> list[Any]:
    """Check one value, or each of several, by a function of its name and itself."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        return [check(name, values)]
    checked = [check(f"{name}[{i}]", value) for i, value in enumerate(values)]
    if not checked:
        raise ValueError(f"{name} must have at least one entry, got none")
    return checked


def check_number(name: str, value: object) -> float:
    """Return `value` as a finite float; bool and text are not numbers here."""
    number = isinstance(value, (int, float, np.integer, np.floating))
    if not number or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, got {told(value)}")
    try:
        result = float(value)  # type: ignore[arg-type]
    except OverflowError:
        result = np.inf
    if not np.isfinite(result):
        raise ValueError(f"{name} must be finite, got {told(value)}")
    return result


def check_flag(name: str, value: object) -> bool:
    """Return True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {told(value)}")
    return bool(value)


def check_path(name: str, value: object) -> Path:
    """Return a path; bytes are not taken, whose encoding nobody knows."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} must be a path, got {told(value)}")
    text = os.fspath(value)
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a path as str, got bytes")
    if not text or "\0" in text:
        raise ValueError(f"{name} must be a path, got {text!r}")
    from pathlib import Path  # `import randprop` needs none

    return Path(text)


def check_jobs(name: str, value: object) -> int | None:
    """Return a number of threads or tasks: None, at least 1, or negative to count back from all."""
    number = None if value is None else check_int(name, value, -4096, 4096)
    if number == 0:
        raise ValueError(
            f"{name} must be at least 1, or negative to count back from all (-1: all, -2: all but "
            "one), got 0"
        )
    return number


def check_threads(n_threads: object) -> int:
    """Return how many threads to use.

    None means ``RANDPROP_NUM_THREADS`` if it is set, else every CPU that the process may use, or in
    a worker of a pool its share of them. A negative number counts back from all: -1 are all.
    """
    number = check_jobs("n_threads", n_threads)
    if number is not None and number > 0:
        return number
    text = os.environ.get("RANDPROP_NUM_THREADS", "")
    if text:
        return _counted_back(_named_threads(text), number)
    # Here, since the reference, which checks its arguments too, is independent of the core.
    import randprop._core as _core

    cpus = _core.available_cpus()
    if number is None:
        return min(_share_of_worker() or cpus, cpus)
    return _counted_back(cpus, number)


def _named_threads(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise ValueError(
            "RANDPROP_NUM_THREADS must be an integer from 1 to 4096, got " + reprlib.repr(text)
        ) from None
    return check_int("RANDPROP_NUM_THREADS", number, 1, 4096)


def _counted_back(most: int, number: int | None) -> int:
    return most if number is None else max(1, most + 1 + number)


def _share_of_worker() -> int | None:
    """Return how many threads are a worker's own; None outside of workers.

    A worker is a process that multiprocessing or loky started, or a task of joblib or dask. joblib
    shares the CPUs out among its processes and tells each by ``OMP_NUM_THREADS``; who is told
    nothing, or works in a thread beside others, has one. Asked of modules that are loaded already:
    in a worker they are.
    """
    modules = sys.modules
    processes, joblib = modules.get("multiprocessing.process"), modules.get("joblib.parallel")
    dask = modules.get("distributed.worker")
    if not (
        (processes is not None and processes.parent_process() is not None)
        or (joblib is not None and joblib.get_active_backend()[0].nesting_level)
        or (dask is not None and hasattr(dask.thread_state, "execution_state"))
    ):
        return None
    told = os.environ.get("OMP_NUM_THREADS", "")
    in_main = threading.current_thread() is threading.main_thread()
    return max(1, int(told)) if in_main and re.fullmatch("[0-9]{1,4}", told) else 1


def refuse_masked(name: str, values: object) -> None:
    """Refuse masked entries, in lists too: what stands under a mask is not to be used.

    `np.asarray` takes a mask off: whatever may have one comes here first.
    """
    # Whoever has a masked array has loaded numpy.ma, which is not loaded here for all others.
    ma = sys.modules.get("numpy.ma")
    if ma is not None and _is_masked(values, ma):
        raise ValueError(
            f"{name} has masked entries; leave out those samples, or fill them with `filled`"
        )


def _is_masked(values: object, ma: Any) -> bool:
    if isinstance(values, (list, tuple)):
        kinds = (list, tuple, ma.MaskedArray)
        return any(_is_masked(value, ma) for value in values if isinstance(value, kinds))
    return isinstance(values, ma.MaskedArray) and bool(ma.is_masked(values))


def check_array(name: str, values: object, dtype: type, n_dims: int) -> None:
    """Refuse what is not an array of exactly this dtype and number of dimensions."""
    wanted = np.dtype(dtype)
    if not isinstance(values, np.ndarray) or values.dtype != wanted:
        raise TypeError(f"{name} must be a {wanted} array, got {told(values)}")
    refuse_masked(name, values)
    if values.ndim != n_dims:
        raise ValueError(f"{name} must have {n_dims} dimensions, got shape {values.shape}")


def check_integers(name: str, values: ArrayLike, shape: tuple[int | str, ...]) -> NDArray[Any]:
    """Return an array of integers as it is; a name in `shape` stands for any length."""
    refuse_masked(name, values)
    array = as_array(name, values)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, got dtype {array.dtype}")
    if array.ndim != len(shape) or any(
        isinstance(want, int) and want != have
        for want, have in zip(shape, array.shape, strict=True)
    ):
        wanted = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        raise ValueError(f"{name} must have shape ({wanted}), got {array.shape}")
    if array.dtype == np.uint64 and array.size and int(array.max()) >= 2**63:
        raise ValueError(f"{name} must lie below 2**63, got {array.max()}")
    return array


def as_integers(name: str, values: ArrayLike, shape: tuple[int | str, ...]) -> NDArray[np.int64]:
    """Return `check_integers` in one block of int64."""
    return np.ascontiguousarray(check_integers(name, values, shape), dtype=np.int64)


def as_reals(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return an array of finite real numbers as float64."""
    refuse_masked(name, values)
    array = as_array(name, values)
    if array.dtype.kind not in "buif":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} must not contain NaN or infinity")
    return np.asarray(array, dtype=np.float64)


def as_array(name: str, values: ArrayLike, dtype: type | None = None) -> NDArray[Any]:
    """NumPy's array of what came, or an error that names it (ragged lists, for one)."""
    refuse_foreign(name, values)
    try:
        return np.asarray(values, dtype=dtype)
    except (TypeError, ValueError, RuntimeError) as error:
        # A RuntimeError is of a tensor that PyTorch follows.
        kind = ValueError if isinstance(error, ValueError) else TypeError
        cure = "; .float() makes it one that NumPy has" if "BFloat16" in str(error) else ""
        raise kind(f"{name} is no array: {error}{cure}") from None


def refuse_foreign(name: str, values: object) -> None:
    """Refuse what NumPy takes for one object, though other libraries have numbers in it."""
    library, kind = type(values).__module__.partition(".")[0], type(values).__name__
    if library == "polars" and kind == "LazyFrame":
        raise TypeError(f"{name} must be an array, got a polars LazyFrame; call .collect() first")
    if library == "scipy" and hasattr(values, "toarray"):
        raise TypeError(
            f"{name} must be a dense array, got a sparse {kind}; .toarray() makes it one"
        )
