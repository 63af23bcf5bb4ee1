// The definition, slow and obvious, and inputs for the tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "randprop/bit_matrix.hpp"
#include "randprop/network.hpp"
#include "randprop/philox.hpp"
#include "randprop/simd.hpp"

namespace oracle {

#if defined(__EMSCRIPTEN__) && !defined(__EMSCRIPTEN_PTHREADS__)
constexpr bool has_threads = false;
#else
constexpr bool has_threads = true;
#endif

// body(t) for each t below n on a thread of its own; one after the other where there are none.
template <typename Body>
void at_once(std::size_t n, const Body& body) {
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < n; ++t) {
    if (has_threads) {
      threads.emplace_back(body, t);
    } else {
      body(t);
    }
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

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

// A row of numbers a sample: features, bits as they are read, or counts.
using Rows = std::vector<std::vector<std::int64_t>>;

// First words of what a stage draws beside weights of some bits.
inline randprop::PhiloxCounter drawn(const randprop::NetworkSpec& spec, std::size_t matrix,
                                     std::size_t unit, std::uint32_t block, std::uint32_t what) {
  return randprop::philox4x32_10(
      {static_cast<std::uint32_t>(unit), block, static_cast<std::uint32_t>(matrix), what},
      {static_cast<std::uint32_t>(spec.seed), static_cast<std::uint32_t>(spec.seed >> 32)});
}

inline std::vector<std::int64_t> weights_of(const randprop::NetworkSpec& spec, std::size_t matrix,
                                            std::size_t unit, std::size_t n_inputs) {
  const std::size_t fan_in = spec.stages[matrix].fan_in;
  std::vector<std::int64_t> w(n_inputs, 0);
  for (std::size_t k = 0; fan_in == 0 && k < n_inputs; ++k) {
    w[k] = weight(spec, matrix, unit, k);
  }
  std::size_t n_found = 0;
  for (std::uint32_t block = 0; n_found < fan_in; ++block) {
    for (const std::uint64_t word : drawn(spec, matrix, unit, block, 0x80000000U)) {
      std::int64_t& found = w[word * n_inputs >> 32];
      if (found == 0 && n_found < fan_in) {
        found = 2 * n_found < fan_in ? 1 : -1;
        ++n_found;
      }
    }
  }
  return w;
}

inline std::int64_t threshold_of(const randprop::NetworkSpec& spec, std::size_t matrix,
                                 std::size_t unit) {
  const randprop::Stage& stage = spec.stages[matrix];
  if (!stage.thresholds.empty()) {
    return stage.thresholds[unit];
  }
  const std::uint64_t word = drawn(spec, matrix, unit, 0, 0x80000001U)[0];
  return static_cast<std::int64_t>(word * (2 * static_cast<std::uint64_t>(stage.bias) + 1) >> 32) -
         stage.bias;
}

// One direction of a map.
struct Side {
  std::int64_t size = 1, kernel = 1, stride = 1, padding = 0, dilation = 1, pool = 0;

  std::int64_t places() const {
    return (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
  }
};

// Down and across; a dense map is one patch of one pixel, a series an image of width 1. Where the
// dilations are drawn, that of `unit`.
inline std::pair<Side, Side> sides_of(const randprop::NetworkSpec& spec, std::size_t matrix,
                                      const randprop::ImageShape& in, std::size_t unit) {
  const auto side = [](std::size_t size, std::size_t kernel, std::size_t stride,
                       std::size_t padding, std::size_t dilation, std::size_t pool) {
    const auto number = [](std::size_t n) { return static_cast<std::int64_t>(n); };
    return Side{number(size),    number(kernel),   number(stride),
                number(padding), number(dilation), number(pool)};
  };
  const auto& map = spec.stages[matrix].map;
  if (const auto* image = std::get_if<randprop::Conv2D>(&map)) {
    return {side(in.height, image->kernel.y, image->stride.y, image->padding.y, image->dilation.y,
                 image->pool.y),
            side(in.width, image->kernel.x, image->stride.x, image->padding.x, image->dilation.x,
                 image->pool.x)};
  }
  const auto* series = std::get_if<randprop::Conv1D>(&map);
  if (series == nullptr) {
    return {};
  }
  std::size_t dilation = series->dilation;
  if (dilation == 0) {
    std::uint64_t choices = 0;
    for (std::size_t d = 1; d * (series->kernel - 1) <= in.height - 1; d *= 2) {
      ++choices;
    }
    const std::uint64_t word = drawn(spec, matrix, unit, 0, 0x80000002U)[0];
    dilation = std::size_t{1} << (word * choices >> 32);
  }
  Side across;
  across.pool = series->pool == 0 ? 0 : 1;
  return {side(in.height, series->kernel, series->stride, series->padding, dilation, series->pool),
          across};
}

// What a stage puts out, bits as 0 and 1, and how often each of its units is set.
struct Outputs {
  Rows rows;
  std::vector<std::uint64_t> set;
};

// One unit's bits over the map of one sample, position after position.
inline std::vector<bool> map_of(const std::vector<std::int64_t>& x,
                                const std::vector<std::int64_t>& w, std::int64_t threshold,
                                const Side& down, const Side& across, std::int64_t n_channels) {
  std::vector<bool> bits;
  for (std::int64_t oy = 0; oy < down.places(); ++oy) {
    for (std::int64_t ox = 0; ox < across.places(); ++ox) {
      std::int64_t z = 0;
      std::size_t k = 0;
      for (std::int64_t dy = 0; dy < down.kernel; ++dy) {
        for (std::int64_t dx = 0; dx < across.kernel; ++dx) {
          const std::int64_t iy = oy * down.stride + dy * down.dilation - down.padding;
          const std::int64_t ix = ox * across.stride + dx * across.dilation - across.padding;
          const bool inside = iy >= 0 && iy < down.size && ix >= 0 && ix < across.size;
          for (std::int64_t c = 0; c < n_channels; ++c, ++k) {
            z += inside
                     ? w[k] * x[static_cast<std::size_t>((iy * across.size + ix) * n_channels + c)]
                     : 0;
          }
        }
      }
      bits.push_back(z > threshold);
    }
  }
  return bits;
}

// A stage for inputs x as it reads them.
inline Outputs stage(const randprop::NetworkSpec& spec, std::size_t matrix, const Rows& x) {
  const randprop::StageShape shape = randprop::stage_shapes(spec)[matrix];
  const bool is_dense = std::holds_alternative<randprop::Dense>(spec.stages[matrix].map);
  const randprop::ImageShape in = is_dense ? randprop::ImageShape{1, 1, shape.n_inputs} : shape.in;
  Outputs out{Rows(x.size(), std::vector<std::int64_t>(shape.n_outputs, -1)),
              std::vector<std::uint64_t>(shape.n_units, 0)};
  for (std::size_t unit = 0; unit < shape.n_units; ++unit) {
    const auto [down, across] = sides_of(spec, matrix, in, unit);
    const auto w = weights_of(spec, matrix, unit, shape.n_patch);
    const std::int64_t t = threshold_of(spec, matrix, unit);
    for (std::size_t s = 0; s < x.size(); ++s) {
      const std::vector<bool> bits =
          map_of(x[s], w, t, down, across, static_cast<std::int64_t>(in.channels));
      out.set[unit] += static_cast<std::uint64_t>(std::count(bits.begin(), bits.end(), true));
      std::size_t place = unit;
      for (std::size_t p = 0; down.pool == 0 && p < bits.size(); ++p, place += shape.n_units) {
        out.rows[s][place] = bits[p] ? 1 : 0;
      }
      for (std::int64_t wy = 0; wy < down.pool; ++wy) {
        for (std::int64_t wx = 0; wx < across.pool; ++wx, place += shape.n_units) {
          std::int64_t n_set = 0, n_positions = 0;
          for (std::int64_t y = wy * down.places() / down.pool;
               y < (wy + 1) * down.places() / down.pool; ++y) {
            for (std::int64_t xx = wx * across.places() / across.pool;
                 xx < (wx + 1) * across.places() / across.pool; ++xx) {
              n_set += bits[static_cast<std::size_t>(y * across.places() + xx)] ? 1 : 0;
              ++n_positions;
            }
          }
          out.rows[s][place] = n_positions <= 255 ? n_set : 255 * n_set / n_positions;
        }
      }
    }
  }
  return out;
}

// All stages, one after the other.
inline std::vector<Outputs> chain(const randprop::NetworkSpec& spec, Rows x) {
  std::vector<Outputs> outputs;
  for (std::size_t m = 0; m < spec.stages.size(); ++m) {
    outputs.push_back(stage(spec, m, x));
    x = outputs.back().rows;
    const bool signs = spec.activation == randprop::Activation::sign &&
                       randprop::stage_shapes(spec)[m].gives == randprop::Features::bits;
    for (auto& row : x) {
      for (std::int64_t& value : row) {
        value = signs ? 2 * value - 1 : value;
      }
    }
  }
  return outputs;
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

inline std::size_t width_of(const randprop::ByteView& x) { return x.n_features; }
inline std::size_t width_of(const randprop::BitView& x) { return x.n_bits; }

// What a network's first stage reads.
template <typename View>
Rows rows_of(const View& x) {
  Rows rows(x.n_samples);
  for (std::size_t s = 0; s < x.n_samples; ++s) {
    for (std::size_t k = 0; k < width_of(x); ++k) {
      rows[s].push_back(value_at(x, s, k));
    }
  }
  return rows;
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

// How many outputs of a stage are not as expected; a bit past the last counts as one.
inline std::size_t n_wrong(const randprop::FeatureMatrix& found, const Rows& expected) {
  if (const auto* bits = std::get_if<randprop::BitMatrix>(&found)) {
    std::size_t wrong = tail_is_zero(*bits) ? 0 : 1;
    for (std::size_t s = 0; s < expected.size(); ++s) {
      for (std::size_t j = 0; j < expected[s].size(); ++j) {
        wrong += (bits->get(s, j) ? 1 : 0) != expected[s][j];
      }
    }
    return wrong;
  }
  const auto& bytes = std::get<randprop::ByteMatrix>(found);
  std::size_t wrong = 0;
  for (std::size_t s = 0; s < expected.size(); ++s) {
    for (std::size_t j = 0; j < expected[s].size(); ++j) {
      wrong += bytes.row(s)[j] != expected[s][j];
    }
  }
  return wrong;
}

// Of all stages together.
inline std::size_t n_wrong(const std::vector<randprop::FeatureMatrix>& found,
                           const std::vector<Outputs>& expected) {
  std::size_t wrong = found.size() == expected.size() ? 0 : 1;
  for (std::size_t m = 0; m < std::min(found.size(), expected.size()); ++m) {
    wrong += n_wrong(found[m], expected[m].rows);
  }
  return wrong;
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
