"""Exported folders: compiled for this machine they give the library's bits, scores and labels."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from helpers import C_COMPILER, C_TRAPS, C_WARNINGS, random_bytes
from randprop import (
    BinaryScaling,
    BitMatrix,
    Centroids,
    Conv1D,
    Conv2D,
    Dense,
    HammingNeighbors,
    LinearScaling,
    Model,
    QuantizedReadout,
    RidgeReadout,
    StepClassifier,
    StepNetwork,
    export_c,
)
from randprop.model.c_text import RUNTIME_FILES
from test_micro import KINDS, inputs_for, kind_of_model, of_stages

FILES = {
    *RUNTIME_FILES, "README.md", "example.c", "model.h", "randprop_config.h", "self_test.h",
}  # fmt: skip
LANES = {"words": (), "bytes": ("-DRP_BYTE_LANES",)}


def make_model(widths=(200,), *, readout="centroid", n_features=50, classes=(0, 1, 2), **options):
    network = StepNetwork(n_features, len(widths) - 1, width=widths, **options)
    bits = network.propagate(random_bytes(3, 90, n_features))
    empty = Centroids() if readout == "centroid" else RidgeReadout()
    return Model(network, empty.fit(bits, np.array(classes)[np.arange(90) % len(classes)]))


def compile_c(folder: Path, output: Path, *extra: str, source="example.c", prefix="") -> Path:
    sources = [*([source] if source else []), f"{prefix}randprop_micro.c"]
    subprocess.run(
        [C_COMPILER, "-std=c99", "-O1", *C_WARNINGS, *C_TRAPS, *extra, *sources, "-o", str(output)],
        cwd=folder, check=True,
    )  # fmt: skip
    return output


def statuses(folder: Path, tmp_path: Path, *flags: str, **options) -> dict[str, int]:
    """Build and run the example for both kinds of CPU; return what each ends with."""

    def status(lanes: str) -> int:
        built = compile_c(folder, tmp_path / lanes, *flags, *LANES[lanes], **options)
        return subprocess.run([built], check=False).returncode

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(LANES, pool.map(status, LANES), strict=True))


def all_are(status: int) -> dict[str, int]:
    return dict.fromkeys(LANES, status)


def changed_cell(text: str, table: str, at: int) -> str:
    """Return a header in which a number of a table is another, by its lowest bit."""
    start = text.index("{", text.index(f" {table}["))
    end = text.index("}", start)
    cells = text[start + 1 : end].split(",")
    cells[at] = f"{int(cells[at], 0) ^ 1}"
    return text[: start + 1] + ", ".join(cells) + text[end:]


# A runtime for each of them alone; more than those of test_micro.
FIXED = {
    **{kind: partial(kind_of_model, kind) for kind in KINDS},
    "rows, 16 windows, 7 classes": lambda: of_stages(
        Conv2D(16, 5, fan_in=4, pool=4), shape=(16, 16, 1), of_bits=True, n_classes=7
    ),
    "rows, 8 classes, a code across bytes": lambda: of_stages(
        Conv2D(5, 3, fan_in=4, pool=2), shape=(9, 9, 1), of_bits=True, kind="ridge", code_bits=3,
        n_classes=8,
    ),
    "series, wide padding and dilation": lambda: of_stages(
        Conv1D(5, 45, padding=40, dilation=33, fan_in=7), shape=(1500, 1)
    ),
    "stages that are all the same": lambda: of_stages(*[Dense(40, weight_bits=2)] * 3, n=40),
}  # fmt: skip


QUICK = {
    "rows, counts", "rows, padded", "bytes", "series, drawn dilations", "dense, thresholds",
    "four stages", "series, wide padding and dilation", "stages that are all the same",
}  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in FIXED],
)
def test_a_runtime_for_one_model_and_one_for_any(tmp_path, kind):
    """Every kind of stage: it compiles without a warning, passes its self-test, finds a change."""
    model = FIXED[kind]()
    of_bits = isinstance(model.scaling, BinaryScaling)
    images = inputs_for(5, 4, model.network.n_features, of_bits)
    units = "seed" if len(kind) % 2 else "stored"
    folder = export_c(model, tmp_path / "out", self_test=images, units=units)
    assert statuses(folder, tmp_path) == all_are(0)
    config = (folder / "randprop_config.h").read_text()
    assert ("RP_FIXED_STAGES" in config) == (len(set(map(str, model.network.stages))) == 1)
    (folder / "randprop_config.h").write_text("")
    assert statuses(folder, tmp_path, "-O0") == all_are(0)
    (folder / "randprop_config.h").write_text(config)
    table = ("features", "scores", "labels")[len(kind) % 3]
    text = (folder / "self_test.h").read_text()
    (folder / "self_test.h").write_text(changed_cell(text, f"self_test_{table}", -1))
    assert statuses(folder, tmp_path, "-O0") == all_are(4), table


@pytest.mark.parametrize("kind", ["rows, counts", "four stages"])
def test_a_runtime_that_is_compiled_small(tmp_path, kind):
    folder = export_c(kind_of_model(kind), tmp_path / "out")
    assert statuses(folder, tmp_path, "-Os") == all_are(0)


@pytest.mark.parametrize(
    ("widths", "options"),
    [
        ((200,), {"weight_bits": 1}),
        ((200, 200), {"weight_bits": 8, "activation": "sign"}),
        ((130, 40, 300), {"weight_bits": 4, "seed": 2**63 + 9}),
        ((1,), {"weight_bits": 2, "n_features": 1}),
    ],
)
@pytest.mark.parametrize("readout", ["centroid", "ridge"])
def test_self_test_passes_and_finds_a_change(tmp_path, widths, options, readout):
    model = make_model(widths, readout=readout, **options)
    images = random_bytes(5, 7, model.network.n_features)
    folder = export_c(model, tmp_path / "out", self_test=images)
    assert {file.name for file in folder.iterdir()} == FILES
    assert subprocess.run([compile_c(folder, tmp_path / "good")], check=False).returncode == 0
    # A runtime for any model runs it too.
    config = (folder / "randprop_config.h").read_text()
    (folder / "randprop_config.h").write_text("")
    assert subprocess.run([compile_c(folder, tmp_path / "any")], check=False).returncode == 0
    # One for another model refuses it; a changed seed is found out.
    model_id = config.split("RP_FIXED_ID 0x")[1][:8]
    other = f"{int(model_id, 16) ^ 1:08X}"
    (folder / "randprop_config.h").write_text(config.replace(model_id, other))
    assert subprocess.run([compile_c(folder, tmp_path / "other")], check=False).returncode == 2
    if widths != (1,):  # one unit may give the same bits for another seed
        seed = model.network.seed & 0xFFFFFFFF
        changed = config.replace(f"(0x{seed:08X}u ", f"(0x{seed ^ 1:08X}u ", 1)
        (folder / "randprop_config.h").write_text(changed)
        assert subprocess.run([compile_c(folder, tmp_path / "seed")], check=False).returncode == 4


def load_host(folder: Path, tmp_path: Path, prefix=""):
    """The function host_run of host.c."""
    arguments = ("-fPIC", "-shared", "-O2")
    library = compile_c(folder, tmp_path / "host.so", *arguments, source="host.c", prefix=prefix)
    return ctypes.CDLL(str(library)).host_run


SERIES_TIMES = np.linspace(0, 6, 40)


def images_of_strokes(n):
    """Small images of two classes: a bar across, or a bar down."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 60, (n, 12, 10)).astype(np.uint8)
    y = np.arange(n) % 2
    X[y == 0, 4:7], X[y == 1, :, 4:6] = 255, 255
    return X, y


