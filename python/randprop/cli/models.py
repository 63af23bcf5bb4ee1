"""The verbs that make and use models: export, fit and predict."""

from __future__ import annotations

import argparse
import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from randprop._extras import need
from randprop._tables import csv_text, printable, text_table
from randprop._validation import check_int
from randprop._warnings import warn_data
from randprop.cli.options import (
    HIDDEN_LAYERS,
    NETWORK,
    READOUT,
    add_data,
    add_input_shape,
    add_label,
    add_network,
    add_readout,
    add_stages,
    add_threads,
    data_of,
    given,
    label_of,
)
from randprop.cli.outputs import STREAM, add_output
from randprop.cli.parser import Parser, lines_fit
from randprop.cli.values import bits, integer
from randprop.datasets import DATASETS
from randprop.datasets.own import KINDS, is_own, read_parts, read_samples
from randprop.model.recipes import input_dims_of
from randprop.readouts.registry import make_readout
from randprop.readouts.rounding import check_bits

if TYPE_CHECKING:
    from randprop.model.model import Model

__all__ = [
    "export_verb", "fill_export", "fill_fit", "fill_predict", "fit_verb", "predict_verb",
]  # fmt: skip


def fill_export(verb: Parser) -> None:
    """Add the options of export."""
    from randprop.model.exports import EXPORTS

    about = "; ".join(f"{name}: {target.about}" for name, target in EXPORTS.items())
    verb.add_argument("format", choices=tuple(EXPORTS), help=about)
    add_output(
        verb,
        "--out",
        folder=None,
        required=True,
        metavar="PATH",
        help="the file to write; for c, the folder",
    )
    verb.add_argument(
        "--model",
        metavar="PATH",
        help="a model file to export; --dataset then gives the inputs of the self-test (default: "
        "make a network by the options below, and fit its readout)",
    )
    verb.add_argument("--layers", type=integer, default=0, help=HIDDEN_LAYERS)
    add_data(verb)
    add_stages(verb)
    add_input_shape(verb)
    add_network(verb, weight_bits=1)
    add_readout(verb)
    verb.add_argument(
        "--bits",
        dest="readout_bits",
        metavar="BITS",
        type=bits,
        help="round class means or coefficients to this number of bits, or coefficients to "
        "'ternary', which is -1, 0 and 1 (default: no rounding; for c, 4 or 8 bits)",
    )
    verb.add_argument(
        "--self-test",
        type=integer,
        default=4,
        help="for c: number of inputs with known answers in the self-test",
    )
    verb.add_argument(
        "--name",
        help="for c: a prefix for the names of files, functions and macros (default: no prefix)",
    )
    verb.add_argument(
        "--arduino", action="store_true", help="for c: write an Arduino library; needs --name"
    )
    verb.set_defaults(usual={action.dest: action.default for action in verb.added})


def export_verb(arguments: argparse.Namespace) -> None:
    """Fit a network, and write it for elsewhere."""
    from randprop.model.exports import EXPORTS
    from randprop.model.recipes import fit_model

    target = EXPORTS[arguments.format]
    arguments.out.is_folder = target.is_folder
    arguments.out.check("--out")
    own = {name: value for name in ("name", "arduino") if (value := getattr(arguments, name))}
    for name in own:
        if name not in target.options:
            takers = ", ".join(key for key, other in EXPORTS.items() if name in other.options)
            raise ValueError(f"--{name} is for {takers}, not for {arguments.format}")
    if target.package is not None:
        need(target.package, f"export {arguments.format}")  # says so before a model is fitted
    if arguments.readout is not None:
        make_readout(**given(arguments, *READOUT))  # refuses what is none before data are read
    if arguments.readout_bits is not None:
        check_bits("readout_bits", arguments.readout_bits, 1, 8)
    options = given(arguments, "layers", *NETWORK, *READOUT, "input_shape")
    samples = "the test samples"
    if arguments.model is not None:
        model = _stored(arguments, options)
        X_test, y_test, samples = _samples_of(arguments, model)
        images = _first(arguments, X_test)
    else:
        data: Any = data_of(arguments)
        named = DATASETS.get(data) if isinstance(data, str) else None
        X_train, y_train, X_test, y_test = data if named is None else named.load()
        columns_of = None if named is not None else data.feature_names
        images = _first(arguments, X_test)
        if named is not None and input_dims_of(arguments.stages, arguments.width) == 3:
            X_train, X_test, images = map(named.as_images, (X_train, X_test, images))
        model = fit_model(X_train, y_train, feature_names=columns_of, **options)
    if arguments.readout_bits is not None:
        model = model.quantize(readout_bits=arguments.readout_bits)
    elif target.quantized:
        model = model.quantize()
    target.write(model, arguments.out.path, images, **own)
    more = f" ({target.about})" if target.quantized else ""
    out = printable(arguments.out.path)
    print(f"{out}: accuracy {model.score(X_test, y_test):.4f} on {samples}{more}")


