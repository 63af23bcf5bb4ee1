#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "bits/environment.hpp"
#include "environment_variables.hpp"
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

TEST_CASE("the environment is read once") {
  read_environment();
  const std::string level = simd_level(), kernel = kernel_choice(8, Features::bits, 784, 10000);
  set_variable("RANDPROP_SIMD", "none such");
  set_variable("RANDPROP_KERNEL", "none such");
  set_variable("RANDPROP_MEASURE", "none such");
  read_environment();
  CHECK(simd_level() == level);
  CHECK(kernel_choice(8, Features::bits, 784, 10000) == kernel);
  CHECK(measuring());
  unset_variable("RANDPROP_SIMD");
  unset_variable("RANDPROP_KERNEL");
  unset_variable("RANDPROP_MEASURE");
}

TEST_CASE("a variable is the one that the process has") {
  constexpr const char* name = "RANDPROP_TESTED_VARIABLE";
  for (const std::size_t length : {1U, 62U, 63U, 64U, 1000U}) {
    CAPTURE(length);
    const std::string value(length, 'x');
    set_variable(name, value.c_str());
    CHECK(environment_variable(name) == value);
  }
  unset_variable(name);
  CHECK(environment_variable(name).empty());
}

TEST_CASE("a kernel is used where it is named") {
  for (const char* kernel : {"popcount", "dot", "lut"}) {
    if (std::string(kernel) != "lut" || kernels::active().lut_panel != nullptr) {
      use_kernel(kernel);
      CHECK(forced_kernel() == kernel);
      CHECK(kernel_choice(8, Features::bits, 784, 10000) == kernel);
    }
  }
  CHECK_THROWS_WITH_AS(use_kernel("abacus"),
                       "kernel='abacus' is not a kernel; valid: popcount, dot, lut",
                       std::invalid_argument);
  use_kernel("");
  CHECK(forced_kernel().empty());
}

TEST_CASE("no level lacks a kernel, but for look-ups and what they and the bench need") {
  for (const std::string& level : simd_levels_supported()) {
    CAPTURE(level);
    use_simd_level(level);
    const kernels::Kernels& k = kernels::active();
    CHECK((k.philox_batch && k.transpose64 && k.popcount_threshold && k.popcount_sums));
    CHECK((k.dot_bytes && k.dot_bits && k.threshold_sums && k.unpack_bits && k.slice_bytes));
    CHECK((k.popcount_words && k.hamming_words && k.sum_bytes && k.sum_squares));
    CHECK((k.byte_distances && k.count_columns && k.sum_columns && k.spin_popcount));
    const bool has_lut = k.lut_panel != nullptr;
    CHECK(((k.lut_index != nullptr) == has_lut && (k.lut_groups != nullptr) == has_lut));
    CHECK(((k.lut_scratch_bytes != nullptr) == has_lut && (k.spin_lut != nullptr) == has_lut));
  }
}

TEST_CASE("the loops of the bench run at every level that has them") {
  for (const std::string& level : simd_levels_supported()) {
    CAPTURE(level);
    use_simd_level(level);
    const kernels::Kernels& k = kernels::active();
    CHECK((spin("popcount", 100) > 0) == (k.spin_popcount != nullptr));
    CHECK((spin("dot", 100) > 0) == (k.spin_dot != nullptr));
    CHECK((spin("lut", 100) > 0) == (k.spin_lut != nullptr));
    CHECK((spin("few", 100) > 0) == (k.spin_few != nullptr));
  }
}

TEST_CASE("a kernel is named for every case") {
  for (const unsigned weight_bits : {1U, 2U, 4U, 8U, 24U}) {
    for (const Features reads : {Features::bits, Features::bytes}) {
      for (const std::size_t n_samples : {1U, 10000U}) {
        const std::string name = kernel_choice(weight_bits, reads, 784, n_samples);
        CHECK((name == "popcount" || name == "dot" || name == "lut"));
        CHECK_FALSE(
            (name == "lut" && (reads == Features::bytes || n_samples == 1 || weight_bits == 24)));
      }
    }
  }
  CHECK(kernel_choice(8, Features::bits, 65537, 1000) == "popcount");
}
