// A bit of a word is a time of a series. What a unit looks at from there lies at fixed distances:
// each of these is a copy of the series' bit-planes, moved by so much, and 512 times of all copies
// stand side by side. Channels of the same inputs share their sums and differ in thresholds.
#include "propagate/few_along.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "bits/views.hpp"
#include "kernels/kernels.hpp"
#include "propagate/ranks.hpp"

namespace randprop {
namespace {

constexpr std::size_t n_planes = 8;
constexpr std::size_t words = kernels::kSliceWords;
// What the copies of all series for one dilation may take: there are up to some twenty.
constexpr std::size_t max_bytes = std::size_t{8} << 20;

// Channels of one dilation and the same inputs.
using Group = std::vector<std::size_t>;

std::vector<Group> groups_of(const FewInputs& few, const std::vector<std::size_t>& channels) {
  std::map<std::vector<std::uint32_t>, Group> found;
  for (const std::size_t channel : channels) {
    const auto first = few.inputs.begin() + static_cast<std::ptrdiff_t>(channel * few.fan_in);
    const auto minus = first + static_cast<std::ptrdiff_t>(few.n_plus());
    std::vector<std::uint32_t> key(first, first + static_cast<std::ptrdiff_t>(few.fan_in));
    // Their order within a sign is no matter.
    std::sort(key.begin(), key.begin() + (minus - first));
    std::sort(key.begin() + (minus - first), key.end());
    found[std::move(key)].push_back(channel);
  }
  std::vector<Group> groups;
  groups.reserve(found.size());
  for (auto& [key, group] : found) {
    groups.push_back(std::move(group));
  }
  return groups;
}

// The copies of all series for one dilation.
class Copies {
 public:
  Copies(const Geometry& geometry, std::size_t n_samples)
      : g_(geometry),
        n_positions_(geometry.positions()),
        sample_words_(words_for_bits(n_positions_)),
        n_taps_(geometry.patch_size()),
        n_chunks_((n_samples * sample_words_ + words - 1) / words),
        planes_(n_chunks_ * n_taps_ * n_planes * words),
        mask_(n_chunks_ * words, 0),
        positions_(n_chunks_) {
    planes_.fill_zero();
    for (std::size_t chunk = 0; chunk < n_chunks_; ++chunk) {
      positions_[chunk] = static_cast<std::uint32_t>(chunk * n_taps_);
    }
    for (std::size_t w = 0; w < n_samples * sample_words_; ++w) {
      const std::size_t n = n_positions_ - w % sample_words_ * 64;
      mask_[w] = n >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
    }
  }

  // Samples that share a chunk write to different words of it.
  void load(const ByteView& x, std::size_t sample) {
    const kernels::Kernels& k = kernels::active();
    const std::size_t channels = g_.in.channels;
    const std::size_t length = g_.padded_height();
    // One word more: a run of 64 bits may begin anywhere.
    const std::size_t row_words = words_for_bits(length) + 1;
    std::vector<std::uint8_t> values(64 * row_words, 0);
    std::vector<std::uint64_t> bits(n_planes * row_words);
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t t = 0; t < g_.in.height; ++t) {
        values[g_.padding.y + t] = x.row(sample)[t * channels + c];
      }
      k.slice_bytes(values.data(), values.size(), bits.data(), row_words);
      for (std::size_t tap = 0; tap < g_.kernel.y; ++tap) {
        const std::size_t first = tap * g_.dilation.y;
        for (std::size_t j = 0; j < n_planes; ++j) {
          place(bits.data() + j * row_words, first, sample, (tap * channels + c) * n_planes + j);
        }
      }
    }
  }

  std::size_t n_positions() const { return n_positions_; }
  std::size_t sample_words() const { return sample_words_; }
  std::size_t n_words() const { return n_chunks_ * words; }
  const std::vector<std::uint64_t>& mask() const { return mask_; }

  kernels::FewInputsBlock block(const FewInputs& few, std::size_t channel) const {
    constexpr std::int64_t most = std::int64_t{255} * kernels::kMaxFewInputs;
    kernels::FewInputsBlock block;
    block.x = planes_.data();
    block.n_planes = n_planes;
    block.plane_words = words;
    block.n_words = words;
    block.positions = positions_.data();
    block.n_positions = n_chunks_;
    block.taps = few.inputs.data() + channel * few.fan_in;
    block.n_plus = few.n_plus();
    block.n_minus = few.fan_in - few.n_plus();
    block.threshold =
        static_cast<std::int32_t>(std::clamp<std::int64_t>(few.thresholds[channel], -most, most));
    return block;
  }

 private:
  // Bits from `first` on, to the words of a sample in a plane of a tap.
  void place(const std::uint64_t* bits, std::size_t first, std::size_t sample, std::size_t plane) {
    const std::size_t shift = first % 64;
    for (std::size_t w = 0; w < sample_words_; ++w) {
      const std::uint64_t* from = bits + first / 64 + w;
      const std::size_t word = sample * sample_words_ + w;
      std::uint64_t value = from[0] >> shift;
      if (shift != 0 && n_positions_ - 64 * w > 64 - shift) {
        value |= from[1] << (64 - shift);
      }
      planes_[(word / words * n_taps_ * n_planes + plane) * words + word % words] = value;
    }
  }

  Geometry g_;
  std::size_t n_positions_, sample_words_, n_taps_, n_chunks_;
  AlignedArray<std::uint64_t> planes_;
  std::vector<std::uint64_t> mask_;  // the bits of words that are times of a series
  std::vector<std::uint32_t> positions_;
};

