"""What a sweep found: rows, and what is made of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from randprop._files import write_text
from randprop._tables import csv_text, html_table, printable, text_table
from randprop._validation import check_choice, check_path, told
from randprop.measure.plots import axes, data_frame, draw
from randprop.measure.store import METRICS, PARAMETERS
from randprop.measure.student import student_half_width

if TYPE_CHECKING:
    import pandas

__all__ = ["Cell", "SweepResult", "mean_and_interval"]

Cell = dict[str, Any]


class SweepResult:
    """Rows of a sweep: parameters and metrics of each cell.

    The metrics are those of `Evaluation`, and ``variance_floor``: what of ``variance_class_means``
    comes from the finite number of training samples, estimated from the variance within the
    classes. ``seconds`` are those of the chain up to the depth, propagation alone.

    Parameters
    ----------
    rows : list of dict
        Kept under the same name.
    """

    def __init__(self, rows: list[Cell]) -> None:
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise TypeError(f"rows must be a list of dict, got {told(rows)}")
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Cell]:
        return iter(self.rows)

    def where(self, **parameters: Any) -> SweepResult:
        """Select the rows with these parameters.

        Parameters
        ----------
        **parameters : object
            Such as ``width=784, activation="sign"``.

        Returns
        -------
        SweepResult
        """
        for name in parameters:
            check_choice("parameters", name, PARAMETERS)
        return SweepResult(
            [row for row in self.rows if all(row[k] == v for k, v in parameters.items())]
        )

    def to_pandas(self) -> pandas.DataFrame:
        """Return the rows as a DataFrame.

        Returns
        -------
        pandas.DataFrame
        """
        return data_frame(self.rows, columns=list(PARAMETERS + METRICS))

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write the rows as CSV, with a line of names.

        Text that a spreadsheet would take for a formula, that is, a name that begins with ``=``,
        ``+``, ``-``, ``@``, a tab or an end of line, has an apostrophe before it.

        Parameters
        ----------
        path : path-like
            Written whole or not at all, as by `save`.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        target = check_path("path", path)
        names = PARAMETERS + METRICS
        if others := {name for row in self.rows for name in row} - set(names):
            raise ValueError(f"rows have {', '.join(map(repr, sorted(others)))}, got no column")
        write_text(target, csv_text(names, ([row.get(n) for n in names] for row in self.rows)))

    def summary(self, metric: str = "accuracy") -> list[Cell]:
        """Mean over the seeds of each combination of the other parameters.

        Parameters
        ----------
        metric : str, default="accuracy"
            What to average.

        Returns
        -------
        list of dict
            Parameters, ``n_seeds``, the mean under the metric's name, ``sd`` over seeds, and
            ``ci95``, half the width of the 95 % confidence interval of the mean by Student's t
            (NaN for one seed).
        """
        check_choice("metric", metric, METRICS)
        groups: dict[tuple[Any, ...], list[Cell]] = {}
        names = [name for name in PARAMETERS if name != "seed"]
        for row in self.rows:
            groups.setdefault(tuple(row[name] for name in names), []).append(row)
        out = []
        for key, rows in groups.items():
            mean, sd, half = mean_and_interval([row[metric] for row in rows])
            out.append(
                {
                    **dict(zip(names, key, strict=True)),
                    "n_seeds": len(rows),
                    metric: mean,
                    "sd": sd,
                    "ci95": half,
                }
            )
        return out

    def plot(self, metric: str = "accuracy", *, ax: Any = None) -> Any:
        """Draw a metric against the hidden layers, a line a combination of what else varies.

        Parameters
        ----------
        metric : str, default="accuracy"
            What to draw.
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: new axes.

        Returns
        -------
        matplotlib.axes.Axes
            Bands are the 95 % confidence intervals of the means.
        """
        ax = axes(ax)
        rows = self.summary(metric)
        names = [name for name in PARAMETERS if name not in ("seed", "layers")]
        varying = [name for name in names if len({row[name] for row in rows}) > 1]
        lines: dict[tuple[Any, ...], list[Cell]] = {}
        for row in rows:
            lines.setdefault(tuple(row[name] for name in varying), []).append(row)
        for key, points in lines.items():
            label = ", ".join(f"{n} {v}" for n, v in zip(varying, key, strict=True))
            draw(ax, sorted(points, key=lambda row: row["layers"]), metric, label or None)
        if varying:
            ax.legend(title=None if len(varying) > 1 else varying[0])
        return ax

    def _cells(self) -> tuple[str, list[list[str]]]:
        """Return what does not vary, a line of names, and a line a combination for the rest."""
        rows = self.summary()
        names = [name for name in rows[0] if name not in ("n_seeds", "accuracy", "sd", "ci95")]
        varying = [name for name in names if len({row[name] for row in rows}) > 1]
        fixed = ", ".join(f"{name} {rows[0][name]}" for name in names if name not in varying)
        columns = [*varying, "n_seeds", "accuracy", "sd", "ci95"]
        cells = [
            [f"{row[c]:.4f}" if isinstance(row[c], float) else str(row[c]) for c in columns]
            for row in rows
        ]
        return fixed, [columns, *cells]

    def _repr_html_(self) -> str:
        if not self.rows:
            return "<p>SweepResult without cells</p>"
        return html_table(*self._cells())

    def __str__(self) -> str:
        """Return means over seeds, a line a combination; what does not vary stands above."""
        if not self.rows:
            return repr(self)
        fixed, cells = self._cells()
        return f"{printable(fixed)}\n\n{text_table(cells)}"

    def __repr__(self) -> str:
        return f"SweepResult({len(self.rows)} cells)"


def mean_and_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, standard deviation and half the width of the 95 % confidence interval of the mean."""
    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return mean, math.nan, math.nan
    sd = float(np.std(values, ddof=1))
    return mean, sd, student_half_width(n - 1) * sd / math.sqrt(n)
