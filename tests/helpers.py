"""Inputs and comparisons that several test files share."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop import Centroids, Model, StepNetwork, datasets

_PATCHING = threading.Lock()

# Seconds after which a wait is a hang, on any machine.
HANG = 600

C_WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror")
# Undefined behaviour ends the process; needs no library beside the compiler.
C_TRAPS = (
    "-fsanitize=undefined",
    "-fsanitize-undefined-trap-on-error",
    *os.environ.get("CFLAGS", "").split(),
)
_COMPILERS = map(shutil.which, (os.environ.get("CC", "cc"), "gcc", "clang"))
C_COMPILER = next(filter(None, _COMPILERS), "cc")


def known_input(kind: str, n_samples: int, n_features: int) -> NDArray[np.uint8]:
    """Return the inputs that the known answers were made from."""
    s = np.arange(n_samples)[:, None]
    k = np.arange(n_features)[None, :]
    value = (31 * s + 7 * k + (s * k % 13)) % 256
    if kind == "sparse":
        value = np.where((s + k) % 5 == 0, value, 0)
    elif kind == "full":
        value = np.full((n_samples, n_features), 255)
    return value.astype(np.uint8)


def few_pixels() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return some images and labels of MNIST, and images to test with: 64 pixels of the middle."""
    X, y, X_test, _ = datasets.load_mnist()
    return X[:1437, 360:424].copy(), y[:1437], X_test[:360, 360:424].copy()


def known_rows(packed: NDArray[np.uint8]) -> list[str]:
    """Return packed rows as the known answers spell them."""
    return [row.tobytes().hex() for row in packed]


def known_philox(case: dict[str, Any]) -> list[list[int]]:
    """Return counter, key and block of a known answer."""
    return [[int(word, 16) for word in case[name]] for name in ("counter", "key", "out")]


def assert_known_network(case: dict[str, Any]) -> None:
    """Compare a network of the known answers, at the level and with the kernel in use."""
    X = known_input(case["input"], case["n_samples"], case["n_features"])
    network = StepNetwork(
        case["n_features"],
        len(case["widths"]) - 1,
        width=case["widths"],
        weight_bits=case["weight_bits"],
        activation=case["activation"],
        seed=case["seed"],
    )
    head = np.array(case["weights_head"])
    rows, columns = head.shape
    np.testing.assert_array_equal(network.weights(0)[:rows, :columns], head)
    outputs = [known_rows(bits.to_packbits()) for bits in network.propagate_all(X)]
    assert outputs == case["outputs"]
    assert known_rows(network.propagate(X).to_packbits()) == case["outputs"][-1]


def assert_known_centroids(case: dict[str, Any]) -> None:
    """Compare the class means of the known answers."""
    bits = StepNetwork(50, width=70, seed=3).propagate(known_input("dense", 12, 50))
    readout = Centroids().fit(bits, case["labels"])
    assert readout.counts_.tolist() == case["counts"]
    assert readout.n_samples_.tolist() == case["n"]
    assert readout.distances(bits).tolist() == case["distances"]


def known_labels(folder: Path) -> dict[str, list[str]]:
    """Return the labels that each of the kept models predicts."""
    lines = (folder / "labels.txt").read_text(encoding="utf-8").splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines}


def labels_of(model: Model) -> list[str]:
    """Return the labels of a kept model for an input that all of them are asked about."""
    predicted = model.predict(known_input("dense", 40, model.network.n_features))
    return [
        f"{label:g}" if isinstance(label, float) else str(label) for label in predicted.tolist()
    ]


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on the loopback while the block runs; yields the address, which ends in a slash."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def wait_until(condition: Callable[[], object]) -> None:
    """Return when `condition` holds; ten minutes without it are a hang."""
    end = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def needs(present: object, what: str, required_by: str) -> None:
    """Skip a test that cannot run here, unless RANDPROP_REQUIRE_`required_by` says that it must."""
    if not present:
        import pytest  # emulated CPUs have none

        assert f"RANDPROP_REQUIRE_{required_by}" not in os.environ, what
        pytest.skip(f"needs {what}")


def threads_of_a_prediction(estimator: Any, X: NDArray[Any], y: NDArray[Any]) -> int:
    """Return how many threads an estimator's prediction asks for: a scorer, for workers."""
    from unittest import mock

    from randprop._validation import check_threads
    from randprop.network import step_network

    asked: list[int] = []

    def noted(n_threads: object) -> int:
        asked.append(check_threads(n_threads))
        return asked[-1]

    with _PATCHING, mock.patch.object(step_network, "check_threads", noted):
        estimator.predict(X)
    return max(asked)


def random_bits(seed: int, n_samples: int, n_bits: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 2, (n_samples, n_bits), dtype=np.uint8)


def random_bytes(seed: int, n_samples: int, n_features: int) -> NDArray[np.uint8]:
    """Return bytes that cover 0, 255 and everything between, half of them 0 as in images."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 256, (n_samples, n_features), dtype=np.uint8)
    X[rng.random(X.shape) < 0.3] = 0
    X[rng.random(X.shape) < 0.1] = 255
    return X


def readings(bits: NDArray[np.uint8], activation: str, first: bool) -> NDArray[Any]:
    """Return bits as a matrix reads them."""
    values = bits.astype(np.int64)
    return values if first or activation == "step" else 2 * values - 1
