"""What all readouts share: fitting to features of labelled samples, in parts that add up.

A readout is fitted to features, bits or bytes, and knows nothing of networks. A subclass says what
it keeps; fitting, adding, merging and predicting are written here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

import randprop._core as _core
from randprop._labels import as_classes, distinct
from randprop._tables import shortened
from randprop.bits import BitMatrix, Features, as_features, stack
from randprop.readouts.describe import Picture, page

if TYPE_CHECKING:
    from randprop.readouts.quantized import QuantizedReadout

__all__ = [
    "Arrays", "NotFittedError", "Reader", "Readout", "Take", "changing",
    "from_core", "known_labels", "narrow", "of_one_state", "rows_within", "snapshot",
]  # fmt: skip

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")
Own = TypeVar("Own", bound="Reader")
Self = TypeVar("Self", bound="Readout")
Arrays = dict[str, NDArray[Any]]
# Gives an array of a file by name if it has a shape, a type that begins like this ("u", "i8") and
# finite values: see model/files.py.
Take = Callable[[str, tuple["int | None", ...], str, type], NDArray[Any]]
# Working memory of a call beyond what it returns: samples are taken so many bytes at a time.
_BLOCK_BYTES = 1 << 25

# Held while what was fitted is added to what is there and put in its place, which is short: not
# while features are counted. One for all, which nobody has to keep out of copies and pickles.
_changing = threading.RLock()


def _renew() -> None:
    global _changing
    _changing = threading.RLock()


if hasattr(os, "register_at_fork"):
    # A child must not wait for a thread that it does not have.
    os.register_at_fork(after_in_child=_renew)


class NotFittedError(ValueError, AttributeError):
    """A readout was used before it was fitted."""


def changing() -> threading.RLock:
    """Return the lock that whoever changes a fitted object holds while it does."""
    return _changing


def snapshot(thing: T) -> T:
    """Return an object as it is now, which stays so while another thread fits the first.

    Whoever fits replaces all attributes at once, the ``__dict__``, and never changes an array of
    theirs; the snapshot keeps the one that is there now.
    """
    seen = object.__new__(type(thing))
    seen.__dict__ = thing.__dict__
    return seen


def of_one_state(method: Callable[Concatenate[T, P], R]) -> Callable[Concatenate[T, P], R]:
    """Run a method on a snapshot, so that all that it reads belongs together."""

    @wraps(method)
    def run(self: T, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return method(snapshot(self), *args, **kwargs)

    return run


def rows_within(bytes_a_row: int) -> int:
    """Return how many rows of so many bytes are worked on at a time."""
    return max(1, _BLOCK_BYTES // max(1, bytes_a_row))


class Reader:
    """What is fitted to features and reads others of their kind: bits or bytes, so many of them."""

    parameters: ClassVar[tuple[str, ...]] = ()  # of the constructor, each kept under its name

    n_threads: int | None
    reads_bits: bool = True  # whether it was fitted to bits rather than bytes

    def fresh(self: Own) -> Own:
        """Return an unfitted one of the same parameters."""
        given = {name: getattr(self, name) for name in self.parameters}
        make: Callable[..., Own] = type(self)
        return make(**given, n_threads=self.n_threads)

    @property
    def n_features(self) -> int | None:
        """Number of bits or bytes of a vector. None before `fit`."""
        raise NotImplementedError

    def check_fitted(self) -> None:
        """Raise NotFittedError where nothing can be predicted."""
        if self.n_features is None:
            raise NotFittedError(
                f"this {type(self).__name__} is not fitted yet; call fit or partial_fit first"
            )

    def check_features(self, name: str, features: object) -> Features:
        """Return features if they are what this readout was fitted to, or may be fitted to."""
        found = as_features(name, features)
        n_features, is_bits = self.n_features, isinstance(found, BitMatrix)
        if n_features is None:
            return found
        if is_bits != self.reads_bits:
            kinds = ("bytes", "bits")
            raise TypeError(
                f"{name} holds {kinds[is_bits]}, the readout was fitted on {kinds[not is_bits]}"
            )
        if found.shape[1] != n_features:
            raise ValueError(
                f"{name} has {found.shape[1]} {'bits' if is_bits else 'features'}, "
                f"the readout was fitted on {n_features}"
            )
        return found

    def add_parts(self: Own, parts: Iterable[Features], y: Any, **more: Any) -> Own:
        """Add training vectors that come in parts, with the labels or targets of all of them.

        The same as `partial_fit` with the whole.
        """
        fit: Callable[..., Own] = self.partial_fit  # type: ignore[attr-defined]
        return fit(stack(list(parts)), y, **more)

    def _facts(self) -> list[tuple[str, str]]:
        """Return what a notebook says of it, by name."""
        if self.n_features is None:
            return [("fitted", "not yet")]
        return [("features", f"{self.n_features:,} {'bits' if self.reads_bits else 'bytes'}")]

    def _picture(self) -> Picture | None:
        """Return what draws what it has learned, at little cost."""
        return None

    def _repr_html_(self) -> str:
        seen = snapshot(self)
        given = [(name, str(getattr(self, name))) for name in self.parameters]
        return page(type(self).__name__, given + seen._facts(), seen._picture())

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.parameters)
        return f"{type(self).__name__}({given})"


class Readout(Reader):
    """Classes of samples from their features; subclasses say how.

    Threads may share a readout: each call reads one state of it, from before or after whatever
    another thread adds, and additions wait for each other, so that none is lost. A subclass keeps
    to that by `of_one_state`, and by replacing what it was fitted to as `fit` does.
    """

    kind: ClassVar[str] = ""  # name in model files
    ordered: ClassVar[bool] = False  # whether the order in which parts are fitted matters
    gives_shares: ClassVar[bool] = False  # whether the scores are shares of the classes
    linear: ClassVar[bool] = False  # whether scores are coef_ x + intercept_
    bits_keyword: ClassVar[str] = "readout_bits"  # what `Model.quantize` calls its bits

    classes_: NDArray[Any]

    def _facts(self) -> list[tuple[str, str]]:
        found = super()._facts()
        labelled = self.n_features is not None and hasattr(self, "classes_")
        return [*found, ("classes", shortened(self.classes_.tolist()))] if labelled else found

    def fit(
        self: Self,
        bits: Features | Iterable[tuple[Features, ArrayLike]],
        y: ArrayLike | None = None,
    ) -> Self:
        """Fit to training vectors. Earlier training vectors are forgotten.

        Parameters
        ----------
        bits : BitMatrix, ndarray of uint8, or iterable of (BitMatrix, labels)
            Training vectors of shape (n_samples, n_bits), at least one: bits, or bytes, which are
            read as 0 to 255. An iterable gives them in parts, each with its labels. So they need
            not fit into memory: see `bit_chunks`.
        y : array-like of shape (n_samples,), optional
            Their labels: numbers or strings. Leave it out with an iterable.

        Returns
        -------
        Readout
            Itself. If an argument is refused, nothing is changed.
        """
        fitted = self.fresh()
        n_samples = 0
        for part, labels in _labelled(bits, y):
            fitted.partial_fit(part, labels)
            n_samples += len(part)
        if not n_samples:
            raise ValueError("bits must hold at least one sample, got 0")
        with changing():
            self.__dict__ = fitted.__dict__
        return self

    def partial_fit(
        self: Self, bits: Features, y: ArrayLike, classes: ArrayLike | None = None
    ) -> Self:
        """Add training vectors.

        Parameters
        ----------
        bits : BitMatrix or ndarray of uint8, of shape (n_samples, n_bits)
            Training vectors, or none. They must be of the same kind and width as earlier ones.
        y : array-like of shape (n_samples,)
            Their labels.
        classes : array-like of shape (n_classes,), optional
            All labels, if some come only in later parts. Not needed: new labels are added.

        Returns
        -------
        Readout
            Itself. If an argument is refused, nothing is changed.
        """
        raise NotImplementedError

    def merge(self: Self, other: Self) -> Self:
        """Add the training vectors of another readout. The result is that of a fit to both.

        Parameters
        ----------
        other : Readout
            A readout of the same class, fitted on vectors of the same kind and width.

        Returns
        -------
        Readout
            Itself. If `other` is refused, nothing is changed.
        """
        raise NotImplementedError

    def scores(self, bits: Features) -> NDArray[Any]:
        """Return the score of each class for each vector. The largest score gives the label.

        Parameters
        ----------
        bits : BitMatrix or ndarray of uint8, of shape (n_samples, n_bits)
            Vectors.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        raise NotImplementedError

    def predict(self, bits: Features) -> NDArray[Any]:
        """Return the predicted label of each vector. At a tie, the first class is predicted.

        Parameters
        ----------
        bits : BitMatrix or ndarray of uint8, of shape (n_samples, n_bits)
            Vectors.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        seen = snapshot(self)
        seen.check_fitted()
        features = seen.check_features("bits", bits)
        best = np.zeros(len(features), dtype=np.intp)
        rows = seen.block_rows()
        for start in range(0, len(features), rows):
            part = slice(start, start + rows)
            best[part] = np.argmax(seen.scores(features[part]), axis=1)
        return np.asarray(seen.classes_[best])

    def block_rows(self) -> int:
        """Return how many vectors are scored at a time."""
        return rows_within(32 * len(self.classes_))  # scores, and what they come from

    def quantize(self, bits: int | str = 8) -> QuantizedReadout:
        """Round to integers of few bits, if the readout has such a form."""
        raise TypeError(
            f"a {type(self).__name__} readout cannot be rounded to few bits; "
            "use Centroids, RidgeReadout or DiscriminantReadout"
        )

    def arrays(self) -> tuple[Arrays, dict[str, Any]]:
        """Return what a model file holds of it: arrays, and numbers for the description."""
        raise NotImplementedError

    @classmethod
    def from_arrays(
        cls: type[Self],
        described: dict[str, Any],
        take: Take,
        classes: NDArray[Any],
        n_features: int,
        *,
        of_bits: bool,
    ) -> Self:
        """Return the readout of which `arrays` told a file; whatever does not fit is refused."""
        raise NotImplementedError


def known_labels(labels: NDArray[Any], classes: ArrayLike | None) -> list[NDArray[Any]]:
    """Labels of samples, and those that are to be held even if none has come."""
    more = [] if classes is None else [distinct(as_classes("classes", classes))]
    return [distinct(labels), *more]


def narrow(array: NDArray[np.integer[Any]]) -> NDArray[Any]:
    """Return an array in the smallest unsigned type that holds its integers, none negative."""
    return array.astype(np.min_scalar_type(int(array.max()) if array.size else 0))


def from_core(name: str, features: Features, *arguments: Any) -> Any:
    """Call a function that the compiled core has for bits and for bytes."""
    if isinstance(features, BitMatrix):
        return getattr(_core, f"{name}_bits")(features.words, features.n_bits, *arguments)
    return getattr(_core, f"{name}_bytes")(features, *arguments)


def _labelled(
    bits: Features | Iterable[tuple[Features, ArrayLike]], y: ArrayLike | None
) -> Iterator[tuple[Features, ArrayLike]]:
    """Give the parts of training vectors and their labels."""
    if y is not None:
        yield as_features("bits", bits), y
        return
    if isinstance(bits, (BitMatrix, np.ndarray)) or not isinstance(bits, Iterable):
        raise TypeError(
            "y must be given, unless bits is an iterable of (BitMatrix, labels), "
            f"got {type(bits).__name__} and no y"
        )
    for number, part in enumerate(bits):
        if not isinstance(part, (tuple, list)) or len(part) != 2:
            raise TypeError(
                f"part {number} of bits must be (BitMatrix, labels), got {type(part).__name__}"
            )
        yield as_features(f"part {number} of bits", part[0]), part[1]
