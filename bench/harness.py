"""What every bench shares: timing contestants in turn, tables, JSON, Markdown, the machine.

A bench module defines ``run(bench)`` and ends with ``main(run)``. Contestants are timed round by
round, each once a round, so that a slow spell of the machine hits all of them; the median and the
spread (half the distance of the quartiles) over the rounds are reported, and every time is printed
beside its ratio to the first contestant's.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import io
import json
import os
import platform
import statistics
import sys
import textwrap
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import randprop
from randprop import _core
from randprop._files import write_bytes, write_text

PEERS = (
    "numba", "torch", "onnxruntime", "onnx", "scikit-learn", "faiss-cpu", "numkong", "torch-hd",
    "aeon", "lightgbm",
)  # fmt: skip
N_THREADS = _core.available_cpus()


@dataclass
class Bench:
    """Options of a run and the tables it has made so far."""

    quick: bool = False
    rounds: int = 7
    plot: Path | None = None
    tables: list[dict[str, Any]] = field(default_factory=list)

    def race(
        self,
        title: str,
        contestants: dict[str, Callable[[], Any] | str],
        *,
        notes: dict[str, str] | None = None,
        scale: dict[str, float] | None = None,
        about: str = "",
    ) -> dict[str, float]:
        """Time callables in turn; a string in place of one says why it is not there.

        `scale` multiplies the time of a contestant that did a part of the work. Returns the
        medians in milliseconds.
        """
        runs = {name: run for name, run in contestants.items() if callable(run)}
        for run in runs.values():
            run()
        times: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(self.rounds):
            for name, run in runs.items():
                started = time.perf_counter()
                run()
                times[name].append(1e3 * (time.perf_counter() - started))
        rows = []
        medians: dict[str, float] = {}
        for name, run in contestants.items():
            if not callable(run):
                rows.append({"contestant": name, "note": run})
                continue
            factor = (scale or {}).get(name, 1.0)
            values = [factor * value for value in times[name]]
            medians[name] = statistics.median(values)
            low, _, high = statistics.quantiles(values, n=4)
            rows.append(
                {
                    "contestant": name,
                    "ms": medians[name],
                    "spread_ms": (high - low) / 2,
                    "ratio to the first": medians[name] / next(iter(medians.values())),
                    "note": (notes or {}).get(name, ""),
                }
            )
        self.table(title, rows, about)
        return medians

    def table(
        self,
        title: str,
        rows: list[dict[str, Any]],
        about: str = "",
        *,
        picture: tuple[str, str] = ("", ""),
    ) -> None:
        """Keep a table and print it; `about` stands above it on a page.

        So does a picture: the name of a file in the folder `plot`, and what it shows.
        """
        more = {"about": about, "picture": picture if picture[0] else ""}
        more = {name: value for name, value in more.items() if value}
        self.tables.append({"title": title, "rows": rows, **more})
        print(f"\n{title}\n{format_table(rows)}", flush=True)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        if value != value:
            return ""
        return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return str(value)


def _columns(rows: Iterable[dict[str, Any]]) -> list[str]:
    columns: dict[str, None] = {}
    for row in rows:
        columns.update(dict.fromkeys(row))
    names = [name for name in columns if name != "note"]
    return [*names, "note"] if any(row.get("note") for row in rows) else names


def format_table(rows: list[dict[str, Any]]) -> str:
    """Rows as aligned text."""
    columns = _columns(rows)
    cells = [columns] + [[_cell(row.get(name, "")) for name in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    lines = []
    for line in cells:
        padded = [
            text.ljust(width) if i == 0 or columns[i] == "note" else text.rjust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def markdown(
    tables: list[dict[str, Any]], command: str, title: str = "Performance", pictures: str = "."
) -> str:
    """Everything that was measured as a page; `pictures` is their folder, seen from the page."""
    parts = [f"# {title}", "", f"Made by `{command}`; do not edit.", ""]
    for name, value in machine().items():
        parts.append(f"- {name}: {value}")
    for table in tables:
        columns = _columns(table["rows"])
        parts += ["", f"## {table['title']}", ""]
        if "about" in table:
            parts += [*textwrap.wrap(table["about"], 100), ""]
        if "picture" in table:
            name, shows = table["picture"]
            parts += [f"![{shows}]({pictures}/{name})", ""]
        parts.append("| " + " | ".join(columns) + " |")
        parts.append("|" + "|".join("---" if i == 0 else "---:" for i in range(len(columns))) + "|")
        for row in table["rows"]:
            parts.append("| " + " | ".join(_cell(row.get(name, "")) for name in columns) + " |")
    return "\n".join(parts) + "\n"


def machine() -> dict[str, str]:
    """Describe what was measured on."""
    cpu = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    for name in PEERS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    # Set on some systems; it holds NumPy's BLAS to the kernels of another CPU.
    pinned = os.environ.get("OPENBLAS_CORETYPE")
    return {
        "CPU": f"{cpu}, {N_THREADS} cores used"
        + (f", OPENBLAS_CORETYPE={pinned}" if pinned else ""),
        "SIMD levels": ", ".join(_core.simd_levels_supported())
        + f" (in use: {_core.simd_level()})",
        "randprop": f"{randprop.__version__}, {_core.compiler()}",
        "versions": ", ".join(f"{name} {value}" for name, value in versions.items()),
    }


def peer(name: str) -> Any:
    """Return an optional module, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def not_installed(name: str) -> str:
    """Say in a table why there is no time."""
    return f"{name} is not installed (pip install 'randprop[bench]')"


