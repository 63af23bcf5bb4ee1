// Both rest on popcount_sums. For the Gram matrix the bits are transposed, so that a column of
// bits is a run of words: column i as a row, columns j as units, gram[i, j] = popcount(i & j).
#include "randprop/gram.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "../kernels/kernels.hpp"
#include "integer_planes.hpp"

namespace randprop {
namespace {

// Words of a run of samples: the planes of a register tile, 4 groups x 64 words x 64 bytes, stay
// in the first-level cache.
constexpr std::size_t run_words = 64;
constexpr std::size_t run_samples = 64 * run_words;
// What one layout of the transposed bits may take before the samples are split.
constexpr std::size_t layout_bytes = std::size_t{32} << 20;
// Columns of a tile of the result: 64 x 128 sums are 64 KB.
constexpr std::size_t tile_rows = 64;
constexpr std::size_t tile_columns = 128;

// Samples transposed in runs, in both forms that popcount_sums reads: run t, column i, word w:
// rows[(t * n_columns + i) * run_words + w], units[((t * n_columns + i) / 8 * run_words + w) * 8 +
// i % 8].
struct Transposed {
  std::size_t n_columns;  // padded to whole words
  std::size_t n_runs;
  AlignedArray<std::uint64_t> rows, units;

  Transposed(std::size_t n_bits, std::size_t max_samples)
      : n_columns(64 * words_for_bits(n_bits)),
        n_runs((max_samples + run_samples - 1) / run_samples),
        rows(n_runs * n_columns * run_words),
        units(rows.size()) {}

  void load(BitView bits, std::size_t first, std::size_t n_samples, const RunOptions& options) {
    const kernels::Kernels& k = kernels::active();
    n_runs = (n_samples + run_samples - 1) / run_samples;
    parallel_chunks(n_runs * words_for_bits(bits.n_bits), options, [&](std::size_t chunk, int) {
      const std::size_t run = chunk / words_for_bits(bits.n_bits);
      const std::size_t word = chunk % words_for_bits(bits.n_bits);
      std::uint64_t block[64];
      for (std::size_t w = 0; w < run_words; ++w) {
        const std::size_t start = run * run_samples + 64 * w;
        for (std::size_t s = 0; s < 64; ++s) {
          block[s] = start + s < n_samples ? bits.row(first + start + s)[word] : 0;
        }
        k.transpose64(block);
        for (std::size_t j = 0; j < 64; ++j) {
          const std::size_t column = run * n_columns + 64 * word + j;
          rows[column * run_words + w] = block[j];
          units[(column / 8 * run_words + w) * 8 + j % 8] = block[j];
        }
      }
    });
  }
};

struct Tile {
  std::size_t row, column;
};

}  // namespace

void add_gram(BitView bits, std::int64_t* gram, const RunOptions& options) {
  const std::size_t n = bits.n_bits;
  if (n == 0 || bits.n_samples == 0) return;
  const kernels::Kernels& k = kernels::active();
  const std::size_t most = std::max<std::size_t>(1, layout_bytes * 8 / (n * run_samples));
  const std::size_t chunk_samples = std::min(bits.n_samples, most * run_samples);
  Transposed columns(n, chunk_samples);
  std::vector<Tile> tiles;
  for (std::size_t row = 0; row < n; row += tile_rows) {
    for (std::size_t column = row / tile_columns * tile_columns; column < n;
         column += tile_columns) {
      tiles.push_back({row, column});
    }
  }
  std::vector<AlignedArray<std::int64_t>> scratch;
  const int n_workers = worker_count(tiles.size(), options);
  scratch.reserve(static_cast<std::size_t>(n_workers));
  for (int worker = 0; worker < n_workers; ++worker) scratch.emplace_back(tile_rows * tile_columns);

  for (std::size_t first = 0; first < bits.n_samples; first += chunk_samples) {
    columns.load(bits, first, std::min(chunk_samples, bits.n_samples - first), options);
    parallel_chunks(tiles.size(), options, [&](std::size_t index, int worker) {
      const Tile tile = tiles[index];
      std::int64_t* sums = scratch[static_cast<std::size_t>(worker)].data();
      const std::size_t n_rows = std::min(tile_rows, n - tile.row);
      const std::size_t n_columns = std::min(tile_columns, n - tile.column);
      for (std::size_t run = 0; run < columns.n_runs; ++run) {
        kernels::PopcountBlock job;
        job.x = columns.rows.data() + (run * columns.n_columns + tile.row) * run_words;
        job.x_stride = job.n_words = run_words;
        job.n_rows = n_rows;
        job.n_x_planes = job.n_planes = 1;
        job.planes = columns.units.data() + (run * columns.n_columns + tile.column) * run_words;
        job.n_groups = (n_columns + 7) / 8;
        k.popcount_sums(job, sums, tile_columns);
        for (std::size_t r = 0; r < n_rows; ++r) {
          std::int64_t* out = gram + (tile.row + r) * n + tile.column;
          for (std::size_t c = 0; c < n_columns; ++c) out[c] += sums[r * tile_columns + c];
        }
        poll_interrupt();
      }
    });
  }
  // Tiles left of the diagonal were not computed, and those on it only half needed to be.
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) gram[i * n + j] = gram[j * n + i];
  }
}

void linear_scores(BitView bits, const std::int64_t* coef, const std::int64_t* bias,
                   std::size_t n_outputs, std::int64_t* scores, const RunOptions& options) {
  constexpr std::int64_t limit = std::int64_t{1} << 30;
  std::int64_t low = 0;
  for (std::size_t i = 0; i < n_outputs * bits.n_bits; ++i) {
    if (coef[i] <= -limit || coef[i] >= limit) {
      throw std::invalid_argument("coef must lie between -2^30 and 2^30, got " +
                                  std::to_string(coef[i]));
    }
    low = std::min(low, coef[i]);
  }
  // Planes hold what is not negative; the shift comes back once for every set bit.
  std::vector<std::int64_t> shifted(n_outputs * bits.n_bits);
  for (std::size_t i = 0; i < shifted.size(); ++i) shifted[i] = coef[i] - low;
  const kernels::Kernels& k = kernels::active();
  const IntegerPlanes planes(shifted.data(), n_outputs, bits.n_bits);
  planes.for_each_row(bits, options, [&](std::size_t row, const std::int64_t* sums) {
    const auto ones = static_cast<std::int64_t>(k.popcount_words(bits.row(row), bits.n_words()));
    for (std::size_t o = 0; o < n_outputs; ++o) {
      scores[row * n_outputs + o] = sums[o] + low * ones + bias[o];
    }
  });
}

}  // namespace randprop