def series_of_waves(n):
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    phases = rng.uniform(0, 6, (n, 1, 1))
    waves = np.sin((1 + y)[:, None, None] * SERIES_TIMES + phases)
    return waves * np.array([1.0, 7.0])[None, :, None] + rng.normal(0, 0.1, (n, 2, 40)), y


def table_of_numbers(n):
    rng = np.random.default_rng(0)
    X = rng.normal(0, 1, (n, 9)) * 10.0 ** np.arange(-4, 5)
    return X, (X[:, 4] > 0) + 2 * (X[:, 6] > 0)


WIDTHS = {"images": 300, "series": 64, "table": 64}
RECIPES = {"images": images_of_strokes, "series": series_of_waves, "table": table_of_numbers}


@pytest.mark.parametrize("stages", RECIPES)
def test_a_classifier_of_few_inputs_is_exported_with_its_scaling(tmp_path, stages):
    """From the features as they come to the label: on the device what is said here."""
    X, y = RECIPES[stages](60)
    fitted = StepClassifier(stages=stages, width=WIDTHS[stages], random_state=3).fit(X, y)
    quantized = fitted.model_.quantize()
    folder = export_c(fitted, tmp_path / "out")
    assert statuses(folder, tmp_path) == all_are(0)
    reader = "static uint8_t read_input(void* context, uint16_t index) {\n"
    reader += "  return (uint8_t)((const double*)context)[index];\n}\n"
    source = MAPPED.replace("inputs.h", "model.h").replace("= {p}model_input(", "= (uint8_t)(")
    source = source.replace("(features[i], i)", "features[i]").replace("(uint8_t)(f", "(uint8_t)f")
    if (folder / "inputs.h").is_file():
        source = MAPPED
        reader = (folder / "README.md").read_text().split("```c")[1].split("```")[0]
    (folder / "host.c").write_text(source.format(p="", P="", readme=reader))
    host_run = load_host(folder, tmp_path)
    # A device is told all channels of one time after the other.
    moments = X.transpose(0, 2, 1) if stages == "series" else X
    flat = np.ascontiguousarray(moments.reshape(60, -1), dtype=np.float64)
    outputs = quantized.propagate(X)
    kept = outputs if quantized.network.stages[-1].gives_bytes else outputs.to_packbits()
    scores = np.zeros((60, len(fitted.classes_)), np.int32)
    inputs, features = np.zeros(flat.shape, np.uint8), np.zeros(kept.shape, np.uint8)
    labels = [
        host_run(*(ctypes.c_void_p(part.ctypes.data) for part in row))
        for row in zip(flat, inputs, scores, features, strict=True)
    ]
    np.testing.assert_array_equal(features, kept)
    np.testing.assert_array_equal(scores, quantized.readout.decision_function(outputs))
    assert fitted.classes_[labels].tolist() == quantized.predict(X).tolist()
    assert len(set(labels)) == len(fitted.classes_)


