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

// The kernel for a case at the SIMD level in use: the forced one (forced_kernel) where it can serve
// the case, else the fastest of those measured. Throws std::invalid_argument when the variable
// names no kernel.
KernelPath choose_path(unsigned weight_bits, Features reads, std::size_t n_inputs,
                       std::size_t n_samples);

// Whether look-up tables serve this many bit inputs and are worth their making.
bool can_look_up(unsigned weight_bits, std::size_t n_inputs, std::size_t n_samples);

}  // namespace randprop
