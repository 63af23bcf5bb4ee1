// The candidate search rests on the threshold kernel of propagation: with S = popcount(q AND t),
// the distance popcount(q) + popcount(t) - 2 S is below a query's k-th best so far, w, where
// 4 S > 2 (popcount(q) - w) + 2 popcount(t). A training row stands where a unit does. The few rows
// that pass are measured exactly and sorted in.
#include "randprop/neighbors.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../kernels/kernels.hpp"

namespace randprop {
namespace {

// Training rows of a block, its planes at 784 bits: 1,024 rows x 13 words = 106 KB.
constexpr std::size_t train_block = 1024;
constexpr std::size_t block_words = std::size_t{1} << 15;
// Queries of a chunk, for which a block of training rows is laid out once.
constexpr std::size_t query_block = 256;

using Neighbor = std::pair<std::int64_t, std::int64_t>;  // distance, index: ordered as wanted

class Search {
 public:
  Search(BitView train, BitView queries, std::size_t k)
      : train_(train), queries_(queries), k_(k), kernels_(kernels::active()) {
    const std::size_t n_words = std::max<std::size_t>(train.n_words(), 1);
    block_ = std::clamp<std::size_t>(block_words / n_words / 64 * 64, 64, train_block);
    planes_ = AlignedArray<std::uint64_t>(block_ * n_words);
    unit_terms_ = AlignedArray<std::int64_t>(block_);
    candidates_ = AlignedArray<std::uint64_t>(query_block * block_ / 64);
    heaps_.resize(query_block);
    row_terms_.resize(query_block);
    ones_.resize(query_block);
  }

  void run(std::size_t start, std::size_t n_queries, std::int64_t* distances,
           std::int64_t* indices) {
    for (std::size_t q = 0; q < n_queries; ++q) {
      heaps_[q].clear();
      heaps_[q].reserve(k_);
      ones_[q] = static_cast<std::int64_t>(
          kernels_.popcount_words(queries_.row(start + q), queries_.n_words()));
    }
    // Blocks start small, since every row of the first passes: a bound is needed early.
    std::size_t size = std::min(block_, std::max<std::size_t>(64, (k_ + 63) / 64 * 64));
    for (std::size_t t = 0; t < train_.n_samples; t += size, size = std::min(2 * size, block_)) {
      search_block(start, n_queries, t, std::min(size, train_.n_samples - t));
      poll_interrupt();
    }
    for (std::size_t q = 0; q < n_queries; ++q) {
      std::sort_heap(heaps_[q].begin(), heaps_[q].end());
      for (std::size_t j = 0; j < k_; ++j) {
        distances[(start + q) * k_ + j] = heaps_[q][j].first;
        indices[(start + q) * k_ + j] = heaps_[q][j].second;
      }
    }
  }

 private:
  void search_block(std::size_t start, std::size_t n_queries, std::size_t t0, std::size_t n_rows) {
    place_block(t0, n_rows);
    for (std::size_t q = 0; q < n_queries; ++q) {
      const std::int64_t worst = heaps_[q].size() < k_
                                     ? static_cast<std::int64_t>(train_.n_bits) + 1
                                     : heaps_[q].front().first;
      row_terms_[q] = 2 * (ones_[q] - worst);
    }
    const std::size_t out_words = words_for_bits(n_rows);
    candidates_.fill_zero();
    kernels::PopcountBlock job;
    job.x = queries_.row(start);
    job.x_stride = job.n_words = queries_.n_words();
    job.n_rows = n_queries;
    job.n_x_planes = job.n_planes = 1;
    job.planes = planes_.data();
    job.n_groups = (n_rows + kernels::kGroupUnits - 1) / kernels::kGroupUnits;
    kernels_.popcount_threshold(job, row_terms_.data(), unit_terms_.data(),
                                reinterpret_cast<std::uint8_t*>(candidates_.data()), out_words * 8);
    for (std::size_t q = 0; q < n_queries; ++q) {
      for (std::size_t w = 0; w < out_words; ++w) {
        for (std::uint64_t left = candidates_[q * out_words + w]; left != 0; left &= left - 1) {
          consider(start + q, heaps_[q],
                   t0 + w * 64 + static_cast<std::size_t>(__builtin_ctzll(left)));
        }
      }
    }
  }

