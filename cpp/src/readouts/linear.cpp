#include "randprop/linear.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "bits/require.hpp"
#include "bits/uint128.hpp"
#include "bits/views.hpp"
#include "kernels/kernels.hpp"
#include "readouts/integer_planes.hpp"

namespace randprop {
namespace {

// Safe for the smallest number too.
std::uint64_t magnitude(std::int64_t value) {
  return value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
}

template <typename View>
void scores_any(View x, const std::int64_t* coef, const std::int64_t* bias, std::size_t n_outputs,
                std::int64_t* scores, const RunOptions& options) {
  const std::size_t n_features = n_inputs_of(x);
  constexpr bool bits = kind_of<View> == Features::bits;
  constexpr std::uint64_t limit = std::uint64_t{1} << 30;
  for (std::size_t o = 0; o < n_outputs; ++o) {
    u128 sum = 0;
    for (std::size_t i = 0; i < n_features; ++i) {
      const std::int64_t c = coef[o * n_features + i];
      if (bits && magnitude(c) >= limit) {
        throw std::invalid_argument("coef must lie between -2^30 and 2^30, got " +
                                    std::to_string(c));
      }
      sum += magnitude(c);
    }
    require(sum * (bits ? 1 : 255) + magnitude(bias[o]) <=
                u128_of(std::numeric_limits<std::int64_t>::max()),
            "coef and bias are too large: scores of output " + std::to_string(o) +
                " could leave 64 bits");
  }
  // Planes hold what is not negative; the shift comes back as often as features say. All of it runs
  // modulo 2^64, and the result fits.
  std::int64_t low = 0;
  for (std::size_t i = 0; i < n_outputs * n_features; ++i) {
    low = std::min(low, coef[i]);
  }
  std::vector<std::int64_t> shifted(n_outputs * n_features);
  for (std::size_t i = 0; i < shifted.size(); ++i) {
    shifted[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(coef[i]) -
                                           static_cast<std::uint64_t>(low));
  }
  const kernels::Kernels& k = kernels::active();
  const IntegerPlanes planes(shifted.data(), n_outputs, n_features);
  planes.for_each_row(x, options, [&](std::size_t row, const std::int64_t* sums) {
    const std::uint64_t shift = static_cast<std::uint64_t>(low) * sum_of_row(x, row, k);
    for (std::size_t o = 0; o < n_outputs; ++o) {
      scores[row * n_outputs + o] = static_cast<std::int64_t>(
          static_cast<std::uint64_t>(sums[o]) + shift + static_cast<std::uint64_t>(bias[o]));
    }
  });
}

// Rows that are turned to numbers at a time: 512 KB of 1,024 features.
constexpr std::size_t score_bytes = std::size_t{1} << 19;

void as_numbers(const ByteView& x, std::size_t row, double* out, std::vector<std::uint8_t>&) {
  for (std::size_t i = 0; i < x.n_features; ++i) {
    out[i] = x.row(row)[i];
  }
}

void as_numbers(const BitView& x, std::size_t row, double* out, std::vector<std::uint8_t>& bytes) {
  bytes.resize(64 * x.n_words());
  kernels::active().unpack_bits(x.row(row), x.n_words(), bytes.data());
  for (std::size_t i = 0; i < x.n_bits; ++i) {
    out[i] = bytes[i];
  }
}

template <typename View>
void scores_any(View x, const double* coef, const double* bias, std::size_t n_outputs,
                double* scores, const RunOptions& options) {
  constexpr std::size_t together = kernels::kScoreOutputs;
  const std::size_t n_features = n_inputs_of(x);
  const std::size_t n = round_up(n_features, kernels::kScoreLanes);
  std::vector<double> table(round_up(n_outputs, together) * n, 0.0);
  for (std::size_t o = 0; o < n_outputs; ++o) {
    std::copy_n(coef + o * n_features, n_features, table.data() + o * n);
  }
  const std::size_t rows =
      std::clamp<std::size_t>(score_bytes / (8 * std::max<std::size_t>(1, n)), 1, 256);
  const kernels::Kernels& k = kernels::active();
  struct Scratch {
    std::vector<double> numbers, sums;
    std::vector<std::uint8_t> bytes;
  };
  parallel_chunks((x.n_samples + rows - 1) / rows, options,
                  [&] {
                    return Scratch{std::vector<double>(rows * n, 0.0),
                                   std::vector<double>(rows * together),
                                   {}};
                  },
                  [&](std::size_t chunk, Scratch& scratch) {
                    const std::size_t first = chunk * rows;
                    const std::size_t n_rows = std::min(rows, x.n_samples - first);
                    for (std::size_t r = 0; r < n_rows; ++r) {
                      as_numbers(x, first + r, scratch.numbers.data() + r * n, scratch.bytes);
                    }
                    for (std::size_t o = 0; o < n_outputs; o += together) {
                      k.score_rows(scratch.numbers.data(), n_rows, table.data() + o * n, n,
                                   scratch.sums.data(), together);
                      for (std::size_t r = 0; r < n_rows; ++r) {
                        for (std::size_t i = 0; i < together && o + i < n_outputs; ++i) {
                          scores[(first + r) * n_outputs + o + i] =
                              scratch.sums[r * together + i] + bias[o + i];
                        }
                      }
                    }
                    poll_interrupt();
                  });
}

}  // namespace

void linear_scores(BitView x, const double* coef, const double* bias, std::size_t n_outputs,
                   double* scores, const RunOptions& options) {
  scores_any(x, coef, bias, n_outputs, scores, options);
}

void linear_scores(ByteView x, const double* coef, const double* bias, std::size_t n_outputs,
                   double* scores, const RunOptions& options) {
  scores_any(x, coef, bias, n_outputs, scores, options);
}

void linear_scores(BitView x, const std::int64_t* coef, const std::int64_t* bias,
                   std::size_t n_outputs, std::int64_t* scores, const RunOptions& options) {
  scores_any(x, coef, bias, n_outputs, scores, options);
}

void linear_scores(ByteView x, const std::int64_t* coef, const std::int64_t* bias,
                   std::size_t n_outputs, std::int64_t* scores, const RunOptions& options) {
  scores_any(x, coef, bias, n_outputs, scores, options);
}

}  // namespace randprop
