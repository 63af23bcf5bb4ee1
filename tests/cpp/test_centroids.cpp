#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <vector>

#include "bits/uint128.hpp"
#include "oracle.hpp"
#include "randprop/centroids.hpp"

using namespace randprop;

namespace {

// A double's distance from top / bottom is not larger than that of its neighbours: compared in
// integers, as |found * 2^k * bottom - top * 2^k|, with numbers that leave room for it.
bool is_nearest(double found, u128 top, u128 bottom) {
  if (top < (u128{1} << 53) && bottom < (u128{1} << 53)) {
    return found == static_cast<double>(static_cast<std::uint64_t>(top)) /
                        static_cast<double>(static_cast<std::uint64_t>(bottom));
  }
  int exponent = 0;
  const auto digits = static_cast<std::uint64_t>(std::ldexp(std::frexp(found, &exponent), 53));
  exponent -= 53;  // found = digits * 2^exponent
  // |digits * 2^exponent - top / bottom| <= 2^exponent / 2, a tie only with even digits.
  const u128 unit = exponent < 0 ? bottom : bottom << exponent;
  const u128 scaled = exponent < 0 ? top << -exponent : top;
  const u128 rounded = digits * unit;
  const u128 twice = 2 * (scaled < rounded ? rounded - scaled : scaled - rounded);
  return twice < unit || (twice == unit && digits % 2 == 0);
}

template <typename View>
void check_distances(const View& x, std::size_t n_features, const std::vector<std::int64_t>& counts,
                     const std::vector<std::int64_t>& n) {
  const std::size_t n_classes = n.size();
  std::vector<double> distances(x.n_samples * n_classes);
  centroid_distances(x, counts.data(), n.data(), n_classes, distances.data(), {2, {}});
  std::size_t wrong = 0;
  for (std::size_t s = 0; s < x.n_samples; ++s) {
    for (std::size_t c = 0; c < n_classes; ++c) {
      const double found = distances[s * n_classes + c];
      u128 numerator = 0;
      for (std::size_t i = 0; i < n_features; ++i) {
        const std::int64_t d = oracle::value_at(x, s, i) * n[c] - counts[c * n_features + i];
        numerator += u128_of(std::abs(d)) * u128_of(std::abs(d));
      }
      wrong += n[c] == 0 ? !(std::isinf(found) && found > 0)
                         : !is_nearest(found, numerator, u128_of(n[c]) * u128_of(n[c]));
    }
  }
  CHECK(wrong == 0);
}

template <typename View>
void check_counts(const View& x, std::size_t n_features, std::size_t n_classes) {
  // The last of three or more classes has no samples.
  const std::size_t used = n_classes < 3 ? n_classes : n_classes - 1;
  std::vector<std::int32_t> codes(x.n_samples);
  std::vector<std::int64_t> counts(n_classes * n_features, 1), n(n_classes, 1);
  std::vector<std::int64_t> expected = counts, expected_n = n;
  for (std::size_t s = 0; s < x.n_samples; ++s) {
    codes[s] = static_cast<std::int32_t>(s % used);
    ++expected_n[s % used];
    for (std::size_t i = 0; i < n_features; ++i) {
      expected[s % used * n_features + i] += oracle::value_at(x, s, i);
    }
  }
  add_class_counts(x, codes.data(), n_classes, counts.data(), n.data(), {2, {}});
  CHECK(counts == expected);
  CHECK(n == expected_n);
  for (std::int64_t& count : counts) {
    --count;
  }
  for (std::int64_t& samples : n) {
    --samples;
  }
  check_distances(x, n_features, counts, n);
}

}  // namespace

TEST_CASE("counts and distances equal the definition") {
  std::mt19937_64 random(8);
  for (const std::size_t n_features : {1U, 64U, 100U, 513U}) {
    const BitMatrix bits = oracle::random_bits(random, 40, n_features);
    const oracle::Bytes bytes(random, 40, n_features);
    const oracle::Bytes full(random, 40, n_features, 255);
    oracle::at_every_level([&](const std::string& level) {
      CAPTURE(level);
      for (const std::size_t n_classes : {1U, 3U, 8U, 9U}) {
        check_counts(bits.view(), n_features, n_classes);
        check_counts(bytes.view, n_features, n_classes);
        check_counts(full.view, n_features, n_classes);
      }
    });
  }
}

TEST_CASE("more samples than a chunk") {
  std::mt19937_64 random(13);
  check_counts(oracle::Bytes(random, 9000, 3).view, 3, 2);
  check_counts(oracle::random_bits(random, 9000, 3).view(), 3, 2);
}

TEST_CASE("distances of bytes where sums pass 2^63") {
  std::mt19937_64 random(14);
  for (const std::size_t n_features : {1U, 100U, 40000U}) {
    // 2^34 samples, and one class of some hundreds among them: an output each, split or not.
    const std::vector<std::int64_t> n = {max_class_samples, 300, max_class_samples - 1, 0};
    std::vector<std::int64_t> counts(n.size() * n_features, 0);
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t i = 0; i < n_features; ++i) {
        counts[c * n_features + i] =
            c == 0
                ? 255 * n[c]
                : static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(255 * n[c] + 1));
      }
    }
    const oracle::Bytes bytes(random, 3, n_features), full(random, 2, n_features, 255);
    oracle::at_every_level([&](const std::string& level) {
      CAPTURE(level);
      CAPTURE(n_features);
      check_distances(bytes.view, n_features, counts, n);
      check_distances(full.view, n_features, counts, n);
    });
  }
}

TEST_CASE("an empty class is infinitely far, an impossible one refused") {
  const BitMatrix bits(1, 2);
  std::vector<std::int64_t> counts = {0, 0, 1, 1};
  std::vector<std::int64_t> n = {0, 2};
  std::vector<double> distances(2);
  centroid_distances(bits.view(), counts.data(), n.data(), 2, distances.data());
  CHECK(std::isinf(distances[0]));
  CHECK(distances[1] == 0.5);
  counts[2] = 3;
  CHECK_THROWS_AS(centroid_distances(bits.view(), counts.data(), n.data(), 2, distances.data()),
                  std::invalid_argument);
  // A sum of two bytes is at most 510.
  const std::uint8_t x[2] = {0, 0};
  counts[2] = 510;
  CHECK_NOTHROW(
      centroid_distances(ByteView{x, 1, 2}, counts.data(), n.data(), 2, distances.data()));
  counts[2] = 511;
  CHECK_THROWS_WITH_AS(
      centroid_distances(ByteView{x, 1, 2}, counts.data(), n.data(), 2, distances.data()),
      "counts[1, 0] must lie in [0, 510], got 511", std::invalid_argument);
}

TEST_CASE("a wrong class changes nothing") {
  const BitMatrix bits(2, 2);
  const std::int32_t codes[2] = {0, 1};
  std::int64_t counts[2] = {5, 6}, n = 7;
  CHECK_THROWS_AS(add_class_counts(bits.view(), codes, 1, counts, &n), std::invalid_argument);
  CHECK(counts[0] == 5);
  CHECK(n == 7);
}
