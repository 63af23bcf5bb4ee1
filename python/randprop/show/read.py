"""What a readout has learned, and how it decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from randprop._validation import as_integers, as_reals, check_ints
from randprop.show.canvas import (
    axes,
    colours_on,
    figure_of,
    image,
    names_of,
    picture_of,
    pixels,
    seen_on,
    shades,
)

__all__ = ["class_means", "confusion", "scores"]


def class_means(
    means: Any, shape: Sequence[int] | None = None, *, classes: Sequence[str] | None = None
) -> Any:
    """Draw the mean of every class as an image.

    Parameters
    ----------
    means : Centroids, or array-like of shape (n_classes, n_features)
        Class means of the features of a network, or of pixels. Means of pixels are images.
    shape : sequence of int, optional
        Shape of a sample: (height, width), (height, width, channels) or (length, channels).
        Default: as near to a square as possible.
    classes : sequence of str, optional
        Names of the classes. Default: the labels of the centroids, or numbers.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the means do not have two dimensions, or do not fit `shape`.
    ImportError
        If matplotlib is not installed: ``pip install 'randprop[plot]'``.

    Examples
    --------
    >>> import randprop
    >>> X_train, y_train, _, _ = randprop.datasets.load_digits()
    >>> means = randprop.Centroids().fit(X_train, y_train)
    >>> len(randprop.show.class_means(means, (8, 8)).axes)
    10
    """
    if hasattr(means, "counts_"):
        values = means.counts_ / np.maximum(means.n_samples_, 1)[:, None]
    else:
        values = as_reals("means", means)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"means must have shape (n_classes, n_features), got {values.shape}")
    sides = _shape_of(shape, values.shape[1])
    default = getattr(means, "classes_", range(len(values)))
    names = names_of("classes", classes, default, len(values))
    pictures = [picture_of(row, sides) for row in values]
    ratio = min(3.0, pictures[0].shape[1] / pictures[0].shape[0])
    figure, found = figure_of("show.class_means", [ratio] * len(values), 0.9)
    top = float(values.max()) or 1.0
    for ax, picture, name in zip(found, pictures, names, strict=True):
        image(ax, picture, str(name), vmin=0, vmax=top)
    return figure


def _shape_of(shape: Sequence[int] | None, n_features: int) -> tuple[int, ...]:
    if shape is None:
        return (n_features,)
    sides = tuple(check_ints("shape", shape, 1, 2**28))
    if len(sides) == 2 and int(np.prod(sides)) == n_features:
        return (*sides, 1)
    if int(np.prod(sides)) != n_features:
        raise ValueError(f"shape must have {n_features} features, as the means have, got {sides}")
    return sides


def scores(values: ArrayLike, labels: ArrayLike, *, ax: Any = None) -> Any:
    """Draw margins: for each sample, the score of the true class minus the best other score.

    Parameters
    ----------
    values : array-like of shape (n_samples, n_classes)
        Scores, as a readout's `scores` gives them: the more likely class has the larger score.
    labels : array-like of int of shape (n_samples,)
        Indices of the true classes.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the shapes do not fit, or a label is not an index of a class.
    ImportError
        If matplotlib is not installed: ``pip install 'randprop[plot]'``.
    """
    table = as_reals("values", values)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError(
            f"values must have shape (n_samples, n_classes), two classes at least, "
            f"got {table.shape}"
        )
    right = as_integers("labels", labels, (len(table),))
    if len(table) and not (right.min() >= 0 and right.max() < table.shape[1]):
        raise ValueError(
            f"labels must lie in [0, {table.shape[1] - 1}], got {right.min()} to {right.max()}"
        )
    rows = np.arange(len(table))
    others = table.copy()
    others[rows, right] = -np.inf
    margins = table[rows, right] - others.max(axis=1)
    ax = axes(ax, "show.scores")
    colours = colours_on(ax)
    # An edge at 0 parts right from wrong.
    width = max(float(np.ptp(np.append(margins, 0.0))) / 40, np.finfo(float).tiny)
    first, last = np.floor(margins.min(initial=0.0) / width), margins.max(initial=0.0) / width
    edges = np.arange(first, last + 2) * width
    _, _, bars = ax.hist(margins, bins=edges, color=colours.first)
    for bar in bars:
        if bar.get_x() + bar.get_width() / 2 < 0:
            bar.set_facecolor(colours.second)
    ax.axvline(0.0, color=colours.quiet, linewidth=0.8)
    ax.set_xlabel("score of the true class\nminus the best other score")
    ax.set_ylabel("samples")
    ax.set_title(f"{np.mean(margins > 0):.1%} right", fontsize="medium")
    return ax


def confusion(matrix: ArrayLike, classes: Sequence[str] | None = None, *, ax: Any = None) -> Any:
    """Draw a confusion matrix: rows are true classes, columns predicted ones, as shares of rows.

    Parameters
    ----------
    matrix : array-like of int of shape (n_classes, n_classes)
        Numbers of samples, or an `Evaluation`, which has them.
    classes : sequence of str, optional
        Names of the classes. Default: the labels of the evaluation, or numbers.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the matrix is not square, or has no samples.
    ImportError
        If matplotlib is not installed: ``pip install 'randprop[plot]'``.
    """
    counts = as_reals("matrix", getattr(matrix, "confusion_matrix", matrix))
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ValueError(f"matrix must be square, got shape {counts.shape}")
    if counts.min() < 0 or not 0 < counts.sum() < np.inf:
        raise ValueError("matrix must hold numbers of samples, at least one in all")
    names = names_of(
        "classes", classes, getattr(matrix, "classes", range(len(counts))), len(counts)
    )
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax = axes(ax, "show.confusion", square=True)
    colours = colours_on(ax)
    scale = shades(colours.paper, colours.first)
    pixels(ax, shares, cmap=scale, vmin=0, vmax=1)
    small = len(counts) <= 12
    for i, row in enumerate(counts.tolist() if small else []):
        for j, count in enumerate(row):
            colour = seen_on(scale(float(shares[i, j])))
            ax.text(j, i, f"{count:.0f}", ha="center", va="center", fontsize=6.5, color=colour)
    step = max(1, len(names) // 25)
    places = range(0, len(names), step)
    ax.set_xticks(places, [names[i] for i in places])
    ax.set_yticks(places, [names[i] for i in places])
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
    return ax
