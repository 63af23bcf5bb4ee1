from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__version__: str

def simd_levels_built() -> list[str]: ...
def simd_levels_supported() -> list[str]: ...
def simd_level() -> str: ...
def use_simd_level(name: str) -> None: ...
def spin(kernel: str, n_rounds: int) -> int: ...
def available_cpus() -> int: ...
def kernel_choice(weight_bits: int, bytes_input: bool, n_inputs: int, n_samples: int) -> str: ...
def compiler() -> str: ...
def philox4x32_10(counter: Sequence[int], key: Sequence[int]) -> list[int]: ...
def empty_words(n_samples: int, n_bits: int) -> NDArray[np.uint64]: ...

class Network:
    def __init__(
        self,
        n_features: int,
        widths: Sequence[int],
        weight_bits: int,
        sign: bool,
        seed: int,
        image: Sequence[int] = ...,
        convolutions: Sequence[Sequence[int]] = ...,
    ) -> None: ...
    def propagate_bytes(
        self, x: NDArray[np.uint8], first: int, last: int, keep_all: bool, n_threads: int
    ) -> list[NDArray[np.uint64]]: ...
    def propagate_bits(
        self,
        words: NDArray[np.uint64],
        n_bits: int,
        first: int,
        last: int,
        keep_all: bool,
        n_threads: int,
    ) -> list[NDArray[np.uint64]]: ...
    def weights(self, matrix: int) -> NDArray[np.int32]: ...
    def prepare(self, matrix: int, bytes_input: bool, n_threads: int) -> None: ...
    def prepared_bytes(self) -> int: ...

def apply_weights_bytes(
    x: NDArray[np.uint8], weights: NDArray[np.int32], n_threads: int
) -> NDArray[np.uint64]: ...
def apply_weights_bits(
    words: NDArray[np.uint64], n_bits: int, weights: NDArray[np.int32], sign: bool, n_threads: int
) -> NDArray[np.uint64]: ...
def add_class_counts(
    words: NDArray[np.uint64],
    n_bits: int,
    codes: NDArray[np.int32],
    counts: NDArray[np.int64],
    n_samples: NDArray[np.int64],
    n_threads: int,
) -> None: ...
def centroid_distances(
    words: NDArray[np.uint64],
    n_bits: int,
    counts: NDArray[np.int64],
    n_samples: NDArray[np.int64],
    n_threads: int,
) -> NDArray[np.float64]: ...
def hamming_neighbors(
    train: NDArray[np.uint64], queries: NDArray[np.uint64], n_bits: int, k: int, n_threads: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
def row_popcounts(words: NDArray[np.uint64], n_bits: int) -> NDArray[np.int64]: ...
def add_gram(
    words: NDArray[np.uint64], n_bits: int, gram: NDArray[np.int64], n_threads: int
) -> None: ...
def linear_scores(
    words: NDArray[np.uint64],
    n_bits: int,
    coef: NDArray[np.int64],
    bias: NDArray[np.int64],
    n_threads: int,
) -> NDArray[np.int64]: ...
