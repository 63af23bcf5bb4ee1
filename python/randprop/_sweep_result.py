"""What a sweep found: rows, and what is made of them."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from randprop._files import write_text
from randprop._store import METRICS, PARAMETERS
from randprop._validation import check_choice, check_path, told

if TYPE_CHECKING:
    import pandas

__all__ = ["Cell", "SweepResult", "import_pandas", "mean_and_interval"]

Cell = dict[str, Any]


class SweepResult:
    """Rows of a sweep: parameters and metrics of each cell.

    The metrics are those of `Evaluation`, and ``variance_floor``: what of ``variance_class_means``
    comes from the finite number of training samples, estimated from the variance within the
    classes. ``seconds`` are those of the chain up to the depth, propagation alone.

    Parameters
    ----------
    rows : list of dict

    Attributes
    ----------
    rows : list of dict

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above.
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

        Raises
        ------
        TypeError, ValueError
            If a name is not a parameter.
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

        Raises
        ------
        ImportError
            If pandas is not installed: ``pip install 'randprop[frame]'``.
        """
        pandas = import_pandas()
        return pandas.DataFrame(self.rows, columns=list(PARAMETERS + METRICS))

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write the rows as CSV, with a line of names.

        Parameters
        ----------
        path : path-like
            Written beside it and renamed.

        Raises
        ------
        TypeError, ValueError
            If `path` is not a path.
        OSError
            If the file cannot be written.
        """
        target = check_path("path", path)
        text = io.StringIO()
        writer = csv.DictWriter(text, PARAMETERS + METRICS)
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(target, text.getvalue())

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

        Raises
        ------
        TypeError, ValueError
            If `metric` is none.
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

        Raises
        ------
        TypeError, ValueError
            If an argument is not what is listed above.
        ImportError
            If matplotlib is not installed: ``pip install 'randprop[plot]'``.
        """
        if ax is None:
            try:
                import matplotlib.pyplot as plt
            except ImportError as error:
                raise ImportError(
                    "plot needs matplotlib; install it: pip install 'randprop[plot]'"
                ) from error
            _, ax = plt.subplots()
        elif not hasattr(ax, "fill_between"):
            raise TypeError(f"ax must be matplotlib axes, got {told(ax)}")
        rows = self.summary(metric)
        names = [name for name in PARAMETERS if name not in ("seed", "layers")]
        varying = [name for name in names if len({row[name] for row in rows}) > 1]
        lines: dict[tuple[Any, ...], list[Cell]] = {}
        for row in rows:
            lines.setdefault(tuple(row[name] for name in varying), []).append(row)
        for key, points in lines.items():
            points = sorted(points, key=lambda row: row["layers"])
            x = np.array([row["layers"] for row in points])
            y = np.array([row[metric] for row in points])
            half = np.nan_to_num([row["ci95"] for row in points])
            label = ", ".join(f"{n} {v}" for n, v in zip(varying, key, strict=True))
            (line,) = ax.plot(x, y, marker="o", markersize=3, label=label or None)
            ax.fill_between(x, y - half, y + half, alpha=0.2, color=line.get_color(), linewidth=0)
        ax.set_xlabel("hidden layers")
        ax.set_ylabel(metric.replace("_", " "))
        if metric.startswith("variance"):
            ax.set_yscale("log")
        if varying:
            ax.legend(title=None if len(varying) > 1 else varying[0])
        return ax

    def _repr_html_(self) -> str:
        from randprop._tables import sweep_html

        return sweep_html(self)

    def __repr__(self) -> str:
        return f"SweepResult({len(self.rows)} cells)"


def import_pandas() -> Any:
    """Return pandas, or say how to install it."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "to_pandas needs pandas; install it: pip install 'randprop[frame]'"
        ) from error
    return pandas


def mean_and_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, standard deviation and half the width of the 95 % confidence interval of the mean."""
    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return mean, math.nan, math.nan
    from scipy.stats import t

    sd = float(np.std(values, ddof=1))
    return mean, sd, float(t.ppf(0.975, n - 1)) * sd / math.sqrt(n)
