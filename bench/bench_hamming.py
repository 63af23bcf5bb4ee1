"""Nearest neighbour by Hamming distance: 10,000 queries, 60,000 rows, 784 bits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from harness import N_THREADS, Bench, forced, main, not_installed, peer, random_bits
from randprop import HammingNeighbors, _core

N_BITS = 784


def run(bench: Bench) -> None:
    """Every level of ours, then FAISS, NumKong and torchhd on the same bits."""
    n_train, n_queries = (6_000, 1_000) if bench.quick else (60_000, 10_000)
    train, queries = random_bits(n_train, N_BITS, 1), random_bits(n_queries, N_BITS, 2)
    neighbors = HammingNeighbors(1).fit(train)
    expected, _ = neighbors.kneighbors(queries)
    runs: dict[str, Any] = {}
    notes: dict[str, str] = {}
    scale: dict[str, float] = {}
    for level in reversed(_core.simd_levels_supported()):
        call = forced(level, "", lambda: neighbors.kneighbors(queries))
        name = f"randprop {level}"
        if level == "scalar":
            few = queries[: n_queries // 10]
            call = forced(level, "", lambda few=few: neighbors.kneighbors(few))
            scale[name] = 10.0
        distances = call()[0]
        if not np.array_equal(distances, expected[: len(distances)]):
            raise SystemExit(f"{name}: wrong distances")
        runs[name] = call
    a, q = train.to_packbits(), queries.to_packbits()

    if peer("faiss") is not None:
        import faiss

        index = faiss.IndexBinaryFlat(N_BITS)
        index.add(a)
        runs["FAISS IndexBinaryFlat"] = lambda: index.search(q, 1)
        same = np.array_equal(index.search(q, 1)[0], expected)
        notes["FAISS IndexBinaryFlat"] = f"{faiss.omp_get_max_threads()} threads, distances " + (
            "equal" if same else "DIFFER"
        )
    else:
        runs["FAISS IndexBinaryFlat"] = not_installed("faiss-cpu")

    if peer("numkong") is not None:
        import numkong

        packed = numkong.hammings_pack(a, "uint1")
        # It gives all distances; blocks of queries keep them small, the minimum is NumPy's.
        few_rows = max(n_queries // 10, 1)
        blocks = np.array_split(q[:few_rows], max(few_rows // 50, 1))

        def nearest(block: np.ndarray) -> np.ndarray:
            return np.asarray(numkong.hammings_packed(np.ascontiguousarray(block), packed)).min(
                axis=1
            )

        pool = ThreadPoolExecutor(N_THREADS)
        name = "NumKong hammings_packed + min"
        runs[name] = lambda: np.concatenate(list(pool.map(nearest, blocks)))
        scale[name] = n_queries / few_rows
        same = np.array_equal(runs[name](), expected[:few_rows, 0])
        notes[name] = f"a tenth of the queries, scaled; {N_THREADS} Python threads, distances " + (
            "equal" if same else "DIFFER"
        )

        def distances_only(block: np.ndarray) -> Any:
            return numkong.hammings_packed(np.ascontiguousarray(block), packed)

        name = "NumKong hammings_packed alone"
        runs[name] = lambda: list(pool.map(distances_only, blocks))
        scale[name] = n_queries / few_rows
        notes[name] = "no minimum taken"
    else:
        runs["NumKong"] = not_installed("numkong")

    if peer("torchhd") is not None:
        import torch
        import torchhd

        few_rows = 10
        bank = torchhd.BSCTensor(torch.from_numpy(train.to_array().astype(bool)))
        asked = torchhd.BSCTensor(torch.from_numpy(queries[:few_rows].to_array().astype(bool)))
        name = "torchhd hamming_similarity + max"
        runs[name] = lambda: torchhd.hamming_similarity(asked, bank).max(dim=-1)
        scale[name] = n_queries / few_rows
        best = N_BITS - torchhd.hamming_similarity(asked, bank).max(dim=-1).values.numpy()
        notes[name] = "10 queries, scaled; distances " + (
            "equal" if np.array_equal(best, expected[:few_rows, 0]) else "DIFFER"
        )
    else:
        runs["torchhd"] = not_installed("torch-hd")
    bench.race(
        f"Nearest of {n_train:,} rows for {n_queries:,} queries of {N_BITS} bits, "
        f"{N_THREADS} cores, ms",
        runs,
        notes=notes,
        scale=scale,
    )


if __name__ == "__main__":
    main(run)
