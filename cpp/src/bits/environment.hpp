// Environment variables of the library, read once for the whole process.
#pragma once

#include <string>

namespace randprop {

struct Environment {
  std::string simd;     // RANDPROP_SIMD
  std::string kernel;   // RANDPROP_KERNEL
  std::string measure;  // RANDPROP_MEASURE
};

// The first call reads, none after it does: getenv in one thread beside setenv in another reads
// memory that is already freed.
const Environment& environment();

}  // namespace randprop
