// A convolution applied to many images.
#pragma once

#include "propagate/kernel_choice.hpp"
#include "randprop/bit_matrix.hpp"
#include "randprop/network.hpp"
#include "randprop/threads.hpp"
#include "weights/prepared.hpp"

namespace randprop {

// Images, and the patches of them that a map reads.
struct Geometry {
  ImageShape in, out;
  Conv2D conv;

  std::size_t positions() const { return out.height * out.width; }
  std::size_t run() const { return conv.kernel * in.channels; }
  std::size_t patch_size() const { return conv.kernel * run(); }
  // Features of a row of the padded image.
  std::size_t padded_row() const { return (in.width + 2 * conv.padding) * in.channels; }
  std::size_t padded_height() const { return in.height + 2 * conv.padding; }
};

// The output bits of a map whose matrix is prepared as m without terms of its own: where bits are
// read as -1 and +1, what a unit's sum is held against depends on how much of the patch lies inside
// the image, and is made here. Beyond the result it holds a few MB a thread.
BitMatrix convolve(KernelPath path, const PreparedMatrix& m, const Geometry& g,
                   const RandomMatrix& matrix, bool signed_inputs, const BitView& x,
                   const RunOptions& options);
// path is popcount or dot.
BitMatrix convolve(KernelPath path, const PreparedMatrix& m, const Geometry& g,
                   const RandomMatrix& matrix, const ByteView& x, const RunOptions& options);

}  // namespace randprop
