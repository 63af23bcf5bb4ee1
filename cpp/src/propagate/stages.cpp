// What each stage reads and puts out: the only code that looks at which map a stage has, but for
// the call of its kernels in network.cpp.
#include <string>

#include "bits/require.hpp"
#include "randprop/network.hpp"

namespace randprop {
namespace {

void check_width(const char* name, std::size_t width) {
  require(width >= 1 && width <= max_width,
          std::string(name) + " must lie in [1, 2^28], got " + std::to_string(width));
}

// The shape of stage `index` behind `before`, which is null for the first.
StageShape shape_of(const NetworkSpec& spec, std::size_t index, const StageShape* before) {
  StageShape shape;
  const bool first = before == nullptr;
  shape.n_inputs = first ? spec.n_features : before->n_outputs;
  if (const auto* conv = std::get_if<Conv2D>(&spec.stages[index].map)) {
    const std::string name = "stage " + std::to_string(index);
    shape.in = first ? spec.input_shape : before->out;
    require(first || shape.in.size() != 0, name +
                                               " is a convolution and needs an image, but stage " +
                                               std::to_string(index - 1) + " is dense");
    shape.out = convolved(shape.in, *conv);
    require(shape.in.size() == shape.n_inputs,
            "the image before " + name + " has " + std::to_string(shape.in.size()) +
                " features, the stage " + std::to_string(shape.n_inputs));
    shape.n_outputs = shape.out.size();
    shape.fan_in = conv->kernel * conv->kernel * shape.in.channels;
    shape.n_units = conv->channels;
  } else {
    const std::size_t units = std::get<Dense>(spec.stages[index].map).units;
    check_width("width", units);
    shape.fan_in = shape.n_inputs;
    shape.n_outputs = shape.n_units = units;
  }
  return shape;
}

}  // namespace

ImageShape convolved(ImageShape image, const Conv2D& c) {
  for (const std::size_t number :
       {image.height, image.width, image.channels, c.channels, c.kernel, c.stride, c.padding + 1}) {
    require(
        number >= 1 && number <= max_width,
        "sizes of images and convolutions must lie in [1, 2^28], got " + std::to_string(number));
  }
  require(c.padding < c.kernel, "padding must be below the kernel, " + std::to_string(c.kernel) +
                                    ", got " + std::to_string(c.padding));
  require(c.kernel <= image.height + 2 * c.padding && c.kernel <= image.width + 2 * c.padding,
          "a kernel of " + std::to_string(c.kernel) + " does not fit an image of " +
              std::to_string(image.height) + " x " + std::to_string(image.width) +
              " with a padding of " + std::to_string(c.padding));
  const ImageShape out{(image.height + 2 * c.padding - c.kernel) / c.stride + 1,
                       (image.width + 2 * c.padding - c.kernel) / c.stride + 1, c.channels};
  require(image.height <= max_width / image.width &&
              image.height * image.width <= max_width / image.channels &&
              out.height <= max_width / out.width &&
              out.height * out.width <= max_width / c.channels &&
              c.kernel * c.kernel <= max_width / image.channels,
          "an image, its convolution or a patch has more than 2^28 features");
  return out;
}

std::vector<StageShape> stage_shapes(const NetworkSpec& spec) {
  check_width("n_features", spec.n_features);
  require(!spec.stages.empty(), "stages must name at least one stage, got none");
  std::vector<StageShape> shapes;
  for (std::size_t index = 0; index < spec.stages.size(); ++index) {
    const unsigned b = spec.stages[index].weight_bits;
    require(b == 1 || b == 2 || b == 4 || b == 8 || b == 24,
            "weight_bits must be 1, 2, 4, 8 or 24, got " + std::to_string(b));
    shapes.push_back(shape_of(spec, index, index == 0 ? nullptr : &shapes.back()));
  }
  return shapes;
}

}  // namespace randprop
