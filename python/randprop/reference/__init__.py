"""The judge: propagation and readouts from their definition, in numba, without the compiled core.

Every function is written to be obviously right rather than fast and uses nothing of
``randprop._core``. The float path is the same network with float32 weights on NumPy's BLAS.

Needs numba: ``pip install 'randprop[reference]'``.
"""

from randprop._extras import missing

try:
    import numba  # noqa: F401
except ModuleNotFoundError as error:
    raise missing("randprop.reference", "reference", error) from error

from randprop.reference.network import (
    float_preactivations,
    float_propagate,
    philox4x32_10,
    preactivations,
    propagate,
    weights,
)
from randprop.reference.readouts import centroid_counts, centroid_distances, gram, hamming_neighbors
from randprop.reference.stages import (
    convolve,
    count_windows,
    drawn_dilations,
    drawn_thresholds,
    few_inputs,
    propagate_stages,
)

__all__ = [
    "centroid_counts", "centroid_distances", "convolve",
    "count_windows", "drawn_dilations", "drawn_thresholds", "few_inputs", "float_preactivations",
    "float_propagate", "gram", "hamming_neighbors", "philox4x32_10", "preactivations",
    "propagate", "propagate_stages", "weights",
]  # fmt: skip
