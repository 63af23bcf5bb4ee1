"""Random step networks as scikit-learn estimators: a transformer and a classifier."""

from randprop.estimators.step_classifier import StepClassifier
from randprop.estimators.step_transformer import StepTransformer

__all__ = ["StepClassifier", "StepTransformer"]
