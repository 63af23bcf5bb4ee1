"""Every check as a session: ``nox -l`` lists them, ``nox -s NAME`` runs one, without root.

A session makes an environment of its own under ``build``, says what is missing on the system, and
tests this tree, or the wheel that RANDPROP_WHEEL names where randprop itself is not compiled in a
special way. Releases of what pip installs are those of ``.ci/constraints.txt``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
BUILD = ROOT / "build"
PINS = ROOT / ".ci" / "constraints.txt"
os.environ["PIP_CONSTRAINT"] = os.environ["PIP_BUILD_CONSTRAINT"] = str(PINS)
nox.options.default_venv_backend = "virtualenv"
nox.options.envdir = "build/nox"
nox.options.sessions = ["lint", "cpp", "tests"]

# Interpreters of the sessions `minimum` and `free_threaded`: names, or paths.
OLDEST = os.environ.get("RANDPROP_OLDEST_PYTHON", "3.10")
FREE_THREADED = os.environ.get("RANDPROP_FREE_THREADED_PYTHON", "3.14t")
# Test files of `minimum`: those that ask nothing of the packages that only tests need.
CORE = (
    "bits", "discriminant", "estimators", "golden_models", "network", "quantized", "readouts",
    "ridge", "states", "theory",
)  # fmt: skip
MOST_OF_SDIST = 13_000_000

# Where a program is missing: the Debian package that holds it.
PACKAGES = {
    "c++": "g++",
    "doctest/doctest.h": "doctest-dev",
    "clang": "clang libclang-rt-dev",
    "clang++": "clang libclang-rt-dev",
    "pkg-config": "pkg-config",
    "qemu-x86_64": "qemu-user",
    "qemu-aarch64": "qemu-user",
    "aarch64-linux-gnu-g++": "g++-aarch64-linux-gnu libc6-dev-arm64-cross",
    "qemu-riscv64": "qemu-user",
    "riscv64-linux-gnu-g++": "g++-riscv64-linux-gnu libc6-dev-riscv64-cross",
    "s390x-linux-gnu-g++": "g++-s390x-linux-gnu libc6-dev-s390x-cross",
    "x86_64-w64-mingw32-g++-posix": "g++-mingw-w64-x86-64-posix",
    "x86_64-w64-mingw32-nm": "binutils-mingw-w64-x86-64",
    "wine": "wine wine64",
    "em++": "emscripten node-acorn",
    "node": "nodejs",
    "dpkg-deb": "dpkg",
    "apt-get": "apt",
    "git": "git",
}


def need(session: nox.Session, *programs: str) -> None:
    """End the session where a program, or a header of C++, is missing."""

    def is_there(name: str) -> bool:
        if not name.endswith(".h"):
            return shutil.which(name) is not None
        compiled = ["c++", "-fsyntax-only", "-include", name, "-x", "c++", os.devnull]
        return subprocess.run(compiled, capture_output=True, check=False).returncode == 0

    missing = [name for name in programs if not is_there(name)]
    if missing:
        session.error(
            "missing on this system: "
            + ", ".join(f"{name} (Debian: {PACKAGES[name]})" for name in missing)
        )


def install(
    session: nox.Session, extra: str, *others: str, env: dict[str, str] | None = None
) -> None:
    """Install randprop with an extra, and other packages."""
    randprop = os.environ.get("RANDPROP_WHEEL", ".")
    session.install(f"{randprop}[{extra}]" if extra else randprop, *others, env=env)


def build(session: nox.Session, preset: str, *options: str) -> None:
    """Install CMake and Ninja, and build what a preset of CMake builds."""
    session.install("cmake>=3.24", "ninja")
    session.run("cmake", "--preset", preset, silent=True)
    session.run("cmake", "--build", "--preset", preset, *options, silent=True)


@nox.session
def cpp(session: nox.Session) -> None:
    """The C++ tests on this machine."""
    need(session, "c++", "doctest/doctest.h")
    build(session, "release")
    session.run("ctest", "--preset", "release")


@nox.session
def cpp_baseline(session: nox.Session) -> None:
    """The C++ tests on an x86-64 CPU without AVX: no kernel's instruction is in the baseline."""
    need(session, "c++", "doctest/doctest.h", "qemu-x86_64")
    build(session, "release")
    tests = BUILD / "release/tests/cpp/randprop_tests"
    session.run("qemu-x86_64", "-cpu", "Nehalem", tests, env={"RANDPROP_SIMD": ""}, external=True)


