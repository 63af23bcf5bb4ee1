"""Rows as text and HTML that a person reads; knows nothing of where they come from."""

from __future__ import annotations

import html
from collections.abc import Sequence

__all__ = ["html_table", "shown_bytes", "text_table"]


def shown_bytes(count: int) -> str:
    """Write a number of bytes."""
    return f"{count / 1e6:.2f} MB" if count >= 100_000 else f"{count:,} bytes"


def text_table(lines: Sequence[Sequence[str]], *, left: Sequence[int] = ()) -> str:
    """Align the cells of lines, numbers right, the columns `left` left."""
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
    head = "".join(f"<th>{html.escape(name)}</th>" for name in lines[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>"
        for line in lines[1:]
    )
    return (
        f'<table><caption style="text-align:left">{html.escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
