"""What the estimators share: the network's parameters, and features made bytes and then bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from numbers import Integral
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y, validate_data

from randprop._validation import check_jobs, refuse_masked
from randprop.bits import Features
from randprop.features import (
    as_rows,
    check_sparse,
    check_width,
    computed,
    is_frame,
    read_frame,
    without_duplicates,
)
from randprop.model.data_checks import DataWatch
from randprop.model.scaling import (
    AS_THEY_COME,
    check_range,
    choose_range,
    propagate_table,
    warn_outside,
)
from randprop.network.stages import Stage
from randprop.network.step_network import StepNetwork

__all__ = ["StepNetworkEstimator"]

Self = TypeVar("Self", bound="StepNetworkEstimator")


class StepNetworkEstimator(BaseEstimator):
    """What both share: the network's parameters, and features made bytes and then bits."""

    constraints: ClassVar[dict[str, list[Any]]] = {
        "layers": [Interval(Integral, 0, None, closed="left")],
        "width": [Interval(Integral, 1, None, closed="left"), "array-like", Stage, None],
        "weight_bits": [Interval(Integral, 1, 24, closed="both")],
        "activation": [str],
        "input_shape": ["array-like", None],
        "input_range": [tuple, list, np.ndarray, None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    _watch = DataWatch(AS_THEY_COME)  # of what an older release has pickled: says nothing

    def _start(self, X: Any) -> None:
        """Make the network for the features of `X`, and the range that maps them to bytes."""
        given = None if self.input_range is None else check_range("input_range", self.input_range)
        # None: integers of [0, 255] as they come.
        self._chosen_range = choose_range(X, given)
        self.input_range_ = check_range("input_range", self._chosen_range)
        self._told_outside = given is not None  # what is given is meant
        self._watch = DataWatch(self.input_range_)
        width: Any = self.width
        self.network_ = StepNetwork(
            X.shape[1],
            self.layers,
            width=tuple(width) if np.ndim(width) else width,
            weight_bits=self.weight_bits,
            activation=self.activation,
            seed=_seed(self.random_state),
            input_shape=self.input_shape,
        )

    def _validated(self, X: Any, y: Any = "no_validation", *, reset: bool) -> Any:
        """Return features, and labels where there are any, as scikit-learn's contract has them.

        Before it stands what all of this library takes: images, and frames of any numbers.
        """
        X = computed(X)
        refuse_masked("X", X)
        check_sparse("X", X)
        rules: Any = {"accept_sparse": "csr", "dtype": "numeric"}
        alone = isinstance(y, str) and y == "no_validation"
        if is_frame(X):
            numbers, _ = read_frame("X", X)
            # Its names are scikit-learn's affair, its columns are read.
            validate_data(self, X, y, skip_check_array=True, reset=reset)
            found = check_array(numbers, **rules) if alone else check_X_y(numbers, y, **rules)
        else:
            X = as_rows("X", X)
            if not reset and getattr(X, "ndim", 0) == 2 and X.shape[0] > 1:
                self._refuse_one_sample(X.shape)
            found = validate_data(self, X, y, **rules, reset=reset)
        return without_duplicates(found) if alone else (without_duplicates(found[0]), found[1])

    def _refuse_one_sample(self, shape: tuple[int, ...]) -> None:
        """Refuse an image in place of images; other widths are left to scikit-learn's words."""
        n_features = getattr(self, "n_features_in_", 0)
        if shape[0] * shape[1] == n_features:
            check_width("X", shape, n_features, type(self).__name__)

    def _propagated(self, X: Any) -> Features:
        """Return the bits of validated features."""
        return propagate_table(self.network_, X, self.input_range_, self._threads())

    def _bits_of(self, X: Any) -> Features:
        """Return the bits of features that are to be predicted; warn where they are far off."""
        X = self._validated(X, reset=False)
        self._watch.compare(X)
        return self._propagated(X)

    def _start_with(self, X: Any) -> Features:
        """Make the network for `X`, and return its bits."""
        X = self._validated(X, reset=True)
        self._start(X)
        bits = self._propagated(X)
        self._watch = self._watch.with_part(X, bits)
        return bits

    def _warn_outside(self, X: Any) -> None:
        """Warn, once, where a later part does not fit the range that the first one gave."""
        if not getattr(self, "_told_outside", True):  # True: from a file of an older release
            self._told_outside = warn_outside("X", X, self._chosen_range, "the first part")

    @property
    def dead_units_(self) -> NDArray[np.bool_]:
        """Units whose output was the same for all training samples: a mask, of shape (n_units,)."""
        check_is_fitted(self, "network_")
        return self._watch.dead_units

    def _threads(self) -> int | None:
        """Return `n_jobs`, checked; a readout that is fitted here asks where it runs later."""
        return check_jobs("n_jobs", self.n_jobs)

    @contextmanager
    def _fitting(self: Self) -> Iterator[Self]:
        """Give a copy to fit; this becomes it, at once, if nothing fails and nothing interrupts."""
        fitting = copy(self)
        yield fitting
        self.__dict__ = fitting.__dict__

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _seed(random_state: Any) -> int:
    """Return a network's seed: an int as it is, one drawn from a generator."""
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(0, 2**31 - 1))
