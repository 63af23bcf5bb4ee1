// Of bits, the candidate search rests on the threshold kernel of propagation: with S = popcount(q
// AND t), the distance popcount(q) + popcount(t) - 2 S is below a query's k-th best so far, w,
// where 4 S > 2 (popcount(q) - w) + 2 popcount(t). A training row stands where a unit does. The few
// rows that pass, and all while a query has fewer than k, are measured exactly and sorted in. Of
// bytes, every training row is measured. So every query gets k neighbours whatever the rows hold,
// bits past the last or words that change during the search.
#include "randprop/neighbors.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "bits/require.hpp"
#include "bits/views.hpp"
#include "kernels/kernels.hpp"

namespace randprop {
namespace {

// Training rows of a block, its planes at 784 bits: 1,024 rows x 13 words = 106 KB.
constexpr std::size_t train_block = 1024;
constexpr std::size_t block_words = std::size_t{1} << 15;
constexpr std::size_t block_bytes = 8 * block_words;
// Queries of a chunk, for which a block of training rows is laid out once.
constexpr std::size_t query_block = 256;

using Neighbor = std::pair<std::int64_t, std::int64_t>;  // distance, index: ordered as wanted

// The k nearest of one query so far.
class Nearest {
 public:
  void clear(std::size_t k) {
    k_ = k;
    heap_.clear();
    heap_.reserve(k);
  }
  bool is_full() const { return heap_.size() == k_; }
  // What a distance must be below to be taken. Only when full.
  std::int64_t bound() const { return heap_.front().first; }
  void offer(std::int64_t distance, std::size_t index) {
    const Neighbor found{distance, static_cast<std::int64_t>(index)};
    if (is_full()) {
      if (!(found < heap_.front())) {
        return;
      }
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.back() = found;
    } else {
      heap_.push_back(found);
    }
    std::push_heap(heap_.begin(), heap_.end());
  }
  void write(std::int64_t* distances, std::int64_t* indices) {
    std::sort_heap(heap_.begin(), heap_.end());
    for (std::size_t j = 0; j < k_; ++j) {
      distances[j] = heap_[j].first;
      indices[j] = heap_[j].second;
    }
  }

 private:
  std::size_t k_ = 0;
  std::vector<Neighbor> heap_;
};

class HammingSearch {
 public:
  HammingSearch(const BitView& train, const BitView& queries, std::size_t k)
      : train_(train), queries_(queries), k_(k), kernels_(kernels::active()) {
    const std::size_t n_words = std::max<std::size_t>(train.n_words(), 1);
    block_ = std::clamp<std::size_t>(block_words / n_words / 64 * 64, 64, train_block);
    planes_ = AlignedArray<std::uint64_t>(block_ * n_words);
    unit_terms_ = AlignedArray<std::int64_t>(block_);
    candidates_ = AlignedArray<std::uint64_t>(query_block * block_ / 64);
    row_terms_.resize(query_block);
    ones_.resize(query_block);
  }

  void run(std::size_t start, std::vector<Nearest>& nearest) {
    for (std::size_t q = 0; q < nearest.size(); ++q) {
      ones_[q] = static_cast<std::int64_t>(sum_of_row(queries_, start + q, kernels_));
    }
    // Blocks start small, since every row of the first passes: a bound is needed early.
    std::size_t size = std::min(block_, std::max<std::size_t>(64, (k_ + 63) / 64 * 64));
    for (std::size_t t = 0; t < train_.n_samples; t += size, size = std::min(2 * size, block_)) {
      search_block(start, nearest, t, std::min(size, train_.n_samples - t));
      poll_interrupt();
    }
  }

