"""Microcontrollers under emulation: build an exported folder for one, run it, read what it says.

Debian packages: gcc-arm-none-eabi, libnewlib-arm-none-eabi, qemu-system-arm, gcc-avr, avr-libc,
simavr, gcc-riscv64-unknown-elf, qemu-system-misc.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from randprop._files import source_folder

BOARDS = source_folder("cpp/micro", "_micro", "randprop_micro.h") / "boards"
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror")
# The least that is left for the stack.
_STACK = 160
SECTIONS = ("-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")


@dataclass(frozen=True)
class Target:
    """A processor: how to build for it and what runs the result."""

    name: str
    prefix: str
    flags: tuple[str, ...]
    board: str
    emulator: tuple[str, ...]
    per_tick: float
    tick_bits: int = 32
    unit: str = "instructions"
    link: tuple[str, ...] = ()
    # Of the chip, where the linker does not know them.
    flash: int = 1 << 30
    ram: int = 1 << 30

    @property
    def compiler(self) -> str:
        """Name of the compiler."""
        return self.prefix + "gcc"

    def missing(self) -> list[str]:
        """Programs that this machine lacks for it."""
        return [name for name in (self.compiler, self.emulator[0]) if shutil.which(name) is None]


def _cortex(name: str, cpu: str, machine: str, per_tick: float) -> Target:
    return Target(
        name, "arm-none-eabi-", ("-mthumb", f"-mcpu={cpu}"), "arm",
        ("qemu-system-arm", "-M", machine, "-nographic", "-icount", "shift=0",
         "-semihosting-config", "enable=on,target=native", "-kernel"),
        per_tick, tick_bits=24,
    )  # fmt: skip


def _riscv(name: str, march: str, mabi: str, cpu: str, libgcc: str) -> Target:
    return Target(
        name, "riscv64-unknown-elf-", (f"-march={march}", f"-mabi={mabi}"), "rv32",
        ("qemu-system-riscv32", "-M", "virt", "-bios", "none", "-nographic", "-icount", "shift=0",
         "-cpu", cpu, "-kernel"),
        1.0, link=("libgcc", libgcc, f"-mabi={mabi}"),
    )  # fmt: skip


def _avr(name: str, flash: int, ram: int) -> Target:
    return Target(
        name, "avr-", (f"-mmcu={name}", "-DF_CPU=16000000UL"), "avr",
        ("simavr", "-m", name, "-f", "16000000"), 256.0, unit="cycles", flash=flash, ram=ram,
    )  # fmt: skip


TARGETS = {
    target.name: target
    for target in (
        # Under -icount a tick of SysTick is 1 GHz over the machine's clock in instructions.
        _cortex("cortex-m0", "cortex-m0", "microbit", 62.5),
        _cortex("cortex-m3", "cortex-m3", "mps2-an385", 40.0),
        _cortex("cortex-m4", "cortex-m4", "mps2-an386", 40.0),
        _avr("atmega328p", 32 << 10, 2 << 10),
        _avr("atmega2560", 256 << 10, 8 << 10),
        _riscv("rv32imc", "rv32imc", "ilp32", "rv32", "-march=rv32imc"),
        _riscv(
            "rv32ec", "rv32ec", "ilp32e", "rv32,m=false,a=false,f=false,d=false", "-march=rv32e"
        ),
    )
}


class TooLargeError(RuntimeError):
    """A target's memory does not hold a program."""


@dataclass
class Report:
    """What a device said: an entry an image; no bits where it has no room to keep them."""

    labels: NDArray[np.int64]
    scores: NDArray[np.int64]
    bits: NDArray[np.uint8]
    cost: NDArray[np.float64]
    stack: int
    self_test: int | None


