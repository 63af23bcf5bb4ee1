#include <doctest/doctest.h>

#include <cmath>

#include <limits>
#include <random>
#include <stdexcept>
#include <vector>

#include "oracle.hpp"
#include "randprop/linear.hpp"

using namespace randprop;

namespace {

template <typename View>
void check_scores(const View& x, std::size_t n_features, const std::vector<std::int64_t>& coef,
                  const std::vector<std::int64_t>& bias) {
  const std::size_t n_outputs = bias.size();
  oracle::at_every_level([&](const std::string& level) {
    CAPTURE(level);
    std::vector<std::int64_t> scores(x.n_samples * n_outputs);
    linear_scores(x, coef.data(), bias.data(), n_outputs, scores.data(), {2, nullptr});
    std::size_t wrong = 0;
    for (std::size_t s = 0; s < x.n_samples; ++s) {
      for (std::size_t o = 0; o < n_outputs; ++o) {
        std::int64_t sum = bias[o];
        for (std::size_t i = 0; i < n_features; ++i) {
          sum += coef[o * n_features + i] * oracle::value_at(x, s, i);
        }
        wrong += scores[s * n_outputs + o] != sum;
      }
    }
    CHECK(wrong == 0);
  });
}

}  // namespace

TEST_CASE("linear scores are sums over the features") {
  std::mt19937_64 random(32);
  const std::size_t n_outputs = 11, n_samples = 70;
  for (const std::size_t n : {1U, 64U, 133U}) {
    const BitMatrix bits = oracle::random_bits(random, n_samples, n);
    const oracle::Bytes bytes(random, n_samples, n);
    const oracle::Bytes full(random, n_samples, n, 255);
    for (const std::int64_t top :
         {std::int64_t{1}, std::int64_t{127}, (std::int64_t{1} << 30) - 1}) {
      std::vector<std::int64_t> coef(n_outputs * n), bias(n_outputs);
      for (std::int64_t& c : coef) {
        c = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * top + 1)) - top;
      }
      for (std::int64_t& b : bias) {
        b = static_cast<std::int64_t>(random() % 1000) - 500;
      }
      check_scores(bits.view(), n, coef, bias);
      check_scores(bytes.view, n, coef, bias);
      check_scores(full.view, n, coef, bias);
    }
  }
}

TEST_CASE("scores to the edge of 64 bits, and none beyond it") {
  std::mt19937_64 random(34);
  const std::size_t n = 5;
  const oracle::Bytes full(random, 3, n, 255);
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const std::int64_t top = most / 255 / static_cast<std::int64_t>(n);
  const std::int64_t rest = most - 255 * static_cast<std::int64_t>(n) * top;
  std::vector<std::int64_t> coef(2 * n, top);
  std::fill(coef.begin() + n, coef.end(), -top);
  check_scores(full.view, n, coef, {rest, -rest});
  std::vector<std::int64_t> scores(6);
  const std::int64_t more[2] = {rest + 1, 0};
  CHECK_THROWS_AS(linear_scores(full.view, coef.data(), more, 2, scores.data()),
                  std::invalid_argument);
  coef[n] = std::numeric_limits<std::int64_t>::min();
  const std::int64_t none[2] = {0, 0};
  CHECK_THROWS_AS(linear_scores(full.view, coef.data(), none, 2, scores.data()),
                  std::invalid_argument);
  const BitMatrix bits(3, n);
  const std::vector<std::int64_t> large(n, std::int64_t{1} << 30);
  CHECK_THROWS_AS(linear_scores(bits.view(), large.data(), none, 1, scores.data()),
                  std::invalid_argument);
  const std::int64_t edge[1] = {most};
  const std::vector<std::int64_t> one(n, 1);
  CHECK_THROWS_AS(linear_scores(bits.view(), one.data(), edge, 1, scores.data()),
                  std::invalid_argument);
}

TEST_CASE("scores of floating-point coefficients are the same at every level, with any threads") {
  std::mt19937_64 random(9);
  for (const std::size_t n_features : {1U, 15U, 16U, 17U, 64U, 100U, 700U}) {
    for (const std::size_t n_outputs : {1U, 3U, 4U, 5U, 10U}) {
      CAPTURE(n_features);
      CAPTURE(n_outputs);
      const std::size_t n_samples = n_features == 16 ? 600 : 5;
      const oracle::Bytes bytes(random, n_samples, n_features);
      const BitMatrix bits = oracle::random_bits(random, n_samples, n_features);
      std::vector<double> coef(n_outputs * n_features), bias(n_outputs);
      for (double& c : coef) {
        c = std::ldexp(static_cast<double>(static_cast<std::int64_t>(random())), -60);
      }
      for (double& b : bias) {
        b = std::ldexp(static_cast<double>(static_cast<std::int64_t>(random())), -55);
      }
      std::vector<double> first_bytes, first_bits;
      oracle::at_every_level([&](const std::string& level) {
        CAPTURE(level);
        for (const int threads : {1, 3}) {
          std::vector<double> of_bytes(n_samples * n_outputs), of_bits = of_bytes;
          linear_scores(bytes.view, coef.data(), bias.data(), n_outputs, of_bytes.data(),
                        {threads, {}});
          linear_scores(bits.view(), coef.data(), bias.data(), n_outputs, of_bits.data(),
                        {threads, {}});
          if (first_bytes.empty()) {
            first_bytes = of_bytes;
            first_bits = of_bits;
          }
          CHECK(of_bytes == first_bytes);
          CHECK(of_bits == first_bits);
        }
      });
      double worst = 0;
      for (std::size_t s = 0; s < n_samples; ++s) {
        for (std::size_t o = 0; o < n_outputs; ++o) {
          long double of_bytes = bias[o], of_bits = bias[o];
          for (std::size_t i = 0; i < n_features; ++i) {
            of_bytes += static_cast<long double>(coef[o * n_features + i]) * bytes.view.row(s)[i];
            of_bits += bits.get(s, i) ? coef[o * n_features + i] : 0.0;
          }
          const auto off = [](double found, long double exact) {
            return std::abs(static_cast<double>(found - exact));
          };
          worst = std::max(worst, off(first_bytes[s * n_outputs + o], of_bytes));
          worst = std::max(worst, off(first_bits[s * n_outputs + o], of_bits));
        }
      }
      // Sums of some hundred numbers of up to 2,000.
      CHECK(worst < 1e-9);
    }
  }
}
