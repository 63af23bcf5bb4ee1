"""Accuracy against depth for step and sign networks, with 95 % intervals, as a picture.

python depth_curve.py depth.png          (needs pip install 'randprop[plot]'; some 10 s)
"""

from __future__ import annotations

import sys

import matplotlib as mpl

import randprop

mpl.use("Agg")


def main(path: str) -> None:
    """Sweep and draw."""
    result = randprop.sweep(
        layers=range(9),
        width=256,
        activation=["step", "sign"],
        seeds=5,
        n_train=6_000,
        n_test=2_000,
    )
    axes = result.plot()
    axes.set_title("MNIST, 256 units")
    axes.figure.savefig(path, dpi=120)
    for row in result.summary():
        if row["layers"] in (0, 4, 8):
            print(f"{row['activation']:4} {row['layers']}: {row['accuracy']:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
