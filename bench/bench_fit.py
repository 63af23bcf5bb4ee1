"""Seconds from arrays in memory to predicted labels, and how many of them are right.

Images against classifiers of other libraries, time series against MiniRocket, and what our own fit
takes by what it is given. Every library runs in a process of its own.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from bench_memory import measured
from fit_peers import (
    GOALS,
    PAUSE,
    THREADS,
    Point,
    Process,
    Task,
    image_contestants,
    missing,
    processes,
    series_contestants,
)
from fit_picture import draw
from harness import N_THREADS, Bench, main
from randprop import Conv2D, Dense, StepClassifier, StepNetwork, _core, datasets

# A run that takes longer is ended: most readers do not wait either.
LIMIT = 200.0
# Up to so many seconds, all rounds; up to so many, three; above, one.
QUICK, SLOW = 5.0, 30.0

ABOUT = {
    "images": (
        "Seconds from the 60,000 training images, as bytes in memory, to the labels of the 10,000 "
        "test images. The conversion of bytes to floats counts, imports do not. Each run has "
        "another seed, 0, 1, ..., and the table has medians: of 7 runs if a run takes up to 5 s, "
        f"of 3 runs up to 30 s, else of one run. A run of more than {LIMIT:.0f} s is stopped. "
        "Contestants take turns. Each library has its own process, with a pause before each run. "
        "Other parameters have the defaults of the library. Classifiers of scikit-learn get pixels "
        "from 0 to 1, trees get bytes. The CNN has two convolutions of stride 2, with 16 and 32 "
        "channels of 5 x 5, and a dense layer. It is trained by Adam at a rate of .002 on batches "
        "of 64. Its later epochs are from runs that had not yet reached "
        f"{GOALS[-1]}."
    ),
    "goals": (
        "Epochs and seconds until the CNN first reaches an accuracy on the test images. Seconds "
        "count one prediction of the test images. The test images decide when to stop, which "
        "favours the CNN."
    ),
    "series": (
        "The series are artificial: 6 classes, each a wave and a bump in noise. `features` is the "
        "time to compute the features, with all that is learned from the data: for randprop the "
        "scaling and the `thresholds`. `readout` is the time to fit ridge to the features. For "
        "MiniRocket it is the readout of its classifier in aeon, `StandardScaler` and "
        "`RidgeClassifierCV`. `both` is `StepClassifier.fit` for randprop, and the sum of the "
        "parts for MiniRocket. Medians as above. Both are compiled beforehand."
    ),
    "costs": (
        "Seconds of `StepClassifier.fit` with the readout solved. One number changes, and the "
        "others stay the same. The slope is the slope of the line through the logarithms of sizes "
        "and seconds: 1 means that twice the size takes twice the time. The last slope is between "
        "the two largest sizes, where constant costs matter less."
    ),
    "layer": (
        "Dense layers of 784 units at the SIMD level in use: units that look at all inputs, with "
        "8-bit weights, and units that look at 4 inputs."
    ),
    "sparse": (
        "Time of `StepClassifier(width=1024).fit` for a CSR matrix, and for the same rows as an "
        "array of float32. Both give the same labels. The rows are random, with as many entries as "
        "TF-IDF gives for a text. Times depend on the positions of the entries, and not on their "
        "values, which are random."
    ),
    "memory": (
        "Growth of the peak memory of a process during "
        '`StepClassifier(stages="images", width=1024).fit`, above the memory with the data loaded '
        "and after a small fit."
    ),
}


def run(bench: Bench) -> None:
    """Measure images, series, and the cost of our fit."""
    with processes() as running:
        _images(bench, running)
        _series(bench, running)
    with threadpool_limits(THREADS):
        _costs(bench)
        _layer(bench)
        _sparse(bench)
    _memory(bench)


def repeated(
    bench: Bench, running: dict[str, Process], tasks: dict[str, tuple[str, Task]]
) -> dict[str, list[list[Point]]]:
    """Run tasks in turn, each of a library: the points of every run, by name.

    How often depends on how long the first run takes. One that was ended is not run again.
    """
    runs: dict[str, list[list[Point]]] = {}
    due: dict[str, int] = {}
    for name, (library, task) in tasks.items():
        running[library].points(task, 0, LIMIT, warm=True)
        started = time.perf_counter()
        points = running[library].points(task, 0, LIMIT)
        took = time.perf_counter() - started - PAUSE
        runs[name] = [points]
        due[name] = bench.rounds if took <= QUICK else min(bench.rounds, 3) if took <= SLOW else 1
        print(f"({name}: {took:.1f} s)", end=" ", flush=True)
    for seed in range(1, bench.rounds):
        for name, (library, task) in tasks.items():
            if seed < due[name] and "over" not in runs[name][-1][-1]:
                runs[name].append(running[library].points(task, seed, LIMIT))
    return runs


def _images(bench: Bench, running: dict[str, Process]) -> None:
    contestants = image_contestants(bench.quick)
    absent = {name: missing(of.library) for name, of in contestants.items()}
    tasks = {
        name: (of.library, Task(bench.quick, name))
        for name, of in contestants.items()
        if not absent[name]
    }
    runs = repeated(bench, running, tasks)
    rows: list[dict[str, Any]] = []
    for name, of in contestants.items():
        start = {"contestant": name, "library": of.library}
        if absent[name]:
            rows.append({**start, "note": absent[name]})
            continue
        finished = [points for points in runs[name] if "over" not in points[-1]]
        epochs = [point for points in runs[name] for point in points if "seconds" in point]
        for epoch in sorted({point.get("epoch", 0) for point in epochs}):
            several = [point for point in epochs if point.get("epoch", 0) == epoch]
            if epoch:
                start["contestant"] = f"{name}, {epoch} epoch{'s' if epoch > 1 else ''}"
            rows.append({**start, **_medians(several)})
        if not finished:
            rows.append({**start, "note": f"a run was stopped at {LIMIT:.0f} s"})
    title = "Images: digits, 1,437 + 360" if bench.quick else "Images: MNIST, 60,000 + 10,000"
    picture = ("", "")
    if bench.plot is not None:
        picture = draw(bench.plot, rows, title), "Accuracy against seconds, of every contestant"
    bench.table(f"{title}, {_threads()}", rows, ABOUT["images"], picture=picture)
    if "CNN" in runs:
        bench.table(
            "Time until the CNN is as accurate", _until(runs["CNN"], bench.quick), ABOUT["goals"]
        )


def _threads() -> str:
    return "1 thread" if THREADS == 1 else f"{THREADS} threads"


def _medians(points: Sequence[Point]) -> dict[str, Any]:
    seconds = [point["seconds"] for point in points]
    accuracy = [point["accuracy"] for point in points]
    return {
        "runs": len(points),
        "seconds": statistics.median(seconds),
        "fastest": min(seconds),
        "slowest": max(seconds),
        "accuracy": f"{statistics.median(accuracy):.4f}",
        "lowest": f"{min(accuracy):.4f}",
        "highest": f"{max(accuracy):.4f}",
    }


def _until(runs: Sequence[Sequence[Point]], quick: bool) -> list[dict[str, Any]]:
    """Return when each goal was reached first."""
    rows: list[dict[str, Any]] = []
    for goal in (0.8, 0.9) if quick else GOALS:
        found = [
            next((point for point in points if point.get("accuracy", 0.0) >= goal), None)
            for points in runs
        ]
        there = [point for point in found if point is not None]
        row: dict[str, Any] = {"accuracy": f"{goal:.3f}", "runs": f"{len(there)} of {len(runs)}"}
        if there:
            row["epochs"] = statistics.median(point["epoch"] for point in there)
            row["seconds"] = statistics.median(point["seconds"] for point in there)
        rows.append(row)
    return rows


def _series(bench: Bench, running: dict[str, Process]) -> None:
    sizes = ((60, 100),) if bench.quick else ((200, 427), (10_000, 1000))
    widths = (200,) if bench.quick else (1000, 10_000)
    rows: list[dict[str, Any]] = []
    for n_train, length in sizes:
        for width in widths:
            contestants = series_contestants(width)
            tasks = {
                name: (of.library, Task(bench.quick, name, width, n_train, length))
                for name, of in contestants.items()
                if not missing(of.library)
            }
            runs = repeated(bench, running, tasks)
            for name, of in contestants.items():
                start = {"series, made": f"{n_train:,} x {length:,}", "contestant": name}
                if name in runs:
                    rows.append({**start, **_series_row(runs[name])})
                else:
                    rows.append({**start, "note": missing(of.library)})
    bench.table(f"Time series: features and readout, {_threads()}", rows, ABOUT["series"])


SERIES_COLUMNS = (
    "features", "features, s", "thresholds, s", "readout, s", "both, s", "predict, s", "accuracy",
)  # fmt: skip


def _series_row(runs: Sequence[Sequence[Point]]) -> dict[str, Any]:
    merged = [{key: value for point in points for key, value in point.items()} for points in runs]
    row: dict[str, Any] = {"runs": len(merged)}
    for key in SERIES_COLUMNS:
        values = [points[key] for points in merged if key in points]
        if values:
            row[key] = statistics.median(values)
        elif key != "thresholds, s" and any("over" in points for points in merged):
            row[key] = "not reached"
    if any("over" in points for points in merged):
        row["note"] = f"stopped at {LIMIT:.0f} s"
    for key, shown in (("features", ",.0f"), ("accuracy", ".4f")):
        if isinstance(row[key], (int, float)):
            row[key] = format(row[key], shown)
    return row


Fit = Callable[[], Any]


def solved(fitted: StepClassifier, X: Any) -> None:
    """Ask for a label: sums are solved when the first one is asked for."""
    fitted.predict(X[:1])


def _costs(bench: Bench) -> None:
    data = datasets.load_mnist()
    n = 1000 if bench.quick else 15_000
    n_channels, length = (16, 100) if bench.quick else (128, 500)

    def images(
        channels: int = n_channels,
        kernel: int = 7,
        pool: int = 2,
        n_images: int = n,
        threads: int = THREADS,
    ) -> Fit:
        X, y = data.X_train[:n_images], data.y_train[:n_images]
        stage = Conv2D(channels, kernel, fan_in=4, bias=0, pool=pool)
        empty = StepClassifier(
            stages=[stage], scaling="binary", readout="discriminant", n_jobs=threads
        )
        return lambda: solved(empty.fit(X, y), X)

    def series(length: int) -> Fit:
        X, y = made(100 if bench.quick else 500, length)
        width = 100 if bench.quick else 1000
        empty = StepClassifier(stages="series", width=width, n_jobs=THREADS)
        return lambda: solved(empty.fit(X, y), X)

    cores = [2**k for k in range(N_THREADS.bit_length()) if 2**k <= N_THREADS]
    axes: dict[str, tuple[Callable[[int], Fit], Sequence[int]]] = {
        "channels": (lambda size: images(channels=size), _doubled(n_channels // 2, 4)),
        "kernel, pixels per side": (lambda size: images(kernel=size), (3, 5, 7, 9, 11)),
        "pool, windows per side": (lambda size: images(pool=size), (1, 2, 3, 4)),
        "images": (lambda size: images(n_images=size), _doubled(n // 2, 4)),
        "length of series": (series, _doubled(length // 2, 4)),
        "threads": (lambda size: images(threads=size), cores),
    }
    rows = []
    for name, (make, sizes) in axes.items():
        fits = [make(size) for size in sizes]
        for fit in fits:
            fit()
        times = [[_timed(fit) for fit in fits] for _ in range(bench.rounds)]
        seconds = [statistics.median(column) for column in zip(*times, strict=True)]
        row: dict[str, Any] = {
            "what changes": name,
            "sizes": "; ".join(f"{size:,}" for size in sizes),
            "seconds": "; ".join(f"{value:.3g}" for value in seconds),
        }
        if len(sizes) > 1:
            row["slope"] = f"{slope(sizes, seconds):.2f}"
            row["last slope"] = f"{slope(sizes[-2:], seconds[-2:]):.2f}"
        rows.append(row)
    title = (
        f"Time of a fit: {n:,} images of MNIST, Conv2D({n_channels}, kernel=7, fan_in=4, "
        f"pool=2), discriminant, {_threads()}; {100 if bench.quick else 500} series"
    )
    bench.table(title, rows, ABOUT["costs"])


def _doubled(first: int, times: int) -> list[int]:
    return [first * 2**k for k in range(times)]


def made(n_samples: int, length: int) -> tuple[Any, Any]:
    """Return noise, of shape (n_samples, 1, length), and labels: costs do not look at either."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(n_samples, 1, length)), np.arange(n_samples) % 6


