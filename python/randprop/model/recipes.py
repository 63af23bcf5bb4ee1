"""Networks that are useful, by what the data are: images, series, tables.

A recipe is made once, from data that stand for all that will come, and then never changes: it gives
a scaling and a network. Reasons and figures are in docs/which_network.md and the pages it names.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from randprop._registry import Registry
from randprop._validation import check_ints, told
from randprop._warnings import warn_data
from randprop.features import is_sparse, sample_shape
from randprop.model.fixed_scaling import FixedScaling, check_features, propagate_table
from randprop.model.model import Model
from randprop.model.scaling import SCALINGS, Scaling, fixed_scaling
from randprop.network.convolutions import Conv1D, Conv2D
from randprop.network.spec import Width, check_stages, resolve_all
from randprop.network.stages import MAX_WIDTH, Dense, Shape, Stage, check_bias
from randprop.network.step_network import StepNetwork
from randprop.readouts.base import Readout
from randprop.readouts.registry import make_readout

__all__ = [
    "RECIPES", "Prepared", "Recipe", "Stages", "check_scaling_argument", "check_thresholds",
    "evenly", "fit_model", "input_dims_of", "prepare", "read_stages", "shape_of",
]  # fmt: skip

Stages = str | Sequence[Stage | int] | None
# Samples whose sums give thresholds, evenly spread over the data: quantiles of more are the same
# but for what sampling leaves.
_CALIBRATED_ON = 2048
_LOOKED_AT = 1 << 21  # values of images, for whether they are dark and light
# Images are read as bits where fewer of their values lie between a quarter and three quarters of
# the range: of MNIST .05, of scanned digits .17, of clothes .23, of photographs .62.
_BETWEEN = 0.1


@dataclass(frozen=True)
class Prepared:
    """A scaling and a network, fixed for good."""

    scaling: FixedScaling
    network: StepNetwork
    readout: str  # that suits them
    decided: dict[str, Any]  # what was chosen from the data, or told
    calibrated: bool  # whether thresholds are those of the data


@dataclass(frozen=True)
class Plan:
    """What a recipe says before ranges and thresholds are found."""

    stages: tuple[Stage, ...]
    scaling: Scaling | FixedScaling
    calibrated: bool
    decided: dict[str, Any]


class Recipe:
    """How data of one kind are read."""

    input_dims: ClassVar[int]
    readout: ClassVar[str]

    def plan(self, X: Any, shape: Shape, width: Any, scaling: Any) -> Plan:
        """Return stages of `width` features in all, and a scaling: the one given, or its own."""
        raise NotImplementedError


RECIPES: Registry[Recipe] = Registry()


class Images(Recipe):
    """Patches of few pixels, a step, counts of set bits in windows of the image."""

    input_dims = 3
    readout = "discriminant"

    def plan(self, X: Any, shape: Shape, width: Any, scaling: Any) -> Plan:
        height, width_of_image, channels = shape
        decided = {}
        if scaling is None:
            few = False
            if channels == 1:
                decided["between"] = round(share_between(X), 4)
                few = decided["between"] < _BETWEEN
            scaling = Scaling("binary") if few else Scaling("channels", n_channels=channels)
        binary = is_binary(scaling)
        side = min(height, width_of_image)
        kernel = min(side, max(3, min(7 if channels == 1 else 6, side // 4)))
        # Finer counts where shades, not only strokes, tell classes apart; of two places at least.
        most = 4 if channels == 1 and not binary else 2
        pool = _windows(height - kernel + 1, most), _windows(width_of_image - kernel + 1, most)
        fan_in = min(4 if channels == 1 else 2, kernel * kernel * channels)
        stage = Conv2D(
            channels_of(width, math.prod(pool)),
            kernel,
            fan_in=fan_in,
            bias=0 if binary else 0.1,
            pool=pool,
        )
        return Plan((stage,), scaling, False, decided)


def _windows(n_places: int, most: int) -> int:
    """Return into how many windows places along one side go, each of two or more."""
    return max(1, min(most, n_places // 2))


class Series(Recipe):
    """Patterns of 8 of 9 values at many time scales, thresholds, one count over the series."""

    input_dims = 2
    readout = "ridge"

    def plan(self, X: Any, shape: Shape, width: Any, scaling: Any) -> Plan:
        length, channels = shape
        kernel = min(9, length)
        stage = Conv1D(
            channels_of(width, 1),
            kernel,
            dilation="log" if kernel > 1 else 1,
            fan_in=min(8, kernel * channels),
            pool=1,
        )
        if scaling is None:
            scaling = Scaling("channels", n_channels=channels)
        return Plan((stage,), scaling, True, {})


class Table(Recipe):
    """Every feature by its own range, one dense stage, thresholds at quantiles."""

    input_dims = 1
    readout = "ridge"

    def plan(self, X: Any, shape: Shape, width: Any, scaling: Any) -> Plan:
        scaling = Scaling("features") if scaling is None else scaling
        return Plan((Dense(channels_of(width, 1)),), scaling, True, {})


RECIPES.add("images", Images())
RECIPES.add("series", Series())
RECIPES.add("table", Table())


def is_binary(scaling: Scaling | FixedScaling) -> bool:
    """Whether a scaling gives bits."""
    return scaling.kind == "binary"


def channels_of(width: object, n_windows: int) -> int:
    """Return how many channels make `width` features in all, or the next smaller number."""
    if isinstance(width, bool) or not isinstance(width, (int, np.integer)):
        raise TypeError(f"width must be an integer where stages is a name, got {told(width)}")
    channels = int(width) // n_windows
    if not 1 <= channels <= MAX_WIDTH:
        raise ValueError(f"width must be at least {n_windows}, got {width}")
    return channels


def share_between(X: Any) -> float:
    """Share of values in the middle half of their range.

    Of some samples, evenly spread.
    """
    values = evenly(X, max(1, _LOOKED_AT // X.shape[1]))
    values = values.toarray() if is_sparse(values) else values
    if values.dtype == np.uint8:
        # Whole numbers above a number are above its whole part.
        least, most = int(values.min()), int(values.max())
        quarter = (most - least) / 4
        middle = (values > math.floor(least + quarter)) & (values < math.ceil(most - quarter))
        return float(np.count_nonzero(middle) / values.size)
    distinct, counts = np.unique(values, return_counts=True)
    distinct = distinct.astype(np.float64)
    low, high = distinct[0], distinct[-1]
    quarter = high / 4 - low / 4
    inside = (distinct > low + quarter) & (distinct < high - quarter)
    return float(counts[inside].sum() / counts.sum())


def evenly(X: Any, most: int) -> Any:
    """Return so many samples at most, evenly spread."""
    n_samples = X.shape[0]
    return X if n_samples <= most else X[np.arange(most) * n_samples // most]


def read_stages(stages: Stages) -> Stages:
    """Return the name of a recipe, or a sequence of stages; None stands for the plain network."""
    if stages is None:
        return None
    if isinstance(stages, str):
        RECIPES.choose("stages", stages)
        return stages
    if isinstance(stages, Stage) or not isinstance(stages, Iterable):
        raise TypeError(f"stages must be a name or a sequence of stages, got {told(stages)}")
    given = tuple(stages)
    return check_stages(given, 1, len(given), "stages")


def input_dims_of(stages: Stages, width: Any = None) -> int:
    """Return how many numbers the shape of a sample has that the first stage reads."""
    if isinstance(stages, str):
        return RECIPES.choose("stages", stages).input_dims
    entries = width if stages is None else stages
    first = entries[0] if isinstance(entries, (tuple, list)) and entries else entries
    return first.input_dims if isinstance(first, Stage) else 1


def shape_of(
    dims: int,
    sample_shape: tuple[int, ...] | None,
    n_features: int,
    input_shape: Iterable[int] | None,
) -> Shape | None:
    """Return the shape of a sample as a first stage of so many dimensions reads it, None of 1.

    That is `input_shape`, or that of the samples as they came; a square number of features is a
    square image of one channel, and any number of them a series of one channel.
    """
    if dims == 1:
        return None
    if input_shape is not None:
        given = tuple(check_ints("input_shape", input_shape, 1, MAX_WIDTH))
        if len(given) == dims - 1:
            given = (*given, 1)
        if len(given) != dims:
            wanted = {2: "(length, channels)", 3: "(height, width, channels)"}[dims]
            raise ValueError(f"input_shape must be {wanted}, got {given}")
        return given
    if dims == 2:
        if sample_shape is not None and len(sample_shape) != 2:
            raise ValueError(
                "X must hold series, of shape (n_samples, length) or (n_samples, channels, "
                f"length), got samples of shape {sample_shape}"
            )
        if sample_shape is not None and sample_shape[0] > sample_shape[1]:
            warn_data(
                f"X holds series of {sample_shape[0]} channels and {sample_shape[1]} values each: "
                "is it (n_samples, length, channels)? Series are (n_samples, channels, length)"
            )
        return (n_features, 1) if sample_shape is None else sample_shape[::-1]
    if sample_shape is not None:
        if len(sample_shape) == 3 and sample_shape[0] in (1, 3, 4) and sample_shape[2] > 4:
            raise ValueError(
                "X must hold images of shape (n_samples, height, width, channels), got samples of "
                f"shape {sample_shape}, whose channels seem to come first: X.transpose(0, 2, 3, 1) "
                "puts them last; if the first axis is not channels, give input_shape"
            )
        return sample_shape if len(sample_shape) == 3 else (*sample_shape, 1)
    side = math.isqrt(n_features)
    if side * side != n_features:
        raise ValueError(
            f"X has {n_features} features, which is not a square number: give "
            "input_shape=(height, width, channels), or images as (n_samples, height, width)"
        )
    return side, side, 1


def check_scaling_argument(scaling: Any) -> Any:
    """Return a scaling as given: a name, a Scaling, or what is fixed; None for the usual one."""
    if scaling is None or isinstance(scaling, (Scaling, FixedScaling)):
        return scaling
    names = tuple(name for name in SCALINGS if name != "channels")
    if isinstance(scaling, str) and scaling in names:
        return Scaling(scaling)  # type: ignore[arg-type]
    listed = ", ".join(map(repr, names))
    raise ValueError(f"scaling must be {listed}, a Scaling or None, got {told(scaling)}")


def check_thresholds(thresholds: Any) -> str | float | None:
    """Return what thresholds are to be: "calibrated", a bias, or None for those of the stages."""
    if thresholds is None or (isinstance(thresholds, str) and thresholds == "calibrated"):
        return thresholds
    if isinstance(thresholds, str):
        raise ValueError(f"thresholds must be 'calibrated', a bias or None, got {told(thresholds)}")
    return check_bias("thresholds", thresholds)


def prepare(
    X: Any,
    *,
    stages: Stages = None,
    layers: int = 0,
    width: Width = None,
    weight_bits: int = 8,
    activation: str = "step",
    seed: int = 0,
    shape: Shape | None = None,
    scaling: Scaling | FixedScaling | None = None,
    thresholds: str | float | None = None,
    n_threads: int | None = None,
) -> Prepared:
    """Make a scaling and a network for features, which are an array or a CSR matrix of numbers.

    `shape` is that of `shape_of`; the rest are arguments of `StepClassifier`, checked.
    """
    n_features = X.shape[1]
    plan = Plan((), Scaling("range") if scaling is None else scaling, False, {})
    common: dict[str, Any] = {"weight_bits": weight_bits, "activation": activation, "seed": seed}
    readout = "centroid"
    if stages is None:
        network = StepNetwork(n_features, layers, width=width, input_shape=shape, **common)
    else:
        if layers != 0:
            raise ValueError(f"layers must be 0 where stages are given, got {layers}")
        if isinstance(stages, str):
            recipe = RECIPES.choose("stages", stages)
            plan = recipe.plan(X, shape or (n_features,), width, scaling)
            readout = recipe.readout
        else:
            plan = replace(plan, stages=tuple(check_stages(stages, 1, len(stages), "stages")))
        network = StepNetwork(n_features, stages=plan.stages, input_shape=shape, **common)
    calibrated = plan.calibrated if thresholds is None else thresholds == "calibrated"
    chain = plan.stages or network.stages
    if thresholds is not None and not isinstance(thresholds, str):
        chain = tuple(replace(stage, bias=thresholds, thresholds=None) for stage in chain)
    if is_binary(plan.scaling):  # of which a network does not know: a share is of sums of bits
        chain = resolve_all(chain, network.shapes, weight_bits, "stages", first_reads_bytes=False)
    if chain != network.stages:
        network = StepNetwork(n_features, stages=chain, input_shape=network.input_shape, **common)
    fixed = _fitted(plan.scaling, X)
    fixed.check_groups(n_features)
    n_channels = network.input_shape[-1] if network.input_shape else n_features
    if fixed.n_groups not in (1, n_channels, n_features):
        raise ValueError(f"scaling has {fixed.n_groups} ranges, X has {n_channels} channels")
    if calibrated:
        some = fixed.map_values(evenly(X, _CALIBRATED_ON))
        network = network.calibrate(some, n_threads=n_threads)
    decided = {
        "stages": stages if isinstance(stages, str) else None,
        "input_shape": network.input_shape,
        "scaling": fixed,
        "thresholds": "calibrated" if calibrated else "of the stages",
        **plan.decided,
    }
    return Prepared(fixed, network, readout, decided, calibrated)


def _fitted(scaling: Scaling | FixedScaling, X: Any) -> FixedScaling:
    if isinstance(scaling, Scaling) and not scaling.is_fitted:
        return scaling.fresh().add(X).fixed_
    return fixed_scaling(scaling)


def fit_model(
    X: ArrayLike,
    y: ArrayLike,
    *,
    stages: Stages = None,
    layers: int = 0,
    width: Width = None,
    scaling: Any = None,
    thresholds: Any = None,
    input_shape: Iterable[int] | None = None,
    readout: str | Readout | None = None,
    alpha: float | str = "auto",
    n_neighbors: int = 1,
    feature_names: Sequence[str] | None = None,
    **network: Any,
) -> Model:
    """Make a network for `X` and fit a readout to its outputs.

    Arguments as for `StepClassifier`; `network` are weight_bits, activation and seed.
    `feature_names` are those of an array, which has none of its own.
    """
    chain_of = read_stages(stages)
    usual = RECIPES[chain_of].readout if isinstance(chain_of, str) else "centroid"
    empty = make_readout(
        usual if readout is None else readout, alpha=alpha, n_neighbors=n_neighbors
    )
    dims = input_dims_of(chain_of, width)
    found = sample_shape("X", X)
    n_features = math.prod(np.shape(X)[1:]) if found is None and np.ndim(X) == 2 else 1
    shape = shape_of(dims, found, n_features, input_shape)
    features = check_features("X", X, shape=shape)
    prepared = prepare(
        features.values,
        stages=chain_of,
        layers=layers,
        width=1024 if width is None and isinstance(chain_of, str) else width,
        shape=shape,
        scaling=check_scaling_argument(scaling),
        thresholds=check_thresholds(thresholds),
        **network,
    )
    bits = propagate_table(prepared.network, features.values, prepared.scaling, None)
    fitted = empty.fit(bits, y)
    names = feature_names if features.names is None else features.names
    return Model(prepared.network, fitted, scaling=prepared.scaling, feature_names=names)
