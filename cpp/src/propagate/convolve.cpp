// Patches of a few images are laid out as rows (im2col), sent through the same kernels as a dense
// layer's rows, and the bits of each patch go to their place in the output. Patches of bits stay
// bits: a patch is `kernel` runs of kernel * channels consecutive bits.
#include "propagate/convolve.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <set>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/kernels.hpp"
#include "propagate/runs.hpp"

namespace randprop {
namespace {

// Patches that a thread holds at a time: enough for the tables of a look-up to be worth making,
// few enough to stay in the second-level cache.
constexpr std::size_t block_patches = 4096;
constexpr std::size_t patch_bytes = std::size_t{1} << 20;

// n <= 64 bits from bit `start` on. Reads the word of the last bit, none past it.
std::uint64_t read_bits(const std::uint64_t* words, std::size_t start, std::size_t n) {
  const std::size_t shift = start % 64;
  std::uint64_t bits = words[start / 64] >> shift;
  if (shift + n > 64) {
    bits |= words[start / 64 + 1] << (64 - shift);
  }
  return n < 64 ? bits & ((std::uint64_t{1} << n) - 1) : bits;
}

// Sets n <= 64 bits, so far zero, from bit `start` on.
void write_bits(std::uint64_t* words, std::size_t start, std::uint64_t bits, std::size_t n) {
  const std::size_t shift = start % 64;
  words[start / 64] |= bits << shift;
  if (shift + n > 64) {
    words[start / 64 + 1] |= bits >> (64 - shift);
  }
}

void copy_bits(std::uint64_t* to, std::size_t to_start, const std::uint64_t* from,
               std::size_t from_start, std::size_t n) {
  for (; n > 64; n -= 64, to_start += 64, from_start += 64) {
    write_bits(to, to_start, read_bits(from, from_start, 64), 64);
  }
  write_bits(to, to_start, read_bits(from, from_start, n), n);
}

// The features of one row of a patch that follow each other: all of them, but for a map with a
// dilation, where a pixel stands alone.
struct Runs {
  std::size_t number, length, step;

  explicit Runs(const Geometry& g)
      : number(g.dilation.x == 1 ? 1 : g.kernel.x),
        length((g.dilation.x == 1 ? g.kernel.x : 1) * g.in.channels),
        step(g.dilation.x * g.in.channels) {}
};

// One image with zeros around it, so that no patch needs its borders looked at.
class PaddedBits {
 public:
  explicit PaddedBits(const Geometry& g)
      : g_(g),
        row_words_(words_for_bits(g.padded_row()) + 1),
        words_(g.padded_height() * row_words_) {}

  void load(const BitView& x, std::size_t sample) {
    words_.assign(words_.size(), 0);
    const std::size_t row_bits = g_.in.width * g_.in.channels;
    for (std::size_t y = 0; y < g_.in.height; ++y) {
      copy_bits(words_.data() + (y + g_.padding.y) * row_words_, g_.padding.x * g_.in.channels,
                x.row(sample), y * row_bits, row_bits);
    }
  }
  void patch(std::size_t position, std::uint64_t* out) const {
    const std::size_t y = position / g_.map.width * g_.stride.y;
    const std::size_t start = position % g_.map.width * g_.stride.x * g_.in.channels;
    const Runs runs(g_);
    std::size_t place = 0;
    for (std::size_t dy = 0; dy < g_.kernel.y; ++dy) {
      const std::uint64_t* row = words_.data() + (y + dy * g_.dilation.y) * row_words_;
      for (std::size_t r = 0; r < runs.number; ++r, place += runs.length) {
        copy_bits(out, place, row, start + r * runs.step, runs.length);
      }
    }
  }

 private:
  const Geometry& g_;
  std::size_t row_words_;
  std::vector<std::uint64_t> words_;
};

class PaddedBytes {
 public:
  explicit PaddedBytes(const Geometry& g) : g_(g), bytes_(g.padded_height() * g.padded_row()) {}

