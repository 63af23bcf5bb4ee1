"""Threads that compute while others change the environment, fork and are left behind at exit.

python tests/slow/storm.py [MINUTES]

Each round is a process: sixteen daemon threads propagate, fit and predict, and compare every result
with what one thread gave; three others set environment variables, fork, and add samples to a
readout that the sixteen predict with. After some seconds the process ends with all of them at work.
Its status must be 0 and nothing may stand on its standard error. Python without a GIL neither forks
nor leaves threads behind.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import randprop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers import few_pixels

COMPUTING = 16
SECONDS = 6.0  # of a round
# Without a GIL a thread that stops for ever, at a fork or at exit, may hold the lock of a shared
# dict: nothing is forked then, and threads are waited for.
HAS_GIL = getattr(sys, "_is_gil_enabled", lambda: True)()
PARTS = 8  # the samples of the readout that grows come in so many


class Storm:
    """Inputs, what a single thread makes of them, and what went wrong since."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.X, self.y, self.X_test = few_pixels()
        self.network = randprop.StepNetwork(64, 2, width=192, weight_bits=4, seed=5)
        self.bits = self.network.propagate(self.X, n_threads=1)
        self.test_bits = self.network.propagate(self.X_test, n_threads=1)
        self.readouts: list[Any] = [
            *(randprop.Centroids(metric=metric) for metric in ("euclidean", "hamming", "cosine")),
            randprop.RidgeReadout(),
            randprop.HammingNeighbors(3),
        ]
        self.labels = [
            readout.fit(self.bits, self.y).predict(self.test_bits) for readout in self.readouts
        ]
        self.model = randprop.Model(self.network, self.readouts[0])
        self.growing = randprop.RidgeReadout()
        self.states = self._states()
        self.calls: dict[str, int] = {}
        self.wrong: list[str] = []
        self.over = threading.Event()

    def _states(self) -> list[np.ndarray]:
        """Labels that the growing readout gives after each of its parts."""
        readout, states = randprop.RidgeReadout(), []
        for part in range(PARTS):
            readout.partial_fit(self.bits[part::PARTS], self.y[part::PARTS])
            states.append(readout.predict(self.test_bits))
        return states

    def expect(self, what: str, right: bool) -> None:
        """Count a call, and keep its name if its result was another one."""
        self.calls[what] = self.calls.get(what, 0) + 1
        if not right:
            self.wrong.append(what)

    def propagate(self, number: int) -> None:
        """Bits of bytes, on one thread and on several, of the shared network and of a new one."""
        found = self.network.propagate(self.X_test, n_threads=1 + number % 3)
        self.expect("propagate", found == self.test_bits)
        if number % 10 == 0:
            new = randprop.StepNetwork(64, 2, width=192, weight_bits=4, seed=5)
            self.expect("network", new.propagate(self.X_test[:7]) == self.test_bits[:7])

    def fit(self, number: int) -> None:
        """Fit a readout and predict with it."""
        which = number % len(self.readouts)
        readout = self.readouts[which].fresh().fit(self.bits, self.y)
        self.expect("fit", np.array_equal(readout.predict(self.test_bits), self.labels[which]))

    def predict(self, number: int) -> None:
        """Predict with what all threads share."""
        which = number % len(self.readouts)
        found = self.readouts[which].predict(self.test_bits)
        self.expect("predict", np.array_equal(found, self.labels[which]))
        found = self.model.predict(self.X_test[:5])
        self.expect("model", np.array_equal(found, self.labels[0][:5]))

    def predict_growing(self, _: int) -> None:
        """Predict with a readout that takes samples meanwhile: one of its states must answer."""
        try:
            found = self.growing.predict(self.test_bits)
        except ValueError:  # not fitted yet
            return
        self.expect("growing", any(np.array_equal(found, state) for state in self.states))

    def save_and_load(self, _: int) -> None:
        """Write and read a model."""
        path = self.folder / f"{threading.get_ident()}.safetensors"
        randprop.save(self.model, path)
        loaded = randprop.load(path)
        found = loaded.predict(self.X_test[:5])
        self.expect("load", np.array_equal(found, self.labels[0][:5]))

    def grow(self, _: int) -> None:
        """Let the growing readout grow once more from nothing."""
        self.growing = readout = randprop.RidgeReadout()
        for part in range(PARTS):
            readout.partial_fit(self.bits[part::PARTS], self.y[part::PARTS])

    def set_environment(self, number: int) -> None:
        """Change the environment, by Python and by C: enough names to make it move."""
        libc = ctypes.CDLL(None)
        for i in range(200):
            name = f"STORM_{number % 7}_{i}"
            if number % 2:
                os.environ[name] = "x" * (1 + (number + i) % 500)
            else:
                libc.setenv(name.encode(), b"y" * (1 + i), 1)
        if number % 5 == 0:
            for name in [name for name in os.environ if name.startswith("STORM_")]:
                del os.environ[name]
        self.expect("environment", True)

    def fork(self, _: int) -> None:
        """Fork: the child predicts by itself and ends."""
        child = os.fork()
        if child == 0:
            found = self.network.propagate(self.X_test[:9], n_threads=1)
            os._exit(0 if found == self.test_bits[:9] else 3)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                self.expect("fork", status == 0)
                return
            time.sleep(0.005)
        os.kill(child, 9)
        os.waitpid(child, 0)
        self.expect("fork that hangs", False)

    def forever(self, call: Callable[[int], None], number: int) -> None:
        """Call again and again; an exception is a wrong result."""
        while not self.over.is_set():
            try:
                call(number)
            except Exception as error:
                self.wrong.append(f"{call.__name__}: {error!r}")
            number += 1


def one_round(folder: Path) -> None:
    """Start all threads, wait, say what went wrong, and leave them behind."""
    storm = Storm(folder)
    computing = (
        storm.propagate, storm.fit, storm.predict, storm.predict_growing, storm.save_and_load,
    )  # fmt: skip
    calls = [computing[i % len(computing)] for i in range(COMPUTING)]
    calls += [storm.grow, storm.set_environment]
    if HAS_GIL:
        calls.append(storm.fork)
    threads = [
        threading.Thread(target=storm.forever, args=(call, number), daemon=True)
        for number, call in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    time.sleep(SECONDS)
    if not HAS_GIL:
        storm.over.set()
        for thread in threads:
            thread.join()
    print(" ".join(f"{name}={count}" for name, count in sorted(storm.calls.items())), flush=True)
    if storm.wrong:
        print("wrong:", sorted(set(storm.wrong))[:5], file=sys.stderr, flush=True)


def main() -> None:
    """Run rounds until the time is over; stop at the first that went wrong."""
    until = time.monotonic() + 60 * (float(sys.argv[1]) if len(sys.argv) > 1 else 10.0)
    rounds, total = 0, {"fork": 0}
    # Before a fork OpenBLAS ends its threads and waits for them: beside a thread that computes with
    # them it may wait for ever, with the GIL held. Without threads it has nothing to wait for.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    while time.monotonic() < until:
        # This process removes the folder, when nobody writes to it any more.
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, "--round", folder]
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=300, env=environment
            )
        if done.returncode != 0 or done.stderr:
            sys.exit(f"round {rounds}: status {done.returncode}\n{done.stdout}{done.stderr}")
        rounds += 1
        for pair in done.stdout.split():
            name, _, count = pair.partition("=")
            total[name] = total.get(name, 0) + int(count)
    print(f"{rounds} processes, status 0, none wrong:", total)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--round"]:
        one_round(Path(sys.argv[2]))
    else:
        main()
