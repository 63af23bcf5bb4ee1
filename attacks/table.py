"""Make docs/reliability.md from the figures that the attacks kept (attacks/figures.json).

python attacks/table.py > docs/reliability.md
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from figures import FILE
from mutations import MUTATIONS

TESTS = FILE.parent.parent / "tests"

FUZZED = {
    "readers": ("idx", "cifar", "model_files", "model"),
    "kernels": ("network", "readouts", "bits"),
    "micro": ("micro",),
}

# Promise, how it is attacked, last figures, command. {name[figure]} stands for a kept figure.
ROWS = [
    (
        "No argument of a public function crashes or corrupts the interpreter. Bad input gives a "
        "documented error that names the argument, and changes nothing.",
        "A table made from the docstrings: every public function x every parameter x every kind "
        "of wrong, empty, huge, misshapen or oddly laid out value. A function not in it fails.",
        "{bad[inputs]:,} inputs to {bad[parameters]} parameters of {bad[functions]} functions; "
        "no crash, none but documented errors (the words of the estimators' are scikit-learn's)",
        "`pytest tests/test_bad_input.py`",
    ),
    (
        "No file is trusted before it is checked.",
        "Fuzzing of the readers of IDX, CIFAR-10 and model files (Python and C++), the sums of "
        "model files set right so that the fuzzer gets past them; every cut and every changed byte "
        "of a model file",
        "{fuzzed[readers]:,} executions",
        "`fuzz/run 600 idx cifar model_files model`",
    ),
    (
        "Bits, distances and neighbours are those of the definition, at every SIMD level, with "
        "every kernel and any number of threads.",
        "Differential fuzzing against plain loops over single bits; property-based tests against "
        "the numba reference at every level; the whole suite at each level",
        "{fuzzed[kernels]:,} executions; of {levels[tests]:,} tests, {levels[scalar]:,} also with "
        "plain code forced on all of the library",
        "`fuzz/run 600 network readouts bits`, `attacks/levels`",
    ),
    (
        "The definition is not ours alone to judge.",
        "Another Philox (randomgen, Random123's vectors), Python's integers and fractions, NumPy's "
        "float64, SciPy's `cdist`, scikit-learn's NearestCentroid, KNeighborsClassifier and Ridge, "
        "FAISS",
        "{independent[tests]} tests; bits and distances equal to the last bit, labels of 10,000 "
        "images too",
        "`pytest tests/test_independent.py`",
    ),
    (
        "The same answer on every machine.",
        "The wheel on emulated x86-64 CPUs without AVX, AVX2, AVX-512 (Nehalem, Sandy Bridge, "
        "Haswell, EPYC), a build for 64-bit Arm with and without dot products, AMX tiles in "
        "software; a level that a CPU lacks is refused with the list of those it has",
        "{emulated[cpus]} CPUs, {emulated[answers]} known answers, all equal",
        "`attacks/emulated-cpus`",
    ),
    (
        "No undefined behaviour, no data race.",
        "AddressSanitizer and UndefinedBehaviorSanitizer under the C++ tests, the Python tests of "
        "bits, networks and readouts, and the microcontroller runtime; ThreadSanitizer under the "
        "tests that start threads",
        "{sanitize[cpp]} C++ and {sanitize[python]} Python tests, nothing reported",
        "`.ci/sanitize`",
    ),
    (
        "The microcontroller runtime stays within the buffer that it is given.",
        "Fuzzing of model headers with buffers exactly as long as asked for",
        "{fuzzed[micro]:,} executions",
        "`fuzz/run 600 micro`",
    ),
    (
        "The tests would notice.",
        "Mistakes put into kernels, dispatch, threads, readouts, readers and the runtime, one at a "
        "time: wrong masks, lost carries, `>=` for `>`, swapped planes, ties the wrong way, sizes "
        "not checked",
        "{mutations[mistakes]} mistakes, {mutations[noticed]} noticed, {mutations[explained]} that "
        "cannot show (below), {mutations[unexplained]} unexplained",
        "`python attacks/mutate.py`",
    ),
    (
        "Nothing finished is lost when a process dies.",
        "`kill -9` at random moments: sweeps that are resumed, models being saved, downloads",
        "{faults[sweeps]} kills of a sweep: its table equals an uninterrupted one, no cell lost or "
        "changed; {faults[saves]} of a save, {faults[downloads]} of a download: no half file",
        "`pytest -k killed`",
    ),
    (
        "Disks, folders and mirrors may fail.",
        "Full disk (for every writer), folder that may not be written, mirrors that cut, lie, "
        "hang, drip or never end, corrupt cache, processes that fill one cache at once",
        "{faults[tests]} faults: the stated error or recovery, nothing half-written where a reader "
        "takes it",
        "`pytest tests/test_faults.py`",
    ),
    (
        "It can be called for days, from any thread.",
        "Single images from 1 to 32 threads, networks made anew, memory and files watched; forks "
        "while other threads compute; Ctrl-C in the middle of every long call",
        "{soak[calls]:,} calls in {soak[minutes]:.0f} minutes, {soak[wrong]} wrong, "
        "{soak[growth_kb]:+,} KB",
        "`python attacks/soak.py --minutes 10`, `pytest tests/test_load.py`",
    ),
    (
        "Sizes beyond 32 bits are indexed right.",
        "Inputs and outputs of more than 2^32 bytes and 2^34 bits, with rows on either side of "
        "every boundary: propagation, counts, distances, neighbours, Gram matrix",
        "{large[tests]} tests, up to {large[rows]:,} rows",
        "`pytest tests/test_large.py`",
    ),
    (
        "Importing opens no connection; only what it is told to write is written; nothing warns.",
        "Audit hooks of the interpreter under everything users do; `python -W error -X dev`",
        "{footprint[tests]} tests, nothing touched",
        "`pytest tests/test_footprint.py`",
    ),
    (
        "CI builds from known inputs.",
        "Every release that pip installs there is pinned (`.ci/constraints.txt`, made by "
        "`.ci/pin`); the advisory database is asked about each",
        "{audit[pinned]} releases pinned, {audit[asked]} asked about, {audit[known]} with a known "
        "vulnerability (no machine that ran this could reach the advisories so far)",
        "`attacks/audit`",
    ),
]

TEXT = """\
# Reliability

