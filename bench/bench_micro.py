"""The C99 runtime on emulated microcontrollers: flash, RAM, cost of an image; bytes and accuracy.

Every device's bits, scores and labels are compared with the library's first, and the labels of all
test images by the same C built for this machine. Costs are instructions (Cortex-M, RISC-V) or
cycles (AVR) counted by the emulator, so that they do not depend on this machine.
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

from harness import Bench, main, save_figure
from micro_targets import TARGETS, Target, build, footprint
from micro_targets import run as run_device
from randprop import BitMatrix, Centroids, Model, RidgeReadout, StepNetwork, datasets, export_c
from randprop._files import write_text

N_IMAGES = 20
WIDTHS = (32, 64, 128, 256, 384, 512, 784)


@dataclass(frozen=True)
class Case:
    """A model to export."""

    title: str
    layers: int = 0
    weight_bits: int = 1
    ridge: bool = False
    code_bits: int = 2
    # 2 KB do not hold everything with the image: it stays in flash.
    streams_on: tuple[str, ...] = ()


CASES = (
    Case("1 matrix of 784 x 784, 1-bit weights, class means of 2 bits"),
    Case("4 matrices of 784 x 784, 1-bit weights, class means of 2 bits", layers=3),
    Case(
        "1 matrix of 784 x 784, 8-bit weights, class means of 2 bits",
        weight_bits=8,
        streams_on=("atmega328p",),
    ),
    Case("1 matrix of 784 x 784, 1-bit weights, ridge of 8 bits", ridge=True, code_bits=8),
)
# Beside -Os everywhere.
FASTER = (("cortex-m0", "-O3"), ("cortex-m4", "-O3"), ("rv32imc", "-O3"))


def run(bench: Bench) -> None:
    """Measure every case on every target, then accuracy against stored bytes."""
    X_train, y_train, X_test, y_test = datasets.load_mnist()
    step = 10 if bench.quick else 1
    X_train, y_train = X_train[::step], y_train[::step]
    for case in CASES[: 1 if bench.quick else None]:
        network = StepNetwork(784, case.layers, width=784, weight_bits=case.weight_bits)
        readout: Any = RidgeReadout() if case.ridge else Centroids()
        model = Model(network, readout.fit(network.propagate(X_train), y_train))
        with tempfile.TemporaryDirectory() as folder:
            _measure(bench, case, model, X_test, y_test, Path(folder))
    _bytes_and_accuracy(bench, X_train, y_train, X_test, y_test)


def _measure(
    bench: Bench,
    case: Case,
    model: Model,
    X_test: NDArray[np.uint8],
    y_test: NDArray[Any],
    work: Path,
) -> None:
    images = X_test[:: len(X_test) // N_IMAGES][:N_IMAGES]
    options = {"centroid_bits": case.code_bits, "ridge_bits": case.code_bits}
    folder = export_c(model, work / "model", **options, self_test=images)
    quantized: Any = model.quantize(**options)
    bits = model.network.propagate(images)
    scores = quantized.readout.decision_function(bits)

    labels = host_labels(folder, work, X_test)
    predicted = quantized.readout.classes_[labels]
    if not np.array_equal(predicted, quantized.predict(X_test)):
        raise SystemExit(f"{case.title}: the host build of the runtime gives other labels")
    accuracy = float((predicted == y_test).mean())
    # Tables: codes, biases, widths.
    codes = quantized.readout.codes_
    row = (codes.shape[1] + 7) // 8
    table_bytes = len(codes) * (quantized.readout.bits * row + 4) + 2 * (case.layers + 1)
    rows = []
    for target, optimise in [(target, "-Os") for target in TARGETS.values()] + [
        (TARGETS[name], optimise) for name, optimise in FASTER
    ]:
        name = target.name if optimise == "-Os" else f"{target.name} {optimise}"
        if target.missing():
            rows.append({"target": name, "note": f"{', '.join(target.missing())} not installed"})
            continue
        measured = _device(case, target, optimise, folder, work, table_bytes, bits, scores)
        rows.append({"target": name, **measured})
    bench.table(
        f"{case.title}: {accuracy:.4f} of {len(X_test):,} test images, "
        f"means over {len(images)} images",
        rows,
    )


def _device(
    case: Case,
    target: Target,
    optimise: str,
    folder: Path,
    work: Path,
    table_bytes: int,
    bits: BitMatrix,
    scores: NDArray[np.int64],
) -> dict[str, Any]:
    stream = target.name in case.streams_on
    elf = build(
        target, folder, work / f"{target.name}.elf", optimise=optimise,
        options=("-DREPORT_STREAM",) if stream else (),
    )  # fmt: skip
    found = run_device(target, elf)
    if not (
        np.array_equal(found.bits, bits.to_packbits())
        and np.array_equal(found.scores, scores)
        and np.array_equal(found.labels, scores.argmax(axis=1))
        and found.self_test == 0
    ):
        raise SystemExit(f"{case.title}, {target.name}: other bits, scores or labels")
    size = footprint(
        target, folder, work, table_bytes=table_bytes, optimise=optimise,
        options=("-DBARE_STREAM",) if stream else (),
    )  # fmt: skip
    cost = float(found.cost.mean())
    notes = [f"{cost / 16e3:.0f} ms at 16 MHz"] if target.unit == "cycles" else []
    if stream:
        notes.append("image read from flash")
    return {
        "flash, code": size.core,
        "flash, tables": size.tables,
        "RAM, image and buffer": size.static_ram,
        "RAM, stack": size.stack,
        "flash, all": size.flash,
        "RAM, all": size.ram,
        "cost of an image": f"{cost:,.0f}",
        "unit": target.unit,
        "note": "; ".join(notes),
    }


def host_labels(folder: Path, work: Path, X: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Positions of the labels of images, by the exported C built for this machine."""
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


