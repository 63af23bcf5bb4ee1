"""The parameters of a fitted estimator as JSON holds them, beside the model that it is."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np

from randprop.model.fixed_scaling import FixedScaling
from randprop.model.model import Model
from randprop.model.scaling import Scaling
from randprop.network.stages import Stage
from randprop.readouts.base import Readout

__all__ = ["parameter_of", "parameters_of"]

# What is no number, text or list is what the model has of it: {"of": PART}.
_PARTS: dict[str, Callable[[Model], Any]] = {
    "stages": lambda model: list(model.network.stages),
    "scaling": lambda model: model.scaling,
    "readout": lambda model: model.readout.fresh(),
}


def parameters_of(estimator: Any, model: Model) -> dict[str, Any]:
    """Return the parameters of an estimator that has this model, but for its number of jobs.

    The scaling of a pipeline is in place of that of the estimator in it.
    """
    given = estimator.get_params(deep=False)
    if model.scaling != estimator.scaling_:
        given |= {"scaling": model.scaling, "input_range": None}
    return {
        name: _as_json(value, model.network.seed)
        for name, value in given.items()
        if name != "n_jobs"
    }


def parameter_of(value: Any, model: Model) -> Any:
    """Return the parameter that a value of a file stands for."""
    if not isinstance(value, dict):
        return value
    if set(value) == {"scaling"}:
        return Scaling(**value["scaling"])
    (part,) = value.values()
    return _PARTS[part](model)


def _as_json(value: Any, seed: int) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, Stage):
        return {"of": "stages"}
    if isinstance(value, Readout):
        return {"of": "readout"}
    if isinstance(value, FixedScaling) or (isinstance(value, Scaling) and value.is_fitted):
        return {"of": "scaling"}
    if isinstance(value, Scaling):
        return {"scaling": {"kind": value.kind, "trim": value.trim, "n_channels": value.n_channels}}
    if isinstance(value, (list, tuple, np.ndarray)):
        entries = [_as_json(entry, seed) for entry in value]
        return {"of": "stages"} if any(isinstance(entry, dict) for entry in entries) else entries
    return seed  # of a generator, which has drawn it
