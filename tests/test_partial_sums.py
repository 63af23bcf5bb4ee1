"""Fits that were killed go on from a file of their sums, to the same bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import sources
from randprop import (
    Conv2D,
    Dense,
    HammingNeighbors,
    LinearScaling,
    RidgeReadout,
    StepNetwork,
    fit_parallel,
    save,
)
from sources import X, Y

NETWORK = StepNetwork(64, 1, width=[70, 130], seed=4)


def file_of(model, folder):
    save(model, folder / "model")
    return (folder / "model").read_bytes()


@pytest.mark.parametrize("readout", ["centroid", "majority", "ridge", "discriminant"])
@pytest.mark.parametrize("fails_at", [0, 90, 1200])  # while samples are kept, and sums of products
@pytest.mark.parametrize("workers", [1, 3])
def test_a_fit_that_failed_reads_only_the_rest(tmp_path, readout, fails_at, workers):
    options = {"readout": readout, "chunk_size": 30, "resume": tmp_path / "sums.npz"}
    y = Y.astype(str)
    broken, whole, idle = sources.Counting(fails_at), sources.Counting(), sources.Counting()
    with ThreadPoolExecutor(workers) as executor:
        with pytest.raises(OSError, match="the disk is gone"):
            fit_parallel(NETWORK, broken, y, executor=executor, **options)
        model = fit_parallel(NETWORK, whole, y, executor=executor, **options)
    again = fit_parallel(NETWORK, idle, y, **options)
    kept = set(broken.read_from) - set(whole.read_from)
    assert sorted({*whole.read_from, *kept}) == list(range(0, len(X), 30))
    assert len(kept) >= fails_at // 30 - 5 * workers  # less than was in flight
    assert idle.read_from == []
    expected = fit_parallel(NETWORK, X, y, readout=readout)
    for found in (model, again):
        assert file_of(found, tmp_path) == file_of(expected, tmp_path)
        if readout == "ridge":
            np.testing.assert_array_equal(found.readout.gram_, expected.readout.gram_)


@pytest.mark.parametrize("make", sources.ALL, ids=lambda make: make.__name__)
def test_every_source_is_found_again(tmp_path, make):
    """The sums of data on disk are taken, without a look at the data, by another process too."""
    data, labels = make(tmp_path)
    options = {"chunk_size": 100, "resume": tmp_path / "sums.npz"}
    first = fit_parallel(NETWORK, data, labels, **options)
    changed = (tmp_path / "sums.npz").stat().st_mtime_ns
    again = fit_parallel(NETWORK, data, labels, **options)
    assert (tmp_path / "sums.npz").stat().st_mtime_ns == changed
    assert file_of(again, tmp_path) == file_of(first, tmp_path)


def refuse(text, error=ValueError, **changed):
    given = {"network": NETWORK, "X": X, "y": Y, "readout": "centroid", "chunk_size": 500}
    with pytest.raises(error, match=text):
        fit_parallel(**{**given, **changed})


def test_refuses_the_sums_of_another_fit(tmp_path):
    path = tmp_path / "sums.npz"
    fit_parallel(NETWORK, X, Y, chunk_size=500, resume=path)
    content = path.read_bytes()
    another = "npz holds the sums of another fit, whose {} differs"
    for network in (
        StepNetwork(64, 1, width=[70, 130], seed=5),
        NETWORK.calibrate(X[:50]),
        StepNetwork(64, stages=[Conv2D(3, 3), Dense(9)], input_shape=(8, 8, 1)),
    ):
        refuse(another.format("network"), network=network, resume=path)
    refuse(another.format("readout"), readout=RidgeReadout(alpha=2.0), resume=path)
    refuse(another.format("scaling"), input_range=(0, 16), resume=path)
    refuse(another.format("chunk_size"), chunk_size=501, resume=path)
    refuse(another.format("X or y"), X=X[::-1], resume=path)
    refuse(another.format("X or y"), y=Y[::-1], resume=path)
    refuse(another.format("X or y"), y=Y.astype(str), resume=path)
    assert path.read_bytes() == content
    groups = tmp_path / "groups.npz"
    low, high = np.zeros(64), np.arange(1.0, 65.0)
    fit_parallel(NETWORK, X, Y, chunk_size=500, resume=groups, scaling=LinearScaling(low, high))
    scaling = LinearScaling(low, high + (high == 40))
    refuse(another.format("scaling"), scaling=scaling, resume=groups)

    array = sources.mapped(tmp_path)
    refuse(another.format("X or y"), X=array, resume=path)
    fit_parallel(NETWORK, array, Y, chunk_size=500, resume=tmp_path / "mapped.npz")
    time.sleep(0.02)
    np.save(tmp_path / "X.npy", X[::-1])
    changed = np.load(tmp_path / "X.npy", mmap_mode="r")
    refuse(another.format("X or y"), X=changed, resume=tmp_path / "mapped.npz")


def test_refuses_what_cannot_go_on(tmp_path):
    path = tmp_path / "sums.npz"
    refuse("resume is for readouts that keep sums", readout="knn", resume=path)
    refuse("resume is for readouts that keep sums", readout=HammingNeighbors(3), resume=path)
    refuse("resume needs X that can be read again", X=iter([(X, Y)]), y=None, resume=path)
    refuse("resume must be a path, got int 3", TypeError, resume=3)
    assert not path.exists()
    refuse("no/sums.npz", FileNotFoundError, resume=tmp_path / "no" / "sums.npz")
    refuse("s a directory", IsADirectoryError, resume=tmp_path)
    fit_parallel(NETWORK, X, Y, chunk_size=500, resume=path)
    content = path.read_bytes()
    arrays = {"done": np.zeros(1, np.uint8), "description": np.array("{}")}
    np.savez(tmp_path / "other.npz", **arrays)
    np.savez(tmp_path / "code.npz", **arrays, readout=np.array([object()]))
    for damaged in (
        b"", b"no archive", content[:-30], content[:200], content[:500] + content[540:],
        (tmp_path / "other.npz").read_bytes(), (tmp_path / "code.npz").read_bytes(),
    ):  # fmt: skip
        path.write_bytes(damaged)
        refuse("sums.npz is not a file of partial sums, or is damaged", resume=path)
        assert path.read_bytes() == damaged


FIT = """
import sys
import numpy as np
from randprop import StepNetwork, fit_parallel, save
folder, n_jobs = sys.argv[1], int(sys.argv[2])
images, digits = (np.load(f"{folder}/{name}.npy", mmap_mode="r") for name in ("X", "y"))
network = StepNetwork(64, 20, width=500)
print("started", flush=True)
model = fit_parallel(
    network, images, digits, readout="ridge", chunk_size=100, n_jobs=n_jobs,
    resume=f"{folder}/sums.npz", progress=False,
)
save(model, f"{folder}/model")
"""


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_fit_killed_twenty_times_gives_the_same_bytes(tmp_path, n_jobs):
    sources.mapped(tmp_path, np.tile(X, (20, 1)))
    sources.mapped(tmp_path, np.tile(Y, 20), "y.npy")
    command = [sys.executable, "-c", FIT, str(tmp_path), str(n_jobs)]
    model, sums = tmp_path / "model", tmp_path / "sums.npz"

    def finish():
        """Return the bytes of the model, and begin again."""
        found = model.read_bytes()
        model.unlink()
        sums.unlink()
        return found

    def save():
        """Return what differs from one file of sums to the next."""
        return (sums.stat().st_ino, sums.stat().st_mtime_ns) if sums.exists() else None

    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    expected = finish()
    moments = random.Random(0)
    killed, kept = 0, []
    while killed < 20:
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, start_new_session=True, text=True
        ) as running:
            assert running.stdout.readline() == "started\n"
            # Killed some moments after so many saves, however fast the machine is.
            left, last = moments.randrange(4), save()
            while left and running.poll() is None:
                if save() != last:
                    left, last = left - 1, save()
                time.sleep(0.001)
            try:
                running.wait(moments.uniform(0.0, 0.1))
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                killed += 1
                if sums.exists():
                    with np.load(sums) as content:
                        kept.append(int(np.unpackbits(content["done"]).sum()))
            else:
                assert finish() == expected
    assert len({n for n in kept if 0 < n < 288}) > 3  # some of the work was kept, time and again
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert finish() == expected
