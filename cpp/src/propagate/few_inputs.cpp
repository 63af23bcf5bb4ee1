// 64 samples go through a map side by side. Their features are laid out as columns, a byte a
// sample, with the padding around them, so that a patch is a place to begin and a unit a list of
// columns from there.
#include "propagate/few_inputs.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <type_traits>

#include "bits/views.hpp"
#include "kernels/kernels.hpp"

namespace randprop {
namespace {

constexpr std::size_t n_lanes = kernels::kFewSamples;
// Masks that are held before they are written out as bits: 512 KB.
constexpr std::size_t held_masks = 65536;

// Where the channels of one dilation stand: all of them, but for series with drawn dilations.
struct Sites {
  std::vector<std::uint32_t> positions;  // the column at which each patch begins, window by window
  std::vector<std::size_t> windows;      // where each window's positions begin, and the end
  std::vector<std::size_t> channels;
};

// What all threads share: the columns of a block of samples, and for each unit its taps.
class Plan {
 public:
  Plan(const FewInputs& few_inputs, const Geometry& geometry,
       const std::vector<std::size_t>& dilations, bool signed_inputs)
      : few(few_inputs),
        g(geometry),
        shift(signed_inputs ? static_cast<std::int64_t>(few.fan_in % 2) : 0) {
    const bool is_all = g.patch_size() == g.in.size() && g.padding.y == 0 && g.padding.x == 0;
    if (is_all && dilations.empty() && few.inputs.size() < g.in.size()) {
      keep_used_columns();
    } else {
      place_image();
    }
    sort_channels(dilations);
  }

  std::size_t n_columns() const { return features_.size(); }
  // The feature of each column; `none` where it is padding.
  const std::vector<std::uint32_t>& features() const { return features_; }
  const std::vector<Sites>& sites() const { return sites_; }

  // Unit `unit` at some of the positions of its sites.
  kernels::FewInputsBlock block(const Sites& at, std::size_t unit, std::size_t first,
                                std::size_t last, const std::uint8_t* columns) const {
    const std::int64_t low = -255 * static_cast<std::int64_t>(few.fan_in - few.n_plus()) - 1;
    const std::int64_t high = 255 * static_cast<std::int64_t>(few.n_plus());
    kernels::FewInputsBlock block;
    block.x = columns;
    block.positions = at.positions.data() + first;
    block.n_positions = last - first;
    block.taps = taps_.data() + unit * few.fan_in;
    block.n_plus = few.n_plus();
    block.n_minus = few.fan_in - few.n_plus();
    // -1 and +1 are read as 0 and 2: what that adds, the threshold has too. Beyond what a sum can
    // be, all thresholds are the same.
    block.threshold =
        static_cast<std::int32_t>(std::clamp(few.thresholds[unit], low - shift, high) + shift);
    return block;
  }

  static constexpr std::uint32_t none = 0xFFFFFFFFU;
  const FewInputs& few;
  const Geometry& g;
  const std::int64_t shift;

 private:
  // One patch that is all of the input, in its order: the inputs that some unit looks at.
  void keep_used_columns() {
    features_ = few.inputs;
    std::sort(features_.begin(), features_.end());
    features_.erase(std::unique(features_.begin(), features_.end()), features_.end());
    taps_.reserve(few.inputs.size());
    for (const std::uint32_t input : few.inputs) {
      const auto found = std::lower_bound(features_.begin(), features_.end(), input);
      taps_.push_back(static_cast<std::uint32_t>(found - features_.begin()));
    }
  }

  void place_image() {
    features_.assign(g.padded_height() * g.padded_row(), none);
    const std::size_t row = g.in.width * g.in.channels;
    for (std::size_t y = 0; y < g.in.height; ++y) {
      for (std::size_t k = 0; k < row; ++k) {
        features_[(y + g.padding.y) * g.padded_row() + g.padding.x * g.in.channels + k] =
            static_cast<std::uint32_t>(y * row + k);
      }
    }
  }

