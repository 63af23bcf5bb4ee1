#include <doctest/doctest.h>

#include <random>
#include <stdexcept>

#include "oracle.hpp"
#include "randprop/network.hpp"

using namespace randprop;

namespace {

class ForcedKernel {
 public:
  explicit ForcedKernel(const char* name) { use_kernel(name); }
  ~ForcedKernel() { use_kernel(""); }
};

}  // namespace

TEST_CASE("propagation equals the definition at every level, kernel and width") {
  std::mt19937_64 random(1);
  for (const unsigned weight_bits : {1U, 2U, 4U, 8U, 24U}) {
    for (const Activation activation : {Activation::step, Activation::sign}) {
      for (const std::size_t n : {1U, 7U, 64U, 65U, 127U, 130U}) {
        const NetworkSpec spec =
            oracle::dense_spec(n, {130 - n % 60, n}, weight_bits, activation, random());
        const std::size_t n_samples = n % 2 == 0 ? 1 + n % 13 : 66 + n % 70;
        const auto bytes = oracle::random_bytes(random, n_samples * n);
        const BitMatrix bits = oracle::random_bits(random, n_samples, n);
        const ByteView view{bytes.data(), n_samples, n};
        const auto of_bytes = oracle::chain(spec, oracle::rows_of(view));
        const auto of_bits = oracle::chain(spec, oracle::rows_of(bits.view()));
        CAPTURE(weight_bits);
        CAPTURE(n);
        oracle::at_every_level([&](const std::string& level) {
          CAPTURE(level);
          for (const char* kernel : {"", "popcount", "dot", "lut"}) {
            CAPTURE(kernel);
            const ForcedKernel forced(kernel);
            const Network network(spec);
            CHECK(oracle::n_wrong(network.propagate(view, 0, 2, Keep::all), of_bytes) == 0);
            CHECK(oracle::n_wrong(network.propagate(bits.view(), 0, 2, Keep::all, {3, {}}),
                                  of_bits) == 0);
          }
        });
      }
    }
  }
}

TEST_CASE("inputs of more than one pass over a panel") {
  std::mt19937_64 random(11);
  for (const unsigned weight_bits : {8U, 24U}) {
    const NetworkSpec spec = oracle::dense_spec(2500, {70}, weight_bits, Activation::step, 5);
    const auto bytes = oracle::random_bytes(random, std::size_t{20} * 2500);
    const ByteView view{bytes.data(), 20, 2500};
    const auto expected = oracle::chain(spec, oracle::rows_of(view));
    oracle::at_every_level([&](const std::string& level) {
      CAPTURE(level);
      const Network network(spec);
      CHECK(oracle::n_wrong(network.propagate(view, 0, 1, Keep::all), expected) == 0);
    });
  }
}

TEST_CASE("weights equal the definition, each stage with bits of its own") {
  NetworkSpec spec = oracle::dense_spec(70, {131, 3}, 4, Activation::step, 0x123456789ABCDEF0);
  spec.stages[1].weight_bits = 2;
  const Network network(spec);
  for (std::size_t m = 0; m < 2; ++m) {
    const StageShape& shape = network.shape(m);
    std::vector<std::int32_t> w(shape.n_units * shape.n_patch);
    network.weights(m, w.data());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < shape.n_units; ++i) {
      for (std::size_t k = 0; k < shape.n_patch; ++k) {
        wrong += w[i * shape.n_patch + k] != oracle::weight(spec, m, i, k);
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("stages of different bits in one chain") {
  std::mt19937_64 random(12);
  NetworkSpec spec = oracle::dense_spec(100, {70, 90, 33}, 1, Activation::sign, 77);
  spec.stages[1].weight_bits = 8;
  spec.stages[2].weight_bits = 24;
  const auto bytes = oracle::random_bytes(random, std::size_t{9} * 100);
  const ByteView view{bytes.data(), 9, 100};
  const Network network(spec);
  CHECK(oracle::n_wrong(network.propagate(view, 0, 3, Keep::all),
                        oracle::chain(spec, oracle::rows_of(view))) == 0);
}

TEST_CASE("what a stage holds is counted stage by stage") {
  const Network network(oracle::dense_spec(64, {64, 8}, 1, Activation::step, 0));
  const BitMatrix bits(5, 64);
  network.propagate(bits.view(), 0, 1, Keep::last);
  CHECK(network.prepared_bytes(0) > 0);
  CHECK(network.prepared_bytes(1) == 0);
  network.prepare(1, Features::bits);  // drops what it made
  CHECK(network.prepared_bytes(1) == 0);
  network.propagate(bits.view(), 0, 2, Keep::last);
  CHECK(network.prepared_bytes(1) > 0);
  CHECK_THROWS_AS((void)network.prepared_bytes(2), std::invalid_argument);
  CHECK_THROWS_AS(network.prepare(2, Features::bits), std::invalid_argument);
}

TEST_CASE("a spec outside the limits is refused") {
  const auto make = [](std::size_t n_features, const std::vector<std::size_t>& widths,
                       unsigned weight_bits) {
    const Network network(oracle::dense_spec(n_features, widths, weight_bits, Activation::step, 0));
  };
  CHECK_THROWS_AS(make(0, {1}, 8), std::invalid_argument);
  CHECK_THROWS_AS(make(1, {}, 8), std::invalid_argument);
  CHECK_THROWS_AS(make(1, {0}, 8), std::invalid_argument);
  CHECK_THROWS_AS(make(1, {max_width + 1}, 8), std::invalid_argument);
  CHECK_THROWS_AS(make(1, {1}, 3), std::invalid_argument);
  const Network network(oracle::dense_spec(4, {4}, 8, Activation::step, 0));
  const std::uint8_t x[5] = {};
  CHECK_THROWS_AS(network.propagate(ByteView{x, 1, 5}, 0, 1, Keep::last), std::invalid_argument);
  CHECK_THROWS_AS(network.propagate(ByteView{x, 1, 4}, 0, 2, Keep::last), std::invalid_argument);
  CHECK_THROWS_AS(network.weights(1, nullptr), std::invalid_argument);
}

TEST_CASE("an interrupt ends a long call") {
  const Network network(oracle::dense_spec(2000, {2000}, 8, Activation::step, 0));
  const BitMatrix bits(20000, 2000);
  RunOptions options;
  options.n_threads = 2;
  options.interrupted = [] { return true; };
  use_simd_level("scalar");
  CHECK_THROWS_AS(network.propagate(bits.view(), 0, 1, Keep::last, options), Interrupted);
  use_simd_level(simd_levels_supported().back());
}
