"""How many threads a call uses: of its own, or a worker's share of the CPUs."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import joblib
import numpy as np
import pytest

from helpers import threads_of_a_prediction
from randprop import StepClassifier, StepNetwork, _core, fit_parallel, sweep
from randprop._validation import check_threads
from randprop.datasets import load_digits

X_TRAIN, Y_TRAIN, _, _ = load_digits()


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_joblib_shares_the_cpus_out(monkeypatch, backend):
    monkeypatch.delenv("RANDPROP_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    share = max(1, _core.available_cpus() // 2) if backend == "loky" else 1
    tasks = [joblib.delayed(check_threads)(None) for _ in range(4)]
    assert joblib.Parallel(n_jobs=2, backend=backend)(tasks) == [share] * 4


@pytest.mark.parametrize(
    "backend", ["threading", "multiprocessing", pytest.param("loky", marks=pytest.mark.slow)]
)
def test_a_grid_search_starts_no_more_threads_than_cpus(monkeypatch, backend):
    from sklearn.model_selection import GridSearchCV

    monkeypatch.delenv("RANDPROP_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cpus = _core.available_cpus()
    classifier = StepClassifier(width=64)
    search = GridSearchCV(
        classifier, {"weight_bits": [1, 8]}, cv=2, scoring=threads_of_a_prediction, refit=False
    )
    with joblib.parallel_config(backend=backend, n_jobs=2):
        found = search.set_params(n_jobs=2).fit(X_TRAIN, Y_TRAIN).cv_results_["mean_test_score"]
    assert (found == max(1, cpus // 2 if backend == "loky" else 1)).all()
    # Here, where nothing runs beside it, all CPUs are used; n_jobs=1 makes no worker.
    assert threads_of_a_prediction(classifier.fit(X_TRAIN, Y_TRAIN), X_TRAIN, Y_TRAIN) == cpus
    alone = search.set_params(n_jobs=1).fit(X_TRAIN, Y_TRAIN).cv_results_["mean_test_score"]
    assert (alone == cpus).all()


def test_processes_of_a_pool_use_one_thread_unless_told(monkeypatch):
    monkeypatch.delenv("RANDPROP_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        assert executor.submit(check_threads, None).result() == 1
        assert executor.submit(check_threads, -1).result() == _core.available_cpus()
        assert executor.submit(check_threads, 3).result() == 3


def test_numbers_of_threads(monkeypatch):
    monkeypatch.delenv("RANDPROP_NUM_THREADS", raising=False)
    monkeypatch.setattr(_core, "available_cpus", lambda: 6)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # of others, where this is no worker
    asked = {None: 6, 1: 1, 4096: 4096, -1: 6, -2: 5, -6: 1, -4096: 1}
    assert {n: check_threads(n) for n in asked} == asked
    monkeypatch.setenv("RANDPROP_NUM_THREADS", "3")
    asked = {None: 3, 5: 5, -1: 3, -2: 2, -9: 1}
    assert {n: check_threads(n) for n in asked} == asked
    network = StepNetwork(5, width=4)
    of_range = [(n, ValueError) for n in (0, 4097, -4097)]
    for wrong, error in [*of_range, (True, TypeError), (2.0, TypeError), ("2", TypeError)]:
        for call in (
            lambda n: check_threads(n),
            lambda n: StepClassifier(n_jobs=n).fit(X_TRAIN, Y_TRAIN),
            lambda n: fit_parallel(network, np.zeros((2, 5)), [0, 1], n_jobs=n),
            lambda n: sweep(0, seeds=1, dataset=(X_TRAIN, Y_TRAIN, X_TRAIN, Y_TRAIN), n_jobs=n),
        ):
            with pytest.raises(error, match="n_threads|n_jobs"):
                call(wrong)
    for n_jobs in (-1, -2):
        StepClassifier(n_jobs=n_jobs).fit(X_TRAIN, Y_TRAIN).predict(X_TRAIN)
