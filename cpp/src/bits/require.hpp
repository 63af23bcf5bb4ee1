// How arguments are refused.
#pragma once

#include <stdexcept>
#include <string>

namespace randprop {

inline void require(bool condition, const std::string& message) {
  if (!condition) {
    throw std::invalid_argument(message);
  }
}

}  // namespace randprop
