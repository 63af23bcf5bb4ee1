"""Apply each of the mistakes in mutations.py to a copy of the sources, and see which tests notice.

    python attacks/mutate.py [--only WORDS ...] [--record]

Needs the environment of CONTRIBUTING.md and doctest. Ends with an error if a mistake that is not
said to be equivalent survives, or one that is does not.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from figures import record
from mutations import CORE, MUTATIONS, Mutation

ROOT = Path(__file__).resolve().parent.parent
PYTHON = str(Path(sys.base_prefix) / "bin" / "python3")
COPIED = ("CMakeLists.txt", "bench", "cpp", "examples", "python", "pyproject.toml", "tests")


class Copy:
    """The sources in a folder of their own, built there, with Python reading them in place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.so")
                shutil.copytree(source, folder / name, ignore=ignored)
            else:
                shutil.copy(source, folder)
        pybind11 = subprocess.run(
            [sys.executable, "-m", "pybind11", "--cmakedir"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        self._call(
            "cmake", "-S", ".", "-B", "build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
            "-DRANDPROP_BUILD_TESTS=ON", f"-Dpybind11_DIR={pybind11}",
            f"-DPython_EXECUTABLE={PYTHON}",
        )  # fmt: skip
        self.build()

    def build(self) -> bool:
        """Build what changed; False where it does not compile."""
        if self._call("cmake", "--build", "build", "-j", "1", check=False) != 0:
            return False
        for module in (self.folder / "build").glob("_core*.so"):
            shutil.copy(module, self.folder / "python" / "randprop")
        return True

    def check_imports(self) -> None:
        """Make sure that it is the copy which Python tests."""
        self._call(
            PYTHON, "-c",
            "import sys, randprop; sys.exit(not randprop.__file__.startswith(sys.argv[1]))",
            str(self.folder),
        )  # fmt: skip

    def cpp_tests(self) -> bool:
        """Whether the C++ tests pass."""
        return self._call("build/tests/cpp/randprop_tests", "--abort-after=1", check=False) == 0

    def python_tests(self, files: str) -> bool:
        """Whether these files of tests/ pass."""
        return (
            self._call(
                PYTHON, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
                "--rootdir=.", *(f"tests/{name}" for name in files.split()), check=False,
            )
            == 0
        )  # fmt: skip

    def _call(self, *command: str, check: bool = True) -> int:
        # Packages of this environment, but for an editable installation of the original, whose
        # import hook would come before the copy: folders of PYTHONPATH have no hooks.
        path = [str(self.folder / "python"), sysconfig.get_path("purelib")]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=900
        )
        if check and done.returncode:
            raise SystemExit(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
        return done.returncode


def judge(copy: Copy, mutation: Mutation) -> str:
    """Return what noticed the mistake, or ``""``."""
    path = copy.folder / mutation.file
    original = path.read_text()
    if original.count(mutation.old) != 1:
        raise SystemExit(
            f"{mutation.file}: {mutation.old!r} stands there {original.count(mutation.old)} times"
        )
    path.write_text(original.replace(mutation.old, mutation.new))
    compiled = mutation.file.startswith("cpp/") and "/micro/" not in mutation.file
    try:
        if compiled and not copy.build():
            return "the compiler"
        if compiled and not copy.cpp_tests():
            return "the C++ tests"
        files = mutation.tests or (CORE if compiled else "")
        if files and not copy.python_tests(files):
            return files
        return ""
    except subprocess.TimeoutExpired:
        return "a time limit"
    finally:
        path.write_text(original)


def main() -> None:
    """Judge every mutation and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", default=[""], help="words in the name or file")
    parser.add_argument("--record", action="store_true", help="keep the figures for the docs")
    arguments = parser.parse_args()
    chosen = [m for m in MUTATIONS if any(w in f"{m.file} {m.name}" for w in arguments.only)]
    wrong, survivors = [], []
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder))
        copy.check_imports()
        if not copy.cpp_tests() or not copy.python_tests(CORE):
            raise SystemExit("the tests fail without a mistake")
        for mutation in chosen:
            begun = time.monotonic()
            noticed = judge(copy, mutation)
            outcome = f"noticed by {noticed}" if noticed else "SURVIVED"
            if not noticed:
                survivors.append(mutation)
            if bool(noticed) == bool(mutation.equivalent):
                wrong.append(mutation)
            seconds = time.monotonic() - begun
            print(f"{mutation.file}: {mutation.name}: {outcome} ({seconds:.0f} s)", flush=True)
    minutes = (time.monotonic() - started) / 60
    print(f"{len(chosen)} mistakes, {len(survivors)} survived, {minutes:.0f} minutes")
    for mutation in survivors:
        print(f"survived: {mutation.name}: {mutation.equivalent or 'UNEXPLAINED'}")
    if arguments.record:
        record(
            "mutations",
            mistakes=len(chosen),
            noticed=len(chosen) - len(survivors),
            explained=sum(bool(m.equivalent) for m in survivors),
            unexplained=sum(not m.equivalent for m in survivors),
        )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
