"""What `evaluate` found: one depth of a network, or several of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from randprop._tables import check_columns, html_table, shown_bytes, text_table, wrapped
from randprop._validation import check_choice
from randprop.measure.frames import data_frame
from randprop.show.canvas import axes
from randprop.show.curves import Curve, depth, draw_curves
from randprop.show.read import confusion

if TYPE_CHECKING:
    import pandas

__all__ = ["Evaluation", "Evaluations"]

# The layout of `Evaluation.to_dict`; docs/outputs.md says when it rises.
_SCHEMA = 1

# What a row of several depths holds.
_OF_A_DEPTH = (
    "layers", "accuracy", "variance_units", "variance_samples", "variance_class_means",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Result of `evaluate` at one depth.

    Attributes
    ----------
    layers : int
        Number of hidden layers.
    dataset : str
        Name of the data. ``"arrays"`` if arrays were given.
    n_train, n_test, n_features : int
        Numbers of training samples, test samples and features.
    classes : ndarray of shape (n_classes,)
        Labels, sorted.
    widths : tuple of int
        Outputs of each matrix.
    weight_bits : int
    activation : str
    seed : int
    readout : str
        The arguments.
    input_range : tuple of float or None
        (low, high) of the training features, which were mapped to 0 and 255. None if features were
        used as they are.
    accuracy : float
        Share of test samples with the right label.
    class_accuracy : ndarray of shape (n_classes,), dtype float64
        Accuracy for each true class. NaN for a class without test samples.
    confusion_matrix : ndarray of shape (n_classes, n_classes), dtype int64
        Test samples of true class (row) and predicted class (column).
    baseline_accuracy : float
        Accuracy of the nearest class mean on the 8-bit features, without a network.
    variance_units : float
        Variance over the units of an output vector, averaged over the training samples.
    variance_samples : float
        Variance of a unit over the training samples, averaged over the units.
    variance_class_means : float
        Variance of a unit between its class means, averaged over the units. All three variances
        are of the values that a bit stands for: 0 and 1, or -1 and +1.
    seconds : dict
        Wall time of each phase. Propagation counts every matrix up to this depth.
    bytes_held : dict
        Bytes of the packed bits of the output layer, of the weights in the order of the kernels,
        and of the class counts.
    simd_level : str
    n_threads : int
    version : str
        Version of randprop.
    stages : str or None
        The kind of data that the network is made for. ``"stages"`` if a list of stages was given,
        None for the plain network.
    chain : tuple of str
        The stages, if it is not the plain network.
    scaling : str or None
        How features became bytes or bits for the network.
    """

    layers: int
    dataset: str
    n_train: int
    n_test: int
    n_features: int
    classes: NDArray[Any]
    widths: tuple[int, ...]
    weight_bits: int
    activation: str
    seed: int
    readout: str
    input_range: tuple[float, float] | None
    accuracy: float
    class_accuracy: NDArray[np.float64]
    confusion_matrix: NDArray[np.int64]
    baseline_accuracy: float
    variance_units: float
    variance_samples: float
    variance_class_means: float
    seconds: dict[str, float]
    bytes_held: dict[str, int]
    simd_level: str
    n_threads: int
    version: str
    stages: str | None = None
    chain: tuple[str, ...] = ()
    scaling: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values that ``json.dumps`` takes.

        Returns
        -------
        dict
            The attributes by their names, and ``schema``, the version of this layout. NaN becomes
            None.
        """
        values = {"schema": _SCHEMA, **asdict(self)}
        for name, value in values.items():
            if isinstance(value, np.ndarray):
                values[name] = [
                    None if isinstance(entry, float) and np.isnan(entry) else entry
                    for entry in value.tolist()
                ]
            elif isinstance(value, tuple):
                values[name] = list(value)
        return values

    def to_pandas(self) -> pandas.DataFrame:
        """Return the confusion matrix as a DataFrame.

        Returns
        -------
        pandas.DataFrame
            True classes (rows) and predicted classes (columns), by their labels. Its ``attrs``
            holds everything else.
        """
        values = self.to_dict()
        del values["confusion_matrix"]
        frame = data_frame(self.confusion_matrix, index=self.classes, columns=self.classes)
        frame.index.name, frame.columns.name = "true", "predicted"
        frame.attrs.update(values)
        return frame

    def plot(self, *, ax: Any = None) -> Any:
        """Draw the confusion matrix, as `show.confusion` does.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: new axes.

        Returns
        -------
        matplotlib.axes.Axes
        """
        names = [str(label) for label in self.classes.tolist()]
        return confusion(self.confusion_matrix, names, ax=axes(ax, square=True))

    def _repr_html_(self) -> str:
        caption, *rest = self._head()
        numbers = [["quantity", "value"], *map(list, self._numbers())]
        numbers.append(["seconds of propagation", f"{self.seconds['propagate']:.3f}"])
        parts = [html_table(caption + "; " + "; ".join(rest), numbers)]
        if len(self.classes) <= 20:
            accuracies = [f"{value:.3f}" for value in self.class_accuracy.tolist()]
            labels = [str(label) for label in self.classes.tolist()]
            parts.append(html_table("Accuracy by class", [labels, accuracies]))
        return "".join(parts)

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self, columns: int | None = None) -> str:
        """Return what ``print()`` shows.

        Parameters
        ----------
        columns : int, optional
            Width of the terminal. Lines are wrapped between words to fit it. Default: lines are
            not wrapped.

        Returns
        -------
        str

        Raises
        ------
        TypeError, ValueError
            If `columns` is not a positive integer.
        """
        columns = check_columns(columns)
        seconds = ", ".join(f"{name} {value:.3f}" for name, value in self.seconds.items())
        held = ", ".join(f"{name} {shown_bytes(n)}" for name, n in self.bytes_held.items())
        lines = [
            *self._head(),
            "",
            *(f"{name:<28}  {value}" for name, value in self._numbers()),
            "",
            f"seconds: {seconds}",
            f"memory: {held}",
            f"SIMD level {self.simd_level}, {self.n_threads} threads, randprop {self.version}",
        ]
        text = "\n".join(wrapped(line, columns) for line in lines)
        if len(self.classes) <= 20:
            labels = ["class", *map(str, self.classes.tolist())]
            accuracies = ["accuracy", *(f"{value:.3f}" for value in self.class_accuracy.tolist())]
            text += "\n\n" + text_table([labels, accuracies], left=[0], columns=columns)
        return text

    def _numbers(self) -> list[tuple[str, str]]:
        return [
            ("accuracy", f"{self.accuracy:.4f}"),
            ("class means of the features", f"{self.baseline_accuracy:.4f}   (without a network)"),
            ("variance over units", f"{self.variance_units:.4e}"),
            ("variance over samples", f"{self.variance_samples:.4e}"),
            ("variance between class means", f"{self.variance_class_means:.4e}"),
        ]

    def _head(self) -> list[str]:
        data = (
            f"{self.dataset}: {self.n_train:,} training and {self.n_test:,} test samples, "
            f"{len(self.classes)} classes"
        )
        if self.stages is not None:
            kind = "" if self.stages == "stages" else f" for {self.stages}"
            return [
                data,
                f"network{kind}: {', '.join(self.chain)}, {self.widths[-1]} features, "
                f"seed {self.seed}, readout {self.readout}",
                f"features scaled by {self.scaling}",
            ]
        widths = self.widths
        if len(set(widths)) == 1 and len(widths) > 1:
            shape = " -> ".join(map(str, (self.n_features, f"{len(widths)} x {widths[0]}")))
        else:
            shape = " -> ".join(map(str, (self.n_features, *widths)))
        lines = [
            data,
            f"network: {hidden_layers(self.layers)}, {shape}, {self.weight_bits}-bit weights, "
            f"{self.activation}, seed {self.seed}, readout {self.readout}",
        ]
        if self.input_range is not None:
            low, high = self.input_range
            lines.append(f"features mapped to 8 bits from [{low:g}, {high:g}]")
        return lines


class Evaluations(list[Evaluation]):
    """Evaluations of several depths of one network: a list that prints as a table."""

    def to_pandas(self) -> pandas.DataFrame:
        """Return a DataFrame with one row per depth.

        Returns
        -------
        pandas.DataFrame
            The attributes of `Evaluation` that are single numbers or names.
        """
        rows = [
            {name: v for name, v in r.to_dict().items() if not isinstance(v, (list, dict))}
            | {"width": r.widths[-1], "seconds": r.seconds["propagate"]}
            for r in self
        ]
        return data_frame(rows)

    def plot(self, metric: str = "accuracy", *, ax: Any = None) -> Any:
        """Draw a metric against the hidden layers.

        Parameters
        ----------
        metric : str, default="accuracy"
            ``"accuracy"``, or one of the variances. Accuracy is drawn with chance and the accuracy
            of the features without a network, as in `show.depth`.
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: new axes.

        Returns
        -------
        matplotlib.axes.Axes
        """
        check_choice("metric", metric, _OF_A_DEPTH[1:])
        if metric == "accuracy" and self:
            return depth(self, ax=axes(ax))
        ax = axes(ax)
        found = sorted(self, key=lambda result: result.layers)
        values = [getattr(result, metric) for result in found]
        layers = [result.layers for result in found]
        draw_curves(ax, [Curve(None, layers, values, values, values)], metric)
        return ax

    def _lines(self) -> list[list[str]]:
        metrics = ["accuracy", "var. units", "var. samples", "var. class means"]
        return [
            ["hidden layers", "width", *metrics, "seconds"],
            *(
                [str(r.layers), str(r.widths[-1]), f"{r.accuracy:.4f}", f"{r.variance_units:.4e}",
                 f"{r.variance_samples:.4e}", f"{r.variance_class_means:.4e}",
                 f"{r.seconds['propagate']:.3f}"]
                for r in self
            ),
        ]  # fmt: skip

    def _head(self) -> list[str]:
        first = self[0]
        return [
            f"{first.dataset}: {first.n_train:,} training and {first.n_test:,} test samples, "
            f"{first.weight_bits}-bit weights, {first.activation}, seed {first.seed}, "
            f"SIMD level {first.simd_level}, {first.n_threads} threads",
            f"class means of the features: accuracy {first.baseline_accuracy:.4f}",
        ]

    def _repr_html_(self) -> str:
        return html_table("; ".join(self._head()), self._lines()) if self else "<p>none</p>"

    def __repr__(self) -> str:
        return self.to_text()

    def to_text(self, columns: int | None = None) -> str:
        """Return what ``print()`` shows.

        Parameters
        ----------
        columns : int, optional
            As for `Evaluation.to_text`.

        Returns
        -------
        str

        Raises
        ------
        TypeError, ValueError
            If `columns` is not a positive integer.
        """
        columns = check_columns(columns)
        if not self:
            return "[]"
        head = [wrapped(line, columns) for line in self._head()]
        return "\n".join([*head, "", text_table(self._lines(), columns=columns)])


def hidden_layers(count: int) -> str:
    """Write so many hidden layers."""
    return f"{count} hidden layer{'s' * (count != 1)}"
