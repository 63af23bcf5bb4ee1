// A convolution applied to many images.
#pragma once

#include "choice.hpp"
#include "prepared.hpp"
#include "randprop/bit_matrix.hpp"
#include "randprop/network.hpp"
#include "randprop/threads.hpp"

namespace randprop {

// The output bits of matrix `matrix` of spec, prepared as m without terms of its own: where bits
// are read as -1 and +1, what a unit's sum is held against depends on how much of the patch lies
// inside the image, and is made here. Beyond the result it holds a few MB a thread.
BitMatrix convolve(KernelPath path, const PreparedMatrix& m, const NetworkSpec& spec,
                   std::size_t matrix, const BitView& x, const RunOptions& options);
// path is popcount or dot.
BitMatrix convolve(KernelPath path, const PreparedMatrix& m, const NetworkSpec& spec,
                   std::size_t matrix, const ByteView& x, const RunOptions& options);

}  // namespace randprop