def test_every_label_of_mnist_is_the_desktops(tmp_path):
    from randprop.datasets import load_mnist

    X_train, y_train, X_test, _ = load_mnist()
    network = StepNetwork(784, width=100, weight_bits=1, seed=4)
    model = Model(network, Centroids().fit(network.propagate(X_train[::20]), y_train[::20]))
    folder = export_c(model, tmp_path / "out", centroid_bits=2)
    classify = load_host_build(folder, tmp_path)
    quantized = model.quantize(centroid_bits=2)
    labels = [classify(image) for image in X_test[:1000]]
    np.testing.assert_array_equal(quantized.classes_[labels], quantized.predict(X_test[:1000]))


def load_host_build(folder: Path, tmp_path: Path):
    """The exported runtime and model as a function from an image to a label."""
    (folder / "host.c").write_text(
        '#include "model.h"\n'
        "int host_classify(const uint8_t* image);\n"
        "int host_classify(const uint8_t* image) {\n"
        "  static uint8_t buffer[MODEL_BUFFER_SIZE];\n"
        "  uint16_t label = 0;\n"
        "  rp_status status =\n"
        "      rp_classify_bytes(&model, image, buffer, sizeof buffer, NULL, &label, NULL);\n"
        "  return status == RP_OK ? (int)label : -(int)status;\n"
        "}\n"
    )
    library = compile_c(folder, tmp_path / "host.so", "-fPIC", "-shared", source="host.c")
    loaded = ctypes.CDLL(str(library))
    return lambda image: loaded.host_classify(ctypes.c_void_p(image.ctypes.data))


def test_same_bytes_again_and_in_another_process(tmp_path):
    model = make_model((64, 30), weight_bits=2, seed=8)
    first = export_c(model, tmp_path / "a")
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); import test_export_c as t\n"
        "t.export_c(t.make_model((64, 30), weight_bits=2, seed=8), sys.argv[1])\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "b"), str(Path(__file__).parent)],
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo"},
    )
    for file in first.iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name


def test_the_example_sketch_holds_what_is_exported_now(tmp_path):
    sketch = Path(__file__).parent.parent / "examples" / "arduino" / "digits"
    from randprop.cli import main

    command = ["export", "c", "--dataset", "digits", "--stages", "images", "--width", "192"]
    assert main([*command, "--bits", "2", "--out", str(tmp_path / "out")]) == 0
    for name in (FILES | {"inputs.h"}) - {"README.md", "example.c"}:
        assert (sketch / name).read_text() == (tmp_path / "out" / name).read_text(), name


def test_labels_are_spelled_for_c(tmp_path):
    names = ['a"b', "back\\slash", "é1", "??/", "*/", "%s", "\t\x7f\x1b1", "$p ${p}"]
    folder = export_c(make_model(classes=names), tmp_path / "out")
    (folder / "names.c").write_text(
        '#include <stdio.h>\n#include "model.h"\n'
        "int main(void) {\n  const char* names[] = MODEL_CLASS_NAMES;\n  unsigned i;\n"
        "  for (i = 0; i < MODEL_N_CLASSES; ++i) puts(names[i]);\n"
        "  return (int)rp_check_model(&model, MODEL_BUFFER_SIZE);\n}\n"
    )
    built = compile_c(folder, tmp_path / "names", source="names.c")
    said = subprocess.run([built], check=True, capture_output=True).stdout.decode()
    assert said.split("\n")[:-1] == sorted(names)