def _timed(call: Fit) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def slope(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Slope of the line, by least squares, through logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def _layer(bench: Bench) -> None:
    X = datasets.load_mnist().X_train[:: 10 if bench.quick else 1]
    contestants: dict[str, Any] = {}
    for name, stage in (("all inputs", Dense(784)), ("fan_in=4", Dense(784, fan_in=4))):
        network = StepNetwork(784, stages=[stage], weight_bits=8)

        def call(network: StepNetwork = network) -> Any:
            return network.propagate(X, n_threads=THREADS)

        contestants[f"randprop, {name}"] = call
    title = f"A layer of 784 units, {len(X):,} images, {_core.simd_level()}, {_threads()}, ms"
    bench.race(title, contestants, about=ABOUT["layer"])


def sparse_rows(n_samples: int, n_features: int, share: float) -> Any:
    """Return rows as TF-IDF has them: some words in many rows, and each row of length 1."""
    rng = np.random.default_rng(0)
    n_words = round(share * n_features)
    weight = 1 / np.arange(10, n_features + 10)  # as Zipf has them
    total = weight.cumsum()
    words = [
        np.unique(np.searchsorted(total, rng.random(2 * n_words) * total[-1]))
        for _ in range(n_samples)
    ]
    words = [rng.permutation(row)[:n_words] for row in words]
    starts = np.concatenate([[0], np.cumsum([len(row) for row in words])])
    values = rng.random(starts[-1]).astype(np.float32) + np.float32(0.1)
    lengths = np.sqrt(np.add.reduceat(values**2, starts[:-1]))
    values /= np.repeat(lengths, np.diff(starts))
    X = csr_matrix((values, np.concatenate(words), starts), shape=(n_samples, n_features))
    X.sort_indices()
    return X


def _sparse(bench: Bench) -> None:
    n = 1000 if bench.quick else 20_000
    X = sparse_rows(n, n, 0.005)
    array = X.toarray()
    y = np.arange(n) % 10
    empty = StepClassifier(width=1024, n_jobs=THREADS)
    labels = [empty.fit(form, y).predict(form[:500]) for form in (X, array)]
    if not np.array_equal(*labels):
        raise SystemExit("sparse rows give other labels than the same rows as an array")
    bench.race(
        f"Rows of {n:,} x {n:,}, {X.nnz / n**2:.2%} not zero, {_threads()}, ms",
        {
            "randprop, CSR": lambda: solved(empty.fit(X, y), X),
            "randprop, array": lambda: solved(empty.fit(array, y), array),
        },
        about=ABOUT["sparse"],
    )


FIT = """
    import os
    import numpy as np
    from randprop import StepClassifier, datasets
    data = datasets.load_mnist()
    X, y = data.X_train[:{n}], data.y_train[:{n}]
    empty = StepClassifier(stages="images", width={width}, n_jobs={threads})
    empty.fit(X[:500], y[:500]).predict(X[:1])
    # The peak so far is that of loading the data; Linux forgets it when told so.
    file = os.open("/proc/self/clear_refs", os.O_WRONLY)
    os.write(file, b"5")
    os.close(file)
    before = peak()
    empty.fit(X, y).predict(X[:1])
    print(0, peak() - before)
"""


def _memory(bench: Bench) -> None:
    n, width = (2000, 256) if bench.quick else (60_000, 1024)
    _, grown = measured(FIT, n=n, width=width, threads=THREADS)
    rows = [
        {
            "contestant": f"randprop, {width:,} features",
            "images": f"{n:,}",
            "the data, MB": 784 * n / 1e6,
            "peak above them, MB": grown / 1e6,
        }
    ]
    bench.table("Memory of a fit of images", rows, ABOUT["memory"])


if __name__ == "__main__":
    main(run)
