"""Curves by depth: accuracy beside a guess and the features themselves, variances."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from randprop._validation import told
from randprop.show.canvas import axes, colours_on, legend

__all__ = ["Curve", "depth", "draw_curves"]

_MARKERS = "osD^v"
_DASHES = ("-", "--", "-.")
_FEATURES, _CHANCE = "class means of the features", "chance"


@dataclass(frozen=True)
class Curve:
    """A quantity by depth, and the band about it."""

    label: str | None
    layers: ArrayLike
    values: ArrayLike
    low: ArrayLike
    high: ArrayLike


def draw_curves(
    ax: Any,
    curves: Sequence[Curve],
    quantity: str,
    *,
    what: str | None = None,
    features: float | None = None,
    chance: float | None = None,
) -> None:
    """Draw curves, and lines across where accuracies are those of the features and of a guess.

    `what` is above the names of the curves.
    """
    from matplotlib.ticker import MaxNLocator

    colours = colours_on(ax)
    named = ax.get_legend_handles_labels()[1]
    before = sum(line.get_label() not in (_FEATURES, _CHANCE) for line in ax.lines)
    lines = colours.lines
    for i, curve in enumerate(curves, before):
        # Beyond its colours a picture has dashes.
        colour, dashes = lines[i % len(lines)], _DASHES[i // len(lines) % len(_DASHES)]
        look = {"color": colour, "linestyle": dashes, "marker": _MARKERS[i % len(_MARKERS)]}
        ax.plot(curve.layers, curve.values, markersize=4, label=curve.label, **look)
        if np.any(np.not_equal(curve.low, curve.high)):
            band = {"color": colour, "alpha": 0.2, "linewidth": 0}
            ax.fill_between(curve.layers, curve.low, curve.high, **band)
    for value, dashes, label in ((features, "--", _FEATURES), (chance, ":", _CHANCE)):
        if value is not None:
            name = None if label in named else label
            ax.axhline(value, linestyle=dashes, color=colours.quiet, linewidth=1.2, label=name)
    ax.xaxis.set_major_locator(MaxNLocator(9, steps=[1, 2, 5, 10], integer=True))
    ax.set_xlabel("hidden layers")
    ax.set_ylabel(quantity.replace("_", " "))
    if quantity == "accuracy":
        ax.set_ylim(0, 1)
    else:
        values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in ax.lines])
        least, most = float(np.nanmin(values)), float(np.nanmax(values))
        if 0 < 10 * least < most:
            ax.set_yscale("log")
        elif least >= 0 < most:
            ax.set_ylim(0, 1.1 * most)
    if ax.get_legend_handles_labels()[0]:
        legend(ax, what)


def depth(results: Any, *, ax: Any = None) -> Any:
    """Draw accuracy against hidden layers, with chance and the features without a network.

    Parameters
    ----------
    results : Evaluations, or iterable of Evaluation
        Results of `evaluate` for several depths. With several seeds, the mean is drawn with the
        range from the lowest to the highest.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError
        If `results` are not of `evaluate`.
    ValueError
        If there are no results.
    ImportError
        If matplotlib is not installed: ``pip install 'randprop[plot]'``.

    Examples
    --------
    >>> import randprop
    >>> results = randprop.evaluate(layers=[0, 1, 2], dataset="digits")
    >>> randprop.show.depth(results).get_xlabel()
    'hidden layers'
    """
    found = list(results) if isinstance(results, Iterable) else [results]
    if not found:
        raise ValueError("results must hold at least one evaluation, got 0")
    for result in found:
        if not hasattr(result, "layers") or not hasattr(result, "accuracy"):
            raise TypeError(f"results must be evaluations, got {told(result)}")
    by_depth: dict[int, list[float]] = {}
    for result in found:
        by_depth.setdefault(int(result.layers), []).append(float(result.accuracy))
    depths = sorted(by_depth)
    mean, low, high = ([float(f(by_depth[d])) for d in depths] for f in (np.mean, min, max))
    matrix = getattr(found[0], "confusion_matrix", None)
    ax = axes(ax, "show.depth")
    draw_curves(
        ax,
        [Curve("network", depths, mean, low, high)],
        "accuracy",
        features=getattr(found[0], "baseline_accuracy", None),
        chance=None if matrix is None else 1.0 / len(np.asarray(matrix)),
    )
    return ax
