// The integers that a least-squares readout rests on.
#pragma once

#include <cstdint>

#include "randprop/bit_matrix.hpp"
#include "randprop/threads.hpp"

namespace randprop {

// gram[i, j] += the sum over the rows of x_i x_j: X'X, row-major and symmetric, of shape
// (n_features, n_features); of bits, how many rows have both set. Adding the rows of two matrices
// in turn adds both, in any order.
void add_gram(BitView x, std::int64_t* gram, const RunOptions& options = {});
void add_gram(ByteView x, std::int64_t* gram, const RunOptions& options = {});

}  // namespace randprop
