"""Rows as text, HTML and CSV that a person reads; knows nothing of where they come from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from randprop._validation import check_int

__all__ = [
    "check_columns", "csv_text", "html_picture", "html_table", "printable", "shortened",
    "shown_bytes", "text_table", "wrapped",
]  # fmt: skip

# What moves a terminal's cursor, changes its state or the order of what it shows, or cannot be
# encoded: control characters, bidirectional formatting, line separators, halves of surrogate pairs.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
# What makes a spreadsheet compute a cell rather than show it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def printable(text: object, *, lines: bool = False) -> str:
    """Return text that a terminal shows and does not obey: ESC as backslash, x, 1, b.

    Ends of lines stay where `lines` says so.
    """
    return _UNPRINTABLE.sub(lambda found: _escaped(found[0], lines), str(text))


def _escaped(character: str, lines: bool) -> str:
    if lines and character == "\n":
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def csv_text(names: Sequence[str], rows: Iterable[Sequence[Any]], *, end: str = "\r\n") -> str:
    """Write a line of names and the rows as CSV, None as an empty cell.

    Text that a spreadsheet would take for a formula has an apostrophe before it (OWASP, "CSV
    Injection"); numbers are numbers, whatever their sign.
    """
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end)
    writer.writerow(map(_no_formula, names))
    writer.writerows(map(_no_formula, row) for row in rows)
    return text.getvalue()


def _no_formula(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def shown_bytes(count: int) -> str:
    """Write a number of bytes."""
    return f"{count / 1e6:.2f} MB" if count >= 100_000 else f"{count:,} bytes"


def text_table(
    lines: Sequence[Sequence[str]], *, left: Sequence[int] = (), columns: int | None = None
) -> str:
    """Align the cells of lines, numbers right, those of `left` left; they are made printable.

    What is wider than so many `columns` of a terminal is cut into tables one below the other, each
    of which begins with the first cells.
    """
    lines = [[printable(cell) for cell in line] for line in lines]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return "\n\n".join(
        "\n".join(
            "  ".join(
                line[i].ljust(widths[i]) if i in left else line[i].rjust(widths[i]) for i in part
            )
            for line in lines
        )
        for part in _parts(widths, columns)
    )


def check_columns(columns: object) -> int | None:
    """Return how wide a text may be, None where it does not matter."""
    return None if columns is None else check_int("columns", columns, 1, 1 << 20)


def _parts(widths: Sequence[int], columns: int | None) -> list[list[int]]:
    """Cut the places of a table into those that fit, the first always and one more at least."""
    if columns is None:
        return [list(range(len(widths)))]
    parts: list[list[int]] = []
    for place, width in enumerate(widths[1:], start=1):
        taken = sum(widths[i] + 2 for i in parts[-1]) if parts else 0
        if not parts or (taken + width > columns and len(parts[-1]) > 1):
            parts.append([0])
        parts[-1].append(place)
    return parts or [[0]]


def wrapped(line: str, columns: int | None) -> str:
    """Return a line as lines of so many columns at most, where its words let it."""
    line = printable(line)
    if columns is None or len(line) <= columns:
        return line
    import textwrap  # only where a terminal is narrow

    return textwrap.fill(
        line, columns, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def html_table(caption: str, lines: Sequence[Sequence[str]]) -> str:
    """Return a table whose first line is of names; everything is escaped."""
    head = "".join(f"<th>{_shown(name)}</th>" for name in lines[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{_shown(cell)}</td>" for cell in line) + "</tr>"
        for line in lines[1:]
    )
    return (
        f'<table><caption style="text-align:left">{_shown(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def html_picture(uri: str, width: int, height: int, caption: str, alt: str) -> str:
    """Return a picture with a line beneath; all text is escaped."""
    return (
        f'<figure style="margin:0.5em 0"><img src="{_shown(uri)}" width="{width}" '
        f'height="{height}" alt="{_shown(alt)}"><figcaption>{_shown(caption)}</figcaption></figure>'
    )


def shortened(labels: Sequence[object], most: int = 12) -> str:
    """Return the first labels in a line, each of 24 characters at most, and how many there are."""
    names = [text if len(text) <= 24 else text[:23] + "…" for text in map(str, labels[:most])]
    more = ", …" if len(labels) > most else ""
    return f"{len(labels)}: {', '.join(names)}{more}"


def _shown(text: str) -> str:
    import html  # its names of all characters take a millisecond

    return html.escape(printable(text))
