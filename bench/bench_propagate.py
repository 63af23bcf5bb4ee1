"""One layer, bits in and bits out: every kernel against what people would write instead."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from harness import (
    N_THREADS,
    Bench,
    forced,
    main,
    not_installed,
    peak,
    peer,
    random_bits,
    save_figure,
    using,
)  # fmt: skip
from randprop import BitMatrix, StepNetwork, _core

WIDTH = 784
KERNELS = ("popcount", "dot", "lut")


def kernel_of(weight_bits: int, n_samples: int) -> str:
    return _core.kernel_choice(weight_bits, _core.Features.bits, WIDTH, n_samples)


def layer(network: StepNetwork, bits: BitMatrix, n_threads: int = N_THREADS) -> Callable[[], Any]:
    """Return a call of the second matrix of a network: bits in, bits out."""
    return lambda: network.propagate_stage(1, bits, n_threads=n_threads)


def repeated(run: Callable[[], Any], count: int) -> Callable[[], Any]:
    """Return a call that makes `count` calls."""

    def calls() -> None:
        for _ in range(count):
            run()

    return calls


def agreement(found: Any, expected: BitMatrix) -> str:
    """Share of output bits that are those of the exact network."""
    share = np.mean(np.asarray(found)[: len(expected)].astype(bool) == expected.to_array())
    return f"{100 * share:.4f} % of bits equal"


def kernels(bench: Bench, n_samples: int) -> None:
    """Every level, kernel and number of weight bits, with the share of the level's peak."""
    bits = random_bits(n_samples, WIDTH)
    macs = n_samples * WIDTH * WIDTH
    for weight_bits in (1, 2, 4, 8):
        network = StepNetwork(WIDTH, 1, weight_bits=weight_bits)
        with using("scalar", "popcount"):
            expected = network.propagate_stage(1, bits[:300])
        contestants: dict[str, Any] = {}
        notes: dict[str, str] = {}
        for level in _core.simd_levels_supported():
            for kernel in KERNELS:
                name = f"{level} {kernel}"
                with using(level, kernel):
                    if kernel_of(weight_bits, n_samples) != kernel:
                        continue
                    if network.propagate_stage(1, bits[:300]) != expected:
                        raise SystemExit(f"{name}: wrong bits")
                    top = peak(level, kernel)
                with using(level):
                    if kernel_of(weight_bits, n_samples) == kernel:
                        notes[name] = "chosen at this level. "
                contestants[name] = (
                    forced(level, kernel, layer(network, bits, 1)),
                    macs
                    * {"popcount": weight_bits, "dot": 1, "lut": math.ceil(weight_bits / 4)}[
                        kernel
                    ],
                    top,
                )
        # Scalar code takes most of the time of this bench: a tenth of the work, scaled.
        part = random_bits(max(n_samples // 10, 1), WIDTH)
        runs, scale = {}, {}
        for name, (run, _, _) in contestants.items():
            if name.startswith("scalar"):
                run = forced("scalar", name.split()[1], layer(network, part, 1))
                scale[name] = n_samples / len(part)
            runs[name] = run
        medians = bench.race(
            f"One core, {weight_bits}-bit weights: {n_samples:,} x {WIDTH} -> {WIDTH}, "
            "ms per layer",
            runs,
            notes=notes,
            scale=scale,
        )
        rows = bench.tables[-1]["rows"]
        for row in rows:
            _, work, top = contestants[row["contestant"]]
            if top:
                # Once more after the race: the machine may have been slow before it.
                top = peak(*row["contestant"].split())
                row["share of peak"] = work / (medians[row["contestant"]] * 1e-3) / top
        print("share of the peak of the instructions with all operands in registers:")
        for row in rows:
            if "share of peak" in row:
                print(f"  {row['contestant']:<16} {row['share of peak']:.2f}")


def contestants_elsewhere(n_samples: int, network: StepNetwork, bits: BitMatrix) -> dict[str, Any]:
    """Return the same layer in other libraries: (call, output bits, part of the samples)."""
    w = network.weights(1)
    x = bits.to_array()
    found: dict[str, Any] = {}

    xf, wf = x.astype(np.float32), np.ascontiguousarray(w.T.astype(np.float32))
    found["NumPy float32 X @ W > 0"] = lambda: (xf @ wf) > 0

    if peer("torch") is not None:
        import torch

        torch.set_num_threads(N_THREADS)
        xt, wt = torch.from_numpy(xf), torch.from_numpy(wf)
        xb, wb = xt.to(torch.bfloat16), wt.to(torch.bfloat16)
        x8 = torch.from_numpy(x.astype(np.int8))
        # Weights 2 u - 255 do not fit 8 bits; u - 128 does, which is another network of the same
        # cost: its bits are not compared.
        w8 = torch.from_numpy(np.ascontiguousarray(((w - 1) // 2).T.astype(np.int8)))
        found["PyTorch float32"] = lambda: (xt @ wt) > 0
        found["PyTorch bfloat16"] = lambda: (xb @ wb) > 0
        found["PyTorch int8 _int_mm"] = lambda: torch._int_mm(x8, w8) > 0
    else:
        found["PyTorch"] = not_installed("torch")

    if peer("onnxruntime") is not None and peer("onnx") is not None:
        session, feed = onnx_layer(x, w, integer=False)
        found["ONNX Runtime float32"] = lambda: session.run(None, feed)[0]
        session8, feed8 = onnx_layer(x, w, integer=True)
        found["ONNX Runtime int8 MatMulInteger"] = lambda: session8.run(None, feed8)[0]
    else:
        found["ONNX Runtime"] = not_installed("onnxruntime")
    found["torchhd"] = "does not apply: it has no layers of this kind"
    return found


def onnx_layer(x: np.ndarray, w: np.ndarray, *, integer: bool) -> tuple[Any, dict[str, Any]]:
    """Return an ONNX Runtime session for the layer and its feed."""
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper

    if integer:
        # u - 128 as int8: z = 2 (x . v) + sum(x), so z > 0 where x . v > -sum(x) / 2. The row sums
        # enter as one more weight column would; here as an extra input.
        v = np.ascontiguousarray(((w - 1) // 2).T.astype(np.int8))
        nodes = [
            helper.make_node("MatMulInteger", ["x", "w"], ["d"]),
            helper.make_node("Greater", ["d", "t"], ["y"]),
        ]
        inputs = [
            helper.make_tensor_value_info("x", TensorProto.UINT8, [None, x.shape[1]]),
            helper.make_tensor_value_info("t", TensorProto.INT32, [None, 1]),
        ]
        threshold = (-x.sum(axis=1, dtype=np.int64) // 2).astype(np.int32)[:, None]
        initial = [numpy_helper.from_array(v, "w")]
        feed = {"x": x, "t": threshold}
    else:
        nodes = [
            helper.make_node("MatMul", ["x", "w"], ["d"]),
            helper.make_node("Greater", ["d", "zero"], ["y"]),
        ]
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, x.shape[1]])]
        initial = [
            numpy_helper.from_array(np.ascontiguousarray(w.T.astype(np.float32)), "w"),
            numpy_helper.from_array(np.zeros((), dtype=np.float32), "zero"),
        ]
        feed = {"x": x.astype(np.float32)}
    graph = helper.make_graph(
        nodes,
        "layer",
        inputs,
        [helper.make_tensor_value_info("y", TensorProto.BOOL, [None, w.shape[0]])],
        initial,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    options = ort.SessionOptions()
    options.intra_op_num_threads = N_THREADS
    return ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    ), feed


def elsewhere(bench: Bench, n_samples: int) -> None:
    """Time the 8-bit layer against other libraries, bits compared."""
    network = StepNetwork(WIDTH, 1)
    bits = random_bits(n_samples, WIDTH)
    expected = network.propagate_stage(1, bits[:2000])
    runs: dict[str, Any] = {}
    notes: dict[str, str] = {}
    for level in reversed(_core.simd_levels_supported()):
        if level == "scalar":
            continue
        for weight_bits in (8, 4, 2, 1):
            other = StepNetwork(WIDTH, 1, weight_bits=weight_bits)
            name = f"randprop {level}, {weight_bits}-bit"
            runs[name] = forced(level, "", layer(other, bits))
            with using(level):
                notes[name] = f"kernel {kernel_of(weight_bits, n_samples)}"
    for name, run in contestants_elsewhere(n_samples, network, bits).items():
        runs[name] = run
        if callable(run):
            notes[name] = (
                "another network of the same cost"
                if "_int_mm" in name
                else agreement(run(), expected)
            )
    scale = {}
    if peer("numba") is not None:
        from randprop import reference

        w = reference.weights(WIDTH, WIDTH, layer=1, weight_bits=8, seed=0)
        part = bits[: max(n_samples // 200, 1)].to_array()
        name = "numba reference"
        runs[name] = lambda: reference.preactivations(part, w) > 0
        scale[name] = n_samples / len(part)
        notes[name] = (
            agreement(runs[name](), expected[: len(part)]) + ", one core, part of the work"
        )
    else:
        runs["numba reference"] = not_installed("numba")
    bench.race(
        f"{N_THREADS} cores: {n_samples:,} x {WIDTH} -> {WIDTH}, bits in and out, ms per layer",
        runs,
        notes=notes,
        scale=scale,
    )


def preparation(bench: Bench) -> None:
    """Generate and lay out the weights of one matrix, which a first call pays."""
    runs = {}
    for weight_bits in (1, 2, 4, 8, 24):
        core = StepNetwork(WIDTH, 1, weight_bits=weight_bits)._core
        runs[f"{weight_bits}-bit"] = lambda core=core: core.prepare(1, _core.Features.bits, 1)
    bench.race(f"Preparing a {WIDTH} x {WIDTH} matrix, one core, ms", runs)


def scaling(bench: Bench) -> None:
    """Cost as the work grows: samples, width, depth, threads; slopes of the logarithms."""
    samples = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]
    widths = [64, 256, 1024, 4096, 16_384]
    depths = [1, 4, 16, 64]
    if bench.quick:
        samples, widths, depths = samples[:5], widths[:4], depths[:3]
    network = StepNetwork(WIDTH, 1)
    curves: dict[str, tuple[list[int], list[float]]] = {}

    def measure(
        title: str, cases: dict[int, Callable[[], Any]], repeats: dict[int, int] | None = None
    ) -> None:
        medians = bench.race(
            title,
            {str(n): repeated(run, (repeats or {}).get(n, 1)) for n, run in cases.items()},
            scale={str(n): 1 / count for n, count in (repeats or {}).items()},
        )
        n = np.log(list(cases))
        slope = np.diff(np.log(list(medians.values()))) / np.diff(n)
        for row, value in zip(bench.tables[-1]["rows"][1:], slope, strict=True):
            row["slope"] = float(value)
        print("slopes:", " ".join(f"{value:.2f}" for value in slope))
        curves[title] = (list(cases), list(medians.values()))

    largest = random_bits(samples[-1], WIDTH)
    measure(
        f"Cost against samples ({WIDTH} -> {WIDTH}, 8-bit), ms",
        {n: layer(network, largest[:n]) for n in samples},
        # Small calls many times a round: one alone would be timed with the caches that the
        # largest left.
        {n: max(1, 5000 // n) for n in samples},
    )
    del largest
    n_fixed = 256 if bench.quick else 1024

    def wide(width: int) -> Callable[[], Any]:
        made = StepNetwork(width, 1, width=width)
        bits = random_bits(n_fixed, width)
        return lambda: made.propagate_stage(1, bits)

    measure(
        f"Cost against width ({n_fixed:,} samples, 8-bit; at 16,384 the weights are drawn again in "
        "each call), ms",
        {width: wide(width) for width in widths},
    )
    X = random_bits(2000, WIDTH)

    def deep(depth: int) -> Callable[[], Any]:
        made = StepNetwork(WIDTH, depth - 1)
        return lambda: made.propagate(X)

    measure(
        f"Cost against depth (2,000 samples, width {WIDTH}, 8-bit), ms",
        {depth: deep(depth) for depth in depths},
    )
    bits = random_bits(20_000, WIDTH)
    threads = sorted({1, 2, N_THREADS})
    if len(threads) > 1 and N_THREADS > 1:
        medians = bench.race(
            "Cost against threads (20,000 samples, 8-bit), ms",
            {str(n): layer(network, bits, n) for n in threads if n <= N_THREADS},
        )
        for row in bench.tables[-1]["rows"]:
            n = int(row["contestant"])
            row["speed-up / threads"] = medians["1"] / row["ms"] / n
            print(f"{n} threads: speed-up / threads {row['speed-up / threads']:.2f}")
    if bench.plot is not None:
        plot(bench, curves)


def plot(bench: Bench, curves: dict[str, tuple[list[int], list[float]]]) -> None:
    """One panel a curve, on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(curves), figsize=(4.2 * len(curves), 3.6))
    for axis, (title, (x, y)) in zip(np.atleast_1d(axes), curves.items(), strict=True):
        axis.loglog(x, y, "o-", color="#1f5fa8")
        name = title.split("against ")[1].split(" ")[0]
        axis.set(xlabel=name, ylabel="ms", title=f"cost against {name}")
        axis.grid(True, which="major", alpha=0.3)
    figure.tight_layout()
    assert bench.plot is not None
    save_figure(figure, bench.plot / "scaling.png", 120)
    plt.close(figure)


def run(bench: Bench) -> None:
    """All of it."""
    n_samples = 6_000 if bench.quick else 70_000
    for level in _core.simd_levels_supported():
        for kernel in KERNELS:
            peak(level, kernel)
    kernels(bench, n_samples)
    elsewhere(bench, n_samples)
    preparation(bench)
    scaling(bench)


if __name__ == "__main__":
    main(run)
