#include <doctest/doctest.h>

#include <random>
#include <stdexcept>
#include <utility>
#include <variant>

#include "oracle.hpp"
#include "randprop/network.hpp"

using namespace randprop;

namespace {

using Values = std::vector<std::vector<std::int64_t>>;

// Bits behind a convolution, from the definition: for each output pixel and channel a sum over the
// pixels of the patch that lie inside the image.
std::vector<std::vector<bool>> convolution(const NetworkSpec& spec, std::size_t matrix,
                                           const Values& x) {
  const StageShape shape = stage_shapes(spec)[matrix];
  const auto [in, out] = std::pair{shape.in, shape.out};
  const Conv2D conv = std::get<Conv2D>(spec.stages[matrix].map);
  const std::size_t n_in = shape.n_patch;
  std::vector<std::int64_t> weights(conv.channels * n_in);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = oracle::weight(spec, matrix, i / n_in, i % n_in);
  }
  std::vector<std::vector<bool>> bits(x.size(), std::vector<bool>(out.size()));
  for (std::size_t s = 0; s < x.size(); ++s) {
    for (std::size_t oy = 0; oy < out.height; ++oy) {
      for (std::size_t ox = 0; ox < out.width; ++ox) {
        for (std::size_t unit = 0; unit < conv.channels; ++unit) {
          std::int64_t z = 0;
          for (std::size_t k = 0; k < n_in; ++k) {
            const std::size_t c = k % in.channels;
            const std::size_t y = oy * conv.stride.y + k / in.channels / conv.kernel.x;
            const std::size_t xx = ox * conv.stride.x + k / in.channels % conv.kernel.x;
            if (y < conv.padding.y || y - conv.padding.y >= in.height) {
              continue;
            }
            if (xx < conv.padding.x || xx - conv.padding.x >= in.width) {
              continue;
            }
            const std::size_t pixel = (y - conv.padding.y) * in.width + xx - conv.padding.x;
            z += x[s][pixel * in.channels + c] * weights[unit * n_in + k];
          }
          bits[s][(oy * out.width + ox) * conv.channels + unit] = z > 0;
        }
      }
    }
  }
  return bits;
}

void check_chain(const NetworkSpec& spec, std::vector<FeatureMatrix> found, Values x) {
  const std::vector<BitMatrix> outputs = oracle::bits_of(std::move(found));
  const std::vector<StageShape> shapes = stage_shapes(spec);
  REQUIRE(outputs.size() == shapes.size());
  for (std::size_t m = 0; m < outputs.size(); ++m) {
    const auto expected = std::holds_alternative<Conv2D>(spec.stages[m].map)
                              ? convolution(spec, m, x)
                              : oracle::layer(spec, m, x);
    std::size_t wrong = 0;
    for (std::size_t s = 0; s < x.size(); ++s) {
      x[s].assign(shapes[m].n_outputs, 0);
      for (std::size_t i = 0; i < shapes[m].n_outputs; ++i) {
        const bool bit = expected[s][i];
        wrong += outputs[m].get(s, i) != bit;
        x[s][i] = spec.activation == Activation::step ? (bit ? 1 : 0) : (bit ? 1 : -1);
      }
    }
    CHECK(wrong == 0);
    CHECK(oracle::tail_is_zero(outputs[m]));
  }
}

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
        Values as_bytes(n_samples), as_bits(n_samples);
        for (std::size_t s = 0; s < n_samples; ++s) {
          for (std::size_t k = 0; k < n; ++k) {
            as_bytes[s].push_back(bytes[s * n + k]);
            as_bits[s].push_back(bits.get(s, k) ? 1 : 0);
          }
        }
        oracle::at_every_level([&](const std::string& level) {
          CAPTURE(level);
          for (const char* kernel : {"", "popcount", "dot", "lut"}) {
            CAPTURE(kernel);
            use_kernel(kernel);
            const Network network(spec);
            check_chain(spec,
                        network.propagate(ByteView{bytes.data(), n_samples, n}, 0,
                                          spec.stages.size(), Keep::all),
                        as_bytes);
            check_chain(spec, network.propagate(bits.view(), 0, spec.stages.size(), Keep::all),
                        as_bits);
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
