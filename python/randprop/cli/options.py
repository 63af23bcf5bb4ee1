"""Options that several verbs have: data, networks, readouts. Defaults are told by the help."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from randprop._tables import printable
from randprop._validation import meant
from randprop.cli.parser import Parser
from randprop.cli.values import alpha, column, integer, shape, stages, thresholds, widths
from randprop.datasets import DATASETS
from randprop.datasets.own import KINDS, OwnData, is_own, read_own
from randprop.model.recipes import RECIPES
from randprop.network.activations import step_names
from randprop.network.stages import STAGES, WEIGHT_BITS
from randprop.readouts.registry import READOUTS

__all__ = [
    "HIDDEN_LAYERS", "NETWORK", "READOUT", "add_data", "add_input_shape", "add_label",
    "add_network", "add_readout", "add_stages", "add_threads", "data_of", "given", "label_of",
    "stage_help",
]  # fmt: skip

NETWORK = ("stages", "scaling", "thresholds", "width", "weight_bits", "activation", "seed")
READOUT = ("readout", "n_neighbors", "alpha")
HIDDEN_LAYERS = "number of hidden layers"  # the help of --layers


def given(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return options by the names that Python has for them."""
    return {name: getattr(arguments, name) for name in names}


def stage_help() -> str:
    """Tell what a stage is."""
    return f"a stage in quotes ({', '.join(STAGES)}), such as 'Conv2D(16, kernel=3)'"


def add_data(verb: Parser, read: Callable[[str], Any] = str) -> None:
    """Add the options that name training and test samples."""
    listed = f"{DATASETS.listed()}; or your own data: {KINDS} (default mnist)"
    verb.add_argument("--dataset", type=read, default="mnist", help=listed)
    verb.add_argument(
        "--test",
        metavar="PATH",
        help="your own test samples, in the same form as --dataset (default: the test samples in "
        "--dataset; if it has none, one sample in five of each class)",
    )
    add_label(verb)


def add_label(verb: Parser, default: str = "default -1") -> None:
    """Add the option that names the labels of a table."""
    verb.add_argument(
        "--label",
        type=column,
        help=f"for a CSV file: the column of the labels, by its name or by its position; 0 is the "
        f"first column, -1 the last ({default})",
    )


def label_of(arguments: argparse.Namespace) -> int | str:
    """Return the column of the labels: the last where none was given."""
    label: int | str | None = arguments.label
    return -1 if label is None else label


def data_of(arguments: argparse.Namespace) -> str | OwnData:
    """Return the name of a data set, or a person's own samples, which are read."""
    name = arguments.dataset
    if name in DATASETS or not is_own(name):
        if name not in DATASETS:
            listed = ", ".join(map(repr, DATASETS))
            raise ValueError(
                f"dataset must be one of {listed}, or {KINDS}, got {name!r}{meant(name, DATASETS)}"
            )
        for option in ("test", "label"):
            if getattr(arguments, option) is not None:
                raise ValueError(f"--{option} is for your own data, not for the data set {name}")
        return str(name)
    data = read_own(name, label=label_of(arguments), test=arguments.test)
    if data.drawn is not None:
        print(
            f"{printable(name)} has no test samples: {len(data.y_test):,} of its "
            f"{len(data.y_train) + len(data.y_test):,} samples are used for the test, one in five "
            f"of each class, drawn with seed {data.drawn}",
            file=sys.stderr,
        )
    return data


def add_stages(verb: Parser, default: str = "the plain network with --layers") -> None:
    """Add the options of networks that are made for data of a kind."""
    verb.add_argument(
        "--stages",
        type=stages,
        help=f"a kind of data ({RECIPES.listed()}), which has stages made for it; or a list of "
        f"stages such as 'Conv2D(256, kernel=7, fan_in=4, pool=2)' (default: {default})",
    )
    verb.add_argument(
        "--scaling",
        help="scaling of the features: range, features or binary (default: depends on the stages)",
    )
    verb.add_argument(
        "--thresholds",
        type=thresholds,
        help="calibrated, or a number that is the bias (default: depends on the stages)",
    )


def add_input_shape(verb: Parser) -> None:
    """Add the shape of images and series that come as rows."""
    verb.add_argument(
        "--input-shape",
        type=shape,
        help="shape of images or series whose samples are rows: height,width,channels or "
        "length,channels (default: the shape in the data, or square images)",
    )


def add_network(verb: Parser, *, weight_bits: int, width: str = "the number of features") -> None:
    """Add the options of the plain network."""
    verb.add_argument(
        "--width",
        type=widths,
        help=f"units of each matrix: one number for all, or a comma-separated list; or "
        f"{stage_help()} (default: {width})",
    )
    verb.add_argument(
        "--weight-bits",
        type=integer,
        default=weight_bits,
        choices=WEIGHT_BITS,
        help="bits of each weight",
    )
    verb.add_argument(
        "--activation",
        default="step",
        choices=step_names(),
        help="how a matrix reads the bits of the matrix before it: as 0 and 1 (step) or as -1 and "
        "1 (sign)",
    )
    verb.add_argument("--seed", type=integer, default=0, help="seed of the weights")


def add_readout(verb: Parser, read: Callable[[str], Any] = str, default: str | None = None) -> None:
    """Add the options of the readout."""
    told = f"readout: {READOUTS.listed()}"
    if default is None:
        told += " (default: centroid, or the readout for the kind of data)"
    verb.add_argument("--readout", type=read, default=default, help=told)
    verb.add_argument(
        "--n-neighbors", type=integer, default=1, help="number of neighbours of readout knn"
    )
    verb.add_argument(
        "--alpha",
        type=alpha,
        default="auto",
        help="penalty of readouts ridge and discriminant: a number above 0, or auto",
    )


def add_threads(verb: Parser) -> None:
    """Add the number of threads."""
    verb.add_argument(
        "--threads",
        dest="n_threads",
        type=integer,
        metavar="N",
        help="number of threads; -2: all CPUs but one (default: all CPUs that the process may use)",
    )
