"""The C99 runtime on emulated microcontrollers: flash, RAM, cost of a sample; bytes and accuracy.

First the recipes that are worth their bytes, then the paper's network. What every device puts out,
its scores and its labels are compared with the library's, and the labels of all test samples by the
same C built for this machine. Costs are instructions (Cortex-M, RISC-V) or cycles (AVR) counted by
the emulator, so that they do not depend on this machine.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import Bench, main
from micro_pictures import Dot, draw_bytes, draw_costs
from micro_recipes import RECIPES, Recipe, Split, grid, splits, stage_bytes
from micro_targets import TARGETS, Target, TooLargeError, build, footprint
from micro_targets import run as run_device
from randprop import (
    BitMatrix,
    Centroids,
    Conv2D,
    Model,
    QuantizedReadout,
    RidgeReadout,
    StepNetwork,
    export_c,
)
from randprop._files import write_text
from randprop.model.c_layout import CLayout

N_IMAGES = 20
WIDTHS = (32, 64, 128, 256, 384, 512, 784)
# Of the models of the paper's network and of the table of bytes: bits of a code.
GRID_BITS = (1, 2, 4)
# Of this many features on, the table has one seed: rounding takes their cube.
_ONE_SEED = 2048
# Tables and self-test must leave room for code in the 32 KB of an ATmega328P.
_REPORT_BYTES = 28_000


@dataclass(frozen=True)
class Case:
    """A model of the paper's network."""

    title: str
    layers: int = 0
    weight_bits: int = 1
    ridge: bool = False
    code_bits: int = 2
    # 2 KB do not hold everything with the image: it stays in flash.
    streams_on: tuple[str, ...] = ()
    figure: str = ""  # its name in the picture of times

    def fit(self, split: Split) -> Model:
        """Return the fitted model."""
        network = StepNetwork(784, self.layers, width=784, weight_bits=self.weight_bits)
        readout: Any = RidgeReadout() if self.ridge else Centroids()
        return Model(network, readout.fit(network.propagate(split.X_train), split.y_train))


CASES = (
    Case(
        "1 matrix of 784 x 784, 1-bit weights, class means of 2 bits",
        figure="784 units, class means",
    ),
    Case("4 matrices of 784 x 784, 1-bit weights, class means of 2 bits", layers=3),
    Case(
        "1 matrix of 784 x 784, 8-bit weights, class means of 2 bits",
        weight_bits=8,
        streams_on=("atmega328p",),
    ),
    Case(
        "1 matrix of 784 x 784, 1-bit weights, ridge of 8 bits",
        ridge=True,
        code_bits=8,
        figure="784 units, ridge",
    ),
)
# Beside -Os everywhere.
FASTER = (("cortex-m0", "-O3"), ("cortex-m4", "-O3"), ("rv32imc", "-O3"))
UNO, SMALL_ARM = "atmega328p", "cortex-m0"


@dataclass(frozen=True)
class Measured:
    """A model on every target, in rows of a table; the costs by target at -Os."""

    title: str
    rows: list[dict[str, Any]]
    accuracies: list[float]
    table_bytes: int

    def cost(self, name: str) -> float | None:
        """Mean cost of a sample; None where it was not measured."""
        found = [row["cost"] for row in self.rows if row["target"] == name and "cost" in row]
        return found[0] if found else None

    def told(self, name: str, column: str) -> Any:
        """Return a cell of the row of a target."""
        return next(row.get(column, "") for row in self.rows if row["target"] == name)


