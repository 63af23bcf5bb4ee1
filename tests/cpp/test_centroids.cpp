#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <stdexcept>

#include "oracle.hpp"
#include "randprop/centroids.hpp"

using namespace randprop;

TEST_CASE("counts and distances equal the definition") {
  std::mt19937_64 random(8);
  oracle::at_every_level([&](const std::string& level) {
    CAPTURE(level);
    for (const std::size_t n_bits : {1U, 64U, 100U, 513U}) {
      for (const std::size_t n_classes : {1U, 3U, 8U, 9U}) {
        const BitMatrix bits = oracle::random_bits(random, 40, n_bits);
        std::vector<std::int32_t> codes(40);
        for (std::size_t s = 0; s < 40; ++s) {
          codes[s] = static_cast<std::int32_t>(s % n_classes);
        }
        std::vector<std::int64_t> counts(n_classes * n_bits), n(n_classes);
        add_class_counts(bits.view(), codes.data(), n_classes, counts.data(), n.data(), {2, {}});
        std::vector<double> distances(40 * n_classes);
        centroid_distances(bits.view(), counts.data(), n.data(), n_classes, distances.data());
        for (std::size_t c = 0; c < n_classes; ++c) {
          for (std::size_t i = 0; i < n_bits; ++i) {
            std::int64_t count = 0;
            for (std::size_t s = c; s < 40; s += n_classes) {
              count += bits.get(s, i) ? 1 : 0;
            }
            CHECK(counts[c * n_bits + i] == count);
          }
          for (std::size_t s = 0; s < 40; ++s) {
            std::int64_t numerator = 0;
            for (std::size_t i = 0; i < n_bits; ++i) {
              const std::int64_t d = (bits.get(s, i) ? n[c] : 0) - counts[c * n_bits + i];
              numerator += d * d;
            }
            CHECK(distances[s * n_classes + c] ==
                  static_cast<double>(numerator) / static_cast<double>(n[c] * n[c]));
          }
        }
      }
    }
  });
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
}

TEST_CASE("a wrong class changes nothing") {
  const BitMatrix bits(2, 2);
  const std::int32_t codes[2] = {0, 1};
  std::int64_t counts[2] = {5, 6}, n = 7;
  CHECK_THROWS_AS(add_class_counts(bits.view(), codes, 1, counts, &n), std::invalid_argument);
  CHECK(counts[0] == 5);
  CHECK(n == 7);
}