  void load(const ByteView& x, std::size_t sample) {
    const std::size_t row_bytes = g_.in.width * g_.in.channels;
    for (std::size_t y = 0; y < g_.in.height; ++y) {
      std::memcpy(
          bytes_.data() + (y + g_.padding.y) * g_.padded_row() + g_.padding.x * g_.in.channels,
          x.data + sample * x.n_features + y * row_bytes, row_bytes);
    }
  }
  void patch(std::size_t position, std::uint8_t* out) const {
    const Runs runs(g_);
    const std::uint8_t* row = bytes_.data() + g_.patch(position);
    for (std::size_t dy = 0; dy < g_.kernel.y; ++dy, row += g_.dilation.y * g_.padded_row()) {
      for (std::size_t r = 0; r < runs.number; ++r, out += runs.length) {
        std::memcpy(out, row + r * runs.step, runs.length);
      }
    }
  }

 private:
  const Geometry& g_;
  std::vector<std::uint8_t> bytes_;
};

// Positions whose patches lie inside the image by the same rows and columns, and the terms of the
// units there.
struct PositionClass {
  std::vector<std::size_t> positions;
  UnitTerms terms;
};

// Rows (or columns) [first, last) of the patch at output row `o` that lie inside the image.
std::pair<std::size_t, std::size_t> inside(std::size_t o, std::size_t kernel, std::size_t stride,
                                           std::size_t padding, std::size_t dilation,
                                           std::size_t size) {
  const std::size_t start = o * stride;
  const std::size_t first = start < padding ? (padding - start + dilation - 1) / dilation : 0;
  const std::size_t last =
      (size - 1 + padding - std::min(start, size - 1 + padding)) / dilation + 1;
  return {std::min(first, kernel), std::min(last, kernel)};
}

std::vector<PositionClass> one_class(const Geometry& g, const MapWeights& map) {
  std::vector<PositionClass> classes(1);
  for (std::size_t p = 0; p < g.positions(); ++p) {
    classes[0].positions.push_back(p);
  }
  std::vector<std::int64_t> terms(map.prepared.n_units);
  for (std::size_t unit = 0; unit < terms.size(); ++unit) {
    terms[unit] = unit_term(map.matrix, map.thresholds[unit], 0, false);
  }
  classes[0].terms = make_unit_terms(map.prepared, terms.data());
  return classes;
}

std::vector<PositionClass> border_classes(const Geometry& g, const MapWeights& map) {
  using Range = std::pair<std::size_t, std::size_t>;
  std::vector<std::pair<Range, Range>> keys;
  std::vector<PositionClass> classes;
  for (std::size_t y = 0; y < g.map.height; ++y) {
    for (std::size_t x = 0; x < g.map.width; ++x) {
      const std::pair<Range, Range> key{
          inside(y, g.kernel.y, g.stride.y, g.padding.y, g.dilation.y, g.in.height),
          inside(x, g.kernel.x, g.stride.x, g.padding.x, g.dilation.x, g.in.width)};
      const auto found = std::find(keys.begin(), keys.end(), key);
      const auto index = static_cast<std::size_t>(found - keys.begin());
      if (found == keys.end()) {
        keys.push_back(key);
        classes.emplace_back();
      }
      classes[index].positions.push_back(y * g.map.width + x);
    }
  }
  std::vector<std::vector<std::int64_t>> sums(classes.size(),
                                              std::vector<std::int64_t>(map.prepared.n_units, 0));
  const std::size_t run = g.kernel.x * g.in.channels;
  for_each_weight(map.matrix, [&](std::size_t unit, std::size_t k, std::int32_t w) {
    const std::size_t dy = k / run;
    const std::size_t dx = k % run / g.in.channels;
    for (std::size_t c = 0; c < classes.size(); ++c) {
      const auto& [rows, columns] = keys[c];
      if (dy >= rows.first && dy < rows.second && dx >= columns.first && dx < columns.second) {
        sums[c][unit] += w;
      }
    }
  });
  for (std::size_t c = 0; c < classes.size(); ++c) {
    for (std::size_t unit = 0; unit < sums[c].size(); ++unit) {
      sums[c][unit] = unit_term(map.matrix, map.thresholds[unit], sums[c][unit], true);
    }
    classes[c].terms = make_unit_terms(map.prepared, sums[c].data());
  }
  return classes;
}

template <typename View>
struct Patches;
template <>
struct Patches<BitView> {
  using Element = std::uint64_t;
  using Padded = PaddedBits;
  static std::size_t row_elements(std::size_t n) { return words_for_bits(n); }
  static BitView view(const Element* data, std::size_t rows, std::size_t n) {
    return {data, rows, n};
  }
};
template <>
struct Patches<ByteView> {
  using Element = std::uint8_t;
  using Padded = PaddedBytes;
  static std::size_t row_elements(std::size_t n) { return n; }
  static ByteView view(const Element* data, std::size_t rows, std::size_t n) {
    return {data, rows, n};
  }
};

// Where the bits of patches go.
class ToBits {
 public:
  ToBits(const Geometry& g, BitMatrix& out) : channels_(g.map.channels), out_(out) {}

