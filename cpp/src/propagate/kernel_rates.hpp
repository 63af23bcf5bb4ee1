// What the kernels take on this processor for bits in and up to 8 weight bits: the fastest one
// depends on the processor, not on its SIMD level alone.
#pragma once

#include <cstddef>

#include "propagate/kernel_choice.hpp"

namespace randprop {

// Nanoseconds on one core. popcount, dot, lut: one row times a panel of 64 units. lut_tables: the
// tables of a panel, which a block of rows pays for once. lut_index: a row. Those of the look-up
// are 0 where the level has none.
struct KernelRates {
  std::size_t n_inputs = 0;  // of what was timed
  double popcount = 0;
  double popcount_input = 0;
  double dot = 0;
  double lut = 0;
  double lut_tables = 0;
  double lut_index = 0;
};

// Times the kernels of the level in use, in turn and a few times each, on bits of which half are
// set: under 2 ms.
KernelRates measure_kernels(unsigned weight_bits, std::size_t n_inputs);

// What was measured in this process for the level in use, the weight bits and the class of sizes
// that n_inputs is of. Measures where nothing was yet and `measure` is set; null otherwise, and
// where the case is never measured: scalar code, more than 8 weight bits, no memory left.
//
// The first figures that are published stay. They are published by compare-and-swap rather than
// under a mutex: a process forked while another thread measures must not inherit a locked lock. Two
// threads may measure the same case; the later one drops its figures.
const KernelRates* kernel_rates(unsigned weight_bits, std::size_t n_inputs, bool measure);

// Nanoseconds of a case by these rates, on one core.
double estimated_ns(KernelPath path, const KernelRates& rates, const KernelCase& c);

}  // namespace randprop
