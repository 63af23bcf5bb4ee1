"""What a network makes of one sample, and what its units look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._validation import as_reals, check_int, told
from randprop.show.canvas import (
    colours_on,
    figure_of,
    image,
    montage,
    names_of,
    patch_of,
    picture_of,
    shades,
)

__all__ = ["bits", "flips", "weights"]

_HEIGHT = 1.4  # inches


@dataclass(frozen=True)
class _Parts:
    """A network, and what stands before and behind it where a model was given."""

    network: Any
    model: Any | None

    def read(self, x: ArrayLike) -> Any:
        """Return one sample as the network reads it, of shape (1, n_features)."""
        n_features = int(np.prod(self.network.shapes[0]))
        size = as_reals("x", x).size
        if size != n_features:
            raise ValueError(f"x must be one sample of {n_features} features, got {size}")
        row = np.asarray(x).reshape(1, n_features)  # in its own type, which a network looks at
        return row if self.model is None else self.model.scaling.transform(row)

    def stages(self, read: Any) -> list[NDArray[Any]]:
        """Return what every stage puts out of one sample, unpacked."""
        return [_unpacked(found)[0] for found in self.network.propagate_all(read)]


def _parts(network: Any) -> _Parts:
    model = getattr(network, "model_", network)
    inner = getattr(model, "network", None)
    if inner is not None and hasattr(model, "readout"):
        return _Parts(inner, model)
    if not hasattr(network, "propagate_all") or not hasattr(network, "shapes"):
        raise TypeError(
            "network must be a StepNetwork, a Model or a fitted StepClassifier, "
            f"got {told(network)}"
        )
    return _Parts(network, None)


def _unpacked(values: Any) -> NDArray[Any]:
    return np.asarray(values.to_array() if hasattr(values, "to_array") else values)


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _layers(network: Any) -> list[str]:
    """Name the stages in their order; a picture counts them from 1, as people do."""
    return [f"layer {m}: {type(stage).__name__}" for m, stage in enumerate(network.stages, 1)]


def _outputs(network: Any) -> list[str]:
    """Tell what each stage puts out."""
    return ["counts" if stage.gives_bytes else "bits" for stage in network.stages]


def bits(network: Any, x: ArrayLike, *, classes: Sequence[str] | None = None) -> Any:
    r"""Draw a sample on its way through a network: the input, each output, the scores.

    The titles count the layers from 1: layer 1 is stage 0 of the network.

    Parameters
    ----------
    network : StepNetwork, Model or StepClassifier
        With a model or a fitted classifier, the scores of the classes are drawn too, as differences
        from the best score.
    x : array-like of shape (n_features,) or the shape of one sample
        For a network its inputs, for a model its features.
    classes : sequence of str, optional
        Names of the classes. Default: the labels of the model.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TypeError
        If `network` is not one of these.
    ValueError
        If `x` is not one sample for the network.
    ImportError
        If matplotlib is not installed: ``pip install 'randprop[plot]'``.

    Examples
    --------
    >>> import randprop
    >>> X_train, y_train, X_test, y_test = randprop.datasets.load_mnist()
    >>> stage = randprop.Conv2D(16, 7, fan_in=4, pool=4)
    >>> network = randprop.StepNetwork(784, stages=[stage], input_shape=(28, 28, 1))
    >>> figure = randprop.show.bits(network, X_test[0])
    >>> [ax.get_title() for ax in figure.axes]
    ['input\n28 x 28 x 1', 'layer 1: Conv2D\n4 x 4 x 16 counts']
    """
    parts = _parts(network)
    read = parts.read(x)
    found = parts.stages(read)
    shapes = parts.network.shapes
    values = [_unpacked(read)[0], *found]
    pictures = [picture_of(v, shape) for v, shape in zip(values, shapes, strict=True)]
    ratios = [min(3.0, picture.shape[1] / picture.shape[0]) for picture in pictures]
    figure, axes = figure_of("show.bits", ratios + [1.1] * (parts.model is not None), _HEIGHT)
    names = ["input", *_layers(parts.network)]
    kinds = ["", *(f" {kind}" for kind in _outputs(parts.network))]
    titles = [
        f"{name}\n{_size(shape)}{kind}"
        for name, shape, kind in zip(names, shapes, kinds, strict=True)
    ]
    for ax, picture, title in zip(axes, pictures, titles, strict=False):
        image(ax, picture, title, vmin=0)
    if parts.model is not None:
        _margins(axes[-1], parts.model, parts.network.propagate(read), classes)
    return figure


def _margins(ax: Any, model: Any, features: Any, classes: Sequence[str] | None) -> None:
    scores = np.asarray(model.readout.scores(features), dtype=np.float64)[0]
    names = names_of("classes", classes, model.classes_, len(scores))
    best = int(scores.argmax())
    colours = colours_on(ax)
    ax.barh(range(len(scores)), scores - scores.max(), color=colours.first)
    ax.plot(0, best, "o", color=colours.second, clip_on=False)  # whose bar has no length
    step = -(-len(names) // 12)
    ax.set_yticks(range(0, len(names), step), names[::step], fontsize="small")
    ax.yaxis.tick_right()
    ax.invert_yaxis()
    ax.grid(False)
    ax.set_xlim(right=0)
    ax.set_xticks([])
    for side in ("top", "bottom", "left"):
        ax.spines[side].set_visible(False)
    ax.set_title(f"scores\n{names[best]} is first", fontsize="small")


def weights(network: Any, m: int = 0, *, n: int = 16) -> Any:
    """Draw which inputs the first units of a stage look at: blue adds, orange subtracts.

    Parameters
    ----------
    network : StepNetwork, Model or StepClassifier
    m : int, default=0
        The stage.
    n : int, default=16
        Number of units, in [1, 64].

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no such stage, or `n` is outside this range.
    ImportError
        If matplotlib is not installed: ``pip install 'randprop[plot]'``.
    """
    inner = _parts(network).network
    m = check_int("m", m, 0, len(inner.stages) - 1)
    n = check_int("n", n, 1, 64)
    found = np.asarray(inner.weights(m), dtype=np.float64)[:n]
    stage, shape = inner.stages[m], inner.shapes[m]
    sides = patch_of(getattr(stage, "kernel", None), shape)
    maps = [picture_of(unit, sides) for unit in found]
    grid = montage(np.stack(maps, axis=-1))
    _, (ax,) = figure_of("show.weights", [grid.shape[1] / grid.shape[0]], 3.2)
    colours = colours_on(ax)
    largest = float(np.nanmax(np.abs(found))) or 1.0
    image(
        ax,
        grid,
        f"{len(found)} of {stage.n_units()} units of stage {m}",
        cmap=shades(colours.second, colours.between, colours.first),
        vmin=-largest,
        vmax=largest,
    )
    return ax


def flips(network: Any, x: ArrayLike, feature: int | None = None) -> Any:
    """Draw which bits change, stage by stage, if one feature of a sample is inverted.

    Parameters
    ----------
    network : StepNetwork, Model or StepClassifier
    x : array-like of shape (n_features,) or the shape of one sample
        As for `bits`.
    feature : int, optional
        The feature to invert: it becomes 0 if it is above 0, else the largest value. Default: the
        feature in the middle.

    Returns
    -------
    matplotlib.figure.Figure
        The sample with the feature marked; for each stage the outputs that change, and their share.

    Raises
    ------
    ValueError
        If `x` is not one sample, or there is no such feature.
    ImportError
        If matplotlib is not installed: ``pip install 'randprop[plot]'``.
    """
    parts = _parts(network)
    read = parts.read(x)
    before = _unpacked(read)
    n_features = before.shape[1]
    middle = _middle(parts.network.shapes[0])
    feature = check_int("feature", middle if feature is None else feature, 0, n_features - 1)
    turned = before.copy()
    most = 1 if hasattr(read, "to_array") else 255
    turned[0, feature] = 0 if before[0, feature] > 0 else most
    after = parts.stages(type(read).from_array(turned) if hasattr(read, "to_array") else turned)
    shapes = parts.network.shapes
    changes = [(a != b).astype(float) for a, b in zip(parts.stages(read), after, strict=True)]
    pictures = [picture_of(v, s) for v, s in zip([before[0], *changes], shapes, strict=True)]
    ratios = [min(3.0, picture.shape[1] / picture.shape[0]) for picture in pictures]
    figure, axes = figure_of("show.flips", ratios, _HEIGHT)
    colours = colours_on(axes[0])
    what = "pixel" if _of_pixels(shapes[0]) else "feature"
    image(axes[0], pictures[0], f"{what} {feature}\ninverted", vmin=0)
    mark = np.zeros(n_features)
    mark[feature] = 1.0
    y, x_place = np.argwhere(picture_of(mark, shapes[0]) == 1.0)[0]
    mark_with = {"markerfacecolor": "none", "markeredgewidth": 2, "color": colours.second}
    axes[0].plot(x_place, y, "o", markersize=11, **mark_with)
    titles = [
        f"{name}\n{change.mean():.1%} of {kind} change"
        for name, change, kind in zip(
            _layers(parts.network), changes, _outputs(parts.network), strict=True
        )
    ]
    for ax, picture, title in zip(axes[1:], pictures[1:], titles, strict=True):
        image(ax, picture, title, vmin=0, vmax=1)
    return figure


def _of_pixels(shape: Sequence[int]) -> bool:
    """Whether a feature is a pixel: inputs are images, of one channel."""
    return len(shape) == 3 and shape[2] == 1


def _middle(shape: Sequence[int]) -> int:
    """Return the feature in the middle of a sample."""
    index = 0
    for size in shape[:-1]:
        index = index * size + size // 2
    return index * shape[-1] + (shape[-1] // 2 if len(shape) == 1 else 0)
