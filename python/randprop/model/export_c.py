"""A model as a folder of C99 that a microcontroller runs, to the same bit."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from string import Template
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from randprop._files import source_folder, write_texts
from randprop._validation import check_int, check_path, refuse_masked
from randprop.model.model import HasModel, Model, as_model
from randprop.network.stages import Dense
from randprop.network.step_network import StepNetwork
from randprop.readouts.quantized import QuantizedReadout

__all__ = ["export_c"]

_MAX_UNITS = 65_535
_MAX_MATRICES = 255
_MAX_SCORE = 2**30 - 1
# RP_MOST of randprop_micro.c: what one input may add to a counter.
_MOST = 272


def export_c(
    model: Model | HasModel,
    path: str | os.PathLike[str],
    *,
    centroid_bits: int = 4,
    ridge_bits: int = 8,
    self_test: int | NDArray[np.uint8] = 4,
) -> Path:
    """Write a model as C for a microcontroller: one folder that compiles by itself.

    The folder holds the runtime (C99, no allocation, no floating point, no stored weights),
    ``randprop_config.h``, which makes the runtime that of this model alone, ``model.h`` with the
    tables, ``self_test.h`` with inputs and what they must give, ``example.c``, and a README with
    the bytes of flash and RAM. The device computes the same bits, scores and labels as
    ``QuantizedReadout`` does here. The same model gives the same bytes on any machine.

    Parameters
    ----------
    model : Model or StepClassifier
        Fitted. A fully connected network of 1, 2, 4 or 8 weight bits, of at most 65,535 inputs and
        units, and a `Centroids`, `RidgeReadout` or `QuantizedReadout`.
    path : path-like
        Folder to write to; made if it is not there. Files of earlier exports are replaced.
    centroid_bits : int, default=4
        Bits of a class mean, 1 to 8, where the readout is `Centroids`.
    ridge_bits : int, default=8
        Bits of a coefficient, 2 to 8, where the readout is `RidgeReadout`.
    self_test : int or ndarray of shape (n, n_features), dtype uint8, default=4
        How many inputs of a fixed pattern to put into the self-test, or the inputs themselves.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OSError
        If the folder cannot be written.

    Examples
    --------
    >>> import randprop, tempfile
    >>> X_train, y_train, X_test, y_test = randprop.datasets.load_digits()
    >>> network = randprop.StepNetwork(64, width=128, weight_bits=1)
    >>> readout = randprop.Centroids().fit(network.propagate(X_train), y_train)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = randprop.export_c(randprop.Model(network, readout), folder)
    ...     sorted(file.name for file in written.iterdir())
    ['README.md', 'example.c', 'model.h', 'randprop_config.h', 'randprop_micro.c', \
'randprop_micro.h', 'self_test.h']
    """
    fitted, folder = as_model(model), check_path("path", path)
    network = fitted.network
    _check_network(network)
    # The runtime reads codes of at most 8 bits.
    check_int("ridge_bits", ridge_bits, 2, 8)
    exported = fitted.quantize(centroid_bits=centroid_bits, ridge_bits=ridge_bits)
    quantized = cast(QuantizedReadout, exported.readout)
    _check_readout(quantized)
    images = _self_test_images(self_test, network.n_features)

    layout = _Layout(network, quantized, fitted.input_range)
    runtime = source_folder("cpp/micro", "_micro", "randprop_micro.h")
    files = _written(layout, images)
    for name in ("randprop_micro.h", "randprop_micro.c"):
        files[name] = (runtime / name).read_text(encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    write_texts(folder, files)
    return folder


class _Layout:
    """The numbers of an exported model, each under the name it has in C."""

    def __init__(
        self, network: StepNetwork, quantized: QuantizedReadout, input_range: tuple[float, float]
    ) -> None:
        self.network, self.quantized, self.input_range = network, quantized, input_range
        widths = network.widths
        self.widest = max(widths)
        largest = 2**network.weight_bits - 1
        sums = [_MOST * network.n_features, *widths[:-1]]
        self.planes = max((largest * most).bit_length() for most in sums)
        self.row_bytes = (widths[-1] + 7) // 8
        rows = 1 if len(widths) == 1 else 2
        # RP_BUFFER_SIZE of randprop_micro.h.
        self.buffer_size = 33 * self.planes + rows * -(-self.widest // 128) * 16 + 3
        self.codes = _code_planes(quantized)
        self.scalars = {
            "seed_low": ("uint32_t", network.seed & 0xFFFFFFFF),
            "seed_high": ("uint32_t", network.seed >> 32),
            "n_features": ("uint16_t", network.n_features),
            "n_classes": ("uint16_t", len(quantized.classes_)),
            "n_matrices": ("uint8_t", len(widths)),
            "weight_bits": ("uint8_t", network.weight_bits),
            "activation": ("uint8_t", int(network.activation == "sign")),
            "code_bits": ("uint8_t", quantized.bits),
            "multiplier": ("uint16_t", quantized.multiplier),
            "offset": ("uint16_t", quantized.offset),
        }
        definition = repr((sorted(self.scalars.items()), widths)).encode()
        tables = self.codes.tobytes() + quantized.bias_.astype("<i4").tobytes()
        self.id = zlib.crc32(tables, zlib.crc32(definition))

    @property
    def table_bytes(self) -> int:
        """Bytes of the constant tables: widths, codes, biases."""
        n_classes = len(self.quantized.classes_)
        return 2 * len(self.network.widths) + self.codes.size + 4 * n_classes


def _check_network(network: StepNetwork) -> None:
    if any(not isinstance(stage, Dense) for stage in network.stages):
        raise ValueError(
            "model.network has convolutions, which the microcontroller runtime does not do; "
            "use fully connected matrices"
        )
    if network.weight_bits > 8:
        raise ValueError(
            "model.network must have 1, 2, 4 or 8 weight bits for a microcontroller, "
            f"got {network.weight_bits}"
        )
    most_inputs = min(_MAX_UNITS, (2**32 - 1) // (_MOST * (2**network.weight_bits - 1)))
    for name, value, most in (
        ("inputs", network.n_features, most_inputs),
        ("units in a matrix", max(network.widths), _MAX_UNITS),
        ("matrices", len(network.widths), _MAX_MATRICES),
    ):
        if value > most:
            raise ValueError(
                f"model.network must have at most {most} {name} for a microcontroller, got {value}"
            )


def _check_readout(quantized: QuantizedReadout) -> None:
    if quantized.bits > 8:
        raise ValueError(
            f"model.readout must have codes of at most 8 bits for a microcontroller, "
            f"got {quantized.bits}"
        )
    n_classes, n_bits = quantized.codes_.shape
    if not 1 <= n_classes <= _MAX_UNITS:
        raise ValueError(f"model.readout must have 1 to {_MAX_UNITS} classes, got {n_classes}")
    most = quantized.multiplier * (2**quantized.bits - 1) * n_bits
    largest_bias = int(np.abs(quantized.bias_).max())
    if max(most, largest_bias) > _MAX_SCORE:
        raise ValueError(
            "model.readout has scores that leave 32 bits on a device: the largest sum is "
            f"{most}, the largest bias {largest_bias}, allowed is {_MAX_SCORE}; use fewer bits"
        )


def _self_test_images(self_test: int | NDArray[np.uint8], n_features: int) -> NDArray[np.uint8]:
    if isinstance(self_test, np.ndarray):
        if self_test.dtype != np.uint8:
            raise TypeError(f"self_test must be uint8 images, got an array of {self_test.dtype}")
        refuse_masked("self_test", self_test)
        if self_test.ndim != 2 or self_test.shape[1] != n_features:
            raise ValueError(f"self_test must have shape (n, {n_features}), got {self_test.shape}")
        check_int("the number of images in self_test", len(self_test), 1, _MAX_UNITS)
        return self_test
    n_samples = check_int("self_test", self_test, 1, 1000)
    # Spread over all byte values; four of five are 0, as in images of a few strokes.
    s = np.arange(n_samples)[:, None]
    k = np.arange(n_features)[None, :]
    values = (31 * s + 7 * k + s * k % 13) % 256
    return np.where((s + k) % 5 == 0, values, 0).astype(np.uint8)


def _code_planes(quantized: QuantizedReadout) -> NDArray[np.uint8]:
    """Codes as the runtime reads them: (n_classes, bits, row_bytes), highest bit first."""
    digits = (quantized.codes_[:, None, :] >> np.arange(quantized.bits)[None, ::-1, None]) & 1
    return np.packbits(digits.astype(np.uint8), axis=2, bitorder="little")


def _table(ctype: str, name: str, values: NDArray[Any], cells: str) -> str:
    """Return a constant array, 12 numbers a line."""
    spelled = [cells.format(int(value)) for value in values.ravel()]
    lines = [", ".join(spelled[i : i + 12]) for i in range(0, len(spelled), 12)]
    body = ",\n    ".join(lines)
    return f"static const {ctype} {name}[{len(spelled)}] RP_TABLE = {{\n    {body}}};\n"


def _written(layout: _Layout, images: NDArray[np.uint8]) -> dict[str, str]:
    """Fill in the files of c_folder."""
    network, quantized = layout.network, layout.quantized
    n_classes, n_tests = len(quantized.classes_), len(images)
    bits = network.propagate(images)
    scores = quantized.decision_function(bits)
    spelled = {
        name: f"0x{value:08X}u" if ctype == "uint32_t" else f"{value}u"
        for name, (ctype, value) in layout.scalars.items()
    }
    fixed = {name: f"(({layout.scalars[name][0]}){spelled[name]})" for name in spelled}
    fixed |= {"widest": f"((uint16_t){layout.widest}u)", "planes": f"((uint8_t){layout.planes}u)"}
    if len(set(network.widths)) == 1:
        fixed["width"] = fixed["widest"]
    test_bytes = n_tests * (network.n_features + layout.row_bytes + 4 * n_classes + 2)
    values = {
        "description": _description(network),
        "sizes": _sizes(network),
        "weight_bits": network.weight_bits,
        "seed": network.seed,
        "activation": network.activation,
        "code_bits": quantized.bits,
        "n_features": network.n_features,
        "n_classes": n_classes,
        "n_tests": n_tests,
        "row_bytes": layout.row_bytes,
        "buffer_size": layout.buffer_size,
        "id": f"0x{layout.id:08X}u",
        "scalars": ", ".join(spelled.values()),
        "defines": "\n".join(f"#define RP_FIXED_{n.upper()} {value}" for n, value in fixed.items()),
        "names": ", ".join(_c_string(str(label)) for label in quantized.classes_.tolist()),
        "widths": _table("uint16_t", "model_widths", np.array(network.widths), "{}"),
        "codes": _table("uint8_t", "model_codes", layout.codes, "0x{:02X}"),
        "bias": _table("int32_t", "model_bias", quantized.bias_, "{}"),
        "images": _table("uint8_t", "self_test_images", images, "{}"),
        "bits": _table("uint8_t", "self_test_bits", bits.to_packbits(), "0x{:02X}"),
        "scores": _table("int32_t", "self_test_scores", scores, "{}"),
        "labels": _table("uint16_t", "self_test_labels", scores.argmax(axis=1), "{}"),
        "table_bytes": f"{layout.table_bytes:,}",
        "buffer_bytes": f"{layout.buffer_size:,}",
        "score_bytes": f"{4 * n_classes:,}",
        "input_bytes": f"{network.n_features:,}",
        "test_bytes": f"{test_bytes:,}",
        "inputs": _inputs(*layout.input_range),
    }
    return {
        file.name: Template(file.read_text(encoding="utf-8")).substitute(values)
        for file in sorted((Path(__file__).parent / "c_folder").iterdir())
    }


def _inputs(low: float, high: float) -> str:
    if (low, high) == (0.0, 255.0):
        return "The inputs are the features as they come: integers from 0 to 255."
    return (
        "The inputs are features mapped to bytes, which is for you to do on the device: x becomes "
        f"the integer\nnearest to 255 (x - ({low!r})) / ({high!r} - ({low!r})), those outside "
        "become 0 or 255."
    )


def _sizes(network: StepNetwork) -> str:
    return " -> ".join(map(str, (network.n_features, *network.widths)))


def _description(network: StepNetwork) -> str:
    rest = f"{network.activation}, seed {network.seed}"
    return f"{_sizes(network)}, {network.weight_bits}-bit weights, {rest}"


def _c_string(text: str) -> str:
    """Spell a string in C; octal escapes end after three digits whatever follows."""
    return (
        '"'
        + "".join(
            chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
            for byte in text.encode()
        )
        + '"'
    )
