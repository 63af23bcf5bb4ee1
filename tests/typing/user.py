"""A user's program: `mypy --strict` finds nothing, and knows the types of what comes back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

import randprop
from randprop import Evaluation, Evaluations, Model, StepClassifier, StepRegressor, datasets

X_train, y_train, X_test, y_test = datasets.load_digits()

one = randprop.evaluate(layers=3, dataset="digits", width=128)
assert_type(one, Evaluation)
assert_type(one.accuracy, float)
assert_type(randprop.evaluate(layers=[0, 1], dataset="digits"), Evaluations)

network = randprop.StepNetwork(64, layers=1, width=100, seed=1)
bits = network.propagate(X_train)
assert isinstance(bits, randprop.BitMatrix)  # of counts an array: the chain decides
assert_type(bits.words, NDArray[np.uint64])
assert_type(bits.popcount(), NDArray[np.int64])

readout = randprop.Centroids(metric="cosine").fit(bits, y_train)
assert_type(readout, randprop.Centroids)
assert_type(readout.distances(bits), NDArray[np.float64])
distances, indices = randprop.HammingNeighbors(3).fit(bits, y_train).kneighbors(bits[:5])
assert_type(indices, NDArray[np.int64])

model = Model(network, readout)
assert_type(model.predict(X_test), NDArray[Any])
randprop.save(model, Path("model.safetensors"))
assert_type(randprop.load("model.safetensors"), Model | StepClassifier)
assert_type(randprop.export_c(model, "folder"), Path)
randprop.export_onnx(model, "model.onnx", matmul="float")

with ThreadPoolExecutor() as executor:
    fitted = randprop.fit_parallel(network, X_train, y_train, executor=executor)
assert_type(fitted, Model)
assert_type(randprop.evaluate_parallel(fitted, X_test, y_test).accuracy, float)

classifier = StepClassifier(layers=1, width=64, readout="ridge").fit(X_train, y_train)
assert_type(classifier, StepClassifier)
assert_type(classifier.predict(X_test), NDArray[Any])
assert_type(classifier.model_, Model)

regressor = StepRegressor(width=64, alpha=1.0).fit(X_train, y_train / 2)
assert_type(regressor, StepRegressor)
assert_type(regressor.predict(X_test), NDArray[np.float64])
assert_type(regressor.readout_.coef_, NDArray[np.float64])

result = randprop.sweep([0, 1], width=[32, 64], dataset="digits", seeds=2)
assert_type(result, randprop.SweepResult)
