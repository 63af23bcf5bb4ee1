"""A bar for long runs, where somebody can see it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["track"]


@contextmanager
def track(what: str, total: int, *, show: bool = True) -> Iterator[Callable[[int], None]]:
    """Show a bar with rate and time left, and give the function that moves it on.

    Silent where standard error is no terminal, rich is not installed, or there is nothing to do.
    """
    progress = None
    if show and total and sys.stderr.isatty():
        try:
            from rich import progress as parts
            from rich.console import Console
        except ImportError:
            pass
        else:
            progress = parts.Progress(
                parts.TextColumn("{task.description}"),
                parts.BarColumn(),
                parts.MofNCompleteColumn(),
                parts.TextColumn("{task.fields[rate]}"),
                parts.TimeElapsedColumn(),
                parts.TimeRemainingColumn(),
                console=Console(stderr=True),
            )
    if progress is None:
        yield lambda _: None
        return
    with progress:
        task = progress.add_task(what, total=total, rate="")

        def advance(count: int) -> None:
            progress.advance(task, count)
            speed = progress.tasks[0].speed
            progress.update(task, rate=f"{speed:.1f}/s" if speed else "")

        yield advance