@nox.session
def cpp_arm(session: nox.Session) -> None:
    """The C++ tests on 64-bit Arm, with the dot-product extension and without it."""
    need(session, "doctest/doctest.h", "aarch64-linux-gnu-g++", "qemu-aarch64")
    build(session, "aarch64")
    session.run("ctest", "--preset", "aarch64")
    on_old = ("qemu-aarch64", "-cpu", "cortex-a57", "-L", "/usr/aarch64-linux-gnu")
    session.run(*on_old, BUILD / "aarch64/tests/cpp/randprop_tests", external=True)


@nox.session
def riscv64(session: nox.Session) -> None:
    """The C++ tests on 64-bit RISC-V, which has no level but scalar."""
    need(session, "doctest/doctest.h", "riscv64-linux-gnu-g++", "qemu-riscv64")
    build(session, "riscv64")
    session.run("ctest", "--preset", "riscv64")


@nox.session
def big_endian(session: nox.Session) -> None:
    """A big-endian machine is refused, with the reason: by CMake, and by the headers alone."""
    need(session, "s390x-linux-gnu-g++")
    session.install("cmake>=3.24", "ninja")
    compiler = "s390x-linux-gnu-g++"
    options = (
        "CMAKE_SYSTEM_NAME=Linux",
        "CMAKE_SYSTEM_PROCESSOR=s390x",
        "RANDPROP_BUILD_PYTHON=OFF",
    )
    defines = (f"-D{option}" for option in (*options, f"CMAKE_CXX_COMPILER={compiler}"))
    configure = ("cmake", "-S", ".", "-B", "build/big_endian", "-G", "Ninja", *defines)
    header = "cpp/include/randprop/bit_matrix.hpp"
    alone = (compiler, "-std=c++17", "-fsyntax-only", "-x", "c++", header)
    for command in (configure, alone):
        said = str(session.run(*command, success_codes=[1], silent=True, external=True))
        if "needs a little-endian machine" not in " ".join(said.split()):
            session.error(said)


def at_each_level(session: nox.Session, preset: str, env: dict[str, str]) -> None:
    """Run the C++ tests at the best level of this CPU, as it is chosen, and named at each other."""
    log = BUILD / preset / "Testing/Temporary/LastTest.log"
    session.run("ctest", "--preset", preset, env={**env, "RANDPROP_SIMD": ""})
    found = re.search(r"SIMD levels tested: (.*); built: (.*)", log.read_text())
    if found is None:
        session.error(f"no levels in {log}")
    session.log(found[0])
    for level in found[1].split()[:-1]:
        session.run("ctest", "--preset", preset, env={**env, "RANDPROP_SIMD": level})


def link_extension(session: nox.Session, preset: str, target: str) -> None:
    """Link the extension module for another system, with the headers of the Python that runs this.

    The import library of Python's DLL on Windows is made of the names that the module asks for:
    this Python must have each.
    """
    folder = BUILD / preset / "extension"
    version = "*sys.version_info[:2]"
    ask = f"sysconfig.get_path('include'), pybind11.get_include(), {version}, sep='\\n'"
    ask = f"import pybind11, sys, sysconfig; print({ask})"
    python, pybind11, *release = str(session.run("python", "-c", ask, silent=True)).splitlines()
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(python, folder / "include")
    shutil.copy("tests/cpp/other_python/pyconfig.h", folder / "include")
    cxx = ("python", "-m", "ziglang", "c++", "-target", target, "-O2")
    includes = (f"-I{folder}/include", f"-I{pybind11}", "-Icpp/include", "-Icpp/src")
    defines = ('-DRANDPROP_VERSION="0"', '-DRANDPROP_COMPILER="Zig"')
    objects = []
    for source in sorted(Path("cpp/bindings").glob("*.cpp")):
        objects.append(folder / f"{source.stem}.o")
        flags = ("-std=c++17", "-fvisibility=hidden", "-c", source, "-o", objects[-1])
        session.run(*cxx, *includes, *defines, *flags)
    library = BUILD / preset / "librandprop.a"
    if "macos" in target:
        module, python_names = "_core.so", ["-Wl,-undefined,dynamic_lookup"]
    else:
        names = imported(session, objects)
        dll = f"LIBRARY python{''.join(release)}.dll\nEXPORTS\n"
        (folder / "python3.def").write_text(dll + "\n".join(names))
        made = ("-d", folder / "python3.def", "-l", folder / "python3.lib", "-m", "i386:x86-64")
        session.run("python", "-m", "ziglang", "dlltool", *made)
        module, python_names = "_core.pyd", [str(folder / "python3.lib")]
    session.run(*cxx, "-shared", *objects, library, *python_names, "-o", folder / module)


