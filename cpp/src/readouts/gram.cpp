// Features are transposed, so that a column is a run of samples, and columns are multiplied with
// columns by the kernels of propagation: column i stands where a row does, column j where a unit
// does. On bits gram[i, j] = popcount(i & j). On bytes it is an 8-bit dot product, which takes
// signed weights: sum of x_i (x_j - 128), and 128 times the sum of x_i on top.
#include "randprop/gram.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "bits/views.hpp"
#include "kernels/kernels.hpp"
#include "propagate/kernel_choice.hpp"

namespace randprop {
namespace {

// What one layout of the transposed features may take before the samples are split.
constexpr std::size_t layout_bytes = std::size_t{8} << 20;

// Columns of a tile of the result, from these on.
struct Tile {
  std::size_t row, n_rows, column, n_columns;
};

// Samples transposed in runs, in both forms that popcount_sums reads: run t, column i, word w:
// rows[(t * n_columns + i) * run_words + w], units[((t * n_columns + i) / 8 * run_words + w) * 8 +
// i % 8].
class BitColumns {
 public:
  // 64 x 128 sums are 64 KB. Tiles begin at the diagonal, where rows do.
  static constexpr std::size_t tile_rows = 64;
  static constexpr std::size_t tile_columns = 128;
  using Sum = std::int64_t;

  BitColumns(std::size_t n_bits, std::size_t n_samples)
      : n_columns_(64 * words_for_bits(n_bits)),
        max_samples_(std::min(
            n_samples,
            std::max<std::size_t>(1, layout_bytes * 8 / (n_bits * run_samples)) * run_samples)),
        rows_((max_samples_ + run_samples - 1) / run_samples * n_columns_ * run_words),
        units_(rows_.size()) {}
  std::size_t max_samples() const { return max_samples_; }

  void load(const BitView& x, std::size_t first, std::size_t n_samples, const RunOptions& options) {
    const kernels::Kernels& k = kernels::active();
    n_runs_ = (n_samples + run_samples - 1) / run_samples;
    parallel_chunks(n_runs_ * x.n_words(), options, [&](std::size_t chunk, int) {
      const std::size_t run = chunk / x.n_words();
      const std::size_t word = chunk % x.n_words();
      std::uint64_t block[64];
      for (std::size_t w = 0; w < run_words; ++w) {
        const std::size_t start = run * run_samples + 64 * w;
        for (std::size_t s = 0; s < 64; ++s) {
          block[s] = start + s < n_samples ? x.row(first + start + s)[word] : 0;
        }
        k.transpose64(block);
        for (std::size_t j = 0; j < 64; ++j) {
          const std::size_t column = run * n_columns_ + 64 * word + j;
          rows_[column * run_words + w] = block[j];
          units_[(column / 8 * run_words + w) * 8 + j % 8] = block[j];
        }
      }
    });
  }

  // gram, from the tile's corner on, with rows of n numbers.
  void add(const Tile& tile, Sum* sums, std::int64_t* gram, std::size_t n) const {
    for (std::size_t run = 0; run < n_runs_; ++run) {
      kernels::PopcountBlock job;
      job.x = rows_.data() + (run * n_columns_ + tile.row) * run_words;
      job.x_stride = job.n_words = run_words;
      job.n_rows = tile.n_rows;
      job.n_x_planes = job.n_planes = 1;
      job.planes = units_.data() + (run * n_columns_ + tile.column) * run_words;
      job.n_groups = (tile.n_columns + 7) / 8;
      kernels::active().popcount_sums(job, sums, tile_columns);
      for (std::size_t r = 0; r < tile.n_rows; ++r) {
        for (std::size_t c = 0; c < tile.n_columns; ++c) {
          gram[r * n + c] += sums[r * tile_columns + c];
        }
      }
      poll_interrupt();
    }
  }

 private:
  // Words of a run of samples: the planes of a register tile, 4 groups x 64 words x 64 bytes, stay
  // in the first-level cache.
  static constexpr std::size_t run_words = 64;
  static constexpr std::size_t run_samples = 64 * run_words;
  std::size_t n_columns_;  // padded to whole words
  std::size_t max_samples_;
  std::size_t n_runs_ = 0;
  AlignedArray<std::uint64_t> rows_, units_;
};

// The same in both forms that dot_bytes reads: run t, column i, sample s of the run:
// rows[(t * n_columns + i) * run + s], panels[(t * n_columns + i / 64 * 64) * run + s / 4 * 256 +
// i % 64 * 4 + s % 4].
class ByteColumns {
 public:
  static constexpr std::size_t tile_rows = 64;
  static constexpr std::size_t tile_columns = kernels::kPanelUnits;
  using Sum = std::int32_t;

  ByteColumns(std::size_t n_features, std::size_t n_samples)
      : n_columns_(round_up(n_features, 64)),
        run_(std::min(most_run, round_up(n_samples, 64))),
        // 32-bit sums of all the samples that are loaded at a time do not overflow.
        max_runs_(std::clamp<std::size_t>(
            std::min(layout_bytes / (2 * n_columns_ * run_), (n_samples + run_ - 1) / run_), 1,
            max_dot_inputs / run_)),
        rows_(max_runs_ * n_columns_ * run_),
        panels_(rows_.size()),
        sums_(max_runs_ * n_columns_) {}
  std::size_t max_samples() const { return max_runs_ * run_; }

