"""The verbs that measure networks: evaluate and sweep."""

from __future__ import annotations

import argparse
from typing import Any

from randprop.cli.options import (
    HIDDEN_LAYERS,
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
from randprop.cli.outputs import STREAM, add_output
from randprop.cli.parser import Parser, lines_fit
from randprop.cli.values import depths, integer, names, widths
from randprop.datasets import DATASETS
from randprop.datasets.own import is_own
from randprop.network.activations import ACTIVATIONS

__all__ = ["evaluate_verb", "fill_evaluate", "fill_sweep", "sweep_verb"]


def fill_evaluate(verb: Parser) -> None:
    """Add the options of evaluate."""
    verb.add_argument(
        "--layers", type=depths, help=f"{HIDDEN_LAYERS}: 3, 0-15 or 0,1,5-8 (default 3)"
    )
    add_data(verb)
    add_stages(verb)
    add_input_shape(verb)
    add_network(verb, weight_bits=8)
    add_readout(verb)
    add_threads(verb)
    add_output(verb, "--json", help=f"also write the result to this file; {STREAM}")


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
        "--layers", type=depths, default="0-15", help=f"{HIDDEN_LAYERS}: 3, 0-15 or 0,1,5-8"
    )
    add_data(verb, names)
    verb.add_argument(
        "--width",
        type=widths,
        help=f"units of each matrix, or {stage_help()} (default: the number of features)",
    )
    verb.add_argument("--weight-bits", type=depths, default="8", help="bits of each weight")
    verb.add_argument(
        "--weights",
        type=names,
        default="uniform",
        help=f"shape of the weights: {WEIGHTS.listed()}; P is a percentage, K a number of inputs",
    )
    verb.add_argument(
        "--activation", type=names, default="step", help=f"activation: {ACTIVATIONS.listed()}"
    )
    add_readout(verb, names, "centroid")
    verb.add_argument(
        "--seeds", type=depths, default="10", help="number of seeds, or a list such as 0,1,5-8"
    )
    for part, kind in (("train", "training"), ("test", "test")):
        verb.add_argument(
            f"--n-{part}",
            type=integer,
            help=f"number of {kind} samples to use, evenly spread over the data (default: all)",
        )
    add_output(
        verb,
        "--store",
        help="keep the results of finished networks in this file (default: in memory)",
    )
    add_output(verb, "--csv", help=f"write the rows to this file; {STREAM}")
    add_output(verb, "--json", help=f"also write the rows to this file; {STREAM}")
    verb.add_argument(
        "--jobs",
        dest="n_jobs",
        type=integer,
        metavar="N",
        help="number of networks to measure at the same time; -1: one per CPU (default 1)",
    )
    add_threads(verb)
    verb.add_argument(
        "--scheduler",
        dest="executor",
        metavar="ADDRESS",
        help="address of a dask scheduler, whose workers run the networks (default: the networks "
        "run on this machine)",
    )
    verb.add_argument("--no-progress", action="store_true", help="show no progress bar")


def sweep_verb(arguments: argparse.Namespace) -> None:
    """Measure many networks."""
    from randprop.measure.sweep import sweep

    store = arguments.store
    if store is not None and store.is_stream:
        raise ValueError("--store must be a file, got standard output")
    if arguments.executor is not None and arguments.n_jobs is not None:
        raise ValueError("--jobs is for this machine, and cannot be given with --scheduler")
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
        raise ValueError(
            "dataset must be one file or folder of your own, or a list of names of data sets, got "
            f"{','.join(chosen)!r}"
        )
    found = [data_of(argparse.Namespace(**{**vars(arguments), "dataset": one})) for one in chosen]
    return found if len(found) > 1 else found[0]