 private:
  void search_block(std::size_t start, std::vector<Nearest>& nearest, std::size_t t0,
                    std::size_t n_rows) {
    place_block(t0, n_rows);
    for (std::size_t q = 0; q < nearest.size(); ++q) {
      row_terms_[q] = nearest[q].is_full() ? 2 * (ones_[q] - nearest[q].bound()) : 0;
    }
    const std::size_t out_words = words_for_bits(n_rows);
    candidates_.fill_zero();
    kernels::PopcountBlock job;
    job.x = queries_.row(start);
    job.x_stride = job.n_words = queries_.n_words();
    job.n_rows = nearest.size();
    job.n_x_planes = job.n_planes = 1;
    job.planes = planes_.data();
    job.n_groups = (n_rows + kernels::kGroupUnits - 1) / kernels::kGroupUnits;
    kernels_.popcount_threshold(job, row_terms_.data(), unit_terms_.data(),
                                reinterpret_cast<std::uint8_t*>(candidates_.data()), out_words * 8);
    for (std::size_t q = 0; q < nearest.size(); ++q) {
      const auto measure = [&](std::size_t index) {
        nearest[q].offer(static_cast<std::int64_t>(kernels_.hamming_words(
                             queries_.row(start + q), train_.row(index), train_.n_words())),
                         index);
      };
      if (!nearest[q].is_full()) {
        for (std::size_t r = 0; r < n_rows; ++r) {
          measure(t0 + r);
        }
        continue;
      }
      for (std::size_t w = 0; w < out_words; ++w) {
        for (std::uint64_t left = candidates_[q * out_words + w]; left != 0; left &= left - 1) {
          measure(t0 + w * 64 + static_cast<std::size_t>(__builtin_ctzll(left)));
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

  BitView train_, queries_;
  std::size_t k_;
  const kernels::Kernels& kernels_;
  std::size_t block_ = 0;
  AlignedArray<std::uint64_t> planes_;
  AlignedArray<std::int64_t> unit_terms_;
  AlignedArray<std::uint64_t> candidates_;
  std::vector<std::int64_t> row_terms_;
  std::vector<std::int64_t> ones_;
};

class ByteSearch {
 public:
  ByteSearch(const ByteView& train, const ByteView& queries, std::size_t /*k*/)
      : train_(train),
        queries_(queries),
        distances_(std::clamp<std::size_t>(block_bytes / std::max<std::size_t>(train.n_features, 1),
                                           1, train_block)) {}

  void run(std::size_t start, std::vector<Nearest>& nearest) {
    const kernels::Kernels& k = kernels::active();
    for (std::size_t t = 0; t < train_.n_samples; t += distances_.size()) {
      const std::size_t n_rows = std::min(distances_.size(), train_.n_samples - t);
      for (std::size_t q = 0; q < nearest.size(); ++q) {
        k.byte_distances(queries_.row(start + q), train_.row(t), n_rows, train_.n_features,
                         distances_.data());
        for (std::size_t r = 0; r < n_rows; ++r) {
          const auto distance = static_cast<std::int64_t>(distances_[r]);
          if (!nearest[q].is_full() || distance < nearest[q].bound()) {
            nearest[q].offer(distance, t + r);
          }
        }
        poll_interrupt();
      }
    }
  }

 private:
  ByteView train_, queries_;
  AlignedArray<std::uint64_t> distances_;
};

template <typename Search, typename View>
void find_neighbors(const View& train, const View& queries, std::size_t k, std::int64_t* distances,
                    std::int64_t* indices, const RunOptions& options) {
  const char* features = kind_of<View> == Features::bits ? " bits" : " features";
  require(n_inputs_of(train) == n_inputs_of(queries),
          "queries have " + std::to_string(n_inputs_of(queries)) + features +
              ", the training rows have " + std::to_string(n_inputs_of(train)));
  const std::size_t most = std::min(max_neighbors, train.n_samples);
  require(k >= 1 && k <= most,
          "k must lie in [1, " + std::to_string(most) + "], got " + std::to_string(k));
  // Chunks shrink where there are few queries, so that every thread has some.
  const int threads = options.n_threads > 0 ? options.n_threads : available_cpus();
  const std::size_t rows = std::clamp<std::size_t>(
      queries.n_samples / (4 * static_cast<std::size_t>(threads)), 8, query_block);
  struct Scratch {
    Search search;
    std::vector<Nearest> nearest;
  };
  parallel_chunks((queries.n_samples + rows - 1) / rows, options,
                  [&] { return Scratch{Search(train, queries, k), {}}; },
                  [&](std::size_t chunk, Scratch& scratch) {
                    const std::size_t start = chunk * rows;
                    scratch.nearest.resize(std::min(rows, queries.n_samples - start));
                    for (Nearest& nearest : scratch.nearest) {
                      nearest.clear(k);
                    }
                    scratch.search.run(start, scratch.nearest);
                    for (std::size_t q = 0; q < scratch.nearest.size(); ++q) {
                      scratch.nearest[q].write(distances + (start + q) * k,
                                               indices + (start + q) * k);
                    }
                  });
}

}  // namespace

void hamming_neighbors(BitView train, BitView queries, std::size_t k, std::int64_t* distances,
                       std::int64_t* indices, const RunOptions& options) {
  find_neighbors<HammingSearch>(train, queries, k, distances, indices, options);
}

void byte_neighbors(ByteView train, ByteView queries, std::size_t k, std::int64_t* distances,
                    std::int64_t* indices, const RunOptions& options) {
  find_neighbors<ByteSearch>(train, queries, k, distances, indices, options);
}

void row_popcounts(BitView bits, std::int64_t* counts) {
  const kernels::Kernels& k = kernels::active();
  for (std::size_t s = 0; s < bits.n_samples; ++s) {
    counts[s] = static_cast<std::int64_t>(k.popcount_words(bits.row(s), bits.n_words()));
  }
}

}  // namespace randprop
