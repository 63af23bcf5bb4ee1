// Samples go through a map side by side, bit-sliced: 512 at a time, or 64. Their features are laid
// out as columns of a bit a sample, or 8 bits, with the padding around them, so that a patch is a
// place to begin and a unit a list of columns from there.
#include "propagate/few_inputs.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "bits/views.hpp"
#include "kernels/kernels.hpp"
#include "propagate/few_along.hpp"
#include "propagate/few_plan.hpp"
#include "propagate/ranks.hpp"

namespace randprop {
namespace {

// Masks that are held before they are written out as bits: 512 KB.
constexpr std::size_t held_words = 65536;
// Groups of 64 features whose bytes are cut into planes at a time.
constexpr std::size_t cut_groups = 16;
// Sums are ranked where all of a unit's fit so much.
constexpr std::size_t max_ranked_bytes = std::size_t{32} << 20;
// Counts of more positions are turned to bytes by division rather than by a table.
constexpr std::size_t max_table = std::size_t{1} << 20;

// How counts become bytes, the same for all threads.
class Counts {
 public:
  explicit Counts(const FewPlan& plan)
      : sites(plan.g.map.channels), channels_(plan.g.map.channels) {
    std::size_t most = 0;
    for (const FewSites& at : plan.sites()) {
      for (const std::size_t channel : at.channels) {
        sites[channel] = &at;
      }
      for (std::size_t w = 0; w + 1 < at.windows.size(); ++w) {
        most = std::max(most, at.windows[w + 1] - at.windows[w]);
      }
    }
    n_planes = bits_of(most);
    if (n_planes > 8) {
      for (const FewSites& at : plan.sites()) {
        add_tables(at);
      }
    }
  }

  std::uint8_t as_byte(std::uint32_t count, std::size_t feature) const {
    const FewSites& at = *sites[feature % channels_];
    const std::size_t window = feature / channels_;
    const std::size_t positions = at.windows[window + 1] - at.windows[window];
    const auto table = tables_.find(positions);
    return table == tables_.end() ? count_byte(count, positions) : table->second[count];
  }

  std::size_t n_planes;                // bits of the largest count
  std::vector<const FewSites*> sites;  // of each channel

 private:
  void add_tables(const FewSites& at) {
    for (std::size_t w = 0; w + 1 < at.windows.size(); ++w) {
      const std::size_t positions = at.windows[w + 1] - at.windows[w];
      if (positions <= max_table && tables_.find(positions) == tables_.end()) {
        std::vector<std::uint8_t>& table = tables_[positions];
        for (std::size_t count = 0; count <= positions; ++count) {
          table.push_back(count_byte(count, positions));
        }
      }
    }
  }

  std::size_t channels_;
  std::map<std::size_t, std::vector<std::uint8_t>> tables_;  // by the number of positions
};

// What a thread holds: the columns of a block of samples, and what is on its way to the output.
class Worker {
 public:
  explicit Worker(const FewPlan& plan)
      : plan_(plan),
        k_(kernels::active()),
        n_words_(plan.n_words),
        columns_(plan.n_columns() * plan.n_planes * n_words_) {
    columns_.fill_zero();
    if (plan.n_planes == 2) {  // padding reads as 1
      for (std::size_t c = 0; c < plan.n_columns(); ++c) {
        if (plan.features()[c] == FewPlan::none) {
          std::fill_n(column(c), n_words_, ~std::uint64_t{0});
        }
      }
    }
  }

  // The samples [first, first + n_samples), unless they are there already.
  template <typename View>
  void load(const View& x, std::size_t first, std::size_t n_samples) {
    if (first == first_ && n_samples == n_samples_) {
      return;
    }
    first_ = first;
    n_samples_ = n_samples;
    used_words_ = (n_samples + 63) / 64;
    for (std::size_t w = 0; w < used_words_; ++w) {
      load_word(x, w);
    }
  }

