// Sums of integers weighted by features: what every linear readout computes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "randprop/bit_matrix.hpp"
#include "randprop/threads.hpp"

namespace randprop {

// A table of integers (n_outputs, n_features), none negative, as binary digits in the layout of the
// popcount kernels: an output stands where a unit does.
class IntegerPlanes {
 public:
  IntegerPlanes(const std::int64_t* values, std::size_t n_outputs, std::size_t n_features);

  using Use = std::function<void(std::size_t row, const std::int64_t* sums)>;
  // use(row, sums) for every row of x: sums[o] = the sum of values[o, i] x_i over its features i,
  // modulo 2^64. Rows come in any order, from several threads.
  void for_each_row(BitView x, const RunOptions& options, const Use& use) const;
  void for_each_row(ByteView x, const RunOptions& options, const Use& use) const;

 private:
  template <typename View>
  void for_each_row_any(View x, const RunOptions& options, const Use& use) const;

  std::size_t n_groups_ = 0;
  unsigned n_planes_ = 1;
  AlignedArray<std::uint64_t> planes_;
};

}  // namespace randprop