def build(
    target: Target,
    folder: Path,
    elf: Path,
    *,
    optimise: str = "-Os",
    program: Path | None = None,
    options: tuple[str, ...] = (),
) -> Path:
    """Compile an exported folder with a program, by default the one that reports on all images.

    Raises `TooLargeError` where the target's memory does not hold it.
    """
    program = program or BOARDS / "report.c"
    objects = []
    # The board's own code may use extensions; the runtime and the model may not.
    for source, flags in (
        (folder / "randprop_micro.c", (*WARNINGS, optimise)),
        (program, (*WARNINGS, "-Os")),
        (BOARDS / f"{target.board}.c", ("-std=gnu99", "-Wall", "-Wextra", "-Werror", "-Os")),
    ):
        output = elf.with_name(f"{elf.stem}-{source.stem}.o")
        hosted = () if target.board == "avr" else ("-ffreestanding",)
        _call(
            target.compiler, *target.flags, *flags, *options, *hosted, *SECTIONS[:2],
            f"-I{folder}", f"-I{BOARDS}", "-c", str(source), "-o", str(output),
        )  # fmt: skip
        objects.append(str(output))
    if target.board == "avr":
        libraries: tuple[str, ...] = ()
    else:
        script = BOARDS / f"{target.board}.ld"
        libraries = ("-nostdlib", "-nostartfiles", f"-T{script}")
        if target.link:
            found = _call(target.compiler, *target.link[1:], "-print-libgcc-file-name").strip()
            objects.append(found)
        else:
            objects.append("-lgcc")
    _call(target.compiler, *target.flags, *SECTIONS[2:], *libraries, *objects, "-o", str(elf))
    _size(target, elf)
    return elf


def say(target: Target, elf: Path, *, timeout: float = 300.0) -> dict[str, list[int]]:
    """Run a program and return the numbers it reports, by letter: see board_report."""
    done = subprocess.run(
        [*target.emulator, str(elf)], capture_output=True, timeout=timeout, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    text = (done.stdout + done.stderr).decode(errors="replace")
    # simavr colours its lines and ends them with a dot.
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    said: dict[str, list[int]] = {}
    for letter, number in re.findall(r"^([a-z]) ([0-9a-f]{8})\b", text, re.MULTILINE):
        said.setdefault(letter, []).append(int(number, 16))
    if "z" not in said or "l" not in said:
        raise RuntimeError(f"{target.name}: the program did not end well: {text[-2000:]}")
    return said


def run(target: Target, elf: Path, *, timeout: float = 300.0) -> Report:
    """Run a program that report.c is part of, and read what it prints."""
    said = say(target, elf, timeout=timeout)
    n = len(said["l"])
    scores = np.array(said["s"], dtype=np.uint32).astype(np.int32)
    ticks = np.array(said["c"]) & (2**target.tick_bits - 1)
    return Report(
        labels=np.array(said["l"]),
        scores=scores.astype(np.int64).reshape(n, -1),
        bits=np.array(said.get("b", []), dtype=np.uint8).reshape(n, -1),
        cost=ticks * target.per_tick,
        stack=said["k"][0],
        self_test=said["t"][0] if "t" in said else None,
    )


@dataclass(frozen=True)
class Footprint:
    """Bytes that classifying adds to a program, of one image that is held in RAM."""

    core: int
    tables: int
    static_ram: int
    stack: int

    @property
    def flash(self) -> int:
        """Code and tables."""
        return self.core + self.tables

    @property
    def ram(self) -> int:
        """Image, buffer, model struct, and the deepest stack."""
        return self.static_ram + self.stack


def footprint(
    target: Target,
    folder: Path,
    work: Path,
    *,
    table_bytes: int,
    optimise: str = "-Os",
    options: tuple[str, ...] = (),
) -> Footprint:
    """Link bare.c with and without the runtime, and run it for its stack."""
    sizes = []
    for variant in ((), ("-DBARE_EMPTY",)):
        elf = build(
            target, folder, work / f"{target.name}-bare.elf", program=BOARDS / "bare.c",
            optimise=optimise, options=(*options, *variant),
        )  # fmt: skip
        sizes.append(_size(target, elf))
        if not variant:
            stack = say(target, elf)["k"][0]
    flash, ram = (sizes[0][i] - sizes[1][i] for i in range(2))
    return Footprint(flash - table_bytes, table_bytes, ram, stack)


def _size(target: Target, elf: Path) -> tuple[int, int]:
    """Return bytes of flash and of RAM without the stack, which the target must have."""
    numbers = _call(target.prefix + "size", str(elf)).splitlines()[1].split()
    text, data, bss = map(int, numbers[:3])
    flash, ram = text + data, data + bss
    for what, size, most in (("flash", flash, target.flash), ("RAM", ram + _STACK, target.ram)):
        if size > most:
            raise TooLargeError(f"{most:,} bytes of {what} do not hold it")
    return flash, ram


def _call(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout
