import enum
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__version__: str

class Activation(enum.Enum):
    step = 0
    sign = 1

class Features(enum.Enum):
    bits = 0
    bytes = 1

class Keep(enum.Enum):
    last = 0
    all = 1

def simd_levels_built() -> list[str]: ...
def simd_levels_supported() -> list[str]: ...
def simd_level() -> str: ...
def use_simd_level(name: str) -> None: ...
def forced_kernel() -> str: ...
def use_kernel(name: str) -> None: ...
def spin(kernel: str, n_rounds: int) -> int: ...
def available_cpus() -> int: ...
def kernel_choice(
    weight_bits: int, reads: Features, n_inputs: int, n_samples: int, n_units: int = 0
) -> str: ...
def kernel_reason(
    weight_bits: int, reads: Features, n_inputs: int, n_samples: int, n_units: int = 0
) -> str: ...
def measuring() -> bool: ...
def use_measuring(on: bool) -> None: ...
def compiler() -> str: ...
def philox4x32_10(counter: Sequence[int], key: Sequence[int]) -> list[int]: ...
def empty_words(n_samples: int, n_bits: int) -> NDArray[np.uint64]: ...
def place_values(
    words: NDArray[np.uint64], n_bits: int, values: NDArray[np.uint8], out: NDArray[np.uint8]
) -> None: ...

class Dense:
    def __init__(
        self,
        units: int,
        weight_bits: int,
        fan_in: int = 0,
        bias: int = 0,
        thresholds: NDArray[np.int64] | None = None,
    ) -> None: ...

class Conv1D:
    def __init__(
        self,
        channels: int,
        kernel: int,
        stride: int,
        padding: int,
        dilation: int,
        pool: int,
        weight_bits: int,
        fan_in: int = 0,
        bias: int = 0,
        thresholds: NDArray[np.int64] | None = None,
    ) -> None: ...

class Conv2D:
    def __init__(
        self,
        channels: int,
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        pool: Sequence[int],
        weight_bits: int,
        fan_in: int = 0,
        bias: int = 0,
        thresholds: NDArray[np.int64] | None = None,
    ) -> None: ...

class Network:
    def __init__(
        self,
        n_features: int,
        stages: Sequence[Dense | Conv1D | Conv2D],
        activation: Activation,
        seed: int,
        input_shape: Sequence[int] | None = None,
    ) -> None: ...
    def propagate_bytes(
        self, x: NDArray[np.uint8], first: int, last: int, keep: Keep, n_threads: int
    ) -> list[Any]: ...
    def propagate_bits(
        self,
        words: NDArray[np.uint64],
        n_bits: int,
        first: int,
        last: int,
        keep: Keep,
        n_threads: int,
    ) -> list[Any]: ...
    def propagate_sparse(
        self,
        starts: NDArray[np.int64],
        columns: NDArray[np.int32] | NDArray[np.int64],
        values: NDArray[np.uint8],
        n_features: int,
        last: int,
        keep: Keep,
        n_threads: int,
    ) -> list[Any]: ...
    def weights(self, stage: int) -> NDArray[np.int32]: ...
    def thresholds(self, stage: int) -> NDArray[np.int64]: ...
    def dilations(self, stage: int) -> NDArray[np.int64]: ...
    def count_set_bytes(
        self, x: NDArray[np.uint8], stage: int, n_threads: int
    ) -> NDArray[np.int64]: ...
    def count_set_sparse(
        self,
        starts: NDArray[np.int64],
        columns: NDArray[np.int32] | NDArray[np.int64],
        values: NDArray[np.uint8],
        n_features: int,
        n_threads: int,
    ) -> NDArray[np.int64]: ...
    def count_set_bits(
        self, words: NDArray[np.uint64], n_bits: int, stage: int, n_threads: int
    ) -> NDArray[np.int64]: ...
    def ranked_sums_bytes(
        self, x: NDArray[np.uint8], stage: int, ranks: NDArray[np.int64], n_threads: int
    ) -> NDArray[np.int64]: ...
    def ranked_sums_bits(
        self,
        words: NDArray[np.uint64],
        n_bits: int,
        stage: int,
        ranks: NDArray[np.int64],
        n_threads: int,
    ) -> NDArray[np.int64]: ...
    def prepare(self, stage: int, reads: Features, n_threads: int) -> None: ...
    def prepared_bytes(self, stage: int) -> int: ...

