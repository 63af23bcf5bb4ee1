// Chains of stages of every kind, drawn from any source of numbers: `from.between(low, high)` is a
// number of [low, high].
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <variant>

#include "randprop/network.hpp"

namespace oracle {

// Kernel, stride, padding and dilation that fit `size`, and windows.
struct DrawnSide {
  std::size_t kernel, stride, padding, dilation, pool;
};

template <typename Source>
DrawnSide draw_side(Source& from, std::size_t size) {
  DrawnSide side{};
  side.kernel = from.between(1, 5);
  // A kernel may be larger than what it reads, where there is padding enough.
  side.padding =
      from.between(side.kernel > size ? (side.kernel - size + 1) / 2 : 0, side.kernel - 1);
  // Ones are common, so that maps do not shrink to nothing at once.
  side.stride = std::max<std::size_t>(1, from.between(0, 3));
  const std::size_t room = size + 2 * side.padding - 1;
  const bool is_dilated = side.kernel > 1 && from.between(0, 1) == 1;
  side.dilation = is_dilated ? from.between(1, room / (side.kernel - 1)) : 1;
  side.pool = from.between(1, (room - side.dilation * (side.kernel - 1)) / side.stride + 1);
  return side;
}

// Units of a stage: few where each has much to do, one as much as `work` of `most` in all.
template <typename Source>
std::size_t draw_units(Source& from, std::size_t work, std::size_t most, std::size_t largest) {
  return from.between(1, std::clamp<std::size_t>(most / work, 1, largest));
}

// A convolution over `image`, along a series where that is what it is.
template <typename Source>
std::variant<randprop::Dense, randprop::Conv2D, randprop::Conv1D> draw_convolution(
    Source& from, const randprop::ImageShape& image, bool is_series, std::size_t most) {
  const bool counts = from.between(0, 1) == 1;
  const DrawnSide y = draw_side(from, image.height);
  if (is_series) {
    const std::size_t channels =
        draw_units(from, image.height * y.kernel * image.channels, most, 70);
    if (counts && y.kernel > 1 && y.kernel <= image.height && from.between(0, 1) == 1) {
      return randprop::Conv1D{channels, y.kernel, y.stride, 0, 0, 1};
    }
    return randprop::Conv1D{channels,  y.kernel,   y.stride,
                            y.padding, y.dilation, counts ? y.pool : 0};
  }
  const DrawnSide x = draw_side(from, image.width);
  const std::size_t work = image.size() * y.kernel * x.kernel;
  randprop::Conv2D conv{draw_units(from, work, most, 70),
                        {y.kernel, x.kernel},
                        {y.stride, x.stride},
                        {y.padding, x.padding},
                        {y.dilation, x.dilation}};
  if (counts) {
    conv.pool = {y.pool, x.pool};
  }
  return conv;
}

// Few inputs or weights of some bits; no thresholds, drawn ones, or given ones, some beyond any
// sum.
template <typename Source>
void draw_units_of(Source& from, const randprop::StageShape& shape, randprop::Stage& stage) {
  constexpr unsigned weight_bits[] = {1, 2, 4, 8, 24};
  std::size_t largest = 255;
  if (from.between(0, 1) == 0) {
    stage.weight_bits = weight_bits[from.between(0, 4)];
    largest *= shape.n_patch << stage.weight_bits;
  } else {
    stage.fan_in = from.between(1, shape.n_patch);
    largest *= stage.fan_in;
  }
  const std::size_t kind = from.between(0, 3);
  largest = kind % 2 == 0 ? 8 : std::min<std::size_t>(largest, 0x7FFFFFFF);
  if (kind < 2) {
    stage.bias = static_cast<std::int64_t>(from.between(0, largest));
    return;
  }
  // Two numbers stand for all of them, so that few bytes make a chain.
  const std::size_t start = from.between(0, 2 * largest);
  const std::size_t step = from.between(0, 2 * largest);
  for (std::size_t unit = 0; unit < shape.n_units; ++unit) {
    const auto threshold = static_cast<std::int64_t>((start + unit * step) % (2 * largest + 1));
    stage.thresholds.push_back(unit % 17 == 15   ? std::numeric_limits<std::int64_t>::min()
                               : unit % 17 == 16 ? std::numeric_limits<std::int64_t>::max()
                                                 : threshold - static_cast<std::int64_t>(largest));
  }
}

// Up to 4 stages over a row of features, a series or an image, each of at most about `most`
// products a sample.
template <typename Source>
randprop::NetworkSpec draw_chain(Source& from, std::size_t most) {
  randprop::NetworkSpec spec;
  spec.activation =
      from.between(0, 1) == 0 ? randprop::Activation::step : randprop::Activation::sign;
  for (int i = 0; i < 4; ++i) {
    spec.seed = spec.seed << 16 | from.between(0, 0xFFFF);
  }
  const std::size_t kind = from.between(0, 2);
  if (kind == 1) {
    spec.input_shape = {from.between(1, 60), 1, from.between(1, 3)};
  } else if (kind == 2) {
    spec.input_shape = {from.between(1, 9), from.between(1, 9), from.between(1, 4)};
  }
  spec.n_features = kind == 0 ? from.between(1, 200) : spec.input_shape.size();
  randprop::ImageShape here = spec.input_shape;
  std::size_t n_inputs = spec.n_features;
  for (std::size_t n = from.between(1, 4); n != 0; --n) {
    randprop::Stage stage{randprop::Dense{1}};
    if (here.size() == 0 || from.between(0, 3) == 0) {
      stage.map = randprop::Dense{draw_units(from, n_inputs, most, 140)};
    } else {
      stage.map = draw_convolution(from, here, kind == 1, most);
    }
    spec.stages.push_back(stage);
    const randprop::StageShape shape = randprop::stage_shapes(spec).back();
    draw_units_of(from, shape, spec.stages.back());
    here = shape.out;
    n_inputs = shape.n_outputs;
  }
  return spec;
}

}  // namespace oracle
