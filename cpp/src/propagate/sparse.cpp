#include "propagate/sparse.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <variant>

#include "bits/require.hpp"
#include "kernels/kernels.hpp"
#include "randprop/philox.hpp"

namespace randprop {
namespace {

// Rows and stored features of a band, which one thread takes at a time. The more rows, the more of
// them share the weights of an input; the sums of 128 units for all of them are 2 MB.
constexpr std::size_t band_rows = 4096;
constexpr std::size_t band_features = std::size_t{1} << 20;
// Inputs between two looks for an interrupt.
constexpr std::size_t poll_inputs = 32;
// Rows of a chunk where units look at few inputs.
constexpr std::size_t few_rows = 64;

std::size_t start_of(const SparseView& x, std::size_t row) {
  return static_cast<std::size_t>(x.starts[row]);
}

// use(column, value) for the features of a row that are not zero. Columns are looked at again: what
// a caller changes during a call, such as an array of Python's, must not lead out of a table.
template <typename Use>
void for_each_feature(const SparseView& x, std::size_t row, const Use& use) {
  std::visit(
      [&](const auto* columns) {
        for (std::size_t k = start_of(x, row); k < start_of(x, row + 1); ++k) {
          const auto column = static_cast<std::uint64_t>(columns[k]);
          const std::uint8_t value = x.values[k];
          if (value != 0 && column < x.n_features) {
            use(static_cast<std::uint32_t>(column), value);
          }
        }
      },
      x.columns);
}

// Where each band begins, and the end. What a row gives does not depend on its band.
std::vector<std::size_t> bands_of(const SparseView& x, const RunOptions& options) {
  std::size_t n_bands = (x.n_samples + band_rows - 1) / band_rows;
  const auto workers = static_cast<std::size_t>(worker_count(x.n_samples, options));
  n_bands = (n_bands + workers - 1) / workers * workers;
  const std::size_t n_rows = n_bands == 0 ? 0 : (x.n_samples + n_bands - 1) / n_bands;
  std::vector<std::size_t> bands{0};
  for (std::size_t row = 1; row <= x.n_samples; ++row) {
    const std::size_t first = bands.back();
    if (row == x.n_samples || row - first == n_rows ||
        start_of(x, row + 1) - start_of(x, first) > band_features) {
      bands.push_back(row);
    }
  }
  return bands;
}

// sums[i] += u[i] x: a loop that compilers make vectors of.
template <typename Sum>
void add_row(Sum* sums, const std::uint8_t* u, std::uint8_t x) {
  for (std::size_t i = 0; i < block_units; ++i) {
    // At most 255^2. Products of 32 bits would be slow on SSE2.
    const auto product = static_cast<std::uint16_t>(u[i] * x);
    sums[i] += product;
  }
}

template <typename Sum>
void add_row(Sum* sums, const std::uint32_t* u, std::uint8_t x) {
  for (std::size_t i = 0; i < block_units; ++i) {
    sums[i] += u[i] * x;  // at most (2^24 - 1) 255, which 32 bits hold
  }
}

// What a thread holds for a band of rows.
//
// The band's features are sorted by input, and 128 units are done at a time: the weights of an
// input are then made once for all rows that have it, and the sums of all rows stay in a cache.
class Band {
 public:
  Band(const RandomMatrix& matrix, const std::vector<std::int64_t>& thresholds)
      : matrix_(matrix),
        thresholds_(thresholds),
        k_(kernels::active()),
        top_((std::uint64_t{1} << matrix.weight_bits) - 1) {}

  void run(const SparseView& x, std::size_t first, std::size_t last, BitMatrix& out) {
    load(x, first, last);
    const std::uint64_t largest = top_ * *std::max_element(totals_.begin(), totals_.end());
    const bool narrow = largest <= std::numeric_limits<std::uint32_t>::max();
    for (std::size_t block = 0; block < matrix_.n_blocks(); ++block) {
      if (narrow) {
        run_block(block, first, narrow_sums_, out);
      } else {
        run_block(block, first, wide_sums_, out);
      }
    }
  }

 private:
  // Features as numbers that sort by input: input, row of the band, value.
  static constexpr unsigned row_shift = 8;
  static constexpr unsigned input_shift = 32;
  static std::size_t row_of(std::uint64_t feature) {
    return feature >> row_shift & ((1U << (input_shift - row_shift)) - 1);
  }