  // Words [word0, word1) of the bits of the map: position after position, all channels of each.
  void write_bits(BitMatrix& out, std::size_t word0, std::size_t word1) {
    const std::size_t step = std::max<std::size_t>(1, held_words / (64 * n_words_));
    masks_.resize(std::min(step, word1 - word0) * 64 * n_words_);
    for (std::size_t word = word0; word < word1; word += step) {
      const std::size_t last = std::min(word1, word + step);
      const std::size_t bit1 = std::min(out.n_bits(), 64 * last);
      make_masks(64 * word, bit1);
      std::fill(masks_.begin() + static_cast<std::ptrdiff_t>((bit1 - 64 * word) * n_words_),
                masks_.end(), 0);
      for (std::size_t at = word; at < last; ++at) {
        for (std::size_t w = 0; w < used_words_; ++w) {
          std::uint64_t block[64];
          for (std::size_t bit = 0; bit < 64; ++bit) {
            block[bit] = masks_[(64 * (at - word) + bit) * n_words_ + w];
          }
          k_.transpose64(block);
          const std::size_t n = std::min<std::size_t>(64, n_samples_ - 64 * w);
          for (std::size_t s = 0; s < n; ++s) {
            out.row(first_ + 64 * w + s)[at] = block[s];
          }
        }
      }
    }
  }

  // Counts of features [feature0, feature1), channels of each window, fewer than 65 of them.
  void write_counts(const Counts& counts, ByteMatrix& out, std::size_t feature0,
                    std::size_t feature1) {
    const std::size_t stride = counts.n_planes * n_words_;
    counters_.resize(64 * counts.n_planes * n_words_);
    for (std::size_t f = feature0; f < feature1; ++f) {
      const std::size_t channel = f % plan_.g.map.channels;
      const std::size_t window = f / plan_.g.map.channels;
      const FewSites& sites = *counts.sites[channel];
      const kernels::FewInputsBlock block =
          plan_.block(sites, channel, sites.windows[window], sites.windows[window + 1],
                      columns_.data(), used_words_);
      std::uint64_t* planes = counters_.data() + (f - feature0) * stride;
      k_.few_counts(block, planes);
      // A window of fewer positions may have fewer bits.
      std::fill(planes + bits_of(block.n_positions) * n_words_, planes + stride, 0);
    }
    poll_interrupt();
    for (std::size_t w = 0; w < used_words_; ++w) {
      write_word(counts, out, feature0, feature1, w);
    }
  }

  // Bits of the sums of a unit at all its positions: plane j at planes + j * stride.
  void write_sums(const FewSites& sites, std::size_t unit, std::uint64_t* planes,
                  std::size_t stride) const {
    k_.few_sums(plan_.block(sites, unit, 0, sites.positions.size(), columns_.data(), used_words_),
                planes, stride);
  }
  // Ones for the samples that are there, for so many positions.
  void write_mask(std::size_t n_positions, std::uint64_t* mask) const {
    for (std::size_t p = 0; p < n_positions; ++p) {
      for (std::size_t w = 0; w < n_words_; ++w) {
        mask[p * n_words_ + w] = w < used_words_ ? there(w) : 0;
      }
    }
  }

  void add_counts(std::uint64_t* totals) {
    for (const FewSites& sites : plan_.sites()) {
      const std::size_t n_planes = bits_of(sites.positions.size());
      counters_.resize(n_planes * n_words_);
      for (const std::size_t channel : sites.channels) {
        k_.few_counts(
            plan_.block(sites, channel, 0, sites.positions.size(), columns_.data(), used_words_),
            counters_.data());
        for (std::size_t p = 0; p < n_planes; ++p) {
          std::uint64_t set = 0;
          for (std::size_t w = 0; w < used_words_; ++w) {
            const std::uint64_t word = counters_[p * n_words_ + w] & there(w);
            set += k_.popcount_words(&word, 1);
          }
          totals[channel] += set << p;
        }
      }
      poll_interrupt();
    }
  }

 private:
  std::uint64_t* column(std::size_t c) { return columns_.data() + c * plan_.n_planes * n_words_; }
  // The samples of a word that are there.
  std::uint64_t there(std::size_t w) const {
    const std::size_t n = n_samples_ - 64 * w;
    return n >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
  }

  void load_word(const BitView& x, std::size_t w) {
    const std::size_t first = first_ + 64 * w;
    const std::size_t n = std::min<std::size_t>(64, n_samples_ - 64 * w);
    std::uint64_t block[64];
    std::size_t held = ~std::size_t{0};  // the word whose features stand in `block`
    for (std::size_t c = 0; c < plan_.n_columns(); ++c) {
      const std::uint32_t feature = plan_.features()[c];
      if (feature == FewPlan::none) {
        continue;
      }
      if (feature / 64 != held) {
        held = feature / 64;
        for (std::size_t s = 0; s < 64; ++s) {
          block[s] = s < n ? x.row(first + s)[held] : 0;
        }
        k_.transpose64(block);
      }
      // As 0 and 2 where there are two planes.
      column(c)[(plan_.n_planes - 1) * n_words_ + w] = block[feature % 64];
    }
  }

