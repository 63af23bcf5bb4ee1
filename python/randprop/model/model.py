"""A network and what reads its outputs, as one thing that can be saved and exported."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._labels import agreement, as_labels
from randprop._tables import html_table, shortened
from randprop._validation import check_int, check_threads, told
from randprop.bits import BitMatrix, Features
from randprop.features import feature_names as names_of
from randprop.model.data_checks import DataWatch
from randprop.model.fixed_scaling import (
    AS_BYTES,
    FixedScaling,
    LinearScaling,
    check_features,
    propagate_table,
)
from randprop.model.mapping import check_range
from randprop.model.pipelines import is_pipeline, last_step, pipeline_names, through_scalers
from randprop.model.scaling import Scaling, fixed_scaling
from randprop.network.step_network import StepNetwork
from randprop.readouts.base import Readout, snapshot
from randprop.readouts.centroids import Centroids
from randprop.readouts.quantized import QuantizedReadout
from randprop.readouts.rounding import check_bits

__all__ = ["HasModel", "Model", "as_model", "check_names", "check_scaling"]


class Model:
    """A scaling, a network and a fitted readout.

    Threads may share a model while others add samples to its readout. Each call sees one state of
    the readout.

    Parameters
    ----------
    network : StepNetwork
        The network.
    readout : Readout
        Fitted on output bits of `network`, with labels: `Centroids`, `RidgeReadout`,
        `DiscriminantReadout`, `HammingNeighbors` or `QuantizedReadout`.
    input_range : (float, float), optional
        Low and high of the features, which are mapped to 0 and 255. Features outside become 0 or
        255. Default: (0, 255), which leaves integers from 0 to 255 as they are.
    scaling : Scaling, optional
        A fitted scaling with a range for each feature, or with a level that gives bits. It replaces
        `input_range`.
    feature_names : sequence of str, optional
        Names of the features, all different. A DataFrame with other columns, or with the same
        columns in another order, is refused. An array has no names, and its columns are used in
        their order.

    Attributes
    ----------
    network, readout
        The arguments.
    scaling : FixedScaling
        The scaling that maps features to the inputs of the network.
    input_range : (float, float) or None
        Low and high. None if they differ between features.
    feature_names : tuple of str or None
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    watch : DataWatch or None
        Only in the model of a fitted estimator: a summary of the training data. It gives one
        warning if features are far from them. It is not saved in files.

    Examples
    --------
    >>> import numpy as np
    >>> import randprop
    >>> X = np.array([[0, 9, 250], [3, 0, 240], [255, 9, 0]], dtype=np.uint8)
    >>> network = randprop.StepNetwork(3, width=64)
    >>> readout = randprop.Centroids().fit(network.propagate(X), ["cat", "cat", "dog"])
    >>> randprop.Model(network, readout).predict(X)
    array(['cat', 'cat', 'dog'], dtype='<U3')
    """

    feature_names: tuple[str, ...] | None = None  # also of models pickled before there were names

    def __init__(
        self,
        network: StepNetwork,
        readout: Readout,
        *,
        input_range: tuple[float, float] | None = None,
        scaling: Scaling | FixedScaling | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        if not isinstance(network, StepNetwork):
            raise TypeError(f"network must be a StepNetwork, got {told(network)}")
        if not isinstance(readout, Readout):
            raise TypeError(
                "readout must be a Centroids, RidgeReadout, DiscriminantReadout, "
                f"QuantizedReadout or HammingNeighbors, got {type(readout).__name__}"
            )
        readout.check_fitted()
        if not hasattr(readout, "classes_"):
            raise ValueError("readout was fitted without labels")
        if readout.reads_bits == network.gives_bytes:
            kinds = ("bytes", "bits")
            raise ValueError(
                f"readout was fitted on {kinds[readout.reads_bits]}, "
                f"the network puts out {kinds[not network.gives_bytes]}"
            )
        if readout.n_features != network.widths[-1]:
            kind = "bytes" if network.gives_bytes else "bits"
            raise ValueError(
                f"readout was fitted on {readout.n_features} {kind}, "
                f"the network puts out {network.widths[-1]}"
            )
        self.network = network
        self.readout = readout
        self.scaling = check_scaling(input_range, scaling)
        self.scaling.check_groups(network.n_features)
        self.feature_names = _check_feature_names(feature_names, network.n_features)
        self.watch: DataWatch | None = None  # of an estimator's training data; not kept by files

    @property
    def input_range(self) -> tuple[float, float] | None:
        """Low and high of the features. None if they differ between features."""
        return self.scaling.input_range

    @property
    def classes_(self) -> NDArray[Any]:
        """Labels, sorted."""
        return self.readout.classes_

    def propagate(self, X: ArrayLike | BitMatrix, *, n_threads: int | None = None) -> Features:
        """Scale features and send them through the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or BitMatrix
            Numbers in any form that `to_bytes` takes, which `scaling` maps. Or bits, which are used
            as they are.
        n_threads : int, optional
            As for `StepNetwork.propagate`.

        Returns
        -------
        BitMatrix of shape (n_samples, n_bits), or ndarray of uint8
            Outputs of the last stage: bits, or counts.
        """
        if isinstance(X, BitMatrix):
            found: Features = self.network.propagate(X, n_threads=n_threads)
            return found
        features = check_features("X", X, shape=self.network.input_shape)
        check_names("X", features.names, self.feature_names)
        threads = check_threads(n_threads)
        bits = propagate_table(self.network, features.values, self.scaling, threads)
        if self.watch is not None:
            self.watch.compare(features.values)
        return bits

    def predict(self, X: ArrayLike | BitMatrix) -> NDArray[Any]:
        """Return the predicted label of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or BitMatrix
            As in `propagate`.

        Returns
        -------
        ndarray of shape (n_samples,)

        """
        return self.readout.predict(self.propagate(X))

    def score(self, X: ArrayLike | BitMatrix, y: ArrayLike) -> float:
        """Return the accuracy: the share of samples whose predicted label is right.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or BitMatrix
            As in `propagate`.
        y : array-like of shape (n_samples,)
            Right labels, of the same type as the model's.

        Returns
        -------
        float
        """
        predicted = self.predict(X)
        if not len(predicted):
            raise ValueError("X must hold at least one sample, got 0")
        right = as_labels("y", y, len(predicted), "X")
        return float(np.mean(agreement("y", right, predicted)))

    def quantize(
        self,
        *,
        readout_bits: int | str | None = None,
        centroid_bits: int = 4,
        ridge_bits: int | str = 8,
    ) -> Model:
        """Return the model for a device, with a readout in integers of few bits.

        Parameters
        ----------
        readout_bits : int or "ternary", optional
            Bits for any readout, as for its `quantize`. Default: the next two arguments.
        centroid_bits : int, default=4
            Bits of each class mean, 1 to 8, if the readout is `Centroids` by Euclidean distance.
            By Hamming distance it is always 1.
        ridge_bits : int or "ternary", default=8
            Bits of each coefficient, 1 to 16, if the readout is `RidgeReadout` or
            `DiscriminantReadout`.

        Returns
        -------
        Model
            A model with a `QuantizedReadout`. The same model if it has one already.
        """
        given: dict[str, int | str] = {
            "centroid_bits": check_int("centroid_bits", centroid_bits, 1, 8),
            "ridge_bits": check_bits("ridge_bits", ridge_bits, 1, 16),
        }
        if readout_bits is not None:
            check_bits("readout_bits", readout_bits, 1, 16)
        readout = self.readout
        if isinstance(readout, QuantizedReadout):
            return self
        if isinstance(readout, Centroids) and readout.metric == "hamming":
            given["centroid_bits"] = 1
        bits = given.get(readout.bits_keyword, 8) if readout_bits is None else readout_bits
        quantized = readout.quantize(bits)
        model = Model(
            self.network, quantized, scaling=self.scaling, feature_names=self.feature_names
        )
        model.watch = self.watch
        return model

    def _repr_html_(self) -> str:
        facts = [
            ["part", "what it is"],
            ["classes", shortened(self.classes_.tolist())],
            ["features", f"{self.network.n_features:,} by {self.scaling!r}"],
        ]
        if self.feature_names is not None:
            facts.append(["their names", shortened(self.feature_names)])
        parts = (self.network, self.readout)
        return html_table("Model", facts) + "".join(part._repr_html_() for part in parts)

    def __repr__(self) -> str:
        span = f", input_range={self.input_range}"
        if self.input_range is None:
            span = f", scaling={self.scaling!r}"
        elif self.scaling == AS_BYTES:
            span = ""
        return f"Model({self.network!r}, {self.readout!r}{span})"

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Models pickled before there were other scalings have a range.
        if "input_range" in state:
            state = {**state, "scaling": LinearScaling(*state["input_range"])}
            del state["input_range"]
        self.__dict__.update(state)


class HasModel(Protocol):
    """A fitted estimator: a `StepClassifier`, or a pipeline that ends in one."""

    @property
    def model_(self) -> Model:
        """The fitted network and readout."""


def as_model(model: Model | HasModel) -> Model:
    """Return the `Model` of a `Model` or a fitted `StepClassifier`, as it is now.

    Or of a pipeline of scikit-learn, scalers and a classifier: its scaling is that of all of them.
    """
    if is_pipeline(model):
        return _of_pipeline(model)
    found = model if isinstance(model, Model) else getattr(model, "model_", None)
    if not isinstance(found, Model):
        told_of = type(model).__name__
        if hasattr(type(model), "model_"):
            told_of += " that is not fitted"
        elif hasattr(model, "prepare"):
            told_of += (
                ": a Model has classes, and a regressor or a transformer has none; keep it with "
                "pickle"
            )
        raise TypeError(
            f"model must be a randprop.Model or a fitted randprop.StepClassifier, got {told_of}"
        )
    seen = copy(found)
    seen.readout = snapshot(found.readout)
    return seen


def _of_pipeline(pipeline: Any) -> Model:
    last = last_step(pipeline)
    if isinstance(last, Model) or not hasattr(type(last), "model_"):
        raise TypeError(
            "model must be a pipeline that ends in a randprop.StepClassifier, got a pipeline that "
            f"ends in {type(last).__name__}"
        )
    model = as_model(last)
    n_features = model.network.n_features
    scaling = through_scalers(pipeline, model.scaling, n_features)
    names = pipeline_names(pipeline)
    made = Model(
        model.network,
        model.readout,
        scaling=scaling,
        feature_names=None if names is None else names_of(names.tolist()),
    )
    # What the training data looked like is known of scaled features alone.
    made.watch = model.watch if scaling == model.scaling else None
    return made


def check_scaling(
    input_range: tuple[float, float] | None, scaling: Scaling | FixedScaling | None
) -> FixedScaling:
    """Return what maps features: of a range, of a scaling, or integers as they come."""
    if scaling is None:
        return LinearScaling(*check_range("input_range", input_range))
    if input_range is not None:
        raise ValueError("scaling and input_range cannot both be given")
    return fixed_scaling(scaling)


def check_names(name: str, found: tuple[str, ...] | None, expected: tuple[str, ...] | None) -> None:
    """Refuse features of other names, or in another order; what has no names is taken."""
    if found is None or expected is None or found == expected:
        return
    missing, new = _told_names(expected, found), _told_names(found, expected)
    if missing or new:
        parts = [f"lacks {missing}"] * bool(missing) + [f"has {new}"] * bool(new)
        raise ValueError(
            f"{name} has other columns than the training data: it {' and '.join(parts)}"
        )
    place = next(
        i for i, names in enumerate(zip(found, expected, strict=True)) if len({*names}) > 1
    )
    raise ValueError(
        f"{name} has its columns in another order than the training data: column {place} is "
        f"{found[place]!r}, expected {expected[place]!r}; select them by name, in order"
    )


def _told_names(names: tuple[str, ...], others: tuple[str, ...]) -> str:
    """List the names that are not among others, some of them."""
    known = set(others)
    left = [repr(name)[:80] for name in names if name not in known]
    return ", ".join(left[:5]) + (f" and {len(left) - 5} more" if len(left) > 5 else "")


def _check_feature_names(names: Sequence[str] | None, n_features: int) -> tuple[str, ...] | None:
    if names is None:
        return None
    if isinstance(names, (str, bytes)) or not isinstance(names, (list, tuple, np.ndarray)):
        raise TypeError(f"feature_names must be a sequence of strings, got {told(names)}")
    if len(names) != n_features:
        raise ValueError(f"feature_names must be {n_features} names, got {len(names)}")
    found = names_of(np.ravel(names).tolist() if isinstance(names, np.ndarray) else names)
    if found is None:
        raise ValueError("feature_names must be different strings")
    try:
        "".join(found).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"feature_names must be text that UTF-8 can hold: {error}") from None
    return found
