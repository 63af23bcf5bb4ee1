"""show_config and the choice of the SIMD level."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import Any

import pytest

import randprop
from helpers import HANG
from randprop import _core


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process that has measured nothing yet."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=HANG,
        env={**os.environ, **environment},
    )


def config_with(**environment: str) -> dict[str, Any]:
    code = "import json, randprop; print(json.dumps(randprop.show_config('dict')))"
    done = python(code, **environment)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def is_measured(level: str) -> bool:
    """Whether a level has more than plain code, which alone is never measured."""
    return level != "scalar"


def test_show_config(capsys: pytest.CaptureFixture[str]) -> None:
    config = randprop.show_config("dict")
    assert config["randprop"] == randprop.__version__
    assert config["simd_in_use"] in config["simd_supported"]
    assert set(config["simd_supported"]) <= set(config["simd_built"])
    assert "scalar" in config["simd_supported"]
    assert len(config["kernels"]) == 20
    assert config["kernel_reasons"].keys() == config["kernels"].keys()
    assert randprop.show_config() is None
    text = capsys.readouterr().out
    for name in ("randprop", "simd_built", "simd_in_use", "kernel for 8-bit weights, bits in"):
        assert name in text
    for case, reason in config["kernel_reasons"].items():
        assert f"{config['kernels'][case]} ({reason})" in text
    with pytest.raises(ValueError, match="mode must be one of"):
        randprop.show_config("json")


def test_a_level_that_is_not_there() -> None:
    before = _core.simd_level()
    missing = [name for name in ("avx2", "avx512", "neon") if name not in _core.simd_levels_built()]
    assert missing  # x86 and Arm levels are never in one build
    for name in missing:
        with pytest.raises(ValueError, match="is not a SIMD level of this build; valid: scalar"):
            _core.use_simd_level(name)
    assert _core.simd_level() == before


@pytest.mark.parametrize("simd", _core.simd_levels_supported())
def test_reasons_say_what_was_measured(simd: str) -> None:
    config = config_with(RANDPROP_SIMD=simd)
    assert config["measuring"] is True
    for case, reason in config["kernel_reasons"].items():
        bits, _, kind, _, size, _ = case.split(" ", 5)
        large = kind == "bits" and size != "1" and bits != "24-bit"
        if large and is_measured(simd):
            assert reason.startswith("measured, one core: popcount "), case
            assert reason.endswith((" ms", " us"))
            words = reason.removeprefix("measured, one core: ")[:-3].split(", ")
            figures = {word.split()[0]: float(word.split()[1]) for word in words}
            assert figures.keys() == {"popcount", "dot", "lut"}
            # Within the figures' digits and what another must be faster by.
            assert figures[config["kernels"][case]] <= 1.12 * min(figures.values())
        else:
            assert reason == "table", case


def test_measuring_can_be_switched_off() -> None:
    """By the variable, which is read once, or by a call."""
    for value in ("0", "1", ""):
        config = config_with(RANDPROP_MEASURE=value)
        assert config["measuring"] is (value != "0")
        measured = {reason for reason in config["kernel_reasons"].values() if reason != "table"}
        assert bool(measured) is (value != "0" and is_measured(config["simd_in_use"]))
    done = python("import randprop; randprop.show_config()", RANDPROP_MEASURE="often")
    assert "ValueError: RANDPROP_MEASURE must be 0 or 1, got 'often'" in done.stderr
    code = """
    import os
    os.environ["RANDPROP_MEASURE"] = "0"
    from randprop import _core
    os.environ["RANDPROP_MEASURE"] = "1"
    print(_core.measuring())
    _core.use_measuring(True)
    print(_core.measuring())
    """
    assert python(code).stdout == "False\nTrue\n"


def test_a_wrong_value_reaches_large_work_as_an_error() -> None:
    code = """
    import numpy as np, randprop
    network = randprop.StepNetwork(64, 1, width=64)
    bits = randprop.BitMatrix.from_array(np.ones((int(5e5), 64), np.uint8))
    print(len(network.propagate_stage(1, bits[:9])))
    network.propagate_stage(1, bits)
    """
    done = python(code, RANDPROP_MEASURE="yes")
    assert done.returncode == 1
    assert "ValueError: RANDPROP_MEASURE must be 0 or 1, got 'yes'" in done.stderr


@pytest.mark.parametrize("name", ["popcount", "dot"])
def test_a_named_kernel_wins(name: str) -> None:
    """Also after figures are there that speak for another."""
    code = """
    import sys
    from randprop import _core
    case = 8, _core.Features.bits, 784, 1_000_000
    print(_core.kernel_choice(*case), _core.kernel_reason(*case))
    _core.use_kernel("")
    chosen = _core.kernel_choice(*case)
    _core.use_kernel(sys.argv[1])
    print(_core.kernel_choice(*case), _core.kernel_reason(*case))
    """
    expected = f"{name} named by RANDPROP_KERNEL or use_kernel\n"
    assert python(code, name, RANDPROP_KERNEL=name).stdout == 2 * expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_while_others_measure_does_not_hang() -> None:
    """Children ask for cases that the parent's threads were measuring, and for others."""
    code = """
    import os, signal, threading, time
    from randprop import _core

    CASES = [(bits, _core.Features.bits, width) for width in (9, 20, 60, 100, 200, 500)
             for bits in (1, 2, 4, 8)]

    def ask(cases):
        for bits, reads, width in cases:
            assert _core.kernel_choice(bits, reads, width, 10**8) in ("popcount", "dot", "lut")

    for level in _core.simd_levels_supported():
        _core.use_simd_level(level)
        threads = [threading.Thread(target=ask, args=[CASES[i:] + CASES[:i]]) for i in (0, 8, 16)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            child = os.fork()
            if child == 0:
                signal.alarm(20)  # ends the child where it hangs
                ask(CASES)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        for thread in threads:
            thread.join()
    print("done")
    """
    done = python(code)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_threads_that_measure_at_once_get_equal_results(level: str) -> None:
    """They ask for the same case first, in a process where nothing is measured yet."""
    code = """
    import sys, threading
    import numpy as np
    from randprop import BitMatrix, StepNetwork, _core
    _core.use_simd_level(sys.argv[1])
    words = np.random.default_rng(0).integers(0, 2**63, (12_000, 3), dtype=np.uint64)
    bits = BitMatrix(words, 192)
    found, barrier = {}, threading.Barrier(4)

    def propagate(name):
        network = StepNetwork(192, 1, width=192, weight_bits=4)
        barrier.wait()
        found[name] = network.propagate_stage(1, bits, n_threads=1)

    threads = [threading.Thread(target=propagate, args=[i]) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _core.use_kernel("popcount")
    expected = StepNetwork(192, 1, width=192, weight_bits=4).propagate_stage(1, bits)
    _core.use_kernel("")
    print(all(found[i] == expected for i in range(4)))
    print(_core.kernel_reason(4, _core.Features.bits, 192, len(bits)).split(",")[0])
    """
    done = python(code, level)
    expected = "measured" if is_measured(level) else "table"
    assert (done.returncode, done.stdout) == (0, f"True\n{expected}\n"), done.stderr
