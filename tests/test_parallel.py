"""Any partition on any workers, one of them killed in mid-run: the same model to the byte."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import types
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import cloudpickle
import joblib
import numpy as np
import pytest

from helpers import wait_until
from randprop import (
    BitMatrix,
    Centroids,
    Model,
    RidgeReadout,
    StepClassifier,
    StepNetwork,
    bit_chunks,
    cli,
    evaluate_parallel,
    fit_parallel,
    save,
    sweep,
)
from randprop._validation import check_threads
from randprop.datasets import load_digits, load_mnist
from randprop.measure import dask_scheduler
from randprop.measure.workers import run_tasks, sent_once

X_TRAIN, Y_TRAIN, X_TEST, Y_TEST = load_digits()
NETWORK = StepNetwork(64, 1, width=[70, 130], seed=4)


def file_of(model, tmp_path):
    save(model, tmp_path / "model")
    return (tmp_path / "model").read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    model = Model(NETWORK, Centroids().fit(NETWORK.propagate(X_TRAIN), Y_TRAIN))
    return model, file_of(model, tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("chunk_size", [1, 7, 205, 100_000])
def test_parts_of_any_size(tmp_path, whole, chunk_size):
    model = fit_parallel(NETWORK, X_TRAIN, Y_TRAIN, chunk_size=chunk_size)
    assert file_of(model, tmp_path) == whole[1]


@pytest.mark.parametrize("load", [load_digits, pytest.param(load_mnist, marks=pytest.mark.slow)])
def test_sample_by_sample_and_random_trees(tmp_path, load):
    """Sample by sample, and merged pairwise in random order: byte-equal model files."""
    X, y, _, _ = load()
    n_samples = len(X)
    network = StepNetwork(X.shape[1], width=100, weight_bits=1)
    bits = network.propagate(X)
    expected = file_of(Model(network, Centroids().fit(bits, y)), tmp_path)
    for n_parts in (1, 7, n_samples):
        pieces = Centroids(n_threads=1)
        for rows in np.array_split(np.arange(n_samples), n_parts):
            pieces.partial_fit(bits[rows[0] : rows[-1] + 1], y[rows[0] : rows[-1] + 1])
        assert file_of(Model(network, pieces), tmp_path) == expected, n_parts
    rng = np.random.default_rng(0)
    order = rng.permutation(n_samples)
    trees = [Centroids(n_threads=1).fit(bits[rows], y[rows]) for rows in np.array_split(order, 64)]
    while len(trees) > 1:
        first, second = (trees.pop(rng.integers(len(trees))) for _ in range(2))
        trees.append(first.merge(second))
    assert file_of(Model(network, trees[0]), tmp_path) == expected


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_joblib_backends(tmp_path, whole, backend):
    with joblib.parallel_config(backend=backend, n_jobs=2):
        model = fit_parallel(NETWORK, X_TRAIN, Y_TRAIN, chunk_size=100)
        found = evaluate_parallel(model, X_TEST, Y_TEST, chunk_size=50)
    assert file_of(model, tmp_path) == whole[1]
    assert found.accuracy == whole[0].score(X_TEST, Y_TEST)
    assert found.n_samples == len(Y_TEST)


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_executors(tmp_path, whole, kind):
    with (
        ThreadPoolExecutor(3)
        if kind == "threads"
        else ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    ) as executor:
        model = fit_parallel(NETWORK, X_TRAIN, Y_TRAIN, chunk_size=100, executor=executor)
        found = evaluate_parallel(model, X_TEST, Y_TEST, executor=executor)
        result = sweep([0, 2], dataset="digits", width=[20, 30], seeds=2, executor=executor)
    assert file_of(model, tmp_path) == whole[1]
    assert found.accuracy == whole[0].score(X_TEST, Y_TEST)
    expected = sweep([0, 2], dataset="digits", width=[20, 30], seeds=2)
    assert [row["accuracy"] for row in result] == [row["accuracy"] for row in expected]


def test_iterables_memmaps_and_ridge(tmp_path, whole):
    parts = ((X_TRAIN[i : i + 100], Y_TRAIN[i : i + 100]) for i in range(0, len(X_TRAIN), 100))
    assert file_of(fit_parallel(NETWORK, parts), tmp_path) == whole[1]
    np.save(tmp_path / "X.npy", X_TRAIN)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = fit_parallel(NETWORK, mapped, Y_TRAIN, chunk_size=100, n_jobs=2)
    assert file_of(model, tmp_path) == whole[1]
    ridge = fit_parallel(NETWORK, X_TRAIN, Y_TRAIN, readout="ridge", chunk_size=99, n_jobs=2)
    expected = RidgeReadout().fit(NETWORK.propagate(X_TRAIN), Y_TRAIN)
    np.testing.assert_array_equal(ridge.readout.gram_, expected.gram_)
    np.testing.assert_array_equal(
        ridge.predict(X_TEST), expected.predict(NETWORK.propagate(X_TEST))
    )
    floats = fit_parallel(
        NETWORK, X_TRAIN / 7.0, Y_TRAIN, input_range=(0, 255 / 7), metric="cosine", n_jobs=2
    )
    np.testing.assert_array_equal(floats.readout.counts_, whole[0].readout.counts_)


def test_readouts_take_parts(tmp_path):
    bits = NETWORK.propagate(X_TRAIN)
    A = np.lib.format.open_memmap(tmp_path / "A.npy", "w+", np.uint8, (len(bits), 130))
    A[:] = bits.to_array()
    for readout in (Centroids, RidgeReadout):
        whole = readout().fit(bits, Y_TRAIN)
        parts = readout().fit(bit_chunks(A, Y_TRAIN, chunk_size=77))
        np.testing.assert_array_equal(parts.counts_, whole.counts_)
        if readout is RidgeReadout:
            np.testing.assert_array_equal(parts.gram_, whole.gram_)
    # Packed words in a file: a part is a copy of its rows.
    np.save(tmp_path / "words.npy", bits.words)
    words = np.load(tmp_path / "words.npy", mmap_mode="r")
    starts = range(0, len(words), 100)
    mapped = ((BitMatrix(words[i : i + 100], 130), Y_TRAIN[i : i + 100]) for i in starts)
    np.testing.assert_array_equal(
        Centroids().fit(mapped).counts_, Centroids().fit(bits, Y_TRAIN).counts_
    )


@pytest.fixture(scope="module")
def cluster():
    import dask
    import distributed

    with (
        dask.config.set({"distributed.worker.memory.terminate": False}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
            host="127.0.0.1",
        ) as running,
        distributed.Client(running) as client,
    ):  # fmt: skip
        yield client


@pytest.mark.filterwarnings("ignore")
def test_dask_arrays_and_backends(tmp_path, whole, cluster):
    import dask.array

    X = dask.array.from_array(X_TRAIN, chunks=(150, -1))
    y = dask.array.from_array(Y_TRAIN, chunks=150)
    with joblib.parallel_config(backend="dask"):
        for features, labels in ((X, y), (X, Y_TRAIN), (X_TRAIN, Y_TRAIN)):
            model = fit_parallel(NETWORK, features, labels, chunk_size=200)
            assert file_of(model, tmp_path) == whole[1]
        found = evaluate_parallel(model, X_TEST, Y_TEST)
        result = sweep([0, 2], dataset="digits", width=[20, 30], seeds=2)
    assert found.accuracy == whole[0].score(X_TEST, Y_TEST)
    expected = sweep([0, 2], dataset="digits", width=[20, 30], seeds=2)
    assert [row["accuracy"] for row in result] == [row["accuracy"] for row in expected]
    np.testing.assert_array_equal(
        Centroids().fit(bit_chunks(X > 7, Y_TRAIN)).counts_,
        Centroids().fit(BitMatrix.from_array(X_TRAIN > 7), Y_TRAIN).counts_,
    )


@pytest.mark.filterwarnings("ignore")
def test_the_address_of_a_scheduler_is_an_executor(tmp_path, whole, cluster):
    address = cluster.scheduler.address
    model = fit_parallel(NETWORK, X_TRAIN, Y_TRAIN, chunk_size=20, executor=address)
    assert file_of(model, tmp_path) == whole[1]
    grid = {"dataset": "digits", "width": [20, 30], "seeds": 2}
    found, expected = sweep([0, 2], **grid, executor=address), sweep([0, 2], **grid)
    assert [row["accuracy"] for row in found] == [row["accuracy"] for row in expected]
    out = tmp_path / "cells.csv"
    arguments = ["sweep", "--layers", "0,2", "--dataset", "digits", "--width", "20,30"]
    arguments += ["--seeds", "2", "--scheduler", address, "--csv", str(out)]
    assert cli.main(arguments) == 0
    assert len(out.read_text().splitlines()) == 1 + len(expected)


@pytest.mark.filterwarnings("ignore")
def test_the_data_of_a_sweep_go_to_dask_once(monkeypatch, cluster):
    sizes, submit = [], cluster.submit

    def spy(function, *arguments, **options):
        sizes.append(len(cloudpickle.dumps(arguments)))
        return submit(function, *arguments, **options)

    monkeypatch.setattr(cluster, "submit", spy)
    grid = {"dataset": "digits", "width": [20, 30], "seeds": 2}
    found = sweep([0, 2], **grid, executor=cluster.get_executor())
    assert [row["accuracy"] for row in found] == [row["accuracy"] for row in sweep([0, 2], **grid)]
    once, *tasks = sizes
    assert len(tasks) == 4
    assert max(tasks) < 10_000 < X_TRAIN.nbytes < once


@pytest.mark.filterwarnings("ignore")
def test_what_was_sent_once_outlives_all_workers(cluster):
    executor = cluster.get_executor()
    sent = sent_once(executor, X_TRAIN)

    def total():
        return list(run_tasks([(np.sum, (sent,))], executor=executor, n_jobs=None))

    assert total() == [X_TRAIN.sum()]
    for pid in cluster.run(os.getpid).values():
        os.kill(pid, signal.SIGKILL)
    assert total() == [X_TRAIN.sum()]


def test_addresses_that_are_none():
    for address in ("10.0.0.1:8786", "tcp://", "", "://x"):
        refuse(
            lambda address=address: sweep(0, seeds=1, executor=address), ValueError,
            "executor must be an address such as 'tcp://10.0.0.1:8786', got str",
        )  # fmt: skip
    refuse(
        lambda: sweep(0, dataset="digits", seeds=1, executor="carrier-pigeon://x"), ValueError,
        "executor must be an address",
    )  # fmt: skip
    refuse(
        lambda: sweep(0, dataset="digits", seeds=1, executor="pigeon://x:1"), ValueError,
        "executor 'pigeon://x:1' is not an address: ",
    )  # fmt: skip


def test_what_answers_is_no_scheduler(monkeypatch):
    monkeypatch.setattr(dask_scheduler, "_UNTIL_IT_SPEAKS", 0.2)
    monkeypatch.setattr(dask_scheduler, "_UNTIL_THERE", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        message = f"executor '{address}': something answers there, but it is no dask scheduler"
        refuse(lambda: sweep(0, dataset="digits", seeds=1, executor=address), OSError, message)
    refuse(
        lambda: sweep(0, dataset="digits", seeds=1, executor=address), OSError,
        f"executor '{address}': no scheduler was there for 0 seconds: ",
    )  # fmt: skip
    refuse(
        lambda: sweep(0, dataset="digits", seeds=1, executor="tcp://no.invalid:8786"), OSError,
        "executor 'tcp://no.invalid:8786': the host is not known: ",
    )  # fmt: skip


def test_one_pool_a_call():
    """Processes are started once, also where a backend gives many results at a time."""
    with joblib.parallel_config(backend="multiprocessing", n_jobs=2):
        pids = set(run_tasks(((os.getpid, ()) for _ in range(64)), executor=None, n_jobs=None))
    assert 1 <= len(pids) <= 2
    assert os.getpid() not in pids


@pytest.mark.filterwarnings("ignore")
def test_dask_blocks_of_unknown_size(tmp_path, whole):
    """Cut by the blocks of the data, which alone know how long they are."""
    import dask.array

    X = dask.array.from_array(X_TRAIN, chunks=(150, 40))
    y = dask.array.from_array(Y_TRAIN, chunks=150)
    kept = Y_TRAIN < 9
    unknown, labels = X[y < 9], y[y < 9]
    assert np.isnan(unknown.shape[0])
    expected = file_of(fit_parallel(NETWORK, X_TRAIN[kept], Y_TRAIN[kept]), tmp_path)
    assert file_of(fit_parallel(NETWORK, unknown, labels), tmp_path) == expected
    images = dask.array.from_array(X_TRAIN.reshape(-1, 8, 8), chunks=(150, 8, 8))
    assert file_of(fit_parallel(NETWORK, images, Y_TRAIN), tmp_path) == whole[1]
    with pytest.raises(ValueError, match="10 blocks of unknown size: y must be of dask too.*ndarr"):
        fit_parallel(NETWORK, unknown, Y_TRAIN[kept])
    with pytest.raises(ValueError, match="with as many blocks, got 5"):
        fit_parallel(NETWORK, unknown, dask.array.from_array(Y_TRAIN, chunks=300))
    with pytest.raises(ValueError, match="A has blocks of unknown size"):
        Centroids().fit(bit_chunks(unknown, Y_TRAIN))
    masked = dask.array.ma.masked_equal(X, 16)
    with pytest.raises(ValueError, match="X has masked entries"):
        fit_parallel(NETWORK, masked, y)
    with pytest.raises(ValueError, match="A has masked entries"):
        Centroids().fit(bit_chunks(masked > 5, Y_TRAIN))


@pytest.mark.slow  # to import it alone takes seconds
@pytest.mark.filterwarnings("ignore")
def test_dask_frames(whole):
    pytest.importorskip("pyarrow")
    dataframe = pytest.importorskip("dask.dataframe")
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X_TRAIN).add_prefix("pixel ")
    parts = dataframe.from_pandas(frame, npartitions=4)
    series = dataframe.from_pandas(pandas.Series(Y_TRAIN), npartitions=4)
    for labels in (series, series.to_dask_array()):
        model = fit_parallel(NETWORK, parts, labels, n_jobs=2)
        assert model.feature_names == tuple(frame)
        np.testing.assert_array_equal(model.readout.counts_, whole[0].readout.counts_)
        found = evaluate_parallel(model, parts, labels)
        assert found.accuracy == whole[0].score(X_TRAIN, Y_TRAIN)
    with pytest.raises(ValueError, match="X has its columns in another order"):
        evaluate_parallel(model, parts[parts.columns[::-1]], labels)


@pytest.mark.parametrize("readout", ["centroid", "knn"])
def test_empty_parts_are_skipped_and_an_empty_whole_is_not(tmp_path, readout):
    parts = [(X_TRAIN[a:b], Y_TRAIN[a:b]) for a, b in ((0, 0), (0, 70), (70, 70), (70, 200))]
    model = fit_parallel(NETWORK, parts, readout=readout)
    expected = fit_parallel(NETWORK, X_TRAIN[:200], Y_TRAIN[:200], readout=readout)
    assert file_of(model, tmp_path) == file_of(expected, tmp_path)
    found = evaluate_parallel(model, parts)
    assert found.n_samples == 200
    for function, first in ((fit_parallel, NETWORK), (evaluate_parallel, model)):
        with pytest.raises(ValueError, match="at least one sample"):
            function(first, [parts[0], parts[2]])
        with pytest.raises(ValueError, match="y has 3 labels for 0 samples of X"):
            function(first, [(X_TRAIN[:0], Y_TRAIN[:3])])
        with pytest.raises(ValueError, match="X"):
            function(first, X_TRAIN[:0], Y_TRAIN[:0])


def test_bits_in_parts(tmp_path, whole):
    """What `Model.propagate` takes as it is, is taken in parts."""
    network = StepNetwork(64, width=30)
    bits = BitMatrix.from_array(X_TRAIN > 7)
    expected = Model(network, Centroids().fit(network.propagate(bits), Y_TRAIN))
    parts = [(bits[:700], Y_TRAIN[:700]), (bits[700:], Y_TRAIN[700:])]
    for model in (fit_parallel(network, parts), fit_parallel(network, bits, Y_TRAIN)):
        assert file_of(model, tmp_path) == file_of(expected, tmp_path)


@pytest.mark.parametrize("moment", ["while parts are handed out", "right after a gather"])
@pytest.mark.filterwarnings("ignore")
def test_a_worker_killed_in_mid_run(tmp_path, whole, cluster, monkeypatch, moment):
    """The cluster does the lost parts again: the model is the same to the byte."""
    from distributed.client import FutureState

    pids = cluster.run(os.getpid)  # by address
    killed = []

    def kill(address):
        killed.append(pids[address])
        os.kill(pids[address], signal.SIGKILL)

    def parts():
        for start in range(0, len(X_TRAIN), 20):
            if start == 800 and moment == "while parts are handed out":
                kill(next(iter(pids)))
            yield X_TRAIN[start : start + 20], Y_TRAIN[start : start + 20]

    if moment == "right after a gather":
        gather, lose = type(cluster)._gather, FutureState.lose
        lost = []

        async def gather_and_lose(self, futures, *arguments, **options):
            """Gather a result, then have it lost before its future is looked at again."""
            found = await gather(self, futures, *arguments, **options)
            if not killed:
                (holders,) = (await self.scheduler.who_has(keys=[futures[0].key])).values()
                for address in holders:
                    kill(address)
                while futures[0].key not in lost:
                    await asyncio.sleep(0.001)
            return found

        monkeypatch.setattr(type(cluster), "_gather", gather_and_lose)
        monkeypatch.setattr(FutureState, "lose", lambda self: (lose(self), lost.append(self.key)))
    model = fit_parallel(NETWORK, parts(), executor=cluster.get_executor())
    assert killed
    assert file_of(model, tmp_path) == whole[1]
    monkeypatch.undo()
    assert not set(killed) & set(cluster.run(os.getpid).values())


@pytest.mark.parametrize("stages", ["images", "series", "table"])
@pytest.mark.filterwarnings("ignore")
def test_prepared_networks_with_a_worker_killed(tmp_path, cluster, stages):
    """Whatever network was made for the data up front, the model is the same to the byte."""
    expected = StepClassifier(stages=stages, width=64).fit(X_TRAIN, Y_TRAIN)
    made = StepClassifier(stages=stages, width=64).prepare(X_TRAIN)
    pids = cluster.run(os.getpid)

    def parts():
        for start in range(0, len(X_TRAIN), 50):
            if start == 600:
                os.kill(next(iter(pids.values())), signal.SIGKILL)
            yield X_TRAIN[start : start + 50], Y_TRAIN[start : start + 50]

    model = fit_parallel(
        made.network_, parts(), scaling=made.scaling_, readout=expected.readout_,
        executor=cluster.get_executor(),
    )  # fmt: skip
    assert file_of(model, tmp_path) == file_of(expected.model_, tmp_path)


TOUCH_LATER = """
import pathlib, time
pathlib.Path({folder!r}, "started", "{number}").touch()
while not pathlib.Path({folder!r}, "leave").exists():
    time.sleep(0.01)