  void begin(std::size_t first, std::size_t n_samples) {
    for (std::size_t s = 0; s < n_samples; ++s) {
      std::memset(out_.row(first + s), 0, out_.n_words() * sizeof(std::uint64_t));
    }
  }
  void add(std::size_t sample, std::size_t position, const std::uint64_t* bits) {
    copy_bits(out_.row(sample), position * channels_, bits, 0, channels_);
  }
  void end() {}

 private:
  std::size_t channels_;
  BitMatrix& out_;
};

// Adds packed bits to counts.
class BitAdder {
 public:
  explicit BitAdder(std::size_t n_bits) : bytes_(64 * words_for_bits(n_bits)) {}
  std::size_t size() const { return bytes_.size(); }
  void add(const std::uint64_t* bits, std::uint32_t* counts) {
    kernels::active().unpack_bits(bits, bytes_.size() / 64, bytes_.data());
    for (std::size_t k = 0; k < bytes_.size(); ++k) {
      counts[k] += bytes_[k];
    }
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

// How often each channel of a window is set, for the samples of one chunk.
class ToCounts {
 public:
  ToCounts(const Geometry& g, ByteMatrix& out)
      : g_(g), out_(out), positions_(g.n_windows(), 0), adder_(g.map.channels) {
    for (std::size_t position = 0; position < g.positions(); ++position) {
      window_.push_back(static_cast<std::uint32_t>(g.window(position)));
      ++positions_[window_.back()];
    }
  }

  void begin(std::size_t first, std::size_t n_samples) {
    first_ = first;
    n_samples_ = n_samples;
    counts_.assign(n_samples * g_.n_windows() * adder_.size(), 0);
  }
  void add(std::size_t sample, std::size_t position, const std::uint64_t* bits) {
    const std::size_t window = (sample - first_) * g_.n_windows() + window_[position];
    adder_.add(bits, counts_.data() + window * adder_.size());
  }
  void end() {
    const std::size_t channels = g_.map.channels;
    for (std::size_t i = 0; i < n_samples_ * g_.n_windows(); ++i) {
      const std::size_t window = i % g_.n_windows();
      std::uint8_t* out = out_.row(first_ + i / g_.n_windows()) + window * channels;
      for (std::size_t c = 0; c < channels; ++c) {
        out[c] = count_byte(counts_[i * adder_.size() + c], positions_[window]);
      }
    }
  }

 private:
  const Geometry& g_;
  ByteMatrix& out_;
  std::vector<std::size_t> positions_;  // of each window
  std::vector<std::uint32_t> window_;   // of each position
  BitAdder adder_;
  std::size_t first_ = 0;
  std::size_t n_samples_ = 0;
  std::vector<std::uint32_t> counts_;
};

// How often each channel is set over all samples and positions.
class ToTotals {
 public:
  ToTotals(const Geometry& g, std::mutex& merging, std::vector<std::uint64_t>& totals)
      : merging_(merging), totals_(totals), adder_(g.map.channels), counts_(adder_.size(), 0) {}

  void begin(std::size_t, std::size_t) { std::fill(counts_.begin(), counts_.end(), 0U); }
  void add(std::size_t, std::size_t, const std::uint64_t* bits) {
    adder_.add(bits, counts_.data());
  }
  void end() {
    const std::lock_guard<std::mutex> lock(merging_);
    for (std::size_t c = 0; c < totals_.size(); ++c) {
      totals_[c] += counts_[c];
    }
  }

 private:
  std::mutex& merging_;
  std::vector<std::uint64_t>& totals_;
  BitAdder adder_;
  std::vector<std::uint32_t> counts_;
};

template <typename Run, typename View, typename Target>
class Worker {
  using P = Patches<View>;

 public:
  Worker(const PreparedMatrix& m, const Geometry& g, const std::vector<PositionClass>& classes,
         std::size_t n_patches, Target target)
      : g_(g),
        target_(std::move(target)),
        classes_(classes),
        row_(P::row_elements(g.patch_size())),
        run_(m, kernels::active(), kind_of<View>),
        padded_(g),
        patches_(n_patches * row_),
        bits_(n_patches, m.n_units) {
    run_.reserve(run_.rows());
  }

  void operator()(const View& x, std::size_t first, std::size_t n_samples) {
    target_.begin(first, n_samples);
    const std::size_t capacity = patches_.size() / row_;
    for (const PositionClass& cls : classes_) {
      run_.use_terms(cls.terms);
      // Patches of (sample, position), position fastest, as many at a time as there is room for.
      const std::size_t total = n_samples * cls.positions.size();
      for (std::size_t start = 0; start < total; start += capacity) {
        const std::size_t n_rows = std::min(capacity, total - start);
        gather(x, first, cls, start, n_rows);
        multiply(n_rows);
        scatter(first, cls, start, n_rows);
      }
    }
    target_.end();
  }

 private:
  void gather(const View& x, std::size_t first, const PositionClass& cls, std::size_t start,
              std::size_t n_rows) {
    std::memset(patches_.data(), 0, n_rows * row_ * sizeof(typename P::Element));
    std::size_t sample = start / cls.positions.size();
    std::size_t position = start % cls.positions.size();
    padded_.load(x, first + sample);
    for (std::size_t r = 0; r < n_rows; ++r) {
      if (position == cls.positions.size()) {
        position = 0;
        padded_.load(x, first + ++sample);
      }
      padded_.patch(cls.positions[position++], patches_.data() + r * row_);
    }
  }

  void multiply(std::size_t n_rows) {
    const View view = P::view(patches_.data(), n_rows, g_.patch_size());
    for (std::size_t row = 0; row < n_rows; row += run_.rows()) {
      run_(view, {row, std::min(run_.rows(), n_rows - row), 0, bits_.n_words()}, bits_);
    }
  }

  void scatter(std::size_t first, const PositionClass& cls, std::size_t start, std::size_t n_rows) {
    std::size_t sample = start / cls.positions.size();
    std::size_t position = start % cls.positions.size();
    for (std::size_t r = 0; r < n_rows; ++r) {
      if (position == cls.positions.size()) {
        position = 0;
        ++sample;
      }
      target_.add(first + sample, cls.positions[position++], bits_.row(r));
    }
  }

  const Geometry& g_;
  Target target_;
  const std::vector<PositionClass>& classes_;
  std::size_t row_;
  Run run_;
  typename P::Padded padded_;
  std::vector<typename P::Element> patches_;
  BitMatrix bits_;
};

template <typename Run, typename View, typename MakeTarget>
void run_convolution(const MapWeights& map, const Geometry& g, bool signed_inputs, const View& x,
                     const RunOptions& options, const MakeTarget& make_target) {
  const std::vector<PositionClass> classes =
      signed_inputs ? border_classes(g, map) : one_class(g, map);

  const std::size_t row_bytes =
      Patches<View>::row_elements(g.patch_size()) * sizeof(typename Patches<View>::Element);
  const std::size_t n_patches =
      std::clamp<std::size_t>(patch_bytes / row_bytes / 64 * 64, 64, block_patches);
  const std::size_t positions = std::max<std::size_t>(1, g.positions());
  const std::size_t samples = std::max<std::size_t>(1, (n_patches + positions / 2) / positions);
  const std::size_t n_chunks = (x.n_samples + samples - 1) / samples;
  using Target = std::decay_t<decltype(make_target())>;
  parallel_chunks(
      n_chunks, options,
      [&] { return Worker<Run, View, Target>(map.prepared, g, classes, n_patches, make_target()); },
      [&](std::size_t chunk, Worker<Run, View, Target>& worker) {
        const std::size_t first = chunk * samples;
        worker(x, first, std::min(samples, x.n_samples - first));
      });
}

template <typename View, typename MakeTarget>
void convolve_into(const MapWeights& map, const Geometry& g, bool signed_inputs, const View& x,
                   const RunOptions& options, const MakeTarget& make_target) {
  if (map.path == KernelPath::popcount) {
    run_convolution<runs::PopcountRun>(map, g, signed_inputs, x, options, make_target);
    return;
  }
  if constexpr (std::is_same_v<View, BitView>) {
    if (map.path == KernelPath::lut) {
      run_convolution<runs::LutRun>(map, g, signed_inputs, x, options, make_target);
      return;
    }
  }
  run_convolution<runs::DotRun>(map, g, signed_inputs, x, options, make_target);
}

// The channels of one dilation out of the counts of all channels with it.
void take_channels(const std::vector<std::size_t>& dilations, std::size_t dilation,
                   const ByteMatrix& from, ByteMatrix& to) {
  for (std::size_t s = 0; s < from.n_samples(); ++s) {
    for (std::size_t c = 0; c < dilations.size(); ++c) {
      if (dilations[c] == dilation) {
        to.row(s)[c] = from.row(s)[c];
      }
    }
  }
}

}  // namespace

template <typename View>
FeatureMatrix convolve(const MapWeights& map, const Geometry& g,
                       const std::vector<std::size_t>& dilations, bool signed_inputs, const View& x,
                       const RunOptions& options) {
  if (!g.counts()) {
    BitMatrix out = BitMatrix::uninitialized(x.n_samples, g.map.size());
    convolve_into(map, g, signed_inputs, x, options, [&] { return ToBits(g, out); });
    return out;
  }
  ByteMatrix out(x.n_samples, g.n_windows() * g.map.channels);
  if (dilations.empty()) {
    convolve_into(map, g, signed_inputs, x, options, [&] { return ToCounts(g, out); });
    return out;
  }
  for (const std::size_t dilation : std::set<std::size_t>(dilations.begin(), dilations.end())) {
    const Geometry here = dilated(g, dilation);
    ByteMatrix all(x.n_samples, g.map.channels);
    convolve_into(map, here, signed_inputs, x, options, [&] { return ToCounts(here, all); });
    take_channels(dilations, dilation, all, out);
  }
  return out;
}

template <typename View>
std::vector<std::uint64_t> count_convolution(const MapWeights& map, const Geometry& g,
                                             const std::vector<std::size_t>& dilations,
                                             bool signed_inputs, const View& x,
                                             const RunOptions& options) {
  std::vector<std::uint64_t> totals(g.map.channels, 0);
  std::mutex merging;
  if (dilations.empty()) {
    convolve_into(map, g, signed_inputs, x, options, [&] { return ToTotals(g, merging, totals); });
    return totals;
  }
  for (const std::size_t dilation : std::set<std::size_t>(dilations.begin(), dilations.end())) {
    std::vector<std::uint64_t> all(g.map.channels, 0);
    convolve_into(map, dilated(g, dilation), signed_inputs, x, options,
                  [&] { return ToTotals(g, merging, all); });
    for (std::size_t c = 0; c < totals.size(); ++c) {
      totals[c] = dilations[c] == dilation ? all[c] : totals[c];
    }
  }
  return totals;
}

template FeatureMatrix convolve(const MapWeights&, const Geometry&, const std::vector<std::size_t>&,
                                bool, const BitView&, const RunOptions&);
template FeatureMatrix convolve(const MapWeights&, const Geometry&, const std::vector<std::size_t>&,
                                bool, const ByteView&, const RunOptions&);
template std::vector<std::uint64_t> count_convolution(const MapWeights&, const Geometry&,
                                                      const std::vector<std::size_t>&, bool,
                                                      const BitView&, const RunOptions&);
template std::vector<std::uint64_t> count_convolution(const MapWeights&, const Geometry&,
                                                      const std::vector<std::size_t>&, bool,
                                                      const ByteView&, const RunOptions&);

}  // namespace randprop