def imported(session: nox.Session, objects: list[Path]) -> list[str]:
    """Return the names that objects for Windows want of Python's DLL."""
    listed = str(session.run("x86_64-w64-mingw32-nm", *objects, silent=True, external=True))
    names = sorted(set(re.findall(r"U __imp_(_?Py\w+)", listed)))
    check = "import ctypes, sys; [getattr(ctypes.pythonapi, name) for name in sys.argv[1:]]"
    session.run("python", "-c", check, *names, silent=True)
    return names


@nox.session
def windows(session: nox.Session) -> None:
    """The C++ tests of two compilers under Wine, at each level; the extension linked, not run."""
    mingw = "x86_64-w64-mingw32-"
    need(session, "c++", "doctest/doctest.h", f"{mingw}g++-posix", f"{mingw}nm", "wine")
    wine = {"WINEPREFIX": str(BUILD / "wine"), "WINEDEBUG": "-all"}
    session.install("ziglang", "pybind11>=3.1")
    for preset in ("windows-mingw", "windows-zig"):
        build(session, preset)
        at_each_level(session, preset, wine)
    link_extension(session, "windows-zig", "x86_64-windows-gnu")


@nox.session
def macos(session: nox.Session) -> None:
    """Library, C++ tests and extension linked for macOS, on Apple silicon and Intel; not run."""
    need(session, "c++", "doctest/doctest.h")
    session.install("ziglang", "pybind11>=3.1")
    for preset, target in (("macos-arm64", "aarch64-macos"), ("macos-x86_64", "x86_64-macos")):
        build(session, preset)
        link_extension(session, preset, target)


@nox.session
def wasm(session: nox.Session) -> None:
    """The C++ tests as WebAssembly in Node.js, at both levels; known answers from the module."""
    need(session, "c++", "doctest/doctest.h", "em++", "node")
    build(session, "wasm")
    session.run("ctest", "--preset", "wasm")
    # What the browser page carries is what this tree makes.
    made = BUILD / "wasm/cpp/wasm/randprop.wasm"
    carried = ROOT / "python/randprop/show/page/randprop.wasm"
    if made.read_bytes() != carried.read_bytes():
        session.error(f"{carried} is of other sources: copy {made} over it")


