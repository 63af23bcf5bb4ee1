"""Everything public, found by looking, and one working call of each."""

from __future__ import annotations

import functools
import inspect
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import randprop
from randprop import (
    BitMatrix,
    Centroids,
    Conv1D,
    Conv2D,
    Dense,
    DiscriminantReadout,
    HammingNeighbors,
    Model,
    RidgeReadout,
    StepClassifier,
    StepNetwork,
    StepRegressor,
    StepTransformer,
    theory,
)

# What the library fills in and gives back, or warns with; nobody constructs them.
RECORDS = {
    "Evaluation", "Evaluations", "RandpropDataWarning", "datasets.CsvTable", "datasets.Dataset",
    "theory.CosineStatistics", "theory.OverlapStatistics", "theory.Prediction",
}  # fmt: skip
# What the package's own parts say to each other about readouts and stages.
PLUMBING = {
    "add", "add_parts", "advance", "arrays", "block_rows", "check_features", "check_fitted",
    "check_groups", "check_takes_samples", "core", "described", "fresh", "from_arrays",
    "inputs_a_unit", "keeps_zeros", "levels", "majority", "map_values", "max_samples",
    "merged_sums", "more_sums", "n_positions", "n_units", "outside", "set_sums",
}  # fmt: skip
# What refuses whatever comes, or does not look at it.
NOT_ASKED = {
    "Dense.output_shape", "QuantizedReadout.quantize",
    "HammingNeighbors.quantize", "QuantizedReadout.fit", "QuantizedReadout.merge",
    "QuantizedReadout.partial_fit",
}  # fmt: skip
# The rule for all: a wrong argument raises one of these, and a path that cannot be read or written
# the third. "Raises" names what else can happen.
ALWAYS = {"TypeError", "ValueError"}
OF_PATHS = {"OSError"}


@dataclass(frozen=True)
class Entry:
    """A public function, method or constructor, as its docstring describes it."""

    name: str
    documented: dict[str, str]  # parameter -> type
    signature: tuple[str, ...]
    raises: frozenset[str]


@dataclass
class Call:
    """A call that works; `owner` is what a call that fails must leave as it was."""

    function: Callable[..., Any]
    arguments: dict[str, Any]
    owner: Any = None


def _section(doc: str, title: str) -> list[str]:
    """Lines of a numpydoc section that are not indented: its entries."""
    found = re.search(rf"^{title}\n-+\n(.*?)(?:\n\n[A-Z][\w ]*\n-+\n|\Z)", doc, re.S | re.M)
    return [] if found is None else [s for s in found[1].split("\n") if s and s[0] != " "]


def _entry(name: str, function: Any, doc: str | None) -> Entry:
    doc = doc or ""
    documented = {}
    for line in _section(doc, "Parameters"):
        names, _, kind = line.partition(" : ")
        for parameter in names.split(", "):
            documented[parameter.lstrip("*")] = kind
    raises = [part.strip() for line in _section(doc, "Raises") for part in line.split(",")]
    signature = tuple(p for p in inspect.signature(function).parameters if p != "self")
    of_paths = OF_PATHS if any("path-like" in kind for kind in documented.values()) else set()
    return Entry(name, documented, signature, frozenset(raises) | ALWAYS | of_paths)


def _members(name: str, owner: Any) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    if inspect.ismodule(owner):
        for child in owner.__all__:
            found |= _members(f"{name}.{child}".lstrip("."), getattr(owner, child))
    elif inspect.isclass(owner):
        if name not in RECORDS:
            found[name] = _entry(name, owner, inspect.getdoc(owner))
        for child, member in inspect.getmembers(owner, callable):
            ours = getattr(member, "__module__", None) or ""
            if child.startswith("_") or child in PLUMBING or f"{name}.{child}" in NOT_ASKED:
                continue
            if ours.startswith("randprop"):
                found[f"{name}.{child}"] = _entry(f"{name}.{child}", member, inspect.getdoc(member))
    elif callable(owner):
        found[name] = _entry(name, owner, inspect.getdoc(owner))
    return found


