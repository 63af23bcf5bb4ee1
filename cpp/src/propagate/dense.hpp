// One matrix applied to many samples.
#pragma once

#include "propagate/kernel_choice.hpp"
#include "randprop/bit_matrix.hpp"
#include "randprop/network.hpp"
#include "randprop/threads.hpp"
#include "weights/prepared.hpp"

namespace randprop {

// How many threads a product of this size is worth, of those that options allow.
int worthwhile_threads(std::size_t n_samples, std::size_t n_inputs, std::size_t n_units,
                       const RunOptions& options);
// The output bits of a matrix, which must be prepared in the layout that the path reads. Beyond the
// result it holds at most 4 MB a thread.
BitMatrix propagate_matrix(KernelPath path, const PreparedMatrix& m, const BitView& x,
                           const RunOptions& options);
// path is popcount or dot.
BitMatrix propagate_matrix(KernelPath path, const PreparedMatrix& m, const ByteView& x,
                           const RunOptions& options);

}  // namespace randprop