  void place_block(std::size_t t0, std::size_t n_rows) {
    const std::size_t n_words = train_.n_words();
    const std::size_t padded =
        (n_rows + kernels::kGroupUnits - 1) / kernels::kGroupUnits * kernels::kGroupUnits;
    for (std::size_t t = 0; t < padded; ++t) {
      std::uint64_t* group = planes_.data() +
                             t / kernels::kGroupUnits * n_words * kernels::kGroupUnits +
                             t % kernels::kGroupUnits;
      const std::uint64_t* row = t < n_rows ? train_.row(t0 + t) : nullptr;
      for (std::size_t w = 0; w < n_words; ++w) {
        group[w * kernels::kGroupUnits] = row != nullptr ? row[w] : 0;
      }
      unit_terms_[t] = row != nullptr
                           ? 2 * static_cast<std::int64_t>(kernels_.popcount_words(row, n_words))
                           : std::int64_t{1} << 62;
    }
  }

  void consider(std::size_t query, std::vector<Neighbor>& heap, std::size_t index) const {
    const auto distance = static_cast<std::int64_t>(
        kernels_.hamming_words(queries_.row(query), train_.row(index), train_.n_words()));
    const Neighbor found{distance, static_cast<std::int64_t>(index)};
    if (heap.size() == k_) {
      if (!(found < heap.front())) return;
      std::pop_heap(heap.begin(), heap.end());
      heap.back() = found;
    } else {
      heap.push_back(found);
    }
    std::push_heap(heap.begin(), heap.end());
  }

  BitView train_, queries_;
  std::size_t k_;
  const kernels::Kernels& kernels_;
  std::size_t block_ = 0;
  AlignedArray<std::uint64_t> planes_;
  AlignedArray<std::int64_t> unit_terms_;
  AlignedArray<std::uint64_t> candidates_;
  std::vector<std::vector<Neighbor>> heaps_;
  std::vector<std::int64_t> row_terms_;
  std::vector<std::int64_t> ones_;
};

}  // namespace

void hamming_neighbors(BitView train, BitView queries, std::size_t k, std::int64_t* distances,
                       std::int64_t* indices, const RunOptions& options) {
  if (train.n_bits != queries.n_bits) {
    throw std::invalid_argument("queries have " + std::to_string(queries.n_bits) +
                                " bits, the training rows have " + std::to_string(train.n_bits));
  }
  if (k < 1 || k > std::min(max_neighbors, train.n_samples)) {
    throw std::invalid_argument("k must lie in [1, " +
                                std::to_string(std::min(max_neighbors, train.n_samples)) +
                                "], got " + std::to_string(k));
  }
  // Chunks shrink where there are few queries, so that every thread has some.
  const int threads = options.n_threads > 0 ? options.n_threads : available_cpus();
  const std::size_t rows = std::clamp<std::size_t>(
      queries.n_samples / (4 * static_cast<std::size_t>(threads)), 8, query_block);
  const std::size_t n_chunks = (queries.n_samples + rows - 1) / rows;
  std::vector<Search> searches;
  const int workers = worker_count(n_chunks, options);
  searches.reserve(static_cast<std::size_t>(workers));
  for (int worker = 0; worker < workers; ++worker) searches.emplace_back(train, queries, k);
  parallel_chunks(n_chunks, options, [&](std::size_t chunk, int worker) {
    const std::size_t start = chunk * rows;
    searches[static_cast<std::size_t>(worker)].run(start, std::min(rows, queries.n_samples - start),
                                                   distances, indices);
  });
}

void row_popcounts(BitView bits, std::int64_t* counts) {
  const kernels::Kernels& k = kernels::active();
  for (std::size_t s = 0; s < bits.n_samples; ++s) {
    counts[s] = static_cast<std::int64_t>(k.popcount_words(bits.row(s), bits.n_words()));
  }
}

}  // namespace randprop
