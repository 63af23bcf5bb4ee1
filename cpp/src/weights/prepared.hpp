// Weights in the layouts that the kernels read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "randprop/bit_matrix.hpp"
#include "randprop/network.hpp"
#include "randprop/threads.hpp"
#include "weights/random_weights.hpp"

namespace randprop {

// planes: what the popcount kernels read. bytes: what the dot product and the look-up read.
enum class WeightLayout { planes, bytes };

// What a unit's sum is held against, padded with a number that no sum exceeds; `narrow` for the
// 32-bit kernels, which only the layout `bytes` has.
struct UnitTerms {
  AlignedArray<std::int64_t> wide;
  AlignedArray<std::int32_t> narrow;
  // Whether `narrow` is `wide`, and a row's term more or less stays in 32 bits.
  bool fits_narrow = true;
};

// One matrix, in one layout; see kernels.hpp for both.
//
// Kernels work on unsigned weights u or on v = u - offset(). With x_sum the sum of a row's inputs,
// the output bit is 4 sum(u x) > row_scale x_sum + unit term.
struct PreparedMatrix {
  WeightLayout layout = WeightLayout::planes;
  std::size_t n_inputs = 0;
  std::size_t n_units = 0;
  unsigned weight_bits = 0;
  // Weights from a seed are w = 2 u - (2^b - 1): 2^(b + 1) - 2. Weights of a caller are w = v:
  // 4 offset().
  std::int64_t row_scale = 0;

  // planes: groups of 8 units.
  AlignedArray<std::uint64_t> planes;
  // unit_term of each; of weights of a caller twice that, for thresholds of 0.
  UnitTerms terms;

  // bytes: panels of 64 units, one after the other, each limb of each a run of quads. A limb is
  // a byte of u less 128 (24-bit weights have three, most significant first), and for fewer than 8
  // bits u less 2^(bits - 1).
  AlignedArray<std::int8_t> bytes;
  unsigned n_limbs = 0;
  std::size_t n_quads = 0;

  std::size_t n_groups() const noexcept { return (n_units + 7) / 8; }
  std::size_t n_panels() const noexcept { return (n_units + 63) / 64; }
  // Units with the padding of the layout.
  std::size_t padded_units() const noexcept {
    return layout == WeightLayout::planes ? 8 * n_groups() : 64 * n_panels();
  }
  std::int64_t offset() const noexcept {
    std::int64_t sum = std::int64_t{1} << ((weight_bits > 8 ? 8 : weight_bits) - 1);
    for (unsigned limb = 1; limb < n_limbs; ++limb) {
      sum = 256 * sum + 128;
    }
    return sum;
  }
  // 4 sum(v x) + dot_excess() x_sum > unit term.
  std::int64_t dot_excess() const noexcept { return 4 * offset() - row_scale; }
  std::size_t held_bytes() const noexcept {
    return planes.bytes() + bytes.bytes() + terms.wide.bytes() + terms.narrow.bytes();
  }
  // Bytes that a matrix of this shape will hold.
  static std::size_t estimate(WeightLayout layout, std::size_t n_inputs, std::size_t n_units,
                              unsigned weight_bits) noexcept;
};

// signed_inputs: the matrix reads bits as -1 and +1.
PreparedMatrix prepare_matrix(const RandomMatrix& matrix, WeightLayout layout, bool signed_inputs,
                              const std::vector<std::int64_t>& thresholds,
                              const RunOptions& options);
// The same of weights that are all 0 as the kernels read them, and terms of 0.
PreparedMatrix zero_matrix(WeightLayout layout, std::size_t n_inputs, std::size_t n_units,
                           unsigned weight_bits);
// What the sum of a unit is held against. Where inputs are read as -1 and +1, z is 2 sum(w bit)
// less the sum of the weights that read something.
std::int64_t unit_term(const RandomMatrix& matrix, std::int64_t threshold, std::int64_t weight_sum,
                       bool signed_inputs);
// Weights of a caller, row i of `weights` those of unit i, each of magnitude below
// max_own_weight; layout bytes.
PreparedMatrix prepare_own_weights(const std::int32_t* weights, std::size_t n_inputs,
                                   std::size_t n_units, bool signed_inputs);
// Terms of the units of m: values[i], and the padding.
UnitTerms make_unit_terms(const PreparedMatrix& m, const std::int64_t* values);

}  // namespace randprop