def _first(arguments: argparse.Namespace, X: Any) -> Any:
    """Return the inputs of the self-test."""
    return X[: check_int("self_test", arguments.self_test, 1, len(X))]


def _stored(arguments: argparse.Namespace, options: dict[str, Any]) -> Model:
    """Read the model of a file, where no option says what to make."""
    from randprop.loading import load
    from randprop.model.model import as_model

    for name, value in options.items():
        if value != arguments.usual[name]:
            raise ValueError(
                f"{name} cannot be given with --model, which has its own network and readout"
            )
    return as_model(load(arguments.model))


def _samples_of(arguments: argparse.Namespace, model: Model) -> tuple[Any, Any, str]:
    """Return samples to try a model file on, their labels, and what they are."""
    name = arguments.dataset
    samples = "the test samples"
    if name in DATASETS or not is_own(name):
        found = DATASETS[str(data_of(arguments))].load()
        X, y = found.X_test, found.y_test
    else:
        names = model.feature_names
        train, test = read_parts(name, label=label_of(arguments), test=arguments.test, wanted=names)
        X, y = (train.X, train.y) if test is None else (test.X, test.y)
        if test is None:  # who has one file has fitted the model to it
            samples = f"the {len(X):,} samples of {printable(name)}, perhaps its training samples"
    n_features = model.network.n_features
    if math.prod(X.shape[1:]) != n_features:
        raise ValueError(
            f"dataset must have samples of {n_features} features, as the model expects, got "
            f"{printable(name)}, whose samples have {math.prod(X.shape[1:])}"
        )
    return X, y, samples


def fill_fit(verb: Parser) -> None:
    """Add the options of fit."""
    verb.add_argument("dataset", metavar="DATA", help=f"{KINDS}; or {DATASETS.listed()}")
    add_output(verb, "--out", required=True, help="the model file to write")
    verb.add_argument(
        "--test",
        metavar="PATH",
        help="test samples, in the same form as DATA (default: the test samples in DATA, if any)",
    )
    add_label(verb)
    verb.add_argument("--layers", type=integer, default=0, help=HIDDEN_LAYERS)
    add_stages(
        verb, "images if the samples are images, else table; with --layers, the plain network"
    )
    add_input_shape(verb)
    add_network(verb, weight_bits=8, width="1024")
    add_readout(verb)
    add_threads(verb)
    verb.also = {"random_state": "seed", "n_jobs": "n_threads"}  # as scikit-learn calls them


