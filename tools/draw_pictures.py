"""Draw the pictures of docs/pictures.md: ``python tools/draw_pictures.py``."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import randprop
from randprop import BinaryScaling, Centroids, Conv2D, StepClassifier, StepNetwork, show

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "figures" / "show"


def save(figure, name: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    figure.savefig(FOLDER / f"{name}.png", dpi=130, metadata={"Software": None})


X_train, y_train, X_test, y_test = randprop.datasets.load_mnist()
classifier = StepClassifier(
    stages=[Conv2D(32, 7, fan_in=4, pool=4)], scaling=BinaryScaling(63), readout="discriminant"
)
classifier.fit(X_train.reshape(-1, 28, 28), y_train)
save(show.bits(classifier, X_test[0]), "bits")
save(show.weights(classifier).figure, "weights")
save(show.flips(classifier, X_test[0], 294), "flips")
save(show.class_means(Centroids().fit(X_train, y_train), (28, 28)), "class_means")
scores = classifier.model_.readout.scores(classifier.model_.propagate(X_test))
save(show.scores(scores, y_test).figure, "scores")
results = randprop.evaluate(layers=range(16))
save(show.depth(results).figure, "depth")
save(show.confusion(results[3]).figure, "confusion")
save(show.bits(StepNetwork(784, 3), X_test[0]), "paper")