  void sort_channels(const std::vector<std::size_t>& dilations) {
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
      Sites sites;
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

  std::vector<std::uint32_t> features_;
  std::vector<std::uint32_t> taps_;
  std::vector<Sites> sites_;
};

// What a thread holds: the columns of its 64 samples, and masks on their way to bits.
class Worker {
 public:
  Worker(const Plan& plan, bool signed_inputs)
      : plan_(plan),
        k_(kernels::active()),
        scale_(signed_inputs ? 2 : 1),
        columns_(plan.n_columns() * n_lanes) {
    std::memset(columns_.data(), signed_inputs ? 1 : 0, columns_.bytes());
  }

  void load(const ByteView& x, std::size_t first, std::size_t n_samples) {
    for (std::size_t c = 0; c < plan_.n_columns(); ++c) {
      const std::uint32_t feature = plan_.features()[c];
      if (feature == Plan::none) {
        continue;
      }
      std::uint8_t* column = columns_.data() + c * n_lanes;
      for (std::size_t s = 0; s < n_samples; ++s) {
        column[s] = x.row(first + s)[feature];
      }
      std::memset(column + n_samples, 0, n_lanes - n_samples);
    }
  }

  void load(const BitView& x, std::size_t first, std::size_t n_samples) {
    std::uint64_t block[64];
    std::size_t held = ~std::size_t{0};  // the word whose features stand in `block`
    for (std::size_t c = 0; c < plan_.n_columns(); ++c) {
      const std::uint32_t feature = plan_.features()[c];
      if (feature == Plan::none) {
        continue;
      }
      if (feature / 64 != held) {
        held = feature / 64;
        for (std::size_t s = 0; s < 64; ++s) {
          block[s] = s < n_samples ? x.row(first + s)[held] : 0;
        }
        k_.transpose64(block);
      }
      std::uint8_t* column = columns_.data() + c * n_lanes;
      k_.unpack_bits(block + feature % 64, 1, column);
      for (std::size_t s = 0; s < n_lanes; ++s) {
        column[s] = static_cast<std::uint8_t>(column[s] * scale_);
      }
    }
  }

  // Bits of the map, position after position, all channels of each.
  void write_bits(std::size_t first, std::size_t n_samples, BitMatrix& out) {
    const Sites& sites = plan_.sites().front();
    const std::size_t channels = plan_.g.map.channels;
    const std::size_t n_bits = out.n_bits();
    masks_.assign(std::min(held_masks, (n_bits + 63) / 64 * 64), 0);
    for (std::size_t bit0 = 0; bit0 < n_bits; bit0 += masks_.size()) {
      const std::size_t bit1 = std::min(n_bits, bit0 + masks_.size());
      make_masks(sites, channels, bit0, bit1);
      std::fill(masks_.begin() + static_cast<std::ptrdiff_t>(bit1 - bit0), masks_.end(), 0);
      for (std::size_t bit = bit0; bit < bit1; bit += 64) {
        std::uint64_t* block = masks_.data() + (bit - bit0);
        k_.transpose64(block);
        for (std::size_t s = 0; s < n_samples; ++s) {
          out.row(first + s)[bit / 64] = block[s];
        }
      }
    }
  }

  void write_counts(std::size_t first, std::size_t n_samples, ByteMatrix& out) {
    const std::size_t channels = plan_.g.map.channels;
    for (const Sites& sites : plan_.sites()) {
      for (std::size_t w = 0; w + 1 < sites.windows.size(); ++w) {
        const std::size_t n_positions = sites.windows[w + 1] - sites.windows[w];
        for (const std::size_t channel : sites.channels) {
          std::uint32_t counts[n_lanes] = {};
          k_.few_counts(
              plan_.block(sites, channel, sites.windows[w], sites.windows[w + 1], columns_.data()),
              counts);
          for (std::size_t s = 0; s < n_samples; ++s) {
            out.row(first + s)[w * channels + channel] = count_byte(counts[s], n_positions);
          }
        }
        poll_interrupt();
      }
    }
  }

  void add_counts(std::size_t n_samples, std::uint64_t* totals) {
    for (const Sites& sites : plan_.sites()) {
      for (const std::size_t channel : sites.channels) {
        std::uint32_t counts[n_lanes] = {};
        k_.few_counts(plan_.block(sites, channel, 0, sites.positions.size(), columns_.data()),
                      counts);
        for (std::size_t s = 0; s < n_samples; ++s) {
          totals[channel] += counts[s];
        }
      }
      poll_interrupt();
    }
  }

