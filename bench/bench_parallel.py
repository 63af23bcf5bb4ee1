"""Parts of data and networks side by side: throughput by workers, and what large runs take."""

from __future__ import annotations

import pickle
import statistics
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import joblib
import numpy as np

from harness import N_THREADS, Bench, main
from randprop import Centroids, StepNetwork, evaluate_parallel, fit_parallel, sweep
from randprop.measure.chunks import Data

CORES = (16, 128, 1024)


def run(bench: Bench) -> None:
    """Time fitting, measuring and sweeping by workers; then extrapolate."""
    n_samples = 6_000 if bench.quick else 60_000
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (n_samples, 784), dtype=np.uint8)
    X[rng.random(X.shape) < 0.8] = 0
    y = rng.integers(0, 10, n_samples)
    network = StepNetwork(784, 3)
    model = fit_parallel(network, X[:1000], y[:1000])

    rows = []
    seconds: dict[tuple[str, int], float] = {}
    folder = tempfile.TemporaryDirectory()  # removed when the bench ends
    path = Path(folder.name) / "X.npy"
    np.save(path, X)
    mapped = np.load(path, mmap_mode="r")
    for workers in sorted({1, N_THREADS}):
        with joblib.parallel_config(backend="loky", n_jobs=workers):
            for name, call in (
                ("fit_parallel", lambda: fit_parallel(network, X, y)),
                ("fit_parallel, memmap", lambda: fit_parallel(network, mapped, y)),
                ("evaluate_parallel, memmap", lambda: evaluate_parallel(model, mapped, y)),
            ):
                call()  # starts the workers
                took = statistics.median(_timed(call) for _ in range(bench.rounds))
                seconds[name, workers] = took
                rows.append(
                    {
                        "what": name,
                        "workers": workers,
                        "images per second": f"{n_samples / took:,.0f}",
                        "core microseconds per image": 1e6 * took * workers / n_samples,
                        "speed relative to one worker": seconds[name, 1] / took,
                    }
                )
    bench.table(
        f"{n_samples:,} images of 784 through 4 matrices of 784 x 784, 8-bit weights, parts of "
        "4,096 images on one thread each",
        rows,
    )

    bits = network.propagate(X[:4096])
    part = Centroids(n_threads=1).fit(bits, y[:4096])
    merge = statistics.median(_timed(lambda: Centroids().merge(part)) for _ in range(50))
    result = pickle.dumps(part)
    task, described = (
        pickle.dumps((network, next(iter(Data(data, y, 784, 4096))))) for data in (X, mapped)
    )
    bench.table(
        "One part: data that are sent, and the time to merge it",
        [
            {"what": "sent to a worker, from memory, MB", "value": len(task) / 1e6},
            {"what": "sent to a worker, from a file, MB", "value": len(described) / 1e6},
            {"what": "sent back, MB", "value": len(result) / 1e6},
            {"what": "merged, ms", "value": 1e3 * merge},
        ],
    )

    _sources(bench, X, y, Path(folder.name))

    layers = range(4) if bench.quick else range(16)
    n_seeds = 2
    n_train = n_samples // 6
    for workers in sorted({1, N_THREADS}):

        def call(workers: int = workers) -> Any:
            return sweep(
                layers, dataset=(X[:n_train], y[:n_train], X[:1000], y[:1000]), seeds=n_seeds,
                progress=False, n_jobs=workers,
            )  # fmt: skip

        seconds["sweep", workers] = _timed(call)
    bench.table(
        f"Networks of {len(layers)} depths, 784 units, {n_train:,} + 1,000 images",
        [
            {
                "workers": workers,
                "seconds per network": seconds["sweep", workers] / n_seeds,
                "note": "one network on all threads" if workers == 1 else "one network per process",
            }
            for workers in sorted({1, N_THREADS})
        ],
    )

    core_image = seconds["fit_parallel, memmap", N_THREADS] * N_THREADS / n_samples
    core_network = seconds["sweep", N_THREADS] * N_THREADS / n_seeds
    bench.table(
        "Estimated time at this machine's speed per core",
        [
            {"run": run_name, **{f"{cores:,} cores": _duration(total / cores) for cores in CORES}}
            for run_name, total in (
                ("fit on 10^9 images, 4 matrices", 1e9 * core_image),
                (f"10^6 networks of {len(layers)} depths each", 1e6 * core_network),
            )
        ],
    )


def _sources(bench: Bench, X: Any, y: Any, folder: Path) -> None:
    """Time a fit from each form in which data larger than memory come."""
    network = StepNetwork(784, 2)
    rows = []
    for name, make in SOURCES.items():
        try:
            data, labels = make(X, y, folder)
        except ImportError as error:
            rows.append({"data": name, "images per second": f"{error.name} is not installed"})
            continue
        with joblib.parallel_config(backend="loky", n_jobs=N_THREADS):
            fit_parallel(network, data, labels)  # starts the workers
            took = min(
                _timed(partial(fit_parallel, network, data, labels)) for _ in range(bench.rounds)
            )
        rows.append({"data": name, "images per second": f"{len(X) / took:,.0f}"})
    bench.table(
        f"{len(X):,} images of 784 through 3 matrices, read by {N_THREADS} workers, best of "
        f"{bench.rounds}",
        rows,
    )


def _mapped(X: Any, y: Any, folder: Path) -> Any:
    return np.load(folder / "X.npy", mmap_mode="r"), y


def _hdf5(X: Any, y: Any, folder: Path) -> Any:
    import h5py

    with h5py.File(folder / "X.h5", "w") as file:
        file.create_dataset("X", data=X, chunks=(min(1024, len(X)), 784))
    return h5py.File(folder / "X.h5", "r")["X"], y


def _zarr(X: Any, y: Any, folder: Path) -> Any:
    import zarr

    return zarr.create_array(store=str(folder / "X.zarr"), data=X, chunks=(1024, 784)), y


def _parquet(X: Any, y: Any, folder: Path) -> Any:
    import pyarrow
    import pyarrow.parquet

    images = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(X.ravel()), 784)
    table = pyarrow.table({"image": images, "label": y})
    pyarrow.parquet.write_table(table, folder / "X.parquet", row_group_size=4096)
    return folder / "X.parquet", "label"


class _Rows:
    """Gives rows by slices, and is no array, which dask would copy into memory."""

    def __init__(self, data: Any) -> None:
        self.data, self.shape, self.dtype, self.ndim = data, data.shape, data.dtype, data.ndim

    def __getitem__(self, key: Any) -> Any:
        return self.data[key]


def _dask(X: Any, y: Any, folder: Path) -> Any:
    import dask.array

    return dask.array.from_array(_mapped(X, y, folder)[0], chunks=(4096, 784)), y


def _dask_of_slices(X: Any, y: Any, folder: Path) -> Any:
    import dask.array

    rows = _Rows(_mapped(X, y, folder)[0])
    return dask.array.from_array(rows, chunks=(4096, 784), asarray=True), y


SOURCES = {
    "memory": lambda X, y, folder: (X, y),
    "memmap": _mapped,
    "HDF5, stored in chunks": _hdf5,
    "Zarr, compressed": _zarr,
    "Parquet, a column of lists": _parquet,
    "dask over a memmap, which it copies into memory": _dask,
    "dask over what reads a memmap": _dask_of_slices,
}


def _duration(seconds: float) -> str:
    for name, length in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {name}"
    return f"{seconds:.1f} seconds"


def _timed(call: Any) -> float:
    started = perf_counter()
    call()
    return perf_counter() - started


if __name__ == "__main__":
    main(run)
