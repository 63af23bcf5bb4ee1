"""The ``randprop`` command: one verb for each thing it does."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import randprop._core as _core
from randprop._extras import need
from randprop._files import source_folder, write_text
from randprop._tables import printable
from randprop._validation import check_int
from randprop.datasets import DATASETS
from randprop.model.recipes import RECIPES, input_dims_of
from randprop.network.activations import ACTIVATIONS, step_names
from randprop.network.spec import parse_widths
from randprop.network.stages import STAGES, WEIGHT_BITS, Stage
from randprop.readouts.registry import READOUTS, make_readout
from randprop.readouts.rounding import check_bits

__all__ = ["main"]

BENCHES = (
    "propagate", "choices", "convolve", "centroids", "hamming", "ridge", "evaluate", "memory",
)  # fmt: skip
# Each with a page of its own, and run only when it is named: emulated microcontrollers, which need
# cross compilers, many workers, what networks get right beside peers, and how long fitting takes.
OTHER_BENCHES = ("micro", "parallel", "accuracy", "fit")
_THREADS = "default: every CPU the process may use; -2: all but one"


def _layers(text: str) -> int | list[int]:
    """Parse ``3``, ``0-15`` or ``0,1,5-8``."""
    depths: list[int] = []
    try:
        for part in text.split(","):
            low, dash, high = part.partition("-")
            depths += range(int(low), int(high) + 1) if dash else [int(low)]
    except ValueError:
        depths = []
    if not depths:
        raise argparse.ArgumentTypeError(
            f"expected a number, a range or a list such as 3, 0-15 or 0,1,5-8, got {text!r}"
        )
    return depths[0] if text.isdecimal() else depths


def _widths(text: str) -> int | Stage | list[int | Stage]:
    try:
        widths = parse_widths(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return widths if len(widths) > 1 or text.rstrip().endswith(",") else widths[0]


def _stages(text: str) -> str | list[int | Stage]:
    if text in RECIPES:
        return text
    try:
        return parse_widths(text)
    except ValueError as error:
        if text.isidentifier():
            raise argparse.ArgumentTypeError(
                f"expected {RECIPES.listed()}, or a list of stages, got {text!r}"
            ) from None
        raise argparse.ArgumentTypeError(f"{RECIPES.listed()}, or a list: {error}") from None


def _thresholds(text: str) -> float | str:
    if text == "calibrated":
        return text
    return int(text) if text.isdecimal() else _number(text, "calibrated or a number")


def _number(text: str, expected: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}") from None


def _alpha(text: str) -> float | str:
    return text if text == "auto" else _number(text, "auto or a number")


def _bits(text: str) -> int | str:
    return text if text == "ternary" else int(text)


def _names(text: str) -> list[str]:
    return text.split(",")


class _Verb(NamedTuple):
    run: Callable[[argparse.Namespace], None]
    fill: Callable[[argparse.ArgumentParser], None]
    help: str
    more: str = ""


class _Formatter(argparse.HelpFormatter):
    """One that finds the terminal's width without shutil, which every run would load for it."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, width=_columns() - 2, **options)


