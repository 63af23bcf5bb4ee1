#include "randprop/centroids.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "../kernels/kernels.hpp"
#include "integer_planes.hpp"

namespace randprop {
namespace {

__extension__ using u128 = unsigned __int128;

constexpr std::size_t fit_rows = 8192;

// numerator / denominator rounded to the nearest double, ties to even. denominator > 0.
double divide_rounded(u128 numerator, u128 denominator) {
  constexpr u128 exact = u128{1} << 53;
  if (numerator < exact && denominator < exact) {
    // Both are doubles without rounding, and IEEE division rounds correctly.
    return static_cast<double>(static_cast<std::uint64_t>(numerator)) /
           static_cast<double>(static_cast<std::uint64_t>(denominator));
  }
  if (numerator == 0) return 0.0;
  // Long division to 54 or more bits of quotient, the rest folded into a sticky bit.
  u128 quotient = numerator / denominator;
  u128 rest = numerator % denominator;
  int exponent = 0;
  constexpr u128 low = u128{1} << 54;
  while (quotient < low) {
    rest <<= 1;
    quotient <<= 1;
    if (rest >= denominator) {
      rest -= denominator;
      quotient |= 1;
    }
    --exponent;
  }
  bool sticky = rest != 0;
  while (quotient >= 2 * low) {
    sticky = sticky || (quotient & 1) != 0;
    quotient >>= 1;
    ++exponent;
  }
  // 55 bits: 53 to keep, the rounding bit, and one that joins the sticky bit.
  auto bits = static_cast<std::uint64_t>(quotient);
  sticky = sticky || (bits & 1) != 0;
  const bool half = (bits & 2) != 0;
  bits >>= 2;
  if (half && (sticky || (bits & 1) != 0)) ++bits;
  return std::ldexp(static_cast<double>(bits), exponent + 2);
}

}  // namespace

void add_class_counts(BitView bits, const std::int32_t* codes, std::size_t n_classes,
                      std::int64_t* counts, std::int64_t* n_samples, const RunOptions& options) {
  for (std::size_t s = 0; s < bits.n_samples; ++s) {
    if (codes[s] < 0 || static_cast<std::size_t>(codes[s]) >= n_classes) {
      throw std::invalid_argument("codes[" + std::to_string(s) + "] must lie in [0, " +
                                  std::to_string(n_classes) + "), got " + std::to_string(codes[s]));
    }
  }
  const kernels::Kernels& k = kernels::active();
  const std::size_t padded = bits.n_words() * 64;
  // Chunks are summed into copies of their own and added under a lock: integers add exactly, so
  // the order does not matter. The copies of all threads together stay below the input's size.
  const std::size_t rows = std::max(fit_rows, 256 * n_classes);
  const std::size_t n_chunks = (bits.n_samples + rows - 1) / rows;
  std::vector<std::int64_t> total(n_classes * bits.n_bits, 0);
  std::vector<std::int64_t> total_samples(n_classes, 0);
  std::mutex mutex;
  parallel_chunks(n_chunks, options, [&](std::size_t chunk, int) {
    const std::size_t start = chunk * rows;
    const std::size_t stop = std::min(start + rows, bits.n_samples);
    std::vector<std::size_t> starts(n_classes + 1, 0);
    for (std::size_t s = start; s < stop; ++s) ++starts[static_cast<std::size_t>(codes[s]) + 1];
    for (std::size_t c = 0; c < n_classes; ++c) starts[c + 1] += starts[c];
    std::vector<const std::uint64_t*> ordered(stop - start);
    std::vector<std::size_t> next(starts.begin(), starts.end() - 1);
    for (std::size_t s = start; s < stop; ++s) {
      ordered[next[static_cast<std::size_t>(codes[s])]++] = bits.row(s);
    }
    std::vector<std::uint32_t> part(padded);
    for (std::size_t c = 0; c < n_classes; ++c) {
      const std::size_t n_rows = starts[c + 1] - starts[c];
      if (n_rows == 0) continue;
      std::fill(part.begin(), part.end(), 0U);
      k.count_columns(ordered.data() + starts[c], n_rows, bits.n_words(), part.data());
      const std::lock_guard<std::mutex> lock(mutex);
      total_samples[c] += static_cast<std::int64_t>(n_rows);
      std::int64_t* sums = total.data() + c * bits.n_bits;
      for (std::size_t i = 0; i < bits.n_bits; ++i) sums[i] += part[i];
    }
  });
  for (std::size_t c = 0; c < n_classes; ++c) n_samples[c] += total_samples[c];
  for (std::size_t i = 0; i < total.size(); ++i) counts[i] += total[i];
}

void centroid_distances(BitView bits, const std::int64_t* counts, const std::int64_t* n_samples,
                        std::size_t n_classes, double* distances, const RunOptions& options) {
  const std::size_t n_bits = bits.n_bits;
  for (std::size_t c = 0; c < n_classes; ++c) {
    const std::int64_t n = n_samples[c];
    if (n < 0 || n > max_class_samples) {
      throw std::invalid_argument("n_samples[" + std::to_string(c) +
                                  "] must lie in [0, 2^34], got " + std::to_string(n));
    }
    for (std::size_t i = 0; i < n_bits; ++i) {
      const std::int64_t count = counts[c * n_bits + i];
      if (count < 0 || count > n) {
        throw std::invalid_argument("counts[" + std::to_string(c) + ", " + std::to_string(i) +
                                    "] must lie in [0, " + std::to_string(n) + "], got " +
                                    std::to_string(count));
      }
    }
  }
  const kernels::Kernels& k = kernels::active();
  std::vector<u128> squares(n_classes, 0);
  for (std::size_t c = 0; c < n_classes; ++c) {
    for (std::size_t i = 0; i < n_bits; ++i) {
      const auto count = static_cast<u128>(counts[c * n_bits + i]);
      squares[c] += count * count;
    }
  }
  const IntegerPlanes planes(counts, n_classes, n_bits);
  planes.for_each_row(bits, options, [&](std::size_t row, const std::int64_t* sums) {
    const u128 ones = k.popcount_words(bits.row(row), bits.n_words());
    for (std::size_t c = 0; c < n_classes; ++c) {
      const auto n = static_cast<u128>(n_samples[c]);
      const auto inner = static_cast<u128>(sums[c]);
      // Not negative as a whole: sum over i of (n x_i - counts_i)^2.
      const u128 numerator = n * n * ones + squares[c] - 2 * n * inner;
      distances[row * n_classes + c] =
          n == 0 ? std::numeric_limits<double>::infinity() : divide_rounded(numerator, n * n);
    }
  });
}

}  // namespace randprop
