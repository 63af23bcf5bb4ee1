// Environment variables of the library, read once for the whole process.
#pragma once

#include <string>

namespace randprop {

struct Environment {
  std::string simd;     // RANDPROP_SIMD
  std::string kernel;   // RANDPROP_KERNEL
  std::string measure;  // RANDPROP_MEASURE
};

// The value of a variable as the process has it now, empty where it has none. On Windows that of
// the process and not of this library's C runtime, which read its own copy when the process began:
// what Python sets in os.environ goes through another one.
std::string environment_variable(const char* name);

// The first call reads, none after it does: getenv in one thread beside setenv in another reads
// memory that is already freed.
const Environment& environment();

}  // namespace randprop