def run(bench: Bench) -> None:
    """Measure recipes, then the paper's network, each on every target and by stored bytes."""
    data = {name: split.thinned(10 if bench.quick else 1) for name, split in splits().items()}
    recipes = RECIPES[:1] + RECIPES[-1:] if bench.quick else RECIPES
    found = [_measure_recipe(bench, recipe, data[recipe.data]) for recipe in recipes]
    _overview(bench, recipes, found)
    new_rows = _bytes_of_recipes(bench, data["mnist"])
    for measured in found:
        _details(bench, measured)
    cases = CASES[: 1 if bench.quick else None]
    old = [_measure_case(bench, case, data["mnist"]) for case in cases]
    for measured in old:
        _details(bench, measured)
    old_rows = _bytes_of_the_paper(bench, data["mnist"])
    if bench.plot is not None:
        dots = [
            Dot(
                one.figure, float(np.mean(m.accuracies)), m.table_bytes, m.cost(UNO),
                m.cost(SMALL_ARM), of_paper,
            )
            for ones, measured, of_paper in ((recipes, found, False), (cases, old, True))
            for one, m in zip(ones, measured, strict=True)
            if one.figure
        ]  # fmt: skip
        draw_bytes(bench.plot, old_rows, new_rows, [dot for dot in dots if "3 x 2" in dot.name])
        draw_costs(bench.plot, dots)


def _measure_recipe(bench: Bench, recipe: Recipe, split: Split) -> Measured:
    accuracies = []
    for seed in range(1 if bench.quick else 3):
        model = recipe.fit(split, seed)
        quantized = model.quantize(readout_bits=recipe.bits)
        accuracies.append(quantized.score(split.X_test, split.y_test))
        if seed == 0:
            first = model, quantized
    return _measure(bench, recipe.title, *first, recipe.bits, split, accuracies)


def _measure_case(bench: Bench, case: Case, split: Split) -> Measured:
    model = case.fit(split)
    quantized = model.quantize(readout_bits=case.code_bits)
    accuracy = quantized.score(split.X_test, split.y_test)
    return _measure(
        bench, case.title, model, quantized, case.code_bits, split, [accuracy], case.streams_on
    )


