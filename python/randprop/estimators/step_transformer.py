"""The outputs of a random step network as scikit-learn's transformer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from randprop.bits import BitMatrix, Features
from randprop.estimators.base import StepNetworkEstimator
from randprop.model.fixed_scaling import FixedScaling
from randprop.model.scaling import Scaling
from randprop.network.stages import Stage
from randprop.readouts.base import snapshot

__all__ = ["StepTransformer"]


class StepTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, StepNetworkEstimator):
    """Map features to the outputs of a random step network: bits or counts.

    `fit` learns the number of features, their scaling, calibrated thresholds, and which units never
    change. It learns nothing more.

    Parameters
    ----------
    layers : int, default=0
        Number of hidden layers of the plain network. It must be 0 if `stages` is given.
    width : int, Dense, Conv2D, or sequence of them, default=1024
        Plain network: number of outputs of every matrix, or a sequence with one entry for each of
        the ``layers + 1`` matrices; None means the number of inputs. Kind of data in `stages`:
        total number of outputs.
    weight_bits : {1, 2, 4, 8, 24}, default=8
    activation : {"step", "sign"}, default="step"
    stages : {"images", "series", "table"} or sequence of stages, optional
        As for `StepClassifier`. So are the next two.
    scaling : {"range", "features", "binary"} or Scaling, optional
    thresholds : "calibrated", int or float, optional
    output : {"dense", "packed"}, default="dense"
        ``"dense"``: 0 and 1 as uint8. ``"packed"``: 64 bits to a uint64 word, as `BitMatrix.words`.
        Counts are uint8.
    input_range : (float, float), optional
        Values that are mapped to 0 and 255. Default: the smallest and the largest feature of the
        training data. If all features are integers from 0 to 255, of any type, they are used as
        they are.
    input_shape : tuple of int, optional
        As for `StepClassifier`.
    random_state : int, RandomState instance or None, default=0
        An int is the network's seed.
    n_jobs : int, optional
        Threads. Default: the number in ``RANDPROP_NUM_THREADS``, or every CPU that the process may
        use; in a worker of a pool, its share of them. -1 means all, -2 all but one. Does not change
        the result.

    Attributes
    ----------
    network_ : StepNetwork
    scaling_ : FixedScaling
        The scaling that maps features to the inputs of the network.
    input_range_ : (float, float) or None
        Values that are mapped to 0 and 255; None if features have different ranges.
    decided_ : dict
        What was given, or chosen from the data.
    dead_units_ : ndarray of shape (n_units,), dtype bool
        Units whose output bit was the same for all training samples.

    Warns
    -----
    RandpropDataWarning
        In the same cases as `StepClassifier`.

    Examples
    --------
    >>> from randprop import StepTransformer
    >>> StepTransformer(width=8).fit_transform([[0.0, 1.0], [1.0, 0.5]])
    array([[0, 0, 1, 1, 0, 1, 1, 1],
           [1, 0, 1, 0, 1, 0, 1, 1]], dtype=uint8)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **StepNetworkEstimator.constraints,
        "output": [StrOptions({"dense", "packed"})],
    }

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
        output: str = "dense",
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
        self.output = output
        self.input_range = input_range
        self.input_shape = input_shape
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> StepTransformer:
        """Make the network, and learn the range of the features.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Finite numbers, in any form that `to_bytes` takes.
        y : ignored

        Returns
        -------
        StepTransformer
            Itself.
        """
        self._fit_bits(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> NDArray[Any]:
        """Fit, and return the output bits of each sample, in one pass.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        ndarray, as `transform` returns it
        """
        return self._output(self._fit_bits(X))

    def transform(self, X: Any) -> NDArray[Any]:
        """Return the output bits of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_bits), dtype uint8, or (n_samples, n_words), dtype uint64
        """
        return snapshot(self)._transformed(X)

    def _transformed(self, X: Any) -> NDArray[Any]:
        check_is_fitted(self)
        return self._output(self._bits_of(X))

    def _fit_bits(self, X: Any) -> Features:
        with self._fitting() as fitting:
            bits = fitting._fitted_bits(X)
        self._watch.warn()
        return bits

    def _fitted_bits(self, X: Any) -> Features:
        self._validate_params()
        return self._start_with(X)

    def _output(self, bits: Features) -> NDArray[Any]:
        if not isinstance(bits, BitMatrix):
            return bits
        return bits.to_array() if self.output == "dense" else bits.words.copy()

    @property
    def _n_features_out(self) -> int:
        n_bits = self.network_.widths[-1]
        packed = self.output != "dense" and not self.network_.gives_bytes
        return (n_bits + 63) // 64 if packed else n_bits

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # Bits, whatever the features are.
        tags.transformer_tags.preserves_dtype = []
        return tags
