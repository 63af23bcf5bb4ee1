"""A fitted object has one state at a time: for whoever fails, is interrupted, or shares it."""

from __future__ import annotations

import linecache
import os
import pickle
import sys
import threading
from collections.abc import Callable
from copy import copy, deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import randprop
from helpers import HANG, random_bits
from randprop import (
    BitMatrix,
    Centroids,
    DiscriminantReadout,
    HammingNeighbors,
    Model,
    RidgeReadout,
    StepClassifier,
    StepNetwork,
)
from randprop.model.data_checks import DataWatch
from randprop.readouts.base import Readout, changing

READOUTS = [
    Centroids(), Centroids(metric="cosine"), RidgeReadout(), DiscriminantReadout(),
    HammingNeighbors(3),
]  # fmt: skip
NAMES = ["centroid", "cosine", "ridge", "discriminant", "knn"]
every_readout = pytest.mark.parametrize("empty", READOUTS, ids=NAMES)
N_BITS, N_PARTS, ROWS = 70, 12, 40
# Each part has a class that comes before those of all parts before it.
BITS = BitMatrix.from_array(random_bits(0, N_PARTS * ROWS, N_BITS))
PARTS = [
    (BITS[p * ROWS : (p + 1) * ROWS], np.where(np.arange(ROWS) % 3, 100, 50 - p))
    for p in range(N_PARTS)
]


def state(thing: Any) -> dict[str, Any]:
    """Return everything that an object holds, as values that compare."""
    found = {}
    for name, value in vars(thing).items():
        if isinstance(value, BitMatrix):
            value = value.words
        if isinstance(value, np.ndarray):
            value = value.dtype.str, value.shape, value.tobytes()
        if isinstance(value, DataWatch):
            value = value.dead_units.tobytes()
        elif isinstance(value, Readout):
            value = state(value)
        elif isinstance(value, StepNetwork):
            value = repr(value)
        found[name] = value
    return found


def interrupted(work: Callable[[], Any], line: int) -> bool:
    """Call `work`, with Ctrl-C at the given line of this package's that it runs; was there one?"""
    seen = 0

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal seen
        if "randprop" not in frame.f_code.co_filename or "/tests/" in frame.f_code.co_filename:
            return None
        # Where a lock is given back no signal is looked at; a trace function alone can get there.
        line_now = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        if event == "line" and "with changing()" not in line_now:
            seen += 1
            if seen == line:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def lock_is_free() -> bool:
    """Tell whether another thread can have the lock of all changes."""
    found = []

    def try_it() -> None:
        found.append(changing().acquire(timeout=5))
        if found[0]:
            changing().release()

    thread = threading.Thread(target=try_it)
    thread.start()
    thread.join()
    return found == [True]


@every_readout
@pytest.mark.parametrize("what", ["partial_fit", "merge", "fit"])
def test_an_interrupt_anywhere_leaves_all_or_nothing(empty: Any, what: str) -> None:
    more = empty.fresh().fit(*PARTS[1])
    works = {
        "partial_fit": lambda readout: readout.partial_fit(*PARTS[1], classes=[1]),
        "merge": lambda readout: readout.merge(more),
        "fit": lambda readout: readout.fit(iter(PARTS[1:3])),
    }
    start = empty.fresh().fit(*PARTS[0])
    before, after, other = state(start), state(works[what](deepcopy(start))), state(more)
    assert before != after
    line = 1
    while True:
        readout = deepcopy(start)
        if not interrupted(lambda: works[what](readout), line):  # noqa: B023
            break
        assert state(readout) in (before, after), f"line {line}"
        line += 1
    assert lock_is_free()
    assert line > 20
    assert state(readout) == after
    assert state(more) == other


@pytest.mark.filterwarnings("ignore::randprop.RandpropDataWarning")
@pytest.mark.parametrize("readout", NAMES)
def test_an_interrupted_estimator_is_as_it_was(readout: str) -> None:
    X = np.random.default_rng(0).integers(0, 256, (20, 4), dtype=np.uint8)
    start = StepClassifier(width=32, readout=readout).fit(X, np.arange(20) % 2)
    before = state(start)
    after = state(deepcopy(start).partial_fit(X, np.arange(20) % 3))
    for line in range(1, 400, 7):
        classifier = deepcopy(start)
        if not interrupted(lambda: classifier.partial_fit(X, np.arange(20) % 3), line):  # noqa: B023
            break
        assert state(classifier) in (before, after), f"line {line}"
    assert before != after


