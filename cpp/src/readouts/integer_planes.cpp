#include "readouts/integer_planes.hpp"

#include <algorithm>

#include "bits/views.hpp"
#include "kernels/kernels.hpp"

namespace randprop {
namespace {

constexpr std::size_t block_rows = 64;
constexpr std::size_t block_sums = std::size_t{1} << 17;
// Below this many bits the start of a thread costs more than it saves.
constexpr std::size_t min_parallel_bits = std::size_t{1} << 19;

}  // namespace

IntegerPlanes::IntegerPlanes(const std::int64_t* values, std::size_t n_outputs,
                             std::size_t n_features) {
  std::int64_t largest = 1;
  for (std::size_t i = 0; i < n_outputs * n_features; ++i) {
    largest = std::max(largest, values[i]);
  }
  while ((largest >> n_planes_) != 0) {
    ++n_planes_;
  }
  n_groups_ = (n_outputs + kernels::kGroupUnits - 1) / kernels::kGroupUnits;
  const std::size_t n_words = words_for_bits(n_features);
  planes_ = AlignedArray<std::uint64_t>(n_groups_ * n_planes_ * n_words * kernels::kGroupUnits);
  planes_.fill_zero();
  for (std::size_t output = 0; output < n_outputs; ++output) {
    std::uint64_t* group =
        planes_.data() +
        output / kernels::kGroupUnits * n_planes_ * n_words * kernels::kGroupUnits +
        output % kernels::kGroupUnits;
    for (std::size_t i = 0; i < n_features; ++i) {
      auto value = static_cast<std::uint64_t>(values[output * n_features + i]);
      for (unsigned p = n_planes_; p-- > 0; value >>= 1) {
        group[(p * n_words + i / 64) * kernels::kGroupUnits] |= (value & 1U) << (i % 64);
      }
    }
  }
}

template <typename View>
void IntegerPlanes::for_each_row_any(View x, const RunOptions& options, const Use& use) const {
  if (n_groups_ == 0 || x.n_samples == 0) {
    return;
  }
  const kernels::Kernels& k = kernels::active();
  const std::size_t stride = n_groups_ * kernels::kGroupUnits;
  const std::size_t rows = std::clamp<std::size_t>(block_sums / stride, 1, block_rows);
  RunOptions run = options;
  constexpr unsigned n_x_planes = kind_of<View> == Features::bytes ? 8 : 1;
  if (x.n_samples * n_inputs_of(x) * n_x_planes < min_parallel_bits) {
    run.n_threads = 1;
  }
  kernels::PopcountBlock job;
  job.n_words = words_for_bits(n_inputs_of(x));
  job.x_stride = n_x_planes * job.n_words;
  job.n_x_planes = n_x_planes;
  job.planes = planes_.data();
  job.n_planes = n_planes_;
  job.n_groups = n_groups_;
  struct Scratch {
    AlignedArray<std::int64_t> sums;
    AlignedArray<std::uint64_t> slices;
  };
  const auto make_scratch = [&] {
    return Scratch{AlignedArray<std::int64_t>(rows * stride),
                   AlignedArray<std::uint64_t>(n_x_planes == 1 ? 0 : rows * job.x_stride)};
  };
  parallel_chunks((x.n_samples + rows - 1) / rows, run, make_scratch,
                  [&](std::size_t chunk, Scratch& scratch) {
                    const std::size_t start = chunk * rows;
                    kernels::PopcountBlock block = job;
                    block.n_rows = std::min(rows, x.n_samples - start);
                    if constexpr (kind_of<View> == Features::bytes) {
                      for (std::size_t r = 0; r < block.n_rows; ++r) {
                        k.slice_bytes(x.row(start + r), x.n_features,
                                      scratch.slices.data() + r * block.x_stride, block.n_words);
                      }
                      block.x = scratch.slices.data();
                    } else {
                      block.x = x.row(start);
                    }
                    k.popcount_sums(block, scratch.sums.data(), stride);
                    for (std::size_t r = 0; r < block.n_rows; ++r) {
                      use(start + r, scratch.sums.data() + r * stride);
                    }
                  });
}

void IntegerPlanes::for_each_row(BitView x, const RunOptions& options, const Use& use) const {
  for_each_row_any(x, options, use);
}

void IntegerPlanes::for_each_row(ByteView x, const RunOptions& options, const Use& use) const {
  for_each_row_any(x, options, use);
}

}  // namespace randprop
