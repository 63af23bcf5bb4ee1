"""What estimators with labels or targets share: parts are fitted by themselves, and then merged."""

from __future__ import annotations

from copy import copy
from typing import Any, TypeVar

from sklearn.utils.validation import check_is_fitted

from randprop._validation import refuse_masked
from randprop.bits import Features
from randprop.estimators.base import StepNetworkEstimator
from randprop.model.data_checks import UnitCounts
from randprop.model.fixed_scaling import propagate_parts
from randprop.readouts.base import changing, snapshot

__all__ = ["Predictor"]

Self = TypeVar("Self", bound="Predictor")


class Predictor(StepNetworkEstimator):
    """A network and what reads its outputs, which is fitted to labels or targets."""

    readout_: Any

    def _fit(self: Self, X: Any, y: Any, *, first: bool, **more: Any) -> Self:
        """Fit to a part, forgetting all before where it is the `first`; `more` as `_read` has it.

        What another thread has fitted meanwhile stays.
        """
        while True:
            fitting = copy(self)  # what fails or is interrupted changes nothing
            anew = first or not (hasattr(fitting, "readout_") or fitting._prepared)
            part, features, units = fitting._fitted_part(X, y, anew=anew, **more)
            with changing():
                now = vars(self)
                if not anew and now.get("network_") is fitting.network_:
                    if "readout_" in now:
                        part = snapshot(now["readout_"]).merge(part)
                    fitting._watch = self._watch
                elif not first and "readout_" in now:
                    continue  # another thread made a network meanwhile: the bits are of no use
                fitting._watch = fitting._watch.with_part(features, units)
                fitting._read_by(part)
                self.__dict__ = fitting.__dict__
            fitting._warn(len(units), chose=anew and not first)
            return self

    def _warn(self, n_samples: int, *, chose: bool) -> None:
        self._watch.warn()
        if chose:
            self._warn_chosen(n_samples)

    def _fitted_part(
        self, X: Any, y: Any, *, anew: bool, **more: Any
    ) -> tuple[Any, Any, UnitCounts]:
        """Return a readout of these samples alone, their features, and what units made of them.

        Where `anew`, a network is made for them.
        """
        self._validate_params()
        refuse_masked("y", y)
        X, y = self._checked(X, y, reset=anew)
        if anew:
            self._prepared = False
            self._start(X)
        else:
            self._refuse_other_params()
            self._warn_outside(X)
        made = anew or not hasattr(self, "readout_")
        empty = self._empty() if made else self.readout_.fresh()
        units = self._watch.units(self._threads())
        parts = propagate_parts(self.network_, X, self.scaling_, self._threads())
        return empty.add_parts(units.watch(parts), y, **more), X, units

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        """Return features and labels, or targets, as `_validated` does."""
        raise NotImplementedError

    def _empty(self) -> Any:
        """Return an unfitted readout, with `partial_fit`, `merge` and `fresh`."""
        raise NotImplementedError

    def _read_by(self, readout: Any) -> None:
        """Take a fitted readout as one's own."""
        self.readout_ = readout

    def _seen(self: Self, X: Any) -> tuple[Self, Features]:
        """Return this estimator as it is now, and the bits of its network for `X`."""
        seen = snapshot(self)
        return seen, seen._own_bits(X)

    def _own_bits(self, X: Any) -> Features:
        check_is_fitted(self, "readout_")
        return self._bits_of(X)
