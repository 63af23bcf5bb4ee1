// The popcount kernels of every level, written once over a vector type V that the including file
// defines before it, inside the anonymous namespace that this file is included in:
//
//   V::kLanes            64-bit lanes of a vector; divides 8
//   V::kRows             rows of a register tile
//   V::kGroups           groups of 8 units of a register tile
//   V::kDirect           words are accumulated into the lane sums themselves; else
//   V::kRun              how many words a Partial may take before it must be reduced
//   V::Vec, V::Partial   64-bit lane sums; counts in whatever form accumulates fastest
//   load, broadcast, accumulate(partial, x, w), reduce(partial), add, store
//   forget(x): the compiler must take x to be any value
//   above(sum, row_term, unit_terms) -> bits of lanes where 4 * sum > row_term + unit_term
//
// Loop order: a register tile of kRows x kGroups runs over all planes and words; the tiles of one
// set of groups run over all rows of the block, so their planes (26 KB at 784 inputs, 8 bits,
// 4 groups) stay in the first-level cache while the rows pass by.

template <size_t kRows, size_t kGroups>
struct PopcountTile {
  static constexpr size_t kVectors = kGroupUnits / V::kLanes;
  static constexpr size_t kColumns = kGroups * kVectors;
  typename V::Vec sums[kRows][kColumns];

  RANDPROP_INLINE void run(const PopcountBlock& block, size_t row, size_t group) {
    const size_t n_words = block.n_words;
    const size_t plane_words = n_words * kGroupUnits;
    const size_t group_words = block.n_planes * plane_words;
    const size_t x_stride = block.x_stride;
    const uint64_t* x_rows = block.x + row * x_stride;
    const uint64_t* w_groups = block.planes + group * group_words;
    typename V::Vec totals[kRows][kColumns];
    for_all([&](auto r, auto c) RANDPROP_STEP { totals[r][c] = V::zero(); });

    // Horner's scheme over the weight 2^d of a pair of planes (j of the input, q of the weights,
    // j + q = d, q = 0 the least significant): double once, then add every pair of that weight.
    const unsigned top = block.n_x_planes + block.n_planes - 2;
    for (unsigned d = top + 1; d-- > 0;) {
      for_all([&](auto r, auto c)
                  RANDPROP_STEP { totals[r][c] = V::add(totals[r][c], totals[r][c]); });
      for (unsigned j = 0; j < block.n_x_planes && j <= d; ++j) {
        const unsigned q = d - j;
        if (q >= block.n_planes) {
          continue;
        }
        const uint64_t* x = x_rows + j * n_words;
        const uint64_t* w = w_groups + (block.n_planes - 1 - q) * plane_words;
        const auto take = [&](size_t word, auto& into) RANDPROP_STEP {
          typename V::Vec bits[kRows];
          unroll<kRows>([&](auto r)
                            RANDPROP_STEP { bits[r] = V::broadcast(x[r * x_stride + word]); });
          unroll<kColumns>([&](auto c) RANDPROP_STEP {
            const typename V::Vec plane = V::load(w + (c / kVectors) * group_words +
                                                  word * kGroupUnits + c % kVectors * V::kLanes);
            unroll<kRows>([&](auto r) RANDPROP_STEP {
              into[r][c] = V::accumulate(into[r][c], bits[r], plane);
            });
          });
        };
        if constexpr (V::kDirect) {
          // A second set of accumulators would not fit the registers.
          for (size_t word = 0; word < n_words; ++word) {
            take(word, totals);
          }
        } else {
          for (size_t start = 0; start < n_words; start += V::kRun) {
            const size_t stop = n_words - start < V::kRun ? n_words : start + V::kRun;
            typename V::Partial partial[kRows][kColumns];
            for_all([&](auto r, auto c) RANDPROP_STEP { partial[r][c] = V::zero_partial(); });
            for (size_t word = start; word < stop; ++word) {
              take(word, partial);
            }
            for_all([&](auto r, auto c) RANDPROP_STEP {
              totals[r][c] = V::add(totals[r][c], V::reduce(partial[r][c]));
            });
          }
        }
      }
    }
    for_all([&](auto r, auto c) RANDPROP_STEP { sums[r][c] = totals[r][c]; });
  }

  template <typename Step>
  static RANDPROP_INLINE void for_all(const Step& step) {
    unroll<kRows>(
        [&](auto r) RANDPROP_STEP { unroll<kColumns>([&](auto c) RANDPROP_STEP { step(r, c); }); });
  }
};

