"""Fitting class means of bits and measuring distances to them."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness import N_THREADS, Bench, forced, main, not_installed, peer, random_bits
from randprop import Centroids, _core

N_BITS, N_CLASSES = 784, 10


def run(bench: Bench) -> None:
    """Every level of ours, NumPy and scikit-learn on the unpacked bits."""
    n_train, n_test = (6_000, 1_000) if bench.quick else (60_000, 10_000)
    train, test = random_bits(n_train, N_BITS, 1), random_bits(n_test, N_BITS, 2)
    y = np.random.default_rng(3).integers(0, N_CLASSES, n_train)
    readout = Centroids().fit(train, y)
    labels = readout.predict(test)
    fits: dict[str, Any] = {}
    predicts: dict[str, Any] = {}
    for level in reversed(_core.simd_levels_supported()):
        fits[f"randprop {level}"] = forced(level, "", lambda: Centroids().fit(train, y))
        predicts[f"randprop {level}"] = forced(level, "", lambda: readout.predict(test))
        if not np.array_equal(predicts[f"randprop {level}"](), labels):
            raise SystemExit(f"{level}: wrong labels")
    X, X_test = train.to_array().astype(np.float32), test.to_array().astype(np.float32)
    one_hot = (y == np.arange(N_CLASSES)[:, None]).astype(np.float32)

    def means() -> np.ndarray:
        return (one_hot @ X) / np.bincount(y)[:, None]

    centers = means()
    norms = (centers**2).sum(axis=1)
    fits["NumPy float32 one-hot @ X"] = means
    name = "NumPy float32 X @ means"
    predicts[name] = lambda: np.argmin(norms - 2 * X_test @ centers.T, axis=1)
    notes = {name: f"{np.mean(predicts[name]() == labels):.4%} of labels equal"}
    if peer("sklearn") is not None:
        from sklearn.neighbors import NearestCentroid

        model = NearestCentroid().fit(X, y)
        fits["scikit-learn NearestCentroid"] = lambda: NearestCentroid().fit(X, y)
        predicts["scikit-learn NearestCentroid"] = lambda: model.predict(X_test)
        same = np.mean(model.predict(X_test) == labels)
        notes["scikit-learn NearestCentroid"] = f"{same:.4%} of labels equal"
    else:
        fits["scikit-learn NearestCentroid"] = not_installed("scikit-learn")
    if peer("torchhd") is None:
        fits["torchhd"] = not_installed("torch-hd")
    else:
        fits["torchhd"] = "does not apply: its centroids are compared by cosine, not by distance"
    bench.race(
        f"Class means of {n_train:,} x {N_BITS} bits, {N_CLASSES} classes, {N_THREADS} cores, ms",
        fits,
    )
    bench.race(f"Labels of {n_test:,} x {N_BITS} bits, ms", predicts, notes=notes)


if __name__ == "__main__":
    main(run)
