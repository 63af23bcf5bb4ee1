// Runs the tests and says which SIMD levels they covered.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <iostream>

#include "randprop/simd.hpp"

int main(int argc, char** argv) {
  std::cout << "SIMD levels tested:";
  for (const std::string& level : randprop::simd_levels_supported()) {
    std::cout << " " << level;
  }
  std::cout << "; built:";
  for (const std::string& level : randprop::simd_levels_built()) {
    std::cout << " " << level;
  }
  std::cout << '\n' << std::flush;
  return doctest::Context(argc, argv).run();
}
