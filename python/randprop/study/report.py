"""A study as files: one self-contained page, figures as SVG and PNG, tables as CSV, all as JSON."""

from __future__ import annotations

import html
import io
import json
import math
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

import randprop._core as _core
import randprop.show as show
from randprop._files import write_bytes, write_text
from randprop._tables import csv_text
from randprop.datasets import load
from randprop.network.step_network import StepNetwork
from randprop.study.drawing import INK, MUTED
from randprop.study.parts import Experiment, Figure, Section, Table

__all__ = ["write"]

# The layout of numbers.json; docs/outputs.md says when it rises.
_SCHEMA = 1

# What belongs at the top: what the study found, in two pictures.
_TOP = (("width", "collapse"), ("width", "half_depth"))


def _through_layers(_: Any) -> Any:
    """Draw a digit on its way through the paper's network."""
    return show.bits(StepNetwork(784, 1), load("mnist").X_test[0])


# What all that follows is about.
_FIRST = Figure(
    "through_layers",
    "A handwritten seven, the output bits of a random layer, and those of the next layer.",
    _through_layers,
    size=(9.0, 2.4),
)


def write(
    folder: Path,
    numbers: dict[str, Any],
    experiments: Mapping[str, Experiment],
    *,
    seeds: int,
    command: str,
    seconds: dict[str, float],
) -> Path:
    """Write the report of a study: report.html, numbers.json, findings.md, figures and tables.

    `numbers` and `seconds` are those of each experiment by its key, `command` makes it anew, and
    the folder is there already. Returns the page.
    """
    sections = {key: experiments[key].present(values) for key, values in numbers.items()}
    about = {
        "randprop": _core.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "simd_level": _core.simd_level(),
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "seeds": "0" if seeds == 1 else f"0 to {seeds - 1}",
        "command": command,
        "seconds": {key: round(value, 1) for key, value in seconds.items()},
    }
    for name in ("figures", "tables"):
        (folder / name).mkdir(exist_ok=True)
    pictures: dict[str, str] = {_FIRST.name: _draw(_FIRST, folder / "figures")}
    for section in sections.values():
        for figure in section.figures:
            pictures[figure.name] = _draw(figure, folder / "figures")
        for table in section.tables:
            text = csv_text(table.columns, table.rows, end="\n")
            write_text(folder / "tables" / f"{table.name}.csv", text)
    content = {
        "schema": _SCHEMA,
        "about": about,
        "numbers": numbers,
        "answers": {key: section.answer for key, section in sections.items()},
    }
    write_text(folder / "numbers.json", json.dumps(content, indent=1, allow_nan=False) + "\n")
    write_text(folder / "findings.md", _markdown(sections, experiments, about))
    page = folder / "report.html"
    write_text(page, _page(sections, experiments, pictures, about))
    return page


def _draw(figure: Figure, folder: Path) -> str:
    """Write a figure as SVG and PNG; return the SVG for the page."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    options: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": figure.name,
        "font.family": "sans-serif",
        "font.size": 9.5,
        "text.color": INK,
    }
    with matplotlib.rc_context(options):
        canvas = Canvas(figsize=figure.size, layout="constrained")
        FigureCanvasAgg(canvas)
        canvas = figure.draw(canvas) or canvas
        for ax in canvas.axes:
            ax.patch.set_alpha(0.0)
        picture = io.BytesIO()
        canvas.savefig(picture, format="png", dpi=160, facecolor="white")
        text = io.StringIO()
        canvas.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    write_bytes(folder / f"{figure.name}.png", picture.getvalue())
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    write_text(
        folder / f"{figure.name}.svg", svg.replace("<svg ", '<svg style="background:#fff" ', 1)
    )
    return _inline(svg, figure)


def _inline(svg: str, figure: Figure) -> str:
    """Make an SVG fit to stand in the page: scaled by it, in its colours, with a name."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    # Identifiers are made unique, for all figures stand in one document.
    svg = re.sub(r'\bid="', f'id="{figure.name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{figure.name}-", svg)
    svg = re.sub(r'(xlink:href|href)="#', rf'\1="#{figure.name}-', svg)
    svg = svg.replace(INK, "var(--ink)").replace(MUTED, "var(--muted)")
    # Matplotlib leaves its default, black, out.
    svg = svg.replace("<text ", '<text fill="var(--ink)" ')
    label = html.escape(figure.caption, quote=True)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        if value == 0 or 1e-3 <= abs(value) < 1e4:
            return f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) < 10 else f"{value:.4g}"
        return f"{value:.3e}"
    return str(value)


