// Scores of linear readouts: of floating-point coefficients, and of those rounded to integers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "randprop/bit_matrix.hpp"
#include "randprop/threads.hpp"

namespace randprop {

// scores[s, o] = bias[o] + the sum of coef[o, i] x_i over the features i of row s. Throws
// std::invalid_argument when a score could leave 64 bits, or a coefficient of bits is not below
// 2^30 in magnitude.
void linear_scores(BitView x, const std::int64_t* coef, const std::int64_t* bias,
                   std::size_t n_outputs, std::int64_t* scores, const RunOptions& options = {});
void linear_scores(ByteView x, const std::int64_t* coef, const std::int64_t* bias,
                   std::size_t n_outputs, std::int64_t* scores, const RunOptions& options = {});

// The same of floating-point coefficients, added in one order on every machine.
void linear_scores(BitView x, const double* coef, const double* bias, std::size_t n_outputs,
                   double* scores, const RunOptions& options = {});
void linear_scores(ByteView x, const double* coef, const double* bias, std::size_t n_outputs,
                   double* scores, const RunOptions& options = {});

}  // namespace randprop
