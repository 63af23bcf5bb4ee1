#include "weights/drawn.hpp"

#include <algorithm>
#include <unordered_set>

#include "randprop/philox.hpp"
#include "randprop/threads.hpp"

namespace randprop {
namespace {

// Last words of the counters.
constexpr std::uint32_t for_inputs = 0x80000000U;
constexpr std::uint32_t for_thresholds = 0x80000001U;
constexpr std::uint32_t for_dilations = 0x80000002U;

PhiloxCounter draw(const DrawnStage& stage, std::size_t unit, std::uint32_t block,
                   std::uint32_t what) {
  return philox4x32_10(
      {static_cast<std::uint32_t>(unit), block, static_cast<std::uint32_t>(stage.index), what},
      {static_cast<std::uint32_t>(stage.seed), static_cast<std::uint32_t>(stage.seed >> 32)});
}

// Distinct numbers below n_inputs, in the order in which they are drawn.
class Distinct {
 public:
  // True where the number is new. Few are looked through; of many a table is kept.
  bool add(std::uint32_t number, const std::uint32_t* found, std::size_t n_found) {
    if (n_found < few) {
      return std::find(found, found + n_found, number) == found + n_found;
    }
    if (seen_.empty()) {
      seen_.insert(found, found + n_found);
    }
    return seen_.insert(number).second;
  }

 private:
  static constexpr std::size_t few = 64;
  std::unordered_set<std::uint32_t> seen_;
};

}  // namespace

std::vector<std::uint32_t> draw_inputs(const DrawnStage& stage, std::size_t n_inputs,
                                       std::size_t n_units, std::size_t fan_in) {
  std::vector<std::uint32_t> inputs(n_units * fan_in);
  for (std::size_t unit = 0; unit < n_units; ++unit) {
    std::uint32_t* found = inputs.data() + unit * fan_in;
    std::size_t n_found = 0;
    Distinct distinct;
    for (std::uint32_t block = 0; n_found < fan_in; ++block) {
      for (const std::uint32_t word : draw(stage, unit, block, for_inputs)) {
        const auto input = static_cast<std::uint32_t>((std::uint64_t{word} * n_inputs) >> 32);
        if (n_found < fan_in && distinct.add(input, found, n_found)) {
          found[n_found++] = input;
        }
      }
    }
    poll_interrupt();
  }
  return inputs;
}

std::vector<std::int64_t> draw_thresholds(const DrawnStage& stage, std::size_t n_units,
                                          std::int64_t bias) {
  std::vector<std::int64_t> thresholds(n_units, 0);
  if (bias == 0) {
    return thresholds;
  }
  const std::uint64_t span = 2 * static_cast<std::uint64_t>(bias) + 1;
  for (std::size_t unit = 0; unit < n_units; ++unit) {
    const std::uint64_t word = draw(stage, unit, 0, for_thresholds)[0];
    thresholds[unit] = static_cast<std::int64_t>((word * span) >> 32) - bias;
  }
  return thresholds;
}

std::vector<std::size_t> draw_dilations(const DrawnStage& stage, std::size_t n_units,
                                        std::size_t kernel, std::size_t length) {
  std::uint64_t choices = 1;
  while ((kernel - 1) << choices <= length - 1) {
    ++choices;
  }
  std::vector<std::size_t> dilations(n_units);
  for (std::size_t unit = 0; unit < n_units; ++unit) {
    const std::uint64_t word = draw(stage, unit, 0, for_dilations)[0];
    dilations[unit] = std::size_t{1} << ((word * choices) >> 32);
  }
  return dilations;
}

}  // namespace randprop