 private:
  // masks_[bit - bit0] for the bits [bit0, bit1), bit position * channels + channel.
  void make_masks(const Sites& sites, std::size_t channels, std::size_t bit0, std::size_t bit1) {
    const auto make = [&](std::size_t channel, std::size_t first, std::size_t last) {
      k_.few_masks(plan_.block(sites, channel, first, last, columns_.data()),
                   masks_.data() + (first * channels + channel - bit0), channels);
    };
    if (channels >= masks_.size()) {
      for (std::size_t bit = bit0; bit < bit1; ++bit) {
        make(bit % channels, bit / channels, bit / channels + 1);
      }
    } else {
      for (std::size_t channel = 0; channel < channels; ++channel) {
        const std::size_t first = bit0 <= channel ? 0 : (bit0 - channel + channels - 1) / channels;
        const std::size_t last = bit1 <= channel ? 0 : (bit1 - channel + channels - 1) / channels;
        if (first < last) {
          make(channel, first, last);
        }
      }
    }
    poll_interrupt();
  }

  const Plan& plan_;
  const kernels::Kernels& k_;
  unsigned scale_;
  AlignedArray<std::uint8_t> columns_;
  std::vector<std::uint64_t> masks_;
};

template <typename View, typename Use>
void each_block(const Plan& plan, bool signed_inputs, const View& x, const RunOptions& options,
                const Use& use) {
  const std::size_t n_chunks = (x.n_samples + n_lanes - 1) / n_lanes;
  parallel_chunks(
      n_chunks, options, [&] { return Worker(plan, signed_inputs); },
      [&](std::size_t chunk, Worker& worker) {
        const std::size_t first = chunk * n_lanes;
        const std::size_t n_samples = std::min(n_lanes, x.n_samples - first);
        worker.load(x, first, n_samples);
        use(worker, first, n_samples);
      });
}

}  // namespace

template <typename View>
FeatureMatrix propagate_few(const FewInputs& few, const Geometry& g,
                            const std::vector<std::size_t>& dilations, bool signed_inputs,
                            const View& x, const RunOptions& options) {
  const Plan plan(few, g, dilations, signed_inputs);
  if (g.counts()) {
    ByteMatrix out(x.n_samples, g.n_windows() * g.map.channels);
    each_block(plan, signed_inputs, x, options,
               [&](Worker& worker, std::size_t first, std::size_t n) {
                 worker.write_counts(first, n, out);
               });
    return out;
  }
  BitMatrix out = BitMatrix::uninitialized(x.n_samples, g.map.size());
  each_block(
      plan, signed_inputs, x, options,
      [&](Worker& worker, std::size_t first, std::size_t n) { worker.write_bits(first, n, out); });
  return out;
}

template <typename View>
std::vector<std::uint64_t> count_few(const FewInputs& few, const Geometry& g,
                                     const std::vector<std::size_t>& dilations, bool signed_inputs,
                                     const View& x, const RunOptions& options) {
  const Plan plan(few, g, dilations, signed_inputs);
  std::vector<std::uint64_t> totals(g.map.channels, 0);
  std::mutex merging;
  each_block(plan, signed_inputs, x, options, [&](Worker& worker, std::size_t, std::size_t n) {
    std::vector<std::uint64_t> counts(g.map.channels, 0);
    worker.add_counts(n, counts.data());
    const std::lock_guard<std::mutex> lock(merging);
    for (std::size_t c = 0; c < counts.size(); ++c) {
      totals[c] += counts[c];
    }
  });
  return totals;
}

template FeatureMatrix propagate_few(const FewInputs&, const Geometry&,
                                     const std::vector<std::size_t>&, bool, const BitView&,
                                     const RunOptions&);
template FeatureMatrix propagate_few(const FewInputs&, const Geometry&,
                                     const std::vector<std::size_t>&, bool, const ByteView&,
                                     const RunOptions&);
template std::vector<std::uint64_t> count_few(const FewInputs&, const Geometry&,
                                              const std::vector<std::size_t>&, bool, const BitView&,
                                              const RunOptions&);
template std::vector<std::uint64_t> count_few(const FewInputs&, const Geometry&,
                                              const std::vector<std::size_t>&, bool,
                                              const ByteView&, const RunOptions&);

}  // namespace randprop
