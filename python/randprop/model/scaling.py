"""Features of any numbers as what a network reads: bytes by ranges, or bits by a level.

`Scaling` finds from data, in any parts, what maps them.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._validation import check_choice, check_int, check_number, told
from randprop.features import check_width, is_sparse, row_blocks, sample_shape
from randprop.model.fixed_scaling import (
    AS_BYTES,
    BinaryScaling,
    FixedScaling,
    LinearScaling,
    check_features,
)
from randprop.model.mapping import Floats, check_range, extremes_by_group, fits_bytes, widened

__all__ = ["SCALINGS", "Scaling", "fixed_scaling", "to_bytes"]

SCALINGS = ("range", "features", "channels", "binary")
# Of so many extreme values of each feature `Scaling` knows, so that parts add exactly.
_MOST_TRIMMED = 1024


class Scaling:
    """Map features to bytes or bits for a network. It is fitted to data in one part or many.

    Parameters
    ----------
    kind : {"features", "range", "channels", "binary"}, default="features"
        ``"features"``: each feature has its own range, which is mapped to 0 to 255. ``"range"``:
        all features have one range; if all are integers from 0 to 255, of any type, they are used
        as they are. ``"channels"``: each channel of images or series has its own range.
        ``"binary"``: a feature becomes the bit 1 if it is above a level.
    trim : float, default=0
        Share of the values of a feature that may lie outside its range at each end, in [0, 0.5). So
        a few extreme values do not stretch the range. At most 1,023 values at each end.
    n_channels : int, optional
        Number of channels, for ``"channels"``.
    low, high : array-like of shape (n_ranges,) or float, optional
        Known ranges. Then it need not be fitted.
    level : float, optional
        For ``"binary"``, if the level is known. Default: ``low + (high - low) / 4`` of the range of
        all features.

    Attributes
    ----------
    fixed_ : FixedScaling
        The fitted scaling, which never changes. An unfitted scaling does not have it.

    Examples
    --------
    >>> import randprop
    >>> scaling = randprop.Scaling("features").fit([[0.0, 1000.0], [1.0, 3000.0]])
    >>> scaling.transform([[0.5, 1000.0], [2.0, 2000.0]])
    array([[128,   0],
           [255, 128]], dtype=uint8)
    >>> randprop.Scaling("binary", level=63).transform([[0, 63, 64]]).to_array()
    array([[0, 0, 1]], dtype=uint8)
    """

    def __init__(
        self,
        kind: Literal["features", "range", "channels", "binary"] = "features",
        *,
        trim: float = 0.0,
        n_channels: int | None = None,
        low: ArrayLike | None = None,
        high: ArrayLike | None = None,
        level: float | None = None,
    ) -> None:
        self.kind = str(check_choice("kind", kind, SCALINGS))
        self.trim = check_number("trim", trim)
        if not 0.0 <= self.trim < 0.5:
            raise ValueError(f"trim must lie in [0, 0.5), got {self.trim}")
        if (n_channels is None) == (self.kind == "channels" and low is None):
            raise ValueError('n_channels is for kind "channels", which needs it')
        self.n_channels = (
            None if n_channels is None else check_int("n_channels", n_channels, 1, 1 << 28)
        )
        self._given: FixedScaling | None = None
        if (low is None) != (high is None):
            raise ValueError("low and high must be given together")
        if self.kind == "binary":
            if low is not None:
                raise ValueError('low and high are not for kind "binary", which takes a level')
            self._given = None if level is None else BinaryScaling(level)
        elif level is not None:
            raise ValueError(f'level is for kind "binary", got kind {self.kind!r}')
        elif low is not None and high is not None:
            self._given = LinearScaling(low, high)
            if self.kind == "range" and self._given.n_groups != 1:
                raise ValueError('low and high of kind "range" must be numbers')
        self._forget()

    def _forget(self) -> None:
        self._n_features = 0
        self._n_values = 0  # of a group
        self._fit_bytes = True
        # Sorted: of each group so many smallest and largest values, one of each without a trim.
        self._least: Floats = np.zeros((0, 0))
        self._most: Floats = np.zeros((0, 0))

    @property
    def fixed_(self) -> FixedScaling:
        """The fitted scaling."""
        if self._given is not None:
            return self._given
        if not self._n_values:
            raise AttributeError("this Scaling is not fitted; call fit or partial_fit first")
        rank = min(math.ceil(self.trim * self._n_values), _MOST_TRIMMED - 1)
        rank = min(rank, (self._n_values - 1) // 2)
        low, high = self._least[rank], self._most[-1 - rank]
        if self.kind == "binary":
            return BinaryScaling(float(low[0] + (high[0] / 4 - low[0] / 4)))
        if self.kind == "range" and self._fit_bytes:
            return AS_BYTES
        return LinearScaling(np.minimum(low, high), high)

    @property
    def is_fitted(self) -> bool:
        """Whether `fixed_` is known."""
        return self._given is not None or self._n_values > 0

    def fresh(self) -> Scaling:
        """Return an unfitted scaling with the same parameters."""
        made = Scaling.__new__(Scaling)
        made.kind, made.trim, made.n_channels = self.kind, self.trim, self.n_channels
        made._given = self._given
        made._forget()
        return made

    def fit(self, X: ArrayLike) -> Scaling:
        """Find the ranges or the level of these features. Earlier data are forgotten.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            In any form that `to_bytes` takes. For kind ``"channels"`` also series of shape
            (n_samples, channels, length). For other kinds series are rows in the order (time,
            channel).

        Returns
        -------
        Scaling
            Itself.
        """
        found = self.fresh().partial_fit(X)
        self.__dict__ = found.__dict__
        return self

    def partial_fit(self, X: ArrayLike) -> Scaling:
        """Add features. The order and the sizes of the parts do not change the ranges.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        Scaling
            Itself.
        """
        return self.add(self._checked(X))

    def _checked(self, X: Any, *, empty: bool = False) -> Any:
        """Return rows; of what comes as images and series, in the order that a network reads."""
        found = sample_shape("X", X)
        if found is None:
            return check_features("X", X, empty=empty).values
        n_channels = self.n_channels or 1
        if self.kind != "channels" or n_channels == 1:  # whatever the order
            return check_features("X", X, empty=empty).values
        place = 0 if len(found) == 2 else -1  # of series and of images
        if found[place] != n_channels:
            raise ValueError(
                f"X must have {n_channels} channels, (n_samples, channels, length) or (n_samples, "
                f"height, width, channels), got samples of shape {found}"
            )
        shape = found[::-1] if len(found) == 2 else found
        return check_features("X", X, empty=empty, shape=shape).values

    def add(self, X: Any) -> Scaling:
        """Add features that are checked: an array or a CSR matrix of finite numbers."""
        n_samples, n_features = X.shape
        n_groups = {"features": n_features, "channels": self.n_channels or 1}.get(self.kind, 1)
        if n_features % n_groups:
            raise ValueError(
                f"X has {n_features} features, which {n_groups} channels cannot divide evenly"
            )
        part = self.fresh()
        part._n_features, part._n_values = n_features, n_samples * (n_features // n_groups)
        part._fit_bytes = self.kind != "range" or fits_bytes(X)
        if self.trim:
            part._least, part._most = _ends(X, n_groups)
        else:
            low, high = widened(*extremes_by_group(X, n_groups))
            part._least, part._most = low[None], high[None]
        return self.merge(part)

    def merge(self, other: Scaling) -> Scaling:
        """Add the data that another scaling with the same parameters was fitted to.

        Parameters
        ----------
        other : Scaling
            A scaling with the same parameters.

        Returns
        -------
        Scaling
            Itself.
        """
        if not isinstance(other, Scaling):
            raise TypeError(f"other must be a Scaling, got {told(other)}")
        mine, theirs = ((s.kind, s.trim, s.n_channels) for s in (self, other))
        if mine != theirs:
            raise ValueError(f"other must have the parameters {mine}, got {theirs}")
        if not other._n_values:
            return self
        if not self._n_values:
            self.__dict__.update({**other.__dict__, "_given": self._given})
            return self
        if self._n_features != other._n_features:
            raise ValueError(f"X has {other._n_features} features, others had {self._n_features}")
        kept = _MOST_TRIMMED if self.trim else 1
        least = np.sort(np.concatenate([self._least, other._least]), axis=0)[:kept]
        most = np.sort(np.concatenate([self._most, other._most]), axis=0)[-kept:]
        self._n_values += other._n_values
        self._fit_bytes &= other._fit_bytes
        self._least, self._most = least, most
        return self

    def transform(self, X: ArrayLike) -> Any:
        """Map features to bytes or bits for a network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            In any form that `to_bytes` takes.

        Returns
        -------
        ndarray of uint8, or BitMatrix, of shape (n_samples, n_features)
            Bits if the kind is ``"binary"``. A sparse matrix of uint8 if `X` is sparse and zeros
            are mapped to zeros.
        """
        fixed = fixed_scaling(self)
        values = self._checked(X, empty=True)
        if self._n_features:
            check_width("X", values.shape, self._n_features, "the scaling")
        fixed.check_groups(values.shape[1])
        return fixed.map_values(values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scaling):
            return NotImplemented
        mine, theirs = (
            (s.kind, s.trim, s.n_channels, s.fixed_ if s.is_fitted else None) for s in (self, other)
        )
        return mine == theirs

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = [repr(self.kind)]
        shown += [f"trim={self.trim}"] if self.trim else []
        shown += [] if self.n_channels is None else [f"n_channels={self.n_channels}"]
        if isinstance(self._given, BinaryScaling):
            shown.append(f"level={self._given.level}")
        elif isinstance(self._given, LinearScaling):
            low, high = self._given.low.tolist(), self._given.high.tolist()
            shown.append(f"low={low[0]}, high={high[0]}" if len(low) == 1 else "low=..., high=...")
        return f"Scaling({', '.join(shown)})"


def _ends(X: Any, n_groups: int) -> tuple[Floats, Floats]:
    """Return the smallest and the largest values of each group, sorted, as many as are kept."""
    if is_sparse(X):
        raise ValueError(
            "X must be dense where there is a trim: most values of a sparse matrix are zeros"
        )
    least, most = np.zeros((0, n_groups)), np.zeros((0, n_groups))
    for rows in row_blocks(X, 64):
        block = X[rows].reshape(-1, n_groups)
        low, high = widened(block.ravel(), block.ravel())
        low, high = low.reshape(block.shape), high.reshape(block.shape)
        least = np.sort(np.concatenate([least, low]), axis=0)[:_MOST_TRIMMED]
        most = np.sort(np.concatenate([most, high]), axis=0)[-_MOST_TRIMMED:]
    return least, most


def fixed_scaling(scaling: object, name: str = "scaling") -> FixedScaling:
    """Return what maps features: of a fitted `Scaling`, or as it is."""
    if isinstance(scaling, FixedScaling):
        return scaling
    if not isinstance(scaling, Scaling):
        raise TypeError(f"{name} must be a Scaling, got {told(scaling)}")
    if not scaling.is_fitted:
        raise ValueError(f"{name} is not fitted; call fit or partial_fit first")
    return scaling.fixed_


def to_bytes(X: ArrayLike, input_range: tuple[float, float] | None = None) -> NDArray[np.uint8]:
    """Map features to the 8-bit integers that a network reads.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Finite real numbers of any type: an array, nested lists, a sparse matrix, a DataFrame of
        numbers. Images of shape (n_samples, height, width) or (n_samples, height, width, channels)
        become rows.
    input_range : (float, float), optional
        Low and high, which become 0 and 255. Features outside become 0 or 255. Default: if all
        features are integers from 0 to 255, of any type, they are used as they are; others are
        mapped by the smallest and the largest value of `X`. Set it if several arrays must be mapped
        in the same way.

    Returns
    -------
    ndarray of shape (n_samples, n_features), dtype uint8
        The integers nearest to 255 (x - low) / (high - low). A half is rounded to the even integer.
        If high = low, the divisor is 1.

    See Also
    --------
    Scaling : ranges by feature, levels, and fitting in parts.

    Examples
    --------
    >>> import randprop
    >>> randprop.to_bytes([[-1.0, 0.0], [0.5, 1.0]])
    array([[  0, 128],
           [191, 255]], dtype=uint8)
    >>> randprop.to_bytes([[3.0, 0.0]])
    array([[3, 0]], dtype=uint8)
    >>> randprop.to_bytes([[3.0, 0.0]], input_range=(0, 4))
    array([[191,   0]], dtype=uint8)
    """
    given = None if input_range is None else check_range("input_range", input_range)
    values = check_features("X", X).values
    fixed = Scaling("range").add(values).fixed_ if given is None else LinearScaling(*given)
    mapped = fixed.map_values(values)
    return np.asarray(mapped.toarray() if is_sparse(mapped) else mapped)
