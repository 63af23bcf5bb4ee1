// What a stage draws beside weights of some bits: the few inputs of a unit, thresholds, dilations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace randprop {

// Where the numbers of a stage stand.
struct DrawnStage {
  std::uint64_t seed = 0;
  std::size_t index = 0;  // m
};

// The inputs of n_units units that look at fan_in of n_inputs each, unit i at i * fan_in: those of
// weight +1 first, (fan_in + 1) / 2 of them, then those of weight -1.
std::vector<std::uint32_t> draw_inputs(const DrawnStage& stage, std::size_t n_inputs,
                                       std::size_t n_units, std::size_t fan_in);
// Uniform in [-bias, bias], bias below 2^31.
std::vector<std::int64_t> draw_thresholds(const DrawnStage& stage, std::size_t n_units,
                                          std::int64_t bias);
// A power of 2 for each unit, such that `kernel` inputs, at least 2, so far apart fit `length`.
std::vector<std::size_t> draw_dilations(const DrawnStage& stage, std::size_t n_units,
                                        std::size_t kernel, std::size_t length);

}  // namespace randprop
