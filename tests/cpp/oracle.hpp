// The definition, slow and obvious, and inputs for the tests.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "randprop/bit_matrix.hpp"
#include "randprop/network.hpp"
#include "randprop/philox.hpp"
#include "randprop/simd.hpp"

namespace oracle {

// A chain of dense stages.
inline randprop::NetworkSpec dense_spec(std::size_t n_features,
                                        const std::vector<std::size_t>& widths,
                                        unsigned weight_bits, randprop::Activation activation,
                                        std::uint64_t seed) {
  randprop::NetworkSpec spec{n_features, {}, activation, seed, {}};
  for (const std::size_t width : widths) {
    spec.stages.push_back({randprop::Dense{width}, weight_bits});
  }
  return spec;
}

inline std::int64_t weight(const randprop::NetworkSpec& spec, std::size_t matrix, std::size_t unit,
                           std::size_t input) {
  const unsigned weight_bits = spec.stages[matrix].weight_bits;
  std::int64_t u = 0;
  for (unsigned plane = 0; plane < weight_bits; ++plane) {
    const auto block = randprop::philox4x32_10(
        {static_cast<std::uint32_t>(unit / 128), static_cast<std::uint32_t>(input),
         static_cast<std::uint32_t>(matrix), plane},
        {static_cast<std::uint32_t>(spec.seed), static_cast<std::uint32_t>(spec.seed >> 32)});
    u = 2 * u + ((block[unit % 128 / 32] >> (unit % 32)) & 1U);
  }
  return 2 * u - ((std::int64_t{1} << weight_bits) - 1);
}

// Bits behind matrix `matrix` for inputs x as it reads them.
inline std::vector<std::vector<bool>> layer(const randprop::NetworkSpec& spec, std::size_t matrix,
                                            const std::vector<std::vector<std::int64_t>>& x) {
  const randprop::StageShape shape = randprop::stage_shapes(spec)[matrix];
  const std::size_t n_in = shape.n_patch;
  std::vector<std::vector<bool>> out(x.size(), std::vector<bool>(shape.n_units));
  for (std::size_t unit = 0; unit < shape.n_units; ++unit) {
    std::vector<std::int64_t> w(n_in);
    for (std::size_t k = 0; k < n_in; ++k) {
      w[k] = weight(spec, matrix, unit, k);
    }
    for (std::size_t s = 0; s < x.size(); ++s) {
      std::int64_t z = 0;
      for (std::size_t k = 0; k < n_in; ++k) {
        z += x[s][k] * w[k];
      }
      out[s][unit] = z > 0;
    }
  }
  return out;
}

// The outputs of stages that put out bits.
inline std::vector<randprop::BitMatrix> bits_of(std::vector<randprop::FeatureMatrix> outputs) {
  std::vector<randprop::BitMatrix> bits;
  for (randprop::FeatureMatrix& features : outputs) {
    bits.push_back(std::move(std::get<randprop::BitMatrix>(features)));
  }
  return bits;
}

inline std::vector<std::uint8_t> random_bytes(std::mt19937_64& random, std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  for (std::uint8_t& byte : bytes) {
    const std::uint64_t draw = random();
    byte = draw % 4 == 0 ? 0 : draw % 7 == 0 ? 255 : static_cast<std::uint8_t>(draw >> 32);
  }
  return bytes;
}

inline randprop::BitMatrix random_bits(std::mt19937_64& random, std::size_t n_samples,
                                       std::size_t n_bits) {
  randprop::BitMatrix bits(n_samples, n_bits);
  for (std::size_t s = 0; s < n_samples; ++s) {
    for (std::size_t j = 0; j < n_bits; ++j) {
      if (random() % 2 == 0) {
        bits.set(s, j);
      }
    }
  }
  return bits;
}

// Bytes with a view, all of them `value` where it is not negative.
struct Bytes {
  std::vector<std::uint8_t> data;
  randprop::ByteView view;

  Bytes(std::mt19937_64& random, std::size_t n_samples, std::size_t n_features, int value = -1)
      : data(value < 0 ? random_bytes(random, n_samples * n_features)
                       : std::vector<std::uint8_t>(n_samples * n_features,
                                                   static_cast<std::uint8_t>(value))),
        view{data.data(), n_samples, n_features} {}
};

inline std::int64_t value_at(const randprop::ByteView& x, std::size_t sample, std::size_t feature) {
  return x.row(sample)[feature];
}
inline std::int64_t value_at(const randprop::BitView& x, std::size_t sample, std::size_t feature) {
  return static_cast<std::int64_t>(x.row(sample)[feature / 64] >> (feature % 64) & 1U);
}

inline bool tail_is_zero(const randprop::BitMatrix& bits) {
  const std::size_t used = bits.n_bits() % 64;
  for (std::size_t s = 0; used != 0 && s < bits.n_samples(); ++s) {
    if ((bits.row(s)[bits.n_words() - 1] >> used) != 0) {
      return false;
    }
  }
  return true;
}

// Calls body once for every level that this CPU has, then goes back to the best.
template <typename Body>
void at_every_level(const Body& body) {
  for (const std::string& level : randprop::simd_levels_supported()) {
    randprop::use_simd_level(level);
    body(level);
  }
  randprop::use_simd_level(randprop::simd_levels_supported().back());
}

}  // namespace oracle