TWO = """
#include "{a}model.h"
#include "{b}model.h"
#include "{a}self_test.h"
#include "{b}self_test.h"
int main(void) {{
  static uint8_t buffer[{A}MODEL_BUFFER_SIZE + {B}MODEL_BUFFER_SIZE];
  static int32_t scores[{A}MODEL_N_CLASSES + {B}MODEL_N_CLASSES];
  static uint8_t room[{A}MODEL_OUTPUT_BYTES + {B}MODEL_OUTPUT_BYTES];
  const unsigned size = sizeof buffer;
  if ({a}rp_self_test(&{a}model, &{a}self_test, buffer, size, scores, room) != {A}RP_OK) return 1;
  if ({b}rp_self_test(&{b}model, &{b}self_test, buffer, size, scores, room) != {B}RP_OK) return 2;
  return {b}rp_self_test(&{b}model, &{b}self_test, buffer, 1, scores, room) != {B}RP_ERROR_BUFFER;
}}
"""


@pytest.mark.parametrize(
    ("names", "models"),
    [
        (
            ("digits", "gestures"),
            lambda: (make_model(seed=1), make_model((130, 20), readout="ridge", classes=(3, 4))),
        ),
        (
            (None, "x9_rp_model"),
            lambda: (kind_of_model("rows, counts"), kind_of_model("series, drawn dilations")),
        ),
        (("int", "Int2"), lambda: (kind_of_model("four stages"), kind_of_model("rows, padded"))),
    ],
)
def test_two_models_in_one_program(tmp_path, names, models):
    models = models()
    prefixes = ["" if name is None else f"{name}_" for name in names]
    objects = []
    for model, name, prefix in zip(models, names, prefixes, strict=True):
        folder = export_c(model, tmp_path / f"of_{name}", name=name)
        files = FILES | ({"inputs.h"} if model.scaling.gives_bits else set())
        own = {file if file in ("README.md", "example.c") else prefix + file for file in files}
        assert {file.name for file in folder.iterdir()} == own
        objects.append(
            compile_c(folder, tmp_path / f"{prefix}.o", "-c", source=None, prefix=prefix)
        )
        built = compile_c(folder, tmp_path / "one", prefix=prefix)
        assert subprocess.run([built], check=False).returncode == 0
    (a, b), include = prefixes, [f"-I{tmp_path / f'of_{name}'}" for name in names]
    (tmp_path / "two.c").write_text(TWO.format(a=a, A=a.upper(), b=b, B=b.upper()))
    subprocess.run(
        [C_COMPILER, "-std=c99", *C_WARNINGS, *C_TRAPS, *include, "two.c", *map(str, objects), "-o",
         "two"], cwd=tmp_path, check=True,
    )  # fmt: skip
    assert subprocess.run([tmp_path / "two"], check=False).returncode == 0
    # Every name of the runtime begins with the model's.
    found = subprocess.run(["nm", "-g", objects[1]], check=True, capture_output=True, text=True)
    defined = [line.split()[2] for line in found.stdout.splitlines() if " T " in line]
    assert len(defined) == 7
    assert all(name.startswith(f"{b}rp_") for name in defined)


@pytest.mark.parametrize("name", [None, "digits"])
def test_two_models_of_one_name_do_not_compile(tmp_path, name):
    prefix = "" if name is None else f"{name}_"
    for seed, folder in ((1, "first"), (2, "second")):
        export_c(make_model(seed=seed), tmp_path / folder, name=name)
    source = "".join(
        f'#include "{tmp_path}/{folder}/{prefix}{part}.h"\n'
        for part in ("model", "self_test") for folder in ("first", "second")
    )  # fmt: skip

    def errors(source):
        (tmp_path / "both.c").write_text(source)
        compiler = [C_COMPILER, "-fsyntax-only", str(tmp_path / "both.c")]
        return subprocess.run(compiler, capture_output=True, text=True, check=False).stderr

    assert "two models with the same name" in errors(source)
    assert "self-tests of two models" in errors(source)
    # The same model twice is one, and labels are a part of it.
    assert errors(source.replace("second", "first")) == ""
    export_c(make_model(seed=1, classes=("0", "1", "x")), tmp_path / "second", name=name)
    assert "two models with the same name" in errors(source)


def test_example_leaves_main_to_an_arduino_sketch(tmp_path):
    folder = export_c(make_model(), tmp_path / "out")
    (folder / "sketch.c").write_text("int main(void) { return 7; }\n")
    built = compile_c(folder, tmp_path / "sketch", "-DARDUINO=10819", "sketch.c")
    assert subprocess.run([built], check=False).returncode == 7


def test_arduino_library(tmp_path):
    folder = export_c(make_model(), tmp_path / "out", name="Zoo_2", arduino=True)
    assert {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()} == {
        "README.md", "library.properties", "examples/Zoo_2/Zoo_2.ino",
        *(f"src/Zoo_2_{name}" for name in FILES - {"README.md", "example.c"}),
    }  # fmt: skip
    lines = (folder / "library.properties").read_text().splitlines()
    fields = dict(line.split("=", 1) for line in lines)
    assert set(fields) == {
        "name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url",
        "architectures", "includes",
    }  # fmt: skip
    assert all(fields.values())
    assert fields["name"] == "Zoo_2"
    assert all((folder / "src" / name).is_file() for name in fields["includes"].split(","))


