"""Fitting in parts, and what makes it fast, against the whole and the plain way."""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np
import pytest

from randprop import BinaryScaling, LinearScaling, StepClassifier, StepRegressor
from randprop._blas import few_threads
from randprop.model import fixed_scaling
from randprop.model.recipes import share_between
from randprop.readouts.regression import _least

rng = np.random.default_rng(7)
X = rng.integers(0, 256, (700, 36), dtype=np.uint8)
Y = (X[:, :18].astype(int).sum(axis=1) > X[:, 18:].astype(int).sum(axis=1)).astype(int)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixed_scaling, "_PART_BYTES", 1)


@pytest.mark.parametrize("readout", ["centroid", "ridge", "discriminant", "knn"])
@pytest.mark.parametrize("stages", [None, "images"])
def test_classifier_in_parts(
    readout: str, stages: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fitted(n: int) -> StepClassifier:
        classifier = StepClassifier(stages=stages, width=16, readout=readout, scaling="range")
        return classifier.fit(X[:n], Y[:n])

    for n in (10, 63, 64, 65, 700):  # fewer than features too; a part is 64 samples
        whole = fitted(n)
        monkeypatch.setattr(fixed_scaling, "_PART_BYTES", 1)
        parts = fitted(n)
        monkeypatch.undo()
        assert np.array_equal(whole.predict(X), parts.predict(X))
        assert np.array_equal(whole.dead_units_, parts.dead_units_)
        for name, array in whole.readout_.arrays()[0].items():
            assert np.array_equal(array, parts.readout_.arrays()[0][name]), name


@pytest.mark.usefixtures("small_parts")
def test_regressor_in_parts() -> None:
    target = X[:, :3].astype(float) * 1e-3
    parts = StepRegressor(width=16).fit(X, target).predict(X)
    fixed_scaling._PART_BYTES = 1 << 24
    assert np.array_equal(StepRegressor(width=16).fit(X, target).predict(X), parts)


def test_the_share_between_dark_and_light_is_that_of_any_type() -> None:
    for low, high in ((0, 256), (3, 200), (7, 9), (10, 12), (250, 256), (5, 6)):
        values = rng.integers(low, high, (40, 30), dtype=np.uint8)
        assert share_between(values) == share_between(values.astype(np.int32))


def test_bytes_by_tables_are_those_of_the_arithmetic() -> None:
    for low, high in ((0, 255), (-3.5, 700.25), ([10, 0, 99], [20, 0, 100]), ([7] * 36, [9] * 36)):
        scaling = LinearScaling(low, high)
        assert np.array_equal(scaling.transform(X), scaling.transform(X.astype(np.int16)))
    for level in (-1.0, 0.0, 0.5, 63.0, 254.0, 254.5, 255.0, 300.0):
        assert BinaryScaling(level).transform(X) == BinaryScaling(level).transform(X.astype(float))
    assert BinaryScaling(9).transform(X[::2, ::3]) == BinaryScaling(9).transform(
        X[::2, ::3].astype(int)
    )


@pytest.mark.parametrize("start", [0, 7, 19])
def test_the_search_finds_the_least(start: int) -> None:
    for least in range(20):
        asked: list[int] = []

        def score(index: int, asked: list[int] = asked, least: int = least) -> float:
            asked.append(index)
            return float(abs(index - least))

        assert _least(score, 20, start) == least
        assert len(asked) == len(set(asked)) <= 12
    # Of equal ones the last; what is no number at all loses.
    assert _least(lambda index: 1.0 if index > 3 else np.inf, 9, min(start, 8)) == 8


def _blas_threads() -> list[int]:
    from threadpoolctl import threadpool_info

    return [found["num_threads"] for found in threadpool_info() if found["user_api"] == "blas"]


def test_one_thread_while_it_is_held_and_as_many_as_before_afterwards() -> None:
    import scipy.linalg  # noqa: F401

    before = _blas_threads()
    with few_threads(2000):
        assert _blas_threads() == before
    with few_threads(100):
        assert set(_blas_threads()) == {1}
        with few_threads(100):
            assert set(_blas_threads()) == {1}
        assert set(_blas_threads()) == {1}
    assert _blas_threads() == before
    with pytest.raises(ZeroDivisionError), few_threads(1):
        1 / 0  # noqa: B018
    assert _blas_threads() == before


def test_threads_that_overlap_give_the_threads_back() -> None:
    import scipy.linalg  # noqa: F401

    before = _blas_threads()
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with few_threads(10):
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    with few_threads(10):
        thread.start()
        assert entered.wait(10)
    leave.set()
    thread.join()
    assert _blas_threads() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_forked_meanwhile_has_its_threads_and_no_lock() -> None:
    import scipy.linalg  # noqa: F401

    before: Any = _blas_threads()
    with few_threads(10):
        child = os.fork()
        if child == 0:
            right = _blas_threads() == before
            with few_threads(10):
                right &= set(_blas_threads()) == {1}
            os._exit(0 if right and _blas_threads() == before else 1)
        assert os.waitpid(child, 0)[1] == 0
    assert _blas_threads() == before
