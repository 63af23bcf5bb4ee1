"""Models in files: safetensors with integer arrays and a JSON description. See docs/format.md."""

from __future__ import annotations

import json
import os
import zlib
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop._files import write_bytes
from randprop._validation import check_path, told
from randprop.model.container import (
    DTYPES,
    NoModelError,
    members,
    open_regular,
    packed,
    parse_json,
    read_container,
)
from randprop.model.fixed_scaling import BinaryScaling, FixedScaling, LinearScaling
from randprop.model.kept import parameters_of
from randprop.model.mapping import check_range
from randprop.model.model import HasModel, Model, as_model
from randprop.model.pipelines import is_pipeline, last_step
from randprop.network.spec import read_stage
from randprop.network.step_network import StepNetwork
from randprop.readouts.base import Arrays, Readout, Take
from randprop.readouts.registry import readout_kinds

__all__ = ["FORMAT_VERSION", "read_model", "save"]

FORMAT_VERSION = 1
_MAX_CLASSES = 1 << 24
# Classes times the longest label, which is what an array of them takes.
_MAX_LABEL_CHARACTERS = 1 << 26


def save(model: Model | HasModel, path: str | os.PathLike[str]) -> None:
    """Write a fitted model to a file.

    The weights are a function of the seed and are not stored. The file holds the readout and a
    description of the network, some tens of KB. The same model gives the same bytes.

    Parameters
    ----------
    model : Model or StepClassifier
        A fitted model. Or a pipeline of scikit-learn that ends in a `StepClassifier`, with only
        StandardScaler, MinMaxScaler and MaxAbsScaler before it. For a pipeline, `load` returns a
        classifier that gives the same results.
    path : path-like
        File to write. It is written under another name and then renamed, so that no program reads
        an incomplete file.

    Raises
    ------
    ValueError
        If the model exceeds the limits of the format. Then nothing is written.
    OSError
        If the file cannot be written.

    See Also
    --------
    load

    Examples
    --------
    >>> import randprop, tempfile, os
    >>> X_train, y_train, X_test, y_test = randprop.datasets.load_digits()
    >>> classifier = randprop.StepClassifier(width=128).fit(X_train, y_train)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "digits.safetensors")
    ...     randprop.save(classifier, path)
    ...     model = randprop.load(path)
    >>> bool((model.predict(X_test) == classifier.predict(X_test)).all())
    True
    """
    target = check_path("path", path)
    kept = last_step(model) if is_pipeline(model) else model
    model = as_model(model)
    arrays, numbers = model.readout.arrays()
    classes = model.classes_
    if classes.dtype.kind == "U":
        labels: Any = classes.tolist()
    elif classes.dtype.str[1:] in DTYPES.values():
        labels = None
        arrays["classes"] = classes
    else:
        raise ValueError(
            f"model has labels of dtype {classes.dtype}, which a model file cannot hold"
        )
    for m, stage in enumerate(model.network.stages):
        if stage.thresholds is not None:
            arrays[f"thresholds_{m}"] = np.array(stage.thresholds, dtype=np.int64)
    scaling, ranges = _describe_scaling(model.scaling)
    arrays |= ranges
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    description = {
        "version": FORMAT_VERSION,
        "network": _describe_network(model.network),
        **scaling,
        "readout": {"kind": model.readout.kind, **numbers},
        "classes": labels,
    }
    if model.feature_names is not None:
        description["feature_names"] = list(model.feature_names)
    if not isinstance(kept, Model):
        told_of = {"class": type(kept).__name__, "parameters": parameters_of(kept, model)}
        description["estimator"] = json.dumps(told_of, sort_keys=True, separators=(",", ":"))
    text = json.dumps(description, sort_keys=True, separators=(",", ":"), allow_nan=False)
    try:
        _read_model(parse_json(text), dict(arrays))
    except _REFUSALS as error:
        raise ValueError(f"model cannot be saved: {_reason(error)}") from None
    text = f"{_sum(text, arrays):08x} {text}"
    write_bytes(target, packed(arrays, text))


