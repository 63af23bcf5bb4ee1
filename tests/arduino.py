"""Sketches as the Arduino IDE builds them for an Uno, and run in simavr.

Debian packages: arduino-core-avr, gcc-avr, avr-libc, simavr.
"""

from __future__ import annotations

import queue
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from helpers import C_COMPILER, C_WARNINGS, HANG

HARDWARE = Path("/usr/share/arduino/hardware/arduino/avr")
# What boards.txt and platform.txt of the core give for an Uno.
_BOARD = (
    "-mmcu=atmega328p", "-DF_CPU=16000000L", "-DARDUINO=10819", "-DARDUINO_AVR_UNO",
    "-DARDUINO_ARCH_AVR",
)  # fmt: skip
_COMMON = ("-c", "-Os", "-w", "-ffunction-sections", "-fdata-sections", "-flto")
_C = ("avr-gcc", *_COMMON, "-std=gnu11", "-fno-fat-lto-objects")
_CPP = (
    "avr-g++", *_COMMON, "-std=gnu++11", "-fpermissive", "-fno-exceptions",
    "-fno-threadsafe-statics", "-Wno-error=narrowing",
    "-DDECIMAL_DIG=__DECIMAL_DIG__",  # the core wants it, Debian's compiler has it in C alone
)  # fmt: skip
_S = ("avr-gcc", "-c", "-x", "assembler-with-cpp", "-flto")
_INO = (*_CPP, "-x", "c++", "-include", "Arduino.h")
_COMPILERS = {".c": _C, ".cpp": _CPP, ".ino": _INO, ".S": _S}
_CORE_FOLDERS = (HARDWARE / "cores" / "arduino", HARDWARE / "variants" / "standard")


def missing() -> list[str]:
    """Return what this machine lacks for it."""
    programs = ("avr-gcc", "avr-g++", "avr-gcc-ar", "simavr")
    lacking = [name for name in programs if shutil.which(name) is None]
    return lacking if HARDWARE.is_dir() else [*lacking, "arduino-core-avr"]


def _compiled(sources: Sequence[Path], include: Sequence[Path], objects: Path) -> list[Path]:
    """Compile each source into an object of its own, two at a time."""
    objects.mkdir(parents=True, exist_ok=True)
    folders = [f"-I{folder}" for folder in (*_CORE_FOLDERS, *include)]

    def one(numbered: tuple[int, Path]) -> Path:
        number, source = numbered
        output = objects / f"{number}-{source.name}.o"
        compiler = _COMPILERS[source.suffix]
        done = subprocess.run(
            [*compiler, *_BOARD, *folders, str(source), "-o", str(output)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return output

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, enumerate(sources)))


def build_core(folder: Path) -> Path:
    """Compile Arduino's core into an archive."""
    core = _CORE_FOLDERS[0]
    sources = sorted(p for p in core.iterdir() if p.suffix in (".c", ".cpp", ".S"))
    archive = folder / "core.a"
    objects = _compiled(sources, (), folder / "core")
    subprocess.run(["avr-gcc-ar", "rcs", str(archive), *map(str, objects)], check=True)
    return archive


def build_sketch(core: Path, sketch: Path, libraries: Sequence[Path], folder: Path) -> Path:
    """Compile a sketch's folder and libraries, and link them with the core."""
    include = [library / "src" for library in libraries]
    suffixes = (".c", ".cpp", ".ino")
    sources = [p for f in (sketch, *include) for p in sorted(f.iterdir()) if p.suffix in suffixes]
    objects = _compiled(sources, (sketch, *include), folder / "objects")
    elf = folder / "sketch.elf"
    linker = ("avr-gcc", "-w", "-Os", "-flto", "-fuse-linker-plugin", "-Wl,--gc-sections")
    done = subprocess.run(
        [*linker, _BOARD[0], "-o", str(elf), *map(str, objects), str(core), "-lm"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return elf


def build_serial(folder: Path) -> Path:
    """Compile avr_serial.c, which runs a sketch and sends lines to it."""
    program = folder / "avr_serial"
    source = Path(__file__).with_name("avr_serial.c")
    subprocess.run(
        [C_COMPILER, "-std=c99", "-O2", *C_WARNINGS, str(source), "-l:libsimavr.so.2", "-o",
         str(program)],
        check=True,
    )  # fmt: skip
    return program


def run_sketch(
    elf: Path,
    enough: Callable[[str], bool],
    *,
    program: Path | None = None,
    awaited: str = "",
    lines: Sequence[str] = (),
) -> str:
    """Run a program, which never ends by itself, until it has said enough on its serial port.

    With avr_serial as the `program`, lines are sent to it: the first when it has said what is
    awaited, each other when a line has come back.
    """
    command = ["simavr", "-m", "atmega328p", "-f", "16000000", str(elf)]
    if program is not None:
        command = [str(program), str(elf), awaited]
    simulator = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    pieces: queue.Queue[bytes] = queue.Queue()
    assert simulator.stdin is not None
    simulator.stdin.write("".join(f"{line}\n" for line in lines).encode())
    simulator.stdin.close()
    assert simulator.stdout is not None
    output = simulator.stdout

    def read() -> None:
        while piece := output.read1(4096):
            pieces.put(piece)
        pieces.put(b"")

    reader = threading.Thread(target=read)
    reader.start()
    text, end = "", time.monotonic() + HANG
    try:
        while not enough(text):
            assert time.monotonic() < end, text
            piece = pieces.get(timeout=HANG)
            assert piece, f"simavr ended: {text}"
            # simavr colours its lines and ends them with dots.
            text += re.sub(r"\x1b\[[0-9;]*m", "", piece.decode(errors="replace"))
    finally:
        simulator.kill()
        reader.join()
        simulator.stdout.close()
        simulator.wait()
    return text
