"""Rows as lines of a plot and as a data frame, by libraries that are loaded when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from randprop._extras import need
from randprop.show.canvas import axes, pyplot

if TYPE_CHECKING:
    import pandas

__all__ = ["axes", "data_frame", "draw", "pyplot"]


def data_frame(*arguments: Any, **options: Any) -> pandas.DataFrame:
    """Return a DataFrame, or say how to install pandas."""
    frame: pandas.DataFrame = need("pandas", "to_pandas").DataFrame(*arguments, **options)
    return frame


def draw(ax: Any, rows: Sequence[dict[str, Any]], metric: str, label: str | None) -> None:
    """Draw a line of a metric by depth, and its interval where the rows have one."""
    x = np.array([row["layers"] for row in rows])
    y = np.array([row[metric] for row in rows])
    half = np.nan_to_num([row.get("ci95", np.nan) for row in rows])
    (line,) = ax.plot(x, y, marker="o", markersize=3, label=label)
    ax.fill_between(x, y - half, y + half, alpha=0.2, color=line.get_color(), linewidth=0)
    ax.set_xlabel("hidden layers")
    ax.set_ylabel(metric.replace("_", " "))
    if metric.startswith("variance"):
        ax.set_yscale("log")
