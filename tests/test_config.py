"""show_config and the choice of the SIMD level."""

from __future__ import annotations

import pytest

import randprop
from randprop import _core


def test_show_config(capsys: pytest.CaptureFixture[str]) -> None:
    config = randprop.show_config("dict")
    assert config["randprop"] == randprop.__version__
    assert config["simd_in_use"] in config["simd_supported"]
    assert set(config["simd_supported"]) <= set(config["simd_built"])
    assert "scalar" in config["simd_supported"]
    assert len(config["kernels"]) == 20
    assert randprop.show_config() is None
    text = capsys.readouterr().out
    for name in ("randprop", "simd_built", "simd_in_use", "kernel for 8-bit weights, bits in"):
        assert name in text
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
