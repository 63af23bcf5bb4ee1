#include "bits/environment.hpp"

#include <cstdlib>

#include "randprop/simd.hpp"

namespace randprop {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

const Environment& environment() {
  // Never destroyed: threads may still compute while the process exits.
  static const Environment& values = *new Environment{
      variable("RANDPROP_SIMD"), variable("RANDPROP_KERNEL"), variable("RANDPROP_MEASURE")};
  return values;
}

void read_environment() { (void)environment(); }

}  // namespace randprop
