// Which instruction sets this build holds, which this CPU runs, and which one is in use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace randprop {

// Names, best last: "scalar", "avx2", "avx512", "amx", "neon", "simd128".
std::vector<std::string> simd_levels_built();
// Those of simd_levels_built() that this CPU (and the operating system) can run.
std::vector<std::string> simd_levels_supported();

// Reads the environment variables of the library, RANDPROP_SIMD, RANDPROP_KERNEL and
// RANDPROP_MEASURE: the first call of this process does, or the first use. Later changes of them
// change nothing. To be called before other threads start where those may set variables. Refuses no
// value: their use does.
void read_environment();

// The level that computations use. The first call decides: RANDPROP_SIMD if it is set and not
// empty, else the best supported. Throws std::invalid_argument, which lists the valid names, when
// RANDPROP_SIMD names a level that the build or the CPU lacks.
std::string simd_level();
// Selects a level for all later computations of this process; throws as above.
void use_simd_level(const std::string& name);

// For benchmarks: runs the instructions that a kernel ("popcount", "dot" or "lut") rests on with
// all operands in registers, and returns the multiply-adds that they stand for; 0 where the level
// in use has no such loop.
std::uint64_t spin(const std::string& kernel, std::size_t n_rounds);

}  // namespace randprop
