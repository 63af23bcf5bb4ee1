"""The same fit on this machine and on a cluster: equal to the last bit.

python on_a_cluster.py                   (needs pip install distributed)

The cluster is three processes on this machine; give Client() the address of yours.
"""

from __future__ import annotations

import joblib
import numpy as np
from distributed import Client, LocalCluster

import randprop


def main() -> None:
    """Fit twice and compare."""
    X_train, y_train, X_test, y_test = randprop.datasets.load_mnist()
    network = randprop.StepNetwork(784, layers=1, width=512)
    here = randprop.fit_parallel(network, X_train, y_train)
    with (
        LocalCluster(n_workers=3, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        there = randprop.fit_parallel(network, X_train, y_train)
        result = randprop.evaluate_parallel(there, X_test, y_test)
    same = np.array_equal(here.readout.counts_, there.readout.counts_)
    print(f"the same counts: {same}; accuracy {result.accuracy:.3f} of {result.n_samples:,}")


if __name__ == "__main__":
    main()
