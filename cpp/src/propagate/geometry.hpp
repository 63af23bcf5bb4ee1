// Where the patches of a map lie, and the windows whose set bits are counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "randprop/network.hpp"

namespace randprop {

// A map of patches, a series being an image of width 1 and a dense map one patch of one pixel.
struct Geometry {
  ImageShape in;
  Extent kernel = 1, stride = 1, padding = 0, dilation = 1;
  ImageShape map;   // positions down and across, and channels
  Extent pool = 0;  // windows down and across; 0: the bits of the map

  std::size_t positions() const { return map.height * map.width; }
  std::size_t patch_size() const { return kernel.y * kernel.x * in.channels; }
  bool counts() const { return pool.y != 0; }
  std::size_t n_windows() const { return counts() ? pool.y * pool.x : positions(); }
  // The padded image, and its features from one pixel to the next down.
  std::size_t padded_height() const { return in.height + 2 * padding.y; }
  std::size_t padded_width() const { return in.width + 2 * padding.x; }
  std::size_t padded_row() const { return padded_width() * in.channels; }

  // The first feature of a patch in the padded image.
  std::size_t patch(std::size_t position) const {
    return position / map.width * stride.y * padded_row() +
           position % map.width * stride.x * in.channels;
  }
  // An input's place in the padded image, from the patch's first feature.
  std::size_t tap(std::size_t input) const {
    const std::size_t pixel = input / in.channels;
    return pixel / kernel.x * dilation.y * padded_row() +
           pixel % kernel.x * dilation.x * in.channels + input % in.channels;
  }
  // The window of a position.
  std::size_t window(std::size_t position) const {
    const auto of = [](std::size_t place, std::size_t n_windows, std::size_t size) {
      // The largest j whose edge floor(j size / n_windows) is not beyond `place`.
      return ((place + 1) * n_windows - 1) / size;
    };
    return of(position / map.width, pool.y, map.height) * pool.x +
           of(position % map.width, pool.x, map.width);
  }
  // Positions of each window.
  std::vector<std::vector<std::size_t>> windows() const {
    std::vector<std::vector<std::size_t>> found(n_windows());
    for (std::size_t position = 0; position < positions(); ++position) {
      found[window(position)].push_back(position);
    }
    return found;
  }
};

// The convolution of a stage that is one; of a series as of an image of width 1.
Conv2D image_map(const Stage& stage);
// Whether each channel has a dilation of its own.
bool draws_dilations(const Stage& stage);
// With drawn dilations as for the smallest of them, 1.
Geometry geometry_of(const Stage& stage, const StageShape& shape);
// The same with another dilation down.
Geometry dilated(const Geometry& geometry, std::size_t dilation);

// A count as a byte.
inline std::uint8_t count_byte(std::uint64_t count, std::size_t positions) {
  return static_cast<std::uint8_t>(positions <= 255 ? count : count * 255 / positions);
}

}  // namespace randprop
