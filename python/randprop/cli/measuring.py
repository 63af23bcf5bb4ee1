"""The verbs that measure networks: evaluate and sweep."""

from __future__ import annotations

import argparse
from typing import Any

from randprop.cli.options import (
    NETWORK,
    READOUT,
    add_data,
    add_input_shape,
    add_network,
    add_readout,
    add_stages,
    add_threads,
    data_of,
    given,
    stage_help,
)
from randprop.cli.outputs import add_output
from randprop.cli.parser import Parser, lines_fit
from randprop.cli.values import depths, integer, names, widths
from randprop.datasets import DATASETS
from randprop.datasets.own import is_own
from randprop.network.activations import ACTIVATIONS

__all__ = ["evaluate_verb", "fill_evaluate", "fill_sweep", "sweep_verb"]


def fill_evaluate(verb: Parser) -> None:
    """Add the options of evaluate."""
    verb.add_argument("--layers", type=depths, help="hidden layers: 3, 0-15 or 0,1,5-8 (default 3)")
    add_data(verb)
    add_stages(verb)
    add_input_shape(verb)
    add_network(verb, weight_bits=8)
    add_readout(verb)
    add_threads(verb)
    add_output(verb, "--json", help="also write the result there, - to standard output")


def evaluate_verb(arguments: argparse.Namespace) -> None:
    """Measure one network."""
    from randprop.measure.evaluate import evaluate

    options = given(arguments, "layers", *NETWORK, *READOUT, "input_shape", "n_threads")
    result: Any = evaluate(**options, dataset=data_of(arguments))
    print(result.to_text(lines_fit()))
    if arguments.json is not None:
        several = isinstance(result, list)
        arguments.json.write_json(
            [one.to_dict() for one in result] if several else result.to_dict()
        )


def fill_sweep(verb: Parser) -> None:
    """Add the options of sweep."""
    from randprop.network.weight_shapes import WEIGHTS

    verb.add_argument(
        "--layers", type=depths, default="0-15", help="hidden layers: 3, 0-15 or 0,1,5-8"
    )
    add_data(verb, names)
    verb.add_argument(
        "--width",
        type=widths,
        help=f"units of every matrix, or {stage_help()} (default: the number of features)",
    )
    verb.add_argument("--weight-bits", type=depths, default="8", help="bits of a weight")
    verb.add_argument("--weights", type=names, default="uniform", help=WEIGHTS.listed())
    verb.add_argument("--activation", type=names, default="step", help=ACTIVATIONS.listed())
    add_readout(verb, names, "centroid")
    verb.add_argument("--seeds", type=depths, default="10", help="how many, or a list 0,1,5-8")
    for part in ("train", "test"):
        verb.add_argument(
            f"--n-{part}",
            type=integer,
            help=f"use so many {part}ing samples, evenly spread (default: all)",
        )
    add_output(verb, "--store", help="keep finished cells there (default: in memory)")
    add_output(verb, "--csv", help="write the rows there, - to standard output")
    add_output(verb, "--json", help="also write the rows there, - to standard output")
    verb.add_argument(
        "--jobs",
        dest="n_jobs",
        type=integer,
        metavar="N",
        help="networks at a time, -1: one a CPU (default 1)",
    )
    add_threads(verb)
    verb.add_argument(
        "--scheduler",
        dest="executor",
        metavar="ADDRESS",
        help="of dask, whose workers run networks (default: none, they run here)",
    )
    verb.add_argument("--no-progress", action="store_true", help="show no bar")


def sweep_verb(arguments: argparse.Namespace) -> None:
    """Measure many networks."""
    from randprop.measure.sweep import sweep

    store = arguments.store
    if store is not None and store.is_stream:
        raise ValueError("--store must be a file, got standard output")
    axes = ("layers", "width", "weight_bits", "weights", "activation", "seeds")
    result = sweep(
        **given(arguments, *axes, *READOUT, "n_train", "n_test", "n_jobs", "n_threads"),
        dataset=_datasets(arguments),
        store=None if store is None else store.path,
        progress=not arguments.no_progress,
        executor=arguments.executor,
    )
    print(result.to_text(lines_fit()))
    if arguments.csv is not None:
        arguments.csv.write(result.csv_text())
    if arguments.json is not None:
        arguments.json.write_json(result.to_dict())


def _datasets(arguments: argparse.Namespace) -> Any:
    """Return the names of data sets, or one person's own samples."""
    chosen = [arguments.dataset] if isinstance(arguments.dataset, str) else arguments.dataset
    if len(chosen) > 1 and any(name not in DATASETS and is_own(name) for name in chosen):
        raise ValueError("dataset must be one file or folder of your own, or names of data sets")
    found = [data_of(argparse.Namespace(**{**vars(arguments), "dataset": one})) for one in chosen]
    return found if len(found) > 1 else found[0]