def _columns() -> int:
    """Return the width of the terminal as shutil.get_terminal_size finds it."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80


class _Parser(argparse.ArgumentParser):
    """One whose errors show what was given, and do not pass it to the terminal as it is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=_Formatter, **options)

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="randprop",
        description="Random neural networks that are never trained, one bit an activation.",
    )
    parser.add_argument("--version", action="version", version=f"randprop {_core.__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    for name, verb in _VERBS.items():
        about = f"{verb.help[0].upper()}{verb.help[1:]}. {verb.more}"
        sub = verbs.add_parser(name, help=verb.help, description=about)
        if name in argv:  # the others' choices need not be looked up
            verb.fill(sub)
            sub.set_defaults(run=verb.run)
    return parser


def _fill_evaluate(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--layers", type=_layers, help="hidden layers: 3, 0-15 or 0,1,5-8 (default 3)"
    )
    _add_data(verb)
    _add_stages(verb)
    _add_network(verb, weight_bits=8)
    _add_readout(verb)
    verb.add_argument("--threads", type=int, help=_THREADS)
    verb.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")


def _fill_sweep(verb: argparse.ArgumentParser) -> None:
    from randprop.network.weight_shapes import WEIGHTS

    verb.add_argument("--layers", type=_layers, default="0-15", help="default 0-15")
    _add_data(verb, _names)
    verb.add_argument("--width", type=_widths, help=f"units of every matrix, or {_stage_help()}")
    verb.add_argument("--weight-bits", type=_layers, default="8")
    verb.add_argument("--weights", type=_names, default="uniform", help=WEIGHTS.listed())
    verb.add_argument("--activation", type=_names, default="step", help=ACTIVATIONS.listed())
    _add_readout(verb, _names, "centroid")
    verb.add_argument("--seeds", type=_layers, default="10", help="how many, or a list 0,1,5-8")
    verb.add_argument("--n-train", type=int, help="use so many training samples, evenly spread")
    verb.add_argument("--n-test", type=int, help="use so many test samples, evenly spread")
    verb.add_argument("--store", type=Path, metavar="FILE", help="keep finished cells there")
    verb.add_argument("--csv", type=Path, metavar="FILE", help="write the rows there")
    verb.add_argument("--jobs", type=int, help="networks at a time, -1: one a CPU (default 1)")
    verb.add_argument("--threads", type=int, help=_THREADS)
    verb.add_argument("--no-progress", action="store_true")


def _fill_study(verb: argparse.ArgumentParser) -> None:
    from randprop.study import DEFAULT, EXPERIMENTS

    left_out = ", ".join(key for key in EXPERIMENTS if key not in DEFAULT)
    verb.add_argument("--seeds", type=int, default=10, help="seeds of every experiment")
    verb.add_argument("--out", type=Path, default=Path("report"), metavar="FOLDER")
    verb.add_argument(
        "--only", type=_names, help=f"{', '.join(EXPERIMENTS)} (default: all but {left_out})"
    )
    verb.add_argument(
        "--full", action="store_true", help="also other data, 8,192 units, 30 layers: up to an hour"
    )
    verb.add_argument("--threads", type=int, help=_THREADS)
    verb.add_argument("--no-progress", action="store_true")


def _fill_export(verb: argparse.ArgumentParser) -> None:
    from randprop.model.exports import EXPORTS

    about = "; ".join(f"{name}: {target.about}" for name, target in EXPORTS.items())
    verb.add_argument("format", choices=tuple(EXPORTS), help=about)
    verb.add_argument("--out", type=Path, required=True, metavar="PATH")
    verb.add_argument("--layers", type=int, default=0, help="hidden layers (default 0)")
    _add_data(verb)
    _add_stages(verb)
    _add_network(verb, weight_bits=1)
    _add_readout(verb)
    verb.add_argument(
        "--bits",
        type=_bits,
        help="round class means or coefficients to so many bits, or these to 'ternary' (c: default "
        "4 or 8)",
    )
    verb.add_argument("--self-test", type=int, default=4, help="inputs of the self-test of c")
    verb.add_argument("--name", help="of c: in front of all files, functions and macros")
    verb.add_argument(
        "--arduino", action="store_true", help="of c: a library for Arduino, with the --name"
    )


def _fill_bench(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "only",
        nargs="*",
        choices=[[], *BENCHES, *OTHER_BENCHES],
        help=f"default: {', '.join(BENCHES)}; only when named: {', '.join(OTHER_BENCHES)}",
    )
    verb.add_argument("--quick", action="store_true", help="small sizes, under a minute")
    verb.add_argument("--rounds", type=int, help="rounds of timing (default 7, quick 3)")
    verb.add_argument("--json", type=Path, metavar="FILE", help="also write the tables there")
    verb.add_argument("--plot", type=Path, metavar="FOLDER", help="also draw pictures there")
    verb.add_argument("--markdown", type=Path, metavar="FILE", help="also write a page there")


def _fill_info(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--json", action="store_true", help="as JSON")


def _stage_help() -> str:
    return f"a stage, in quotes: {', '.join(STAGES)}, such as 'Conv2D(16, kernel=3)'"


def _add_data(verb: argparse.ArgumentParser, read: Callable[[str], Any] = str) -> None:
    listed = f"{DATASETS.listed()} (default mnist)"
    verb.add_argument("--dataset", type=read, default="mnist", help=listed)


def _add_stages(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--stages",
        type=_stages,
        help=f"a network made for data of a kind, {RECIPES.listed()}, or a list such as "
        "'Conv2D(256, kernel=7, fan_in=4, pool=2)'",
    )
    verb.add_argument("--scaling", help="range, features or binary (default: by the stages)")
    verb.add_argument(
        "--thresholds", type=_thresholds, help="calibrated, or a bias (default: by the stages)"
    )


def _add_network(verb: argparse.ArgumentParser, *, weight_bits: int) -> None:
    verb.add_argument(
        "--width",
        type=_widths,
        help=f"units of every matrix, or a comma-separated list, one each; or {_stage_help()}",
    )
    verb.add_argument("--weight-bits", type=int, default=weight_bits, choices=WEIGHT_BITS)
    verb.add_argument("--activation", default="step", choices=step_names())
    verb.add_argument("--seed", type=int, default=0)


def _add_readout(
    verb: argparse.ArgumentParser, read: Callable[[str], Any] = str, default: str | None = None
) -> None:
    listed = f"{READOUTS.listed()} (default: centroid, or what suits the --stages)"
    verb.add_argument("--readout", type=read, default=default, help=listed)
    verb.add_argument("--n-neighbors", type=int, default=1, help="of knn (default 1)")
    verb.add_argument(
        "--alpha", type=_alpha, default="auto", help="of ridge and discriminant (default auto)"
    )


def _given(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    return {name: getattr(arguments, name) for name in names}


_NETWORK = ("stages", "scaling", "thresholds", "width", "weight_bits", "activation", "seed")
_READOUT = ("readout", "n_neighbors", "alpha")


def _export(arguments: argparse.Namespace) -> None:
    from randprop.model.exports import EXPORTS
    from randprop.model.recipes import fit_model

    target = EXPORTS[arguments.format]
    given = {name: value for name in ("name", "arduino") if (value := getattr(arguments, name))}
    for name in given:
        if name not in target.options:
            takers = ", ".join(key for key, other in EXPORTS.items() if name in other.options)
            raise ValueError(f"--{name} is for {takers}, not for {arguments.format}")
    if target.package is not None:
        need(target.package, f"export {arguments.format}")  # says so before a model is fitted
    if arguments.readout is not None:
        make_readout(**_given(arguments, *_READOUT))  # refuses what is none before data are read
    if arguments.bits is not None:
        check_bits("--bits", arguments.bits, 1, 8)
    named = DATASETS.choose("--dataset", arguments.dataset)
    X_train, y_train, X_test, y_test = named.load()
    images = X_test[: check_int("--self-test", arguments.self_test, 1, len(X_test))]
    options = _given(arguments, "layers", *_NETWORK, *_READOUT)
    if input_dims_of(arguments.stages, arguments.width) == 3:
        X_train, X_test, images = map(named.as_images, (X_train, X_test, images))
    model = fit_model(X_train, y_train, **options)
    if arguments.bits is not None:
        model = model.quantize(readout_bits=arguments.bits)
    elif target.quantized:
        model = model.quantize()
    target.write(model, arguments.out, images, **given)
    more = f" ({target.about})" if target.quantized else ""
    out = printable(arguments.out)
    print(f"{out}: {model.score(X_test, y_test):.4f} of the test samples{more}")


def _check_folder(flag: str, path: Path | None) -> None:
    if path is not None and not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"{flag}: the folder of {path} does not exist")


def _sweep(arguments: argparse.Namespace) -> None:
    from randprop.measure.sweep import sweep

    _check_folder("--csv", arguments.csv)
    axes = ("layers", "dataset", "width", "weight_bits", "weights", "activation", "seeds")
    result = sweep(
        **_given(arguments, *axes, *_READOUT, "n_train", "n_test", "store"),
        progress=not arguments.no_progress,
        n_jobs=arguments.jobs,
        n_threads=arguments.threads,
    )
    print(result)
    if arguments.csv is not None:
        result.to_csv(arguments.csv)


def _study(arguments: argparse.Namespace) -> None:
    from randprop.study import run_study

    page = run_study(
        arguments.out,
        seeds=arguments.seeds,
        only=arguments.only,
        full=arguments.full,
        progress=not arguments.no_progress,
        n_threads=arguments.threads,
        say=None if arguments.no_progress else lambda text: print(printable(text), file=sys.stderr),
    )
    print(printable(page))


def _evaluate(arguments: argparse.Namespace) -> None:
    from randprop.measure.evaluate import evaluate

    _check_folder("--json", arguments.json)
    options = _given(arguments, "layers", "dataset", *_NETWORK, *_READOUT)
    result: Any = evaluate(**options, n_threads=arguments.threads)
    print(result)
    if arguments.json is not None:
        several = isinstance(result, list)
        _write_json(
            arguments.json, [one.to_dict() for one in result] if several else result.to_dict()
        )


def _write_json(path: Path, content: Any) -> None:
    import json

    write_text(path, json.dumps(content, indent=1) + "\n")


def _bench(arguments: argparse.Namespace) -> None:
    folder = source_folder("bench", "_bench", "harness.py")
    if arguments.rounds is not None:
        check_int("--rounds", arguments.rounds, 2, 1000)
    sys.path.insert(0, str(folder))
    names = arguments.only or BENCHES
    modules = [need(f"bench_{name}", f"bench {name}", "bench") for name in names]
    flags = [
        *arguments.only,
        *(["--quick"] if arguments.quick else []),
        *(["--plot", str(arguments.plot)] if arguments.plot else []),
    ]
    need("harness", "bench", "bench").run_all(
        [module.run for module in modules],
        quick=arguments.quick,
        rounds=arguments.rounds,
        json_file=arguments.json,
        plot=arguments.plot,
        markdown_file=arguments.markdown,
        title=": ".join(["Performance", *arguments.only]),
        command=" ".join(["randprop bench", *flags, "--markdown", str(arguments.markdown)]),
    )


def _info(arguments: argparse.Namespace) -> None:
    from randprop.config import show_config

    if arguments.json:
        import json

        print(json.dumps(show_config("dict"), indent=1))
    else:
        show_config()


_VERBS = {
    "evaluate": _Verb(
        _evaluate,
        _fill_evaluate,
        "accuracy of a random network's outputs, by class means or another readout",
    ),
    "sweep": _Verb(
        _sweep,
        _fill_sweep,
        "many networks: every combination of depths, widths, weights, data, readouts, seeds",
        "Arguments may be comma-separated lists. With --store, finished cells survive any "
        "interruption and are not computed again.",
    ),
    "study": _Verb(
        _study,
        _fill_study,
        "the paper's experiments with error bars, its open questions, and the theory",
        "Writes one page with figures, tables and answers. Needs matplotlib: pip install "
        "'randprop[plot]'.",
    ),
    "export": _Verb(
        _export,
        _fill_export,
        "a fitted network as C for a microcontroller, as ONNX, or as a model file",
        "The readout is fitted to the network's outputs on a data set.",
    ),
    "bench": _Verb(
        _bench,
        _fill_bench,
        "time it on this machine, against other libraries where they are installed",
        "Every contestant's answers are compared first. Other libraries: pip install "
        "'randprop[bench]'.",
    ),
    "info": _Verb(_info, _fill_info, "versions, SIMD levels, threads and kernels"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command, with the arguments of the process unless others are given.

    Returns the exit status: 0, 1 on an error that the message explains, 130 on Ctrl-C.
    """
    given = sys.argv[1:] if argv is None else argv
    arguments = _parser(given).parse_args(given)
    try:
        arguments.run(arguments)
        sys.stdout.flush()
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
        if isinstance(error, BrokenPipeError):
            # The reader of our output has gone; nothing to tell it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        message = str(error) or type(error).__name__
        print(f"randprop: {printable(message, lines=True)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("randprop: interrupted", file=sys.stderr)
        return 130
    return 0
