// Nearest neighbours: by Hamming distance on packed rows, by the sum of |x - y| on bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "randprop/bit_matrix.hpp"
#include "randprop/threads.hpp"

namespace randprop {

constexpr std::size_t max_neighbors = 1000;

// The k nearest rows of train for each query, nearest first, ties to the lowest index:
// distances[q, j] and indices[q, j], row-major. Memory beyond the outputs does not grow with the
// number of queries. Throws std::invalid_argument unless 1 <= k <= min(max_neighbors,
// train.n_samples) and both have the same number of bits.
void hamming_neighbors(BitView train, BitView queries, std::size_t k, std::int64_t* distances,
                       std::int64_t* indices, const RunOptions& options = {});
// The same by the sum of |x - y|; both must have the same number of features.
void byte_neighbors(ByteView train, ByteView queries, std::size_t k, std::int64_t* distances,
                    std::int64_t* indices, const RunOptions& options = {});

// counts[s] = set bits of row s.
void row_popcounts(BitView bits, std::int64_t* counts);

}  // namespace randprop
