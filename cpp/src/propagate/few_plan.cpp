#include "propagate/few_plan.hpp"

#include <algorithm>
#include <utility>

namespace randprop {
namespace {

// Beyond this the columns of 512 samples would not stay in a cache, and 64 go at a time.
constexpr std::size_t wide_bytes = std::size_t{4} << 20;

// Bits read as -1 and +1 take two planes where there is padding, which is neither.
unsigned planes_of(const Geometry& g, Features reads, bool signed_inputs) {
  if (reads == Features::bytes) {
    return 8;
  }
  return signed_inputs && (g.padding.y != 0 || g.padding.x != 0) ? 2 : 1;
}

}  // namespace

FewPlan::FewPlan(const FewInputs& few_inputs, const Geometry& geometry,
                 const std::vector<std::size_t>& dilations, Features reads, bool signed_inputs,
                 std::size_t n_samples)
    : few(few_inputs),
      g(geometry),
      n_planes(planes_of(geometry, reads, signed_inputs)),
      signed_(signed_inputs) {
  const bool is_all = g.patch_size() == g.in.size() && g.padding.y == 0 && g.padding.x == 0;
  if (is_all && dilations.empty() && few.inputs.size() < g.in.size()) {
    keep_used_columns();
  } else {
    place_image();
  }
  sort_channels(dilations);
  const bool wide = n_samples > 64 && n_columns() * n_planes * 64 <= wide_bytes;
  n_words = wide ? kernels::kSliceWords : 1;
}

kernels::FewInputsBlock FewPlan::block(const FewSites& at, std::size_t unit, std::size_t first,
                                       std::size_t last, const std::uint64_t* columns,
                                       std::size_t used_words) const {
  kernels::FewInputsBlock block;
  block.x = columns;
  block.n_planes = n_planes;
  block.plane_words = n_words;
  block.n_words = used_words;
  block.positions = at.positions.data() + first;
  block.n_positions = last - first;
  block.taps = taps_.data() + unit * few.fan_in;
  block.n_plus = few.n_plus();
  block.n_minus = few.fan_in - few.n_plus();
  std::int64_t threshold = few.thresholds[unit];
  if (signed_) {
    // -1 and +1 are read as 0 and 2, and padding as 1: an input more of weight +1 than of -1
    // adds 1. Without padding as 0 and 1.
    threshold = std::clamp<std::int64_t>(threshold, -max_sum, max_sum);
    threshold += static_cast<std::int64_t>(few.fan_in % 2);
    threshold = n_planes == 2 ? threshold : threshold >> 1;
  }
  // Beyond what a sum can be, all thresholds are the same.
  block.threshold =
      static_cast<std::int32_t>(std::clamp<std::int64_t>(threshold, -max_sum, max_sum));
  return block;
}

std::int64_t FewPlan::sum_of(std::uint64_t total) const {
  const std::size_t n_minus = few.fan_in - few.n_plus();
  const auto shift = static_cast<std::int64_t>(n_minus * ((std::size_t{1} << n_planes) - 1));
  std::int64_t sum = static_cast<std::int64_t>(total) - shift;
  if (signed_) {
    sum = n_planes == 2 ? sum : 2 * sum;
    sum -= static_cast<std::int64_t>(few.fan_in % 2);
  }
  return sum;
}

void FewPlan::keep_used_columns() {
  features_ = few.inputs;
  std::sort(features_.begin(), features_.end());
  features_.erase(std::unique(features_.begin(), features_.end()), features_.end());
  taps_.reserve(few.inputs.size());
  for (const std::uint32_t input : few.inputs) {
    const auto found = std::lower_bound(features_.begin(), features_.end(), input);
    taps_.push_back(static_cast<std::uint32_t>(found - features_.begin()));
  }
}

void FewPlan::place_image() {
  features_.assign(g.padded_height() * g.padded_row(), none);
  const std::size_t row = g.in.width * g.in.channels;
  for (std::size_t y = 0; y < g.in.height; ++y) {
    for (std::size_t k = 0; k < row; ++k) {
      features_[(y + g.padding.y) * g.padded_row() + g.padding.x * g.in.channels + k] =
          static_cast<std::uint32_t>(y * row + k);
    }
  }
}

void FewPlan::sort_channels(const std::vector<std::size_t>& dilations) {
  const bool placed = taps_.empty();
  std::vector<std::size_t> distinct = dilations;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  if (distinct.empty()) {
    distinct.push_back(0);
  }
  taps_.resize(few.inputs.size());
  for (const std::size_t dilation : distinct) {
    const Geometry here = dilation == 0 ? g : dilated(g, dilation);
    FewSites sites;
    for (std::size_t c = 0; c < g.map.channels; ++c) {
      if (dilation == 0 || dilations[c] == dilation) {
        sites.channels.push_back(c);
      }
    }
    if (placed) {
      for (const std::size_t c : sites.channels) {
        for (std::size_t j = c * few.fan_in; j < (c + 1) * few.fan_in; ++j) {
          taps_[j] = static_cast<std::uint32_t>(here.tap(few.inputs[j]));
        }
      }
    }
    if (g.counts()) {
      for (const auto& window : here.windows()) {
        sites.windows.push_back(sites.positions.size());
        for (const std::size_t position : window) {
          sites.positions.push_back(static_cast<std::uint32_t>(here.patch(position)));
        }
      }
    } else {
      for (std::size_t position = 0; position < here.positions(); ++position) {
        sites.positions.push_back(static_cast<std::uint32_t>(here.patch(position)));
      }
    }
    sites.windows.push_back(sites.positions.size());
    sites_.push_back(std::move(sites));
  }
}

}  // namespace randprop
