"""The verbs, the parser of all of them, and the run of one."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import randprop._core as _core
from randprop._tables import printable
from randprop._warnings import RandpropDataWarning
from randprop.cli import measuring, models, reports
from randprop.cli.outputs import opened
from randprop.cli.parser import Parser

__all__ = ["VERBS", "main", "make_parser"]


class Verb(NamedTuple):
    """What the command does: how it runs, which options it has, what its help says."""

    run: Callable[[argparse.Namespace], None]
    fill: Callable[[Parser], None]
    help: str
    more: str = ""


VERBS = {
    "evaluate": Verb(
        measuring.evaluate_verb,
        measuring.fill_evaluate,
        "measure the accuracy of one random network, with class means or another readout",
    ),
    "sweep": Verb(
        measuring.sweep_verb,
        measuring.fill_sweep,
        "measure many networks: all combinations of depths, widths, weights, data, readouts, seeds",
        "Most options take comma-separated lists. --store keeps the results of finished networks "
        "in a file. After an interruption, the same command goes on where it stopped.",
    ),
    "study": Verb(
        reports.study_verb,
        reports.fill_study,
        "run the paper's experiments with error bars, its open questions, and the theory",
        "The result is one page with figures, tables and answers. The command needs matplotlib: "
        "pip install 'randprop[plot]'.",
    ),
    "fit": Verb(
        models.fit_verb,
        models.fill_fit,
        "fit a classifier to your own data, and save it as a model file",
        "The scaling of the features and the stages of the network are chosen for the kind of "
        "data.",
    ),
    "predict": Verb(
        models.predict_verb,
        models.fill_predict,
        "predict the labels of samples with a model file",
        "If the model and the CSV file both have column names, the columns are found by name.",
    ),
    "export": Verb(
        models.export_verb,
        models.fill_export,
        "write a fitted network as C for a microcontroller, as ONNX, or as a model file",
        "The command makes a network and fits its readout to a data set, or reads a model file.",
    ),
    "demo": Verb(
        reports.demo_verb,
        reports.fill_demo,
        "write a page that runs the network in a browser, with the same bits as this package",
        "The page is one HTML file. It needs no other file and loads nothing from the internet.",
    ),
    "bench": Verb(
        reports.bench_verb,
        reports.fill_bench,
        "measure times on this machine, also of other libraries if they are installed",
        "Before a time is measured, the results of all libraries are compared. To install the "
        "other libraries: pip install 'randprop[bench]'.",
    ),
    "info": Verb(
        reports.info_verb, reports.fill_info, "show versions, SIMD levels, threads and kernels"
    ),
}


def make_parser(verbs: Sequence[str]) -> tuple[Parser, dict[str, Parser]]:
    """Return the parser, and that of each verb; only these `verbs` have their options."""
    parser = Parser(
        prog="randprop",
        description="Random neural networks that are never trained, one bit an activation.",
    )
    parser.add_argument("--version", action="version", version=f"randprop {_core.__version__}")
    added = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    parsers: dict[str, Parser] = {}
    for name, verb in VERBS.items():
        about = f"{verb.help[0].upper()}{verb.help[1:]}. {verb.more}"
        parsers[name] = added.add_parser(name, help=verb.help, description=about)
        if name in verbs:  # the others' choices need not be looked up
            verb.fill(parsers[name])
            parsers[name].set_defaults(run=verb.run)
    return parser, parsers


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command, with the arguments of the process unless others are given.

    Returns the exit status: 0, 1 on an error that the message explains, 130 on Ctrl-C. Raises
    SystemExit of status 2 where an argument is wrong, as argparse does.
    """
    given = sys.argv[1:] if argv is None else argv
    completing = "_ARGCOMPLETE" in os.environ
    parser, parsers = make_parser(tuple(VERBS) if completing else given)
    if completing:
        _complete(parser)
    if not given:
        parser.print_help()
        return 0
    arguments, left = parser.parse_known_args(given)
    verb = parsers[arguments.verb]
    if left:
        verb.unknown(left)
    try:
        with opened(arguments, verb), _plain_warnings():
            arguments.run(arguments)
            sys.stdout.flush()
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
        if isinstance(error, BrokenPipeError):
            # The reader of our output has gone; nothing to tell it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        verb.refuse(error)
        message = str(error) or type(error).__name__
        print(f"randprop: {printable(message, lines=True)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"randprop: interrupted{_kept(arguments)}", file=sys.stderr)
        return 130
    return 0


def _kept(arguments: argparse.Namespace) -> str:
    """Tell where the finished part of a sweep is, if it is anywhere."""
    store = getattr(arguments, "store", None)
    if store is None:
        return ""
    return (
        f"; finished networks are in {printable(store.path)}: the same command goes on from there"
    )


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Tell what is odd about data in a line, without the line of code that noticed it."""
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: object, category: type[Warning], *rest: object) -> None:
            if issubclass(category, RandpropDataWarning):
                print(f"randprop: {printable(message)}", file=sys.stderr)
            else:
                usual(message, category, *rest)  # type: ignore[arg-type]

        warnings.showwarning = show  # type: ignore[assignment]
        yield


def _complete(parser: Parser) -> None:
    """Answer a shell that asks what may come next; ends the process where it did."""
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(parser)
