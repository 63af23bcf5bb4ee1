// Arithmetic on sizes that a file or a caller chose: what does not fit is refused, never wrapped.
#pragma once

#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>

namespace randprop {

// Product of sizes; `what` is what the error calls it, such as "height x width x channels".
template <typename... Sizes>
std::size_t checked_product(const char* what, Sizes... sizes) {
  std::size_t product = 1;
  for (const std::size_t size : {static_cast<std::size_t>(sizes)...}) {
    if (size != 0 && product > std::numeric_limits<std::size_t>::max() / size) {
      throw std::invalid_argument(std::string(what) + " must fit a size of this machine");
    }
    product *= size;
  }
  return product;
}

// Sum of sizes.
template <typename... Sizes>
std::size_t checked_sum(const char* what, Sizes... sizes) {
  std::size_t sum = 0;
  for (const std::size_t size : {static_cast<std::size_t>(sizes)...}) {
    if (sum > std::numeric_limits<std::size_t>::max() - size) {
      throw std::invalid_argument(std::string(what) + " must fit a size of this machine");
    }
    sum += size;
  }
  return sum;
}

}  // namespace randprop