  void load_word(const ByteView& x, std::size_t w) {
    const std::size_t first = first_ + 64 * w;
    const std::size_t n = std::min<std::size_t>(64, n_samples_ - 64 * w);
    const std::size_t n_groups = (x.n_features + 63) / 64;
    cut_.resize(std::size_t{64} * 8 * cut_groups);
    std::size_t c = 0;
    for (std::size_t group = 0; group < n_groups; group += cut_groups) {
      const std::size_t last = std::min(n_groups, group + cut_groups);
      // Columns stand in the order of their features.
      while (c < plan_.n_columns() && plan_.features()[c] == FewPlan::none) {
        ++c;
      }
      if (c == plan_.n_columns()) {
        return;
      }
      if (plan_.features()[c] >= 64 * last) {
        continue;
      }
      const std::size_t n_bytes = std::min(x.n_features, 64 * last) - 64 * group;
      // Plane j of sample s, word g: cut_[(j * cut_groups + g) * 64 + s], transposed in place.
      for (std::size_t s = 0; s < 64; ++s) {
        std::uint64_t planes[8 * cut_groups] = {};
        if (s < n) {
          k_.slice_bytes(x.row(first + s) + 64 * group, n_bytes, planes, last - group);
        }
        for (std::size_t j = 0; j < 8; ++j) {
          for (std::size_t g = 0; g < last - group; ++g) {
            cut_[(j * cut_groups + g) * 64 + s] = planes[j * (last - group) + g];
          }
        }
      }
      for (std::size_t j = 0; j < 8; ++j) {
        for (std::size_t g = 0; g < last - group; ++g) {
          k_.transpose64(cut_.data() + (j * cut_groups + g) * 64);
        }
      }
      for (; c < plan_.n_columns(); ++c) {
        const std::uint32_t feature = plan_.features()[c];
        if (feature == FewPlan::none) {
          continue;
        }
        if (feature >= 64 * last) {
          break;
        }
        const std::size_t at = feature - 64 * group;
        for (std::size_t j = 0; j < 8; ++j) {
          column(c)[j * n_words_ + w] = cut_[(j * cut_groups + at / 64) * 64 + at % 64];
        }
      }
    }
  }