def read_model(path: str | os.PathLike[str]) -> tuple[Model, str | None]:
    """Return the model of a file that `save` wrote, and what it tells of an estimator.

    Raises as `randprop.load` says.
    """
    target = check_path("path", path)
    name = str(target)
    with open_regular(target) as (file, size):
        try:
            stored, arrays = read_container(file, size)
        except NoModelError:
            raise ValueError(f"{name} is a safetensors file, but holds no randprop model") from None
        except _REFUSALS as error:
            raise ValueError(
                f"{name} is damaged, cut short, or not a safetensors file: {_reason(error)}"
            ) from None
    total, _, text = stored.partition(" ")
    try:
        description = parse_json(text)
        version = description["version"]
    except _REFUSALS:
        raise ValueError(f"{name} is a safetensors file, but holds no randprop model") from None
    if type(version) is not int or version != FORMAT_VERSION:
        raise ValueError(
            f"{name} has version {told(version)} of the format, and this randprop reads version "
            f"{FORMAT_VERSION}; install a newer randprop"
        )
    try:
        if total != f"{_sum(text, arrays):08x}":
            raise ValueError("its checksum does not match its content")
        return _read_model(description, arrays), description.get("estimator")
    except _REFUSALS as error:
        raise ValueError(f"{name} is damaged: {_reason(error)}") from None


