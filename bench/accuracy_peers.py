"""Peers of `bench_accuracy`: each a function of a seed that returns something to fit.

Where a peer has a strength to choose it does so on the training data, as randprop does: ridge by
generalised cross-validation, on images by a sixth of the training samples. Peers see features that
are standardised, or pixels of 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import RidgeClassifier, RidgeClassifierCV
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from accuracy_data import NO_AEON
from harness import N_THREADS, not_installed, peer

Maker = Callable[[int], Any]
ALPHAS = np.logspace(-4, 4, 17)


class RandomLayer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The hidden layer of an extreme learning machine: tanh of random projections.

    Weights are normal with a variance of one over the number of features, biases normal, so that
    preactivations of standardised features are of the size where tanh bends.
    """

    def __init__(self, width: int, seed: int) -> None:
        self.width = width
        self.seed = seed

    def fit(self, X: Any, y: Any = None) -> RandomLayer:
        """Draw the weights."""
        rng = np.random.default_rng(self.seed)
        self.weights_ = rng.normal(size=(X.shape[1], self.width)) / np.sqrt(X.shape[1])
        self.biases_ = rng.normal(size=self.width)
        return self

    def transform(self, X: Any) -> Any:
        """Return the outputs of the hidden units."""
        return np.tanh(X @ self.weights_ + self.biases_)


class SmallCNN(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Two convolutions and two dense layers, trained by Adam on the CPU."""

    def __init__(self, epochs: int, seed: int) -> None:
        self.epochs = epochs
        self.seed = seed

    def fit(self, X: Any, y: Any) -> SmallCNN:
        """Train on images (n, height, width, channels) of bytes."""
        import torch
        from torch import nn

        torch.manual_seed(self.seed)
        torch.set_num_threads(N_THREADS)
        self.classes_, codes = np.unique(y, return_inverse=True)
        height, width, channels = X.shape[1:]
        self.net_ = nn.Sequential(
            nn.Conv2d(channels, 16, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * (height // 4) * (width // 4), 128),
            nn.ReLU(),
            nn.Linear(128, len(self.classes_)),
        )
        optimizer = torch.optim.Adam(self.net_.parameters(), lr=1e-3)
        inputs, targets = self._inputs(X), torch.from_numpy(codes)
        for _ in range(self.epochs):
            for batch in torch.randperm(len(targets)).split(64):
                optimizer.zero_grad()
                nn.functional.cross_entropy(self.net_(inputs[batch]), targets[batch]).backward()
                optimizer.step()
        return self

    def predict(self, X: Any) -> Any:
        """Return the label of the largest output."""
        import torch

        with torch.no_grad():
            parts = [self.net_(part).argmax(1) for part in self._inputs(X).split(1000)]
        return self.classes_[torch.cat(parts).numpy()]

    @staticmethod
    def _inputs(X: Any) -> Any:
        import torch

        return torch.from_numpy(np.ascontiguousarray(X.transpose(0, 3, 1, 2))).float() / 255


def elm(width: int) -> Maker:
    """Return an extreme learning machine: a random layer, and ridge on what it gives."""
    return lambda seed: make_pipeline(
        StandardScaler(), RandomLayer(width, seed), RidgeClassifierCV(ALPHAS)
    )


def _forest(n_trees: int) -> Maker:
    return lambda seed: RandomForestClassifier(n_trees, random_state=seed, n_jobs=N_THREADS)


def table_peers(width: int, n_trees: int) -> dict[str, Maker]:
    """Return peers on features of any scale."""
    return {
        "ELM": elm(width),
        "RBFSampler + ridge": lambda seed: make_pipeline(
            StandardScaler(),
            RBFSampler(gamma="scale", n_components=width, random_state=seed),
            RidgeClassifierCV(ALPHAS),
        ),
        "RidgeClassifier": lambda seed: make_pipeline(StandardScaler(), RidgeClassifierCV(ALPHAS)),
        "random forest": _forest(n_trees),
        "5 nearest neighbours": lambda seed: make_pipeline(
            StandardScaler(), KNeighborsClassifier()
        ),
    }


def _of_pixels(*steps: Any) -> Pipeline:
    flat = FunctionTransformer(lambda X: X.reshape(len(X), -1) / np.float32(255))
    return make_pipeline(flat, *steps)


def _ridge_of_many() -> Any:
    # On many samples scikit-learn's cross-validation in closed form takes minutes.
    sixth = ShuffleSplit(1, test_size=1 / 6, random_state=0)
    return GridSearchCV(RidgeClassifier(), {"alpha": np.logspace(-2, 2, 5)}, cv=sixth)


def image_peers(width: int, n_trees: int, epochs: int) -> dict[str, tuple[Maker | str, int]]:
    """Return peers on pixels, or why one is not there; each with how many seeds it is due."""
    cnn: Maker | str = not_installed("torch")
    if peer("torch") is not None:
        cnn = lambda seed: SmallCNN(epochs, seed)  # noqa: E731
    return {
        "RidgeClassifier on pixels": (lambda seed: _of_pixels(_ridge_of_many()), 1),
        f"RBFSampler, {width:,}, + ridge": (
            lambda seed: _of_pixels(
                RBFSampler(gamma="scale", n_components=width, random_state=seed), _ridge_of_many()
            ),
            3,
        ),
        f"random forest, {n_trees} trees": (lambda seed: _of_pixels(_forest(n_trees)(seed)), 3),
        "5 nearest neighbours": (
            lambda seed: _of_pixels(KNeighborsClassifier(n_jobs=N_THREADS)),
            1,
        ),
        f"PyTorch, small CNN, {epochs} epoch{'s' if epochs > 1 else ''}": (cnn, 1),
    }


def mini_rocket(n_kernels: int) -> Maker | str:
    """Return aeon's MiniRocket with its usual readout, or why it is not there."""
    if peer("aeon") is None:
        return NO_AEON
    from aeon.classification.convolution_based import MiniRocketClassifier

    return lambda seed: MiniRocketClassifier(
        n_kernels=n_kernels, random_state=seed, n_jobs=N_THREADS
    )
