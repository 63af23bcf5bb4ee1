"""Contestants of `bench_fit`, and the process that each library of them runs in.

Threads of a library that has just worked wait for more, and take the cores from the next one; some
never give back what they took of memory. So every library has a process of its own, which makes its
data once and then runs what it is asked to, one run at a time.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import time
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

from accuracy_data import Parts
from harness import N_THREADS, not_installed, peer
from randprop import RidgeReadout, StepClassifier, datasets

# Two everywhere, so that figures of machines with more cores can be compared.
THREADS = min(2, N_THREADS)
# What has just worked goes on waiting for more so long.
PAUSE = 0.3
_POOLS = tuple(f"{name}_NUM_THREADS" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RANDPROP"))

Point = dict[str, Any]
Run = Callable[[Parts, int], Iterator[Point]]


class Contestant(NamedTuple):
    """One of a library's classifiers: `run` yields a point whenever it knows another."""

    library: str
    run: Run


# Modules of libraries that need not be there, and what a table says where they are not.
LIBRARIES = {
    "randprop": ("randprop", ""),
    "scikit-learn": ("sklearn", ""),
    "LightGBM": ("lightgbm", not_installed("lightgbm")),
    "PyTorch": ("torch", not_installed("torch")),
    "torchhd": ("torchhd", not_installed("torch-hd")),
    "aeon": ("aeon", not_installed("aeon")),
}


def missing(library: str) -> str:
    """Say why a library cannot run; empty where it can."""
    module, why = LIBRARIES[library]
    return "" if peer(module) is not None else why


# Images: seconds from bytes in memory to predicted labels.


def digits(quick: bool) -> Parts:
    """Return images as rows of bytes."""
    if not quick:
        return Parts(*datasets.load_mnist())
    X_train, y_train, X_test, y_test = datasets.load_digits()
    return Parts(X_train * 15, y_train, X_test * 15, y_test)  # of 0 to 16


def as_floats(X: Any) -> Any:
    """Return bytes as numbers of 0 to 1."""
    return X.astype(np.float32) / np.float32(255)


def as_bytes(X: Any) -> Any:
    """Return bytes as they are."""
    return X


def right(predicted: Any, y: Any) -> float:
    """Share of labels that are predicted."""
    return float(np.mean(predicted == y))


def _classifier(make: Callable[[int], Any], read: Callable[[Any], Any] = as_floats) -> Run:
    def run(parts: Parts, seed: int) -> Iterator[Point]:
        started = time.perf_counter()
        fitted = make(seed).fit(read(parts.X_train), parts.y_train)
        predicted = fitted.predict(read(parts.X_test))
        seconds = time.perf_counter() - started
        yield {"seconds": seconds, "accuracy": right(predicted, parts.y_test)}

    return run


def images_preset(width: int) -> Run:
    """Return the network for images."""
    return _classifier(
        lambda seed: StepClassifier(
            stages="images", width=width, random_state=seed, n_jobs=THREADS
        ),
        as_bytes,
    )


def _sklearn(quick: bool) -> dict[str, Run]:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.kernel_approximation import RBFSampler
    from sklearn.linear_model import LogisticRegression, RidgeClassifier
    from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline

    def rbf(width: int) -> Run:
        return _classifier(
            lambda seed: make_pipeline(
                RBFSampler(gamma="scale", n_components=width, random_state=seed), RidgeClassifier()
            )
        )

    n_trees = 10 if quick else 100
    widths = (64,) if quick else (1024, 4096)
    return {
        "NearestCentroid": _classifier(lambda seed: NearestCentroid()),
        "RidgeClassifier": _classifier(lambda seed: RidgeClassifier()),
        **{f"RBFSampler {width:,} + ridge": rbf(width) for width in widths},
        "LogisticRegression": _classifier(lambda seed: LogisticRegression()),
        "3 nearest neighbours": _classifier(lambda seed: KNeighborsClassifier(3, n_jobs=THREADS)),
        f"random forest, {n_trees} trees": _classifier(
            lambda seed: RandomForestClassifier(n_trees, random_state=seed, n_jobs=THREADS),
            as_bytes,
        ),
        "MLP, 100 units, 10 epochs": _classifier(
            lambda seed: MLPClassifier(max_iter=10, random_state=seed)
        ),
    }