# What checks of a file raise; a RecursionError is the JSON parser's, of a text nested too deeply.
_REFUSALS = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _sum(text: str, arrays: Arrays) -> int:
    """CRC-32 of the description and the arrays' bytes, little-endian, in the order of names."""
    found = zlib.crc32(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        found = zlib.crc32(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes(), found)
    return found


def _describe_network(network: StepNetwork) -> dict[str, Any]:
    return {
        "n_features": network.n_features,
        "matrices": [stage.described() for stage in network.stages],
        "input_shape": network.input_shape,
        "weight_bits": network.weight_bits,
        "activation": network.activation,
        "seed": str(network.seed),  # JSON readers keep 53 bits of a number
    }


def _describe_scaling(scaling: FixedScaling) -> tuple[dict[str, Any], Arrays]:
    """Return the member that tells how features are mapped, and arrays."""
    if type(scaling) is BinaryScaling:
        return {"scaling": {"kind": scaling.kind, "level": scaling.level}}, {}
    if type(scaling) is not LinearScaling:
        raise TypeError(f"model has a {type(scaling).__name__}, which a model file cannot hold")
    if scaling.input_range is not None:
        return {"input_range": list(scaling.input_range)}, {}
    arrays = {"scaling_low": scaling.low, "scaling_high": scaling.high}
    return {"scaling": {"kind": scaling.kind}}, arrays


def _read_model(description: dict[str, Any], arrays: Arrays) -> Model:
    """Return the model, or raise one of `_REFUSALS`; takes the arrays out of `arrays`."""
    names = ["version", "network", "classes", "readout"]
    optional = ("input_range", "scaling", "feature_names", "estimator")
    members("the description", description, names, optional=optional)
    if not isinstance(description.get("estimator", ""), str):
        raise ValueError(f"estimator must be a string, got {told(description['estimator'])}")
    network = _read_network(description["network"], arrays)
    _check_feature_names(description.get("feature_names"), network.n_features)
    classes = _read_classes(description["classes"], arrays)
    readout = _read_readout(description["readout"], arrays, classes, network)
    scaling = _read_scaling(description, arrays)
    if arrays:
        raise ValueError(f"array {told(next(iter(arrays)))} belongs to no part of the model")
    return Model(network, readout, scaling=scaling, feature_names=description.get("feature_names"))


def _read_scaling(description: dict[str, Any], arrays: Arrays) -> FixedScaling:
    """Return what maps features; `Model` checks that the ranges share out the features."""
    if ("input_range" in description) == ("scaling" in description):
        raise ValueError("there must be either input_range or scaling")
    if "input_range" in description:
        input_range = description["input_range"]
        if not isinstance(input_range, list):
            raise ValueError(f"input_range must be a list, got {told(input_range)}")
        return LinearScaling(*check_range("input_range", input_range))
    found = description["scaling"]
    if not isinstance(found, dict):
        raise ValueError(f"scaling must be an object, got {told(found)}")
    if found["kind"] == BinaryScaling.kind:
        return BinaryScaling(members("scaling", found, ["kind", "level"])["level"])
    if found["kind"] != LinearScaling.kind:
        raise ValueError(f"scaling has the unknown kind {told(found['kind'])}")
    members("scaling", found, ["kind"])
    low, high = (
        _taking(arrays)(name, (None,), "f8", np.float64) for name in ("scaling_low", "scaling_high")
    )
    scaling = LinearScaling(low, high)
    if scaling.n_groups == 1:
        raise ValueError("scaling has only one range, which must be stored as input_range")
    return scaling


def _read_network(found: Any, arrays: Arrays) -> StepNetwork:
    names = ["n_features", "matrices", "input_shape", "weight_bits", "activation", "seed"]
    members("network", found, names)
    matrices, seed = found["matrices"], found["seed"]
    if not isinstance(matrices, list):
        raise ValueError(f"matrices must be a list, got {told(matrices)}")
    if not isinstance(seed, str) or len(seed) > 20 or not seed.isdecimal() or not seed.isascii():
        raise ValueError(f"seed must be a string of digits, got {told(seed)}")
    network = StepNetwork(
        found["n_features"],
        stages=[read_stage(entry, _thresholds(m, arrays)) for m, entry in enumerate(matrices)],
        weight_bits=found["weight_bits"],
        activation=found["activation"],
        seed=int(seed),
        input_shape=found["input_shape"],
    )
    # One spelling for each: a number that the network does not look at is not there.
    shape = network.input_shape
    if found["input_shape"] != (None if shape is None else list(shape)) or seed != str(int(seed)):
        raise ValueError("input_shape or seed is not written as `save` writes it")
    return network


def _check_feature_names(found: Any, n_features: int) -> None:
    if found is not None and not (
        isinstance(found, list)
        and len(found) == n_features
        and all(isinstance(name, str) for name in found)
        and len(set(found)) == n_features
    ):
        raise ValueError(f"feature_names must be {n_features} different strings")


def _read_classes(found: Any, arrays: Arrays) -> NDArray[Any]:
    """Return the labels: an array of numbers, or strings of the description."""
    labels = arrays.pop("classes") if found is None else found
    if not isinstance(labels, (list, np.ndarray)) or not 1 <= len(labels) <= _MAX_CLASSES:
        raise ValueError(f"classes must be 1 to {_MAX_CLASSES} labels")
    if isinstance(labels, np.ndarray):
        classes = labels.astype(labels.dtype.newbyteorder("="))
        if classes.ndim != 1 or (classes.dtype.kind == "f" and not np.isfinite(classes).all()):
            raise ValueError(
                "classes must have 1 dimension and finite values, got "
                f"dtype {classes.dtype}, shape {classes.shape}"
            )
        rising = bool((classes[:-1] < classes[1:]).all())
    else:
        if not all(isinstance(label, str) for label in labels):
            raise ValueError("classes must be strings")
        # NumPy's arrays of strings are as wide as the longest, and end where a NUL does.
        if max(map(len, labels)) * len(labels) > _MAX_LABEL_CHARACTERS:
            raise ValueError(
                "the number of classes times the length of the longest label must be at most "
                f"{_MAX_LABEL_CHARACTERS}"
            )
        if any(label.endswith("\0") for label in labels):
            raise ValueError("a label ends in U+0000")
        classes = np.array(labels)
        rising = all(a < b for a, b in pairwise(labels))
    if not rising:
        raise ValueError("classes must be sorted and different")
    return classes


class _Asked(dict[str, Any]):
    """Members of a readout, which notes those that were not asked for."""

    def __init__(self, found: dict[str, Any]) -> None:
        super().__init__(found)
        self.left = set(found)

    def __getitem__(self, name: str) -> Any:
        self.left.discard(name)
        return super().__getitem__(name)


def _thresholds(m: int, arrays: Arrays) -> NDArray[np.int64] | None:
    """Return the thresholds of a stage where the file has them."""
    found = arrays.pop(f"thresholds_{m}", None)
    if found is not None and (found.ndim != 1 or found.dtype.str[1:] != "i8"):
        raise ValueError(
            f"array thresholds_{m} must be int64 with 1 dimension, got dtype {found.dtype}, "
            f"shape {found.shape}"
        )
    return None if found is None else found.astype(np.int64)


def _read_readout(
    found: Any, arrays: Arrays, classes: NDArray[Any], network: StepNetwork
) -> Readout:
    if not isinstance(found, dict):
        raise ValueError(f"readout must be an object, got {told(found)}")
    described = _Asked(found)
    kinds, kind = readout_kinds(), described["kind"]
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"readout has the unknown kind {told(kind)}")
    readout = kinds[kind].from_arrays(
        described, _taking(arrays), classes, network.widths[-1], of_bits=not network.gives_bytes
    )
    if described.left:
        raise ValueError(f"readout has the unknown member {told(min(described.left))}")
    return readout


def _taking(arrays: Arrays) -> Take:
    """Return a function that takes an array out where it is what it should be."""

    def take(name: str, shape: tuple[int | None, ...], kinds: str, dtype: type) -> NDArray[Any]:
        array = arrays.pop(name)
        fits = len(array.shape) == len(shape) and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits or not array.size or not array.dtype.str[1:].startswith(kinds):
            raise ValueError(
                f"array {name} has dtype {array.dtype} and shape {array.shape}, which do not fit "
                "the model"
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"array {name} holds NaN or infinity")
        if array.dtype == np.uint64 and dtype is np.int64 and (array > 2**63 - 1).any():
            raise ValueError(f"array {name} holds numbers of 2**63 or more")
        return array.astype(dtype)

    return take