pathlib.Path({folder!r}, "{number}").touch()
"""


def unfinished(dask_scheduler):
    """How many tasks a scheduler knows that have no result."""
    return sum(task.state not in ("memory", "erred") for task in dask_scheduler.tasks.values())


@pytest.mark.parametrize("kind", ["threads", "dask"])
@pytest.mark.filterwarnings("ignore")
def test_what_is_left_is_cancelled(tmp_path, request, kind):
    """When the consumer stops, what runs may end, and nothing else starts."""
    executor = (
        ThreadPoolExecutor(2)
        if kind == "threads"
        else request.getfixturevalue("cluster").get_executor(pure=False)
    )
    started = tmp_path / "started"
    started.mkdir()
    codes = [TOUCH_LATER.format(folder=str(tmp_path), number=number) for number in range(20)]
    results = run_tasks(
        [(len, ([],)), *((exec, (code,)) for code in codes)], executor=executor, n_jobs=None
    )
    assert next(results) == 0
    wait_until(lambda: len(list(started.iterdir())) == 2)
    results.close()
    if kind == "dask":  # word of it is on its way to the scheduler, and from there to the workers
        client = request.getfixturevalue("cluster")
        wait_until(lambda: client.run_on_scheduler(unfinished) <= 2)
        wait_until(
            lambda: max(client.run(lambda dask_worker: len(dask_worker.state.tasks)).values()) <= 1
        )
    (tmp_path / "leave").touch()
    # These stand behind whatever was left in the queues.
    assert [executor.submit(abs, -n).result() for n in range(8)] == list(range(8))
    executor.shutdown()
    # "started", "leave", and a file of each of two workers
    assert len(list(tmp_path.iterdir())) <= 4


def refuse(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_refuses(whole):
    model = whole[0]
    refuse(lambda: fit_parallel(3, X_TRAIN, Y_TRAIN), TypeError, "network must be a StepNetwork")
    refuse(
        lambda: fit_parallel(NETWORK, X_TRAIN), TypeError, "y must be given, unless X is an iter"
    )
    refuse(
        lambda: fit_parallel(NETWORK, [1, 2]), TypeError, r"part 0 of X must be \(X, y\), got int"
    )
    refuse(lambda: fit_parallel(NETWORK, []), ValueError, "at least one sample, got 0")
    refuse(
        lambda: fit_parallel(NETWORK, X_TRAIN[:, :9], Y_TRAIN), ValueError,
        r"X must have shape \(n_samples, 64\), got \(1437, 9\)",
    )  # fmt: skip
    refuse(lambda: fit_parallel(NETWORK, X_TRAIN, Y_TRAIN[1:]), ValueError, "y has 1436 labels")
    refuse(
        lambda: fit_parallel(NETWORK, X_TRAIN, Y_TRAIN, readout="svm"), ValueError,
        "readout must be one of 'centroid', .* got 'svm'",
    )  # fmt: skip
    refuse(
        lambda: fit_parallel(NETWORK, X_TRAIN, Y_TRAIN, chunk_size=0), ValueError,
        "chunk_size must lie",
    )  # fmt: skip
    refuse(
        lambda: fit_parallel(NETWORK, X_TRAIN, Y_TRAIN, executor=3), TypeError,
        "executor must be a concurrent.futures.Executor or the address of a dask .* got int 3",
    )  # fmt: skip
    refuse(lambda: sweep(0, executor=3), TypeError, "executor must be a concurrent")
    refuse(
        lambda: evaluate_parallel(3, X_TEST, Y_TEST), TypeError, "model must be a Model, got int"
    )
    refuse(
        lambda: evaluate_parallel(model, X_TEST, Y_TEST + 1),
        ValueError,
        "labels that the model does not have",
    )
    refuse(lambda: Centroids().fit([1]), TypeError, r"part 0 of bits must be \(BitMatrix, labels\)")
    refuse(
        lambda: Centroids().fit(BitMatrix.from_array(np.eye(2, dtype=int))), TypeError,
        "y must be given, unless bits is an iterable",
    )  # fmt: skip


def test_neighbors_are_kept_in_the_order_of_the_data(tmp_path):
    """Whatever part is finished first: ties go to the lowest index."""
    whole = fit_parallel(NETWORK, X_TRAIN, Y_TRAIN, readout="knn", chunk_size=10_000)

    class Backwards(Executor):
        """Nothing is done before everything is there; then the last comes first."""

        def submit(self, function, *arguments):
            waiting.append((future := Future(), function, arguments))
            if len(waiting) == 8:
                for late, call, given in reversed(waiting):
                    late.set_result(call(*given))
            return future

    waiting = []
    parts = fit_parallel(
        NETWORK, X_TRAIN, Y_TRAIN, readout="knn", chunk_size=180, executor=Backwards()
    )
    assert len(waiting) == 8
    assert file_of(parts, tmp_path) == file_of(whole, tmp_path)


def test_tasks_of_dask_use_one_thread(monkeypatch, cluster):
    monkeypatch.delenv("RANDPROP_NUM_THREADS", raising=False)
    assert cluster.submit(check_threads, None).result() == 1
    # In threads of this process, where there is no other sign of a worker.
    worker = types.SimpleNamespace(thread_state=types.SimpleNamespace(execution_state={}))
    monkeypatch.setitem(sys.modules, "distributed.worker", worker)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert check_threads(None) == 1