def discover(package: ModuleType = randprop) -> dict[str, Entry]:
    """Return every public function, method and constructor by its name under the package."""
    return _members("", package)


# --- a working call of each ------------------------------------------------------------------

_RNG = np.random.default_rng(5)
X = _RNG.integers(0, 256, (12, 20), dtype=np.uint8)
Y = np.arange(12) % 3
BITS = BitMatrix.from_array(_RNG.integers(0, 2, (12, 70), dtype=np.uint8))
NETWORK = StepNetwork(20, 1, width=24, seed=3)
DATASET = (X, Y, X[:6], Y[:6])
_RAW = BITS.to_array()


def _centroids() -> Centroids:
    return Centroids().fit(BITS, Y)


def _ridge() -> RidgeReadout:
    return RidgeReadout().fit(BITS, Y)


def _discriminant() -> DiscriminantReadout:
    return DiscriminantReadout().fit(BITS, Y)


def _neighbors() -> HammingNeighbors:
    return HammingNeighbors(2).fit(BITS, Y)


def _model() -> Model:
    return Model(NETWORK, Centroids().fit(NETWORK.propagate(X), Y))


def _statistics() -> Any:
    return theory.cosine_statistics(X, Y, X, Y)


def _overlaps() -> Any:
    return theory.overlap_statistics(X > 99, Y, X > 99, Y)


def _saved(folder: Path) -> Path:
    path = folder / "saved.safetensors"
    randprop.save(_model(), path)
    return path


def _idx(folder: Path) -> dict[str, Path]:
    images, labels = folder / "images", folder / "labels"
    images.write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 1, 2, 3, 4]))
    labels.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]))
    return {"images": images, "labels": labels}


def _csv(folder: Path) -> Path:
    (folder / "table.csv").write_text("a,kind,b\n1,x,2\n3,y,4.5\n")
    return folder / "table.csv"


