#include "bits/environment.hpp"

#if !defined(_WIN32)
#include <cstdlib>
#endif

#include "bits/windows.hpp"
#include "randprop/simd.hpp"

namespace randprop {

std::string environment_variable(const char* name) {
#if defined(_WIN32)
  std::string value(63, '\0');
  while (true) {
    // What is written, or what there must be room for.
    const auto room = static_cast<DWORD>(value.size());
    const DWORD size = GetEnvironmentVariableA(name, value.data(), room);
    value.resize(size);
    if (size <= room) {
      return value;
    }
  }
#else
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
#endif
}

const Environment& environment() {
  // Never destroyed: threads may still compute while the process exits.
  static const Environment& values = *new Environment{environment_variable("RANDPROP_SIMD"),
                                                      environment_variable("RANDPROP_KERNEL"),
                                                      environment_variable("RANDPROP_MEASURE")};
  return values;
}

void read_environment() { (void)environment(); }

}  // namespace randprop
