// Features that are mostly zero, through a first stage that is dense.
//
// Work and memory go with the features that are stored, however many there are in all: no row is
// made dense, and weights are made for the inputs that occur alone.
#pragma once

#include <cstdint>
#include <vector>

#include "propagate/few_inputs.hpp"
#include "randprop/bit_matrix.hpp"
#include "randprop/threads.hpp"
#include "weights/random_weights.hpp"

namespace randprop {

// Refuses rows that do not lie within what is stored, and columns that do not rise or are not below
// n_features.
void check_rows(const SparseView& x);

// The output bits of a matrix, for rows that check_rows let pass. Beyond the result a thread holds
// 15 MB, and 9 bytes for each feature of a row that has more than a million.
BitMatrix propagate_sparse(const RandomMatrix& matrix, const std::vector<std::int64_t>& thresholds,
                           const SparseView& x, const RunOptions& options);

// The same for units of few inputs. A thread holds 4 bytes a unit, all of them together 8 for each
// input of a unit.
BitMatrix propagate_sparse(const FewInputs& few, const SparseView& x, const RunOptions& options);

}  // namespace randprop