def _images(folder: Path) -> Path:
    from PIL import Image

    for number in range(10):
        (folder / "images" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(X[number].reshape(4, 5))
        picture.save(folder / "images" / "ab"[number % 2] / f"{number}.png")
    return folder / "images"


def _method(make: Callable[[], Any], name: str, **arguments: Any) -> Callable[[Path], Call]:
    def call(folder: Path) -> Call:
        owner = make()
        return Call(getattr(owner, name), arguments, owner)

    return call


def _plain(function: Callable[..., Any], **arguments: Any) -> Callable[[Path], Call]:
    return lambda folder: Call(function, arguments)


def _constructed_and_used(make: type, **arguments: Any) -> Callable[[Path], Call]:
    """Estimators of scikit-learn check their arguments in `fit`; so do counting readouts."""

    def used(**given: Any) -> Any:
        made = make(**given)
        if hasattr(made, "transform"):
            return made.fit(X, Y).transform(X)
        if hasattr(made, "get_params"):
            return made.fit(X, Y).predict(X)
        return made.fit(BITS, Y).predict(BITS)

    return lambda folder: Call(used, arguments)


def _written(function: Callable[..., Any], **arguments: Any) -> Callable[[Path], Call]:
    """A function that writes `path`: its result is what stands there."""

    def write(**given: Any) -> Any:
        function(**given)
        path = Path(given["path"])
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        return [(file.name, file.read_bytes()) for file in files if file.is_file()]

    return lambda folder: Call(write, {**arguments, "path": folder / "out"})


def _loader(name: str) -> Callable[[Path], Call]:
    """A loader whose data are in no folder here: it must say so rather than go to the network."""

    def refuse(folder: Path) -> Call:
        def load(**given: Any) -> Any:
            from unittest import mock

            with mock.patch("urllib.request.urlopen", side_effect=OSError("no network in tests")):
                try:
                    return getattr(randprop.datasets, name)(**given)
                except OSError as error:
                    there = given["data_home"] is None or Path(given["data_home"]).is_dir()
                    if there and "could not be downloaded" in str(error):
                        return str(error).partition(" is not at ")[0]
                    raise

        return Call(load, {"data_home": folder})

    return refuse


def _estimator(make: type, name: str, **arguments: Any) -> Callable[[Path], Call]:
    def call(folder: Path) -> Call:
        readout = {"readout": "knn"} if name == "predict_proba" else {}
        owner = make(width=24, **readout).fit(X, Y)
        return Call(getattr(owner, name), arguments, owner)

    return call


@functools.cache
def _sweep() -> randprop.SweepResult:
    return randprop.sweep(**_SWEEP)


@functools.cache
def _timed() -> randprop.Evaluations:
    """Return evaluations whose seconds are the same in every call."""
    return _depths()


def _depths() -> randprop.Evaluations:
    return randprop.evaluate([0, 1], dataset=DATASET)


_SWEEP = {"layers": [0, 1], "dataset": DATASET, "width": 16, "seeds": 1, "progress": False}


def _scaled(**given: Any) -> Any:
    """Scaling looks at its arguments together: ranges that are known need no data."""
    return randprop.Scaling(**given).fit(X).transform(X)


def _scaling() -> randprop.Scaling:
    return randprop.Scaling("features", trim=0.1).fit(X)


CALLS: dict[str, Callable[[Path], Call]] = {
    "BinaryScaling": _plain(
        lambda **given: randprop.BinaryScaling(**given).transform(X), level=9.5
    ),
    "BinaryScaling.transform": _method(lambda: randprop.BinaryScaling(99), "transform", X=X),
    "LinearScaling": _plain(
        lambda **given: randprop.LinearScaling(**given).transform(X),
        low=np.arange(20.0),
        high=np.arange(20.0) + 100,
    ),
    "LinearScaling.transform": _method(lambda: randprop.LinearScaling(3, 99), "transform", X=X),
    "Scaling": _plain(
        _scaled, kind="features", trim=0.25, low=np.arange(20.0), high=np.arange(20.0) + 100
    ),
    "Scaling.fit": _method(_scaling, "fit", X=X),
    "Scaling.merge": _method(_scaling, "merge", other=_scaling()),
    "Scaling.partial_fit": _method(_scaling, "partial_fit", X=X),
    "Scaling.transform": _method(_scaling, "transform", X=X),
    "StepClassifier.prepare": _estimator(StepClassifier, "prepare", X=X, y=Y),
    "StepTransformer.prepare": _estimator(StepTransformer, "prepare", X=X, y=Y),
    "BitMatrix": _plain(BitMatrix, words=np.array(BITS.words), n_bits=70),
    "BitMatrix.from_array": _plain(BitMatrix.from_array, A=_RAW),
    "BitMatrix.from_packbits": _plain(
        BitMatrix.from_packbits, packed=np.packbits(_RAW, axis=1, bitorder="little"), n_bits=70
    ),
    "BitMatrix.popcount": _method(lambda: BITS, "popcount"),
    "BitMatrix.to_array": _method(lambda: BITS, "to_array"),
    "BitMatrix.to_packbits": _method(lambda: BITS, "to_packbits"),
    "Centroids": _constructed_and_used(Centroids, metric="hamming", n_threads=2),
    "Centroids.distances": _method(_centroids, "distances", bits=BITS),
    "Centroids.fit": _method(_centroids, "fit", bits=BITS, y=Y),
    "Centroids.merge": _method(_centroids, "merge", other=_centroids()),
    "Centroids.partial_fit": _method(
        _centroids, "partial_fit", bits=BITS, y=Y, classes=np.arange(4)
    ),
    "Centroids.predict": _method(_centroids, "predict", bits=BITS),
    "Centroids.scores": _method(_centroids, "scores", bits=BITS),
    "Centroids.quantize": _method(_centroids, "quantize", bits=3),
    "Centroids.with_metric": _method(_centroids, "with_metric", metric="cosine"),
    "Conv1D": _plain(
        Conv1D,
        channels=4,
        kernel=3,
        stride=2,
        padding=1,
        dilation=2,
        fan_in=2,
        thresholds=np.array([5, -3, 0, 9]),
        pool=2,
    ),
    "Conv1D.output_shape": _method(lambda: Conv1D(4, 3), "output_shape", series=(8, 2)),
    "Conv2D": _plain(
        Conv2D,
        channels=4,
        kernel=3,
        stride=2,
        padding=1,
        dilation=2,
        fan_in=2,
        thresholds=np.array([5, -3, 0, 9]),
        pool=2,
    ),
    "Conv2D.output_shape": _method(lambda: Conv2D(4, 3), "output_shape", image=(8, 6, 1)),
    "Dense": _plain(Dense, units=4, weight_bits=4, thresholds=np.array([5, -3, 0, 9])),
    "Evaluation.plot": _method(lambda: randprop.evaluate(0, dataset=DATASET), "plot", ax=None),
    "Evaluation.to_dict": _method(lambda: randprop.evaluate(0, dataset=DATASET), "to_dict"),
    "Evaluation.to_text": _method(lambda: _timed()[0], "to_text", columns=60),
    "Evaluations.to_text": _method(lambda: _timed(), "to_text", columns=60),
    "SweepResult.csv_text": _method(lambda: _sweep(), "csv_text"),
    "SweepResult.to_text": _method(lambda: _sweep(), "to_text", columns=60),
    "Evaluation.to_pandas": _method(lambda: randprop.evaluate(0, dataset=DATASET), "to_pandas"),
    "Evaluations.plot": _method(lambda: _depths(), "plot", metric="variance_units"),
    "Evaluations.to_pandas": _method(lambda: _depths(), "to_pandas"),
    "HammingNeighbors": _constructed_and_used(HammingNeighbors, n_neighbors=3, n_threads=2),
    "HammingNeighbors.fit": _method(_neighbors, "fit", bits=BITS, y=Y),
    "HammingNeighbors.kneighbors": _method(_neighbors, "kneighbors", bits=BITS, n_neighbors=3),
    "HammingNeighbors.merge": _method(_neighbors, "merge", other=_neighbors()),
    "HammingNeighbors.partial_fit": _method(
        _neighbors, "partial_fit", bits=BITS, y=Y, classes=np.arange(4)
    ),
    "HammingNeighbors.predict": _method(_neighbors, "predict", bits=BITS),
    "HammingNeighbors.predict_proba": _method(_neighbors, "predict_proba", bits=BITS),
    "HammingNeighbors.scores": _method(_neighbors, "scores", bits=BITS),
    "Model": _plain(
        Model,
        network=NETWORK,
        readout=_model().readout,
        input_range=(0.0, 255.0),
        feature_names=tuple(f"column {i}" for i in range(20)),
    ),
    "Model.predict": _method(_model, "predict", X=X),
    "Model.propagate": _method(_model, "propagate", X=X, n_threads=2),
    "Model.quantize": _method(_model, "quantize", readout_bits=3, centroid_bits=3, ridge_bits=5),
    "Model.score": _method(_model, "score", X=X, y=Y),
    "QuantizedReadout": _plain(
        lambda **given: randprop.QuantizedReadout(**given).decision_function(BITS),
        codes=_RNG.integers(0, 16, (3, 70)),
        bias=np.array([5, -7, 2]),
        classes=np.array([1, 4, 9]),
        bits=4,
        offset=8,
        multiplier=3,
        scale=0.5,
        n_threads=2,
    ),
    "QuantizedReadout.decision_function": _method(
        lambda: _centroids().quantize(4), "decision_function", bits=BITS
    ),
    "QuantizedReadout.predict": _method(lambda: _centroids().quantize(4), "predict", bits=BITS),
    "QuantizedReadout.scores": _method(lambda: _centroids().quantize(4), "scores", bits=BITS),
    "DiscriminantReadout": _constructed_and_used(DiscriminantReadout, alpha=2.0, n_threads=2),
    "DiscriminantReadout.decision_function": _method(_discriminant, "decision_function", bits=BITS),
    "DiscriminantReadout.fit": _method(_discriminant, "fit", bits=BITS, y=Y),
    "DiscriminantReadout.merge": _method(_discriminant, "merge", other=_discriminant()),
    "DiscriminantReadout.partial_fit": _method(
        _discriminant, "partial_fit", bits=BITS, y=Y, classes=np.arange(4)
    ),
    "DiscriminantReadout.predict": _method(_discriminant, "predict", bits=BITS),
    "DiscriminantReadout.predict_proba": _method(_discriminant, "predict_proba", bits=BITS),
    "DiscriminantReadout.scores": _method(_discriminant, "scores", bits=BITS),
    "DiscriminantReadout.quantize": _method(_discriminant, "quantize", bits=6),
    "RidgeReadout": _constructed_and_used(RidgeReadout, alpha=2.0, n_threads=2),
    "RidgeReadout.decision_function": _method(_ridge, "decision_function", bits=BITS),
    "RidgeReadout.fit": _method(_ridge, "fit", bits=BITS, y=Y),
    "RidgeReadout.merge": _method(_ridge, "merge", other=_ridge()),
    "RidgeReadout.partial_fit": _method(
        _ridge, "partial_fit", bits=BITS, y=Y, classes=np.arange(4)
    ),
    "RidgeReadout.predict": _method(_ridge, "predict", bits=BITS),
    "RidgeReadout.scores": _method(_ridge, "scores", bits=BITS),
    "RidgeReadout.quantize": _method(_ridge, "quantize", bits=6),
    "StepClassifier": _constructed_and_used(
        StepClassifier,
        layers=1,
        width=(Conv2D(2, 3), 24),
        weight_bits=4,
        activation="sign",
        thresholds=0.1,
        readout="centroid",
        metric="cosine",
        n_neighbors=2,
        alpha=2.0,
        input_range=(0.0, 255.0),
        input_shape=(5, 4, 1),
        random_state=3,
        n_jobs=2,
    ),
    "StepClassifier.decision_function": _estimator(StepClassifier, "decision_function", X=X),
    "StepClassifier.fit": _estimator(StepClassifier, "fit", X=X, y=Y),
    "StepClassifier.partial_fit": _estimator(
        StepClassifier, "partial_fit", X=X, y=Y, classes=np.arange(4)
    ),
    "StepClassifier.predict": _estimator(StepClassifier, "predict", X=X),
    "StepClassifier.predict_proba": _estimator(StepClassifier, "predict_proba", X=X),
    "StepClassifier.score": _estimator(
        StepClassifier, "score", X=X, y=Y, sample_weight=np.arange(1, 13)
    ),
    "StepNetwork": _plain(
        StepNetwork,
        n_features=48,
        layers=1,
        width=(Conv2D(4, 3), 24),
        weight_bits=4,
        activation="sign",
        seed=7,
        input_shape=(8, 6, 1),
    ),
    "StepNetwork.calibrate": _method(lambda: NETWORK, "calibrate", X=X, n_threads=2),
    "StepNetwork.dilations": _method(lambda: NETWORK, "dilations", m=1),
    "StepNetwork.thresholds": _method(lambda: NETWORK, "thresholds", m=1),
    "StepNetwork.propagate": _method(lambda: NETWORK, "propagate", X=X, n_threads=2),
    "StepNetwork.propagate_all": _method(lambda: NETWORK, "propagate_all", X=X, n_threads=2),
    "StepNetwork.propagate_stage": _method(
        lambda: NETWORK, "propagate_stage", m=0, X=X, n_threads=2
    ),
    "StepNetwork.summary": _method(lambda: NETWORK, "summary"),
    "StepNetwork.weights": _method(lambda: NETWORK, "weights", m=1),
    "StepRegressor": _constructed_and_used(
        StepRegressor,
        layers=1,
        width=(Conv2D(2, 3), 24),
        weight_bits=4,
        activation="sign",
        stages=None,
        thresholds=0.1,
        alpha=2.0,
        input_range=(0.0, 255.0),
        input_shape=(5, 4, 1),
        random_state=3,
        n_jobs=2,
    ),
    "StepRegressor.fit": _estimator(StepRegressor, "fit", X=X, y=Y / 4),
    "StepRegressor.partial_fit": _estimator(StepRegressor, "partial_fit", X=X, y=Y / 4),
    "StepRegressor.predict": _estimator(StepRegressor, "predict", X=X),
    "StepRegressor.prepare": _estimator(StepRegressor, "prepare", X=X, y=Y),
    "StepTransformer": _constructed_and_used(
        StepTransformer,
        layers=1,
        width=(Conv2D(2, 3), 24),
        weight_bits=4,
        activation="sign",
        thresholds=0.1,
        output="packed",
        input_range=(0.0, 255.0),
        input_shape=(5, 4, 1),
        random_state=3,
        n_jobs=2,
    ),
    "StepTransformer.fit": _estimator(StepTransformer, "fit", X=X, y=Y),
    "StepTransformer.fit_transform": _estimator(StepTransformer, "fit_transform", X=X, y=Y),
    "StepTransformer.transform": _estimator(StepTransformer, "transform", X=X),
    "SweepResult": lambda folder: Call(randprop.SweepResult, {"rows": list(_sweep())}),
    "SweepResult.plot": _method(_sweep, "plot", metric="accuracy"),
    "SweepResult.summary": _method(_sweep, "summary", metric="accuracy"),
    "SweepResult.to_csv": lambda folder: _written(_sweep().to_csv)(folder),
    "SweepResult.to_dict": _method(_sweep, "to_dict"),
    "SweepResult.to_pandas": _method(_sweep, "to_pandas"),
    "SweepResult.where": _method(_sweep, "where", layers=1),
    "apply_weights": _plain(
        randprop.apply_weights,
        X=X,
        W=_RNG.integers(-9, 10, (5, 20)),
        activation="sign",
        n_threads=2,
    ),
    "bit_chunks": _plain(
        lambda **given: list(randprop.bit_chunks(**given)), A=_RAW, y=Y, chunk_size=5
    ),
    "datasets.load": _plain(randprop.datasets.load, name="digits"),
    "datasets.load_cifar10": _loader("load_cifar10"),
    "datasets.load_csv": lambda folder: Call(
        randprop.datasets.load_csv,
        {"path": _csv(folder), "label": 1, "header": True, "delimiter": ","},
    ),
    "datasets.load_digits": _plain(randprop.datasets.load_digits),
    "datasets.load_fashion_mnist": _loader("load_fashion_mnist"),
    "datasets.load_idx": lambda folder: Call(randprop.datasets.load_idx, dict(_idx(folder))),
    "datasets.load_images": lambda folder: Call(
        randprop.datasets.load_images, {"folder": _images(folder), "size": (4, 5), "seed": 3}
    ),
    "datasets.load_kmnist": _loader("load_kmnist"),
    "datasets.load_mnist": _plain(randprop.datasets.load_mnist),
    "evaluate": _plain(
        randprop.evaluate,
        layers=[0, 1],
        dataset=DATASET,
        width=(Conv2D(2, 3), 16),
        weight_bits=4,
        activation="sign",
        thresholds=0.1,
        seed=7,
        readout="majority",
        metric="euclidean",
        n_neighbors=2,
        alpha=2.0,
        input_shape=(5, 4, 1),
        n_threads=2,
    ),
    "evaluate_parallel": lambda folder: Call(
        randprop.evaluate_parallel,
        {
            "model": _model(),
            "X": X,
            "y": Y,
            "chunk_size": 5,
            "progress": False,
            "executor": None,
            "n_jobs": 1,
        },
    ),
    "export_c": lambda folder: _written(
        randprop.export_c,
        model=_model(),
        readout_bits=3,
        centroid_bits=3,
        ridge_bits=5,
        self_test=2,
        name="x",
        arduino=True,
        units="seed",
    )(folder),
    "export_onnx": lambda folder: _written(randprop.export_onnx, model=_model(), matmul="integer")(
        folder
    ),
    "fit_parallel": lambda folder: _plain(
        randprop.fit_parallel,
        network=NETWORK,
        X=X,
        y=Y,
        readout="ridge",
        metric="euclidean",
        n_neighbors=2,
        alpha=2.0,
        input_range=(0.0, 255.0),
        chunk_size=5,
        resume=folder / "sums.npz",
        progress=False,
        executor=None,
        n_jobs=1,
    )(folder),
    "load": lambda folder: Call(randprop.load, {"path": _saved(folder)}),
    "reference.centroid_counts": _plain(
        randprop.reference.centroid_counts, bits=_RAW, codes=Y, n_classes=3
    ),
    "reference.centroid_distances": _plain(
        randprop.reference.centroid_distances,
        bits=_RAW,
        counts=_centroids().counts_,
        n_samples=_centroids().n_samples_,
    ),
    "reference.count_windows": _plain(
        randprop.reference.count_windows, bits=_RNG.integers(0, 2, (2, 6, 5, 2)), grid=(2, 3)
    ),
    "reference.drawn_dilations": _plain(
        randprop.reference.drawn_dilations, n_units=5, layer=1, kernel=3, length=30, seed=7
    ),
    "reference.drawn_thresholds": _plain(
        randprop.reference.drawn_thresholds, n_units=5, layer=1, bias=30, seed=7
    ),
    "reference.few_inputs": _plain(
        randprop.reference.few_inputs, n_in=9, n_out=4, layer=1, fan_in=3, seed=7
    ),
    "reference.propagate_stages": _plain(
        randprop.reference.propagate_stages,
        X=X,
        stages=[{"kind": "Dense", "units": 4, "fan_in": 3}],
        input_shape=(20,),
        weight_bits=8,
        activation="sign",
        seed=7,
        calibrate=True,
    ),
    "reference.convolve": _plain(
        randprop.reference.convolve,
        x=_RNG.integers(0, 9, (2, 6, 5, 2)),
        w=_RNG.integers(-9, 10, (3, 18)),
        kernel=3,
        stride=2,
        padding=1,
    ),
    "reference.float_preactivations": _plain(
        randprop.reference.float_preactivations,
        x=X,
        w=_RNG.integers(-9, 10, (3, 20)),
        weight_bits=8,
    ),
    "reference.float_propagate": _plain(
        randprop.reference.float_propagate, X=X, widths=[9, 8], activation="sign", seed=7
    ),
    "reference.gram": _plain(randprop.reference.gram, bits=_RAW),
    "reference.hamming_neighbors": _plain(
        randprop.reference.hamming_neighbors, train=_RAW, queries=_RAW[:5], n_neighbors=3
    ),
    "reference.philox4x32_10": _plain(
        randprop.reference.philox4x32_10, counter=[1, 2, 3, 4], key=[5, 6]
    ),
    "reference.preactivations": _plain(
        randprop.reference.preactivations,
        x=_RNG.integers(-9, 10, (4, 20)),
        w=_RNG.integers(-9, 10, (3, 20)),
    ),
    "reference.propagate": _plain(
        randprop.reference.propagate, X=X, widths=[9, 8], weight_bits=4, activation="sign", seed=7
    ),
    "reference.weights": _plain(
        randprop.reference.weights, n_in=5, n_out=6, layer=1, weight_bits=4, seed=7
    ),
    "save": lambda folder: _written(randprop.save, model=_model())(folder),
    "show_config": _plain(randprop.show_config, mode="dict"),
    "sweep": lambda folder: Call(
        randprop.sweep,
        {
            **_SWEEP,
            "weight_bits": 8,
            "weights": "gaussian",
            "activation": "sign",
            "readout": "majority",
            "metric": "euclidean",
            "n_neighbors": 2,
            "alpha": 2.0,
            "input_shape": (5, 4, 1),
            "n_train": 9,
            "n_test": 5,
            "store": folder / "store.sqlite",
            "executor": None,
            "n_jobs": 1,
            "n_threads": 2,
        },
    ),
    "to_bytes": _plain(randprop.to_bytes, X=X, input_range=(0.0, 255.0)),
    "show.bits": lambda folder: Call(
        randprop.show.bits,
        {"network": _model(), "x": X[0], "classes": ["a", "b", "c"][: len(set(Y))]},
    ),
    "show.class_means": _plain(
        randprop.show.class_means,
        means=np.array([[0.5, 1, 2, 3], [3, 2, 1, 0]]),
        shape=(2, 2),
        classes=["a", "b"],
    ),
    "show.confusion": _plain(
        randprop.show.confusion, matrix=np.array([[3, 1], [0, 2]]), classes=["a", "b"], ax=None
    ),
    "show.depth": lambda folder: Call(
        randprop.show.depth,
        {"results": randprop.evaluate(layers=[0, 1], dataset="digits"), "ax": None},
    ),
    "show.flips": lambda folder: Call(
        randprop.show.flips, {"network": _model(), "x": X[0], "feature": 3}
    ),
    "show.scores": _plain(
        randprop.show.scores,
        values=np.array([[0.5, 1.5], [2.0, 1.0]]),
        labels=np.array([0, 1]),
        ax=None,
    ),
    "show.weights": lambda folder: Call(
        randprop.show.weights, {"network": _model(), "m": 0, "n": 4}
    ),
    "theory.cosine_statistics": _plain(
        theory.cosine_statistics, X_train=X, y_train=Y, X_test=X[:6], y_test=Y[:6], max_pairs=50
    ),
    "theory.depth_scale": _plain(theory.depth_scale, activation="sign"),
    "theory.few_input_activity": _plain(
        theory.few_input_activity, a=np.array([0.4, 0.5]), fan_in=3, bias=1
    ),
    "theory.few_input_kernel": _plain(
        theory.few_input_kernel,
        a=np.array([0.4, 0.5]),
        b=np.array([0.5, 0.6]),
        c=np.array([0.2, 0.3]),
        fan_in=3,
        bias=1,
    ),
    "theory.fixed_point": _plain(theory.fixed_point, activation="sign"),
    "theory.half_depth": _plain(
        theory.half_depth, layers=[0, 2, 4], accuracy=[0.9, 0.6, 0.2], level=0.4
    ),
    "theory.iterate": _plain(
        theory.iterate, c=np.array([0.2, 0.9]), n_matrices=3, activation="sign"
    ),
    "theory.kernel": _plain(theory.kernel, c=np.array([0.2, 0.9]), activation="sign"),
    "theory.noise_overlap": _plain(theory.noise_overlap, m=0.3, activation="sign"),
    "theory.overlap_statistics": _plain(
        theory.overlap_statistics, X_train=X > 99, y_train=Y, X_test=X > 99, y_test=Y, max_pairs=5
    ),
    "theory.predict": lambda folder: Call(
        theory.predict,
        {
            "statistics": _overlaps(),
            "layers": [0, 1],
            "width": 30,
            "activation": "sign",
            "fan_in": 2,
            "bias": 1,
            "n_draws": 2,
        },
    ),
    "theory.slope": _plain(theory.slope, c=np.array([0.2, 0.9]), activation="sign"),
    "theory.width_for": lambda folder: Call(
        theory.width_for,
        {
            "depth": 1,
            "accuracy": 0.2,
            "statistics": _overlaps(),
            "activation": "sign",
            "fan_in": 2,
            "bias": 1,
            "n_draws": 2,
        },
    ),
}


def same(a: Any, b: Any) -> bool:
    """Whether two results say the same; times are not compared."""
    if isinstance(a, BitMatrix) or isinstance(b, BitMatrix):
        return bool(a == b)
    if type(a).__module__.startswith("matplotlib"):
        return type(a) is type(b)
    if isinstance(a, np.ndarray):
        return bool(a.shape == np.shape(b) and np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(
            same(a[key], b[key]) for key in a if key not in ("seconds", "n_threads")
        )
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if hasattr(a, "equals"):
        return bool(a.equals(b))
    if hasattr(a, "_core"):
        return bool(a == b)
    if hasattr(a, "__dict__") and not isinstance(a, type):
        return type(a) is type(b) and same(vars(a), vars(b))
    return bool(a == b) or (a != a and b != b)


def snapshot(owner: Any) -> bytes:
    """The state of an object, to be compared."""
    import pickle

    out = io.BytesIO()
    pickle.Pickler(out, protocol=4).dump(owner)
    return out.getvalue()
