#include <doctest/doctest.h>

#include <cstdlib>
#include <random>
#include <stdexcept>

#include "oracle.hpp"
#include "randprop/network.hpp"

using namespace randprop;

namespace {

void check_layers(const NetworkSpec& spec, const std::vector<BitMatrix>& outputs,
                  std::vector<std::vector<std::int64_t>> x) {
  REQUIRE(outputs.size() == spec.widths.size());
  for (std::size_t m = 0; m < outputs.size(); ++m) {
    const auto expected = oracle::layer(spec, m, x);
    std::size_t wrong = 0;
    for (std::size_t s = 0; s < x.size(); ++s) {
      x[s].assign(spec.widths[m], 0);
      for (std::size_t unit = 0; unit < spec.widths[m]; ++unit) {
        wrong += outputs[m].get(s, unit) != expected[s][unit];
        const bool bit = expected[s][unit];
        x[s][unit] = spec.activation == Activation::step ? (bit ? 1 : 0) : (bit ? 1 : -1);
      }
    }
    CHECK(wrong == 0);
    CHECK(oracle::tail_is_zero(outputs[m]));
  }
}

class KernelVariable {
 public:
  explicit KernelVariable(const char* name) { setenv("RANDPROP_KERNEL", name, 1); }
  ~KernelVariable() { unsetenv("RANDPROP_KERNEL"); }
};

}  // namespace

TEST_CASE("propagation equals the definition at every level, kernel and width") {
  std::mt19937_64 random(1);
  for (const unsigned weight_bits : {1U, 2U, 4U, 8U, 24U}) {
    for (const Activation activation : {Activation::step, Activation::sign}) {
      for (const std::size_t n : {1U, 7U, 64U, 65U, 127U, 130U}) {
        NetworkSpec spec{n, {130 - n % 60, n}, weight_bits, activation, random()};
        const std::size_t n_samples = n % 2 == 0 ? 1 + n % 13 : 66 + n % 70;
        const auto bytes = oracle::random_bytes(random, n_samples * n);
        const BitMatrix bits = oracle::random_bits(random, n_samples, n);
        std::vector<std::vector<std::int64_t>> as_bytes(n_samples), as_bits(n_samples);
        for (std::size_t s = 0; s < n_samples; ++s) {
          for (std::size_t k = 0; k < n; ++k) {
            as_bytes[s].push_back(bytes[s * n + k]);
            as_bits[s].push_back(bits.get(s, k) ? 1 : 0);
          }
        }
        CAPTURE(weight_bits);
        CAPTURE(n);
        oracle::at_every_level([&](const std::string& level) {
          CAPTURE(level);
          for (const char* kernel : {"", "popcount", "dot", "lut"}) {
            CAPTURE(kernel);
            const KernelVariable variable(kernel);
            const Network network(spec);
            check_layers(spec, network.propagate(ByteView{bytes.data(), n_samples, n}, 0, 2, true),
                         as_bytes);
            check_layers(spec, network.propagate(bits.view(), 0, 2, true, {3, {}}), as_bits);
          }
        });
      }
    }
  }
}

TEST_CASE("inputs of more than one pass over a panel") {
  std::mt19937_64 random(11);
  for (const unsigned weight_bits : {8U, 24U}) {
    const NetworkSpec spec{2500, {70}, weight_bits, Activation::step, 5};
    const auto bytes = oracle::random_bytes(random, std::size_t{20} * 2500);
    std::vector<std::vector<std::int64_t>> x(20);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      x[i / 2500].push_back(bytes[i]);
    }
    oracle::at_every_level([&](const std::string& level) {
      CAPTURE(level);
      const Network network(spec);
      check_layers(spec, network.propagate(ByteView{bytes.data(), 20, 2500}, 0, 1, true), x);
    });
  }
}

TEST_CASE("weights equal the definition") {
  const NetworkSpec spec{70, {131, 3}, 4, Activation::step, 0x123456789ABCDEF0};
  const Network network(spec);
  for (std::size_t m = 0; m < 2; ++m) {
    std::vector<std::int32_t> w(spec.widths[m] * network.n_inputs(m));
    network.weights(m, w.data());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < spec.widths[m]; ++i) {
      for (std::size_t k = 0; k < network.n_inputs(m); ++k) {
        wrong += w[i * network.n_inputs(m) + k] != oracle::weight(spec, m, i, k);
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("a spec outside the limits is refused") {
  const auto make = [](NetworkSpec spec) { const Network network(std::move(spec)); };
  CHECK_THROWS_AS(make({0, {1}, 8, Activation::step, 0}), std::invalid_argument);
  CHECK_THROWS_AS(make({1, {}, 8, Activation::step, 0}), std::invalid_argument);
  CHECK_THROWS_AS(make({1, {0}, 8, Activation::step, 0}), std::invalid_argument);
  CHECK_THROWS_AS(make({1, {max_width + 1}, 8, Activation::step, 0}), std::invalid_argument);
  CHECK_THROWS_AS(make({1, {1}, 3, Activation::step, 0}), std::invalid_argument);
  const Network network({4, {4}, 8, Activation::step, 0});
  const std::uint8_t x[5] = {};
  CHECK_THROWS_AS(network.propagate(ByteView{x, 1, 5}, 0, 1, false), std::invalid_argument);
  CHECK_THROWS_AS(network.propagate(ByteView{x, 1, 4}, 0, 2, false), std::invalid_argument);
  CHECK_THROWS_AS(network.weights(1, nullptr), std::invalid_argument);
}

TEST_CASE("an interrupt ends a long call") {
  const Network network({2000, {2000}, 8, Activation::step, 0});
  const BitMatrix bits(20000, 2000);
  RunOptions options;
  options.n_threads = 2;
  options.interrupted = [] { return true; };
  use_simd_level("scalar");
  CHECK_THROWS_AS(network.propagate(bits.view(), 0, 1, false, options), Interrupted);
  use_simd_level(simd_levels_supported().back());
}