def apply_weights_bytes(
    x: NDArray[np.uint8], weights: NDArray[np.int32], n_threads: int
) -> NDArray[np.uint64]: ...
def apply_weights_bits(
    words: NDArray[np.uint64],
    n_bits: int,
    weights: NDArray[np.int32],
    activation: Activation,
    n_threads: int,
) -> NDArray[np.uint64]: ...
def add_class_counts_bits(
    words: NDArray[np.uint64],
    n_bits: int,
    codes: NDArray[np.int32],
    counts: NDArray[np.int64],
    n_samples: NDArray[np.int64],
    n_threads: int,
) -> None: ...
def add_class_counts_bytes(
    x: NDArray[np.uint8],
    codes: NDArray[np.int32],
    counts: NDArray[np.int64],
    n_samples: NDArray[np.int64],
    n_threads: int,
) -> None: ...
def centroid_distances_bits(
    words: NDArray[np.uint64],
    n_bits: int,
    counts: NDArray[np.int64],
    n_samples: NDArray[np.int64],
    n_threads: int,
) -> NDArray[np.float64]: ...
def centroid_distances_bytes(
    x: NDArray[np.uint8], counts: NDArray[np.int64], n_samples: NDArray[np.int64], n_threads: int
) -> NDArray[np.float64]: ...
def linear_scores_bits(
    words: NDArray[np.uint64],
    n_bits: int,
    coef: NDArray[np.int64],
    bias: NDArray[np.int64],
    n_threads: int,
) -> NDArray[np.int64]: ...
def linear_scores_bytes(
    x: NDArray[np.uint8], coef: NDArray[np.int64], bias: NDArray[np.int64], n_threads: int
) -> NDArray[np.int64]: ...
def add_gram_bits(
    words: NDArray[np.uint64], n_bits: int, gram: NDArray[np.int64], n_threads: int
) -> None: ...
def add_gram_bytes(x: NDArray[np.uint8], gram: NDArray[np.int64], n_threads: int) -> None: ...
def neighbors_bits(
    train: NDArray[np.uint64], queries: NDArray[np.uint64], n_bits: int, k: int, n_threads: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
def neighbors_bytes(
    train: NDArray[np.uint8], queries: NDArray[np.uint8], k: int, n_threads: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
def real_scores_bits(
    words: NDArray[np.uint64],
    n_bits: int,
    coef: NDArray[np.float64],
    bias: NDArray[np.float64],
    n_threads: int,
) -> NDArray[np.float64]: ...
def real_scores_bytes(
    x: NDArray[np.uint8], coef: NDArray[np.float64], bias: NDArray[np.float64], n_threads: int
) -> NDArray[np.float64]: ...
def bits_above(x: NDArray[np.uint8], level: int, n_threads: int) -> NDArray[np.uint64]: ...
def count_changed(
    x: NDArray[np.uint8], first: NDArray[np.uint8], counts: NDArray[np.int64], n_threads: int
) -> None: ...
def row_popcounts(words: NDArray[np.uint64], n_bits: int) -> NDArray[np.int64]: ...
def read_model(data: bytes) -> tuple[int, list[str], list[str]]: ...
def read_model_and_predict(
    data: bytes, features: NDArray[np.float64], n_threads: int
) -> list[int]: ...
def read_model_and_map(data: bytes, features: NDArray[np.float64]) -> NDArray[np.uint8]: ...
