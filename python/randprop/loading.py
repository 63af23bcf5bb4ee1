"""Models in files, read as what was saved: a model, or the estimator that held one."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from randprop.model.files import read_model
from randprop.model.model import Model

if TYPE_CHECKING:
    from randprop.estimators.step_classifier import StepClassifier

__all__ = ["load"]


def load(path: str | os.PathLike[str]) -> Model | StepClassifier:
    """Read a model or a classifier that `save` wrote.

    The whole file is checked before anything of it is used. Nothing in it is code.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Model or StepClassifier
        The saved object. ``model_`` of a classifier is its `Model`. A `RidgeReadout` or
        `DiscriminantReadout` has only its coefficients: it predicts, but no samples can be added.
        Parameters of a classifier that were objects (a readout, a fitted scaling, stages) are taken
        from the model, and ``n_jobs`` is None. The file holds nothing about the training data.
        Without scikit-learn you get a `Model`.

    Raises
    ------
    TypeError, ValueError
        If `path` is not a path, or not a regular file. If the file is cut short or damaged, has a
        newer version of the format, or is not a model.
    OSError
        If the file cannot be read.

    See Also
    --------
    save

    Examples
    --------
    >>> import os, tempfile
    >>> import randprop
    >>> X_train, y_train, X_test, y_test = randprop.datasets.load_digits()
    >>> classifier = randprop.StepClassifier(stages="images", width=256).fit(X_train, y_train)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "digits.safetensors")
    ...     randprop.save(classifier, path)
    ...     loaded = randprop.load(path)
    >>> loaded
    StepClassifier(stages='images', width=256)
    >>> bool((loaded.predict_proba(X_test) == classifier.predict_proba(X_test)).all())
    True
    """
    model, told = read_model(path)
    return model if told is None else _estimator(model, told)


def _estimator(model: Model, told: str) -> Any:
    """Return the estimator that a file tells of; the model where it is of none that is known."""
    try:
        from randprop.estimators.step_classifier import StepClassifier, restored
    except ImportError:  # without scikit-learn there are no estimators, and a model predicts
        return model
    try:
        found = json.loads(told)
        if found["class"] != StepClassifier.__name__:
            return model
        return restored(model, found["parameters"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        return model
