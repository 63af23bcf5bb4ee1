"""The verbs that write reports and pages: study, demo, bench and info."""

from __future__ import annotations

import argparse
import io
import sys
from contextlib import redirect_stdout
from pathlib import Path

from randprop._extras import need
from randprop._files import source_folder
from randprop._tables import printable, wrapped
from randprop._validation import check_int
from randprop.cli.options import add_threads
from randprop.cli.outputs import STREAM, Out, add_output
from randprop.cli.parser import Parser, lines_fit
from randprop.cli.values import integer, names

__all__ = [
    "BENCHES", "OTHER_BENCHES", "bench_verb", "demo_verb", "fill_bench", "fill_demo", "fill_info",
    "fill_study", "info_verb", "study_verb",
]  # fmt: skip

BENCHES = (
    "propagate", "choices", "convolve", "centroids", "hamming", "ridge", "evaluate", "memory",
)  # fmt: skip
# Run only when named: emulated microcontrollers, which need cross compilers, many workers, what
# networks get right beside peers, how long fitting takes, and the browser page.
OTHER_BENCHES = ("micro", "parallel", "accuracy", "fit", "page")


def fill_study(verb: Parser) -> None:
    """Add the options of study."""
    from randprop.study import DEFAULT, EXPERIMENTS

    left_out = ", ".join(key for key in EXPERIMENTS if key not in DEFAULT)
    verb.add_argument(
        "--seeds", type=integer, default=10, help="number of seeds in each experiment"
    )
    add_output(verb, "--out", folder=True, default="report", help="the folder of the report")
    verb.add_argument(
        "--only",
        type=names,
        help=f"experiments to run: {', '.join(EXPERIMENTS)} (default: all but {left_out})",
    )
    verb.add_argument(
        "--full",
        action="store_true",
        help="use more data sets, up to 8,192 units and up to 30 hidden layers; takes up to an "
        "hour",
    )
    add_threads(verb)
    verb.add_argument("--no-progress", action="store_true", help="show no progress bars")


def study_verb(arguments: argparse.Namespace) -> None:
    """Run experiments and write their report."""
    from randprop.study import run_study

    page = run_study(
        arguments.out.path,
        seeds=arguments.seeds,
        only=arguments.only,
        full=arguments.full,
        progress=not arguments.no_progress,
        n_threads=arguments.n_threads,
        say=None if arguments.no_progress else lambda text: print(printable(text), file=sys.stderr),
    )
    print(printable(page))


def fill_bench(verb: Parser) -> None:
    """Add the options of bench."""
    verb.add_argument(
        "only",
        nargs="*",
        choices=[[], *BENCHES, *OTHER_BENCHES],
        help=f"benchmarks to run (default: {', '.join(BENCHES)}); these run only when they are "
        f"named: {', '.join(OTHER_BENCHES)}",
    )
    verb.add_argument(
        "--quick", action="store_true", help="use small sizes; takes less than a minute"
    )
    verb.add_argument(
        "--rounds", type=integer, help="how often each time is measured (default 7; with --quick 3)"
    )
    add_output(verb, "--json", help=f"also write the tables to this file; {STREAM}")
    add_output(verb, "--plot", folder=True, help="also draw pictures, in this folder")
    add_output(verb, "--markdown", help="also write a page to this file")


def bench_verb(arguments: argparse.Namespace) -> None:
    """Run benchmarks."""
    folder = source_folder("bench", "_bench", "harness.py")
    if arguments.rounds is not None:
        check_int("rounds", arguments.rounds, 2, 1000)
    sys.path.insert(0, str(folder))
    chosen = arguments.only or BENCHES
    modules = [need(f"bench_{name}", f"bench {name}", "bench") for name in chosen]
    plot, markdown = _path(arguments.plot), _path(arguments.markdown)
    flags = [
        *arguments.only,
        *(["--quick"] if arguments.quick else []),
        *(["--plot", str(plot)] if plot else []),
    ]
    tables = need("harness", "bench", "bench").run_all(
        [module.run for module in modules],
        quick=arguments.quick,
        rounds=arguments.rounds,
        plot=plot,
        markdown_file=markdown,
        title=": ".join(["Performance", *arguments.only]),
        command=" ".join(["randprop bench", *flags, "--markdown", str(markdown)]),
    )
    if arguments.json is not None:
        arguments.json.write_json(tables)


def _path(out: Out | None) -> Path | None:
    if out is not None and out.is_stream:
        raise ValueError("--markdown must be a file, got standard output")
    return None if out is None else out.path


def fill_info(verb: Parser) -> None:
    """Add the options of info."""
    add_output(verb, "--json", nargs="?", const="-", help="write JSON to this file, or print it")


def info_verb(arguments: argparse.Namespace) -> None:
    """Tell versions, SIMD levels, threads and kernels."""
    from randprop.config import show_config

    if arguments.json is not None:
        arguments.json.write_json(show_config("dict"))
        return
    told = io.StringIO()
    with redirect_stdout(told):
        show_config()
    for line in told.getvalue().splitlines():
        print(wrapped(line, lines_fit()))


def fill_demo(verb: Parser) -> None:
    """Add the options of demo."""
    add_output(verb, "--out", required=True, help="the HTML file to write, 2.2 MB")
    verb.add_argument(
        "--data",
        action="store_true",
        help="also write mnist.bin.gz into the same folder, 11 MB: all of MNIST, which the page "
        "can load",
    )
    verb.add_argument(
        "--text",
        metavar="PATH",
        help="a JSON file with the text of the page in another language (default: English)",
    )


def demo_verb(arguments: argparse.Namespace) -> None:
    """Write the page that runs the network in a browser."""
    from randprop.demo import DATA_FILE, demo

    if arguments.out.is_stream:
        raise ValueError("--out must be a file, got standard output")
    path = demo(arguments.out.path, data=arguments.data, text=arguments.text)
    more = f" and {DATA_FILE} beside it" if arguments.data else ""
    print(f"{printable(path)}{more}: open it in a browser")