def test_one_limit_for_all_ways_in() -> None:
    for empty, most in ((Centroids(), 2**34), (RidgeReadout(), 2**31 // 2)):
        few = empty.fresh().fit(*PARTS[0])
        full = empty.fresh().fit(*PARTS[0])
        counts = np.full(2, most - 10)
        full.set_sums(full.classes_, full.counts_, counts)
        before = state(full)
        for add in (
            lambda full: full.partial_fit(*PARTS[0]),
            lambda full: full.merge(few),  # noqa: B023
            lambda full: full.merge(full),
            lambda full: full.set_sums(full.classes_, full.counts_, 2 * counts),  # noqa: B023
        ):
            with pytest.raises(ValueError, match="hold"):
                add(full)
            assert state(full) == before


@every_readout
def test_a_merge_with_itself_counts_twice(empty: Any) -> None:
    readout = empty.fresh().fit(*PARTS[0])
    twice = empty.fresh().fit(iter([PARTS[0], PARTS[0]]))
    assert state(readout.merge(readout)) == state(twice)


def test_merges_of_other_parameters_and_of_files(tmp_path: Path) -> None:
    whole = Centroids().fit(iter(PARTS[:2]))
    part = Centroids(metric="hamming").fit(*PARTS[1])
    assert state(Centroids().fit(*PARTS[0]).merge(part)) == state(whole)
    coef = RidgeReadout(5.0).fit(iter(PARTS[:2])).coef_
    merged = RidgeReadout(5.0).fit(*PARTS[0]).merge(RidgeReadout(0.1).fit(*PARTS[1]))
    np.testing.assert_array_equal(merged.coef_, coef)

    network = StepNetwork(5, width=N_BITS)
    for empty in READOUTS:
        randprop.save(Model(network, empty.fresh().fit(*PARTS[1])), tmp_path / "part")
        loaded: Any = randprop.load(tmp_path / "part").readout
        readout = empty.fresh().fit(*PARTS[0])
        before = state(readout)
        if isinstance(readout, (RidgeReadout, DiscriminantReadout)):
            for a, b in ((readout, loaded), (loaded, readout)):
                with pytest.raises(ValueError, match="came from a file"):
                    a.merge(b)
            assert state(readout) == before
        else:
            assert state(readout.merge(loaded)) == state(empty.fresh().fit(iter(PARTS[:2])))


def in_threads(works: list[Callable[[], None]]) -> None:
    """Run all at once, and raise what any of them raised."""
    errors: list[BaseException] = []
    go = threading.Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        try:
            go.wait(HANG)
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(HANG)
            assert not thread.is_alive()
    finally:
        sys.setswitchinterval(switch)
    if errors:
        raise errors[0]


@every_readout
def test_predictions_beside_a_fit_are_of_one_state(empty: Any) -> None:
    queries = BITS[:60]
    states, growing = set(), empty.fresh()
    growing.n_threads = 1
    for part in PARTS:
        states.add(tuple(growing.partial_fit(*part).predict(queries).tolist()))
    scores = {growing.scores(queries[:1]).shape[1]}
    assert scores == {N_PARTS + 1}
    shared = empty.fresh()
    shared.n_threads = 1
    shared.fit(*PARTS[0])
    done = threading.Event()

    def write() -> None:
        try:
            for _ in range(4):
                shared.fit(*PARTS[0])
                for part in PARTS[1:]:
                    shared.partial_fit(*part)
        finally:
            done.set()

    def read() -> None:
        while not done.is_set():
            assert tuple(shared.predict(queries).tolist()) in states
            assert 2 <= shared.scores(queries[:1]).shape[1] <= N_PARTS + 1
            pickled = pickle.loads(pickle.dumps(shared))
            assert tuple(pickled.predict(queries).tolist()) in states

    in_threads([write, *[read] * 7])


@pytest.mark.filterwarnings("ignore::randprop.RandpropDataWarning")
def test_classifiers_and_models_beside_a_fit_are_of_one_state(tmp_path: Path) -> None:
    X = np.random.default_rng(0).random((N_PARTS * ROWS, 5))
    parts = [(X[p * ROWS : (p + 1) * ROWS] * (p + 1), y) for p, (_, y) in enumerate(PARTS)]
    queries = X[:50]
    options: dict[str, Any] = {"width": 64, "n_jobs": 1}

    def grown(classifier: StepClassifier) -> set[bytes]:
        found = set()
        for first in range(2):  # the range of another part, and another network
            classifier.set_params(random_state=first)
            classifier.fit(*parts[first])
            found.add(classifier.predict(queries).tobytes())
            for part in parts[2:]:
                found.add(classifier.partial_fit(*part).predict(queries).tobytes())
        return found

    states = grown(StepClassifier(**options))
    shared = StepClassifier(**options).fit(*parts[0])
    done = threading.Event()

    def write() -> None:
        try:
            grown(shared)
        finally:
            done.set()

    def read() -> None:
        path = tmp_path / threading.current_thread().name
        while not done.is_set():
            assert shared.predict(queries).tobytes() in states
            shared.decision_function(queries)
            model = shared.model_
            assert model.predict(queries).tobytes() in states
            randprop.save(shared, path)
            assert randprop.load(path).predict(queries).tobytes() in states

    in_threads([write, *[read] * 5])


@every_readout
def test_no_addition_is_lost_between_writers(empty: Any) -> None:
    shared = empty.fresh()
    shared.n_threads = 1
    works: list[Callable[[], None]] = []
    for number, part in enumerate(PARTS[:8]):
        if number % 2:
            works.append(lambda part=part: shared.partial_fit(*part))  # type: ignore[misc]
        else:
            other = empty.fresh().fit(*part)
            works.append(lambda other=other: shared.merge(other))  # type: ignore[misc]
    in_threads(works)
    whole = empty.fresh().fit(iter(PARTS[:8]))
    assert shared.classes_.tolist() == whole.classes_.tolist()
    if isinstance(shared, HammingNeighbors):
        distances, _ = shared.kneighbors(BITS[: 8 * ROWS], 1)
        assert not distances.any()  # each is there
    else:
        whole.n_threads = 1
        assert state(shared) == state(whole)


def test_no_addition_is_lost_between_classifiers_writers() -> None:
    X = np.random.default_rng(0).integers(0, 256, (8 * ROWS, 5), dtype=np.uint8)
    shared = StepClassifier(width=64, n_jobs=1)
    parts = [(X[p * ROWS : (p + 1) * ROWS], PARTS[p][1]) for p in range(8)]
    in_threads([lambda part=part: shared.partial_fit(*part) for part in parts])  # type: ignore[misc]
    whole = StepClassifier(width=64, n_jobs=1).fit(X, np.concatenate([y for _, y in parts]))
    assert shared.readout_.n_samples_.tolist() == whole.readout_.n_samples_.tolist()  # type: ignore[attr-defined]
    np.testing.assert_array_equal(shared.predict(X), whole.predict(X))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_waits_for_no_thread_of_its_parent() -> None:
    held, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with changing():
            held.set()
            leave.wait(HANG)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(HANG)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            readout = Centroids(n_threads=1).fit(*PARTS[0]).merge(Centroids().fit(*PARTS[1]))
            code = 0 if readout.n_samples_.sum() == 2 * ROWS else 2
        finally:
            os._exit(code)
    try:
        for _ in range(2000):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            leave.wait(0.01)
        else:
            os.kill(child, 9)
            os.waitpid(child, 0)
            pytest.fail("the child waits for a lock that nobody gives back")
        assert status == 0
    finally:
        leave.set()
        thread.join()


@every_readout
def test_copies_and_pickles_are_apart(empty: Any) -> None:
    readout = empty.fresh().fit(*PARTS[0])
    before = state(readout)
    for other in (copy(readout), deepcopy(readout), pickle.loads(pickle.dumps(readout))):
        assert state(other) == before
        other.partial_fit(*PARTS[1])
        assert state(readout) == before