  void load(const SparseView& x, std::size_t first, std::size_t last) {
    features_.clear();
    features_.reserve(start_of(x, last) - start_of(x, first));
    totals_.assign(last - first, 0);
    for (std::size_t row = 0; row < last - first; ++row) {
      for_each_feature(x, first + row, [&](std::uint32_t input, std::uint8_t value) {
        features_.push_back(std::uint64_t{input} << input_shift | row << row_shift | value);
        totals_[row] += value;
      });
    }
    std::sort(features_.begin(), features_.end());
  }

  template <typename Sum>
  void run_block(std::size_t block, std::size_t first, std::vector<Sum>& sums, BitMatrix& out) {
    sums.assign(totals_.size() * block_units, 0);
    if (matrix_.weight_bits <= 8) {
      add_features<std::uint8_t>(block, sums);
    } else {
      add_features<std::uint32_t>(block, sums);
    }
    const std::size_t unit0 = block * block_units;
    const std::size_t unit1 = std::min(matrix_.n_units, unit0 + block_units);
    for (std::size_t row = 0; row < totals_.size(); ++row) {
      // w = 2 u - top
      const auto offset = static_cast<std::int64_t>(top_ * totals_[row]);
      const Sum* found = sums.data() + row * block_units;
      for (std::size_t unit = unit0; unit < unit1; unit += 64) {
        std::uint64_t word = 0;
        for (std::size_t u = unit; u < std::min(unit1, unit + 64); ++u) {
          const std::int64_t z = 2 * static_cast<std::int64_t>(found[u - unit0]) - offset;
          word |= static_cast<std::uint64_t>(z > thresholds_[u]) << (u - unit);
        }
        out.row(first + row)[unit / 64] = word;
      }
    }
  }

  template <typename Weight, typename Sum>
  void add_features(std::size_t block, std::vector<Sum>& sums) {
    alignas(64) Weight u[block_units];
    std::size_t n_inputs = 0;
    for (std::size_t at = 0; at < features_.size();) {
      const std::uint64_t input = features_[at] >> input_shift;
      make_weights(block, static_cast<std::uint32_t>(input), u);
      for (; at < features_.size() && features_[at] >> input_shift == input; ++at) {
        add_row(sums.data() + row_of(features_[at]) * block_units, u,
                static_cast<std::uint8_t>(features_[at]));
      }
      if (++n_inputs % poll_inputs == 0) {
        poll_interrupt();
      }
    }
  }

  // The unsigned weights of one input to the 128 units of a Philox block.
  template <typename Weight>
  void make_weights(std::size_t block, std::uint32_t input, Weight* u) const {
    alignas(64) std::uint8_t bits[block_units];
    std::fill_n(u, block_units, Weight{0});
    for (std::uint32_t plane = 0; plane < matrix_.weight_bits; ++plane) {
      const PhiloxCounter r = philox4x32_10({static_cast<std::uint32_t>(block), input,
                                             static_cast<std::uint32_t>(matrix_.index), plane},
                                            {static_cast<std::uint32_t>(matrix_.seed),
                                             static_cast<std::uint32_t>(matrix_.seed >> 32)});
      const std::uint64_t words[2] = {r[0] | std::uint64_t{r[1]} << 32,
                                      r[2] | std::uint64_t{r[3]} << 32};
      k_.unpack_bits(words, 2, bits);
      for (std::size_t i = 0; i < block_units; ++i) {
        u[i] = static_cast<Weight>(2 * u[i] + bits[i]);
      }
    }
  }

  const RandomMatrix& matrix_;
  const std::vector<std::int64_t>& thresholds_;
  const kernels::Kernels& k_;
  std::uint64_t top_;                    // the largest unsigned weight
  std::vector<std::uint64_t> features_;  // those of the band that are not zero
  std::vector<std::uint64_t> totals_;    // of each row the sum of its features
  std::vector<std::uint32_t> narrow_sums_;
  std::vector<std::uint64_t> wide_sums_;
};

// The units that look at an input, found by its upper bits: of a table there are about as many
// places as units have inputs, however many inputs there are.
class UnitsOfInputs {
 public:
  UnitsOfInputs(const FewInputs& few, std::size_t n_inputs) : looks_(few.inputs.size()) {
    while ((n_inputs - 1) >> shift_ >= few.inputs.size()) {
      ++shift_;
    }
    begins_.assign(((n_inputs - 1) >> shift_) + 2, 0);
    for (const std::uint32_t input : few.inputs) {
      ++begins_[(input >> shift_) + 1];
    }
    for (std::size_t place = 1; place < begins_.size(); ++place) {
      begins_[place] += begins_[place - 1];
    }
    std::vector<std::uint32_t> next(begins_.begin(), begins_.end() - 1);
    for (std::size_t i = 0; i < few.inputs.size(); ++i) {
      const bool is_plus = i % few.fan_in < few.n_plus();
      looks_[next[few.inputs[i] >> shift_]++] = {
          few.inputs[i], static_cast<std::uint32_t>(2 * (i / few.fan_in) + (is_plus ? 0 : 1))};
    }
  }

