"""What a sweep found: rows, and what is made of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

import randprop._core as _core
from randprop._files import write_text
from randprop._tables import check_columns, csv_text, html_table, text_table, wrapped
from randprop._validation import check_choice, check_path, told
from randprop.measure.frames import data_frame
from randprop.measure.store import METRICS, PARAMETERS
from randprop.measure.student import student_half_width
from randprop.show.canvas import axes
from randprop.show.curves import Curve, draw_curves

if TYPE_CHECKING:
    import pandas

__all__ = ["Cell", "SweepResult", "mean_and_interval"]

Cell = dict[str, Any]

# The layout of `SweepResult.to_dict`; docs/outputs.md says when it rises.
_SCHEMA = 1


class SweepResult:
    """Rows of a sweep: parameters and metrics of each cell.

    The metrics are those of `Evaluation`, and ``variance_floor``: the part of
    ``variance_class_means`` that comes from the finite number of training samples. It is estimated
    from the variance within the classes. ``seconds`` is the time of propagation up to the depth.

    Parameters
    ----------
    rows : list of dict
        One dict per cell. It is kept as the attribute `rows`.
    """

    def __init__(self, rows: list[Cell]) -> None:
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise TypeError(f"rows must be a list of dict, got {told(rows)}")
        self.rows = rows
        self.chance: dict[str, float] = {}  # accuracy of a guess by data set, where it is known

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
        found = SweepResult(
            [row for row in self.rows if all(row[k] == v for k, v in parameters.items())]
        )
        found.chance = self.chance
        return found

    def to_pandas(self) -> pandas.DataFrame:
        """Return the rows as a DataFrame.

        Returns
        -------
        pandas.DataFrame
        """
        return data_frame(self.rows, columns=list(PARAMETERS + METRICS))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values that ``json.dumps`` takes.

        Returns
        -------
        dict
            ``schema``, the version of this layout, ``version`` of randprop, and ``rows``, a list of
            dict. NaN becomes None.
        """
        rows = [
            {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}
            for row in self.rows
        ]
        return {"schema": _SCHEMA, "version": _core.__version__, "rows": rows}

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write the rows as CSV, with a line of names.

        A name that a spreadsheet would read as a formula gets an apostrophe before it. Such a name
        begins with ``=``, ``+``, ``-``, ``@``, a tab or an end of line.

        Parameters
        ----------
        path : path-like
            File to write. It is written completely or not at all.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        write_text(check_path("path", path), self.csv_text())

    def csv_text(self) -> str:
        """Return what `to_csv` writes.

        Returns
        -------
        str
        """
        names = PARAMETERS + METRICS
        if others := {name for row in self.rows for name in row} - set(names):
            raise ValueError(f"rows have unknown columns: {', '.join(map(repr, sorted(others)))}")
        return csv_text(names, ([row.get(n) for n in names] for row in self.rows))

    def summary(self, metric: str = "accuracy") -> list[Cell]:
        """Return the mean over seeds for each combination of the other parameters.

        Parameters
        ----------
        metric : str, default="accuracy"
            What to average.

        Returns
        -------
        list of dict
            The parameters, ``n_seeds``, the mean under the name of the metric, ``sd`` (standard
            deviation over seeds), and ``ci95``, half the width of the 95 % confidence interval of
            the mean by Student's t (NaN for one seed).
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
        """Draw a metric against the hidden layers, one line per combination of other parameters.

        Parameters
        ----------
        metric : str, default="accuracy"
            What to draw.
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: new axes.

        Returns
        -------
        matplotlib.axes.Axes
            Bands are the 95 % confidence intervals of the means. Chance, and the accuracy of the
            features without a network, are drawn too if they are the same for all lines.
        """
        ax = axes(ax)
        rows = self.summary(metric)
        names = [name for name in PARAMETERS if name not in ("seed", "layers")]
        varying = [name for name in names if len({row[name] for row in rows}) > 1]
        lines: dict[tuple[Any, ...], list[Cell]] = {}
        for row in sorted(rows, key=lambda row: row["layers"]):
            lines.setdefault(tuple(row[name] for name in varying), []).append(row)
        curves = []
        for key, points in lines.items():
            label = ", ".join(map(str, key))
            layers = [row["layers"] for row in points]
            values = np.array([row[metric] for row in points])
            half = np.nan_to_num([row["ci95"] for row in points])
            curves.append(Curve(label or "network", layers, values, values - half, values + half))
        beside: dict[str, Any] = {}
        if metric == "accuracy":
            beside["features"] = _only(row.get("baseline_accuracy") for row in self.rows)
            beside["chance"] = _only(self.chance.get(row["dataset"]) for row in self.rows)
        draw_curves(ax, curves, metric, what=", ".join(varying) or None, **beside)
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
        cells = [["-" if cell == "nan" else cell for cell in line] for line in cells]
        return fixed, [columns, *cells]

    def _repr_html_(self) -> str:
        if not self.rows:
            return "<p>SweepResult without cells</p>"
        return html_table(*self._cells())

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self, columns: int | None = None) -> str:
        """Return what ``print()`` shows: the fixed parameters, and a table of means over seeds.

        Parameters
        ----------
        columns : int, optional
            As for `Evaluation.to_text`.

        Returns
        -------
        str
            With one seed there is no deviation and no interval. The table then has a dash.

        Raises
        ------
        TypeError, ValueError
            If `columns` is not a positive integer.
        """
        columns = check_columns(columns)
        if not self.rows:
            return repr(self)
        fixed, cells = self._cells()
        return f"{wrapped(fixed, columns)}\n\n{text_table(cells, columns=columns)}"

    def __repr__(self) -> str:
        return f"SweepResult({len(self.rows)} cells)"


def _only(values: Iterable[float | None]) -> float | None:
    """Return the value that all have, None where they differ."""
    found = set(values)
    return found.pop() if len(found) == 1 else None


def mean_and_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, standard deviation and half the width of the 95 % confidence interval of the mean."""
    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return mean, math.nan, math.nan
    sd = float(np.std(values, ddof=1))
    return mean, sd, student_half_width(n - 1) * sd / math.sqrt(n)
