#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <stdexcept>

#include "oracle.hpp"
#include "randprop/neighbors.hpp"

using namespace randprop;

TEST_CASE("neighbours equal a full sort, ties to the lowest index") {
  std::mt19937_64 random(9);
  oracle::at_every_level([&](const std::string& level) {
    CAPTURE(level);
    for (const std::size_t n_bits : {1U, 6U, 64U, 130U}) {
      for (const std::size_t n_train : {1U, 70U, 1300U}) {
        const BitMatrix train = oracle::random_bits(random, n_train, n_bits);
        const BitMatrix queries = oracle::random_bits(random, 21, n_bits);
        for (const std::size_t wanted : {1U, 5U, 70U}) {
          const std::size_t k = std::min(wanted, n_train);
          std::vector<std::int64_t> distances(21 * k), indices(21 * k);
          hamming_neighbors(train.view(), queries.view(), k, distances.data(), indices.data(),
                            {2, {}});
          for (std::size_t q = 0; q < 21; ++q) {
            std::vector<std::pair<std::int64_t, std::int64_t>> all;
            for (std::size_t t = 0; t < n_train; ++t) {
              std::int64_t distance = 0;
              for (std::size_t i = 0; i < n_bits; ++i) {
                distance += queries.get(q, i) != train.get(t, i) ? 1 : 0;
              }
              all.emplace_back(distance, static_cast<std::int64_t>(t));
            }
            std::sort(all.begin(), all.end());
            for (std::size_t j = 0; j < k; ++j) {
              CHECK(distances[q * k + j] == all[j].first);
              CHECK(indices[q * k + j] == all[j].second);
            }
          }
        }
      }
    }
  });
}

TEST_CASE("wrong arguments are refused") {
  const BitMatrix a(3, 10), b(3, 11);
  std::int64_t out[9];
  CHECK_THROWS_AS(hamming_neighbors(a.view(), b.view(), 1, out, out), std::invalid_argument);
  CHECK_THROWS_AS(hamming_neighbors(a.view(), a.view(), 0, out, out), std::invalid_argument);
  CHECK_THROWS_AS(hamming_neighbors(a.view(), a.view(), 4, out, out), std::invalid_argument);
}