def _measure(
    bench: Bench,
    title: str,
    model: Model,
    quantized: Model,
    code_bits: int,
    split: Split,
    accuracies: list[float],
    streams_on: tuple[str, ...] = (),
) -> Measured:
    readout: Any = quantized.readout
    layout = CLayout(quantized, readout, "auto")
    n = min(N_IMAGES, (_REPORT_BYTES - layout.table_bytes) // layout.test_bytes(1))
    samples = _read(model, split.X_test[:: len(split.X_test) // n][:n])
    if model.scaling.gives_bits and stage_bytes(model, code_bits) != layout.table_bytes:
        raise SystemExit(f"{title}: {layout.table_bytes} bytes, counted as others")
    builds = [(target, "-Os") for target in TARGETS.values()]
    if not bench.quick:
        builds += [(TARGETS[name], optimise) for name, optimise in FASTER]
    rows = []
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        folder = export_c(model, work / "model", readout_bits=code_bits, self_test=samples)
        labels = host_labels(folder, work, _read(model, split.X_test))
        if not np.array_equal(readout.classes_[labels], quantized.predict(split.X_test)):
            raise SystemExit(f"{title}: the host build of the runtime gives other labels")
        device = _Device(title, model, readout, layout, folder, work, samples)
        for target, optimise in builds:
            told = target.name if optimise == "-Os" else f"{target.name} {optimise}"
            stream = target.name in streams_on
            rows.append({"target": told, **device.measured(target, optimise, stream=stream)})
    shown = f"{title}: {accuracies[0]:.4f} of {len(split.X_test):,} test samples"
    return Measured(f"{shown}, means over {n}", rows, accuracies, layout.table_bytes)


def _read(model: Model, X: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return samples as the network reads them."""
    mapped = model.scaling.transform(X)
    return np.asarray(mapped.to_array() if model.scaling.gives_bits else mapped)


@dataclass(frozen=True)
class _Device:
    """What is exported, and what must come out."""

    title: str
    model: Model
    readout: QuantizedReadout
    layout: CLayout
    folder: Path
    work: Path
    samples: NDArray[np.uint8]

    def measured(self, target: Target, optimise: str, *, stream: bool) -> dict[str, Any]:
        """Run on a target and compare; return a row without its target."""
        if target.missing():
            return {"note": f"{', '.join(target.missing())} not installed"}
        options = ["-DREPORT_STREAM"] if stream else []
        # Of the RAM that the model leaves, the report needs some for itself.
        held = self.layout.buffer_size("bytes") + self.layout.row_bytes
        no_room = held + (0 if self.layout.holds_inputs or stream else 784) + 300 > target.ram
        if no_room:
            options.append("-DREPORT_SCORES")
        try:
            elf = build(
                target, self.folder, self.work / f"{target.name}.elf", optimise=optimise,
                options=tuple(options),
            )  # fmt: skip
            size = footprint(
                target, self.folder, self.work, table_bytes=self.layout.table_bytes,
                optimise=optimise, options=("-DBARE_STREAM",) if stream else (),
            )  # fmt: skip
        except TooLargeError as error:
            return {"note": str(error)}
        found = run_device(target, elf)
        outputs = self.model.network.propagate(self.samples)
        scores = self.readout.decision_function(outputs)
        if not (
            (no_room or np.array_equal(found.bits, self.layout.test_features(outputs)))
            and np.array_equal(found.scores, scores)
            and np.array_equal(found.labels, scores.argmax(axis=1))
            and found.self_test == (None if no_room else 0)
        ):
            raise SystemExit(f"{self.title}, {target.name}: other features, scores or labels")
        cost = float(found.cost.mean())
        notes = [f"{cost / 16e3:.0f} ms at 16 MHz"] if target.unit == "cycles" else []
        if stream:
            notes.append("image read from flash")
        if no_room:
            notes.append("RAM has no room to keep the features: scores and labels compared")
        return {
            "flash, code": size.core,
            "flash, tables": size.tables,
            "RAM, sample and buffer": size.static_ram,
            "RAM, stack": size.stack,
            "flash, all": size.flash,
            "RAM, all": size.ram,
            "cost": cost,
            "unit": target.unit,
            "note": "; ".join(notes),
        }


def _details(bench: Bench, measured: Measured) -> None:
    rows = [
        {
            "cost of a sample" if name == "cost" else name: (
                f"{value:,.0f}" if name == "cost" else value
            )
            for name, value in row.items()
        }
        for row in measured.rows
    ]
    bench.table(measured.title, rows)


def _overview(bench: Bench, recipes: tuple[Recipe, ...], found: list[Measured]) -> None:
    rows = []
    for recipe, measured in zip(recipes, found, strict=True):
        row = {"recipe": recipe.title, "bytes of tables": measured.table_bytes}
        row |= _spread(measured.accuracies)
        for target, name in ((UNO, "ATmega328P"), (SMALL_ARM, "Cortex-M0")):
            cost = measured.cost(target)
            row[f"{name}, flash"] = measured.told(target, "flash, all")
            row[f"{name}, RAM"] = measured.told(target, "RAM, all")
            if target == UNO:
                row["ms at 16 MHz"] = "" if cost is None else f"{cost / 16e3:.1f}"
            else:
                row["instructions"] = "" if cost is None else f"{cost:,.0f}"
        rows.append(row)
    bench.table(
        f"Recipes: memory and time at -Os, seeds 0 to {len(found[0].accuracies) - 1}",
        rows,
        "Each recipe has one stage, Conv2D(channels, 7, fan_in=4, pool=...), on binary pixels (1 "
        "if above 63 of 255), and a DiscriminantReadout. With 8-bit pixels the stage has a bias of "
        "0.1. For gestures it is Conv1D(128, 9, dilation='log', fan_in=8, pool=1) with calibrated "
        "thresholds. Bytes and costs are those of seed 0. Accuracy is on all 10,000 test samples. "
        "RAM holds sample, buffer and stack.",
        picture=("embedded_cycles.png", "Cycles of a sample against accuracy")
        if bench.plot is not None
        else ("", ""),
    )


def _spread(values: list[float]) -> dict[str, str]:
    return {
        "accuracy": f"{np.mean(values):.4f}",
        "lowest": f"{min(values):.4f}",
        "highest": f"{max(values):.4f}",
    }


def host_labels(folder: Path, work: Path, X: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Positions of the labels of samples, by the exported C built for this machine."""
    write_text(
        work / "host.c",
        '#include "model.h"\n'
        "int host_labels(const uint8_t* X, long n, uint16_t* labels) {\n"
        "  static uint8_t buffer[MODEL_BUFFER_SIZE];\n"
        "  long i;\n"
        "  for (i = 0; i < n; ++i) {\n"
        "    rp_status status = rp_classify_bytes(&model, X + i * MODEL_N_FEATURES, buffer,\n"
        "                                         sizeof buffer, NULL, labels + i, NULL);\n"
        "    if (status != RP_OK) return status;\n"
        "  }\n"
        "  return 0;\n"
        "}\n",
    )
    library = work / "host.so"
    subprocess.run(
        ["cc", "-std=c99", "-O3", "-fPIC", "-shared", f"-I{folder}", str(work / "host.c"),
         str(folder / "randprop_micro.c"), "-o", str(library)],
        check=True,
    )  # fmt: skip
    call = ctypes.CDLL(str(library)).host_labels
    call.argtypes = [ctypes.c_void_p, ctypes.c_long, ctypes.c_void_p]
    labels = np.zeros(len(X), dtype=np.uint16)
    X = np.ascontiguousarray(X)
    if call(X.ctypes.data, len(X), labels.ctypes.data) != 0:
        raise SystemExit("the host build of the runtime refuses its model")
    return labels.astype(np.int64)


def _bytes_of_recipes(bench: Bench, split: Split) -> list[dict[str, Any]]:
    """Measure counts of images at several numbers of channels, windows and bits."""
    rows = []
    for pool, channels in grid():
        if bench.quick and channels > 32:
            continue
        stage = Conv2D(channels, 7, fan_in=4, pool=pool)
        one_seed = bench.quick or channels * pool * pool > _ONE_SEED
        models = [Recipe("", stage).fit(split, seed) for seed in range(1 if one_seed else 3)]
        for bits in GRID_BITS:
            right = [
                model.quantize(readout_bits=bits).score(split.X_test, split.y_test)
                for model in models
            ]
            rows.append(
                {
                    "counts": f"{pool} x {pool}",
                    "bits": bits,
                    "channels": channels,
                    "bytes of tables": stage_bytes(models[0], bits),
                    **_spread(right),
                    "seeds": len(right),
                }
            )
    rows.sort(key=lambda row: (row["counts"], row["bits"]))
    bench.table(
        "Stored bytes and accuracy on MNIST: counts of Conv2D(channels, 7, fan_in=4), discriminant",
        rows,
        picture=("embedded_bytes.png", "Bytes stored on the device against accuracy")
        if bench.plot is not None
        else ("", ""),
    )
    return rows


def _bytes_of_the_paper(bench: Bench, split: Split) -> list[dict[str, Any]]:
    """Both readouts at several widths and bits: bytes of the tables against accuracy."""
    seeds = range(1 if bench.quick else 5)
    widths = WIDTHS[:2] if bench.quick else WIDTHS
    kinds = [("class means", bits) for bits in (1, 2, 4, 8)] + [("ridge", bits) for bits in (4, 8)]
    right: dict[tuple[str, int, int], list[float]] = {}
    for seed in seeds:
        network = StepNetwork(784, width=784, weight_bits=1, seed=seed)
        train, test = (network.propagate(X).to_array() for X in (split.X_train, split.X_test))
        for width in widths:
            # A narrower network is the first units of a wider one.
            narrow = [BitMatrix.from_array(part[:, :width]) for part in (train, test)]
            fitted = {
                "class means": Centroids().fit(narrow[0], split.y_train),
                "ridge": RidgeReadout().fit(narrow[0], split.y_train),
            }
            for kind, bits in kinds:
                predicted = fitted[kind].quantize(bits).predict(narrow[1])
                right.setdefault((kind, bits, width), []).append(
                    float((predicted == split.y_test).mean())
                )
    rows = [
        {
            "readout": f"{kind}, {bits} bit{'s' if bits > 1 else ''}",
            "units": width,
            "bytes of tables": 10 * (bits * ((width + 7) // 8) + 4),
            **_spread(right[kind, bits, width]),
        }
        for kind, bits in kinds
        for width in widths
    ]
    bench.table(
        f"Stored bytes and accuracy on MNIST: 1 matrix, 1-bit weights, seeds 0 to {len(seeds) - 1}",
        rows,
    )
    return rows


if __name__ == "__main__":
    main(run)