@contextmanager
def using(level: str, kernel: str = "") -> Any:
    """Force a SIMD level and a kernel."""
    before = _core.simd_level(), _core.forced_kernel()
    _core.use_simd_level(level)
    _core.use_kernel(kernel)
    try:
        yield
    finally:
        _core.use_simd_level(before[0])
        _core.use_kernel(before[1])


def forced(level: str, kernel: str, run: Callable[[], Any]) -> Callable[[], Any]:
    """Return `run` under a forced level and kernel."""

    def call() -> Any:
        with using(level, kernel):
            return run()

    return call


_best_peaks: dict[tuple[str, str], float] = {}


def peak(level: str, kernel: str) -> float:
    """Multiply-adds per second of one core with all operands in registers; 0 if there are none.

    The best of all calls so far: a peak measured in a slow spell of the machine is none.
    """
    with using(level):
        for _ in range(5):
            started = time.perf_counter()
            work = _core.spin(kernel, 2_000_000)
            found = work / (time.perf_counter() - started)
            _best_peaks[level, kernel] = max(_best_peaks.get((level, kernel), 0.0), found)
    return _best_peaks[level, kernel]


def random_bits(n_samples: int, n_bits: int, seed: int = 0) -> randprop.BitMatrix:
    """Return random packed rows."""
    rng = np.random.default_rng(seed)
    words = rng.integers(0, 2**64, (n_samples, (n_bits + 63) // 64), dtype=np.uint64)
    if n_bits % 64:
        words[:, -1] &= np.uint64(2 ** (n_bits % 64) - 1)
    return randprop.BitMatrix(words, n_bits)


def main(run: Callable[[Bench], None]) -> None:
    """Run one bench from the command line."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, 3 rounds")
    parser.add_argument("--rounds", type=int, help="rounds of timing (default 7, quick 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all tables there")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="write pictures there")
    arguments = parser.parse_args()
    run_all(
        [run],
        quick=arguments.quick,
        rounds=arguments.rounds,
        json_file=arguments.json,
        plot=arguments.plot,
    )


def save_figure(figure: Any, path: Path, dpi: int) -> None:
    """Write a picture as PNG; its folder is made."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=dpi)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, picture.getvalue())


def run_all(
    runs: list[Callable[[Bench], None]],
    *,
    quick: bool = False,
    rounds: int | None = None,
    json_file: Path | None = None,
    plot: Path | None = None,
    markdown_file: Path | None = None,
    command: str = "",
    title: str = "Performance",
) -> dict[str, Any]:
    """Run benches one after the other, write what was asked for, and return what JSON gets."""
    bench = Bench(quick=quick, rounds=rounds or (3 if quick else 7), plot=plot)
    for name, value in machine().items():
        print(f"{name}: {value}")
    for run in runs:
        run(bench)
    content = {"machine": machine(), "tables": bench.tables}
    if json_file is not None:
        write_text(json_file, json.dumps(content, indent=1) + "\n")
    if markdown_file is not None:
        folder = plot if plot is not None else markdown_file.parent
        pictures = Path(os.path.relpath(folder, markdown_file.parent)).as_posix()
        write_text(markdown_file, markdown(bench.tables, command, title, pictures))
    return content
