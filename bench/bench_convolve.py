"""Convolutions of images: bits in and out, against float ones; units of few inputs, counted."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness import N_THREADS, Bench, forced, main, not_installed, peak, peer, random_bits
from randprop import Conv2D, StepNetwork, _core

IMAGE = (28, 28)
SCALAR_PART = 50
CASES = ((1, 4, 3), (4, 4, 3), (16, 16, 3), (16, 16, 5), (64, 64, 3))


PART = 10
FEW = 128  # channels of 2 + 2 inputs in 7 x 7 pixels, counted in 2 x 2 windows of 28 x 28


def run(bench: Bench) -> None:
    """Every level of ours, and PyTorch's conv2d in float32 with the threshold."""
    convolutions(bench)
    few_inputs(bench)


def few_inputs(bench: Bench) -> None:
    """Units of few inputs with counts, on bits and on bytes, beside the limit of their logic."""
    n_samples = 2_000 if bench.quick else 70_000
    bits = random_bits(n_samples, 784, 5)
    rng = np.random.default_rng(5)
    values = rng.integers(0, 256, (n_samples, 784), dtype=np.uint8)
    inputs = {"bits": (bits, 0), "bytes": (values, 0), "bytes, thresholds": (values, 0.1)}
    expected: dict[str, Any] = {}
    for level in reversed(_core.simd_levels_supported()):
        contestants: dict[str, Any] = {}
        scale: dict[str, float] = {}
        notes: dict[str, str] = {}
        for name, (X, bias) in inputs.items():
            stage = Conv2D(FEW, 7, fan_in=4, bias=bias, pool=(2, 2))
            network = StepNetwork(784, stages=[stage], input_shape=(*IMAGE, 1))
            part = X[::PART] if level == "scalar" else X
            for n_threads in (1, N_THREADS):
                told = f"randprop {name}, {n_threads} core" + ("s" if n_threads > 1 else "")
                contestants[told] = forced(
                    level, "", lambda n=network, x=part, t=n_threads: n.propagate(x, n_threads=t)
                )
                if level == "scalar":
                    scale[told] = len(X) / len(part)
                    notes[told] = f"time of {len(part):,} images, scaled up"
            found = contestants[f"randprop {name}, 1 core"]()
            whole = expected.setdefault(name, found)
            if not np.array_equal(found, whole if len(found) == len(whole) else whole[::PART]):
                raise SystemExit(f"{level}: wrong counts")
        medians = bench.race(
            f"Few inputs, {level}: {FEW} channels of 2 + 2 inputs, 7 x 7, counts in 2 x 2 windows, "
            f"{n_samples:,} images of 28 x 28, ms",
            contestants,
            notes=notes,
            scale=scale,
        )
        top = peak(level, "few")
        for row in bench.tables[-1]["rows"]:
            if row["contestant"] == "randprop bits, 1 core" and top:
                done = n_samples * FEW * 484  # positions of every channel and image
                row["share of peak"] = done / (medians[row["contestant"]] * 1e-3) / top


def convolutions(bench: Bench) -> None:
    """Every level of ours, and PyTorch's conv2d in float32 with the threshold."""
    n_samples = 500 if bench.quick else 10_000
    for channels_in, channels, kernel in CASES:
        shape = (*IMAGE, channels_in)
        n_bits = int(np.prod(shape))
        # Behind a matrix of the network, where bits come in.
        network = StepNetwork(
            n_bits,
            1,
            width=[Conv2D(channels_in, 1), Conv2D(channels, kernel, padding=kernel // 2)],
            input_shape=shape,
        )
        bits = random_bits(n_samples, n_bits, 5)
        expected = network.propagate_stage(1, bits)
        contestants: dict[str, Any] = {}
        notes: dict[str, str] = {}
        scale: dict[str, float] = {}
        for level in reversed(_core.simd_levels_supported()):
            name = f"randprop {level}"
            # Plain C++ takes a minute for the largest; a part of the images tells as much.
            part = bits[::SCALAR_PART] if level == "scalar" else bits
            contestants[name] = forced(level, "", lambda n=network, b=part: n.propagate_stage(1, b))
            right = expected[::SCALAR_PART] if level == "scalar" else expected
            if contestants[name]() != right:
                raise SystemExit(f"{level}: wrong bits")
            if level == "scalar":
                scale[name] = len(bits) / len(part)
                notes[name] = f"time of {len(part)} images, scaled up"
        torch = peer("torch")
        if torch is None:
            contestants["PyTorch conv2d float32"] = not_installed("torch")
        else:
            torch.set_num_threads(N_THREADS)
            weights = network.weights(1).reshape(channels, kernel, kernel, channels_in)
            w = torch.tensor(weights.transpose(0, 3, 1, 2).astype(np.float32))
            images = bits.to_array().reshape(n_samples, *shape).transpose(0, 3, 1, 2)
            x = torch.tensor(np.ascontiguousarray(images, dtype=np.float32))

            def conv(torch: Any = torch, x: Any = x, w: Any = w, kernel: int = kernel) -> Any:
                with torch.no_grad():
                    return torch.nn.functional.conv2d(x, w, padding=kernel // 2) > 0

            contestants["PyTorch conv2d float32"] = conv
            found = conv().numpy().transpose(0, 2, 3, 1).reshape(n_samples, -1)
            same = np.mean(found == expected.to_array())
            notes["PyTorch conv2d float32"] = f"{same:.4%} of bits equal; bytes in and out"
        bench.race(
            f"Convolution {kernel} x {kernel}, {channels_in} to {channels} channels, 8-bit "
            f"weights, {n_samples:,} images of 28 x 28, {N_THREADS} cores, ms",
            contestants,
            notes=notes,
            scale=scale,
        )


if __name__ == "__main__":
    main(run)
