"""The paper's protocol: propagate, average each class, give a test image the nearest mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike

import randprop._core as _core
from randprop._validation import check_int, check_threads, several
from randprop.datasets import DATASETS
from randprop.measure.metrics import Metrics, baseline, metrics
from randprop.measure.results import Evaluation, Evaluations
from randprop.measure.split import Split, load_split
from randprop.model.data_checks import DataWatch
from randprop.model.fixed_scaling import AS_BYTES, FixedScaling
from randprop.model.recipes import (
    RECIPES,
    Prepared,
    Stages,
    check_scaling_argument,
    check_thresholds,
    input_dims_of,
    prepare,
    read_stages,
    shape_of,
)
from randprop.model.scaling import Scaling
from randprop.network.activations import ACTIVATIONS
from randprop.network.chain import chain
from randprop.network.spec import Width
from randprop.network.stages import Stage
from randprop.network.step_network import StepNetwork
from randprop.readouts.base import Readout
from randprop.readouts.registry import label_of, make_readout

__all__ = ["check_depths", "evaluate", "without_shapes"]

_MAX_LAYERS = 100_000


if TYPE_CHECKING:
    from typing_extensions import TypedDict, Unpack

    class _Options(TypedDict, total=False):
        dataset: str | Sequence[ArrayLike]
        stages: str | Sequence[Stage | int] | None
        scaling: str | Scaling | FixedScaling | None
        thresholds: str | float | None
        width: Width
        weight_bits: int
        activation: str
        seed: int
        readout: str | Readout | None
        metric: str
        n_neighbors: int
        alpha: float | str
        input_shape: Iterable[int] | None
        n_threads: int | None


@overload
def evaluate(layers: int | None = None, **options: Unpack[_Options]) -> Evaluation: ...
@overload
def evaluate(layers: Iterable[int], **options: Unpack[_Options]) -> Evaluations: ...
def evaluate(
    layers: int | Iterable[int] | None = None,
    *,
    dataset: str | Sequence[ArrayLike] = "mnist",
    stages: str | Sequence[Stage | int] | None = None,
    scaling: str | Scaling | FixedScaling | None = None,
    thresholds: str | float | None = None,
    width: Width = None,
    weight_bits: int = 8,
    activation: str = "step",
    seed: int = 0,
    readout: str | Readout | None = None,
    metric: str = "euclidean",
    n_neighbors: int = 1,
    alpha: float | str = "auto",
    input_shape: Iterable[int] | None = None,
    n_threads: int | None = None,
) -> Evaluation | Evaluations:
    """Measure how well a readout classifies samples by the outputs of a random network.

    Without `stages` the network and the readout are those of the paper: the readout is the nearest
    class mean.

    Parameters
    ----------
    layers : int or iterable of int, optional
        Number of hidden layers of the plain network. Several depths take one pass through the
        deepest network. Default: 3.
    dataset : str or (X_train, y_train, X_test, y_test), default="mnist"
        A name that `randprop.datasets.load` knows, or arrays: features of shape (n_samples,
        n_features), in any form that `to_bytes` takes, and labels of shape (n_samples,). If
        `X_train` holds integers from 0 to 255, of any type, features are used as they are. Other
        features are mapped to bytes by the range of `X_train`, which is `input_range` of the
        result.
    stages : {"images", "series", "table"} or sequence of stages, optional
        The kind of data, which has a network made for it, as in `StepClassifier`; or a list of
        stages. It replaces `layers`.
    scaling : {"range", "features", "binary"} or Scaling, optional
        How features become bytes or bits for the network. Default: the scaling for the kind of
        data, or one range, as described under `dataset`.
    thresholds : "calibrated", int or float, optional
        As for `StepClassifier`.
    width : int, Dense, Conv2D, or sequence of them, optional
        Number of outputs of every matrix, or a sequence with one entry for each of the
        ``max(layers) + 1`` matrices. Default: the number of inputs. Kind of data in `stages`: total
        number of features for the readout, 1024 by default.
    weight_bits : {1, 2, 4, 8, 24}, default=8
        Bits of each weight.
    activation : {"step", "sign"}, default="step"
        How a matrix reads the bits of the matrix before it: as 0 and 1, or as -1 and +1.
    seed : int, default=0
        In [0, 2**64).
    readout : str or Readout, optional
        ``"centroid"``: the nearest class mean, the paper's readout. ``"majority"``: the nearest
        class mean, rounded to bits. ``"cosine"``: the class mean with the largest cosine.
        ``"knn"``: the nearest training samples by Hamming distance. ``"ridge"``: least squares, see
        `RidgeReadout`. ``"discriminant"``: see `DiscriminantReadout`. Or an unfitted readout, such
        as ``RidgeReadout(alpha=0.1)``. Default: the readout for the kind of data, or
        ``"centroid"``.
    metric : {"euclidean", "cosine", "hamming"}, default="euclidean"
        For ``"centroid"``.
    n_neighbors : int, default=1
        For ``"knn"``. ``"knn_3"`` means 3 neighbours.
    alpha : float or "auto", default="auto"
        For ``"ridge"`` and ``"discriminant"``: the weight of the L2 term, see `RidgeReadout`.
    input_shape : (int, int, int), optional
        Height, width and channels of a sample. Needed if the first stage is a `Conv2D`. Default:
        the shape of the named data set. CIFAR-10 has no default, because it stores one channel
        after the other, and a convolution reads another order.
    n_threads : int, optional
        Default: the number in ``RANDPROP_NUM_THREADS``, or every CPU that the process may use; in a
        worker of a pool, its share of them. -1 means all, -2 all but one. Does not change the
        result.

    Returns
    -------
    Evaluation or list of Evaluation
        One for each entry of `layers`, in its order. ``print()`` shows one, or the list, as a
        table. The list also has ``to_pandas()`` and ``plot()``.

    Raises
    ------
    OSError
        If a named data set can be neither found nor downloaded.

    Warns
    -----
    RandpropDataWarning
        If arrays suit the network badly: features of `X_train` take few of the 256 levels, or most
        units never change.

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
    >>> useful = randprop.evaluate(stages="images", width=512)
    >>> bool(useful.accuracy > 0.97)
    True
    """
    threads = check_threads(n_threads)
    chain_of = read_stages(stages)
    if chain_of is not None and layers is not None:
        raise ValueError("stages and layers cannot both be given")
    usual = RECIPES[chain_of].readout if isinstance(chain_of, str) else "centroid"
    fresh = make_readout(
        usual if readout is None else readout,
        metric=metric,
        n_neighbors=n_neighbors,
        alpha=alpha,
        n_threads=threads,
    )
    if width is not None and isinstance(width, Iterable) and not isinstance(width, str):
        width = tuple(width)
    mapped, bias = check_scaling_argument(scaling), check_thresholds(thresholds)
    options: Any = {"weight_bits": weight_bits, "activation": activation, "seed": seed}
    plain = chain_of is None and mapped is None and bias is None
    if chain_of is None:
        depths = check_depths(3 if layers is None else layers)
        # The rest of the network's arguments, checked before the data are read.
        StepNetwork(1, max(depths), width=without_shapes(width), **options)
    else:
        depths = [0 if isinstance(chain_of, str) else len(chain_of) - 1]
        width = 1024 if width is None and isinstance(chain_of, str) else width
        StepNetwork(1, **options)
    if isinstance(dataset, str):
        DATASETS.choose("dataset", dataset)

    started = perf_counter()
    dims = input_dims_of(chain_of, width)
    split = load_split(dataset, dims=dims, check=plain)
    seconds = {"load": perf_counter() - started}
    started = perf_counter()
    raw = baseline(split, n_threads=threads)
    seconds["baseline"] = perf_counter() - started
    started = perf_counter()
    prepared, X_train, X_test = _prepared(
        split,
        dims,
        input_shape,
        plain=plain,
        stages=chain_of,
        layers=0 if chain_of is not None else max(depths),
        width=width,
        scaling=mapped,
        thresholds=bias,
        n_threads=threads,
        **options,
    )
    network = prepared.network
    scale = ACTIVATIONS[network.activation].scale
    found: dict[int, Evaluation] = {}
    propagating = 0.0
    for m, train, test in chain(network, X_train, X_test, n_threads=threads):
        propagating += perf_counter() - started
        if m in depths:
            if not plain:
                _warn_of_data(prepared, split, train)
            measured = metrics([fresh], train, test, split, scale=scale, n_threads=threads)
            found[m] = _evaluation(
                m, prepared, split, measured, label_of(fresh), raw, threads,
                {**seconds, "propagate": propagating}, train.nbytes + test.nbytes,
                stages=chain_of,
                input_range=split.input_range if plain else prepared.scaling.input_range,
            )  # fmt: skip
        started = perf_counter()
    results = Evaluations(found[depth] for depth in depths)
    return results if isinstance(layers, Iterable) else results[0]


def _prepared(
    split: Split,
    dims: int,
    input_shape: Iterable[int] | None,
    *,
    plain: bool,
    scaling: Any,
    **options: Any,
) -> tuple[Prepared, Any, Any]:
    """Return a network, and the training and test samples as it reads them."""
    # A named set of images, read as series, is rows of pixels.
    named = split.image_shape if dims == 3 else None
    known = named if split.sample_shape is None else split.sample_shape
    if plain:  # the bytes that all are measured on
        shape: Any = known if input_shape is None else input_shape  # which the network checks
        prepared = prepare(split.X_train, shape=shape, scaling=AS_BYTES, **options)
        return prepared, split.X_train, split.X_test
    shape = shape_of(dims, known, split.n_features, input_shape)
    prepared = prepare(split.table_train, shape=shape, scaling=scaling, **options)
    scale = prepared.scaling.map_values
    return prepared, scale(split.table_train), scale(split.table_test)


def _warn_of_data(prepared: Prepared, split: Split, train: Any) -> None:
    """Warn as an estimator does: of training data, of units, of test data that are far off."""
    watch = DataWatch(prepared.scaling, plain=False).with_part(split.table_train, train)
    watch.warn()
    watch.compare(split.table_test)


def _evaluation(
    m: int,
    prepared: Prepared,
    split: Split,
    measured: Metrics,
    readout: str,
    raw: float,
    threads: int,
    seconds: dict[str, float],
    activation_bytes: int,
    *,
    stages: Stages,
    input_range: tuple[float, float] | None,
) -> Evaluation:
    network = prepared.network
    scored = measured.scored[0]
    n_true = scored.confusion.sum(axis=1)
    with np.errstate(invalid="ignore"):
        class_accuracy = np.where(n_true > 0, np.diag(scored.confusion) / n_true, np.nan)
    return Evaluation(
        layers=m,
        dataset=split.name,
        n_train=len(split.X_train),
        n_test=len(split.X_test),
        n_features=split.n_features,
        classes=split.classes,
        widths=network.widths[: m + 1],
        weight_bits=network.weight_bits,
        activation=network.activation,
        seed=network.seed,
        readout=readout,
        input_range=input_range,
        accuracy=scored.accuracy,
        class_accuracy=class_accuracy,
        confusion_matrix=scored.confusion,
        baseline_accuracy=raw,
        variance_units=measured.variance_units,
        variance_samples=measured.variance_samples,
        variance_class_means=measured.variance_class_means,
        seconds={**seconds, "fit": measured.fit_seconds, "predict": scored.seconds},
        bytes_held={
            "activations": activation_bytes,
            "weights": network.prepared_bytes,
            "centroids": measured.centroid_bytes,
        },
        simd_level=_core.simd_level(),
        n_threads=threads,
        version=_core.__version__,
        stages=None if stages is None else stages if isinstance(stages, str) else "stages",
        chain=tuple(map(repr, network.stages)) if stages is not None else (),
        scaling=repr(prepared.scaling) if stages is not None else None,
    )


def without_shapes(width: Width) -> Any:
    """Return a `width` to be checked before the data are there; images depend on their size."""
    entries = width if isinstance(width, tuple) else (width,)
    images = any(isinstance(entry, Stage) and entry.input_dims > 1 for entry in entries)
    return None if images else width


def check_depths(layers: int | Iterable[int]) -> list[int]:
    """Return the hidden layers that `layers` asks for."""
    return several("layers", layers, lambda name, depth: check_int(name, depth, 0, _MAX_LAYERS))