  // Masks of the bits [bit0, bit1), bit position * channels + channel.
  void make_masks(std::size_t bit0, std::size_t bit1) {
    const FewSites& sites = plan_.sites().front();
    const std::size_t channels = plan_.g.map.channels;
    const auto make = [&](std::size_t channel, std::size_t first, std::size_t last) {
      k_.few_masks(plan_.block(sites, channel, first, last, columns_.data(), used_words_),
                   masks_.data() + (first * channels + channel - bit0) * n_words_,
                   channels * n_words_);
    };
    if (channels >= bit1 - bit0) {
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

  // Bytes of the counters of features [feature0, feature1), for the samples of word w.
  void write_word(const Counts& counts, ByteMatrix& out, std::size_t feature0, std::size_t feature1,
                  std::size_t w) {
    const std::size_t n = std::min<std::size_t>(64, n_samples_ - 64 * w);
    const std::size_t n_features = feature1 - feature0;
    const std::size_t n_bytes = (counts.n_planes + 7) / 8;
    // Bytes 8 b of the counts: of feature f, sample s in `joined`, of sample s, feature f across.
    std::uint8_t across[4][64 * 64];
    for (std::size_t b = 0; b < n_bytes; ++b) {
      std::uint8_t joined[64 * 64];
      const std::size_t n_planes = std::min<std::size_t>(8, counts.n_planes - 8 * b);
      for (std::size_t f = 0; f < n_features; ++f) {
        k_.join_planes(counters_.data() + (f * counts.n_planes + 8 * b) * n_words_ + w, n_planes,
                       n_words_, joined + 64 * f);
      }
      std::memset(joined + 64 * n_features, 0, 64 * (64 - n_features));
      k_.transpose_bytes(joined, 64, across[b]);
    }
    for (std::size_t s = 0; s < n; ++s) {
      std::uint8_t* row = out.row(first_ + 64 * w + s) + feature0;
      if (n_bytes <= 1) {
        std::memcpy(row, across[0] + 64 * s, n_features);
        continue;
      }
      for (std::size_t f = 0; f < n_features; ++f) {
        std::uint32_t count = 0;
        for (std::size_t b = 0; b < n_bytes; ++b) {
          count |= std::uint32_t{across[b][64 * s + f]} << (8 * b);
        }
        row[f] = counts.as_byte(count, feature0 + f);
      }
    }
  }

  const FewPlan& plan_;
  const kernels::Kernels& k_;
  const std::size_t n_words_;  // of a plane
  std::size_t first_ = 0, n_samples_ = 0, used_words_ = 0;
  AlignedArray<std::uint64_t> columns_;
  std::vector<std::uint64_t> masks_, counters_, cut_;
};

// Calls use(worker, part, n_parts) for every block of samples: for all of it, or where blocks are
// fewer than would keep the threads busy, for parts of its output, of `most_parts` at most.
template <typename View, typename Use>
void each_block(const FewPlan& plan, const View& x, std::size_t most_parts,
                const RunOptions& options, const Use& use) {
  const std::size_t samples = 64 * plan.n_words;
  const std::size_t n_blocks = (x.n_samples + samples - 1) / samples;
  const double block_work = few_work(plan.few, plan.g.positions(), plan.n_planes);
  RunOptions run = options;
  std::size_t n_parts = 1;
  if (block_work * static_cast<double>(n_blocks) < min_few_work) {
    run.n_threads = 1;
  } else {
    const auto threads = static_cast<std::size_t>(worker_count(~std::size_t{0}, options));
    const std::size_t wanted = threads == 1 || n_blocks == 0 ? 1 : (4 * threads - 1) / n_blocks + 1;
    n_parts = std::clamp<std::size_t>(static_cast<std::size_t>(2 * block_work / min_few_work), 1,
                                      std::min(wanted, most_parts));
  }
  parallel_chunks(
      n_blocks * n_parts, run, [&] { return Worker(plan); },
      [&](std::size_t chunk, Worker& worker) {
        const std::size_t first = chunk / n_parts * samples;
        worker.load(x, first, std::min(samples, x.n_samples - first));
        use(worker, chunk % n_parts, n_parts);
      });
}

// Groups [first, last) of part `part` of `n_parts`.
std::pair<std::size_t, std::size_t> share(std::size_t n_groups, std::size_t part,
                                          std::size_t n_parts) {
  return {n_groups * part / n_parts, n_groups * (part + 1) / n_parts};
}

}  // namespace

template <typename View>
FeatureMatrix propagate_few(const FewInputs& few, const Geometry& g,
                            const std::vector<std::size_t>& dilations, bool signed_inputs,
                            const View& x, const RunOptions& options) {
  if constexpr (kind_of<View> == Features::bytes) {
    if (g.counts() && suits_along(g, x.n_samples)) {
      return count_along(few, g, dilations, x, options);
    }
  }
  const FewPlan plan(few, g, dilations, kind_of<View>, signed_inputs, x.n_samples);
  if (g.counts()) {
    ByteMatrix out(x.n_samples, g.n_windows() * g.map.channels);
    const Counts counts(plan);
    const std::size_t n_groups = words_for_bits(out.n_features());
    each_block(plan, x, n_groups, options,
               [&](Worker& worker, std::size_t part, std::size_t n_parts) {
                 const auto [first, last] = share(n_groups, part, n_parts);
                 for (std::size_t group = first; group < last; ++group) {
                   worker.write_counts(counts, out, 64 * group,
                                       std::min(out.n_features(), 64 * (group + 1)));
                 }
               });
    return out;
  }
  BitMatrix out = BitMatrix::uninitialized(x.n_samples, g.map.size());
  each_block(plan, x, out.n_words(), options,
             [&](Worker& worker, std::size_t part, std::size_t n_parts) {
               const auto [first, last] = share(out.n_words(), part, n_parts);
               worker.write_bits(out, first, last);
             });
  return out;
}

template <typename View>
std::vector<std::uint64_t> count_few(const FewInputs& few, const Geometry& g,
                                     const std::vector<std::size_t>& dilations, bool signed_inputs,
                                     const View& x, const RunOptions& options) {
  const FewPlan plan(few, g, dilations, kind_of<View>, signed_inputs, x.n_samples);
  std::vector<std::uint64_t> totals(g.map.channels, 0);
  std::mutex merging;
  each_block(plan, x, 1, options, [&](Worker& worker, std::size_t, std::size_t) {
    std::vector<std::uint64_t> counts(g.map.channels, 0);
    worker.add_counts(counts.data());
    const std::lock_guard<std::mutex> lock(merging);
    for (std::size_t c = 0; c < counts.size(); ++c) {
      totals[c] += counts[c];
    }
  });
  return totals;
}

template <typename View>
std::vector<std::int64_t> ranked_sums(const FewInputs& few, const Geometry& g,
                                      const std::vector<std::size_t>& dilations, bool signed_inputs,
                                      const View& x, const std::vector<std::uint64_t>& ranks,
                                      const RunOptions& options) {
  if constexpr (kind_of<View> == Features::bytes) {
    if (g.counts() && suits_along(g, x.n_samples)) {
      return ranked_along(few, g, dilations, x, ranks, options);
    }
  }
  const FewPlan plan(few, g, dilations, kind_of<View>, signed_inputs, x.n_samples);
  const std::size_t samples = 64 * plan.n_words;
  const std::size_t n_blocks = (x.n_samples + samples - 1) / samples;
  const std::size_t n_planes = plan.n_planes + bits_of(few.fan_in);
  std::size_t most = 0;
  for (const FewSites& sites : plan.sites()) {
    most = std::max(most, sites.positions.size());
  }
  const std::size_t stride = n_blocks * most * plan.n_words;
  if (n_blocks * plan.n_columns() * plan.n_planes * plan.n_words * 8 > max_ranked_bytes ||
      stride * n_planes * 8 > max_ranked_bytes) {
    return {};
  }
  std::vector<Worker> blocks;
  blocks.reserve(n_blocks);
  for (std::size_t b = 0; b < n_blocks; ++b) {
    blocks.emplace_back(plan);
  }
  parallel_chunks(n_blocks, options, [&](std::size_t b, int) {
    blocks[b].load(x, b * samples, std::min(samples, x.n_samples - b * samples));
  });
  struct Job {
    const FewSites* sites;
    std::size_t unit;
  };
  std::vector<Job> jobs;
  for (const FewSites& sites : plan.sites()) {
    for (const std::size_t unit : sites.channels) {
      jobs.push_back({&sites, unit});
    }
  }
  struct Scratch {
    AlignedArray<std::uint64_t> planes, mask;
  };
  std::vector<std::int64_t> found(jobs.size());
  parallel_chunks(
      jobs.size(), options,
      [&] {
        Scratch scratch{AlignedArray<std::uint64_t>(stride * n_planes),
                        AlignedArray<std::uint64_t>(stride)};
        scratch.planes.fill_zero();
        return scratch;
      },
      [&](std::size_t index, Scratch& scratch) {
        const Job& job = jobs[index];
        const std::size_t n_words = job.sites->positions.size() * plan.n_words;
        for (std::size_t b = 0; b < n_blocks; ++b) {
          blocks[b].write_sums(*job.sites, job.unit, scratch.planes.data() + b * n_words, stride);
          blocks[b].write_mask(job.sites->positions.size(), scratch.mask.data() + b * n_words);
          poll_interrupt();
        }
        found[job.unit] = plan.sum_of(
            ranked(scratch.planes.data(), stride, n_planes, scratch.mask.data(), n_blocks * n_words,
                   x.n_samples * job.sites->positions.size(), ranks[job.unit]));
      });
  return found;
}

template std::vector<std::int64_t> ranked_sums(const FewInputs&, const Geometry&,
                                               const std::vector<std::size_t>&, bool,
                                               const BitView&, const std::vector<std::uint64_t>&,
                                               const RunOptions&);
template std::vector<std::int64_t> ranked_sums(const FewInputs&, const Geometry&,
                                               const std::vector<std::size_t>&, bool,
                                               const ByteView&, const std::vector<std::uint64_t>&,
                                               const RunOptions&);
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