@nox.session
def cpp_package(session: nox.Session) -> None:
    """The C++ library: installed, found by CMake and pkg-config, fetched; used without Python.

    build/cpp_package/classify is what examples/cpp makes with pkg-config.
    """
    need(session, "c++", "pkg-config")
    build(session, "install")
    prefix = BUILD / "cpp_package"
    example = prefix / "example"
    cmake = ("cmake", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}")
    session.run("cmake", "--install", BUILD / "install", "--prefix", prefix, silent=True)
    session.run(*cmake, "-S", "examples/cpp", "-B", example, silent=True)
    session.run("cmake", "--build", example, silent=True)
    found = {"PKG_CONFIG_PATH": str(next(prefix.rglob("randprop.pc")).parent)}
    ask = ("pkg-config", "--cflags", "--libs", "randprop")
    flags = str(session.run(*ask, env=found, silent=True, external=True)).split()
    source, program = "examples/cpp/classify.cpp", prefix / "classify"
    session.run("c++", "-std=c++17", source, *flags, "-o", program, external=True)
    # The inputs of tests/helpers.py, known_input, and the labels that Python gave them.
    inputs = "\n".join(
        str((31 * s + 7 * k + s * k % 13) % 256) for s in range(40) for k in range(20)
    )
    # The same program of a project that fetches the sources, and installs what is its own.
    fetched = prefix / "fetched"
    session.run("cmake", "-G", "Ninja", "-S", "tests/cpp/fetched", "-B", fetched, silent=True)
    session.run("cmake", "--build", fetched, silent=True)
    session.run("cmake", "--install", fetched, "--prefix", fetched / "installed", silent=True)
    installed = [path for path in (fetched / "installed").rglob("*") if path.is_file()]
    if installed != [fetched / "installed/bin/classify"]:
        session.error(f"installed by a project that fetches randprop: {installed}")
    models = ROOT / "tests/data/models"
    for line in (models / "labels.txt").read_text().splitlines():
        name, *labels = line.split()
        if name not in {"centroids", "ridge", "neighbors", "range", "ranges", "level"}:
            continue
        for path in (program, example / "classify", *installed):
            command = [path, models / f"{name}.safetensors"]
            said = subprocess.run(command, input=inputs, text=True, stdout=-1, check=True).stdout
            if said.split() != labels:
                session.error(f"{path}: other labels of {name}")


@nox.session
def tests(session: nox.Session) -> None:
    """The Python tests, as the README runs them."""
    install(session, "test")
    session.run("pytest", *session.posargs)