def _lightgbm(n_trees: int) -> Run:
    def make(seed: int) -> Any:
        from lightgbm import LGBMClassifier

        return LGBMClassifier(n_estimators=n_trees, n_jobs=THREADS, random_state=seed, verbose=-1)

    return _classifier(make, as_bytes)


def cnn(max_epochs: int, goal: float) -> Run:
    """Return two strided convolutions and a dense layer, trained by Adam until `goal`.

    After each epoch there is a point: the seconds trained so far, and those that the labels of the
    test images take. Predictions after earlier epochs do not count.
    """

    def run(parts: Parts, seed: int) -> Iterator[Point]:
        import torch
        from torch import nn

        torch.manual_seed(seed)
        torch.set_num_threads(THREADS)
        side = round(parts.X_train.shape[1] ** 0.5)
        halved = (side + 3) // 4

        def tensor(X: Any) -> Any:
            return torch.from_numpy(as_floats(X)).reshape(-1, 1, side, side)

        started = time.perf_counter()
        net = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * halved * halved, int(parts.y_train.max()) + 1),
        )
        optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
        inputs = tensor(parts.X_train)
        targets = torch.from_numpy(parts.y_train.astype(np.int64))
        trained = time.perf_counter() - started
        for epoch in range(1, max_epochs + 1):
            started = time.perf_counter()
            for batch in torch.randperm(len(targets)).split(64):
                optimizer.zero_grad()
                nn.functional.cross_entropy(net(inputs[batch]), targets[batch]).backward()
                optimizer.step()
            trained += time.perf_counter() - started
            started = time.perf_counter()
            with torch.no_grad():
                found = [net(some).argmax(1) for some in tensor(parts.X_test).split(1000)]
            predicted = torch.cat(found).numpy()
            seconds = trained + time.perf_counter() - started
            accuracy = right(predicted, parts.y_test)
            yield {"epoch": epoch, "seconds": seconds, "accuracy": accuracy}
            if accuracy >= goal:
                return

    return run


def _online_hd(n_dimensions: int, epochs: int) -> Run:
    def run(parts: Parts, seed: int) -> Iterator[Point]:
        import torch
        from torchhd.classifiers import OnlineHD

        torch.manual_seed(seed)
        torch.set_num_threads(THREADS)
        n_classes = int(parts.y_train.max()) + 1
        started = time.perf_counter()
        inputs = torch.from_numpy(as_floats(parts.X_train))
        targets = torch.from_numpy(parts.y_train.astype(np.int64))
        batches = list(zip(inputs.split(256), targets.split(256), strict=True))
        with torch.no_grad(), contextlib.redirect_stderr(io.StringIO()):
            model = OnlineHD(inputs.shape[1], n_dimensions, n_classes, epochs=epochs).fit(batches)
            tests = torch.from_numpy(as_floats(parts.X_test)).split(1000)
            predicted = torch.cat([model.predict(some) for some in tests]).numpy()
        seconds = time.perf_counter() - started
        yield {"seconds": seconds, "accuracy": right(predicted, parts.y_test)}

    return run


# The CNN trains until it is as good as the widest of our networks.
GOALS = (0.976, 0.981, 0.988)


