"""Draw the pictures of docs/pictures.md: ``python tools/draw_pictures.py``."""

from __future__ import annotations

import re
from base64 import b64decode
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

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
means = Centroids().fit(X_train, y_train)
save(show.class_means(means, (28, 28)), "class_means")
uri = re.search(r'src="data:image/png;base64,([^"]*)"', means._repr_html_())[1]
(FOLDER / "notebook.png").write_bytes(b64decode(uri))
scores = classifier.model_.readout.scores(classifier.model_.propagate(X_test))
save(show.scores(scores, y_test).figure, "scores")
results = randprop.evaluate(layers=range(16))
save(results.plot().figure, "depth")
with plt.style.context("dark_background"):
    save(results.plot().figure, "depth_dark")
save(results[3].plot().figure, "confusion")
save(show.bits(StepNetwork(784, 3), X_test[0]), "paper")
