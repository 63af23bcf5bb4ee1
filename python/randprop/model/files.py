"""Models in files: safetensors with integer arrays and a JSON description. See docs/format.md."""

from __future__ import annotations

import json
import os
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop._files import write_bytes
from randprop._labels import as_classes
from randprop._validation import check_path
from randprop.model.model import HasModel, Model, as_model
from randprop.network.stages import read_stage
from randprop.network.step_network import StepNetwork
from randprop.readouts.base import Arrays, Readout, Take
from randprop.readouts.registry import readout_kinds

__all__ = ["FORMAT_VERSION", "load", "save"]

FORMAT_VERSION = 1
_KEY = "randprop"


def save(model: Model | HasModel, path: str | os.PathLike[str]) -> None:
    """Write a fitted model to a file.

    The weights are a function of the seed and are not stored: a file is the readout and a
    description, some tens of KB. The same model gives the same bytes.

    Parameters
    ----------
    model : Model or StepClassifier
        Fitted.
    path : path-like
        Written beside it and renamed, so that no reader sees half a file.

    Raises
    ------
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
    from safetensors.numpy import save as pack

    target, model = check_path("path", path), as_model(model)
    arrays, numbers = model.readout.arrays()
    classes = model.classes_
    if classes.dtype.kind == "U":
        labels: Any = classes.tolist()
    else:
        labels = None
        arrays["classes"] = np.ascontiguousarray(classes)
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    description = {
        "version": FORMAT_VERSION,
        "network": _describe_network(model.network),
        "input_range": list(model.input_range),
        "readout": {"kind": model.readout.kind, **numbers},
        "classes": labels,
    }
    if model.feature_names is not None:
        description["feature_names"] = list(model.feature_names)
    text = json.dumps(description, sort_keys=True, separators=(",", ":"), allow_nan=False)
    # One entry: safetensors writes several in any order.
    text = f"{_sum(text, arrays):08x} {text}"
    write_bytes(target, pack(arrays, metadata={_KEY: text}))


def load(path: str | os.PathLike[str]) -> Model:
    """Read a model that `save` wrote.

    Nothing of the file is trusted before it is checked, and nothing in it is code.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Model
        As it was saved. A `RidgeReadout` comes back with its coefficients alone: it predicts, but
        takes no more samples.

    Raises
    ------
    TypeError, ValueError
        If `path` is no path; if the file is cut short or damaged, from a newer version of the
        format, or no model.
    OSError
        If it cannot be read.

    See Also
    --------
    save
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as unpack

    target = check_path("path", path)
    name, data = str(target), target.read_bytes()
    try:
        arrays: Arrays = unpack(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except (SafetensorError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"{name} is damaged, cut short, or no safetensors file: {error}") from None
    try:
        total, _, text = header["__metadata__"][_KEY].partition(" ")
        description = json.loads(text)
        version = description["version"]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise ValueError(f"{name} is a safetensors file, but holds no randprop model") from None
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise ValueError(
            f"{name} has version {version!r} of the format; this randprop reads up to "
            f"{FORMAT_VERSION}: install a newer one"
        )
    try:
        if total != f"{_sum(text, arrays):08x}":
            raise ValueError("its sum is not the one that was stored")
        network = _read_network(description["network"])
        labels = description["classes"]
        classes = as_classes("classes", arrays.pop("classes") if labels is None else labels)
        if not len(classes) or (labels is None) != (classes.dtype.kind != "U"):
            raise ValueError(f"classes of dtype {classes.dtype}, shape {classes.shape}")
        if len(np.unique(classes)) != len(classes) or not np.array_equal(np.sort(classes), classes):
            raise ValueError("classes that are not sorted, or not different")
        readout = _read_readout(description["readout"], arrays, classes, network.widths[-1])
        names = description.get("feature_names")
        if "feature_names" in description and not isinstance(names, list):
            raise ValueError("feature_names that are no list")
        span = tuple(description["input_range"])
        return Model(network, readout, input_range=span, feature_names=names)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{name} is damaged: {what}") from None


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


def _read_network(found: dict[str, Any]) -> StepNetwork:
    matrices = [read_stage(entry) for entry in found["matrices"]]
    seed = found["seed"]
    if not isinstance(seed, str) or not seed.isdecimal() or not seed.isascii():
        raise ValueError(f"a seed {seed!r}")
    return StepNetwork(
        found["n_features"],
        len(matrices) - 1,
        width=matrices,
        weight_bits=found["weight_bits"],
        activation=found["activation"],
        seed=int(seed),
        input_shape=found["input_shape"],
    )


def _taking(arrays: Arrays) -> Take:
    """Return a function that gives an array of a file where it is what it should be."""

    def take(name: str, shape: tuple[int | None, ...], kinds: str, dtype: type) -> NDArray[Any]:
        array = arrays[name]
        fits = len(array.shape) == len(shape) and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits or array.dtype.kind not in kinds:
            raise ValueError(f"an array {name} of dtype {array.dtype}, shape {array.shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"an array {name} with NaN or infinity")
        if array.dtype == np.uint64 and dtype is np.int64 and (array > 2**63 - 1).any():
            raise ValueError(f"an array {name} beyond 63 bits")
        return array.astype(dtype)

    return take


def _read_readout(
    found: dict[str, Any], arrays: Arrays, classes: NDArray[Any], n_bits: int
) -> Readout:
    kinds, kind = readout_kinds(), found["kind"]
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"a readout {kind!r}")
    return kinds[kind].from_arrays(found, _taking(arrays), classes, n_bits)
