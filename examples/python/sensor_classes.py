"""From a table of floats to a device: scale, search, keep, and write C for a microcontroller.

python sensor_classes.py folder
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import randprop


def readings(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Make 64 samples of a vibration sensor for each of four states of a machine."""
    rng = np.random.default_rng(seed)
    state = rng.integers(0, 4, n)
    t = np.arange(64)
    phase = rng.uniform(0, 2 * np.pi, (n, 1))
    waves = np.sin(2 * np.pi * t / np.array([32, 16, 10, 6])[state][:, None] + phase)
    spectrum = np.abs(np.fft.rfft(waves + 0.6 * rng.normal(size=waves.shape)))
    return spectrum, np.array(["off", "idle", "run", "fault"])[state]


def main(folder: str) -> None:
    """Fit, keep and export."""
    X_train, X_test, y_train, y_test = train_test_split(*readings(2000, 0), random_state=0)
    pipeline = make_pipeline(
        MinMaxScaler(clip=True), randprop.StepClassifier(weight_bits=1, input_range=(0, 1))
    )
    search = GridSearchCV(pipeline, {"stepclassifier__width": [32, 128]}, cv=3)
    search.fit(X_train, y_train)
    print(f"accuracy {search.score(X_test, y_test):.3f}, {search.best_params_}")
    scaler, classifier = search.best_estimator_
    Path(folder).mkdir(parents=True, exist_ok=True)
    randprop.save(classifier, Path(folder) / "machine.safetensors")
    # The device gets scaled features as bytes; the self-test holds four of ours.
    samples = np.rint(255 * scaler.transform(X_test[:4])).astype(np.uint8)
    written = randprop.export_c(classifier, Path(folder) / "c", centroid_bits=2, self_test=samples)
    print(f"wrote {written}")


if __name__ == "__main__":
    main(*sys.argv[1:])
