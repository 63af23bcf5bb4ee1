#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>

#include "kernels/kernels.hpp"
#include "randprop/network.hpp"
#include "randprop/simd.hpp"

using namespace randprop;

TEST_CASE("levels") {
  const auto built = simd_levels_built();
  const auto supported = simd_levels_supported();
  CHECK(built.front() == "scalar");
  CHECK(supported.front() == "scalar");
  for (const std::string& level : supported) {
    CHECK(std::find(built.begin(), built.end(), level) != built.end());
    use_simd_level(level);
    CHECK(simd_level() == level);
    CHECK(std::string(kernels::active().name) == level);
  }
  // Neither what no build has nor what this CPU lacks is taken.
  CHECK_THROWS_AS(use_simd_level("mmx"), std::invalid_argument);
  for (const std::string& level : built) {
    if (std::find(supported.begin(), supported.end(), level) == supported.end()) {
      CHECK_THROWS_AS(use_simd_level(level), std::invalid_argument);
    }
  }
  CHECK(simd_level() == supported.back());
}

TEST_CASE("a kernel is named for every case") {
  for (const unsigned weight_bits : {1U, 2U, 4U, 8U, 24U}) {
    for (const bool bytes : {false, true}) {
      for (const std::size_t n_samples : {1U, 10000U}) {
        const std::string name = kernel_choice(weight_bits, bytes, 784, n_samples);
        CHECK((name == "popcount" || name == "dot" || name == "lut"));
        CHECK_FALSE((name == "lut" && (bytes || n_samples == 1 || weight_bits == 24)));
      }
    }
  }
  CHECK(kernel_choice(8, false, 65537, 1000) == "popcount");
}