def fit_verb(arguments: argparse.Namespace) -> None:
    """Fit a classifier to samples, and save it."""
    from randprop.estimators.step_classifier import StepClassifier
    from randprop.model.files import save

    if arguments.out.is_stream:
        raise ValueError("--out must be a file, got standard output")
    X, y, names, test = _to_fit(arguments)
    options = given(arguments, "layers", *NETWORK, *READOUT, "input_shape")
    plain = options["layers"] > 0 or not isinstance(options["width"], (int, type(None)))
    if options["stages"] is None and not plain:
        options["stages"] = "images" if np.ndim(X) > 2 else "table"
    if options["width"] is None:
        del options["width"]
    seed, threads = options.pop("seed"), arguments.n_threads
    classifier = StepClassifier(random_state=seed, n_jobs=threads, **options).fit(X, y)
    if names is not None:
        classifier.feature_names_in_ = np.array(names, dtype=object)
    save(classifier, arguments.out.path)
    n_classes = len(classifier.classes_)
    if classifier.classes_.dtype.kind in "iuf" and n_classes > max(20, len(y) // 4):
        warn_data(
            f"the labels are {n_classes:,} different numbers in {len(y):,} samples, and each is "
            "a class; to predict a number, use randprop.StepRegressor in Python"
        )
    text = (
        f"{printable(arguments.out.path)}: {classifier.n_features_in_:,} features, "
        f"{len(classifier.classes_):,} classes, {len(y):,} training samples"
    )
    if isinstance(options["stages"], str):
        text += f", stages {options['stages']}"
    if test is not None:
        right = classifier.model_.score(*test)
        text += f"; accuracy {right:.4f} on {len(test[1]):,} test samples"
    print(text)


def _to_fit(arguments: argparse.Namespace) -> tuple[Any, Any, Any, tuple[Any, Any] | None]:
    """Return features, labels, names of the features, and what tests, if there is something."""
    name = arguments.dataset
    if name in DATASETS:
        named: Any = data_of(arguments)
        found = DATASETS[named].load()
        images = [DATASETS[named].as_images(X) for X in (found.X_train, found.X_test)]
        return images[0], found.y_train, None, (images[1], found.y_test)
    train, test = read_parts(name, label=label_of(arguments), test=arguments.test)
    return train.X, train.y, train.feature_names, None if test is None else (test.X, test.y)


def fill_predict(verb: Parser) -> None:
    """Add the options of predict."""
    verb.add_argument(
        "model", metavar="MODEL", help="a model file, written by 'fit' or by 'export model'"
    )
    verb.add_argument("dataset", metavar="DATA", help=f"{KINDS}, with labels or without")
    add_label(verb, "default: no labels; with labels, the accuracy is printed")
    verb.add_argument("--scores", action="store_true", help="also give the score of each class")
    add_output(
        verb, "--csv", help=f"write a table to this file; {STREAM} (default: print the labels)"
    )


def predict_verb(arguments: argparse.Namespace) -> None:
    """Label samples by a model."""
    from randprop.loading import load
    from randprop.model.model import as_model

    model = as_model(load(arguments.model))
    samples = read_samples(arguments.dataset, label=arguments.label, wanted=model.feature_names)
    n_features = int(np.prod(np.shape(samples.X)[1:]))
    if n_features == model.network.n_features + 1 and np.ndim(samples.X) == 2:
        raise ValueError(
            f"{arguments.dataset} has {n_features} columns, one more than the model has features: "
            "if one column holds labels, name it with --label"
        )
    features = model.propagate(samples.X)
    predicted = model.readout.predict(features)
    names, cells = [], []
    if samples.files is not None:
        names.append("file")
        cells.append(list(samples.files))
    names.append("label")
    cells.append(predicted.tolist())
    if arguments.scores:
        scores = model.readout.scores(features)
        names += [f"score {label}" for label in model.classes_.tolist()]
        cells += scores.T.tolist()
    rows = list(zip(*cells, strict=True))
    if arguments.csv is not None:
        arguments.csv.write(csv_text(names, rows, end="\n"))
    else:
        _print_rows(names, rows)
    if samples.y is not None:
        right = model.score(samples.X, samples.y)
        print(f"accuracy {right:.4f} on {len(predicted):,} samples", file=sys.stderr)


def _print_rows(names: list[str], rows: list[tuple[Any, ...]]) -> None:
    """Print labels alone one a line, and other rows as a table."""
    if len(names) == 1:
        for (label,) in rows:
            print(printable(label))
        return
    shown = [[f"{c:.6g}" if isinstance(c, float) else str(c) for c in row] for row in rows]
    print(text_table([names, *shown], left=(0,), columns=lines_fit()))
