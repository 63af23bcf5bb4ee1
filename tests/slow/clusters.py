"""Fits and sweeps on a small cluster of this machine: the same as without one.

python tests/slow/clusters.py ray|dask|spark ...

Each is started on the loopback interface with two workers and ended again. Spark needs Java.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import joblib
import numpy as np

import randprop

X, Y, _, _ = randprop.datasets.load_digits()
NETWORK = randprop.StepNetwork(64, 1, width=200)
GRID = {"dataset": "digits", "width": [20, 30], "seeds": 2, "progress": False}
# A host name need not lead to an interface that answers.
LOOPBACK = "127.0.0.1"


@contextmanager
def on_ray() -> Iterator[None]:
    import ray
    from ray.util.joblib import register_ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address=LOOPBACK)
    try:
        register_ray()
        with joblib.parallel_config(backend="ray", n_jobs=2):
            yield
    finally:
        ray.shutdown()


@contextmanager
def on_dask() -> Iterator[None]:
    import distributed

    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, host=LOOPBACK
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        yield


@contextmanager
def on_spark() -> Iterator[None]:
    from joblibspark import register_spark
    from pyspark.sql import SparkSession

    # Spark looks for a "python3" of its own where it is not told.
    os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": LOOPBACK}
    session = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    running = session.getOrCreate()
    try:
        register_spark()
        with joblib.parallel_config(backend="spark", n_jobs=2):
            yield
    finally:
        running.stop()


CLUSTERS: dict[str, Callable[[], object]] = {"ray": on_ray, "dask": on_dask, "spark": on_spark}


def check(name: str, folder: Path) -> None:
    """Compare what a cluster computes with what this process computes."""
    np.save(folder / "X.npy", X)
    mapped = np.load(folder / "X.npy", mmap_mode="r")
    expected = randprop.fit_parallel(NETWORK, X, Y).readout.counts_
    grid = [row["accuracy"] for row in randprop.sweep([0, 1], **GRID)]
    with CLUSTERS[name]():  # type: ignore[attr-defined]
        for data in (X, mapped):
            found = randprop.fit_parallel(NETWORK, data, Y, chunk_size=100, progress=False)
            np.testing.assert_array_equal(found.readout.counts_, expected)
        assert [row["accuracy"] for row in randprop.sweep([0, 1], **GRID)] == grid
    print(f"{name}: the same model and the same cells", flush=True)


def main(names: list[str]) -> None:
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["HOME"] = folder  # ray keeps a token there
            check(name, Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:] or ["ray", "dask"])
