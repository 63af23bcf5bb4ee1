"""The paper's protocol: propagate, average each class, give a test image the nearest mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop import _core
from randprop._features import check_features, to_bytes
from randprop._validation import as_codes, as_labels, check_choice, check_int, check_threads
from randprop.bits import BitMatrix
from randprop.conv import Conv2D
from randprop.decoders import READOUTS, decode
from randprop.network import StepNetwork
from randprop.readouts import Centroids

if TYPE_CHECKING:
    import pandas

__all__ = ["Evaluation", "evaluate"]

_MAX_LAYERS = 100_000


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Result of `evaluate` at one depth.

    Attributes
    ----------
    layers : int
        Hidden layers.
    dataset : str
        Name of the data, ``"arrays"`` for arrays of the caller.
    n_train, n_test, n_features : int
        Size of the data.
    classes : ndarray of shape (n_classes,)
        Labels, sorted.
    widths : tuple of int
        Outputs of each matrix.
    weight_bits : int
    activation : str
    seed : int
    readout : str
        The arguments.
    input_range : tuple of float or None
        (low, high) of the training features that were mapped to 0 and 255; None where they were
        used as they came.
    accuracy : float
        Share of test samples with the right label.
    class_accuracy : ndarray of shape (n_classes,), dtype float64
        The same for each true class; NaN for a class without test samples.
    confusion_matrix : ndarray of shape (n_classes, n_classes), dtype int64
        Test samples of true class (row) and predicted class (column).
    baseline_accuracy : float
        Accuracy of the nearest class mean on the 8-bit features themselves.
    variance_units : float
        Variance over the units of an output vector, mean over the training samples.
    variance_samples : float
        Variance over the training samples of a unit, mean over the units.
    variance_class_means : float
        Variance between the class means of a unit, mean over the units. All three are of the
        values that the activation stands for: 0 and 1, or -1 and +1.
    seconds : dict
        Wall time of each phase; propagation counts every matrix up to this depth.
    bytes_held : dict
        Bytes of the packed activations of the output layer, of the weights laid out for the
        kernels, and of the class counts.
    simd_level : str
    n_threads : int
    version : str
        Of randprop.
    """

    layers: int
    dataset: str
    n_train: int
    n_test: int
    n_features: int
    classes: NDArray[Any]
    widths: tuple[int, ...]
    weight_bits: int
    activation: str
    seed: int
    readout: str
    input_range: tuple[float, float] | None
    accuracy: float
    class_accuracy: NDArray[np.float64]
    confusion_matrix: NDArray[np.int64]
    baseline_accuracy: float
    variance_units: float
    variance_samples: float
    variance_class_means: float
    seconds: dict[str, float]
    bytes_held: dict[str, int]
    simd_level: str
    n_threads: int
    version: str

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values that ``json.dumps`` takes.

        Returns
        -------
        dict
            NaN is given as None.
        """
        values = asdict(self)
        for name, value in values.items():
            if isinstance(value, np.ndarray):
                values[name] = [
                    None if isinstance(entry, float) and np.isnan(entry) else entry
                    for entry in value.tolist()
                ]
            elif isinstance(value, tuple):
                values[name] = list(value)
        return values

    def to_pandas(self) -> pandas.DataFrame:
        """Return the confusion matrix as a DataFrame.

        Returns
        -------
        pandas.DataFrame
            True classes (rows) and predicted classes (columns), by their labels; everything else
            is in its ``attrs``.

        Raises
        ------
        ImportError
            If pandas is not installed: ``pip install 'randprop[frame]'``.
        """
        from randprop._sweep_result import import_pandas

        values = self.to_dict()
        del values["confusion_matrix"]
        frame: pandas.DataFrame = import_pandas().DataFrame(
            self.confusion_matrix, index=self.classes, columns=self.classes
        )
        frame.index.name, frame.columns.name = "true", "predicted"
        frame.attrs.update(values)
        return frame

    def _repr_html_(self) -> str:
        from randprop._tables import evaluation_html

        return evaluation_html(self)

    def __str__(self) -> str:
        from randprop._tables import evaluation_table

        return evaluation_table(self)


@overload
def evaluate(
    layers: int = 3,
    *,
    dataset: str | Sequence[ArrayLike] = ...,
    width: int | Conv2D | Iterable[int | Conv2D] | None = ...,
    weight_bits: int = ...,
    activation: str = ...,
    seed: int = ...,
    readout: str = ...,
    input_shape: Iterable[int] | None = ...,
    n_threads: int | None = ...,
) -> Evaluation: ...
@overload
def evaluate(
    layers: Iterable[int],
    *,
    dataset: str | Sequence[ArrayLike] = ...,
    width: int | Conv2D | Iterable[int | Conv2D] | None = ...,
    weight_bits: int = ...,
    activation: str = ...,
    seed: int = ...,
    readout: str = ...,
    input_shape: Iterable[int] | None = ...,
    n_threads: int | None = ...,
) -> list[Evaluation]: ...
def evaluate(
    layers: int | Iterable[int] = 3,
    *,
    dataset: str | Sequence[ArrayLike] = "mnist",
    width: int | Conv2D | Iterable[int | Conv2D] | None = None,
    weight_bits: int = 8,
    activation: str = "step",
    seed: int = 0,
    readout: str = "centroid",
    input_shape: Iterable[int] | None = None,
    n_threads: int | None = None,
) -> Evaluation | list[Evaluation]:
    """Measure how well class means of the outputs of a random network tell classes apart.

    Parameters
    ----------
    layers : int or iterable of int, default=3
        Hidden layers. For several depths one network is propagated once.
    dataset : str or (X_train, y_train, X_test, y_test), default="mnist"
        A name that `randprop.datasets.load` knows, or arrays: features of shape
        (n_samples, n_features), labels of shape (n_samples,). uint8 features, and integers of
        [0, 255], are used as they come; others are mapped to 8 bits by the range of `X_train`,
        which the result gives as `input_range`.
    width : int, Conv2D, or sequence of them, optional
        Outputs of every matrix, or of each of the ``max(layers) + 1``. Default: the number of
        features.
    weight_bits : {1, 2, 4, 8, 24}, default=8
        Bits of a weight.
    activation : {"step", "sign"}, default="step"
        How a matrix reads the bits of the one before.
    seed : int, default=0
        In [0, 2**64).
    readout : str, default="centroid"
        ``"centroid"``, the paper's: nearest class mean. ``"majority"``: class means rounded to
        bits. ``"cosine"``: class mean of the largest cosine. ``"knn"``, ``"knn_3"``,
        ``"knn_5"``: nearest training samples by Hamming distance. ``"ridge"``: least squares,
        see `RidgeReadout`.
    input_shape : (int, int, int), optional
        Height, width and channels of the features, needed where the first matrix is a `Conv2D`.
        Default: that of the named data set. CIFAR-10 has its channels one after the other, not in
        the order that a convolution reads, and so no default.
    n_threads : int, optional
        Default: ``RANDPROP_NUM_THREADS``, else every CPU that the process may use. Does not
        change the result.

    Returns
    -------
    Evaluation or list of Evaluation
        One for each entry of `layers`, in its order; ``print()`` gives a table.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above, before anything is computed.
    OSError
        If a data set by name cannot be had.

    References
    ----------
    Itoh (2024), arXiv:2409.03760.

    Examples
    --------
    >>> import randprop
    >>> shallow, deep = randprop.evaluate(layers=[0, 15])
    >>> round(shallow.baseline_accuracy, 4)
    0.8203
    >>> bool(shallow.accuracy > 0.8 > 0.2 > deep.accuracy)
    True
    """
    check_choice("readout", readout, READOUTS)
    threads = check_threads(n_threads)
    depths = _check_layers(layers)
    # The rest of the network's arguments, checked before the data are read.
    n_matrices = max(depths) + 1
    if width is not None and isinstance(width, Iterable) and not isinstance(width, str):
        width = tuple(width)
    dense: Any = width
    if isinstance(width, Conv2D) or (isinstance(width, tuple) and Conv2D in map(type, width)):
        dense = None  # depends on the size of the images, checked below
    StepNetwork(
        1, n_matrices - 1, width=dense, weight_bits=weight_bits, activation=activation, seed=seed
    )

    started = perf_counter()
    name, data, input_range = _load(dataset)
    X_train, y_train, X_test, y_test = data
    classes = np.unique(y_train)
    unseen = np.setdiff1d(y_test, classes)
    if unseen.size:
        raise ValueError(f"y_test has labels that y_train has not: {unseen[:5].tolist()}")
    codes_test = as_codes(y_test, classes)
    load_seconds = perf_counter() - started

    started = perf_counter()
    baseline = _baseline_accuracy(X_train, as_codes(y_train, classes), X_test, codes_test)
    baseline_seconds = perf_counter() - started

    network = StepNetwork(
        X_train.shape[1],
        n_matrices - 1,
        width=width,
        weight_bits=weight_bits,
        activation=activation,
        seed=seed,
        input_shape=input_shape if input_shape is not None else image_shape(name),
    )
    found: dict[int, Evaluation] = {}
    train: NDArray[np.uint8] | BitMatrix = X_train
    test: NDArray[np.uint8] | BitMatrix = X_test
    propagate_seconds = 0.0
    for m in range(n_matrices):
        started = perf_counter()
        # One layer at a time: however deep the chain, two layers of bits are held.
        train = network._apply(train, m, n_threads=threads)
        test = network._apply(test, m, n_threads=threads)
        propagate_seconds += perf_counter() - started
        if m not in depths:
            continue
        started = perf_counter()
        centroids = Centroids(n_threads=threads).fit(train, y_train)
        fit_seconds = perf_counter() - started
        started = perf_counter()
        predicted = as_codes(
            decode(readout, train, y_train, test, centroids=centroids, n_threads=threads), classes
        )
        predict_seconds = perf_counter() - started
        confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)
        np.add.at(confusion, (codes_test, predicted), 1)
        n_true = confusion.sum(axis=1)
        with np.errstate(invalid="ignore"):
            class_accuracy = np.where(n_true > 0, np.diag(confusion) / n_true, np.nan)
        variances = _variances(train, centroids, 4.0 if activation == "sign" else 1.0)
        found[m] = Evaluation(
            layers=m,
            dataset=name,
            n_train=len(X_train),
            n_test=len(X_test),
            n_features=X_train.shape[1],
            classes=classes,
            widths=network.widths[: m + 1],
            weight_bits=network.weight_bits,
            activation=network.activation,
            seed=network.seed,
            readout=readout,
            input_range=input_range,
            accuracy=float(np.trace(confusion) / len(codes_test)),
            class_accuracy=class_accuracy,
            confusion_matrix=confusion,
            baseline_accuracy=baseline,
            variance_units=variances[0],
            variance_samples=variances[1],
            variance_class_means=variances[2],
            seconds={
                "load": load_seconds,
                "baseline": baseline_seconds,
                "propagate": propagate_seconds,
                "fit": fit_seconds,
                "predict": predict_seconds,
            },
            bytes_held={
                "activations": train.nbytes + test.nbytes,
                "weights": network.prepared_bytes,
                "centroids": centroids.counts_.nbytes + centroids.n_samples_.nbytes,
            },
            simd_level=_core.simd_level(),
            n_threads=threads,
            version=_core.__version__,
        )
    results = [found[depth] for depth in depths]
    return results if isinstance(layers, Iterable) else results[0]


def image_shape(dataset: str) -> tuple[int, int, int] | None:
    """Height, width and channels of a data set whose features stand in the order of a `Conv2D`."""
    if dataset in ("mnist", "fashion_mnist", "kmnist"):
        return 28, 28, 1
    return (8, 8, 1) if dataset == "digits" else None


def _check_layers(layers: int | Iterable[int]) -> list[int]:
    if isinstance(layers, Iterable) and not isinstance(layers, (str, bytes)):
        depths = [
            check_int(f"layers[{i}]", depth, 0, _MAX_LAYERS) for i, depth in enumerate(layers)
        ]
        if not depths:
            raise ValueError("layers must name at least one depth, got none")
        return depths
    return [check_int("layers", layers, 0, _MAX_LAYERS)]


_Data = tuple[NDArray[np.uint8], NDArray[Any], NDArray[np.uint8], NDArray[Any]]


def _load(
    dataset: str | Sequence[ArrayLike],
) -> tuple[str, _Data, tuple[float, float] | None]:
    if isinstance(dataset, str):
        from randprop import datasets

        check_choice("dataset", dataset, tuple(datasets.LOADERS))
        return dataset, datasets.load(dataset), None
    if not isinstance(dataset, (tuple, list)) or len(dataset) != 4:
        came = f"{len(dataset)} of them" if hasattr(dataset, "__len__") else type(dataset).__name__
        raise TypeError(f"dataset must be a name or (X_train, y_train, X_test, y_test), got {came}")
    X_train = check_features("X_train", dataset[0])
    X_test = check_features("X_test", dataset[2])
    if X_train.shape[1] != X_test.shape[1]:
        raise ValueError(f"X_test has {X_test.shape[1]} features, X_train has {X_train.shape[1]}")
    y_train = as_labels("y_train", dataset[1], len(X_train), "X_train")
    y_test = as_labels("y_test", dataset[3], len(X_test), "X_test")
    X_train, X_test, input_range = to_bytes(X_train, X_test)
    return "arrays", (X_train, y_train, X_test, y_test), input_range


def _baseline_accuracy(
    X_train: NDArray[np.uint8],
    codes_train: NDArray[np.int32],
    X_test: NDArray[np.uint8],
    codes_test: NDArray[np.int32],
) -> float:
    """Accuracy of the nearest class mean of the features themselves."""
    n_classes = int(codes_train.max()) + 1
    sums = np.zeros((n_classes, X_train.shape[1]))
    rows = 4096  # a float32 sum of that many bytes is exact: 255 * 4096 < 2^24
    for start in range(0, len(X_train), rows):
        codes = codes_train[start : start + rows]
        one_hot = (codes == np.arange(n_classes)[:, None]).astype(np.float32)
        sums += one_hot @ X_train[start : start + rows].astype(np.float32)
    means = sums / np.bincount(codes_train, minlength=n_classes)[:, None]
    offsets = np.einsum("ci,ci->c", means, means)
    right = 0
    for start in range(0, len(X_test), rows):
        # The squared norm of x is common to all classes and left out.
        scores = offsets - 2.0 * (X_test[start : start + rows].astype(np.float64) @ means.T)
        right += int(np.sum(np.argmin(scores, axis=1) == codes_test[start : start + rows]))
    return right / len(X_test)


def _variances(train: BitMatrix, centroids: Centroids, scale: float) -> tuple[float, float, float]:
    """Return the variances over units, over samples and between class means (see Evaluation)."""
    share = train.popcount() / train.n_bits
    rates = centroids.counts_.sum(axis=0) / centroids.n_samples_.sum()
    means = centroids.counts_ / centroids.n_samples_[:, None]
    return (
        scale * float(np.mean(share * (1.0 - share))),
        scale * float(np.mean(rates * (1.0 - rates))),
        scale * float(np.mean(np.var(means, axis=0))),
    )
