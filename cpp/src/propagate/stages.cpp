// What each stage reads and puts out: the only code that looks at which map a stage has.
#include <string>

#include "bits/require.hpp"
#include "bits/sizes.hpp"
#include "kernels/kernels.hpp"
#include "propagate/geometry.hpp"
#include "randprop/network.hpp"

namespace randprop {
namespace {

std::string shown(std::size_t number) { return std::to_string(number); }

void check_size(const std::string& name, std::size_t size) {
  require(size >= 1 && size <= max_width, name + " must lie in [1, 2^28], got " + shown(size));
}

// Positions along one direction. Each number must lie in [1, 2^28] but for the padding.
std::size_t places(std::size_t size, std::size_t kernel, std::size_t stride, std::size_t padding,
                   std::size_t dilation) {
  for (const std::size_t number : {size, kernel, stride, padding + 1, dilation}) {
    check_size("sizes of images and convolutions", number);
  }
  require(padding < kernel,
          "padding must be below the kernel, " + shown(kernel) + ", got " + shown(padding));
  const std::size_t reach = dilation * (kernel - 1) + 1;
  require(reach <= size + 2 * padding, "a kernel of " + shown(kernel) + " with a dilation of " +
                                           shown(dilation) + " does not fit a size of " +
                                           shown(size) + " with a padding of " + shown(padding));
  return (size + 2 * padding - reach) / stride + 1;
}

void check_features(const ImageShape& image) {
  // Each is at most 2^28, or twice that: two of them multiply without wrapping.
  require(image.height * image.width <= max_width / image.channels,
          "an image, its convolution or a patch has more than 2^28 features");
}

void check_pool(const Extent& pool, const ImageShape& map) {
  require((pool.y == 0) == (pool.x == 0) && pool.y <= map.height && pool.x <= map.width,
          "a pool of " + shown(pool.y) + " x " + shown(pool.x) + " does not fit a map of " +
              shown(map.height) + " x " + shown(map.width));
}

// A series as an image of width 1; drawn dilations as the first of them, 1.
Conv2D as_image_map(const Conv1D& conv) {
  Conv2D map;
  map.channels = conv.channels;
  map.kernel = {conv.kernel, 1};
  map.stride = {conv.stride, 1};
  map.padding = {conv.padding, 0};
  map.dilation = {conv.dilation == 0 ? 1 : conv.dilation, 1};
  map.pool = {conv.pool, conv.pool == 0 ? std::size_t{0} : std::size_t{1}};
  return map;
}

void check_series(const Conv1D& conv, const ImageShape& in, const std::string& name) {
  require(in.width <= 1, name + " reads a series, but its input is an image");
  require(conv.dilation != 0 || (conv.kernel >= 2 && conv.padding == 0 && conv.pool == 1),
          name +
              " draws its dilations: it needs a kernel of at least 2, no padding and a pool of "
              "1, got a kernel of " +
              shown(conv.kernel) + ", a padding of " + shown(conv.padding) + ", a pool of " +
              shown(conv.pool));
}

// Of a convolution.
void place_image(const NetworkSpec& spec, std::size_t index, const StageShape* before,
                 StageShape& shape) {
  const Stage& stage = spec.stages[index];
  const std::string name = "stage " + shown(index);
  shape.in = before == nullptr ? spec.input_shape : before->out;
  require(
      before == nullptr || shape.in.size() != 0,
      name + " is a convolution and needs an image, but stage " + shown(index - 1) + " is dense");
  const auto* series = std::get_if<Conv1D>(&stage.map);
  require(before == nullptr || shape.in.size() == 0 ||
              std::holds_alternative<Conv1D>(spec.stages[index - 1].map) == (series != nullptr),
          name + " reads " + (series != nullptr ? "a series" : "an image") +
              ", but its input is not one");
  if (series != nullptr) {
    check_series(*series, shape.in, name);
  }
  const Conv2D conv = image_map(stage);
  shape.map = convolved(shape.in, conv);
  require(shape.in.size() == shape.n_inputs, "the image before " + name + " has " +
                                                 shown(shape.in.size()) + " features, the stage " +
                                                 shown(shape.n_inputs));
  shape.out = shape.map;
  if (conv.pool.y != 0) {
    shape.out.height = conv.pool.y;
    shape.out.width = conv.pool.x;
    shape.gives = Features::bytes;
  }
  shape.n_outputs = shape.out.size();
  shape.n_patch = conv.kernel.y * conv.kernel.x * shape.in.channels;
  shape.n_units = conv.channels;
}

// The shape of stage `index` behind `before`, which is null for the first.
StageShape shape_of(const NetworkSpec& spec, std::size_t index, const StageShape* before) {
  const Stage& stage = spec.stages[index];
  StageShape shape;
  shape.n_inputs = before == nullptr ? spec.n_features : before->n_outputs;
  if (const auto* dense = std::get_if<Dense>(&stage.map)) {
    check_size("width", dense->units);
    shape.n_patch = shape.n_inputs;
    shape.n_outputs = shape.n_units = dense->units;
  } else {
    place_image(spec, index, before, shape);
  }
  const unsigned b = stage.weight_bits;
  require(b == 1 || b == 2 || b == 4 || b == 8 || b == 24,
          "weight_bits must be 1, 2, 4, 8 or 24, got " + std::to_string(b));
  require(stage.fan_in <= shape.n_patch && stage.fan_in <= kernels::kMaxFewInputs,
          "fan_in must be at most the inputs of a unit, " + shown(shape.n_patch) +
              ", and 65,536, got " + shown(stage.fan_in));
  require(checked_product("fan_in times units", stage.fan_in, shape.n_units) <= max_width,
          "fan_in times units must be at most 2^28, got " + shown(stage.fan_in) + " x " +
              shown(shape.n_units));
  require(stage.bias >= 0 && stage.bias < std::int64_t{1} << 31,
          "bias must lie in [0, 2^31), got " + std::to_string(stage.bias));
  require(stage.thresholds.empty() || stage.thresholds.size() == shape.n_units,
          "thresholds must be one per unit, " + shown(shape.n_units) + ", got " +
              shown(stage.thresholds.size()));
  require(stage.thresholds.empty() || stage.bias == 0,
          "a stage has thresholds or a bias, not both");
  return shape;
}

}  // namespace

Conv2D image_map(const Stage& stage) {
  const auto* series = std::get_if<Conv1D>(&stage.map);
  return series != nullptr ? as_image_map(*series) : std::get<Conv2D>(stage.map);
}

bool draws_dilations(const Stage& stage) {
  const auto* series = std::get_if<Conv1D>(&stage.map);
  return series != nullptr && series->dilation == 0;
}

Geometry geometry_of(const Stage& stage, const StageShape& shape) {
  Geometry g;
  if (std::holds_alternative<Dense>(stage.map)) {
    g.in = {1, 1, shape.n_inputs};
    g.map = {1, 1, shape.n_units};
    return g;
  }
  const Conv2D conv = image_map(stage);
  g.in = shape.in;
  g.map = shape.map;
  g.kernel = conv.kernel;
  g.stride = conv.stride;
  g.padding = conv.padding;
  g.dilation = conv.dilation;
  g.pool = conv.pool;
  return g;
}

Geometry dilated(const Geometry& geometry, std::size_t dilation) {
  Geometry g = geometry;
  g.dilation.y = dilation;
  g.map.height = places(g.in.height, g.kernel.y, g.stride.y, g.padding.y, dilation);
  return g;
}

ImageShape convolved(ImageShape image, const Conv2D& c) {
  check_size("sizes of images and convolutions", image.channels);
  check_size("sizes of images and convolutions", c.channels);
  const ImageShape map{places(image.height, c.kernel.y, c.stride.y, c.padding.y, c.dilation.y),
                       places(image.width, c.kernel.x, c.stride.x, c.padding.x, c.dilation.x),
                       c.channels};
  check_features(image);
  check_features(map);
  check_features({c.kernel.y, c.kernel.x, image.channels});
  check_pool(c.pool, map);
  return map;
}

std::vector<StageShape> stage_shapes(const NetworkSpec& spec) {
  check_size("n_features", spec.n_features);
  require(!spec.stages.empty(), "stages must have at least one stage, got none");
  std::vector<StageShape> shapes;
  shapes.reserve(spec.stages.size());
  for (std::size_t index = 0; index < spec.stages.size(); ++index) {
    shapes.push_back(shape_of(spec, index, index == 0 ? nullptr : &shapes.back()));
  }
  return shapes;
}

}  // namespace randprop
