#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "oracle.hpp"
#include "randprop/gram.hpp"

using namespace randprop;

namespace {

template <typename View>
void check_gram(const View& x, std::size_t n) {
  std::vector<std::int64_t> expected(n * n, 7);
  for (std::size_t s = 0; s < x.n_samples; ++s) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::int64_t value = oracle::value_at(x, s, i);
      for (std::size_t j = 0; value != 0 && j < n; ++j) {
        expected[i * n + j] += value * oracle::value_at(x, s, j);
      }
    }
  }
  oracle::at_every_level([&](const std::string& level) {
    CAPTURE(level);
    CAPTURE(n);
    CAPTURE(x.n_samples);
    for (const int threads : {1, 3}) {
      std::vector<std::int64_t> gram(n * n, 7);
      add_gram(x, gram.data(), {threads, nullptr});
      CHECK(gram == expected);
    }
  });
}

}  // namespace

TEST_CASE("Gram matrices equal sums of products, and add") {
  std::mt19937_64 random(31);
  for (const std::size_t n : {1U, 63U, 65U, 150U}) {
    for (const std::size_t n_samples : {0U, 1U, 64U, 1985U, 4097U}) {
      check_gram(oracle::random_bits(random, n_samples, n).view(), n);
      check_gram(oracle::Bytes(random, n_samples, n).view, n);
    }
  }
}

TEST_CASE("Gram matrices of more samples than 32-bit sums hold, at both ends of the range") {
  std::mt19937_64 random(33);
  for (const int value : {255, 0, 128}) {
    check_gram(oracle::Bytes(random, 66000, 3, value).view, 3);
  }
  // One side full, the other empty: the most negative sum.
  oracle::Bytes halves(random, 66000, 2, 255);
  for (std::size_t s = 0; s < 66000; ++s) {
    halves.data[2 * s + 1] = 0;
  }
  check_gram(halves.view, 2);
}
