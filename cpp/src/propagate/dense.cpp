// Splits a product into blocks of rows and units and hands them to the threads.
#include "propagate/dense.hpp"

#include <algorithm>

#include "kernels/kernels.hpp"
#include "propagate/runs.hpp"

namespace randprop {
namespace {

using runs::OutputBlock;

// Below this many multiply-adds the start of a thread (some 30 us) costs more than it saves.
constexpr std::size_t min_parallel_work = std::size_t{8} << 20;
// Splits the output into blocks. Rows are split first; where they are too few to feed every
// thread, also the words of a row, in runs of 8: a cache line of the output where rows are whole
// lines, and at worst one shared line at the end of a run otherwise. Weights are read by all and
// written by none, so blocks share nothing else.
struct Blocks {
  std::size_t n_rows, n_words, rows, words;

  // most_rows: what a block's scratch holds. granule: rows that a kernel takes at a time.
  Blocks(std::size_t n_samples, std::size_t n_out_words, std::size_t most_rows, std::size_t granule,
         int threads)
      : n_rows(n_samples), n_words(n_out_words), rows(most_rows), words(n_out_words) {
    // As many blocks as give every thread the same number, and no thread a short last one.
    const std::size_t even = round_up(row_blocks(), static_cast<std::size_t>(threads));
    rows = std::clamp<std::size_t>(
        round_up((n_rows + even - 1) / std::max<std::size_t>(even, 1), granule), 1, most_rows);
    const auto wanted = static_cast<std::size_t>(threads);
    if (row_blocks() != 0 && row_blocks() < wanted) {
      const std::size_t splits = (wanted + row_blocks() - 1) / row_blocks();
      words = std::max<std::size_t>(8, (n_words / splits + 7) / 8 * 8);
    }
  }
  std::size_t row_blocks() const { return (n_rows + rows - 1) / rows; }
  std::size_t word_blocks() const { return (n_words + words - 1) / words; }
  std::size_t count() const { return row_blocks() * word_blocks(); }
  OutputBlock operator[](std::size_t index) const {
    const std::size_t row0 = index / word_blocks() * rows;
    const std::size_t word0 = index % word_blocks() * words;
    return {row0, std::min(rows, n_rows - row0), word0, std::min(word0 + words, n_words)};
  }
};

template <typename Run, typename View>
BitMatrix run_matrix(const PreparedMatrix& m, const View& x, const RunOptions& options) {
  const kernels::Kernels& k = kernels::active();
  BitMatrix out = BitMatrix::uninitialized(x.n_samples, m.n_units);
  RunOptions run = options;
  run.n_threads = worthwhile_threads(x.n_samples, m.n_inputs, m.n_units, options);
  const Blocks blocks(x.n_samples, out.n_words(), Run(m, k, kind_of<View>).rows(), Run::granule,
                      run.n_threads);
  const auto make_run = [&] {
    Run worker(m, k, kind_of<View>);
    worker.reserve(blocks.rows);
    return worker;
  };
  parallel_chunks(blocks.count(), run, make_run,
                  [&](std::size_t index, Run& worker) { worker(x, blocks[index], out); });
  return out;
}

}  // namespace

int worthwhile_threads(std::size_t n_samples, std::size_t n_inputs, std::size_t n_units,
                       const RunOptions& options) {
  if (std::uint64_t{n_samples} * n_inputs < min_parallel_work / n_units) {
    return 1;
  }
  return options.n_threads > 0 ? options.n_threads : available_cpus();
}

BitMatrix propagate_matrix(KernelPath path, const PreparedMatrix& m, const BitView& x,
                           const RunOptions& options) {
  switch (path) {
    case KernelPath::popcount:
      return run_matrix<runs::PopcountRun>(m, x, options);
    case KernelPath::lut:
      return run_matrix<runs::LutRun>(m, x, options);
    case KernelPath::dot:
      break;
  }
  return run_matrix<runs::DotRun>(m, x, options);
}

BitMatrix propagate_matrix(KernelPath path, const PreparedMatrix& m, const ByteView& x,
                           const RunOptions& options) {
  return path == KernelPath::popcount ? run_matrix<runs::PopcountRun>(m, x, options)
                                      : run_matrix<runs::DotRun>(m, x, options);
}

}  // namespace randprop
