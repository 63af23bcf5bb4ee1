#include <doctest/doctest.h>

#include <random>
#include <stdexcept>
#include <utility>
#include <variant>

#include "oracle.hpp"
#include "randprop/network.hpp"

using namespace randprop;

namespace {

NetworkSpec make_spec(ImageShape image,
                      const std::vector<std::variant<Dense, Conv2D, Conv1D>>& maps,
                      unsigned weight_bits, Activation activation, std::uint64_t seed) {
  NetworkSpec spec{image.size(), {}, activation, seed, image};
  for (const auto& map : maps) {
    spec.stages.push_back({map, weight_bits});
  }
  return spec;
}

}  // namespace

TEST_CASE("convolutions equal the definition at every level and kernel") {
  std::mt19937_64 random(21);
  for (const unsigned weight_bits : {1U, 8U, 24U}) {
    for (const Activation activation : {Activation::step, Activation::sign}) {
      // Runs of bits within a word, across words and of more than a word; borders on all sides.
      const NetworkSpec specs[] = {
          make_spec({6, 7, 1}, {Conv2D{3, 3, 1, 1}, Conv2D{5, 2, 2, 0}, Dense{11}}, weight_bits,
                    activation, random()),
          make_spec({4, 5, 3}, {Conv2D{70, 3, 1, 2}, Conv2D{2, 2, 1, 1}, Conv2D{65, 1, 1, 0}},
                    weight_bits, activation, random()),
          make_spec({2, 70, 1}, {Conv2D{1, 2, 1, 0}, Conv2D{9, 1, 3, 0}}, weight_bits, activation,
                    random()),
      };
      for (const NetworkSpec& spec : specs) {
        const std::size_t n_samples = 17;
        const std::size_t n = spec.n_features;
        const auto bytes = oracle::random_bytes(random, n_samples * n);
        const BitMatrix bits = oracle::random_bits(random, n_samples, n);
        const ByteView view{bytes.data(), n_samples, n};
        const auto of_bytes = oracle::chain(spec, oracle::rows_of(view));
        const auto of_bits = oracle::chain(spec, oracle::rows_of(bits.view()));
        oracle::at_every_level([&](const std::string& level) {
          CAPTURE(level);
          for (const char* kernel : {"", "popcount", "dot", "lut"}) {
            CAPTURE(kernel);
            use_kernel(kernel);
            const Network network(spec);
            const std::size_t last = spec.stages.size();
            CHECK(oracle::n_wrong(network.propagate(view, 0, last, Keep::all), of_bytes) == 0);
            CHECK(oracle::n_wrong(network.propagate(bits.view(), 0, last, Keep::all), of_bits) ==
                  0);
          }
          use_kernel("");
        });
      }
    }
  }
}

TEST_CASE("convolutions that do not fit are refused") {
  CHECK_THROWS_AS(convolved({4, 4, 1}, {2, 5, 1, 0}), std::invalid_argument);
  CHECK_THROWS_AS(convolved({4, 4, 1}, {2, 3, 1, 3}), std::invalid_argument);
  CHECK_THROWS_AS(convolved({4, 4, 1}, {2, 3, 0, 0}), std::invalid_argument);
  CHECK_THROWS_AS(convolved({4, 0, 1}, {2, 3, 1, 1}), std::invalid_argument);
  const Conv2D conv{2, 3, 1, 0};
  NetworkSpec spec = make_spec({4, 4, 1}, {conv}, 1, Activation::step, 0);
  spec.n_features = 15;
  CHECK_THROWS_AS(Network{spec}, std::invalid_argument);
  spec = make_spec({4, 4, 1}, {conv}, 1, Activation::step, 0);
  spec.input_shape = {};
  CHECK_THROWS_AS(Network{spec}, std::invalid_argument);
  spec = make_spec({4, 4, 1}, {Dense{16}, conv}, 1, Activation::step, 0);
  CHECK_THROWS_WITH_AS(Network{spec},
                       "stage 1 is a convolution and needs an image, but stage 0 is dense",
                       std::invalid_argument);
}

TEST_CASE("weights of one's own equal plain sums") {
  std::mt19937_64 random(22);
  const std::size_t n_samples = 600, n_in = 131, n_units = 70;
  const auto bytes = oracle::random_bytes(random, n_samples * n_in);
  const BitMatrix bits = oracle::random_bits(random, n_samples, n_in);
  for (const std::int32_t top : {1, 7, 127, 128, 32639, 32640, max_own_weight - 1}) {
    CAPTURE(top);
    std::vector<std::int32_t> weights(n_units * n_in);
    for (std::int32_t& w : weights) {
      w = static_cast<std::int32_t>(random() % (2 * static_cast<std::uint64_t>(top) + 1)) - top;
    }
    weights[0] = top;
    weights[1] = -top;
    oracle::at_every_level([&](const std::string& level) {
      CAPTURE(level);
      for (const char* kernel : {"", "dot", "lut"}) {
        use_kernel(kernel);
        const BitMatrix found[] = {
            apply_weights(ByteView{bytes.data(), n_samples, n_in}, weights.data(), n_units),
            apply_weights(bits.view(), weights.data(), n_units, Activation::step),
            apply_weights(bits.view(), weights.data(), n_units, Activation::sign)};
        std::size_t wrong = 0;
        for (std::size_t s = 0; s < n_samples; ++s) {
          for (std::size_t unit = 0; unit < n_units; ++unit) {
            std::int64_t z[3] = {};
            for (std::size_t k = 0; k < n_in; ++k) {
              const std::int64_t w = weights[unit * n_in + k];
              const int bit = bits.get(s, k) ? 1 : 0;
              z[0] += bytes[s * n_in + k] * w;
              z[1] += bit * w;
              z[2] += (2 * bit - 1) * w;
            }
            for (std::size_t i = 0; i < 3; ++i) {
              wrong += found[i].get(s, unit) != (z[i] > 0);
            }
          }
        }
        CHECK(wrong == 0);
        for (const BitMatrix& out : found) {
          CHECK(oracle::tail_is_zero(out));
        }
      }
      use_kernel("");
    });
  }
  const std::int32_t large = max_own_weight;
  CHECK_THROWS_AS(apply_weights(ByteView{bytes.data(), 1, 1}, &large, 1), std::invalid_argument);
}
