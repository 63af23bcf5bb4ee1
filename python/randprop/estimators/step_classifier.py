"""A random step network and a readout as scikit-learn's classifier."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from randprop._labels import agreement, as_classes, as_labels
from randprop._validation import as_array, as_reals, refuse_masked
from randprop.estimators.predictor import Predictor
from randprop.features import feature_names
from randprop.model.fixed_scaling import FixedScaling
from randprop.model.kept import parameter_of
from randprop.model.model import Model
from randprop.model.recipes import RECIPES, input_dims_of, read_stages
from randprop.model.scaling import Scaling
from randprop.network.stages import Stage
from randprop.readouts.base import Readout, snapshot
from randprop.readouts.centroids import DISTANCES
from randprop.readouts.registry import make_readout

__all__ = ["StepClassifier", "restored"]


def _unfitted(classifier: StepClassifier) -> Readout:
    """Return a readout of the kind that a classifier has, or will have."""
    if classifier.readout is not None:
        return make_readout(classifier.readout)
    stages = read_stages(classifier.stages)
    return make_readout(RECIPES[stages].readout if isinstance(stages, str) else "centroid")


def _gives_scores(classifier: StepClassifier) -> bool:
    return not _unfitted(classifier).gives_shares


def _gives_probabilities(classifier: StepClassifier) -> bool:
    return hasattr(_unfitted(classifier), "predict_proba")


class StepClassifier(ClassifierMixin, Predictor):
    """Random step network with a fitted readout.

    With ``stages="images"``, ``"series"`` or ``"table"`` the network is made for that kind of data.
    Without `stages` it is the paper's network.

    Threads may share a classifier. Each call sees it as it was before or after another thread fits
    it. If several threads call `partial_fit`, the samples of all of them count.

    Parameters
    ----------
    layers : int, default=0
        Number of hidden layers of the plain network. It must be 0 if `stages` is given.
    width : int, Dense, Conv2D, or sequence of them, default=1024
        Plain network: number of outputs of every matrix, or a sequence with one entry for each of
        the ``layers + 1`` matrices; None means the number of inputs, as in the paper. Kind of data
        in `stages`: total number of features for the readout. Ignored if `stages` is a list.
    weight_bits : {1, 2, 4, 8, 24}, default=8
    activation : {"step", "sign"}, default="step"
    stages : {"images", "series", "table"} or sequence of stages, optional
        ``"images"``: a `Conv2D` whose units look at few pixels, counts of set bits in windows of
        the image, and a linear discriminant. ``"series"``: a `Conv1D` at many time scales with
        calibrated thresholds, one count over the series, and ridge. ``"table"``: one range per
        feature, one dense stage with calibrated thresholds, and ridge. Or a list of stages.
        Default: the plain network. See "Which network for which data" in the documentation.
    scaling : {"range", "features", "binary"} or Scaling, optional
        How features become bytes or bits for the network, see `Scaling`. A fitted `Scaling` is used
        as it is. Default: the scaling for the kind of data, or ``"range"``.
    thresholds : "calibrated", int or float, optional
        ``"calibrated"``: quantiles of each unit's sums over at most 2,048 samples, see
        `StepNetwork.calibrate`. A number: the `bias` of every stage. Default: the thresholds for
        the kind of data, or those of the stages.
    readout : str or Readout, optional
        ``"centroid"``: the nearest class mean, the paper's readout. ``"knn"``: the nearest training
        samples by Hamming distance. ``"majority"``: the nearest class mean by Hamming distance,
        with means rounded to bits. ``"cosine"``: the class mean with the largest cosine.
        ``"ridge"``: least squares on the labels. ``"discriminant"``: the linear discriminant. Or an
        unfitted readout. Default: the readout for the kind of data, or ``"centroid"``.
    metric : {"euclidean", "cosine", "hamming"}, default="euclidean"
        For ``"centroid"``. Other readouts have their own metric and refuse ``"cosine"``. Neighbours
        have the same order by Euclidean and by Hamming distance.
    n_neighbors : int, default=1
        For ``"knn"``.
    alpha : float or "auto", default="auto"
        For ``"ridge"`` and ``"discriminant"``: the weight of the L2 term, see `RidgeReadout`.
    input_range : (float, float), optional
        Values that are mapped to 0 and 255. Default: the smallest and the largest feature of the
        training data (`fit`) or of the first part (`partial_fit`). If all features are integers
        from 0 to 255, of any type, they are used as they are. Set it if you call `partial_fit`
        without `prepare`. Otherwise the first part decides the range, and later features are
        rounded and cut to it, with a `RandpropDataWarning`.
    input_shape : tuple of int, optional
        (height, width, channels) of images, or (length, channels) of series, if the samples in `X`
        are rows. Default: the shape of `X`, where images are (n_samples, height, width) or
        (n_samples, height, width, channels) and series are (n_samples, channels, length). Rows are
        read as square images of one channel, or as series of one channel. In a row the channel is
        fastest: ``X.transpose(0, 2, 1).reshape(len(X), -1)`` of series.
    random_state : int, RandomState instance or None, default=0
        An int is the network's seed.
    n_jobs : int, optional
        Threads. Default: the number in ``RANDPROP_NUM_THREADS``, or every CPU that the process may
        use; in a worker of a pool, its share of them. -1 means all, -2 all but one. Does not change
        the result.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    network_ : StepNetwork
    readout_ : Readout
    scaling_ : FixedScaling
        The scaling that maps features to the inputs of the network.
    input_range_ : (float, float) or None
        Values that are mapped to 0 and 255; None if features have different ranges.
    decided_ : dict
        What was given, or chosen from the data: the shape, the scaling, the thresholds. For images
        also the share of their values that are neither dark nor light.
    dead_units_ : ndarray of shape (n_units,), dtype bool
        Units whose output bit was the same for all training samples of all parts so far.

    Warns
    -----
    RandpropDataWarning
        Once for each fit and cause: if most units never change on the training data, if features
        take few of the 256 levels, or if features in `predict` are far from the training features.

    Examples
    --------
    >>> from randprop import StepClassifier, datasets
    >>> X_train, y_train, X_test, y_test = datasets.load_digits()
    >>> for readout in ("centroid", "ridge", "discriminant"):
    ...     classifier = StepClassifier(width=512, readout=readout).fit(X_train, y_train)
    ...     print(readout, round(classifier.score(X_test, y_test), 2))
    centroid 0.85
    ridge 0.91
    discriminant 0.93
    >>> classifier = StepClassifier(stages="images").fit(X_train, y_train)
    >>> round(classifier.score(X_test, y_test), 2)
    0.97
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Predictor.constraints,
        "readout": [str, Readout, None],
        "metric": [StrOptions(set(DISTANCES))],
        "n_neighbors": [Interval(Integral, 1, 1000, closed="both")],
        "alpha": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
    }

    readout_: Readout

    def __init__(
        self,
        layers: int = 0,
        *,
        width: int | Stage | ArrayLike | None = 1024,
        weight_bits: int = 8,
        activation: str = "step",
        stages: str | Sequence[Stage | int] | None = None,
        scaling: str | Scaling | FixedScaling | None = None,
        thresholds: str | float | None = None,
        readout: str | Readout | None = None,
        metric: str = "euclidean",
        n_neighbors: int = 1,
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
        self.readout = readout
        self.metric = metric
        self.n_neighbors = n_neighbors
        self.alpha = alpha
        self.input_range = input_range
        self.input_shape = input_shape
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: ArrayLike) -> StepClassifier:
        """Fit the readout to the network's outputs.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Finite numbers, in any form that `to_bytes` takes.
        y : array-like of shape (n_samples,)
            Labels: numbers or strings.

        Returns
        -------
        StepClassifier
            Itself.
        """
        return self._fit(X, y, first=True)

    def partial_fit(self, X: Any, y: ArrayLike, classes: ArrayLike | None = None) -> StepClassifier:
        """Add training samples. The order and the sizes of the parts do not change the result.

        With ``readout="knn"`` the order decides between equally near neighbours. `prepare` chooses
        scaling, thresholds and network beforehand. Without it the first part chooses them, with a
        `RandpropDataWarning` if another first part could give other ones.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        classes : array-like of shape (n_classes,), optional
            All labels, if some come only in later parts. Not needed: new labels are added.

        Returns
        -------
        StepClassifier
            Itself.
        """
        return self._fit(X, y, first=False, classes=classes)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the predicted label of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        seen, bits = self._seen(X)
        return seen.readout_.predict(bits)

    @available_if(_gives_scores)
    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the score of each class. The label is the class with the largest score.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
            Class means: the negative distance to the class mean, or the cosine. Ridge: the fitted
            value. Discriminant: the logarithm of the probability, up to a term that all classes
            share. For two classes: the score of the second minus the score of the first. At a tie
            the first class is predicted.
        """
        seen, bits = self._seen(X)
        scores = seen.readout_.scores(bits)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class, if the readout has probabilities.

        ``"knn"``: the share of the class among the nearest neighbours. ``"discriminant"``: the
        probability for Gaussian classes, see `DiscriminantReadout.predict_proba`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        seen, bits = self._seen(X)
        readout: Any = seen.readout_  # one that has it
        return np.asarray(readout.predict_proba(bits))

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy: the share of samples whose predicted label is right.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Right labels, of the same type as `classes_`.
        sample_weight : array-like of shape (n_samples,), optional
            Default: 1 for each.

        Returns
        -------
        float
        """
        refuse_masked("y", y)
        predicted = self.predict(X)
        right = as_labels("y", column_or_1d(_exact(y), warn=True), len(predicted), "X")
        agree = agreement("y", right, predicted)
        if sample_weight is None:
            return float(np.mean(agree))
        weights = as_reals("sample_weight", sample_weight)
        if weights.shape != agree.shape or weights.sum() == 0.0:
            raise ValueError(
                f"sample_weight must have shape ({len(agree)},) and a sum other than 0, "
                f"got shape {weights.shape}, sum {weights.sum():g}"
            )
        return float(np.average(agree, weights=weights))

    @property
    def model_(self) -> Model:
        """The fitted network and readout, for `save`, `export_c` and `export_onnx`."""
        return snapshot(self)._model()

    def _model(self) -> Model:
        check_is_fitted(self, "readout_")
        names = getattr(self, "feature_names_in_", None)
        model = Model(
            self.network_,
            self.readout_,
            scaling=self.scaling_,
            feature_names=None if names is None else feature_names(names),
        )
        model.watch = self._watch
        return model

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # The network has no bias: of two features, all that the checks have, it sees the ratio.
        tags.classifier_tags.poor_score = True
        return tags

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        X, y = self._validated(X, _exact(y), reset=reset)
        check_classification_targets(y)
        return X, y

    def _empty(self) -> Readout:
        return make_readout(
            self._readout_name if self.readout is None else self.readout,
            metric=self.metric,
            n_neighbors=self.n_neighbors,
            alpha=self.alpha,
            n_threads=self._threads(),
        )

    def _read_by(self, readout: Readout) -> None:
        self.readout_, self.classes_ = readout, readout.classes_


def restored(model: Model, parameters: dict[str, Any]) -> StepClassifier:
    """Return the fitted classifier of a model, with the parameters that a file has of it.

    Raises ValueError, TypeError or KeyError where they are none.
    """
    given = {name: parameter_of(value, model) for name, value in parameters.items()}
    classifier = StepClassifier(**given)
    classifier._validate_params()
    classifier.network_, classifier.scaling_ = model.network, model.scaling
    classifier.n_features_in_ = model.network.n_features
    if model.feature_names is not None:
        classifier.feature_names_in_ = np.array(model.feature_names, dtype=object)
    stages = read_stages(classifier.stages)
    if input_dims_of(stages, classifier.width) > 1:
        classifier._shape = model.network.input_shape
    classifier._readout_name = RECIPES[stages].readout if isinstance(stages, str) else "centroid"
    classifier._read_by(model.readout)
    return classifier


def _exact(y: Any) -> Any:
    """Return labels of 1 dimension as they are: scikit-learn lets NumPy make one type of them."""
    is_array = isinstance(y, np.ndarray) and y.dtype != object
    if y is None or is_array or as_array("y", y, dtype=object).ndim != 1:
        return y
    return as_classes("y", y)