def _html_table(table: Table) -> str:
    if not table.rows:
        return ""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in table.columns)
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td data-value="{"" if cell is None else html.escape(str(cell), quote=True)}">'
            f"{html.escape(_cell(cell))}</td>"
            for cell in row
        )
        + "</tr>"
        for row in table.rows
    )
    return (
        f"<details><summary>{html.escape(table.caption)}</summary>"
        f'<p class="tools"><button type="button" data-copy="{table.name}">Copy as CSV</button> '
        "<span>Click a heading to sort.</span></p>"
        f'<div class="scroll"><table id="table-{table.name}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
    )


def _html_figure(figure: Figure, svg: str) -> str:
    wide = ' class="wide"' if figure.size[0] > 8 else ""
    return (
        f'<figure id="figure-{figure.name}"{wide}>{svg}'
        f"<figcaption>{html.escape(figure.caption)}</figcaption></figure>"
    )


def _lead(sections: dict[str, Section]) -> list[str]:
    """Return what stands at the top: why accuracy falls, what the width does, and what helps."""
    theory = sections["theory"].answer[:2] if "theory" in sections else []
    useful = sections["useful"].answer[:1] if "useful" in sections else []
    return theory + sections[_TOP[0][0]].answer + useful


def _page(
    sections: dict[str, Section],
    experiments: Mapping[str, Experiment],
    pictures: dict[str, str],
    about: dict[str, Any],
) -> str:
    contents = "".join(
        f'<li><a href="#{key}">{html.escape(experiments[key].title)}</a></li>' for key in sections
    )
    top = [
        (key, figure)
        for key, name in _TOP
        if key in sections
        for figure in sections[key].figures
        if figure.name == name
    ]
    parts = [_html_figure(_FIRST, pictures[_FIRST.name])]
    if top:
        parts.append(
            '<section class="top"><h2>What was found</h2>'
            + "".join(f"<p>{html.escape(text)}</p>" for text in _lead(sections))
            + '<div class="pair">'
            + "".join(_html_figure(figure, pictures[figure.name]) for _, figure in top)
            + "</div></section>"
        )
    shown = {figure.name for _, figure in top}
    for key, section in sections.items():
        experiment = experiments[key]
        parts.append(
            f'<section id="{key}"><h2>{html.escape(experiment.title)}</h2>'
            f'<p class="question">{html.escape(experiment.question)}</p>'
            + "".join(f'<p class="answer">{html.escape(text)}</p>' for text in section.answer)
            + f'<p class="method"><b>Method.</b> {html.escape(experiment.method)}</p>'
            + "".join(
                _html_figure(figure, pictures[figure.name])
                for figure in section.figures
                if figure.name not in shown
            )
            + "".join(_html_table(table) for table in section.tables)
            + "</section>"
        )
    facts = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(about[name]))}</dd>"
        for name in ("randprop", "numpy", "python", "simd_level", "date", "seeds")
    )
    seconds = "; ".join(f"{key} {value:.0f} s" for key, value in about["seconds"].items())
    return _read("report.html").substitute(
        style=_read("report.css").template,
        contents=contents,
        parts="".join(parts),
        command=html.escape(about["command"]),
        facts=facts,
        seconds=html.escape(seconds),
        script=_read("report.js").template,
    )


def _read(name: str) -> Template:
    return Template(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def _markdown(
    sections: dict[str, Section], experiments: Mapping[str, Experiment], about: dict[str, Any]
) -> str:
    one = about["seeds"] == "0"
    lines = [
        "# Findings",
        "",
        f"Questions and answers of `{about['command']}` (randprop {about['randprop']}, "
        + ("one seed, so there is no interval" if one else f"seeds {about['seeds']}")
        + "). The command wrote every sentence and number here.",
        "",
    ]
    top = {name for _, name in _TOP}
    lines += _markdown_figures([_FIRST])
    if _TOP[0][0] in sections:
        for text in _lead(sections):
            lines += [text, ""]
    for key, name in _TOP:
        lines += _markdown_figures(
            [f for f in sections[key].figures if f.name == name] if key in sections else []
        )
    for key, section in sections.items():
        lines += [f"## {experiments[key].title}", "", f"*{experiments[key].question}*", ""]
        for text in section.answer:
            lines += [text, ""]
        lines += _markdown_figures([f for f in section.figures if f.name not in top])
    return "\n".join(lines)


def _markdown_figures(figures: Sequence[Figure]) -> list[str]:
    lines = []
    for figure in figures:
        lines += [f"![{figure.caption}](figures/{figure.name}.png)", ""]
    return lines
