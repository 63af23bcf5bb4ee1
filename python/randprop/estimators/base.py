"""What the estimators share: the network's parameters, and features made bytes and then bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y, validate_data

from randprop._validation import as_array, check_jobs, refuse_masked
from randprop._warnings import warn_data
from randprop.bits import Features
from randprop.features import (
    as_rows,
    check_sparse,
    check_width,
    computed,
    is_frame,
    is_sparse,
    read_frame,
    refuse_missing,
    refuse_unequal,
    sample_shape,
    without_duplicates,
)
from randprop.model.data_checks import DataWatch
from randprop.model.fixed_scaling import (
    AS_BYTES,
    FixedScaling,
    LinearScaling,
    propagate_table,
    warn_outside,
)
from randprop.model.mapping import check_range, fits_bytes
from randprop.model.recipes import (
    check_scaling_argument,
    check_thresholds,
    input_dims_of,
    prepare,
    read_stages,
    shape_of,
)
from randprop.model.scaling import Scaling
from randprop.network.stages import Shape, Stage
from randprop.network.step_network import StepNetwork

__all__ = ["StepNetworkEstimator"]

Self = TypeVar("Self", bound="StepNetworkEstimator")


class StepNetworkEstimator(BaseEstimator):
    """What both share: the network's parameters, and features made bytes and then bits."""

    constraints: ClassVar[dict[str, list[Any]]] = {
        "layers": [Interval(Integral, 0, None, closed="left")],
        "stages": [str, list, tuple, None],
        "width": [Interval(Integral, 1, None, closed="left"), "array-like", Stage, None],
        "weight_bits": [Interval(Integral, 1, 24, closed="both")],
        "activation": [str],
        "scaling": [str, Scaling, FixedScaling, None],
        "thresholds": [str, Real, None],
        "input_shape": ["array-like", None],
        "input_range": [tuple, list, np.ndarray, None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    network_: StepNetwork
    scaling_: FixedScaling

    _watch = DataWatch(AS_BYTES)  # of what an older release has pickled: says nothing
    _prepared = False  # by `prepare`, and not by a part
    _prepared_with: dict[str, Any] | None = None
    _shape: Shape | None = None  # of a sample, where the first stage reads one

    def prepare(self: Self, X: Any, y: Any = None) -> Self:
        """Choose scaling, thresholds and network from samples like those of all parts.

        Labels are not needed. The choice is then fixed. So `partial_fit` gives the same model for
        any parts in any order, to the last bit. `fit` makes a new choice.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The training samples, or some that cover all of them.
        y : ignored

        Returns
        -------
        estimator
            Itself. Its readout is not fitted yet.
        """
        with self._fitting() as fitting:
            fitting._validate_params()
            fitting._forget()
            fitting._start(fitting._validated(X, reset=True))
            fitting._prepared, fitting._prepared_with = True, fitting._network_params()
        return self

    def _network_params(self) -> dict[str, Any]:
        """Return the parameters that `prepare` looks at."""
        others = {"readout", "metric", "n_neighbors", "alpha", "n_jobs", "output"}
        found = self.get_params(deep=False)
        return {name: value for name, value in found.items() if name not in others}

    def _refuse_other_params(self) -> None:
        """Refuse parameters that were set after `prepare`, which would not be looked at."""
        if not self._prepared:
            return
        now, then = self._network_params(), self._prepared_with or {}
        changed = [name for name in now if repr(now[name]) != repr(then.get(name))]
        if changed:
            raise ValueError(f"{changed[0]} has changed since prepare(X); call prepare(X) again")

    def _forget(self) -> None:
        """Drop what was fitted."""
        for name in [name for name in vars(self) if name.endswith("_") and name[0] != "_"]:
            delattr(self, name)

    def _start(self, X: Any) -> None:
        """Make scaling and network for the features of `X`."""
        scaling = check_scaling_argument(self.scaling)
        given = isinstance(scaling, FixedScaling) or (scaling is not None and scaling.is_fitted)
        if self.input_range is not None:
            if scaling is not None:
                raise ValueError("scaling and input_range cannot both be given")
            scaling, given = LinearScaling(*check_range("input_range", self.input_range)), True
        width: Any = self.width
        prepared = prepare(
            X,
            stages=read_stages(self.stages),
            layers=self.layers,
            width=tuple(width) if np.ndim(width) else width,
            weight_bits=self.weight_bits,
            activation=self.activation,
            seed=_seed(self.random_state),
            shape=self._shape,
            scaling=scaling,
            thresholds=check_thresholds(self.thresholds),
            n_threads=self._threads(),
        )
        self.scaling_, self.network_ = prepared.scaling, prepared.network
        self.decided_, self._readout_name = prepared.decided, prepared.readout
        # What is given is meant, and what takes all integers of [0, 255] as they come is no choice.
        as_bytes = self.scaling_ == AS_BYTES and fits_bytes(X)
        self._told_outside = given
        self._chosen = (not given and not as_bytes) or prepared.calibrated
        plain = self.stages is None and self.thresholds is None
        self._watch = DataWatch(self.scaling_, plain=plain)

    def _warn_chosen(self, n_samples: int) -> None:
        """Warn where a first part alone has decided what the model of the whole is."""
        if self._chosen:
            warn_data(
                f"partial_fit has chosen the scaling or the thresholds from its first part, of "
                f"{n_samples} samples. Another first part would give another model. Call "
                "prepare(X) first, with samples that cover all parts, or give scaling and "
                "thresholds"
            )

    @property
    def input_range_(self) -> tuple[float, float] | None:
        """Values that are mapped to 0 and 255. None if they differ between features."""
        check_is_fitted(self, "scaling_")
        return self.scaling_.input_range

    def _validated(
        self, X: Any, y: Any = "no_validation", *, reset: bool, **more_rules: Any
    ) -> Any:
        """Return features, and labels where there are any, as scikit-learn's contract has them.

        `more_rules` are scikit-learn's for what goes with features.

        Before it stands what all of this library takes: images, series, and frames of any numbers.
        """
        X = computed(X)
        refuse_masked("X", X)
        check_sparse("X", X)
        alone = isinstance(y, str) and y == "no_validation"
        rules: Any = {"accept_sparse": "csr", "dtype": "numeric", **more_rules}
        if is_frame(X):
            numbers, _ = read_frame("X", X)
            if reset:
                self._shape = self._shape_for(None, numbers.shape[1])
            # Its names are scikit-learn's affair, its columns are read.
            validate_data(self, X, y, skip_check_array=True, reset=reset)
            found = check_array(numbers, **rules) if alone else check_X_y(numbers, y, **rules)
        else:
            X = self._as_rows(X, reset=reset)
            if not reset and getattr(X, "ndim", 0) == 2 and X.shape[0] > 1:
                self._refuse_one_sample(X.shape)
            found = validate_data(self, X, y, **rules, reset=reset)
        return without_duplicates(found) if alone else (without_duplicates(found[0]), found[1])

    def _as_rows(self, X: Any, *, reset: bool) -> Any:
        """Return images and series as rows; where `reset`, note the shape that samples have."""
        if reset:
            if self._input_dims() == 2:
                refuse_unequal("X", X)
            X = X if is_sparse(X) else as_array("X", X)
            n_features = X.shape[1] if X.ndim == 2 else 1
            self._shape = self._shape_for(sample_shape("X", X), n_features)
        X = as_rows("X", X, self._shape)
        if isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind == "f":
            refuse_missing("X", X)
        return X

    def _shape_for(self, found: tuple[int, ...] | None, n_features: int) -> Shape | None:
        return shape_of(self._input_dims(), found, n_features, self.input_shape)

    def _input_dims(self) -> int:
        return input_dims_of(read_stages(self.stages), self.width)

    def _refuse_one_sample(self, shape: tuple[int, ...]) -> None:
        """Refuse an image in place of images; other widths are left to scikit-learn's words."""
        n_features = getattr(self, "n_features_in_", 0)
        if shape[0] * shape[1] == n_features:
            check_width("X", shape, n_features, type(self).__name__)

    def _propagated(self, X: Any) -> Features:
        """Return the bits of validated features."""
        return propagate_table(self.network_, X, self.scaling_, self._threads())

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
            self._told_outside = warn_outside("X", X, self.scaling_, "the first part")

    @property
    def dead_units_(self) -> NDArray[np.bool_]:
        """Mask of the units whose output was the same for all training samples."""
        check_is_fitted(self, "network_")
        if "_watch" not in vars(self):
            raise AttributeError("a model file has no information about the training samples")
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

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what an older release has pickled too."""
        state = {"stages": None, "scaling": None, "thresholds": None, **state}
        if "input_range_" in state:
            state["scaling_"] = LinearScaling(*state.pop("input_range_"))
            state.pop("_watch", None)
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _seed(random_state: Any) -> int:
    """Return a network's seed: an int as it is, one drawn from a generator."""
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(0, 2**31 - 1))
