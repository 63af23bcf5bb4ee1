"""Models in files: safetensors with integer arrays and a JSON description. See docs/format.md."""

from __future__ import annotations

import json
import os
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop._files import write_bytes
from randprop._validation import check_path
from randprop.bits import BitMatrix
from randprop.conv import Conv2D
from randprop.model import Model, Readout
from randprop.neighbors import HammingNeighbors
from randprop.network import StepNetwork
from randprop.quantized import QuantizedReadout
from randprop.readouts import METRICS, Centroids
from randprop.ridge import RidgeReadout

__all__ = ["FORMAT_VERSION", "as_model", "load", "save"]

FORMAT_VERSION = 1
_KEY = "randprop"

Arrays = dict[str, NDArray[Any]]


def save(model: Any, path: str | os.PathLike[str]) -> None:
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
    TypeError, ValueError
        If `model` is neither, or `path` no path.
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
    arrays, readout = _describe_readout(model.readout)
    classes = model.classes_
    if classes.dtype.kind in "US":
        labels: Any = [str(label) for label in classes.tolist()]
    else:
        labels = None
        arrays["classes"] = np.ascontiguousarray(classes)
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    description = {
        "version": FORMAT_VERSION,
        "network": _describe_network(model.network),
        "input_range": list(model.input_range),
        "readout": readout,
        "classes": labels,
    }
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
        classes = arrays.pop("classes") if labels is None else np.array(labels)
        if classes.ndim != 1 or classes.dtype.kind not in "biufUS" or not len(classes):
            raise ValueError(f"classes of dtype {classes.dtype}, shape {classes.shape}")
        if len(np.unique(classes)) != len(classes) or not np.array_equal(np.sort(classes), classes):
            raise ValueError("classes that are not sorted, or not different")
        readout = _read_readout(description["readout"], arrays, classes, network.widths[-1])
        return Model(network, readout, input_range=tuple(description["input_range"]))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{name} is damaged: {what}") from None


def as_model(model: Any) -> Model:
    """Return the `Model` of a `Model` or a fitted `StepClassifier`."""
    found = model if isinstance(model, Model) else getattr(model, "model_", None)
    if not isinstance(found, Model):
        raise TypeError(
            "model must be a randprop.Model or a fitted randprop.StepClassifier, "
            f"got {type(model).__name__}"
        )
    return found


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
        "matrices": [
            {
                "channels": matrix.channels,
                "kernel": matrix.kernel,
                "stride": matrix.stride,
                "padding": matrix.padding,
            }
            if isinstance(matrix, Conv2D)
            else matrix
            for matrix in network.matrices
        ],
        "input_shape": network.input_shape,
        "weight_bits": network.weight_bits,
        "activation": network.activation,
        "seed": str(network.seed),  # JSON readers keep 53 bits of a number
    }


def _read_network(found: dict[str, Any]) -> StepNetwork:
    matrices = [
        Conv2D(entry["channels"], entry["kernel"], stride=entry["stride"], padding=entry["padding"])
        if isinstance(entry, dict)
        else entry
        for entry in found["matrices"]
    ]
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


def _narrow(array: NDArray[np.int64]) -> NDArray[Any]:
    """Return an array in the smallest unsigned type that holds its integers, none negative."""
    return array.astype(np.min_scalar_type(int(array.max()) if array.size else 0))


def _describe_readout(readout: Readout) -> tuple[Arrays, dict[str, Any]]:
    if isinstance(readout, Centroids):
        arrays: Arrays = {"counts": _narrow(readout.counts_), "n_samples": readout.n_samples_}
        return arrays, {"kind": "centroids", "metric": readout.metric}
    if isinstance(readout, QuantizedReadout):
        arrays = {"codes": _narrow(readout.codes_), "bias": readout.bias_}
        numbers = ("bits", "offset", "multiplier", "scale")
        return arrays, {"kind": "quantized", **{name: getattr(readout, name) for name in numbers}}
    if isinstance(readout, RidgeReadout):
        arrays = {"coef": readout.coef_, "intercept": readout.intercept_}
        return arrays, {"kind": "ridge", "alpha": float(readout.alpha)}
    arrays = {"words": readout._bits.words, "codes": _narrow(readout._codes.astype(np.int64))}
    return arrays, {"kind": "neighbors", "n_neighbors": readout.n_neighbors}


def _take(
    arrays: Arrays, name: str, shape: tuple[int | None, ...], kinds: str, dtype: type
) -> NDArray[Any]:
    array = arrays[name]
    fits = len(array.shape) == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in kinds:
        raise ValueError(f"an array {name} of dtype {array.dtype}, shape {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"an array {name} with NaN or infinity")
    if array.dtype == np.uint64 and dtype is np.int64 and array.size and array.max() > 2**63 - 1:
        raise ValueError(f"an array {name} beyond 63 bits")
    return array.astype(dtype)


def _read_readout(
    found: dict[str, Any], arrays: Arrays, classes: NDArray[Any], n_bits: int
) -> Readout:
    kind, n_classes = found["kind"], len(classes)
    if kind == "centroids":
        if found["metric"] not in METRICS:
            raise ValueError(f"a metric {found['metric']!r}")
        centroids = Centroids(metric=found["metric"])
        counts = _take(arrays, "counts", (n_classes, n_bits), "u", np.int64)
        n_samples = _take(arrays, "n_samples", (n_classes,), "i", np.int64)
        # The limit of the core, which keeps its sums in 64 bits.
        if (n_samples < 0).any() or (n_samples > 2**34).any():
            raise ValueError("n_samples below 0 or above 2**34")
        if (counts > n_samples[:, None]).any():
            raise ValueError("more counts than samples")
        centroids.classes_, centroids.counts_, centroids.n_samples_ = classes, counts, n_samples
        return centroids
    if kind == "quantized":
        return QuantizedReadout(
            _take(arrays, "codes", (n_classes, n_bits), "u", np.int64),
            _take(arrays, "bias", (n_classes,), "i", np.int64),
            classes,
            bits=found["bits"],
            offset=found["offset"],
            multiplier=found["multiplier"],
            scale=found["scale"],
        )
    if kind == "ridge":
        return RidgeReadout._of_solution(
            classes,
            _take(arrays, "coef", (n_classes, n_bits), "f", np.float64),
            _take(arrays, "intercept", (n_classes,), "f", np.float64),
            found["alpha"],
        )
    if kind == "neighbors":
        words = _take(arrays, "words", (None, (n_bits + 63) // 64), "u", np.uint64)
        codes = _take(arrays, "codes", (len(words),), "u", np.int64)
        if codes.size and codes.max() >= n_classes:
            raise ValueError("a code beyond the classes")
        neighbors = HammingNeighbors(found["n_neighbors"])
        return neighbors.fit(BitMatrix(words, n_bits), codes)._relabelled(classes, codes)
    raise ValueError(f"a readout {kind!r}")