struct ThresholdOutput {
  const int64_t* row_terms;
  const int64_t* unit_terms;
  uint8_t* out;
  size_t out_stride;

  template <size_t kRows, size_t kGroups>
  RANDPROP_INLINE void write(const PopcountTile<kRows, kGroups>& tile, size_t row,
                             size_t group) const {
    constexpr size_t kVectors = PopcountTile<kRows, kGroups>::kVectors;
    unroll<kRows>([&](auto r) RANDPROP_STEP {
      unroll<kGroups>([&](auto g) RANDPROP_STEP {
        unsigned byte = 0;
        unroll<kVectors>([&](auto v) RANDPROP_STEP {
          const int64_t* terms = unit_terms + (group + g) * kGroupUnits + v * V::kLanes;
          byte |= V::above(tile.sums[r][g * kVectors + v], row_terms[row + r], terms)
                  << (v * V::kLanes);
        });
        out[(row + r) * out_stride + group + g] = static_cast<uint8_t>(byte);
      });
    });
  }
};

struct SumsOutput {
  int64_t* sums;
  size_t sums_stride;

  template <size_t kRows, size_t kGroups>
  RANDPROP_INLINE void write(const PopcountTile<kRows, kGroups>& tile, size_t row,
                             size_t group) const {
    PopcountTile<kRows, kGroups>::for_all([&](auto r, auto c) RANDPROP_STEP {
      V::store(sums + (row + r) * sums_stride + group * kGroupUnits + c * V::kLanes,
               tile.sums[r][c]);
    });
  }
};

template <size_t kRows, size_t kGroups, typename Output>
inline void popcount_tile(const PopcountBlock& block, size_t row, size_t group,
                          const Output& output) {
  PopcountTile<kRows, kGroups> tile;
  tile.run(block, row, group);
  output.write(tile, row, group);
}

template <size_t kGroups, typename Output>
inline void popcount_groups(const PopcountBlock& block, size_t group, const Output& output) {
  size_t row = 0;
  for (; row + V::kRows <= block.n_rows; row += V::kRows) {
    popcount_tile<V::kRows, kGroups>(block, row, group, output);
  }
  for (; row < block.n_rows; ++row) {
    popcount_tile<1, kGroups>(block, row, group, output);
  }
}

template <typename Output>
inline void popcount_block(const PopcountBlock& block, const Output& output) {
  size_t group = 0;
  for (; group + V::kGroups <= block.n_groups; group += V::kGroups) {
    popcount_groups<V::kGroups>(block, group, output);
  }
  for (; group < block.n_groups; ++group) {
    popcount_groups<1>(block, group, output);
  }
}

inline void popcount_threshold(const PopcountBlock& block, const int64_t* row_terms,
                               const int64_t* unit_terms, uint8_t* out, size_t out_stride) {
  popcount_block(block, ThresholdOutput{row_terms, unit_terms, out, out_stride});
}

inline void popcount_sums(const PopcountBlock& block, int64_t* sums, size_t sums_stride) {
  popcount_block(block, SumsOutput{sums, sums_stride});
}

// AND, popcount, add on 8 vectors: one bit-product a bit.
uint64_t spin_popcount(size_t n_rounds) {
  constexpr size_t kVectors = 8;
  typename V::Partial partial[kVectors];
  typename V::Vec x = V::broadcast(0x123456789ABCDEF0), w = V::broadcast(0xFEDCBA9876543210);
  unroll<kVectors>([&](auto i) RANDPROP_STEP { partial[i] = V::zero_partial(); });
  for (size_t round = 0; round < n_rounds; ++round) {
    unroll<kVectors>([&](auto i) RANDPROP_STEP {
      V::forget(x);
      partial[i] = V::accumulate(partial[i], x, w);
    });
  }
  int64_t lanes[kGroupUnits];
  unroll<kVectors>([&](auto i) RANDPROP_STEP {
    V::store(lanes, V::reduce(partial[i]));
    __asm__ volatile("" : : "r"(lanes) : "memory");
  });
  return n_rounds * kVectors * V::kLanes * 64;
}

constexpr void fill_popcount_tiles(Kernels& table) {
  table.popcount_threshold = popcount_threshold;
  table.popcount_sums = popcount_sums;
  table.spin_popcount = spin_popcount;
}
