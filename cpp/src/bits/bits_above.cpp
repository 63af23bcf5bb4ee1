// Bytes as bits, and which of them change: what is asked of features on their way in and out.
#include <algorithm>
#include <mutex>
#include <vector>

#include "kernels/kernels.hpp"
#include "randprop/bit_matrix.hpp"
#include "randprop/threads.hpp"

namespace randprop {
namespace {

constexpr std::size_t chunk_bytes = std::size_t{1} << 20;

std::size_t rows_of(const ByteView& x) {
  return std::max<std::size_t>(1, chunk_bytes / std::max<std::size_t>(1, x.n_features));
}

}  // namespace

BitMatrix bits_above(ByteView x, std::uint8_t level, const RunOptions& options) {
  BitMatrix out = BitMatrix::uninitialized(x.n_samples, x.n_features);
  const std::size_t rows = rows_of(x);
  const kernels::Kernels& k = kernels::active();
  parallel_chunks((x.n_samples + rows - 1) / rows, options, [&](std::size_t chunk, int) {
    for (std::size_t s = chunk * rows; s < std::min(x.n_samples, (chunk + 1) * rows); ++s) {
      k.bits_above(x.row(s), x.n_features, level, out.row(s));
    }
  });
  return out;
}

void count_changed(ByteView x, const std::uint8_t* first, std::int64_t* counts,
                   const RunOptions& options) {
  const std::size_t rows = rows_of(x);
  const kernels::Kernels& k = kernels::active();
  std::mutex merging;
  parallel_chunks((x.n_samples + rows - 1) / rows, options, [&](std::size_t chunk, int) {
    std::vector<const std::uint8_t*> part;
    for (std::size_t s = chunk * rows; s < std::min(x.n_samples, (chunk + 1) * rows); ++s) {
      part.push_back(x.row(s));
    }
    std::vector<std::uint32_t> found(x.n_features, 0);
    k.count_changed(part.data(), part.size(), x.n_features, first, found.data());
    const std::lock_guard<std::mutex> lock(merging);
    for (std::size_t i = 0; i < x.n_features; ++i) {
      counts[i] += found[i];
    }
  });
}

}  // namespace randprop
