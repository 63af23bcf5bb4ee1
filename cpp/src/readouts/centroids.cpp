#include "randprop/centroids.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "bits/require.hpp"
#include "bits/uint128.hpp"
#include "bits/views.hpp"
#include "kernels/kernels.hpp"
#include "readouts/integer_planes.hpp"

namespace randprop {
namespace {

constexpr std::size_t fit_rows = 8192;

// numerator / denominator rounded to the nearest double, ties to even. denominator > 0.
double divide_rounded(u128 numerator, u128 denominator) {
  constexpr u128 exact = u128{1} << 53;
  if (numerator < exact && denominator < exact) {
    // Both are doubles without rounding, and IEEE division rounds correctly.
    return static_cast<double>(static_cast<std::uint64_t>(numerator)) /
           static_cast<double>(static_cast<std::uint64_t>(denominator));
  }
  if (numerator == 0) {
    return 0.0;
  }
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
  if (half && (sticky || (bits & 1) != 0)) {
    ++bits;
  }
  return std::ldexp(static_cast<double>(bits), exponent + 2);
}

// What rows are made of, and the kernel that adds their columns.
std::size_t row_elements(const BitView& x) { return x.n_words(); }
std::size_t row_elements(const ByteView& x) { return x.n_features; }
std::size_t padded_columns(const BitView& x) { return 64 * x.n_words(); }
std::size_t padded_columns(const ByteView& x) { return x.n_features; }
decltype(kernels::Kernels::count_columns) add_columns(const kernels::Kernels& k, const BitView&) {
  return k.count_columns;
}
decltype(kernels::Kernels::sum_columns) add_columns(const kernels::Kernels& k, const ByteView&) {
  return k.sum_columns;
}

// A copy of the codes, checked: a caller's array may change once it was looked at.
std::vector<std::int32_t> checked_codes(const std::int32_t* given, std::size_t n_samples,
                                        std::size_t n_classes) {
  std::vector<std::int32_t> codes(given, given + n_samples);
  for (std::size_t s = 0; s < n_samples; ++s) {
    if (codes[s] < 0 || static_cast<std::size_t>(codes[s]) >= n_classes) {
      throw std::invalid_argument("codes[" + std::to_string(s) + "] must lie in [0, " +
                                  std::to_string(n_classes) + "), got " + std::to_string(codes[s]));
    }
  }
  return codes;
}

// A sum that a caller keeps, and what is to be added to it: refused unless it stays in [0, most].
void check_sum(const char* name, std::int64_t kept, std::int64_t added, std::int64_t most) {
  if (kept < 0 || kept > most - added) {
    throw std::invalid_argument(std::string(name) + " must lie in [0, " + std::to_string(most) +
                                "], and " + std::to_string(added) + " more fit them, got " +
                                std::to_string(kept));
  }
}

template <typename View>
void add_any(View x, const std::int32_t* given_codes, std::size_t n_classes, std::int64_t* counts,
             std::int64_t* n_samples, const RunOptions& options) {
  const std::vector<std::int32_t> codes = checked_codes(given_codes, x.n_samples, n_classes);
  const auto add = add_columns(kernels::active(), x);
  const std::size_t n_features = n_inputs_of(x);
  // Chunks are summed into copies of their own and added under a lock: integers add exactly, so
  // the order does not matter. The copies of all threads together stay below the input's size.
  const std::size_t rows = std::min(std::max(fit_rows, 256 * n_classes), kernels::kMaxByteRows);
  const std::size_t n_chunks = (x.n_samples + rows - 1) / rows;
  std::vector<std::int64_t> total(n_classes * n_features, 0);
  std::vector<std::int64_t> total_samples(n_classes, 0);
  std::mutex mutex;
  parallel_chunks(n_chunks, options, [&](std::size_t chunk, int) {
    const std::size_t start = chunk * rows;
    const std::size_t stop = std::min(start + rows, x.n_samples);
    std::vector<std::size_t> starts(n_classes + 1, 0);
    for (std::size_t s = start; s < stop; ++s) {
      ++starts[static_cast<std::size_t>(codes[s]) + 1];
    }
    for (std::size_t c = 0; c < n_classes; ++c) {
      starts[c + 1] += starts[c];
    }
    std::vector<decltype(x.row(0))> ordered(stop - start);
    std::vector<std::size_t> next(starts.begin(), starts.end() - 1);
    for (std::size_t s = start; s < stop; ++s) {
      ordered[next[static_cast<std::size_t>(codes[s])]++] = x.row(s);
    }
    std::vector<std::uint32_t> part(padded_columns(x));
    for (std::size_t c = 0; c < n_classes; ++c) {
      const std::size_t n_rows = starts[c + 1] - starts[c];
      if (n_rows == 0) {
        continue;
      }
      std::fill(part.begin(), part.end(), 0U);
      add(ordered.data() + starts[c], n_rows, row_elements(x), part.data());
      const std::lock_guard<std::mutex> lock(mutex);
      total_samples[c] += static_cast<std::int64_t>(n_rows);
      std::int64_t* sums = total.data() + c * n_features;
      for (std::size_t i = 0; i < n_features; ++i) {
        sums[i] += part[i];
      }
    }
  });
  constexpr std::int64_t most = kind_of<View> == Features::bytes ? 255 : 1;
  for (std::size_t c = 0; c < n_classes; ++c) {
    check_sum("n_samples", n_samples[c], total_samples[c], max_class_samples);
  }
  for (std::size_t i = 0; i < total.size(); ++i) {
    check_sum("counts", counts[i], total[i], most * max_class_samples);
  }
  for (std::size_t c = 0; c < n_classes; ++c) {
    n_samples[c] += total_samples[c];
  }
  for (std::size_t i = 0; i < total.size(); ++i) {
    counts[i] += total[i];
  }
}

// Counts of the planes: where sums of them could leave 64 bits, each is split into its low bits and
// the rest, an output for either. 255 (2^21 - 1) max_byte_features is below 2^63.
constexpr unsigned low_bits = 21;

std::vector<std::int64_t> split(const std::int64_t* counts, std::size_t size) {
  std::vector<std::int64_t> parts(2 * size);
  for (std::size_t i = 0; i < size; ++i) {
    parts[i] = counts[i] & ((std::int64_t{1} << low_bits) - 1);
    parts[size + i] = counts[i] >> low_bits;
  }
  return parts;
}

template <typename View>
void distances_any(View x, const std::int64_t* counts, const std::int64_t* given_samples,
                   std::size_t n_classes, double* distances, const RunOptions& options) {
  // Copied: a number that turned 0 after the check would be divided by.
  const std::vector<std::int64_t> n_samples(given_samples, given_samples + n_classes);
  const std::size_t n_features = n_inputs_of(x);
  constexpr std::int64_t most = kind_of<View> == Features::bytes ? 255 : 1;
  require(kind_of<View> == Features::bits || n_features <= max_byte_features,
          "rows must have at most 2^34 bytes, got " + std::to_string(n_features));
  std::vector<u128> squares(n_classes, 0);
  bool is_wide = false;
  for (std::size_t c = 0; c < n_classes; ++c) {
    const std::int64_t n = n_samples[c];
    require(n >= 0 && n <= max_class_samples,
            "n_samples[" + std::to_string(c) + "] must lie in [0, 2^34], got " + std::to_string(n));
    u128 sum = 0;
    for (std::size_t i = 0; i < n_features; ++i) {
      const std::int64_t count = counts[c * n_features + i];
      if (count < 0 || count > most * n) {
        throw std::invalid_argument("counts[" + std::to_string(c) + ", " + std::to_string(i) +
                                    "] must lie in [0, " + std::to_string(most * n) + "], got " +
                                    std::to_string(count));
      }
      sum += u128_of(count);
      squares[c] += u128_of(count) * u128_of(count);
    }
    is_wide = is_wide || ((sum * most) >> 63) != 0;
  }
  const kernels::Kernels& k = kernels::active();
  const IntegerPlanes planes = is_wide ? IntegerPlanes(split(counts, n_classes * n_features).data(),
                                                       2 * n_classes, n_features)
                                       : IntegerPlanes(counts, n_classes, n_features);
  planes.for_each_row(x, options, [&](std::size_t row, const std::int64_t* sums) {
    const u128 x_squares = squares_of_row(x, row, k);
    for (std::size_t c = 0; c < n_classes; ++c) {
      const u128 n = u128_of(n_samples[c]);
      u128 inner = u128_of(sums[c]);
      if (is_wide) {
        inner += u128_of(sums[n_classes + c]) << low_bits;
      }
      // Not negative as a whole: sum over i of (n x_i - counts_i)^2.
      const u128 numerator = n * n * x_squares + squares[c] - 2 * n * inner;
      distances[row * n_classes + c] =
          n == 0 ? std::numeric_limits<double>::infinity() : divide_rounded(numerator, n * n);
    }
  });
}

}  // namespace

void add_class_counts(BitView x, const std::int32_t* codes, std::size_t n_classes,
                      std::int64_t* counts, std::int64_t* n_samples, const RunOptions& options) {
  add_any(x, codes, n_classes, counts, n_samples, options);
}

void add_class_counts(ByteView x, const std::int32_t* codes, std::size_t n_classes,
                      std::int64_t* counts, std::int64_t* n_samples, const RunOptions& options) {
  add_any(x, codes, n_classes, counts, n_samples, options);
}

void centroid_distances(BitView x, const std::int64_t* counts, const std::int64_t* n_samples,
                        std::size_t n_classes, double* distances, const RunOptions& options) {
  distances_any(x, counts, n_samples, n_classes, distances, options);
}

void centroid_distances(ByteView x, const std::int64_t* counts, const std::int64_t* n_samples,
                        std::size_t n_classes, double* distances, const RunOptions& options) {
  distances_any(x, counts, n_samples, n_classes, distances, options);
}

}  // namespace randprop