struct Scratch {
  AlignedArray<std::uint64_t> sums, mask;
};

// use(copies, group, scratch) for the groups of every dilation; scratch holds the planes of a sum.
template <typename Use>
void each_group(const FewInputs& few, const Geometry& g, const std::vector<std::size_t>& dilations,
                const ByteView& x, const RunOptions& options, const Use& use) {
  std::vector<std::size_t> distinct = dilations;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  if (distinct.empty()) {
    distinct.push_back(g.dilation.y);
  }
  std::vector<Copies> copies;
  copies.reserve(distinct.size());
  std::vector<std::pair<std::size_t, Group>> groups;  // the index of the copies, and channels
  std::size_t most_words = 0;
  for (const std::size_t dilation : distinct) {
    std::vector<std::size_t> channels;
    for (std::size_t c = 0; c < g.map.channels; ++c) {
      if (dilations.empty() || dilations[c] == dilation) {
        channels.push_back(c);
      }
    }
    for (Group& group : groups_of(few, channels)) {
      groups.emplace_back(copies.size(), std::move(group));
    }
    copies.emplace_back(dilated(g, dilation), x.n_samples);
    most_words = std::max(most_words, copies.back().n_words());
  }
  RunOptions run = options;
  if (few_work(few, most_words / words, n_planes) < min_few_work) {
    run.n_threads = 1;
  }
  parallel_chunks(copies.size() * x.n_samples, run, [&](std::size_t chunk, int) {
    copies[chunk / x.n_samples].load(x, chunk % x.n_samples);
  });
  const std::size_t sum_planes = n_planes + bits_of(few.fan_in);
  parallel_chunks(
      groups.size(), run,
      [&] {
        return Scratch{AlignedArray<std::uint64_t>(sum_planes * most_words),
                       AlignedArray<std::uint64_t>(most_words)};
      },
      [&](std::size_t index, Scratch& scratch) {
        use(copies[groups[index].first], groups[index].second, scratch);
        poll_interrupt();
      });
}

}  // namespace

bool suits_along(const Geometry& g, std::size_t n_samples) {
  if (n_samples == 0 || g.in.width != 1 || g.kernel.x != 1 || g.stride.y != 1 ||
      g.n_windows() != 1 || g.positions() < 64) {
    return false;
  }
  const std::size_t along = n_samples * round_up(g.positions(), 64);
  const std::size_t across = round_up(n_samples, 64 * words) * g.positions();
  // Three quarters: bits of a series have to be counted where those of samples side by side are.
  return along / 3 <= across / 4 && along / 8 * g.patch_size() * n_planes <= max_bytes;
}

ByteMatrix count_along(const FewInputs& few, const Geometry& g,
                       const std::vector<std::size_t>& dilations, const ByteView& x,
                       const RunOptions& options) {
  ByteMatrix out(x.n_samples, g.map.channels);
  const kernels::Kernels& k = kernels::active();
  const std::size_t sum_planes = n_planes + bits_of(few.fan_in);
  const auto shift = static_cast<std::int64_t>((few.fan_in - few.n_plus()) * 255);
  each_group(
      few, g, dilations, x, options,
      [&](const Copies& copies, const Group& group, Scratch& scratch) {
        if (group.size() > 1) {
          k.few_sums(copies.block(few, group.front()), scratch.sums.data(), copies.n_words());
        }
        for (const std::size_t channel : group) {
          const kernels::FewInputsBlock block = copies.block(few, channel);
          if (group.size() > 1) {
            k.planes_above(scratch.sums.data(), copies.n_words(), sum_planes,
                           block.threshold + shift, scratch.mask.data(), copies.n_words());
          } else {
            k.few_masks(block, scratch.mask.data(), words);
          }
          for (std::size_t s = 0; s < x.n_samples; ++s) {
            const std::size_t first = s * copies.sample_words();
            const std::uint64_t count = k.count_common(
                scratch.mask.data() + first, copies.mask().data() + first, copies.sample_words());
            out.row(s)[channel] = count_byte(count, copies.n_positions());
          }
        }
      });
  return out;
}

std::vector<std::int64_t> ranked_along(const FewInputs& few, const Geometry& g,
                                       const std::vector<std::size_t>& dilations, const ByteView& x,
                                       const std::vector<std::uint64_t>& ranks,
                                       const RunOptions& options) {
  std::vector<std::int64_t> found(g.map.channels);
  const kernels::Kernels& k = kernels::active();
  const std::size_t sum_planes = n_planes + bits_of(few.fan_in);
  const auto shift = static_cast<std::int64_t>((few.fan_in - few.n_plus()) * 255);
  each_group(few, g, dilations, x, options,
             [&](const Copies& copies, const Group& group, Scratch& scratch) {
               k.few_sums(copies.block(few, group.front()), scratch.sums.data(), copies.n_words());
               for (const std::size_t channel : group) {
                 std::copy(copies.mask().begin(), copies.mask().end(), scratch.mask.data());
                 const std::uint64_t total =
                     ranked(scratch.sums.data(), copies.n_words(), sum_planes, scratch.mask.data(),
                            copies.n_words(), x.n_samples * copies.n_positions(), ranks[channel]);
                 found[channel] = static_cast<std::int64_t>(total) - shift;
               }
             });
  return found;
}

}  // namespace randprop
