"""How far a long run is: on a terminal, in a notebook, and now and then in a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

__all__ = ["track"]

_BAR = 24  # characters
# Seconds from one sign to the next, and to the first.
_EVERY = {"terminal": 0.3, "notebook": 0.5, "log": 60.0}


@contextmanager
def track(
    what: str, total: int | None, *, done: int = 0, show: bool = True
) -> Iterator[Callable[[int], None]]:
    """Show how much is done, with rate and time left, and give the function that moves it on.

    On a terminal it is one line that changes, a bar of rich where that is installed; in a notebook
    one output; elsewhere, as in the log of a batch job, a line a minute. It goes to standard error.
    What is over at once shows nothing. `total` None is not known; 0 is nothing to do. What an
    earlier run has `done` counts, but not for the rate.
    """
    if not show or total == 0:
        yield lambda _: None
        return
    where = _where()
    bar = _rich_bar() if where == "terminal" else None
    if bar is not None:
        with bar:
            yield _moving(bar, what, total, done)
        return
    shown = _Shown(what, total, done, where)
    try:
        yield shown.advance
    finally:
        shown.close()


def _rich_bar() -> Any:
    try:
        from rich import progress as parts
        from rich.console import Console
    except ImportError:
        return None
    return parts.Progress(
        parts.TextColumn("{task.description}"),
        parts.BarColumn(),
        parts.MofNCompleteColumn(),
        parts.TextColumn("{task.fields[rate]}"),
        parts.TimeElapsedColumn(),
        parts.TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _moving(bar: Any, what: str, total: int | None, done: int) -> Callable[[int], None]:
    task = bar.add_task(what, total=total, completed=done, rate="")

    def advance(count: int) -> None:
        bar.advance(task, count)
        speed = bar.tasks[0].speed
        bar.update(task, rate=_rate(speed) if speed else "")

    return advance


class _Shown:
    def __init__(self, what: str, total: int | None, done: int, where: str) -> None:
        self._what, self._total = what, total
        self._done = self._before = done
        self._length = 0  # of the line on the terminal
        self._started = monotonic()
        self._handle: Any = None  # of the output in a notebook
        self._where = where
        self._said = self._started

    def advance(self, count: int) -> None:
        now = monotonic()
        self._done += count
        if now - self._said >= _EVERY[self._where]:
            self._said = now
            self._say()

    def close(self) -> None:
        if self._said > self._started:
            self._say()
            if self._where == "terminal":
                _write("\n")

    def _say(self) -> None:
        text = self._text()
        if self._where == "notebook":
            self._display({"text/plain": text})
        elif self._where == "log":
            _write(f"{text}\n")
        else:
            _write(f"\r{text:{self._length}}")
            self._length = len(text)

    def _display(self, content: dict[str, str]) -> None:
        if self._handle is None:
            display = sys.modules["IPython.display"].display
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)

    def _text(self) -> str:
        seconds = max(monotonic() - self._started, 1e-9)
        rate = (self._done - self._before) / seconds
        parts = []
        if self._total is None:
            parts.append(f"{self._what} {self._done:,}")
        else:
            share = min(1.0, self._done / self._total)
            if self._where != "log":
                full = int(_BAR * share)
                parts.append("#" * full + "-" * (_BAR - full))
            parts.append(f"{self._what} {self._done:,}/{self._total:,} ({100 * share:.0f} %)")
        if rate:
            parts.append(_rate(rate))
        if rate and self._total is not None and self._done < self._total:
            parts.append(f"{_duration((self._total - self._done) / rate)} left")
        else:
            parts.append(_duration(seconds))
        return "  ".join(parts)


def _rate(rate: float) -> str:
    return f"{rate:,.0f}/s" if rate >= 100 else f"{rate:.2g}/s"


def _write(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(text)
        sys.stderr.flush()


def _where() -> str:
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    if shell is not None and hasattr(shell, "kernel"):
        return "notebook"
    return "terminal" if sys.stderr is not None and sys.stderr.isatty() else "log"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, left = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {left:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} days {hours % 24} h"
