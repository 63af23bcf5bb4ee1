"""A random step network and least squares as scikit-learn's regressor."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import Interval, StrOptions

from randprop.estimators.predictor import Predictor
from randprop.features import is_sparse
from randprop.model.fixed_scaling import FixedScaling
from randprop.model.scaling import Scaling
from randprop.network.stages import Stage
from randprop.readouts.ridge_regression import RidgeRegression, as_targets

__all__ = ["StepRegressor"]


class StepRegressor(MultiOutputMixin, RegressorMixin, Predictor):
    """Random step network and ridge regression on its outputs, in closed form.

    Sums of features, of targets and of their products are exact. So the data may come in parts, in
    any order, and the model is the same to the last bit. For that, call `prepare` first, or give
    scaling and thresholds. Threads may share a regressor. Each call sees it as it was before or
    after another thread fits it. If several threads call `partial_fit`, the samples of all of them
    count.

    Save a regressor with pickle. Model files and exports are for classifiers.

    Parameters
    ----------
    layers : int, default=0
        Number of hidden layers, if `stages` is None.
    width : int, Dense, Conv2D, or sequence of them, default=1024
        Total number of features for the readout. If `stages` is None: number of outputs of every
        matrix, or a sequence with one entry for each of the ``layers + 1`` matrices.
    weight_bits : {1, 2, 4, 8, 24}, default=8
    activation : {"step", "sign"}, default="step"
    stages : str or sequence of Stage, default="table"
        ``"table"``, ``"images"`` or ``"series"``: the network for such data. Or a list of stages.
        None is the paper's network, whose thresholds are 0. Its bits depend on the ratios of
        features and not on their size, and a target usually depends on the size.
    scaling : str or Scaling, default=None
        How features become bytes or bits. None: the scaling for `stages`. With ``"table"``, each
        feature has its own range.
    thresholds : float or "calibrated", default=None
        ``"calibrated"``: quantiles of each unit's sums over the training data. A number: the `bias`
        of every stage, see `Dense`. None: the thresholds for `stages`.
    alpha : float or "auto", default="auto"
        Weight of the L2 term, as in `RidgeReadout`. All targets share it. ``"auto"`` divides the
        error of each target by its variance.
    input_range : (float, float), optional
        Values that are mapped to 0 and 255. It replaces `scaling`.
    input_shape : sequence of int, optional
        Shape of a sample, if the first stage reads an image or a series: (height, width, channels)
        or (length, channels).
    random_state : int, RandomState instance or None, default=0
        An int is the network's seed.
    n_jobs : int, optional
        Threads. Default: the number in ``RANDPROP_NUM_THREADS``, or every CPU that the process may
        use; in a worker of a pool, its share of them. -1 means all, -2 all but one. Does not change
        the result.

    Attributes
    ----------
    network_ : StepNetwork
    readout_ : RidgeRegression
        It has `coef_`, `intercept_` and `alpha_`.
    scaling_ : FixedScaling
    input_range_ : (float, float) or None
    dead_units_ : ndarray of shape (n_units,), dtype bool
        Units whose output was the same for all training samples of all parts so far.

    Warns
    -----
    RandpropDataWarning
        In the same cases as `StepClassifier`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from randprop import StepRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = StepRegressor(width=512).fit(X[:300], y[:300])
    >>> round(regressor.score(X[300:], y[300:]), 1)
    0.5
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Predictor.constraints,
        "alpha": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
    }

    readout_: RidgeRegression

    def __init__(
        self,
        layers: int = 0,
        *,
        width: int | Stage | ArrayLike | None = 1024,
        weight_bits: int = 8,
        activation: str = "step",
        stages: str | Sequence[Stage | int] | None = "table",
        scaling: str | Scaling | FixedScaling | None = None,
        thresholds: str | float | None = None,
        alpha: float | str = "auto",
        input_range: tuple[float, float] | None = None,
        input_shape: ArrayLike | None = None,
        random_state: Any = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.layers = layers
        self.width = width
        self.weight_bits = weight_bits
        self.activation = activation
        self.stages = stages
        self.scaling = scaling
        self.thresholds = thresholds
        self.alpha = alpha
        self.input_range = input_range
        self.input_shape = input_shape
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: ArrayLike) -> StepRegressor:
        """Make the network, and fit the readout to its outputs.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Finite numbers, in any form that `to_bytes` takes.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets: finite real numbers. They are converted to float64.

        Returns
        -------
        StepRegressor
            Itself.
        """
        return self._fit(X, y, first=True)

    def partial_fit(self, X: Any, y: ArrayLike) -> StepRegressor:
        """Add training samples. The order and the sizes of the parts do not change the result.

        If scaling and thresholds are neither given nor chosen by `prepare`, the first part chooses
        them, with a `RandpropDataWarning`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)

        Returns
        -------
        StepRegressor
            Itself.
        """
        return self._fit(X, y, first=False)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the predicted target of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            With as many dimensions as the training targets.
        """
        seen, bits = self._seen(X)
        return seen.readout_.predict(bits)

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        if is_sparse(y):
            raise TypeError("y must be a dense array, got a sparse matrix")
        X, y = self._validated(X, y, reset=reset, multi_output=True, y_numeric=True)
        targets = as_targets("y", y)
        if not reset and hasattr(self, "readout_"):
            self.readout_.check_targets("y", targets)
        return X, targets

    def _empty(self) -> RidgeRegression:
        return RidgeRegression(self.alpha, n_threads=self._threads())
