// Which kernel serves a case.
#pragma once

#include <cstddef>

#include "randprop/network.hpp"

namespace randprop {

// popcount: AND and popcount of bit-planes. dot: 8-bit dot products. lut: tables of partial sums.
enum class KernelPath { popcount, dot, lut };

const char* kernel_name(KernelPath path) noexcept;

// The largest number of inputs whose 8-bit dot product cannot leave 32 bits: 255 * 128 * 65536 is
// below 2^31.
constexpr std::size_t max_dot_inputs = 65536;

// A matrix applied to samples.
struct KernelCase {
  unsigned weight_bits = 8;
  Features reads = Features::bits;
  std::size_t n_inputs = 0;
  std::size_t n_units = 0;
  std::size_t n_samples = 0;  // rows: of a convolution, patches
  int n_threads = 1;
  bool has_planes = true;  // weights of a caller are never laid out as bit-planes
};

// Why a kernel was chosen: it alone serves, it is the one that was named, the table of this file
// has it, or the table's choice was held against what was measured.
enum class ChosenBy { need, name, table, measurement };

struct PathChoice {
  KernelPath path;
  ChosenBy by;
};

// The kernel for a case at the SIMD level in use: the forced one (forced_kernel) where it can serve
// the case, else by measurement the fastest, else by a table. Results do not depend on it. Throws
// std::invalid_argument when a variable has a value that it cannot have.
PathChoice choose_path(const KernelCase& c);

}  // namespace randprop
