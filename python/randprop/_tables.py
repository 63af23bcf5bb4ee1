"""Results as text that a person reads."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from randprop.evaluation import Evaluation
    from randprop.sweeps import SweepResult

__all__ = ["depth_table", "evaluation_html", "evaluation_table", "sweep_html", "sweep_table"]


def _bytes(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 100_000 else f"{count:,} bytes"


def evaluation_table(result: Evaluation) -> str:
    """One evaluation, a line a quantity."""
    widths = result.widths
    if len(set(widths)) == 1 and len(widths) > 1:
        shape = " -> ".join(map(str, (result.n_features, f"{len(widths)} x {widths[0]}")))
    else:
        shape = " -> ".join(map(str, (result.n_features, *widths)))
    lines = [
        f"{result.dataset}: {result.n_train:,} training and {result.n_test:,} test samples, "
        f"{len(result.classes)} classes",
        f"network: {result.layers} hidden layers, {shape}, {result.weight_bits}-bit weights, "
        f"{result.activation}, seed {result.seed}, readout {result.readout}",
    ]
    if result.input_range is not None:
        low, high = result.input_range
        lines.append(f"features mapped to 8 bits from [{low:g}, {high:g}]")
    seconds = ", ".join(f"{name} {value:.3f}" for name, value in result.seconds.items())
    held = ", ".join(f"{name} {_bytes(count)}" for name, count in result.bytes_held.items())
    lines += [
        "",
        f"accuracy                      {result.accuracy:.4f}",
        f"class means of the features   {result.baseline_accuracy:.4f}   (no network at all)",
        f"variance over units           {result.variance_units:.4e}",
        f"variance over samples         {result.variance_samples:.4e}",
        f"variance between class means  {result.variance_class_means:.4e}",
        "",
        f"seconds: {seconds}",
        f"held: {held}",
        f"SIMD level {result.simd_level}, {result.n_threads} threads, randprop {result.version}",
    ]
    if len(result.classes) <= 20:
        cells = [str(label) for label in result.classes.tolist()]
        width = max(6, *(len(cell) + 1 for cell in cells))
        lines += [
            "",
            "class    " + "".join(cell.rjust(width) for cell in cells),
            "accuracy "
            + "".join(f"{value:.3f}".rjust(width) for value in result.class_accuracy.tolist()),
        ]
    return "\n".join(lines)


def depth_table(results: Sequence[Evaluation]) -> str:
    """Several depths of one network, a line a depth."""
    first = results[0]
    lines = [
        f"{first.dataset}: {first.n_train:,} training and {first.n_test:,} test samples, "
        f"{first.weight_bits}-bit weights, {first.activation}, seed {first.seed}, "
        f"SIMD level {first.simd_level}, {first.n_threads} threads",
        f"class means of the features: accuracy {first.baseline_accuracy:.4f}",
        "",
        "layers  width  accuracy  var. units  var. samples  var. class means  seconds",
    ]
    lines += [
        f"{r.layers:>6} {r.widths[-1]:>6} {r.accuracy:>9.4f} {r.variance_units:>11.4e} "
        f"{r.variance_samples:>13.4e} {r.variance_class_means:>17.4e} "
        f"{r.seconds['propagate']:>8.3f}"
        for r in results
    ]
    return "\n".join(lines)


def _sweep_cells(result: SweepResult) -> tuple[str, list[list[str]]]:
    """Return what does not vary, a line of names, and a line a combination for the rest."""
    rows = result.summary()
    names = [name for name in rows[0] if name not in ("n_seeds", "accuracy", "sd", "ci95")]
    varying = [name for name in names if len({row[name] for row in rows}) > 1]
    fixed = ", ".join(f"{name} {rows[0][name]}" for name in names if name not in varying)
    columns = [*varying, "n_seeds", "accuracy", "sd", "ci95"]
    cells = [
        [f"{row[c]:.4f}" if isinstance(row[c], float) else str(row[c]) for c in columns]
        for row in rows
    ]
    return fixed, [columns, *cells]


def sweep_table(result: SweepResult) -> str:
    """Means over seeds, a line a combination; parameters that do not vary stand above."""
    fixed, cells = _sweep_cells(result)
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    lines = [
        "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True))
        for line in cells
    ]
    return "\n".join([fixed, "", *lines])


def _html_table(caption: str, lines: Sequence[Sequence[str]]) -> str:
    """Return a table whose first line is of names; everything is escaped."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in lines[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>"
        for line in lines[1:]
    )
    return (
        f'<table><caption style="text-align:left">{html.escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def sweep_html(result: SweepResult) -> str:
    """Return the table of a sweep for a notebook."""
    if not len(result):
        return "<p>SweepResult without cells</p>"
    fixed, cells = _sweep_cells(result)
    return _html_table(fixed, cells)


def evaluation_html(result: Evaluation) -> str:
    """Return an evaluation for a notebook: its numbers, then the accuracy of each class."""
    caption, *rest = evaluation_table(result).split("\n\n")[0].split("\n")
    numbers = [
        ["quantity", "value"],
        ["accuracy", f"{result.accuracy:.4f}"],
        ["class means of the features (no network)", f"{result.baseline_accuracy:.4f}"],
        ["variance over units", f"{result.variance_units:.4e}"],
        ["variance over samples", f"{result.variance_samples:.4e}"],
        ["variance between class means", f"{result.variance_class_means:.4e}"],
        ["seconds of propagation", f"{result.seconds['propagate']:.3f}"],
    ]
    parts = [_html_table(caption + "; " + "; ".join(rest), numbers)]
    if len(result.classes) <= 20:
        accuracies = [f"{value:.3f}" for value in result.class_accuracy.tolist()]
        labels = [str(label) for label in result.classes.tolist()]
        parts.append(_html_table("Accuracy by class", [labels, accuracies]))
    return "".join(parts)
