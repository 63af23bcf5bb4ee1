// Patches of a few images are laid out as rows (im2col), sent through the same kernels as a dense
// layer's rows, and the bits of each patch go to their place in the output. Patches of bits stay
// bits: a patch is `kernel` runs of kernel * channels consecutive bits.
#include "propagate/convolve.hpp"

#include <algorithm>
#include <cstring>
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
      copy_bits(words_.data() + (y + g_.conv.padding) * row_words_,
                g_.conv.padding * g_.in.channels, x.row(sample), y * row_bits, row_bits);
    }
  }
  void patch(std::size_t position, std::uint64_t* out) const {
    const std::size_t y = position / g_.out.width * g_.conv.stride;
    const std::size_t start = position % g_.out.width * g_.conv.stride * g_.in.channels;
    const std::size_t run = g_.run();
    const std::uint64_t* row = words_.data() + y * row_words_;
    for (std::size_t dy = 0; dy < g_.conv.kernel; ++dy, row += row_words_) {
      copy_bits(out, dy * run, row, start, run);
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
      std::memcpy(bytes_.data() + (y + g_.conv.padding) * g_.padded_row() +
                      g_.conv.padding * g_.in.channels,
                  x.data + sample * x.n_features + y * row_bytes, row_bytes);
    }
  }
  void patch(std::size_t position, std::uint8_t* out) const {
    const std::size_t y = position / g_.out.width * g_.conv.stride;
    const std::size_t start = position % g_.out.width * g_.conv.stride * g_.in.channels;
    const std::size_t run = g_.run();
    const std::uint8_t* row = bytes_.data() + y * g_.padded_row() + start;
    for (std::size_t dy = 0; dy < g_.conv.kernel; ++dy, row += g_.padded_row()) {
      std::memcpy(out + dy * run, row, run);
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
std::pair<std::size_t, std::size_t> inside(std::size_t o, const Conv2D& conv, std::size_t size) {
  const std::size_t start = o * conv.stride;
  const std::size_t first = start < conv.padding ? conv.padding - start : 0;
  const std::size_t last = std::min(conv.kernel, size + conv.padding - start);
  return {first, last};
}

std::vector<PositionClass> one_class(const Geometry& g, const PreparedMatrix& m) {
  std::vector<PositionClass> classes(1);
  for (std::size_t p = 0; p < g.positions(); ++p) {
    classes[0].positions.push_back(p);
  }
  const std::vector<std::int64_t> zero(m.n_units, 0);
  classes[0].terms = make_unit_terms(m, zero.data());
  return classes;
}

std::vector<PositionClass> border_classes(const Geometry& g, const PreparedMatrix& m,
                                          const RandomMatrix& matrix) {
  using Range = std::pair<std::size_t, std::size_t>;
  std::vector<std::pair<Range, Range>> keys;
  std::vector<PositionClass> classes;
  for (std::size_t y = 0; y < g.out.height; ++y) {
    for (std::size_t x = 0; x < g.out.width; ++x) {
      const std::pair<Range, Range> key{inside(y, g.conv, g.in.height),
                                        inside(x, g.conv, g.in.width)};
      const auto found = std::find(keys.begin(), keys.end(), key);
      const auto index = static_cast<std::size_t>(found - keys.begin());
      if (found == keys.end()) {
        keys.push_back(key);
        classes.emplace_back();
      }
      classes[index].positions.push_back(y * g.out.width + x);
    }
  }
  std::vector<std::vector<std::int64_t>> sums(classes.size(),
                                              std::vector<std::int64_t>(m.n_units, 0));
  for_each_weight(matrix, [&](std::size_t unit, std::size_t k, std::int32_t w) {
    const std::size_t dy = k / g.run();
    const std::size_t dx = k % g.run() / g.in.channels;
    for (std::size_t c = 0; c < classes.size(); ++c) {
      const auto& [rows, columns] = keys[c];
      if (dy >= rows.first && dy < rows.second && dx >= columns.first && dx < columns.second) {
        sums[c][unit] += w;
      }
    }
  });
  for (std::size_t c = 0; c < classes.size(); ++c) {
    classes[c].terms = make_unit_terms(m, sums[c].data());
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

template <typename Run, typename View>
class Worker {
  using P = Patches<View>;

 public:
  Worker(const PreparedMatrix& m, const Geometry& g, const std::vector<PositionClass>& classes,
         std::size_t n_patches)
      : g_(g),
        classes_(classes),
        row_(P::row_elements(g.patch_size())),
        run_(m, kernels::active(), kind_of<View>),
        padded_(g),
        patches_(n_patches * row_),
        bits_(n_patches, m.n_units) {
    run_.reserve();
  }

  void operator()(const View& x, std::size_t first, std::size_t n_samples, BitMatrix& out) {
    for (std::size_t s = 0; s < n_samples; ++s) {
      std::memset(out.row(first + s), 0, out.n_words() * sizeof(std::uint64_t));
    }
    const std::size_t capacity = patches_.size() / row_;
    for (const PositionClass& cls : classes_) {
      run_.use_terms(cls.terms);
      // Patches of (sample, position), position fastest, as many at a time as there is room for.
      const std::size_t total = n_samples * cls.positions.size();
      for (std::size_t start = 0; start < total; start += capacity) {
        const std::size_t n_rows = std::min(capacity, total - start);
        gather(x, first, cls, start, n_rows);
        multiply(n_rows);
        scatter(first, cls, start, n_rows, out);
      }
    }
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

  void scatter(std::size_t first, const PositionClass& cls, std::size_t start, std::size_t n_rows,
               BitMatrix& out) const {
    const std::size_t channels = g_.out.channels;
    std::size_t sample = start / cls.positions.size();
    std::size_t position = start % cls.positions.size();
    for (std::size_t r = 0; r < n_rows; ++r) {
      if (position == cls.positions.size()) {
        position = 0;
        ++sample;
      }
      copy_bits(out.row(first + sample), cls.positions[position++] * channels, bits_.row(r), 0,
                channels);
    }
  }

  const Geometry& g_;
  const std::vector<PositionClass>& classes_;
  std::size_t row_;
  Run run_;
  typename P::Padded padded_;
  std::vector<typename P::Element> patches_;
  BitMatrix bits_;
};

template <typename Run, typename View>
BitMatrix run_convolution(const PreparedMatrix& m, const Geometry& g, const RandomMatrix& matrix,
                          bool signed_inputs, const View& x, const RunOptions& options) {
  const std::vector<PositionClass> classes =
      signed_inputs ? border_classes(g, m, matrix) : one_class(g, m);
  BitMatrix out = BitMatrix::uninitialized(x.n_samples, g.out.size());

  const std::size_t row_bytes =
      Patches<View>::row_elements(g.patch_size()) * sizeof(typename Patches<View>::Element);
  const std::size_t n_patches =
      std::clamp<std::size_t>(patch_bytes / row_bytes / 64 * 64, 64, block_patches);
  const std::size_t positions = std::max<std::size_t>(1, g.positions());
  const std::size_t samples = std::max<std::size_t>(1, (n_patches + positions / 2) / positions);
  const std::size_t n_chunks = (x.n_samples + samples - 1) / samples;
  parallel_chunks(
      n_chunks, options, [&] { return Worker<Run, View>(m, g, classes, n_patches); },
      [&](std::size_t chunk, Worker<Run, View>& worker) {
        const std::size_t first = chunk * samples;
        worker(x, first, std::min(samples, x.n_samples - first), out);
      });
  return out;
}

}  // namespace

BitMatrix convolve(KernelPath path, const PreparedMatrix& m, const Geometry& g,
                   const RandomMatrix& matrix, bool signed_inputs, const BitView& x,
                   const RunOptions& options) {
  switch (path) {
    case KernelPath::popcount:
      return run_convolution<runs::PopcountRun>(m, g, matrix, signed_inputs, x, options);
    case KernelPath::lut:
      return run_convolution<runs::LutRun>(m, g, matrix, signed_inputs, x, options);
    case KernelPath::dot:
      break;
  }
  return run_convolution<runs::DotRun>(m, g, matrix, signed_inputs, x, options);
}

BitMatrix convolve(KernelPath path, const PreparedMatrix& m, const Geometry& g,
                   const RandomMatrix& matrix, const ByteView& x, const RunOptions& options) {
  return path == KernelPath::popcount
             ? run_convolution<runs::PopcountRun>(m, g, matrix, false, x, options)
             : run_convolution<runs::DotRun>(m, g, matrix, false, x, options);
}

}  // namespace randprop