  // Adds one feature to the sums of all units.
  void add(std::uint32_t input, std::int32_t value, std::int32_t* sums) const {
    const std::size_t place = input >> shift_;
    for (std::size_t at = begins_[place]; at < begins_[place + 1]; ++at) {
      if (looks_[at].input == input) {
        sums[looks_[at].unit_and_sign / 2] += looks_[at].unit_and_sign % 2 == 0 ? value : -value;
      }
    }
  }

 private:
  struct Look {
    std::uint32_t input;
    std::uint32_t unit_and_sign;  // twice the unit, and 1 where the weight is -1
  };
  unsigned shift_ = 0;
  std::vector<std::uint32_t> begins_;
  std::vector<Look> looks_;
};

template <typename Column>
void check_columns(const SparseView& x, const Column* columns) {
  for (std::size_t row = 0; row < x.n_samples; ++row) {
    std::int64_t before = -1;
    bool rises = true;
    for (std::size_t k = start_of(x, row); k < start_of(x, row + 1); ++k) {
      rises &= columns[k] > before;
      before = columns[k];
    }
    // Where they rise from 0 on, the last is the largest.
    require(rises && before < static_cast<std::int64_t>(x.n_features),
            "columns of row " + std::to_string(row) + " must rise and lie in [0, " +
                std::to_string(x.n_features) + ")");
  }
}

}  // namespace

void check_rows(const SparseView& x) {
  require(x.starts[0] >= 0, "starts must not be negative");
  for (std::size_t row = 0; row < x.n_samples; ++row) {
    require(x.starts[row] <= x.starts[row + 1], "starts must not fall");
  }
  // In 64 bits: a size may have fewer.
  require(static_cast<std::uint64_t>(x.starts[x.n_samples]) <= x.n_stored,
          "starts must end within the " + std::to_string(x.n_stored) + " features that are stored");
  std::visit([&](const auto* columns) { check_columns(x, columns); }, x.columns);
}

BitMatrix propagate_sparse(const RandomMatrix& matrix, const std::vector<std::int64_t>& thresholds,
                           const SparseView& x, const RunOptions& options) {
  BitMatrix out = BitMatrix::uninitialized(x.n_samples, matrix.n_units);
  const std::vector<std::size_t> bands = bands_of(x, options);
  parallel_chunks(
      bands.size() - 1, options, [&] { return Band(matrix, thresholds); },
      [&](std::size_t i, Band& band) { band.run(x, bands[i], bands[i + 1], out); });
  return out;
}

BitMatrix propagate_sparse(const FewInputs& few, const SparseView& x, const RunOptions& options) {
  const std::size_t n_units = few.thresholds.size();
  const UnitsOfInputs units(few, x.n_features);
  // Beyond what a sum can be, 255 x 65,536, all thresholds are the same.
  static constexpr std::int64_t beyond = std::int64_t{1} << 30;
  std::vector<std::int32_t> thresholds(n_units);
  std::transform(few.thresholds.begin(), few.thresholds.end(), thresholds.begin(),
                 [](auto t) { return static_cast<std::int32_t>(std::clamp(t, -beyond, beyond)); });
  BitMatrix out = BitMatrix::uninitialized(x.n_samples, n_units);
  parallel_chunks((x.n_samples + few_rows - 1) / few_rows, options,
                  [&] { return std::vector<std::int32_t>(n_units); },
                  [&](std::size_t chunk, std::vector<std::int32_t>& sums) {
                    for (std::size_t row = chunk * few_rows;
                         row < std::min(x.n_samples, (chunk + 1) * few_rows); ++row) {
                      std::fill(sums.begin(), sums.end(), 0);
                      for_each_feature(x, row, [&](std::uint32_t input, std::uint8_t value) {
                        units.add(input, value, sums.data());
                      });
                      for (std::size_t unit = 0; unit < n_units; unit += 64) {
                        std::uint64_t word = 0;
                        for (std::size_t u = unit; u < std::min(n_units, unit + 64); ++u) {
                          word |= static_cast<std::uint64_t>(sums[u] > thresholds[u]) << (u - unit);
                        }
                        out.row(row)[unit / 64] = word;
                      }
                      poll_interrupt();
                    }
                  });
  return out;
}

}  // namespace randprop
