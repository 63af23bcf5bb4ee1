"""Models worth putting on a microcontroller, and the data they are fitted on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from randprop import (
    BinaryScaling,
    Conv1D,
    Conv2D,
    DiscriminantReadout,
    Model,
    RidgeReadout,
    Scaling,
    StepNetwork,
    datasets,
)


@dataclass(frozen=True)
class Split:
    """Labelled samples as rows, which is how a network reads them."""

    X_train: NDArray[np.uint8]
    y_train: NDArray[np.int64]
    X_test: NDArray[np.uint8]
    y_test: NDArray[np.int64]

    def thinned(self, step: int) -> Split:
        """Return every so many training samples, and all others."""
        return Split(self.X_train[::step], self.y_train[::step], self.X_test, self.y_test)


@dataclass(frozen=True)
class Recipe:
    """One stage, what its inputs are, and the bits of its readout."""

    title: str
    stage: Conv1D | Conv2D
    bits: int = 2
    level: int | None = 63  # pixels above it are 1; None: inputs are bytes
    ridge: bool = False
    data: str = "mnist"
    figure: str = ""  # its name in the picture of times

    def fit(self, split: Split, seed: int) -> Model:
        """Return the fitted model, in floating point."""
        series = isinstance(self.stage, Conv1D)
        shape = (GESTURE_LENGTH, GESTURE_CHANNELS) if series else (28, 28, 1)
        network = StepNetwork(
            split.X_train.shape[1], stages=[self.stage], input_shape=shape, seed=seed
        )
        if series:
            network = network.calibrate(split.X_train[:2000])
        scaling = None if self.level is None else BinaryScaling(self.level)
        read = split.X_train if scaling is None else scaling.transform(split.X_train)
        readout = RidgeReadout() if self.ridge else DiscriminantReadout()
        return Model(network, readout.fit(network.propagate(read), split.y_train), scaling=scaling)


GESTURE_CHANNELS, GESTURE_LENGTH, N_GESTURES = 6, 128, 6
_GESTURES = Conv1D(128, 9, dilation="log", fan_in=8, pool=1)
RECIPES = (
    Recipe(
        "32 channels, 4 x 4 counts, 2 bits", Conv2D(32, 7, fan_in=4, pool=4), figure="32 ch, 4 x 4"
    ),
    Recipe(
        "64 channels, 4 x 4 counts, 2 bits", Conv2D(64, 7, fan_in=4, pool=4), figure="64 ch, 4 x 4"
    ),
    Recipe(
        "128 channels, 2 x 2 counts, 1 bit",
        Conv2D(128, 7, fan_in=4, pool=2),
        bits=1,
        figure="128 ch, 2 x 2",
    ),
    Recipe(
        "192 channels, 2 x 2 counts, 2 bits",
        Conv2D(192, 7, fan_in=4, pool=2),
        figure="192 ch, 2 x 2",
    ),
    # Chosen on the last 10,000 training images among several hundred of at most these bytes.
    Recipe(
        "The best of 4 KB of coefficients: 270 channels, 3 x 2 counts, 2 bits",
        Conv2D(270, 7, fan_in=4, pool=(3, 2)),
        figure="270 ch, 3 x 2",
    ),
    Recipe(
        "The best of 12 KB of coefficients takes 8: 544 channels, 3 x 2 counts, 2 bits",
        Conv2D(544, 7, fan_in=4, pool=(3, 2)),
        figure="544 ch, 3 x 2",
    ),
    Recipe(
        "8-bit pixels: 32 channels, 4 x 4 counts, 2 bits",
        Conv2D(32, 7, fan_in=4, bias=0.1, pool=4),
        level=None,
        figure="32 ch, 8-bit pixels",
    ),
    Recipe(
        "Gestures (made data), 6 channels of 128 values: 128 units of 8 values, ridge of 8 bits",
        _GESTURES,
        bits=8,
        level=None,
        ridge=True,
        data="gestures",
    ),
    Recipe(
        "Gestures (made data), 6 channels of 128 values: 128 units of 8 values, discriminant of "
        "2 bits",
        _GESTURES,
        level=None,
        data="gestures",
    ),
)


def splits() -> dict[str, Split]:
    """Return the data of all recipes, by name."""
    X, y = gestures(3000, 0)
    X_test, y_test = gestures(10_000, 1)
    scaling = Scaling("channels", n_channels=GESTURE_CHANNELS, trim=0.001).fit(X)
    return {
        "mnist": Split(*datasets.load_mnist()),
        "gestures": Split(scaling.transform(X), y, scaling.transform(X_test), y_test),
    }


def gestures(n_samples: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Make windows of a sensor of six channels, such as acceleration and turning.

    Each class has two waves and a jump in every channel, whose heights differ somewhat from those
    of the other classes; speed, phase and moment differ from sample to sample, and there is noise.
    """
    forms = np.random.default_rng(2024)
    shape = (N_GESTURES, GESTURE_CHANNELS, 1)
    heights = forms.normal(0.0, 1.0, (3, 1, *shape[1:])) + forms.normal(0.0, 0.4, (3, *shape))
    speeds = forms.uniform(3.0, 6.0, (2, N_GESTURES, 1, 1))
    shifts = forms.uniform(0.0, 2 * np.pi, (2, *shape))

    rng = np.random.default_rng(seed)
    y = rng.integers(0, N_GESTURES, n_samples)
    each = (n_samples, 1, 1)
    t = np.linspace(0.0, 2 * np.pi, GESTURE_LENGTH) * rng.uniform(0.8, 1.25, each)
    t = t + rng.uniform(0.0, 2 * np.pi, each)
    X = rng.normal(0.0, 2.0, (n_samples, GESTURE_CHANNELS, GESTURE_LENGTH))
    for height, speed, shift in zip(heights, speeds, shifts, strict=False):
        X += height[y] * np.sin(speed[y] * t + shift[y])
    jump = rng.integers(20, GESTURE_LENGTH - 20, each)
    X += heights[2][y] * (np.arange(GESTURE_LENGTH) > jump)
    return X * rng.uniform(0.6, 1.4, each), y


def stage_bytes(model: Model, n_bits: int) -> int:
    """Bytes that a device stores of a Conv2D: codes, biases, and the inputs of units."""
    stage = model.network.stages[0]
    assert stage.fan_in is not None
    n_classes, n_features = len(model.classes_), model.network.widths[-1]
    units = stage.fan_in * stage.channels
    return (
        -(-n_features * n_classes * n_bits // 8) + 4 * n_classes + (units if units <= 2048 else 0)
    )


def grid() -> Iterator[tuple[int, int]]:
    """Give windows a side and channels, of the table of bytes and accuracy."""
    for pool, most in ((2, 384), (4, 256)):
        for channels in (8, 16, 32, 64, 128, 192, 256, 384):
            if channels <= most:
                yield pool, channels
