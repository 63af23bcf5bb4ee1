"""A model as a folder of C99 that a microcontroller runs, to the same bit."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from randprop._files import source_folder, write_texts
from randprop._validation import check_flag, check_int, check_path, refuse_masked
from randprop.model.c_costs import told_costs
from randprop.model.c_inputs import input_code, told_inputs
from randprop.model.c_integers import integer_code
from randprop.model.c_layout import CLayout
from randprop.model.c_stages import KINDS, CStage, check_network, check_units
from randprop.model.c_text import RUNTIME_FILES, Names, c_string
from randprop.model.model import HasModel, Model, as_model
from randprop.network.step_network import StepNetwork
from randprop.readouts.quantized import QuantizedReadout
from randprop.readouts.rounding import check_bits

__all__ = ["export_c"]

_MAX_CLASSES = 65_535
_MAX_SCORE = 2**30 - 1
# No microcontroller has more flash; the text of a table is six times as long.
_MAX_TABLE_BYTES = 2**24
# Bits of a unit's codes, which a runtime passes over by 16 bits.
_MAX_CODE_BITS = 0xFFF0


def export_c(
    model: Model | HasModel,
    path: str | os.PathLike[str],
    *,
    readout_bits: int | str | None = None,
    centroid_bits: int = 4,
    ridge_bits: int | str = 8,
    self_test: int | NDArray[np.uint8] = 4,
    name: str | None = None,
    arduino: bool = False,
    units: str = "auto",
) -> Path:
    """Write a model as C for a microcontroller: a folder that compiles without other files.

    The folder holds the runtime: C99 without allocation and without floating point, which draws
    weights from the seed. ``randprop_config.h`` limits the runtime to what this model needs.
    ``model.h`` has the tables. ``self_test.h`` has inputs with known results. ``example.c`` shows
    how to use them. A README says how many bytes of flash and RAM the model takes. If the model
    scales features, ``inputs.h`` scales them on the device, to the same bytes or bits. The device
    computes the same bits, scores and labels as the model with a `QuantizedReadout` does here. The
    same model gives the same files on any machine.

    Parameters
    ----------
    model : Model or StepClassifier
        A fitted model. Its network may have `Dense` stages with 1, 2, 4 or 8 weight bits, and
        `Dense`, `Conv1D` and `Conv2D` stages with a `fan_in` of at most 255, with thresholds and
        pools. Each stage may have at most 65,535 inputs and outputs. Its readout is a `Centroids`,
        `RidgeReadout`, `DiscriminantReadout` or `QuantizedReadout`.
    path : path-like
        Folder to write to. It is created if it does not exist. Files of earlier exports are
        replaced, all or none. If the folder has a file of the same name that is not from an export,
        an error is raised.
    readout_bits : int or "ternary", optional
        Bits of each class mean or coefficient, 1 to 8, for any readout. Default: the next two
        arguments.
    centroid_bits : int, default=4
        Bits of each class mean, 1 to 8, if the readout is `Centroids`.
    ridge_bits : int or "ternary", default=8
        Bits of each coefficient, 1 to 8, if the readout is `RidgeReadout` or `DiscriminantReadout`.
    self_test : int or ndarray of shape (n, n_features), dtype uint8, default=4
        Number of inputs with a fixed pattern in the self-test. Or the inputs themselves, as the
        network reads them: 0 and 1 if the model has a `BinaryScaling`, else 0 to 255.
    name : str, optional
        A prefix for the names of all files, types, functions, tables and macros. ``"digits"``
        gives ``digits_model.h``, ``digits_rp_classify``, ``DIGITS_MODEL_N_CLASSES``. Models with
        different names can be in one program. At most 40 letters, digits and single underscores.
        Default: no prefix.
    arduino : bool, default=False
        Write a library for Arduino: ``library.properties``, ``src`` and
        ``examples/NAME/NAME.ino``. Needs a `name`, which becomes the name of the library.
    units : {"auto", "stored", "seed"}, default="auto"
        Where the device gets the inputs, dilations and drawn thresholds of units in stages with
        `fan_in`. ``"stored"``: from a table, with a byte or two for each; this is fastest.
        ``"seed"``: the device draws them when it needs them. ``"auto"``: from a table if it takes
        at most 2,048 bytes. Bits and scores are the same.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ValueError
        If the model, its labels or its name cannot be written as C. Nothing is written then.
    OSError
        If the folder cannot be written, or has a file of the same name that is not from an
        export.

    Examples
    --------
    >>> import randprop, tempfile
    >>> X_train, y_train, X_test, y_test = randprop.datasets.load_digits()
    >>> network = randprop.StepNetwork(64, width=128, weight_bits=1)
    >>> readout = randprop.Centroids().fit(network.propagate(X_train), y_train)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = randprop.export_c(randprop.Model(network, readout), folder)
    ...     sorted(file.name for file in written.iterdir())
    ['README.md', 'example.c', 'model.h', 'randprop_check.h', 'randprop_config.h', \
'randprop_dense.h', 'randprop_few.h', 'randprop_micro.c', 'randprop_micro.h', \
'randprop_philox.h', 'randprop_readout.h', 'randprop_rows.h', 'randprop_values.h', 'self_test.h']
    """
    fitted, folder, names = as_model(model), check_path("path", path), Names(name)
    if check_flag("arduino", arduino):
        _check_library(name)
    network = fitted.network
    check_network(network)
    check_units(units)
    # The runtime reads codes of at most 8 bits.
    check_bits("ridge_bits", ridge_bits, 1, 8)
    if readout_bits is not None:
        check_bits("readout_bits", readout_bits, 1, 8)
    exported = fitted.quantize(
        readout_bits=readout_bits, centroid_bits=centroid_bits, ridge_bits=ridge_bits
    )
    quantized = cast(QuantizedReadout, exported.readout)
    _check_readout(quantized)
    images = _self_test_images(self_test, network.n_features, fitted.scaling.gives_bits)

    layout = CLayout(exported, quantized, units)
    _check_tables(layout)
    _check_test_size(layout, len(images))
    files = _written(layout, images, names, name if arduino else None)
    _check_replaced(folder, files)
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
    write_texts(folder, files)
    return folder


def _check_readout(quantized: QuantizedReadout) -> None:
    if quantized.bits > 8:
        raise ValueError(
            f"model.readout must have codes of at most 8 bits for a microcontroller, "
            f"got {quantized.bits}"
        )
    n_classes, n_bits = quantized.codes_.shape
    if not 1 <= n_classes <= _MAX_CLASSES:
        raise ValueError(f"model.readout must have 1 to {_MAX_CLASSES} classes, got {n_classes}")
    table_bytes = n_classes * (quantized.bits * ((n_bits + 7) // 8) + 4)
    if table_bytes > _MAX_TABLE_BYTES:
        raise ValueError(
            f"model.readout must have at most {_MAX_TABLE_BYTES:,} bytes of tables for a "
            f"microcontroller, got {table_bytes:,}; use fewer bits, classes or units"
        )
    too_large = "model.readout has scores that leave 32 bits on a device: {} is {}, allowed is {}"
    most = int(quantized.multiplier) * (2**quantized.bits - 1) * n_bits
    most *= 1 if quantized.reads_bits else 255
    if most > _MAX_SCORE:
        raise ValueError(too_large.format("the largest sum", most, _MAX_SCORE) + "; use fewer bits")
    for label, bias in zip(quantized.classes_.tolist(), quantized.bias_.tolist(), strict=True):
        if abs(bias) > _MAX_SCORE:
            raise ValueError(too_large.format(f"the bias of class {label!r}", bias, _MAX_SCORE))
        c_string(label)


def _check_tables(layout: CLayout) -> None:
    n_classes, bits = len(layout.quantized.classes_), layout.quantized.bits
    if layout.holds_sums and n_classes * bits > _MAX_CODE_BITS:
        raise ValueError(
            f"model.readout must have at most {_MAX_CODE_BITS // bits} classes of {bits}-bit codes "
            f"behind a stage with fan_in for a microcontroller, got {n_classes}"
        )
    if layout.table_bytes > _MAX_TABLE_BYTES:
        raise ValueError(
            f"model must have at most {_MAX_TABLE_BYTES:,} bytes of tables for a microcontroller, "
            f"got {layout.table_bytes:,}; units='seed' stores none of a stage's inputs"
        )


def _check_library(name: str | None) -> None:
    if name is None:
        raise ValueError("arduino=True needs a name, which becomes the name of the library")
    if name.lower().startswith("arduino"):
        raise ValueError(f"name must not begin with Arduino, as its own libraries do, got {name!r}")


def _check_test_size(layout: CLayout, n_tests: int) -> None:
    size = layout.test_bytes(n_tests)
    if size > _MAX_TABLE_BYTES:
        raise ValueError(
            f"self_test must take at most {_MAX_TABLE_BYTES:,} bytes, got {n_tests} inputs of "
            f"{size:,} bytes in all"
        )


def _check_replaced(folder: Path, files: dict[str, str]) -> None:
    """Refuse to replace what no export has written; an empty file may stand for the config."""
    for name in files:
        path = folder / name
        if not path.is_file():
            continue
        with path.open("rb") as file:
            held = file.read(4096)
        mark = b"# A randprop model" if name == "README.md" else b"randprop"
        if held and mark not in held:
            raise FileExistsError(f"{path} exists and is not from an export; move it away")


def _self_test_images(
    self_test: int | NDArray[np.uint8], n_features: int, of_bits: bool
) -> NDArray[np.uint8]:
    if isinstance(self_test, np.ndarray):
        if self_test.dtype != np.uint8:
            raise TypeError(f"self_test must be uint8 images, got an array of {self_test.dtype}")
        refuse_masked("self_test", self_test)
        if self_test.ndim != 2 or self_test.shape[1] != n_features:
            raise ValueError(f"self_test must have shape (n, {n_features}), got {self_test.shape}")
        check_int("the number of images in self_test", len(self_test), 1, _MAX_CLASSES)
        if of_bits and self_test.max() > 1:
            raise ValueError(
                f"self_test must hold 0 and 1, which model reads, got {self_test.max()}"
            )
        return self_test
    n_samples = check_int("self_test", self_test, 1, 1000)
    # Spread over all byte values; four of five are 0, as in images of a few strokes.
    s = np.arange(n_samples)[:, None]
    k = np.arange(n_features)[None, :]
    values = (31 * s + 7 * k + s * k % 13) % 256
    pattern = np.where((s + k) % 5 == 0, values, 0)
    return np.minimum(pattern, 1 if of_bits else 255).astype(np.uint8)


def _written(
    layout: CLayout, images: NDArray[np.uint8], names: Names, library: str | None
) -> dict[str, str]:
    """Fill in the files of a folder, or of a library for Arduino of a name, by their paths."""
    src = "" if library is None else "src/"
    values = _values(layout, images, names)
    values |= {"src": src, **_said(names, library)}
    values |= {"costs": told_costs(layout), "streaming": _streaming(layout, names)}
    values["inputs"] = told_inputs(layout.scaling, names, src) + _names(layout.feature_names)

    def filled(folder: str, name: str) -> str:
        template = (Path(__file__).parent / folder / name).read_text(encoding="utf-8")
        return Template(template).substitute(values)

    files = {
        f"{src}{names.lower}{name}": filled("c_folder", name)
        for name in ("model.h", "randprop_config.h", "self_test.h")
    }
    if values["input_code"]:
        files[f"{src}{names.lower}inputs.h"] = filled("c_folder", "inputs.h")
    runtime = source_folder("cpp/micro", "_micro", "randprop_micro.h")
    for name in RUNTIME_FILES:
        text = (runtime / name).read_text(encoding="utf-8")
        files[f"{src}{names.lower}{name}"] = names.of_runtime(text)
    files["README.md"] = filled("c_folder", "README.md")
    if library is None:
        files["example.c"] = filled("c_folder", "example.c")
    else:
        files["library.properties"] = filled("arduino_folder", "library.properties")
        files[f"examples/{library}/{library}.ino"] = filled("arduino_folder", "example.ino")
    return files


def _said(names: Names, library: str | None) -> dict[str, str]:
    """Return what depends on names and on where the files go, for the README."""
    example = "`example.c`: an example program. It compiles without changes."
    if library is not None:
        example = (
            f"`examples/{library}/{library}.ino`: an example sketch. This folder is a library for "
            "Arduino: put it\n  into the folder `libraries` of the sketchbook, then choose "
            f"File > Examples > {library}."
        )
    several = (
        "For several models in one program, export each with a different name. The name is then\n"
        "a prefix of all its files, types, functions, tables and macros."
    )
    if names.lower:
        several = (
            f"All names begin with `{names.lower}` or `{names.upper}`. So the same program can\n"
            "have models with other names, each with its runtime."
        )
    return {"name": library or "", "example": example, "several": several}


def _values(layout: CLayout, images: NDArray[np.uint8], names: Names) -> dict[str, Any]:
    """Return what the files are filled in with."""
    network, quantized = layout.network, layout.quantized
    n_classes, n_tests = len(quantized.classes_), len(images)
    outputs = network.propagate(images)
    scores = quantized.decision_function(outputs)
    spelled = {name: _spelled(*given) for name, given in layout.scalars.items()}
    code = input_code(layout.scaling, names) or ""
    labels = ", ".join(c_string(label) for label in quantized.classes_.tolist())
    tests = {
        "inputs_table": names.table("uint8_t", "self_test_inputs", images, "{}"),
        "features": names.table(
            "uint8_t", "self_test_features", layout.test_features(outputs), "0x{:02X}"
        ),
        "scores": names.table("int32_t", "self_test_scores", scores, "{}"),
        "labels": names.table("uint16_t", "self_test_labels", scores.argmax(axis=1), "{}"),
    }
    test_bytes = layout.test_bytes(n_tests)
    return tests | {
        "p": names.lower,
        "P": names.upper,
        "description": _description(network),
        "chain": _chain(layout),
        "seed": network.seed,
        "activation": network.activation,
        "code_bits": quantized.bits,
        "n_features": network.n_features,
        "n_classes": n_classes,
        "n_stages": len(layout.stages),
        "n_tests": n_tests,
        "holds_sample": int(layout.holds_inputs),
        "n_pushes": layout.pushes[0],
        "push_bytes": layout.pushes[1],
        "row_bytes": layout.row_bytes,
        "buffer_by_words": layout.buffer_size("words", any_model=True),
        "buffer_by_bytes": layout.buffer_size("bytes", any_model=True),
        "id": f"0x{layout.id:08X}u",
        "top": 1 if layout.scaling.gives_bits else 255,
        "asked": "once" if layout.holds_inputs else "once for each 128 units and weight bit",
        "input_code": code,
        "integer_code": integer_code(layout.scaling, names),
        "mark": f"0x{zlib.crc32((labels + code).encode(), layout.id):08X}u",
        "test_mark": f"0x{zlib.crc32(repr(tests).encode(), layout.id):08X}u",
        "scalars": ", ".join(spelled.values()),
        "stages": ",\n    ".join(_stage(stage, names) for stage in layout.stages),
        "units": names.table("uint8_t", "model_units", layout.units, "{}")
        if layout.units.size
        else "",
        "units_pointer": f"{names.lower}model_units" if layout.units.size else "NULL",
        "defines": "\n".join(_defines(layout, names)),
        "names": labels,
        "codes": names.table("uint8_t", "model_codes", layout.codes, "0x{:02X}"),
        "bias": names.table("int32_t", "model_bias", quantized.bias_, "{}"),
        "table_bytes": f"{layout.table_bytes:,}",
        "unit_bytes": f"{layout.units.size:,}",
        "table_number": layout.table_bytes,
        "buffer_bytes": _both(layout),
        "score_bytes": f"{4 * n_classes:,}",
        "input_bytes": "0, the buffer holds it"
        if layout.holds_inputs
        else f"{network.n_features:,}",
        "test_bytes": f"{test_bytes:,}",
        "test_number": test_bytes,
    }


def _spelled(ctype: str, value: int) -> str:
    return f"0x{value:08X}u" if ctype == "uint32_t" else f"{value}u"


def _stage(stage: CStage, names: Names) -> str:
    """Return a line of the table of stages."""
    types = CStage.types()
    numbers = [_spelled(types[name], value) for name, value in vars(stage).items()]
    return "{" + ", ".join([f"{names.upper}{KINDS[stage.kind]}", *numbers[1:]]) + "}"


def _defines(layout: CLayout, names: Names) -> Iterator[str]:
    """Give the lines that make the runtime that of one model."""
    for name, (ctype, of, value) in layout.values.items():
        what = f"(({of})->{name})" if of == "model" else f"RP_TABLE{ctype[4:-2]}(&({of})->{name})"
        if value is not None:
            # Named, so that no compiler calls it unused; not evaluated.
            what = f"(({ctype})({_spelled(ctype, value)} + 0u * sizeof({of})))"
        elif names.upper:
            what = names.upper + what
        yield f"#define {names.upper}RP_{name.upper()}({of}) {what}"
    if not layout.needs_stages:
        yield f"#define {names.upper}RP_FIXED_STAGES 1"
    if layout.small_sums:
        yield f"#define {names.upper}RP_FIXED_SMALL_SUMS 1"
    n_classes, bits = len(layout.quantized.classes_), layout.quantized.bits
    if layout.small_sums and n_classes % 2 == 0:
        # Of GCC and Clang, which tell the order of bytes: the first of a pair is the lower half.
        yield (
            f"#if !defined({names.upper}RP_BYTE_LANES) && defined(__GNUC__) && \\\n"
            "    __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__"
        )
        yield f"#define {names.upper}RP_FIXED_PAIRS {n_classes // 2}u"
        yield "#endif"
    if layout.nibbles:
        yield f"#define {names.upper}RP_FIXED_NIBBLES {layout.nibbles}"
    if 8 % bits == 0 and n_classes < 256:
        yield f"#define {names.upper}RP_FIXED_WHOLE_CODES 1"
    for lanes, condition in (
        ("bytes", f"#if defined({names.upper}RP_BYTE_LANES)"),
        ("words", "#else"),
    ):
        yield condition
        parts = ("WORK", "SUMS", "INPUTS", "ODD")
        for name, size in zip(parts, layout.sizes(lanes)[:-1], strict=True):
            yield f"#define {names.upper}RP_FIXED_{name} {size}u"
        yield f"#define {names.upper}RP_FIXED_BUFFER {layout.buffer_size(lanes)}u"
    yield "#endif"


def _streaming(layout: CLayout, names: Names) -> str:
    """Tell of rp_push, where the buffer holds the sample."""
    if not layout.holds_inputs:
        return ""
    n, size = layout.pushes
    p, what = names.lower, "row" if layout.stages[0].height != 1 else "moment of all channels"
    return (
        f"\nA sample may also come in pieces. Call `{p}rp_start(&stream, &{p}model, hop, buffer,\n"
        f"sizeof buffer)`, then `{p}rp_push(&stream, values, scores, &label)` for every {what},\n"
        f"{size} bytes. A window has {n} of them. After every `hop` of them there is a label. In\n"
        f"between, the label is `{names.upper}RP_NO_LABEL`.\n"
    )


def _both(layout: CLayout) -> str:
    """Tell the size of the buffer, which may be another where lanes are bytes."""
    words, of_bytes = (layout.buffer_size(lanes) for lanes in ("words", "bytes"))
    return f"{words:,}" if words == of_bytes else f"{words:,} (AVR: {of_bytes:,})"


def _chain(layout: CLayout) -> str:
    """Tell the stages, a line each."""
    return "\n".join(f"{i}. `{stage}`" for i, stage in enumerate(layout.network.stages, 1))


def _names(names: tuple[str, ...] | None) -> str:
    """Tell the order of the features, each in quotes and without a line's end."""
    return "" if names is None else f"\n\nThey are, in this order: {json.dumps(names)[1:-1]}."


def _sizes(network: StepNetwork) -> str:
    return " -> ".join(map(str, (network.n_features, *network.widths)))


def _description(network: StepNetwork) -> str:
    rest = f"{network.activation}, seed {network.seed}"
    kinds = {type(stage).__name__ for stage in network.stages if stage.fan_in or stage.bias}
    plain = f"{network.weight_bits}-bit weights, " if not kinds else ""
    return f"{_sizes(network)}, {plain}{rest}"
