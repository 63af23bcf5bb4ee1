"""Accuracy against depth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from randprop._validation import told
from randprop.show.canvas import BLUE, GREY, ORANGE, axes

__all__ = ["depth"]


def depth(results: Any, *, ax: Any = None) -> Any:
    """Draw accuracy against hidden layers, beside chance and the features themselves.

    Parameters
    ----------
    results : Evaluations, or iterable of Evaluation
        As `evaluate` gives them for several depths, of one or several seeds: then the mean is
        drawn, and the range from the lowest to the highest.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError
        If `results` are none.
    ValueError
        If there are none.
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
    mean = np.array([np.mean(by_depth[d]) for d in depths])
    ax = axes(ax, "show.depth")
    ax.plot(depths, mean, "o-", color=BLUE, markersize=4, label="network")
    if any(len(values) > 1 for values in by_depth.values()):
        low, high = ([f(by_depth[d]) for d in depths] for f in (min, max))
        ax.fill_between(depths, low, high, color=BLUE, alpha=0.2, linewidth=0)
    first = found[0]
    baseline = getattr(first, "baseline_accuracy", None)
    if baseline is not None:
        label = "class means of the features"
        ax.axhline(baseline, color=ORANGE, linestyle="--", linewidth=1, label=label)
    matrix = getattr(first, "confusion_matrix", None)
    if matrix is not None:
        chance = 1.0 / len(np.asarray(matrix))
        ax.axhline(chance, color=GREY, linestyle=":", linewidth=1, label="chance")
    step = max(1, (depths[-1] - depths[0]) // 15)
    ax.set_xticks(range(depths[0], depths[-1] + 1, step))
    ax.set_ylim(0, 1)
    ax.set_xlabel("hidden layers")
    ax.set_ylabel("accuracy")
    ax.legend(frameon=False, fontsize=8)
    return ax
