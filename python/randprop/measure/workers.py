"""Calls of functions wherever they are to run: here, in processes, on a cluster."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from functools import partial
from itertools import islice
from time import monotonic
from typing import Any, TypeVar

from randprop._extras import need
from randprop._validation import check_jobs, told

__all__ = ["check_workers", "on_workers", "run_tasks", "sent_once", "side_by_side"]

_DASK = "distributed.cfexecutor"
_ASK_EVERY = 2.0  # seconds
_IN_FLIGHT = 4  # tasks handed to an executor at a time, for each of its workers
Result = TypeVar("Result")


def side_by_side(executor: Executor | str | None, n_jobs: int | None) -> int:
    """Return how many tasks run at a time: a large number of those elsewhere."""
    if isinstance(executor, str) or type(executor).__module__ == _DASK:
        return 1 << 16
    if executor is not None:
        return int(getattr(executor, "_max_workers", None) or 1)
    # Who has not loaded joblib has given it no other number to take for None.
    if n_jobs == 1 or (n_jobs is None and "joblib" not in sys.modules):
        return 1
    return int(_joblib().effective_n_jobs(n_jobs))


def _joblib() -> Any:
    return need("joblib", "n_jobs")


def run_tasks(
    tasks: Iterable[tuple[Callable[..., Result], tuple[Any, ...]]],
    *,
    executor: Executor | None,
    n_jobs: int | None,
) -> Iterator[Result]:
    """Call functions wherever they are to run, and give results as they come, in any order.

    Tasks are asked for as there is room, never all at once. The first exception is raised here.
    """
    if executor is not None:
        yield from _run_executor(executor, tasks)
        return
    jobs = side_by_side(None, n_jobs)
    if jobs == 1:
        for function, arguments in tasks:
            yield function(*arguments)
        return
    joblib = _joblib()
    calls = (joblib.delayed(function)(*arguments) for function, arguments in tasks)
    backend, _ = joblib.parallel.get_active_backend()
    if backend.supports_return_generator:
        parallel = joblib.Parallel(
            n_jobs=n_jobs, return_as="generator_unordered", pre_dispatch=2 * jobs
        )
        yield from parallel(calls)
        return
    # Backends such as multiprocessing and ray give many results at a time.
    with joblib.Parallel(n_jobs=n_jobs) as parallel:
        while lot := list(islice(calls, 8 * jobs)):
            yield from parallel(lot)


def check_workers(executor: object, n_jobs: object) -> None:
    """Raise TypeError or ValueError for what cannot run tasks, ImportError for want of joblib."""
    check_jobs("n_jobs", n_jobs)
    if executor is None and n_jobs not in (None, 1):
        _joblib()
    if executor is None or isinstance(executor, Executor):
        return
    if not isinstance(executor, str):
        raise TypeError(
            "executor must be a concurrent.futures.Executor or the address of a dask scheduler, "
            f"got {told(executor)}"
        )
    kind, _, place = executor.partition("://")
    if not kind.isalnum() or not place:
        raise ValueError(
            f"executor must be an address such as 'tcp://10.0.0.1:8786', got {told(executor)}"
        )


@contextmanager
def on_workers(executor: Executor | str | None) -> Iterator[Executor | None]:
    """Give an executor, that of a dask scheduler where its address was given."""
    if not isinstance(executor, str):
        yield executor
        return
    from randprop.measure.dask_scheduler import on_scheduler

    with on_scheduler(executor) as workers:
        yield workers


def sent_once(executor: Executor | None, value: Any) -> Any:
    """Return what to pass to tasks in place of a large object that many of them share.

    To dask the object goes as a task of its own, whose result the workers hand on to each other:
    where they die with it, dask makes it again. joblib maps large arrays, and other executors have
    no such place: they take the object itself.
    """
    if executor is None or type(executor).__module__ != _DASK:
        return value
    client: Any = executor._client  # type: ignore[attr-defined]
    with warnings.catch_warnings():  # that it is large is why it goes but once
        warnings.filterwarnings("ignore", message="Sending large graph")
        return client.submit(_same, value, pure=False)


def _same(value: Result) -> Result:
    return value


def _run_executor(
    executor: Executor, tasks: Iterable[tuple[Callable[..., Result], tuple[Any, ...]]]
) -> Iterator[Result]:
    submit, wait_for_one = _calls_of(executor)
    n_workers = _counter_of_workers(executor)
    waiting = iter(tasks)
    running: set[Future[Result]] = set()
    try:
        while True:
            room = max(0, _IN_FLIGHT * n_workers() - len(running))
            for function, arguments in islice(waiting, room):
                running.add(submit(function, *arguments))
            if not running:
                return
            for future in wait_for_one(running):
                result = future.result()
                running.remove(future)
                yield result
    finally:
        for future in running:
            future.cancel()


def _counter_of_workers(executor: Any) -> Callable[[], int]:
    """Return what tells how many workers there are now: those of dask come and go."""
    if type(executor).__module__ != _DASK:
        fixed = int(getattr(executor, "_max_workers", None) or 8)
        return lambda: fixed
    asked, found = -_ASK_EVERY, 1

    def count() -> int:
        nonlocal asked, found
        if monotonic() - asked >= _ASK_EVERY:
            found = max(1, sum(executor._client.nthreads().values()))
            asked = monotonic()
        return found

    return count


def _calls_of(executor: Any) -> tuple[Callable[..., Any], Callable[[set[Any]], set[Any]]]:
    """Return how a task is handed over, and how the first of several futures is waited for.

    The futures of dask's executor gather a result and then ask for its status. A worker that dies
    in between makes an error of a good result. The futures of its client have no such gap: theirs
    are used. dask computes the parts of a dead worker again.
    """
    if type(executor).__module__ != _DASK:
        return executor.submit, lambda futures: wait(futures, return_when=FIRST_COMPLETED).done
    client = executor._client

    def wait_for_one(futures: set[Any]) -> set[Any]:
        with client.as_current():  # it need not be the default one
            found: Any = sys.modules["distributed"].wait(futures, return_when="FIRST_COMPLETED")
        done: set[Any] = found.done
        return done

    return partial(client.submit, **executor._kwargs), wait_for_one