def _bytes_and_accuracy(
    bench: Bench,
    X_train: NDArray[np.uint8],
    y_train: NDArray[Any],
    X_test: NDArray[np.uint8],
    y_test: NDArray[Any],
) -> None:
    """Both readouts at several widths and bits: bytes of the tables against accuracy."""
    seeds = range(1 if bench.quick else 5)
    kinds = [("class means", bits) for bits in (1, 2, 4, 8)] + [("ridge", bits) for bits in (4, 8)]
    right: dict[tuple[str, int, int], list[float]] = {}
    for seed in seeds:
        network = StepNetwork(784, width=784, weight_bits=1, seed=seed)
        train, test = (network.propagate(X).to_array() for X in (X_train, X_test))
        for width in WIDTHS:
            # A narrower network is the first units of a wider one.
            narrow = [BitMatrix.from_array(part[:, :width]) for part in (train, test)]
            fitted = {
                "class means": Centroids().fit(narrow[0], y_train),
                "ridge": RidgeReadout().fit(narrow[0], y_train),
            }
            for kind, bits in kinds:
                predicted = fitted[kind].quantize(bits).predict(narrow[1])
                right.setdefault((kind, bits, width), []).append(
                    float((predicted == y_test).mean())
                )
    rows = []
    for kind, bits in kinds:
        for width in WIDTHS:
            values = right[kind, bits, width]
            rows.append(
                {
                    "readout": _readout(kind, bits),
                    "units": width,
                    "bytes of tables": 10 * (bits * ((width + 7) // 8) + 4) + 2,
                    "accuracy": f"{np.mean(values):.4f}",
                    "lowest": f"{min(values):.4f}",
                    "highest": f"{max(values):.4f}",
                }
            )
    bench.table(
        f"Stored bytes and accuracy on MNIST: 1 matrix, 1-bit weights, seeds 0 to {len(seeds) - 1}",
        rows,
    )
    if bench.plot is not None:
        _draw(bench.plot, rows, kinds)


def _readout(kind: str, bits: int) -> str:
    return f"{kind}, {bits} bit{'s' if bits > 1 else ''}"


def _draw(folder: Path, rows: list[dict[str, Any]], kinds: list[tuple[str, int]]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.2, 4.4), layout="constrained")
    colours = {"class means": plt.get_cmap("Blues"), "ridge": plt.get_cmap("Oranges")}
    shades = {1: 0.45, 2: 0.6, 4: 0.75, 8: 0.95}
    for kind, bits in kinds:
        own = [row for row in rows if row["readout"] == _readout(kind, bits)]
        axes.plot(
            [row["bytes of tables"] for row in own],
            [float(row["accuracy"]) for row in own],
            "o-" if kind == "class means" else "s--",
            color=colours[kind](shades[bits]),
            label=_readout(kind, bits),
            markersize=4,
        )
    axes.axhline(0.8203, color="0.5", linewidth=0.8)
    axes.annotate(
        "class means of raw pixels, in float32: 31,360 bytes",
        (70, 0.8225),
        color="0.35",
        fontsize=8,
    )
    axes.set_xscale("log")
    axes.set_xlabel("bytes stored on the device (weights: none)")
    axes.set_ylabel("accuracy on 10,000 test images")
    ticks = [64, 128, 256, 512, 1024, 2048, 4096, 8192]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=9)
    axes.set_title("MNIST, 784 inputs to 32 ... 784 random units of 1-bit weights", fontsize=10)
    save_figure(figure, folder / "embedded_bytes.png", 150)
    plt.close(figure)


if __name__ == "__main__":
    main(run)
