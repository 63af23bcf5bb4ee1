// A convolution whose units read every input of a patch, applied to many images.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "propagate/geometry.hpp"
#include "propagate/kernel_choice.hpp"
#include "randprop/bit_matrix.hpp"
#include "randprop/threads.hpp"
#include "weights/prepared.hpp"

namespace randprop {

// The matrix of a map: as the kernel of `path` reads it, as it was drawn, and a threshold a unit.
// What a unit's sum is held against is made here: where bits are read as -1 and +1 it depends on
// how much of the patch lies inside the image.
struct MapWeights {
  KernelPath path;
  const PreparedMatrix& prepared;
  const RandomMatrix& matrix;
  const std::vector<std::int64_t>& thresholds;
};

// The output of a map, bits or counts. `dilations` has one number a channel where each has its own,
// and is empty otherwise. Beyond the result it holds a few MB a thread.
template <typename View>
FeatureMatrix convolve(const MapWeights& map, const Geometry& geometry,
                       const std::vector<std::size_t>& dilations, bool signed_inputs, const View& x,
                       const RunOptions& options);

// How often each channel is set over all samples and positions.
template <typename View>
std::vector<std::uint64_t> count_convolution(const MapWeights& map, const Geometry& geometry,
                                             const std::vector<std::size_t>& dilations,
                                             bool signed_inputs, const View& x,
                                             const RunOptions& options);

}  // namespace randprop
