// Series whose units look at few bytes each, bit-sliced along the series: where samples are too few
// to fill a vector, times of a series do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "propagate/few_inputs.hpp"
#include "propagate/geometry.hpp"
#include "randprop/bit_matrix.hpp"
#include "randprop/threads.hpp"

namespace randprop {

// Whether this is such a map, of one count a channel, and so few samples that it is the faster way.
bool suits_along(const Geometry& geometry, std::size_t n_samples);

// What propagate_few and ranked_sums give of such a map.
ByteMatrix count_along(const FewInputs& few, const Geometry& geometry,
                       const std::vector<std::size_t>& dilations, const ByteView& x,
                       const RunOptions& options);
std::vector<std::int64_t> ranked_along(const FewInputs& few, const Geometry& geometry,
                                       const std::vector<std::size_t>& dilations, const ByteView& x,
                                       const std::vector<std::uint64_t>& ranks,
                                       const RunOptions& options);

}  // namespace randprop
