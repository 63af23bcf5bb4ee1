"""Pipelines of scikit-learn whose scalers a model's own scaling can stand for.

A scaler maps a feature x to ``(x - shift) / scale``, and a model maps that by a range of its own.
Both together are one range of x, which is computed in one step rather than two: where rounding in
float64 decides, that is, within some 1e-16 of the middle between two levels, the other level may be
taken. Anything that is no such map is refused with the reason.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np

from randprop.model.fixed_scaling import FixedScaling, LinearScaling
from randprop.model.mapping import Floats

__all__ = ["is_pipeline", "last_step", "pipeline_names", "through_scalers"]

_SCALERS = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler")


class _Shift(NamedTuple):
    """x becomes (x - shift) / scale, and no less than low and no more than high."""

    shift: Floats
    scale: Floats
    low: float = -np.inf
    high: float = np.inf


def is_pipeline(model: object) -> bool:
    """Whether this is a pipeline of scikit-learn, which is not imported for it."""
    kind = getattr(sys.modules.get("sklearn.pipeline"), "Pipeline", ())
    return isinstance(model, kind)


def last_step(pipeline: Any) -> Any:
    """Return the last step of a pipeline."""
    return pipeline.steps[-1][1] if pipeline.steps else None


def pipeline_names(pipeline: Any) -> Any:
    """Return the names of the columns that a pipeline was fitted to, None where it had none."""
    steps = [step for _, step in pipeline.steps if step not in (None, "passthrough")]
    return getattr(steps[0], "feature_names_in_", None)


def through_scalers(pipeline: Any, scaling: FixedScaling, n_features: int) -> FixedScaling:
    """Return the scaling of features as they enter a pipeline, given that of its last step."""
    steps = [
        (name, step) for name, step in pipeline.steps[:-1] if step not in (None, "passthrough")
    ]
    if not steps:
        return scaling
    if not isinstance(scaling, LinearScaling):
        raise ValueError(
            f"model cannot hold a scaler before {scaling!r}, which has one level for all "
            "features; do the scaler's work in Scaling, or leave the scaler out"
        )
    low, high = (
        np.resize(part, n_features).astype(np.float64) for part in (scaling.low, scaling.high)
    )
    # Where low is high the divisor is 1, which a range of 1 is too.
    high = np.where(high > low, high, low + 1.0)
    for name, step in reversed(steps):
        found = _shift_of(name, step, n_features)
        if (found.low > low).any() or (found.high < high).any():
            raise ValueError(
                f"model cannot hold the step {name!r} of the pipeline: it cuts features to "
                f"[{found.low:g}, {found.high:g}], which is narrower than the range that the "
                "classifier maps; with clip=False the classifier cuts them"
            )
        with np.errstate(over="ignore"):
            low, high = (part * found.scale + found.shift for part in (low, high))
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
        raise ValueError(
            "model cannot hold the scalers of the pipeline: combined into one scaling, a range "
            "is too narrow or too wide for float64"
        )
    return LinearScaling(low, high)


def _shift_of(name: str, step: Any, n_features: int) -> _Shift:
    """Return what a fitted scaler does."""
    kind = type(step)
    if not kind.__module__.startswith("sklearn.preprocessing") or kind.__name__ not in _SCALERS:
        raise TypeError(
            f"model cannot hold the step {name!r} of the pipeline, {kind.__name__}: before the "
            f"StepClassifier it can hold {', '.join(_SCALERS)}; save the pipeline with pickle, or "
            "apply the step to the data beforehand"
        )
    if not hasattr(step, "n_features_in_"):
        raise ValueError(f"model is a pipeline whose step {name!r} is not fitted")
    zeros, ones = np.zeros(n_features), np.ones(n_features)
    if kind.__name__ == "MinMaxScaler":
        scale = 1.0 / np.asarray(step.scale_, dtype=np.float64)
        cut = step.feature_range if step.clip else (-np.inf, np.inf)
        return _Shift(-np.asarray(step.min_, dtype=np.float64) * scale, scale, *map(float, cut))
    found = getattr(step, "mean_", None) if getattr(step, "with_mean", False) else None
    shift = zeros if found is None else np.asarray(found, dtype=np.float64)
    scale = ones if step.scale_ is None else np.asarray(step.scale_, dtype=np.float64)
    cut = (-1.0, 1.0) if getattr(step, "clip", False) else (-np.inf, np.inf)
    return _Shift(shift, scale, *cut)
