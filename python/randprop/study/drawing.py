"""One look for every figure. Colours are names that the report may turn into its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["COLORS", "INK", "MUTED", "band", "depth_curves", "finish", "points"]

# Readable on white and on near-black.
COLORS = (
    "#3f7fd9", "#e2793b", "#2a9d8f", "#cc4e8c", "#8f73d9", "#b39a2c", "#d14b4b", "#6f8a96",
    "#5aa845", "#a5673f", "#4db4d8", "#b05fc0", "#7a7a34", "#d98aa8",
)  # fmt: skip
INK = "#1f2328"
MUTED = "#8b949e"


def style(ax: Any) -> None:
    """Quiet axes: no box, a light grid."""
    ax.grid(True, color=MUTED, alpha=0.25, linewidth=0.7)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(MUTED)
    ax.tick_params(colors=INK, which="both", length=3)


def band(
    ax: Any,
    x: ArrayLike,
    curve: dict[str, Any],
    *,
    color: str,
    label: str | None = None,
    marker: str = "o",
    linestyle: str = "-",
) -> None:
    """Means with their 95 % confidence intervals."""
    mean = np.asarray(curve["mean"], dtype=float)
    half = np.array([0.0 if value is None else value for value in curve["ci95"]])
    ax.plot(x, mean, color=color, label=label, marker=marker, markersize=3.5, linestyle=linestyle,
            linewidth=1.6)  # fmt: skip
    ax.fill_between(x, mean - half, mean + half, color=color, alpha=0.22, linewidth=0)


def points(
    ax: Any, x: ArrayLike, curve: dict[str, Any], *, color: str, label: str | None = None
) -> None:
    """Measured means with error bars and no line."""
    half = np.array([0.0 if value is None else value for value in curve["ci95"]])
    ax.errorbar(x, curve["mean"], yerr=half, color=color, label=label, fmt="o", markersize=4,
                elinewidth=1, capsize=2)  # fmt: skip


def finish(ax: Any, x: str, y: str, *, legend: bool = True, **legend_options: Any) -> None:
    """Labels, legend, style."""
    ax.set_xlabel(x, color=INK)
    ax.set_ylabel(y, color=INK)
    style(ax)
    if legend and ax.get_legend_handles_labels()[0]:
        options = {"frameon": False, "fontsize": 8.5, **legend_options}
        ax.legend(**options)


def depth_curves(
    curves: Mapping[str, dict[str, Any]],
    *lines: tuple[float, str, str, str | None],
    dashed: Collection[str] = (),
    **legend: Any,
) -> Callable[[Any], None]:
    """Return what draws accuracies by depth, and levels as (value, colour, style, label)."""

    def draw(figure: Any) -> None:
        ax = figure.subplots()
        for i, (label, curve) in enumerate(curves.items()):
            style = "--" if label in dashed else "-"
            band(ax, curve["layers"], curve, color=COLORS[i], label=label, linestyle=style)
        for value, color, style, name in lines:
            ax.axhline(value, color=color, linestyle=style, label=name)
        ax.set_ylim(0, 1)
        finish(ax, "hidden layers", "accuracy", **legend)

    return draw
