"""Random step networks as scikit-learn estimators: a classifier, a regressor, a transformer.

Needs scikit-learn: ``pip install 'randprop[learn]'``. Each is imported from its module.
"""

from randprop._extras import missing

try:
    import sklearn  # noqa: F401
except ModuleNotFoundError as error:
    raise missing("an estimator", "learn", error) from error