What is promised, how each promise is attacked, and what the last attack came to. The bounded
attacks run in `.ci/run`; the others by the command beside them. This page is made by
`python attacks/table.py > docs/reliability.md` from the figures that the attacks keep.

| promise | how it is attacked | last figures | command |
|---|---|---|---|
{rows}

## Fuzzing

| target | executions | minutes | edges reached |
|---|---:|---:|---:|
{fuzz}

Kernels are tried on whole networks and data sets, at every level, against plain loops: hence the
fewer executions of `network` and `readouts`. fuzz/README.md says how to run for hours.

## Mistakes that the tests alone cannot notice

{explained}

## What the attacks found

Found by these attacks when they were first made, mended, and kept as tests:

- `randprop.reference` read out of bounds, and crashed the interpreter, for class codes beyond the
  number of classes, and took arrays that do not fit each other (the table of bad input).
- Entries under the mask of a masked array were used as if there were no mask; now they are refused.
- An error while fitting an estimator of scikit-learn's kind again lost what it had been fitted to
  before; now it is left as it was.
- Some fifty errors did not name the argument, or were those of NumPy, joblib or SQLite.
- An IDX file without a byte of data could state more rows than can be counted; the error did not
  name the file (fuzzing).
- JSON nested deeply enough in a model file raised `RecursionError` (review of what fuzzing had not
  reached).
- A mirror that sends a byte now and then held a download up for ever, and one that never ends could
  fill the disk (faults).
- A disk that ran full during an export to C could leave new files beside old ones; a sweep said
  `sqlite3.OperationalError` rather than which file (faults).
- Importing in a second interpreter waited for ever under Python 3.11; NumPy now refuses first.
- Seven mistakes went unnoticed by the tests: a level that the CPU lacks given out, sizes that wrap
  around, half-way cases of the rounding of distances, classes without vectors, and three in the
  readers of model files.

## What is not promised

- **Python without the GIL**: the module does not declare itself, so that such an interpreter
  takes its GIL back, with a warning, when it is imported. None was at hand to test on.
- **Subinterpreters**: NumPy loads once in a process and refuses others with an `ImportError`; so
  then does `import randprop` there. The main interpreter goes on undisturbed.
- **Hardware**: AMX and Arm have been emulated, not measured on. Windows has not been tried.
- **Memory**: a call that needs more than there is raises `MemoryError`, if the system says so
  rather than end the process.
"""


def bad_input() -> dict[str, int]:
    """Count the table of tests/test_bad_input.py."""
    sys.path.insert(0, str(TESTS))
    import public_api
    import test_bad_input as table

    inputs = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, parameter in table.PARAMETERS:
            call = public_api.CALLS[name](Path(folder))
            kind = table.ENTRIES[name].documented[parameter]
            inputs += len(list(table.cases(kind, call.arguments.get(parameter))))
    return {
        "inputs": inputs,
        "parameters": len(table.PARAMETERS),
        "functions": len(table.ENTRIES),
    }


def main() -> None:
    """Print the page."""
    kept: dict[str, Any] = json.loads(FILE.read_text())
    fuzz = {
        name.removeprefix("fuzz "): run for name, run in kept.items() if name.startswith("fuzz ")
    }
    fuzzed = {
        what: sum(fuzz[target]["executions"] for target in targets)
        for what, targets in FUZZED.items()
    }
    figures = {**kept, "fuzzed": fuzzed, "bad": bad_input()}
    runs = [
        f"| `{target}` | {run['executions']:,} | {run['seconds'] // 60} | {run['edges']:,} |"
        for target, run in fuzz.items()
    ]
    rows = ["| " + " | ".join(cell.format(**figures) for cell in row) + " |" for row in ROWS]
    explained = [f"- {m.name}: {m.equivalent}." for m in MUTATIONS if m.equivalent]
    print(
        TEXT.format(rows="\n".join(rows), fuzz="\n".join(runs), explained="\n".join(explained)),
        end="",
    )


if __name__ == "__main__":
    main()
