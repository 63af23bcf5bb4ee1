"""Gestures of an accelerometer, made by formulas: fit, and write what a sketch for Arduino needs.

python gestures.py folder

writes the model as C and recorded.h, a recording of some gestures one after the other.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import randprop

NAMES = ("rest", "shake", "circle", "nod")
LENGTH = 64
BITS = 4


def windows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Make windows of three axes, in thousandths of g, that begin at any moment of a gesture."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, len(NAMES), n)
    speed = rng.uniform(0.18, 0.26, (n, 1))
    t = speed * np.arange(LENGTH) + rng.uniform(0, 2 * np.pi, (n, 1))
    still = np.zeros_like(t)
    # By gesture, for each axis; g itself pulls the third.
    forms = np.array(
        [
            [still, still, still],
            [np.sin(2.5 * t), 0.2 * np.sin(2.5 * t), still],
            [np.cos(t), np.sin(t), 0.1 * np.sin(2 * t)],
            [still, 0.3 * np.sin(1.4 * t), np.sin(1.4 * t)],
        ]
    )
    X = forms[kind, :, np.arange(n)] * rng.uniform(300, 700, (n, 1, 1))
    X += rng.normal(0, 60, X.shape) + np.array([0, 0, 1000])[:, None]
    return np.rint(X).astype(np.int16), np.array(NAMES)[kind]


def fit() -> randprop.StepClassifier:
    """Fit on made windows."""
    classifier = randprop.StepClassifier(stages="series", width=32)
    return classifier.fit(*windows(2000, 0))


def recording() -> np.ndarray:
    """Return readings of one gesture after the other, as rows of three axes."""
    X, y = windows(40, 1)
    chosen = [X[y == name][0] for name in NAMES]
    return np.concatenate(chosen, axis=1).T


def main(folder: str) -> None:
    """Fit, tell how well, and export."""
    classifier = fit()
    device = classifier.model_.quantize(readout_bits=BITS)
    print(f"accuracy of the device {device.score(*windows(2000, 2)):.3f}")
    written = randprop.export_c(classifier, folder, readout_bits=BITS)
    rows = recording()
    lines = ",\n".join("    " + ", ".join(str(value) for value in row) for row in rows)
    (written / "recorded.h").write_text(
        "/* Readings of three axes, made by formulas in examples/python/gestures.py. */\n"
        f"#define RECORDED_MOMENTS {len(rows)}u\n\n"
        f"static const int16_t recorded[{rows.size}] RP_TABLE = {{\n{lines}}};\n"
    )
    print(f"wrote {Path(folder)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