def test_a_file_that_is_not_an_exports_is_not_replaced(tmp_path):
    for name, text in (("README.md", "My randprop project"), ("model.h", "int mine;")):
        out = tmp_path / name.lower()
        out.mkdir()
        (out / name).write_text(text)
        with pytest.raises(FileExistsError, match=f"{name} exists and is not from an export"):
            export_c(make_model(), out)
        assert [(file.name, file.read_text()) for file in out.iterdir()] == [(name, text)]
    for options in ({}, {"name": "zoo", "arduino": True}):
        out = export_c(make_model(seed=1), tmp_path / f"out{len(options)}", **options)
        (out / "mine.c").write_text("int mine;")
        config = next(out.rglob("*randprop_config.h"))
        config.write_text("")
        assert export_c(make_model(seed=2), out, **options) == out
        assert config.read_text() != ""
        assert (out / "mine.c").read_text() == "int mine;"


def test_buffer_size_is_the_runtimes(tmp_path):
    for widths, options in (((300, 20), {}), ((20,), {"weight_bits": 8}), ((129,), {})):
        folder = export_c(make_model(widths, **options), tmp_path / "out")
        (folder / "size.c").write_text(
            '#include "model.h"\nint main(void) {\n'
            "  return rp_buffer_size(&model) != MODEL_BUFFER_SIZE ||\n"
            "         rp_check_model(&model, MODEL_BUFFER_SIZE - 1u) != RP_ERROR_BUFFER;\n}\n"
        )
        for config in ((folder / "randprop_config.h").read_text(), ""):
            (folder / "randprop_config.h").write_text(config)
            built = compile_c(folder, tmp_path / "size", source="size.c")
            assert subprocess.run([built], check=False).returncode == 0


def test_export_verb(tmp_path, capsys):
    from randprop.cli import main

    out = tmp_path / "out"
    call = ["export", "c", "--dataset", "digits", "--width", "32", "--readout", "ridge"]
    assert main([*call, "--out", str(out)]) == 0
    assert "on the test samples" in capsys.readouterr().out
    assert (out / "model.h").is_file()
    library = tmp_path / "library"
    assert main([*call, "--name", "digits", "--arduino", "--out", str(library)]) == 0
    assert (library / "examples" / "digits" / "digits.ino").is_file()
    wrong = [*call, "--out", str(library), "--arduino"]
    for arguments in (wrong, ["export", "model", *wrong[2:], "--name", "x"]):
        with pytest.raises(SystemExit, match="2"):
            main([*arguments, "--out", str(tmp_path / "m")])
    said = capsys.readouterr().err
    assert "--arduino needs a name" in said
    assert "--name is for c, not for model" in said
    assert not (tmp_path / "m").exists()
    with pytest.raises(SystemExit, match="2"):
        main([*call, "--bits", "9", "--out", str(out)])
    assert "--bits must lie in [1, 8], or be 'ternary', got 9" in capsys.readouterr().err
    for bits in ("1", "ternary"):
        assert main([*call, "--bits", bits, "--readout", "discriminant", "--out", str(out)]) == 0


INPUTS = {
    "one range": LinearScaling(-1.5, 2.25),
    "features": LinearScaling(np.arange(50.0) - 30, np.arange(50.0) ** 1.5 + 7),
    "channels": LinearScaling([-1.0, 0.0], [0.125, 1e-3]),
    "extreme": LinearScaling(
        [-1.7e308, 0.0, -1e-310, -2.0, 1.5], [1.7e308, 5e-324, 3e-310, 3.0, 1.5]
    ),
    "level": BinaryScaling(0.1),
    "level of nearly nothing": BinaryScaling(-5e-324),
}
MAPPED = """
#include "{p}inputs.h"
{readme}
int host_run(double* features, uint8_t* inputs, int32_t* scores, uint8_t* bits);
int host_run(double* features, uint8_t* inputs, int32_t* scores, uint8_t* bits) {{
  static uint8_t buffer[{P}MODEL_BUFFER_SIZE];
  uint16_t label = 0, i;
  const {p}rp_status status = {p}rp_classify(&{p}model, read_input, features, buffer, sizeof buffer,
                                             scores, &label, bits);
  if (status != {P}RP_OK) return -(int)status;
  for (i = 0; i < {P}MODEL_N_FEATURES; ++i) inputs[i] = {p}model_input(features[i], i);
  return (int)label;
}}
"""


def of_scaling(scaling, activation="step", **options):
    network = StepNetwork(50, stages=[40, 30], activation=activation, weight_bits=2, **options)
    bits = network.propagate(scaling.transform(numbers_for(scaling, 90)))
    return Model(network, RidgeReadout().fit(bits, np.arange(90) % 3), scaling=scaling)


