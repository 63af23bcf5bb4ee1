#include "weights/random_weights.hpp"

#include "kernels/kernels.hpp"
#include "randprop/bit_matrix.hpp"
#include "randprop/threads.hpp"

namespace randprop {

void generate_tiles(const RandomMatrix& matrix, std::size_t unit_block,
                    const std::function<void(const WeightTile&)>& use) {
  constexpr unsigned max_weight_bits = 24;
  const kernels::Kernels& k = kernels::active();
  const auto key0 = static_cast<std::uint32_t>(matrix.seed);
  const auto key1 = static_cast<std::uint32_t>(matrix.seed >> 32);
  alignas(64) std::uint32_t random[4 * kernels::kBatchInputs];
  alignas(64) std::uint64_t bits[max_weight_bits * block_units];
  WeightTile tile;
  tile.unit0 = unit_block * block_units;
  tile.n_units = std::min(block_units, matrix.n_units - tile.unit0);
  tile.bits = bits;
  for (tile.batch = 0; tile.batch < words_for_bits(matrix.n_inputs); ++tile.batch) {
    const std::size_t first = tile.batch * kernels::kBatchInputs;
    const std::size_t present = std::min(kernels::kBatchInputs, matrix.n_inputs - first);
    for (unsigned p = 0; p < matrix.weight_bits; ++p) {
      k.philox_batch(key0, key1, static_cast<std::uint32_t>(unit_block),
                     static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(matrix.index), p,
                     random);
      for (std::size_t half = 0; half < 2 && half * 64 < tile.n_units; ++half) {
        std::uint64_t* block = bits + p * block_units + half * 64;
        const std::uint32_t* low = random + 2 * half * kernels::kBatchInputs;
        const std::uint32_t* high = low + kernels::kBatchInputs;
        for (std::size_t i = 0; i < kernels::kBatchInputs; ++i) {
          block[i] = i < present ? low[i] | (static_cast<std::uint64_t>(high[i]) << 32) : 0;
        }
        k.transpose64(block);
      }
    }
    use(tile);
    poll_interrupt();
  }
}

}  // namespace randprop
