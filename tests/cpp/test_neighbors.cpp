#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "oracle.hpp"
#include "randprop/neighbors.hpp"

using namespace randprop;

namespace {

template <typename View, typename Find>
void check_neighbors(const View& train, const View& queries, std::size_t n_features, std::size_t k,
                     const Find& find) {
  std::vector<std::int64_t> distances(queries.n_samples * k), indices(queries.n_samples * k);
  find(train, queries, k, distances.data(), indices.data(), RunOptions{2, {}});
  std::size_t wrong = 0;
  for (std::size_t q = 0; q < queries.n_samples; ++q) {
    std::vector<std::pair<std::int64_t, std::int64_t>> all;
    for (std::size_t t = 0; t < train.n_samples; ++t) {
      std::int64_t distance = 0;
      for (std::size_t i = 0; i < n_features; ++i) {
        distance += std::abs(oracle::value_at(queries, q, i) - oracle::value_at(train, t, i));
      }
      all.emplace_back(distance, static_cast<std::int64_t>(t));
    }
    std::sort(all.begin(), all.end());
    for (std::size_t j = 0; j < k; ++j) {
      wrong += distances[q * k + j] != all[j].first || indices[q * k + j] != all[j].second;
    }
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("neighbours equal a full sort, ties to the lowest index") {
  std::mt19937_64 random(9);
  for (const std::size_t n : {1U, 6U, 64U, 130U}) {
    for (const std::size_t n_train : {1U, 70U, 1300U}) {
      const BitMatrix train = oracle::random_bits(random, n_train, n);
      const BitMatrix queries = oracle::random_bits(random, 21, n);
      const oracle::Bytes byte_train(random, n_train, n);
      const oracle::Bytes byte_queries(random, 21, n);
      const oracle::Bytes far(random, 21, n, 255), near(random, n_train, n, 0);
      oracle::at_every_level([&](const std::string& level) {
        CAPTURE(level);
        for (const std::size_t wanted : {1U, 5U, 70U}) {
          const std::size_t k = std::min(wanted, n_train);
          check_neighbors(train.view(), queries.view(), n, k, hamming_neighbors);
          check_neighbors(byte_train.view, byte_queries.view, n, k, byte_neighbors);
          check_neighbors(near.view, far.view, n, k, byte_neighbors);  // ties alone
        }
      });
    }
  }
}

TEST_CASE("wrong arguments are refused") {
  const BitMatrix a(3, 10), b(3, 11);
  std::int64_t out[9];
  CHECK_THROWS_AS(hamming_neighbors(a.view(), b.view(), 1, out, out), std::invalid_argument);
  CHECK_THROWS_AS(hamming_neighbors(a.view(), a.view(), 0, out, out), std::invalid_argument);
  CHECK_THROWS_AS(hamming_neighbors(a.view(), a.view(), 4, out, out), std::invalid_argument);
  const std::uint8_t bytes[33] = {};
  const ByteView x{bytes, 3, 10}, y{bytes, 3, 11};
  CHECK_THROWS_AS(byte_neighbors(x, y, 1, out, out), std::invalid_argument);
  CHECK_THROWS_AS(byte_neighbors(x, x, 0, out, out), std::invalid_argument);
  CHECK_THROWS_AS(byte_neighbors(x, x, 4, out, out), std::invalid_argument);
}
