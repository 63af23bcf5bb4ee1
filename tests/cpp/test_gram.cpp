#include <doctest/doctest.h>

#include <random>
#include <stdexcept>
#include <vector>

#include "oracle.hpp"
#include "randprop/gram.hpp"

using namespace randprop;

TEST_CASE("Gram matrices equal counts of pairs, and add") {
  std::mt19937_64 random(31);
  for (const std::size_t n_bits : {1U, 63U, 65U, 150U}) {
    for (const std::size_t n_samples : {0U, 1U, 64U, 4097U}) {
      CAPTURE(n_bits);
      CAPTURE(n_samples);
      const BitMatrix bits = oracle::random_bits(random, n_samples, n_bits);
      std::vector<std::int64_t> expected(n_bits * n_bits, 7);
      for (std::size_t s = 0; s < n_samples; ++s) {
        for (std::size_t i = 0; i < n_bits; ++i) {
          if (!bits.get(s, i)) {
            continue;
          }
          for (std::size_t j = 0; j < n_bits; ++j) {
            expected[i * n_bits + j] += bits.get(s, j);
          }
        }
      }
      oracle::at_every_level([&](const std::string& level) {
        CAPTURE(level);
        for (const int threads : {1, 3}) {
          std::vector<std::int64_t> gram(n_bits * n_bits, 7);
          add_gram(bits.view(), gram.data(), {threads, nullptr});
          CHECK(gram == expected);
        }
      });
    }
  }
}

TEST_CASE("linear scores are sums over the set bits") {
  std::mt19937_64 random(32);
  const std::size_t n_bits = 133, n_outputs = 11, n_samples = 70;
  const BitMatrix bits = oracle::random_bits(random, n_samples, n_bits);
  for (const std::int64_t top : {std::int64_t{1}, std::int64_t{127}, (std::int64_t{1} << 30) - 1}) {
    std::vector<std::int64_t> coef(n_outputs * n_bits), bias(n_outputs);
    for (std::int64_t& c : coef) {
      c = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * top + 1)) - top;
    }
    for (std::int64_t& b : bias) {
      b = static_cast<std::int64_t>(random() % 1000) - 500;
    }
    oracle::at_every_level([&](const std::string& level) {
      CAPTURE(level);
      std::vector<std::int64_t> scores(n_samples * n_outputs);
      linear_scores(bits.view(), coef.data(), bias.data(), n_outputs, scores.data());
      std::size_t wrong = 0;
      for (std::size_t s = 0; s < n_samples; ++s) {
        for (std::size_t o = 0; o < n_outputs; ++o) {
          std::int64_t sum = bias[o];
          for (std::size_t i = 0; i < n_bits; ++i) {
            if (bits.get(s, i)) {
              sum += coef[o * n_bits + i];
            }
          }
          wrong += scores[s * n_outputs + o] != sum;
        }
      }
      CHECK(wrong == 0);
    });
  }
  const std::vector<std::int64_t> large(n_outputs * n_bits, std::int64_t{1} << 30);
  std::vector<std::int64_t> bias(n_outputs), scores(n_samples * n_outputs);
  CHECK_THROWS_AS(linear_scores(bits.view(), large.data(), bias.data(), n_outputs, scores.data()),
                  std::invalid_argument);
}
