"""Random step networks as scikit-learn estimators: a classifier, a regressor, a transformer.

Needs scikit-learn: ``pip install 'randprop[learn]'``.
"""

from randprop._extras import missing

try:
    import sklearn  # noqa: F401
except ModuleNotFoundError as error:
    raise missing("an estimator", "learn", error) from error

from randprop.estimators.step_classifier import StepClassifier
from randprop.estimators.step_regressor import StepRegressor
from randprop.estimators.step_transformer import StepTransformer

__all__ = ["StepClassifier", "StepRegressor", "StepTransformer"]