def numbers_for(scaling, n_samples):
    """Features of all sorts: on the borders of bytes, between them, and far outside."""
    rng = np.random.default_rng(n_samples)
    low, high = (np.resize(getattr(scaling, end, at), 50) for end, at in (("low", -1), ("high", 1)))
    share = rng.choice([0, 0.5, 1 / 510, 1, 2.5 / 255], (n_samples, 50))
    share = np.where(rng.uniform(size=share.shape) < 0.5, share, rng.uniform(0, 1, share.shape))
    X = low * (1 - share) + high * share
    X[rng.uniform(size=X.shape) < 0.05] = getattr(scaling, "level", 1.7e308)
    X[rng.uniform(size=X.shape) < 0.05] = -1.7e308
    return X


@pytest.mark.parametrize("kind", INPUTS)
def test_features_are_mapped_on_the_device_as_here(tmp_path, kind):
    """The function of the README, compiled, gives the desktop's inputs, bits, scores and labels."""
    scaling, name = INPUTS[kind], "zoo" if kind in ("channels", "level") else None
    prefix = "" if name is None else f"{name}_"
    model = of_scaling(scaling, "step" if name is None else "sign").quantize()
    folder = export_c(model, tmp_path / "out", name=name)
    assert {file.name for file in folder.iterdir()} >= {f"{prefix}inputs.h", "example.c"}
    readme = (folder / "README.md").read_text().split("```c")[1].split("```")[0]
    (folder / "host.c").write_text(MAPPED.format(p=prefix, P=prefix.upper(), readme=readme))
    host_run = load_host(folder, tmp_path, prefix=prefix)
    X = numbers_for(scaling, 200)
    inputs, scores = np.zeros((200, 50), np.uint8), np.zeros((200, 3), np.int32)
    bits = np.zeros((200, 4), np.uint8)
    labels = [
        host_run(*(ctypes.c_void_p(part.ctypes.data) for part in row))
        for row in zip(X, inputs, scores, bits, strict=True)
    ]
    expected = model.propagate(X)
    mapped = scaling.transform(X)
    mapped = mapped.to_array() if scaling.gives_bits else mapped
    np.testing.assert_array_equal(inputs, mapped)
    np.testing.assert_array_equal(bits, expected.to_packbits())
    np.testing.assert_array_equal(scores, model.readout.decision_function(expected))
    assert model.classes_[labels].tolist() == model.predict(X).tolist()
    assert len(np.unique(mapped)) == (2 if scaling.gives_bits else 256)


def test_inputs_of_another_export_do_not_compile(tmp_path):
    folder = export_c(of_scaling(INPUTS["channels"]), tmp_path / "out")
    (folder / "use.c").write_text(
        '#include "inputs.h"\nint main(void) { return model_input(0.0, 0) != 255; }\n'
    )

    def errors(*extra):
        command = [C_COMPILER, "-fsyntax-only", *extra, "use.c"]
        said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
        return said.stderr

    assert errors() == ""
    # The same network and readout, of which features nobody has been told.
    model = of_scaling(INPUTS["channels"])
    for scaling in (LinearScaling(0, 255), INPUTS["level"]):
        held = (folder / "inputs.h").read_text()
        export_c(Model(model.network, model.readout, scaling=scaling), folder)
        (folder / "inputs.h").write_text(held)
        assert "come from different exports" in errors()
        export_c(model, folder)
        assert errors() == ""
    for name, value in (("DBL_MANT_DIG", 24), ("FLT_EVAL_METHOD", 2)):
        unfit = [f"-U__{name}__", f"-D__{name}__={value}"]  # which float.h passes on
        assert "without extra precision or fast math" in errors(*unfit)
    assert "without extra precision or fast math" in errors("-ffast-math")
    (folder / "both.c").write_text((folder / "use.c").read_text())
    other = export_c(of_scaling(INPUTS["channels"], seed=1), tmp_path / "other")
    use = (folder / "use.c").read_text()
    (folder / "use.c").write_text(f'#include "{other}/inputs.h"\n{use}')
    assert "inputs of two models with the same name" in errors()


def test_the_self_test_of_a_level_is_of_bits(tmp_path):
    model = of_scaling(BinaryScaling(0.5))
    images = random_bytes(0, 3, 50)
    with pytest.raises(ValueError, match=f"self_test must hold 0 and 1, .* got {images.max()}"):
        export_c(model, tmp_path / "out", self_test=images)
    folder = export_c(model, tmp_path / "out", self_test=images % 2)
    assert subprocess.run([compile_c(folder, tmp_path / "own")], check=False).returncode == 0