@nox.session
def tests_slow(session: nox.Session) -> None:
    """The Python tests that take long, much memory, or what few machines have."""
    install(session, "test")
    session.run("pytest", "-m", "slow", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Format, style, types, the shape of the imports."""
    need(session, "git", "c++")
    install(session, "dev")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    # What the library calls must be there on every system that has wheels.
    for platform in ("linux", "win32", "darwin"):
        session.run("mypy", "--platform", platform)
    session.run("mypy", "--strict", "tests/typing/user.py")
    stubs = ("randprop._core", "--allowlist", ".ci/stubtest-allowlist.txt")
    session.run("python", "-m", "mypy.stubtest", *stubs)
    session.run("python", "tools/import_circles.py")
    if "importlinter" in nox.project.load_toml("pyproject.toml")["tool"]:
        session.run("lint-imports")
    folders = ("cpp", "tests", "examples/bare_metal", "examples/cpp")
    globs = [f"{folder}/*.{ending}" for folder in folders for ending in ("c", "h", "cpp", "hpp")]
    sources = str(session.run("git", "ls-files", *globs, silent=True, external=True, log=False))
    session.run("clang-format", "--dry-run", "--Werror", *sources.split(), log=False)


@nox.session
def tidy(session: nox.Session) -> None:
    """clang-tidy over all C++, the tests too."""
    need(session, "c++", "doctest/doctest.h")
    install(session, "dev")
    build(session, "tidy")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, in build/docs; a warning is an error, and so is a broken link inside."""
    install(session, "docs")
    shutil.rmtree(BUILD / "docs", ignore_errors=True)  # no page of an older tree
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", "build/docs")
    session.run("python", "tools/check_site.py", "build/docs")


@nox.session
def docs_links(session: nox.Session) -> None:
    """The links of the documentation to other sites, which needs a network; nightly."""
    install(session, "docs")
    session.run("sphinx-build", "-q", "-b", "linkcheck", "docs", "build/docs_links")


@nox.session
def package(session: nox.Session) -> None:
    """The sdist, and the wheel built from it, in build/package: checked, installed, used."""
    need(session, "c++")
    checkers = ("twine", "pyroma", "check-wheel-contents")
    session.install("build", *checkers, "auditwheel>=6; sys_platform == 'linux'")
    folder = BUILD / "package"
    shutil.rmtree(folder, ignore_errors=True)
    # The wheel is built from the sdist, not from this tree.
    session.run("python", "-m", "build", "--outdir", folder, silent=True)
    session.run("twine", "check", "--strict", *folder.iterdir())
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    session.run("pyroma", "--min", "10", sdist)
    session.run("check-wheel-contents", wheel)
    if sdist.stat().st_size > MOST_OF_SDIST:
        session.error(f"{sdist.name} has {sdist.stat().st_size:,} bytes")
    if shutil.which("auditwheel", path=session.bin):
        session.run("auditwheel", "show", wheel)
    # Where NumPy is all that is installed beside it.
    alone = Path(session.create_tmp()).resolve() / "alone"
    session.run("python", "-m", "venv", "--clear", alone, silent=True)
    python = next(
        path for path in (alone / "bin/python", alone / "Scripts/python.exe") if path.exists()
    )
    session.run(python, "-m", "pip", "install", "-q", wheel, external=True)
    with session.chdir(alone):
        run = (python, "-m", "randprop")
        said = str(session.run(*run, "evaluate", "--layers", "3", silent=True, external=True))
        if not re.search(r"^accuracy +0\.6450$", said, re.MULTILINE):
            session.error(said)
        session.run(python, ROOT / "tests/numpy_alone.py", ".", silent=True, external=True)
        # What is no Python module came along too.
        export = ("export", "c", "--width", "64", "--out", "c")
        session.run(*run, *export, silent=True, external=True)
        arduino = (*export[:-1], "zoo", "--name", "zoo", "--arduino")
        session.run(*run, *arduino, silent=True, external=True)


@nox.session
def wheels(session: nox.Session) -> None:
    """Which wheels cibuildwheel would build on all systems, against tests/data/wheels.txt."""
    session.install("cibuildwheel>=4")
    found: list[str] = []
    for platform in ("linux", "macos", "windows"):
        ask = ("cibuildwheel", "--print-build-identifiers", "--platform", platform)
        found += str(session.run(*ask, silent=True)).split()
    expected = (ROOT / "tests/data/wheels.txt").read_text().split()
    if sorted(found) != expected:
        session.error("other wheels: " + ", ".join(sorted({*found} ^ {*expected})))


@nox.session(python=OLDEST)
def minimum(session: nox.Session) -> None:
    """The Python tests of the core with the oldest Python and releases that are allowed."""
    project = nox.project.load_toml("pyproject.toml")["project"]
    extras = project["optional-dependencies"]
    wanted = {line for name in ("learn", "reference", "frame") for line in extras[name]}
    oldest = [line.replace(">=", "==") for line in (*project["dependencies"], *sorted(wanted))]
    free = {"PIP_CONSTRAINT": "", "PIP_BUILD_CONSTRAINT": ""}
    session.install(".", *oldest, "pytest>=8", "hypothesis>=6.100,<6.150", env=free)
    # Its judge, scikit-learn's discriminant, gives other shares before 1.8.
    judged = "test_discriminant.py::test_almost_no_alpha_is_the_discriminant_of_scikit_learn"
    files = [f"tests/test_{name}.py" for name in CORE]
    session.run("pytest", *files, f"--deselect=tests/{judged}", *session.posargs)


@nox.session(python=FREE_THREADED)
def free_threaded(session: nox.Session) -> None:
    """Threads on a Python without a GIL, where nothing takes it back; no forks there."""
    free = {"PIP_CONSTRAINT": "", "PIP_BUILD_CONSTRAINT": ""}
    session.install(".", "pytest", "scikit-learn", env=free)
    check = "import sys, randprop; assert not sys._is_gil_enabled()"
    session.run("python", "-W", "error", "-c", check)
    session.run("python", "tests/slow/vectors.py")
    session.run("python", "tests/numpy_alone.py", session.create_tmp(), silent=True)
    files = [f"tests/test_{name}.py" for name in ("load", "states", "golden_models")]
    unsafe = "not fork and not daemon and not interpreters"
    session.run("pytest", "-m", "", *files, "-k", unsafe, *session.posargs)
    session.run("python", "tests/slow/soak.py", "0.5")
    session.run("python", "tests/slow/storm.py", "0.5")


def fuzz_target(session: nox.Session, source: Path) -> list[str | Path]:
    """Return the command of a fuzz target, which is compiled where it is no Python."""
    if source.suffix == ".py":
        return [f"{session.bin}/python", source]
    program, core = BUILD / "fuzz" / source.stem, BUILD / "fuzz/core"
    sanitize = ["-O1", "-g", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]
    if source.suffix == ".c":
        built = ("clang", "-std=c99", *sanitize, "-Icpp/micro", source, "-o", program)
        session.run(*built, external=True)
        return [program]
    # The library as CMake builds it, kernels with their own flags and all.
    options = {
        "CMAKE_CXX_COMPILER": "clang++",
        "CMAKE_BUILD_TYPE": "RelWithDebInfo",
        "RANDPROP_BUILD_PYTHON": "OFF",
        "RANDPROP_SANITIZE": "fuzzer-no-link,address,undefined",
    }
    defines = (f"-D{name}={value}" for name, value in options.items())
    session.run("cmake", "-S", ".", "-B", core, "-G", "Ninja", *defines, silent=True)
    session.run("cmake", "--build", core, "--target", "randprop", silent=True)
    includes = ("-Icpp/include", "-Icpp/src", "-Itests/cpp")
    files = (source, *includes, core / "librandprop.a", "-pthread")
    session.run("clang++", "-std=c++17", *sanitize, *files, "-o", program, external=True)
    return [program]


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz targets, so many seconds each: ``nox -s fuzz -- 60 [TARGET ...]``.

    What a target finds is written to build/fuzz, and the session fails.
    """
    need(session, "clang", "clang++")
    found = sorted(path for path in ROOT.glob("tests/fuzz/fuzz_*.*") if path.suffix != ".hpp")
    sources = {path.stem.removeprefix("fuzz_"): path for path in found}
    seconds, *targets = session.posargs or ["8"]
    if unknown := set(targets) - set(sources):
        session.error(f"no target {', '.join(unknown)}; there are: {', '.join(sources)}")
    session.install("cmake>=3.24", "ninja")
    install(session, "fuzz")
    folder = BUILD / "fuzz"
    limits = (f"-max_total_time={seconds}", "-max_len=4000", "-timeout=60")
    for target in targets or sources:
        # Both of the runtime read the same.
        inputs = [folder / target, ROOT / "tests/fuzz/seeds" / target.removesuffix("_bytes")]
        if target.startswith("model"):
            inputs.append(ROOT / "tests/data/models")
        inputs[0].mkdir(parents=True, exist_ok=True)
        options = (*limits, "-print_final_stats=1", f"-artifact_prefix={folder}/")
        command = [*fuzz_target(session, sources[target]), *options, *inputs]
        log = folder / f"{target}.log"
        with log.open("wb") as file:
            ended = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)
        said = log.read_text(errors="replace")
        if ended.returncode != 0:
            session.error(f"{target} found something\n{said[-6000:]}")
        edges = re.findall(r"cov: (\d+)", said)[-1]
        executions = re.findall(r"number_of_executed_units: (\d+)", said)[-1]
        session.log(f"{target}: {executions} executions, {edges} edges")


STRICT = {"UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}


@nox.session
def sanitize(session: nox.Session) -> None:
    """C++ tests under the sanitizers of addresses, undefined behaviour and threads."""
    need(session, "c++", "doctest/doctest.h")
    strict = {**STRICT, "TSAN_OPTIONS": "halt_on_error=1"}
    build(session, "asan")
    session.run("ctest", "--preset", "asan", env=strict)
    build(session, "tsan")
    words = ["thread", "neighbo", "interrupt", "callback", "chunk", "exception", "golden"]
    cases = ",".join(f"*{word}*" for word in [*words, "definition at every level"])
    threads = BUILD / "tsan/tests/cpp/randprop_tests"
    session.run(threads, f"-tc={cases}", env=strict, external=True)


@nox.session
def sanitize_python(session: nox.Session) -> None:
    """Python tests of the core under the sanitizers of addresses and undefined behaviour."""
    need(session, "c++")
    # The interpreter is not built with ASan: its runtime is loaded first, and leaks of Python are
    # not ours to report.
    special = (
        "cmake.define.RANDPROP_SANITIZE=address,undefined",
        "cmake.build-type=RelWithDebInfo",
    )
    session.install(".[test]", "-C", special[0], "-C", special[1])
    runtimes = [
        subprocess.check_output(["c++", f"-print-file-name={name}"], text=True).strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    strict = {
        **STRICT,
        "LD_PRELOAD": " ".join(runtimes),
        "ASAN_OPTIONS": "detect_leaks=0",
        "CFLAGS": "-fsanitize=address -g",
    }
    modules = ["bits", "bytes", "readouts", "ridge", "golden_models", "network", "micro"]
    files = [f"tests/test_{name}.py" for name in modules]
    session.run("python", "-m", "pytest", "-q", *files, *session.posargs, env=strict)


@nox.session
def emulated(session: nox.Session) -> None:
    """Known answers on CPUs that this machine is not: old x86-64 and 64-bit Arm."""
    need(session, "qemu-x86_64", "qemu-aarch64", "aarch64-linux-gnu-g++", "apt-get", "dpkg-deb")
    install(session, "", "pybind11>=3.1")
    build(session, "aarch64", "--target", "randprop")
    session.run("tests/slow/emulated-cpus", Path(session.create_tmp()).resolve(), external=True)


@nox.session
def soak(session: nox.Session) -> None:
    """Single images from 1 to 32 threads, so many minutes: ``nox -s soak -- 10``."""
    install(session, "")
    session.run("python", "tests/slow/soak.py", *session.posargs)


@nox.session
def storm(session: nox.Session) -> None:
    """Threads beside a changing environment, forks and exits, so many minutes: ``-- 10``."""
    install(session, "")
    session.run("python", "tests/slow/storm.py", *session.posargs)


@nox.session
def clusters(session: nox.Session) -> None:
    """Fits and sweeps on ray and dask, and on Spark where there is Java; none leaves this machine.

    They are installed as of today: no other session needs them. Spark is a download of 450 MB.
    """
    names = ["ray", "dask", *(["spark"] if shutil.which("java") else [])]
    packages = {"ray": ["ray"], "dask": ["distributed"], "spark": ["pyspark", "joblibspark"]}
    cluster = (package for name in names for package in packages[name])
    install(session, "learn,parallel", *cluster)
    session.run("python", "tests/slow/clusters.py", *names)


@nox.session
def audit(session: nox.Session) -> None:
    """Known vulnerabilities of what CI installs. Needs a connection to pypi.org."""
    session.install("pip-audit")
    session.run("pip-audit", "--strict", "--no-deps", "--disable-pip", "-r", PINS)


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmarks, contestants and all: ``nox -s bench -- OPTIONS OF randprop bench``."""
    # Some contestants want older releases than those that are pinned.
    install(session, "bench", env={"PIP_CONSTRAINT": ""})
    session.run("randprop", "bench", *session.posargs)


@nox.session
def pin(session: nox.Session) -> None:
    """Write .ci/constraints.txt, and the same releases into .pre-commit-config.yaml, anew.

    They are what a fresh environment gets today. Run .ci/run, read the difference, commit.
    """
    without = {"PIP_CONSTRAINT": "", "PIP_BUILD_CONSTRAINT": ""}
    build_tools = (
        "scikit-build-core>=1.1", "pybind11>=3.1", "hatch-fancy-pypi-readme>=25.1", "cmake",
        "ninja", "ziglang", "build", "twine", "pyroma", "check-wheel-contents", "cibuildwheel>=4",
    )  # fmt: skip
    session.install(".[dev,docs,fuzz]", *build_tools, "auditwheel>=6", env=without)
    found = str(session.run("pip", "freeze", silent=True))
    pins = [line for line in found.splitlines() if not line.startswith("randprop")]
    head = (
        "# Made by `nox -s pin`: what CI installs, build tools and all. Users are not held to it."
    )
    PINS.write_text("\n".join([head, *pins]) + "\n")
    hooks = ROOT / ".pre-commit-config.yaml"
    text = hooks.read_text()
    for name in ("ruff", "clang-format"):
        (release,) = (line.partition("==")[2] for line in pins if line.startswith(f"{name}=="))
        text = re.sub(rf"rev: .*  # {name}\n", f"rev: v{release}  # {name}\n", text)
    hooks.write_text(text)
