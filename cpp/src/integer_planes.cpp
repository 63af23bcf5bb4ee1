#include "integer_planes.hpp"

#include <algorithm>
#include <vector>

#include "../kernels/kernels.hpp"

namespace randprop {
namespace {

constexpr std::size_t block_rows = 64;
constexpr std::size_t block_sums = std::size_t{1} << 17;
// Below this many bits the start of a thread costs more than it saves.
constexpr std::size_t min_parallel_bits = std::size_t{1} << 19;

}  // namespace

IntegerPlanes::IntegerPlanes(const std::int64_t* values, std::size_t n_outputs,
                             std::size_t n_bits) {
  std::int64_t largest = 1;
  for (std::size_t i = 0; i < n_outputs * n_bits; ++i) largest = std::max(largest, values[i]);
  while ((largest >> n_planes_) != 0) ++n_planes_;
  n_groups_ = (n_outputs + kernels::kGroupUnits - 1) / kernels::kGroupUnits;
  const std::size_t n_words = words_for_bits(n_bits);
  planes_ = AlignedArray<std::uint64_t>(n_groups_ * n_planes_ * n_words * kernels::kGroupUnits);
  planes_.fill_zero();
  for (std::size_t output = 0; output < n_outputs; ++output) {
    std::uint64_t* group =
        planes_.data() +
        output / kernels::kGroupUnits * n_planes_ * n_words * kernels::kGroupUnits +
        output % kernels::kGroupUnits;
    for (std::size_t i = 0; i < n_bits; ++i) {
      auto value = static_cast<std::uint64_t>(values[output * n_bits + i]);
      for (unsigned p = n_planes_; p-- > 0; value >>= 1) {
        group[(p * n_words + i / 64) * kernels::kGroupUnits] |= (value & 1U) << (i % 64);
      }
    }
  }
}

void IntegerPlanes::for_each_row(
    BitView bits, const RunOptions& options,
    const std::function<void(std::size_t row, const std::int64_t* sums)>& use) const {
  if (n_groups_ == 0 || bits.n_samples == 0) return;
  const kernels::Kernels& k = kernels::active();
  const std::size_t stride = n_groups_ * kernels::kGroupUnits;
  const std::size_t rows = std::clamp<std::size_t>(block_sums / stride, 1, block_rows);
  const std::size_t n_chunks = (bits.n_samples + rows - 1) / rows;
  RunOptions run = options;
  if (bits.n_samples * bits.n_bits < min_parallel_bits) run.n_threads = 1;
  std::vector<AlignedArray<std::int64_t>> scratch;
  const int n_workers = worker_count(n_chunks, run);
  scratch.reserve(static_cast<std::size_t>(n_workers));
  for (int worker = 0; worker < n_workers; ++worker) scratch.emplace_back(rows * stride);
  parallel_chunks(n_chunks, run, [&](std::size_t chunk, int worker) {
    std::int64_t* sums = scratch[static_cast<std::size_t>(worker)].data();
    const std::size_t start = chunk * rows;
    kernels::PopcountBlock job;
    job.x = bits.row(start);
    job.x_stride = job.n_words = bits.n_words();
    job.n_rows = std::min(rows, bits.n_samples - start);
    job.n_x_planes = 1;
    job.planes = planes_.data();
    job.n_planes = n_planes_;
    job.n_groups = n_groups_;
    k.popcount_sums(job, sums, stride);
    for (std::size_t r = 0; r < job.n_rows; ++r) use(start + r, sums + r * stride);
  });
}

}  // namespace randprop
