"""What the estimators share: the network's parameters, and features made bytes and then bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import validate_data

from randprop._validation import check_jobs, refuse_masked
from randprop.bits import BitMatrix, Features, stack
from randprop.model.scaling import check_range, fits_bytes, map_to_bytes
from randprop.network.stages import Stage
from randprop.network.step_network import StepNetwork

__all__ = ["StepNetworkEstimator"]

_ROWS = 8192  # samples that are made dense, or bytes, at a time


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

    def _start(self, X: Any) -> None:
        """Make the network for the features of `X`, and the range that maps them to bytes."""
        if self.input_range is None:
            values = X.data if sparse.issparse(X) else X
            if not values.size or fits_bytes(values):  # a sparse matrix may hold zeros alone
                self.input_range_ = (0.0, 255.0)
            else:
                low, high = float(values.min()), float(values.max())
                # The zeros that a sparse matrix does not store.
                self.input_range_ = (
                    (min(low, 0.0), max(high, 0.0)) if sparse.issparse(X) else (low, high)
                )
        else:
            self.input_range_ = check_range("input_range", self.input_range)
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

    def _validated(self, X: Any, *, reset: bool) -> Any:
        """Return features as scikit-learn's contract has them."""
        refuse_masked("X", X)
        return validate_data(self, X, accept_sparse="csr", dtype="numeric", reset=reset)

    def _propagated(self, X: Any) -> BitMatrix:
        """Return the bits of validated features, some samples at a time: their bytes stay small."""
        threads = self._threads()
        parts: list[Features] = []
        for start in range(0, X.shape[0], _ROWS):
            part = X[start : start + _ROWS]
            dense = part.toarray() if sparse.issparse(part) else part
            bytes_ = map_to_bytes(dense, self.input_range_)
            parts.append(self.network_.propagate(bytes_, n_threads=threads))
        bits = stack(parts)
        assert isinstance(bits, BitMatrix)
        return bits

    def _threads(self) -> int | None:
        """Return `n_jobs`, checked; a readout that is fitted here asks where it runs later."""
        return check_jobs("n_jobs", self.n_jobs)

    @contextmanager
    def _unchanged_by_failure(self) -> Iterator[None]:
        """Put the attributes back as they were if fitting fails or is interrupted."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            self.__dict__ = before
            raise

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _seed(random_state: Any) -> int:
    """Return a network's seed: an int as it is, one drawn from a generator."""
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(0, 2**31 - 1))
