// Where the columns, taps and positions of a map of few inputs stand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernels.hpp"
#include "propagate/few_inputs.hpp"
#include "propagate/geometry.hpp"

namespace randprop {

// Where the channels of one dilation stand: all of them, but for series with drawn dilations.
struct FewSites {
  std::vector<std::uint32_t> positions;  // the column at which each patch begins, window by window
  std::vector<std::size_t> windows;      // where each window's positions begin, and the end
  std::vector<std::size_t> channels;
};

// What all threads share: the columns of a block of samples, and for each unit its taps.
class FewPlan {
 public:
  FewPlan(const FewInputs& few_inputs, const Geometry& geometry,
          const std::vector<std::size_t>& dilations, Features reads, bool signed_inputs,
          std::size_t n_samples);

  std::size_t n_columns() const { return features_.size(); }
  // The feature of each column; `none` where it is padding.
  const std::vector<std::uint32_t>& features() const { return features_; }
  const std::vector<FewSites>& sites() const { return sites_; }

  // Unit `unit` at some of the positions of its sites.
  kernels::FewInputsBlock block(const FewSites& at, std::size_t unit, std::size_t first,
                                std::size_t last, const std::uint64_t* columns,
                                std::size_t used_words) const;
  // A sum of the definition, from the number that a sum of a block is.
  std::int64_t sum_of(std::uint64_t total) const;

  static constexpr std::uint32_t none = 0xFFFFFFFFU;
  const FewInputs& few;
  const Geometry& g;
  const unsigned n_planes;  // bits of an input
  std::size_t n_words = 1;  // of a plane of a block

 private:
  static constexpr std::int64_t max_sum = std::int64_t{255} * kernels::kMaxFewInputs;
  const bool signed_;

  // One patch that is all of the input, in its order: the inputs that some unit looks at.
  void keep_used_columns();
  void place_image();
  void sort_channels(const std::vector<std::size_t>& dilations);

  std::vector<std::uint32_t> features_;
  std::vector<std::uint32_t> taps_;
  std::vector<FewSites> sites_;
};

}  // namespace randprop
