"""The parser of the command line: help as wide as the terminal, errors that name what was meant."""

from __future__ import annotations

import argparse
import os
import re
import sys
from typing import Any, NoReturn

from randprop._tables import printable
from randprop._validation import meant

__all__ = ["Parser", "columns", "lines_fit"]

# How errors name an argument: "width[1] must ...", "The 'width' parameter of StepClassifier must".
_OURS = re.compile(r"(?P<name>[A-Za-z_]+)(?P<entry>(?:\[\d+\])?)(?:=\w+)?(?=[ :])")
_SCIKIT_LEARNS = re.compile(r"The '(?P<name>\w+)' parameter of \w+(?= )")


def columns() -> int:
    """Return the width of the terminal as shutil.get_terminal_size finds it."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80


def lines_fit() -> int | None:
    """Return how wide what is printed may be; None where it goes to no terminal."""
    return columns() if os.environ.get("COLUMNS") or sys.stdout.isatty() else None


class _Formatter(argparse.HelpFormatter):
    """One that finds the terminal's width without shutil, which every run would load for it.

    It tells the default of each option that has one and does not tell it itself.
    """

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, width=columns() - 2, **options)

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        if "default" in text or not action.option_strings:
            return text
        none = action.default is None or action.default is False  # 0 is a default
        if none or action.default == argparse.SUPPRESS:
            return text
        return f"{text} (default %(default)s)".lstrip()


class Parser(argparse.ArgumentParser):
    """One whose errors show what was given, and do not pass it to the terminal as it is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=_Formatter, **options)
        self.added: list[argparse.Action] = []  # that take a value or are set
        self.also: dict[str, str] = {}  # other names that Python has for what options hold

    def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
        """Add an option; `dest` is what Python calls it, where that is another name."""
        action = super().add_argument(*names, **options)
        if hasattr(self, "added") and action.dest != "help":
            self.added.append(action)
        return action

    def error(self, message: str) -> NoReturn:
        """End with status 2 and what is wrong, without all the options that there are."""
        self.exit(2, f"{self.prog}: {printable(message)}\nFor help: {self.prog} --help\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            listed = [str(choice) for choice in action.choices if choice != []]
            raise argparse.ArgumentError(
                action,
                f"expected one of {', '.join(listed)}, got {str(value)!r}{meant(value, listed)}",
            )

    def unknown(self, words: list[str]) -> NoReturn:
        """Refuse words that are no option of this verb."""
        options = [name for action in self.added for name in action.option_strings]
        word = next((word for word in words if word.startswith("-")), words[0])
        hint = meant(word.partition("=")[0], options)
        self.error(f"unrecognized arguments: {' '.join(words)}{hint}")

    def refuse(self, error: Exception) -> None:
        """End with status 2 where an error is of the value of an option, which it then names.

        Errors of this library begin with the name of the argument that is wrong. An option is
        stored under that name.
        """
        text = str(error)
        found = _SCIKIT_LEARNS.match(text) or _OURS.match(text)
        named = None if found is None else self._option_of(found["name"])
        if found is not None and named is not None:
            rest = text[found.end() :]
            entry = "" if rest.startswith(" must ") else found.groupdict().get("entry", "")
            if both := re.match(r" and (\w+)(?= cannot both )", rest):
                rest = f" and {self._option_of(both[1]) or both[1]}{rest[both.end() :]}"
            self.error(named + entry + self._in_options(rest))
        if text.startswith("--") and not isinstance(error, OSError):
            self.error(text)

    def _option_of(self, argument: str) -> str | None:
        for action in self.added:
            if action.dest == self.also.get(argument, argument):
                return action.option_strings[-1] if action.option_strings else action.dest
        return None

    def _in_options(self, text: str) -> str:
        """Name options in place of arguments whose names are no words of a sentence."""

        def option(found: re.Match[str]) -> str:
            return self._option_of(found[0]) or found[0]

        return re.sub(r"\b[a-z]+(?:_[a-z]+)+\b", option, text)
