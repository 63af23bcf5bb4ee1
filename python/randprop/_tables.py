"""Rows as text, HTML and CSV that a person reads; knows nothing of where they come from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = [
    "csv_text",
    "html_picture",
    "html_table",
    "printable",
    "shortened",
    "shown_bytes",
    "text_table",
]

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


def text_table(lines: Sequence[Sequence[str]], *, left: Sequence[int] = ()) -> str:
    """Align the cells of lines, numbers right, the columns `left` left; they are made printable."""
    lines = [[printable(cell) for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
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
