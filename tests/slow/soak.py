"""Single images from 1 to 32 threads for minutes: the same labels, and memory that stays flat.

python tests/slow/soak.py [MINUTES]
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from pathlib import Path

import numpy as np

import randprop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers import few_pixels

THREADS = (1, 2, 4, 8, 16, 32)
MOST_GROWTH = 4 << 20  # bytes, over the whole run after the first round


def resident() -> int:
    """Bytes of this process that are in memory."""
    found = re.search(r"VmRSS:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


class Soak:
    """Models of every readout, the labels that they must give, and counters."""

    def __init__(self) -> None:
        X_train, y_train, X_test = few_pixels()
        self.X = X_test
        self.models = []
        for number, empty in enumerate(
            (
                randprop.Centroids(n_threads=1),
                randprop.RidgeReadout(n_threads=1),
                randprop.HammingNeighbors(3, n_threads=1),
            )
        ):
            network = randprop.StepNetwork(64, 2, width=128, weight_bits=4, seed=number)
            fitted = empty.fit(network.propagate(X_train), y_train)
            model = randprop.Model(network, fitted)
            self.models.append((model, model.predict(self.X)))
        self.wrong = 0

    def work(self, stop: threading.Event, calls: list[int], position: int) -> None:
        """Predict one image after the other; every thousandth call makes a network anew."""
        i = position
        while not stop.is_set():
            model, labels = self.models[i % len(self.models)]
            row = i % len(self.X)
            if model.predict(self.X[row : row + 1])[0] != labels[row]:
                self.wrong += 1
            if i % 1000 == 0:
                network = randprop.StepNetwork(64, width=32, seed=i)
                again = randprop.StepNetwork(64, width=32, seed=i)
                if network.propagate(self.X[:3], n_threads=2) != again.propagate(self.X[:3]):
                    self.wrong += 1
            calls[position] += 1
            i += 1

    def run(self, n_threads: int, seconds: float) -> int:
        """Return how many calls that many threads made."""
        stop, calls = threading.Event(), [0] * n_threads
        threads = [
            threading.Thread(target=self.work, args=(stop, calls, position))
            for position in range(n_threads)
        ]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        stop.set()
        for thread in threads:
            thread.join()
        return sum(calls)


def main() -> None:
    """Go through the numbers of threads until the time is over."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    soak = Soak()
    soak.run(max(THREADS), 2.0)
    seconds = 60 * minutes / len(THREADS)
    before = resident()
    files = len(os.listdir("/proc/self/fd"))
    total, sizes = 0, []
    for n_threads in THREADS:
        calls = soak.run(n_threads, seconds)
        total += calls
        sizes.append(resident())
        print(
            f"{n_threads:>2} threads: {calls} calls, {calls / seconds:.0f} a second, "
            f"{(sizes[-1] - before) / 1024:+.0f} KB",
            flush=True,
        )
    growth = max(sizes) - before
    leaked = len(os.listdir("/proc/self/fd")) - files
    print(f"{total} calls, {soak.wrong} wrong, {growth / 1024:+.0f} KB, {leaked} files left open")
    sys.exit(bool(soak.wrong or growth > MOST_GROWTH or leaked))


if __name__ == "__main__":
    np.seterr(all="raise")
    main()
