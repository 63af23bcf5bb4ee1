// Weights as a function of where they stand: the definition at the head of randprop/network.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace randprop {

// Units of one Philox block.
inline constexpr std::size_t block_units = 128;

// One matrix of the definition, and its size.
struct RandomMatrix {
  std::uint64_t seed = 0;
  std::size_t index = 0;  // m
  std::size_t n_inputs = 0;
  std::size_t n_units = 0;
  unsigned weight_bits = 0;

  std::size_t n_blocks() const noexcept { return (n_units + block_units - 1) / block_units; }
};

// 64 inputs x 128 units of bit-planes: plane p, unit u: bits[p * 128 + u], bit t for input
// 64 * batch + t; inputs past the last are 0.
struct WeightTile {
  std::size_t unit0 = 0;
  std::size_t n_units = 0;
  std::size_t batch = 0;
  const std::uint64_t* bits = nullptr;
};

// Generates the tiles of 128 units, one batch of 64 inputs after the other.
void generate_tiles(const RandomMatrix& matrix, std::size_t unit_block,
                    const std::function<void(const WeightTile&)>& use);

// use(unit, input, weight) for all integer weights of the matrix.
template <typename Use>
void for_each_weight(const RandomMatrix& matrix, const Use& use) {
  const unsigned b = matrix.weight_bits;
  const auto use_tile = [&](const WeightTile& tile) {
    const std::size_t first = tile.batch * 64;
    const std::size_t present = std::min<std::size_t>(64, matrix.n_inputs - first);
    for (std::size_t unit = 0; unit < tile.n_units; ++unit) {
      for (std::size_t t = 0; t < present; ++t) {
        std::int32_t u = 0;
        for (unsigned p = 0; p < b; ++p) {
          const std::uint64_t word = tile.bits[p * block_units + unit];
          u = 2 * u + static_cast<std::int32_t>((word >> t) & 1U);
        }
        use(tile.unit0 + unit, first + t, 2 * u - ((std::int32_t{1} << b) - 1));
      }
    }
  };
  for (std::size_t block = 0; block < matrix.n_blocks(); ++block) {
    generate_tiles(matrix, block, use_tile);
  }
}

}  // namespace randprop
