"""The ``randprop`` command: one verb for each thing it does."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from randprop import _core
from randprop._files import source_folder, write_text
from randprop._validation import check_int
from randprop.network import ACTIVATIONS, WEIGHT_BITS

__all__ = ["main"]

BENCHES = ("propagate", "convolve", "centroids", "hamming", "ridge", "evaluate", "memory")
# Each with a page of its own, and run only when it is named: emulated microcontrollers, which need
# cross compilers, and many workers.
OTHER_BENCHES = ("micro", "parallel")


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


def _widths(text: str) -> int | list[int]:
    try:
        widths = [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a width or a list of widths such as 512 or 512,256, got {text!r}"
        ) from None
    return widths if "," in text else widths[0]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="randprop",
        description="Random neural networks that are never trained, one bit an activation.",
    )
    parser.add_argument("--version", action="version", version=f"randprop {_core.__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")

    evaluate = verbs.add_parser(
        "evaluate",
        help="accuracy of class means of a random network's outputs",
        description="Propagate a data set through a random network and classify its test samples "
        "by the nearest class mean of the outputs.",
    )
    evaluate.add_argument(
        "--layers", type=_layers, default=3, help="hidden layers: 3, 0-15 or 0,1,5-8 (default 3)"
    )
    evaluate.add_argument(
        "--dataset",
        default="mnist",
        help="mnist, fashion_mnist, kmnist, cifar10 or digits (default mnist)",
    )
    _add_network(evaluate, weight_bits=8)
    evaluate.add_argument(
        "--readout",
        default="centroid",
        help="centroid, majority, cosine, knn, knn_3, knn_5 or ridge",
    )
    evaluate.add_argument("--threads", type=int, help="default: every CPU the process may use")
    evaluate.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    evaluate.set_defaults(run=_evaluate)

    _add_sweep(verbs)
    _add_study(verbs)
    _add_export(verbs)

    bench = verbs.add_parser(
        "bench",
        help="time it on this machine, against other libraries where they are installed",
        description="Check that every contestant gives the same answer, then time them in turn. "
        "Other libraries: pip install 'randprop[bench]'.",
    )
    bench.add_argument(
        "only",
        nargs="*",
        choices=[[], *BENCHES, *OTHER_BENCHES],
        help=f"default: {', '.join(BENCHES)}; only when named: {', '.join(OTHER_BENCHES)}",
    )
    bench.add_argument("--quick", action="store_true", help="small sizes, under a minute")
    bench.add_argument("--rounds", type=int, help="rounds of timing (default 7, quick 3)")
    bench.add_argument("--json", type=Path, metavar="FILE", help="also write the tables there")
    bench.add_argument("--plot", type=Path, metavar="FOLDER", help="also draw pictures there")
    bench.add_argument("--markdown", type=Path, metavar="FILE", help="also write a page there")
    bench.set_defaults(run=_bench)

    info = verbs.add_parser("info", help="versions, SIMD levels, threads and kernels")
    info.add_argument("--json", action="store_true", help="as JSON")
    info.set_defaults(run=_info)
    return parser


def _add_network(verb: argparse.ArgumentParser, *, weight_bits: int) -> None:
    verb.add_argument(
        "--width", type=_widths, help="units of every matrix, or a comma-separated list, one each"
    )
    verb.add_argument("--weight-bits", type=int, default=weight_bits, choices=WEIGHT_BITS)
    verb.add_argument("--activation", default="step", choices=ACTIVATIONS)
    verb.add_argument("--seed", type=int, default=0)


def _names(text: str) -> list[str]:
    return text.split(",")


def _add_sweep(verbs: Any) -> None:
    sweep = verbs.add_parser(
        "sweep",
        help="many networks: every combination of depths, widths, weights, data, readouts, seeds",
        description="Measure every combination of the arguments, which may be comma-separated "
        "lists. With --store, finished cells survive any interruption and are not computed again.",
    )
    sweep.add_argument("--layers", type=_layers, default="0-15", help="default 0-15")
    sweep.add_argument("--dataset", type=_names, default="mnist")
    sweep.add_argument("--width", type=_widths, help="units of every matrix")
    sweep.add_argument("--weight-bits", type=_widths, default="8")
    sweep.add_argument(
        "--weights",
        type=_names,
        default="uniform",
        help="uniform, gaussian, ternary, cauchy, orthogonal, zero_sum, shifted_P, fan_in_K, "
        "fan_in_K_balanced",
    )
    sweep.add_argument(
        "--activation",
        type=_names,
        default="step",
        help="step, sign, relu, sigmoid, tanh, identity",
    )
    sweep.add_argument(
        "--readout",
        type=_names,
        default="centroid",
        help="centroid, majority, cosine, knn, knn_3, knn_5, ridge",
    )
    sweep.add_argument("--seeds", type=_layers, default="10", help="how many, or a list 0,1,5-8")
    sweep.add_argument("--n-train", type=int, help="use so many training samples, evenly spread")
    sweep.add_argument("--n-test", type=int, help="use so many test samples, evenly spread")
    sweep.add_argument("--store", type=Path, metavar="FILE", help="keep finished cells there")
    sweep.add_argument("--csv", type=Path, metavar="FILE", help="write the rows there")
    sweep.add_argument("--jobs", type=int, help="networks at a time (default 1)")
    sweep.add_argument("--threads", type=int, help="default: every CPU the process may use")
    sweep.add_argument("--no-progress", action="store_true")
    sweep.set_defaults(run=_sweep)


def _add_study(verbs: Any) -> None:
    study = verbs.add_parser(
        "study",
        help="the paper's experiments with error bars, its open questions, and the theory",
        description="Run the experiments and write one page with figures, tables and answers. "
        "Needs matplotlib: pip install 'randprop[plot]'.",
    )
    study.add_argument("--seeds", type=int, default=10, help="seeds of every experiment")
    study.add_argument("--out", type=Path, default=Path("report"), metavar="FOLDER")
    study.add_argument(
        "--only",
        type=_names,
        help="accuracy, variance, beyond, weights, activations, convolution, datasets, cause, "
        "theory, width, readouts (default: all but datasets)",
    )
    study.add_argument(
        "--full",
        action="store_true",
        help="also other data, 8,192 units, 30 layers: some 20 minutes",
    )
    study.add_argument("--threads", type=int, help="default: every CPU the process may use")
    study.add_argument("--no-progress", action="store_true")
    study.set_defaults(run=_study)


def _add_export(verbs: Any) -> None:
    export = verbs.add_parser(
        "export",
        help="a fitted network as C for a microcontroller, as ONNX, or as a model file",
        description="Fit a readout to a network's outputs on a data set and write both: as a "
        "folder of C99 that gives the same bits on a microcontroller, as ONNX, or as a file for "
        "randprop.load and C++.",
    )
    export.add_argument(
        "format",
        choices=("c", "onnx", "model"),
        help="c: a folder of C99, no stored weights; onnx: needs 'randprop[onnx]'; model: a file",
    )
    export.add_argument("--out", type=Path, required=True, metavar="PATH")
    export.add_argument("--layers", type=int, default=0, help="hidden layers (default 0)")
    export.add_argument(
        "--dataset",
        default="mnist",
        help="mnist, fashion_mnist, kmnist, cifar10 or digits (default mnist)",
    )
    _add_network(export, weight_bits=1)
    export.add_argument("--readout", default="centroid", choices=("centroid", "ridge"))
    export.add_argument(
        "--bits",
        type=int,
        help="round class means or ridge coefficients to so many bits (c: default 4 or 8)",
    )
    export.add_argument("--self-test", type=int, default=4, help="inputs of the self-test of c")
    export.set_defaults(run=_export)


def _export(arguments: argparse.Namespace) -> None:
    from randprop.datasets import load
    from randprop.export import export_c, export_onnx
    from randprop.model import fit_model
    from randprop.model_files import save

    bits = {}
    if arguments.bits is not None:
        least = 1 if arguments.readout == "centroid" else 2
        bits[f"{arguments.readout}_bits"] = check_int("--bits", arguments.bits, least, 8)
    X_train, y_train, X_test, y_test = load(arguments.dataset)
    model = fit_model(
        X_train,
        y_train,
        layers=arguments.layers,
        width=arguments.width,
        weight_bits=arguments.weight_bits,
        activation=arguments.activation,
        seed=arguments.seed,
        readout=arguments.readout,
    )
    if arguments.format == "c":
        self_test = X_test[: check_int("--self-test", arguments.self_test, 1, len(X_test))]
        written = export_c(model, arguments.out, **bits, self_test=self_test)
        model = model.quantize(**bits)
        more = "; see its README.md"
    else:
        if bits:
            model = model.quantize(**bits)
        write = export_onnx if arguments.format == "onnx" else save
        write(model, arguments.out)
        written, more = arguments.out, ""
    print(f"{written}: {model.score(X_test, y_test):.4f} of the test samples{more}")


def _sweep(arguments: argparse.Namespace) -> None:
    from randprop._tables import sweep_table
    from randprop.sweeps import sweep

    if arguments.csv is not None and not arguments.csv.absolute().parent.is_dir():
        raise FileNotFoundError(f"--csv: the folder of {arguments.csv} does not exist")
    result = sweep(
        arguments.layers,
        dataset=arguments.dataset,
        width=arguments.width,
        weight_bits=arguments.weight_bits,
        weights=arguments.weights,
        activation=arguments.activation,
        readout=arguments.readout,
        seeds=arguments.seeds,
        n_train=arguments.n_train,
        n_test=arguments.n_test,
        store=arguments.store,
        progress=not arguments.no_progress,
        n_jobs=arguments.jobs,
        n_threads=arguments.threads,
    )
    print(sweep_table(result))
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
        say=None if arguments.no_progress else lambda text: print(text, file=sys.stderr),
    )
    print(page)


def _evaluate(arguments: argparse.Namespace) -> None:
    from randprop._tables import depth_table
    from randprop.evaluation import evaluate

    if arguments.json is not None and not arguments.json.absolute().parent.is_dir():
        raise FileNotFoundError(f"--json: the folder of {arguments.json} does not exist")
    result = evaluate(
        arguments.layers,
        dataset=arguments.dataset,
        width=arguments.width,
        weight_bits=arguments.weight_bits,
        activation=arguments.activation,
        seed=arguments.seed,
        readout=arguments.readout,
        n_threads=arguments.threads,
    )
    print(depth_table(result) if isinstance(result, list) else result)
    if arguments.json is not None:
        content = (
            [one.to_dict() for one in result] if isinstance(result, list) else result.to_dict()
        )
        _write_json(arguments.json, content)


def _write_json(path: Path, content: Any) -> None:
    import json

    write_text(path, json.dumps(content, indent=1) + "\n")


def _bench(arguments: argparse.Namespace) -> None:
    import importlib

    folder = source_folder("bench", "_bench", "harness.py")
    if arguments.rounds is not None:
        check_int("--rounds", arguments.rounds, 2, 1000)
    sys.path.insert(0, str(folder))
    names = arguments.only or BENCHES
    modules = [importlib.import_module(f"bench_{name}") for name in names]
    flags = [
        *arguments.only,
        *(["--quick"] if arguments.quick else []),
        *(["--plot", str(arguments.plot)] if arguments.plot else []),
    ]
    importlib.import_module("harness").run_all(
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program's name. Default: those of the process.

    Returns
    -------
    int
        Exit status: 0, 1 on an error that the message explains, 130 on Ctrl-C.
    """
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
        sys.stdout.flush()
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
        if isinstance(error, BrokenPipeError):
            # The reader of our output has gone; nothing to tell it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"randprop: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("randprop: interrupted", file=sys.stderr)
        return 130
    return 0
