// Weights in the layouts that the kernels read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "randprop/bit_matrix.hpp"
#include "randprop/network.hpp"
#include "randprop/threads.hpp"

namespace randprop {

// planes: what the popcount kernels read. bytes: what the dot product and the look-up read.
enum class WeightLayout { planes, bytes };

// One matrix, in one layout; see kernels.hpp for both.
struct PreparedMatrix {
  WeightLayout layout = WeightLayout::planes;
  std::size_t n_inputs = 0;
  std::size_t n_units = 0;
  unsigned weight_bits = 0;

  // planes: groups of 8 units. unit_terms: the sum of a unit's weights where inputs are read as
  // -1 and +1, else 0; past n_units a number that no sum exceeds.
  AlignedArray<std::uint64_t> planes;
  AlignedArray<std::int64_t> unit_terms;

  // bytes: panels of 64 units, one after the other, each limb of each a run of quads. A limb is
  // a byte of u less 128 (24-bit weights have three, most significant first), and for fewer than 8
  // bits u less 2^(bits - 1).
  AlignedArray<std::int8_t> bytes;
  AlignedArray<std::int32_t> unit_terms32;
  unsigned n_limbs = 0;
  std::size_t n_quads = 0;

  std::size_t n_groups() const noexcept { return (n_units + 7) / 8; }
  std::size_t n_panels() const noexcept { return (n_units + 63) / 64; }
  std::size_t held_bytes() const noexcept {
    return planes.bytes() + unit_terms.bytes() + bytes.bytes() + unit_terms32.bytes();
  }
  // Bytes that a matrix of this shape will hold.
  static std::size_t estimate(WeightLayout layout, std::size_t n_inputs, std::size_t n_units,
                              unsigned weight_bits) noexcept;
};

// signed_inputs: the matrix reads bits as -1 and +1.
PreparedMatrix prepare_matrix(const NetworkSpec& spec, std::size_t matrix, WeightLayout layout,
                              bool signed_inputs, const RunOptions& options);

// 64 inputs x 128 units of bit-planes: plane p, unit u: bits[p * 128 + u], bit t for input
// 64 * batch + t; inputs past n_inputs are 0.
struct WeightTile {
  std::size_t unit0 = 0;
  std::size_t n_units = 0;
  std::size_t batch = 0;
  const std::uint64_t* bits = nullptr;
};

// Generates the tiles of 128 units, one batch of 64 inputs after the other.
void generate_tiles(std::uint64_t seed, std::size_t matrix, std::size_t n_inputs,
                    std::size_t n_units, unsigned weight_bits, std::size_t unit_block,
                    const std::function<void(const WeightTile&)>& use);

}  // namespace randprop