def with_stages(*stages, input_shape=None, weight_bits=8, activation="step"):
    n = 16 if input_shape is None else int(np.prod(input_shape))
    network = StepNetwork(
        n, stages=stages, input_shape=input_shape, weight_bits=weight_bits, activation=activation
    )
    return Model(network, Centroids().fit(network.propagate(random_bytes(0, 9, n)), range(9)))


def conv_model():
    network = StepNetwork(16, width=Conv2D(2, kernel=3), input_shape=(4, 4, 1))
    return Model(network, Centroids().fit(network.propagate(random_bytes(0, 9, 16)), range(9)))


def knn_model():
    network = StepNetwork(16, width=8)
    readout = HammingNeighbors().fit(network.propagate(random_bytes(0, 9, 16)), range(9))
    return Model(network, readout)


def with_readout(*, n_classes=2, width=8, stage=None, n_features=16, **options):
    network = StepNetwork(n_features, width=width if stage is None else [stage])
    codes = np.ones((n_classes, network.widths[-1]), dtype=np.int64)
    bias = options.pop("bias", np.zeros(n_classes, dtype=np.int64))
    return Model(network, QuantizedReadout(codes, bias, np.arange(n_classes), **options))


def changed_after_construction(name, value):
    model = with_readout(bits=4)
    setattr(model.readout, name, value)
    return model


