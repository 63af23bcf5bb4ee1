"""The Gram matrix of bits, and fitting a ridge readout."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness import N_THREADS, Bench, forced, main, not_installed, peer, random_bits
from randprop import RidgeReadout, _core

N_CLASSES = 10


def run(bench: Bench) -> None:
    """Every level of ours, NumPy's product of the unpacked bits, scikit-learn's Ridge."""
    n_samples = 6_000 if bench.quick else 60_000
    for n_bits in (784,) if bench.quick else (784, 2048):
        bits = random_bits(n_samples, n_bits, 1)
        y = np.random.default_rng(3).integers(0, N_CLASSES, n_samples)
        X = bits.to_array().astype(np.float32)
        # Exact: every sum is an integer below 2^24.
        expected = (X.T @ X).astype(np.int64)
        grams: dict[str, Any] = {}
        fits: dict[str, Any] = {}
        for level in reversed(_core.simd_levels_supported()):

            def gram(bits: Any = bits, n_bits: int = n_bits) -> np.ndarray:
                out = np.zeros((n_bits, n_bits), dtype=np.int64)
                _core.add_gram_bits(bits.words, n_bits, out, N_THREADS)
                return out

            grams[f"randprop {level}"] = forced(level, "", gram)
            if not np.array_equal(grams[f"randprop {level}"](), expected):
                raise SystemExit(f"{level}: wrong Gram matrix")
        grams["NumPy float32 X.T @ X"] = lambda X=X: X.T @ X
        fits["randprop RidgeReadout"] = lambda bits=bits, y=y: RidgeReadout(0.01).fit(bits, y).coef_
        if peer("sklearn") is not None:
            from sklearn.linear_model import Ridge

            targets = np.eye(N_CLASSES, dtype=np.float32)[y]
            weight = 0.01 * float(X.var(axis=0).mean()) * n_samples
            fits["scikit-learn Ridge, float32"] = lambda X=X, t=targets, w=weight: (
                Ridge(w, solver="cholesky").fit(X, t).coef_
            )
            ours, theirs = (run() for run in fits.values())
            if np.abs(ours - theirs).max() > 1e-2 * np.abs(ours).max():
                raise SystemExit("scikit-learn's coefficients differ")
        else:
            fits["scikit-learn Ridge, float32"] = not_installed("scikit-learn")
        bench.race(f"Gram matrix of {n_samples:,} x {n_bits} bits, {N_THREADS} cores, ms", grams)
        bench.race(f"Ridge, {n_samples:,} x {n_bits} bits, {N_CLASSES} classes, ms", fits)


if __name__ == "__main__":
    main(run)
