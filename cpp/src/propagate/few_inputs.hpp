// Maps whose units look at few inputs each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "propagate/geometry.hpp"
#include "randprop/bit_matrix.hpp"
#include "randprop/threads.hpp"

namespace randprop {

// What units of a stage look at, in the order in which the definition draws it.
struct FewInputs {
  std::size_t fan_in = 0;
  std::vector<std::uint32_t> inputs;  // unit i at i * fan_in: those of weight +1 first
  std::vector<std::int64_t> thresholds;

  std::size_t n_plus() const { return (fan_in + 1) / 2; }
};

// Words that are looked at for one word of samples at so many positions, and how many of them
// take longer than a thread to start.
inline double few_work(const FewInputs& few, std::size_t n_positions, unsigned n_planes) {
  return static_cast<double>(few.inputs.size()) * static_cast<double>(n_positions) * n_planes;
}
constexpr double min_few_work = 1 << 19;

// The output of a map, bits or counts. `dilations` has one number a channel where each has its own,
// and is empty otherwise. signed_inputs: bits are read as -1 and +1. Beyond the result a thread
// holds 64 bytes for each feature of the padded image, or up to 4 MB.
template <typename View>
FeatureMatrix propagate_few(const FewInputs& few, const Geometry& geometry,
                            const std::vector<std::size_t>& dilations, bool signed_inputs,
                            const View& x, const RunOptions& options);

// How often each unit is set over all samples and positions.
template <typename View>
std::vector<std::uint64_t> count_few(const FewInputs& few, const Geometry& geometry,
                                     const std::vector<std::size_t>& dilations, bool signed_inputs,
                                     const View& x, const RunOptions& options);

// Of each unit the sum, over all samples and positions, of a rank from 0: the one below which so
// many lie. Empty where there are too many sums to be held at a time.
template <typename View>
std::vector<std::int64_t> ranked_sums(const FewInputs& few, const Geometry& geometry,
                                      const std::vector<std::size_t>& dilations, bool signed_inputs,
                                      const View& x, const std::vector<std::uint64_t>& ranks,
                                      const RunOptions& options);

}  // namespace randprop
