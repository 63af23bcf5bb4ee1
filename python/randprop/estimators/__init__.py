"""Random step networks as scikit-learn estimators: a classifier, a regressor, a transformer."""

from randprop.estimators.step_classifier import StepClassifier
from randprop.estimators.step_regressor import StepRegressor
from randprop.estimators.step_transformer import StepTransformer

__all__ = ["StepClassifier", "StepRegressor", "StepTransformer"]
