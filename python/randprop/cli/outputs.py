"""Where a verb writes: found to be writable before anything is computed; ``-`` is standard output.

Where an option is ``-``, nothing but it goes to standard output: what else is printed, such as a
table, goes to standard error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, TextIO

from randprop._files import check_writable, check_writable_folder, write_text
from randprop.cli.parser import Parser

__all__ = ["STREAM", "Out", "add_output", "opened"]

STREAM = "- is standard output"  # the help of options that may be standard output


class Out:
    """A file, a folder, or standard output, that an option names."""

    def __init__(self, text: str) -> None:
        self.path = Path(text)
        self.is_stream = text == "-"
        self.is_folder: bool | None = False  # None: not known yet, so that the verb checks it
        self.stream: TextIO | None = None  # what standard output was before anything was printed

    def check(self, option: str) -> None:
        """Raise the OSError that writing would end in."""
        if self.is_stream or self.is_folder is None:
            return
        try:
            if self.is_folder:
                check_writable_folder(self.path)
                return
            if not self.path.absolute().parent.is_dir():
                raise FileNotFoundError(f"{option}: the folder of {self.path} does not exist")
            check_writable(self.path)
        except OSError as error:
            if error.errno is None:
                raise
            raise OSError(f"{option}: {error.strerror}: {self.path}") from None

    def write(self, text: str) -> None:
        """Write a text, whole or not at all."""
        if self.stream is None:
            write_text(self.path, text)
        else:
            self.stream.write(text)
            self.stream.flush()

    def write_json(self, content: Any) -> None:
        """Write what JSON holds."""
        import json

        self.write(json.dumps(content, indent=1) + "\n")


def add_output(verb: Parser, option: str, *, folder: bool | None = False, **more: Any) -> None:
    """Add an option that names a file, or a folder, which a verb writes; None: one of both."""
    more.setdefault("metavar", "FOLDER" if folder else "FILE")

    def out(text: str) -> Out:
        if not text or "\0" in text:
            raise argparse.ArgumentTypeError(f"expected a path, got {text!r}")
        found = Out(text)
        found.is_folder = folder
        if found.is_stream and folder is not False:
            raise argparse.ArgumentTypeError("expected a path, got - for standard output")
        return found

    verb.add_argument(option, type=out, **more)


@contextmanager
def opened(arguments: argparse.Namespace, parser: Parser) -> Iterator[None]:
    """Check the outputs of a verb; where one is standard output, keep all else off it."""
    streams = []
    for action in parser.added:
        out = getattr(arguments, action.dest, None)
        if isinstance(out, Out):
            option = action.option_strings[-1]
            out.check(option)
            if out.is_stream:
                streams.append(option)
                out.stream = sys.stdout
    if len(streams) > 1:
        parser.error(f"{' and '.join(streams)} cannot both be standard output")
    if not streams:
        yield
        return
    with redirect_stdout(sys.stderr):
        yield