def image_contestants(quick: bool) -> dict[str, Contestant]:
    """Return contestants on images by name; those whose library is missing too."""
    widths = (128, 256) if quick else (512, 1024, 4096)
    ours = {
        f"randprop, {width:,} features": Contestant("randprop", images_preset(width))
        for width in widths
    }
    peers = {name: Contestant("scikit-learn", run) for name, run in _sklearn(quick).items()}
    dimensions, epochs = (256, 2) if quick else (2000, 5)
    n_rounds = 10 if quick else 100
    return {
        **ours,
        **peers,
        f"LightGBM, {n_rounds} rounds": Contestant("LightGBM", _lightgbm(n_rounds)),
        "CNN": Contestant("PyTorch", cnn(2 if quick else 12, GOALS[-1])),
        f"OnlineHD {dimensions:,}, {epochs} epochs": Contestant(
            "torchhd", _online_hd(dimensions, epochs)
        ),
    }


# Time series: the features, what reads them, and both.


def made_series(n_train: int, length: int) -> Parts:
    """Return made series of 6 classes, of shape (n_samples, 1, length), and as many or 1,000 tests.

    Every class has a wave of its own length and, at a place that differs, a bump of its own width,
    under as much noise: classes differ by shapes, not by where they are.
    """
    n_test = min(n_train, 1000)
    rng = np.random.default_rng(0)
    y = np.arange(n_train + n_test) % 6
    times = np.arange(length)
    phase, place = rng.uniform(0, 2 * np.pi, len(y)), rng.uniform(0.2, 0.8, len(y)) * length
    period, width = 20 + 3 * (y % 3), length * (0.02 + 0.02 * (y // 3))
    X = rng.normal(scale=0.7, size=(len(y), length)).astype(np.float32)
    X += np.sin(2 * np.pi * times / period[:, None] + phase[:, None])
    X += 2 * np.exp(-(((times - place[:, None]) / width[:, None]) ** 2))
    X = X[:, None, :]
    return Parts(X[:n_train], y[:n_train], X[n_train:], y[n_train:])


def series_preset(width: int) -> Run:
    """Return the network for series: the parts by themselves, then all of it.

    Sums to be solved are solved when the first label is asked for, so that one is.
    """

    def run(parts: Parts, seed: int) -> Iterator[Point]:
        def empty() -> StepClassifier:
            return StepClassifier(stages="series", width=width, random_state=seed, n_jobs=THREADS)

        X, y = parts.X_train, parts.y_train
        rows = X.reshape(len(X), -1)
        started = time.perf_counter()
        prepared = empty().prepare(X)
        learned = time.perf_counter() - started
        mapped = prepared.scaling_.transform(rows)
        features = prepared.network_.propagate(mapped, n_threads=THREADS)
        seconds = time.perf_counter() - started
        yield {"features": width, "features, s": seconds, "thresholds, s": learned}

        started = time.perf_counter()
        readout = RidgeReadout(n_threads=THREADS).fit(features, y)
        of_parts = readout.predict(features[:1])
        yield {"readout, s": time.perf_counter() - started}
        del features, mapped

        started = time.perf_counter()
        fitted = empty().fit(X, y)
        if fitted.predict(X[:1]) != of_parts:
            raise SystemExit("the parts of the network for series give another label than it does")
        yield {"both, s": time.perf_counter() - started}
        started = time.perf_counter()
        predicted = fitted.predict(parts.X_test)
        yield {
            "predict, s": time.perf_counter() - started,
            "accuracy": right(predicted, parts.y_test),
        }

    return run


def mini_rocket(n_kernels: int) -> Run:
    """Return MiniRocket and the readout that aeon's MiniRocketClassifier gives it.

    The pipeline is aeon's, part by part: no work is done twice to know what each part takes.
    """

    def run(parts: Parts, seed: int) -> Iterator[Point]:
        from aeon.transformations.collection.convolution_based import MiniRocket
        from sklearn.linear_model import RidgeClassifierCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        started = time.perf_counter()
        rocket = MiniRocket(n_kernels=n_kernels, n_jobs=THREADS, random_state=seed)
        features = rocket.fit_transform(parts.X_train)
        transformed = time.perf_counter() - started
        yield {"features": features.shape[1], "features, s": transformed}
        started = time.perf_counter()
        readout = make_pipeline(
            StandardScaler(with_mean=False), RidgeClassifierCV(alphas=np.logspace(-3, 3, 10))
        ).fit(features, parts.y_train)
        read = time.perf_counter() - started
        yield {"readout, s": read, "both, s": transformed + read}
        started = time.perf_counter()
        predicted = readout.predict(rocket.transform(parts.X_test))
        yield {
            "predict, s": time.perf_counter() - started,
            "accuracy": right(predicted, parts.y_test),
        }

    return run


def series_contestants(n_features: int) -> dict[str, Contestant]:
    """Return contestants on series with about so many features."""
    return {
        "randprop": Contestant("randprop", series_preset(n_features)),
        "MiniRocket": Contestant("aeon", mini_rocket(n_features)),
    }


# A library's process.


class Task(NamedTuple):
    """What a process is asked to run: a contestant of the images, or of the series."""

    quick: bool
    name: str
    n_features: int = 0  # of series; 0: images
    n_train: int = 0
    length: int = 0

    def contestant(self) -> Contestant:
        """Return what runs."""
        if self.n_features:
            return series_contestants(self.n_features)[self.name]
        return image_contestants(self.quick)[self.name]

    def data(self) -> Parts:
        """Return what it runs on."""
        return made_series(self.n_train, self.length) if self.n_features else digits(self.quick)


def _serve(pipe: Connection) -> None:
    warnings.simplefilter("ignore")  # that they have not converged shows in their accuracy
    loaded: tuple[Any, Parts] | None = None
    while True:
        try:
            task, seed, warm = pipe.recv()
        except EOFError:
            return
        key = task._replace(name="", n_features=bool(task.n_features))
        if loaded is None or loaded[0] != key:
            loaded = key, task.data()
        parts = loaded[1]
        if warm:  # imports, threads, compilers
            step = max(1, len(parts.y_train) // 500)
            parts = Parts(*(values[::step] for values in parts[:2]), *parts[2:])
            parts = parts._replace(X_test=parts.X_test[:500], y_test=parts.y_test[:500])
        for point in task.contestant().run(parts, seed):
            pipe.send(point)
        pipe.send(None)


@contextlib.contextmanager
def _few_threads() -> Iterator[None]:
    """Hold to so many threads what is started here; libraries look at it when they are loaded."""
    before = {name: os.environ.get(name) for name in _POOLS}
    os.environ.update(dict.fromkeys(_POOLS, str(THREADS)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class Process:
    """The process of a library, which begins with the first task and ends with the last."""

    def __init__(self) -> None:
        self._process: Any = None
        self._pipe: Any = None

    def points(self, task: Task, seed: int, limit: float, *, warm: bool = False) -> list[Point]:
        """Run once, and return the points that came within so many seconds.

        After them it is ended; the next task begins anew. Where it was, the last point has a key
        "over", the seconds of the limit.
        """
        if self._process is None:
            self._start()
        time.sleep(PAUSE)
        self._pipe.send((task, seed, warm))
        ends = time.monotonic() + limit
        found: list[Point] = []
        while True:
            if not self._pipe.poll(max(0.0, ends - time.monotonic())):
                self.end(at_once=True)
                return [*found, {"over": limit}]
            try:
                point = self._pipe.recv()
            except EOFError:
                self.end()
                raise SystemExit(f"{task.name} ended before its time; see above") from None
            if point is None:
                return found
            found.append(point)

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other,), daemon=True)
        with _few_threads():
            self._process.start()
        other.close()

    def end(self, *, at_once: bool = False) -> None:
        """End the process, if there is one: when it has run what it runs, or at once."""
        if self._process is not None:
            self._pipe.close()
            if not at_once:
                self._process.join(5)
            self._process.kill()
            self._process.join()
            self._process = None


@contextlib.contextmanager
def processes() -> Iterator[dict[str, Process]]:
    """Give a process for each library; all have ended behind this."""
    running = {library: Process() for library in LIBRARIES}
    try:
        yield running
    finally:
        for process in running.values():
            process.end()
