// The integers that a least-squares readout of packed bits rests on, and its integer form.
#pragma once

#include <cstddef>
#include <cstdint>

#include "randprop/bit_matrix.hpp"
#include "randprop/threads.hpp"

namespace randprop {

// gram[i, j] += how many of the rows have bits i and j set: X'X of the bits, row-major and
// symmetric, of shape (n_bits, n_bits). Adding the rows of two matrices in turn adds both, in any
// order.
void add_gram(BitView bits, std::int64_t* gram, const RunOptions& options = {});

// scores[s, o] = bias[o] + the sum of coef[o, i] over the set bits i of row s. Throws
// std::invalid_argument when a coefficient's magnitude is not below 2^30.
void linear_scores(BitView bits, const std::int64_t* coef, const std::int64_t* bias,
                   std::size_t n_outputs, std::int64_t* scores, const RunOptions& options = {});

}  // namespace randprop
