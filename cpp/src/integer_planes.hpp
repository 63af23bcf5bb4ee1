// Sums of integers over the set bits of rows: what every linear readout of packed bits computes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "randprop/bit_matrix.hpp"
#include "randprop/threads.hpp"

namespace randprop {

// A table of integers (n_outputs, n_bits), none negative, as binary digits in the layout of the
// popcount kernels: an output stands where a unit does.
class IntegerPlanes {
 public:
  IntegerPlanes(const std::int64_t* values, std::size_t n_outputs, std::size_t n_bits);

  // use(row, sums) for every row of bits: sums[o] = the sum of values[o, i] over its set bits i.
  // Rows come in any order, from several threads.
  void for_each_row(
      BitView bits, const RunOptions& options,
      const std::function<void(std::size_t row, const std::int64_t* sums)>& use) const;

 private:
  std::size_t n_groups_ = 0;
  unsigned n_planes_ = 1;
  AlignedArray<std::uint64_t> planes_;
};

}  // namespace randprop