  void load(const ByteView& x, std::size_t first, std::size_t n_samples,
            const RunOptions& options) {
    const kernels::Kernels& k = kernels::active();
    n_samples_ = n_samples;
    const std::size_t n_runs = (n_samples + run_ - 1) / run_;
    const std::size_t n_panels = n_columns_ / 64;
    parallel_chunks(n_runs * n_panels, options, [&](std::size_t chunk, int) {
      const std::size_t run = chunk / n_panels;
      const std::size_t panel = chunk % n_panels;
      const std::size_t width = std::min<std::size_t>(64, x.n_features - 64 * panel);
      std::uint8_t* rows = rows_.data() + (run * n_columns_ + 64 * panel) * run_;
      std::int8_t* units = panels_.data() + (run * n_columns_ + 64 * panel) * run_;
      for (std::size_t start = 0; start < padded_samples(run); start += 64) {
        std::uint8_t block[64][64] = {};
        for (std::size_t s = 0; s < 64 && run * run_ + start + s < n_samples; ++s) {
          std::memcpy(block[s], x.row(first + run * run_ + start + s) + 64 * panel, width);
        }
        k.columns_and_units(block[0], rows + start, run_, units + start * 64);
      }
      for (std::size_t j = 0; j < 64; ++j) {
        sums_[run * n_columns_ + 64 * panel + j] =
            static_cast<std::int64_t>(k.sum_bytes(rows + j * run_, padded_samples(run)));
      }
    });
  }

  void add(const Tile& tile, Sum* sums, std::int64_t* gram, std::size_t n) const {
    std::int64_t row_sums[tile_rows] = {};
    for (std::size_t run = 0; run * run_ < n_samples_; ++run) {
      kernels::DotBlock job;
      job.x = rows_.data() + (run * n_columns_ + tile.row) * run_;
      job.x_stride = run_;
      job.n_rows = tile.n_rows;
      job.w = panels_.data() + (run * n_columns_ + tile.column) * run_;
      job.n_quads = padded_samples(run) / 4;
      job.sums = sums;
      job.accumulate = run != 0;
      kernels::active().dot_bytes(job);
      for (std::size_t r = 0; r < tile.n_rows; ++r) {
        row_sums[r] += sums_[run * n_columns_ + tile.row + r];
      }
      poll_interrupt();
    }
    for (std::size_t r = 0; r < tile.n_rows; ++r) {
      for (std::size_t c = 0; c < tile.n_columns; ++c) {
        gram[r * n + c] += sums[r * tile_columns + c] + 128 * row_sums[r];
      }
    }
  }

 private:
  // Samples of a run: a panel of 124 KB, and rows that do not all fall into the same cache sets.
  static constexpr std::size_t most_run = std::size_t{9} * 64;
  std::size_t padded_samples(std::size_t run) const {
    return std::min(run_, round_up(n_samples_ - run * run_, 64));
  }

  std::size_t n_columns_;  // padded to whole panels
  std::size_t run_;
  std::size_t max_runs_;
  std::size_t n_samples_ = 0;
  AlignedArray<std::uint8_t> rows_;
  AlignedArray<std::int8_t> panels_;
  AlignedArray<std::int64_t> sums_;
};

// What lies left of the diagonal, from its mirror image in a tile: tiles there are not computed,
// and those on the diagonal need not be whole.
void mirror(const Tile& tile, std::int64_t* gram, std::size_t n) {
  for (std::size_t c = tile.column; c < tile.column + tile.n_columns; ++c) {
    for (std::size_t r = tile.row; r < std::min(c, tile.row + tile.n_rows); ++r) {
      gram[c * n + r] = gram[r * n + c];
    }
  }
}

template <typename Columns, typename View>
void add_any(View x, std::int64_t* gram, const RunOptions& options) {
  const std::size_t n = n_inputs_of(x);
  if (n == 0 || x.n_samples == 0) {
    return;
  }
  Columns columns(n, x.n_samples);
  std::vector<Tile> tiles;
  for (std::size_t row = 0; row < n; row += Columns::tile_rows) {
    for (std::size_t column = row; column < n; column += Columns::tile_columns) {
      tiles.push_back({row, std::min(Columns::tile_rows, n - row), column,
                       std::min(Columns::tile_columns, n - column)});
    }
  }
  using Sums = AlignedArray<typename Columns::Sum>;
  for (std::size_t first = 0; first < x.n_samples; first += columns.max_samples()) {
    columns.load(x, first, std::min(columns.max_samples(), x.n_samples - first), options);
    const bool is_last = x.n_samples - first <= columns.max_samples();
    parallel_chunks(
        tiles.size(), options, [] { return Sums(Columns::tile_rows * Columns::tile_columns); },
        [&](std::size_t index, Sums& sums) {
          const Tile& tile = tiles[index];
          columns.add(tile, sums.data(), gram + tile.row * n + tile.column, n);
          if (is_last) {
            mirror(tile, gram, n);
          }
        });
  }
}

}  // namespace

void add_gram(BitView x, std::int64_t* gram, const RunOptions& options) {
  add_any<BitColumns>(x, gram, options);
}

void add_gram(ByteView x, std::int64_t* gram, const RunOptions& options) {
  add_any<ByteColumns>(x, gram, options);
}

}  // namespace randprop