@pytest.mark.parametrize(
    ("model", "options", "error", "text"),
    [
        (conv_model, {}, ValueError, "stage 0 .* a Conv2D without fan_in, .* give it fan_in"),
        (
            lambda: with_stages(Conv1D(9, kernel=3, pool=1), input_shape=(16, 1)),
            {},
            ValueError,
            "stage 0 of model.network is a Conv1D",
        ),
        (
            lambda: with_stages(Conv2D(2, 18, fan_in=256), input_shape=(18, 18, 1)),
            {},
            ValueError,
            "stage 0 of model.network must have a fan_in of at most 255 .* got 256",
        ),
        (
            lambda: with_stages(9, Dense(8, weight_bits=24)),
            {},
            ValueError,
            "stage 1 of model.network must have 1, 2, 4 or 8 weight bits .* got 24",
        ),
        (
            lambda: with_stages(Dense(9, bias=2**30)),
            {},
            ValueError,
            "stage 0 of model.network must have a bias of at most 1073741823 .* got 1073741824",
        ),
        (
            lambda: with_stages(
                Conv2D(2, 2, fan_in=2),
                Conv2D(2, 2, padding=1, fan_in=2),
                input_shape=(4, 4, 1),
                activation="sign",
            ),
            {},
            ValueError,
            "stage 1 of model.network pads bits that stand for -1 and 1, which the microcontr",
        ),
        (
            lambda: with_stages(Conv2D(1, 3, padding=2, fan_in=2), input_shape=(252, 252, 1)),
            {},
            ValueError,
            "stage 0 of model.network must have at most 65535 inputs with its padding .* got 65536",
        ),
        (
            lambda: with_stages(Conv1D(1, 300, padding=299, fan_in=2), input_shape=(64_938, 1)),
            {},
            ValueError,
            "stage 0 .* at most 65535 inputs with its padding .* got 65536",
        ),
        (
            lambda: make_model((1,), n_features=65_536, weight_bits=1),
            {},
            ValueError,
            "model.network must have at most 65535 inputs for a microcontroller, got 65536",
        ),
        (
            lambda: with_readout(bits=8, n_classes=8191, stage=Dense(8, fan_in=2)),
            {},
            ValueError,
            "at most 8190 classes of 8-bit codes behind a stage with fan_in .* got 8191",
        ),
        (
            lambda: with_readout(bits=1, stage=Dense(33_000, fan_in=255), n_features=300),
            {"units": "stored"},
            ValueError,
            "model must have at most 16,777,216 bytes of tables .* got 16,8.*; units='seed'",
        ),
        (
            make_model,
            {"units": "drawn"},
            ValueError,
            "units must be one of 'auto', 'stored', 'seed', g",
        ),
        (make_model, {"units": None}, ValueError, "units must be .* got None"),
        (knn_model, {}, TypeError, "HammingNeighbors readout cannot be rounded to few bits"),
        (lambda: make_model(weight_bits=24), {}, ValueError, "1, 2, 4 or 8 weight bits"),
        (lambda: with_readout(bits=9), {}, ValueError, "at most 8 bits .* got 9"),
        (
            lambda: with_readout(bits=8, bias=np.array([0, 2**30])),
            {},
            ValueError,
            "leave 32 bits .* the bias of class 1 is 1073741824, allowed is 1073741823",
        ),
        (
            lambda: with_readout(bits=8, bias=np.array([-(2**61), 0])),
            {},
            ValueError,
            "the bias of class 0 is -2305843009213693952",
        ),
        (
            lambda: changed_after_construction("bias_", np.array([0, -(2**63)])),
            {},
            ValueError,
            "the bias of class 1 is -9223372036854775808",
        ),
        (
            lambda: with_readout(bits=8, multiplier=65535, width=70),
            {},
            ValueError,
            "the largest sum is 1169799750, allowed",
        ),
        (
            lambda: changed_after_construction("multiplier", 65_536),
            {},
            ValueError,
            "the exported multiplier holds 65536, which does not fit uint16_t",
        ),
        (lambda: changed_after_construction("offset", -1), {}, ValueError, "the exported offset"),
        (
            lambda: with_readout(bits=8, n_classes=2100, width=8192),
            {},
            ValueError,
            "at most 16,777,216 bytes of tables for a microcontroller, got 17,211,600",
        ),
        (
            lambda: make_model(n_features=600),
            {"self_test": np.zeros((30_000, 600), dtype=np.uint8)},
            ValueError,
            "self_test must take at most 16,777,216 bytes, got 30000 inputs",
        ),
        (lambda: make_model(classes=["a\0b", "c"]), {}, ValueError, "label 'a.x00b' holds a NUL"),
        (make_model, {"name": 3}, TypeError, "name must be a str, got int"),
        *(
            (make_model, {"name": name}, ValueError, "name must begin with a letter")
            for name in (
                "",
                "a b",
                "2a",
                "_a",
                "a_",
                "a__b",
                "../a",
                "a/b",
                "a.h",
                "é",
                "a\n",
                "a*/",
                41 * "a",
            )
        ),
        (make_model, {"arduino": True}, ValueError, "arduino=True needs a name"),
        (make_model, {"arduino": 1}, TypeError, "arduino must be True or False"),
        (make_model, {"arduino": True, "name": "ArduinoX"}, ValueError, "not begin with Arduino"),
        (
            lambda: make_model((1,), n_features=46_443, weight_bits=8),
            {},
            ValueError,
            "stage 0 .* at most 46442 inputs .* got 46443",
        ),
        (
            lambda: make_model((65_536,), n_features=1),
            {},
            ValueError,
            "at most 65535 outputs of a .* got 65536",
        ),
        (lambda: make_model(n_features=5), {"self_test": 0}, ValueError, "self_test must lie"),
        (
            lambda: make_model(n_features=5),
            {"self_test": np.zeros((2, 4), dtype=np.uint8)},
            ValueError,
            r"self_test must have shape \(n, 5\), got \(2, 4\)",
        ),
        (
            lambda: make_model(n_features=5),
            {"self_test": np.zeros((2, 5))},
            TypeError,
            "self_test must be uint8 images, got an array of float64",
        ),
        (lambda: make_model(), {"centroid_bits": 9}, ValueError, "centroid_bits must lie"),
        (lambda: make_model(readout="ridge"), {"ridge_bits": 9}, ValueError, "ridge_bits must lie"),
        (lambda: "model", {}, TypeError, "model must be a randprop.Model or a fitted .* got str"),
    ],
)
def test_refuses(tmp_path, model, options, error, text):
    with pytest.raises(error, match=text):
        export_c(model(), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        export_c(make_model(), tmp_path / "file" / "out")


def test_model_refuses():
    network = StepNetwork(4, width=8)
    bits = BitMatrix.from_array(np.eye(8, dtype=np.uint8))
    with pytest.raises(TypeError, match="network must be a StepNetwork, got int"):
        Model(3, Centroids())
    with pytest.raises(TypeError, match="readout must be .* got int"):
        Model(network, 3)
    with pytest.raises(ValueError, match="Centroids is not fitted"):
        Model(network, Centroids())
    with pytest.raises(ValueError, match="HammingNeighbors is not fitted"):
        Model(network, HammingNeighbors())
    with pytest.raises(ValueError, match="fitted on 8 bits, the network puts out 9"):
        Model(StepNetwork(4, width=9), RidgeReadout().fit(bits, range(8)))
    model = Model(network, Centroids().fit(bits, range(8)))
    assert model.quantize(centroid_bits=1).quantize(centroid_bits=8).readout.bits == 1
    assert model.score(np.zeros((3, 4), dtype=np.uint8), [0, 1, 1]) in (0, 1 / 3, 2 / 3)


def test_units_of_the_seed_are_not_made_here(tmp_path, monkeypatch):
    """Their weights would take units times inputs, whatever the device draws."""
    model = of_stages(Dense(300, fan_in=3), n=5000)

    def refuse(*_):
        raise AssertionError("weights were made")

    monkeypatch.setattr(StepNetwork, "weights", refuse)
    export_c(model, tmp_path / "seed", units="seed")
    with pytest.raises(AssertionError, match="weights were made"):
        export_c(model, tmp_path / "stored", units="stored")
