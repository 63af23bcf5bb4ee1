"""The known answers, with NumPy alone, at every SIMD level that this CPU has.

    python tests/slow/vectors.py [LEVEL ...]

For interpreters in which no test framework runs: emulated CPUs. Fails if the CPU does not have
exactly the levels that are named.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

import randprop  # noqa: E402
from helpers import (  # noqa: E402
    assert_known_centroids,
    assert_known_network,
    known_labels,
    known_philox,
    labels_of,
)
from randprop import _core  # noqa: E402


def main() -> None:
    """Compare everything, or end with the first difference."""
    answers = json.loads((TESTS / "data" / "known_answers.json").read_text())
    models = TESTS / "data" / "models"
    levels = _core.simd_levels_supported()
    if sys.argv[1:] and levels != sys.argv[1:]:
        raise SystemExit(f"this CPU has {levels}, expected {sys.argv[1:]}")
    compared = 0
    for level in levels:
        _core.use_simd_level(level)
        for kernel in ("", "popcount", "dot", "lut"):
            _core.use_kernel(kernel)
            for case in answers["networks"]:
                assert_known_network(case)
                compared += 1
        _core.use_kernel("")
        for case in answers["philox4x32_10"]:
            counter, key, out = known_philox(case)
            assert _core.philox4x32_10(counter, key) == out
            compared += 1
        assert_known_centroids(answers["centroids"])
        for name, labels in known_labels(models).items():
            assert labels_of(randprop.load(models / f"{name}.safetensors")) == labels
            compared += 1
    for level in {*_core.simd_levels_built(), "none such"} - set(levels):
        try:
            _core.use_simd_level(level)
        except ValueError as error:
            if not str(error).endswith("valid: " + ", ".join(levels)):
                raise
        else:
            raise SystemExit(f"level {level}, which this CPU does not have, was taken")
    print(f"{', '.join(levels)}: {compared} known answers")


if __name__ == "__main__":
    main()
