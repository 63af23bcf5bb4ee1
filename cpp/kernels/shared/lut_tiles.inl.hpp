// Propagation by table look-up (the method of four Russians), written once over a byte vector T:
//
//   T::kLanes         bytes of a vector; divides 64
//   T::kInputs        inputs of a group: a table has 2^kInputs entries of one byte
//   T::kTableBytes    bytes that a stored table takes
//   T::kUnits, T::kBlocks   units and blocks of 64 samples of a register tile
//   T::kPassWords     words of inputs whose tables are in use at a time: as many as leave the
//                     tables of a tile in the first-level cache while all samples pass by
//   T::Vec, zero, load, store, load_table, lookup, add8, add16, high_bytes (of 16-bit lanes),
//   forget (the compiler must take it to be any value), subtract_shifted (all - 256 * high), above
//   (the mask of 64 samples), and word_tables, which makes the tables of the first n_groups groups
//   of 64 inputs from the nibbles (u >> shift) & 15
//
// The bits of a group of inputs are the index into a table of the partial sums of one unit's
// weights over every subset of the group; a shuffle looks a whole vector of samples up at once. A
// table entry must fit a byte, so weights of more than 4 bits take two tables, one a nibble. Bytes
// are added until they could overflow, then widened: the 16-bit lanes of `all` collect
// low + 256 * high modulo 2^16, those of `high` the high bytes, and low = all - 256 * high.
//
// Samples are spread over the lanes so that both come out in order: of each vector, the first half
// of the samples stands in the even bytes, the second in the odd.
//
// Against one 8-bit dot product an operation covers 64 samples x 6 inputs in place of 16 units x 4
// inputs: with about three operations a look-up, half the operations at 8 bits and a quarter at 4.
// Measured on Zen 4: 0.7 and 0.4 of the time of VNNI (docs/performance.md).

constexpr size_t kNibbleBits = 4;

inline size_t lut_groups_of_word() { return (64 + T::kInputs - 1) / T::kInputs; }

size_t lut_groups(size_t n_bits) {
  return n_bits / 64 * lut_groups_of_word() + (n_bits % 64 + T::kInputs - 1) / T::kInputs;
}

// Byte of sample s among the 64 of a block.
inline size_t lut_lane(size_t sample) {
  const size_t half = T::kLanes / 2;
  const size_t within = sample % T::kLanes;
  return sample - within + (within < half ? 2 * within : 2 * (within - half) + 1);
}

void lut_index(const uint64_t* x, size_t x_stride, size_t n_rows, size_t n_bits, uint8_t* out) {
  const size_t n_groups = lut_groups(n_bits);
  if (n_rows < 64) {
    __builtin_memset(out, 0, 64 * n_groups);
  }
  for (size_t row = 0; row < n_rows; ++row) {
    uint8_t* column = out + lut_lane(row);
    const uint64_t* words = x + row * x_stride;
    size_t group = 0;
    for (size_t w = 0; group < n_groups; ++w) {
      uint64_t word = words[w];
      for (size_t f = 0; f < lut_groups_of_word() && group < n_groups; ++f, ++group) {
        column[64 * group] = static_cast<uint8_t>(word & ((1U << T::kInputs) - 1));
        word >>= T::kInputs;
      }
    }
  }
}

// Adds the look-ups of one pass to the sums of a tile: sums[u * n_samples + sample]. Bytes take
// `run` look-ups before they must be widened.
template <size_t kUnits, size_t kBlocks>
inline void lut_sums(const uint8_t* index, size_t block_bytes, const uint8_t* tables,
                     size_t n_groups, size_t run, uint16_t* sums, size_t n_samples,
                     bool accumulate) {
  constexpr size_t kVectors = 64 / T::kLanes;
  constexpr size_t kColumns = kBlocks * kVectors;
  typename T::Vec all[kUnits][kColumns], high[kUnits][kColumns];
  const auto for_all = [](const auto& step) RANDPROP_STEP {
    unroll<kUnits>(
        [&](auto u) RANDPROP_STEP { unroll<kColumns>([&](auto c) RANDPROP_STEP { step(u, c); }); });
  };
  for_all([&](auto u, auto c) RANDPROP_STEP { all[u][c] = high[u][c] = T::zero(); });
  const auto look_up = [&](size_t group, const auto& take) RANDPROP_STEP {
    typename T::Vec indices[kColumns];
    unroll<kColumns>([&](auto c) RANDPROP_STEP {
      indices[c] =
          T::load(index + c / kVectors * block_bytes + 64 * group + c % kVectors * T::kLanes);
    });
    unroll<kUnits>([&](auto u) RANDPROP_STEP {
      const typename T::Vec table = T::load_table(tables + (group * kUnits + u) * T::kTableBytes);
      unroll<kColumns>([&](auto c) RANDPROP_STEP { take(u, c, T::lookup(table, indices[c])); });
    });
  };
  typename T::Vec part[kUnits][kColumns];
  const auto put = [&](auto u, auto c, typename T::Vec found) RANDPROP_STEP { part[u][c] = found; };
  const auto add = [&](auto u, auto c, typename T::Vec found)
                       RANDPROP_STEP { part[u][c] = T::add8(part[u][c], found); };
  const auto widen = [&](auto u, auto c) RANDPROP_STEP {
    all[u][c] = T::add16(all[u][c], part[u][c]);
    high[u][c] = T::add16(high[u][c], T::high_bytes(part[u][c]));
  };
  for (size_t start = 0; start < n_groups; start += run) {
    const size_t stop = n_groups - start < run ? n_groups : start + run;
    look_up(start, put);
    for (size_t group = start + 1; group < stop; ++group) {
      look_up(group, add);
    }
    for_all(widen);
  }
  for_all([&](auto u, auto c) RANDPROP_STEP {
    uint16_t* out = sums + u * n_samples + c * T::kLanes;
    typename T::Vec first = T::subtract_shifted(all[u][c], high[u][c]);
    typename T::Vec second = high[u][c];
    if (accumulate) {
      first = T::add16(first, T::load(out));
      second = T::add16(second, T::load(out + T::kLanes / 2));
    }
    T::store(out, first);
    T::store(out + T::kLanes / 2, second);
  });
}

// One pass of one nibble over all samples.
inline void lut_pass(const LutBlock& block, size_t unit, size_t first_word, unsigned shift,
                     size_t run, uint16_t* sums) {
  constexpr size_t kUnits = T::kUnits;
  const size_t groups_before = first_word * lut_groups_of_word();
  const size_t groups_left = block.n_groups - groups_before;
  const size_t most = T::kPassWords * lut_groups_of_word();
  const size_t n_groups = groups_left < most ? groups_left : most;
  for (size_t u = 0; u < kUnits; ++u) {
    const uint8_t* weights = block.weights + (unit + u) * block.weight_stride + 64 * first_word;
    uint8_t* out = block.scratch + u * T::kTableBytes;
    for (size_t done = 0; done < n_groups; done += lut_groups_of_word(), weights += 64) {
      // A group ends with its word; the weights of inputs past the last are zero.
      const size_t here =
          n_groups - done < lut_groups_of_word() ? n_groups - done : lut_groups_of_word();
      T::word_tables(weights, shift, here, out, kUnits * T::kTableBytes);
      out += here * kUnits * T::kTableBytes;
    }
  }
  const size_t block_bytes = 64 * block.n_groups;
  const uint8_t* index = block.index + 64 * groups_before;
  const size_t n_samples = 64 * block.n_blocks;
  size_t b = 0;
  for (; b + T::kBlocks <= block.n_blocks; b += T::kBlocks) {
    lut_sums<kUnits, T::kBlocks>(index + b * block_bytes, block_bytes, block.scratch, n_groups, run,
                                 sums + 64 * b, n_samples, first_word != 0);
  }
  for (; b < block.n_blocks; ++b) {
    lut_sums<kUnits, 1>(index + b * block_bytes, block_bytes, block.scratch, n_groups, run,
                        sums + 64 * b, n_samples, first_word != 0);
  }
}

inline size_t lut_table_area() {
  return T::kPassWords * lut_groups_of_word() * T::kUnits * T::kTableBytes;
}

size_t lut_scratch_bytes(size_t n_blocks) {
  return lut_table_area() + 2 * T::kUnits * 64 * n_blocks * sizeof(uint16_t);
}

void lut_panel(const LutBlock& block) {
  const size_t n_samples = 64 * block.n_blocks;
  const size_t n_nibbles = block.weight_bits > kNibbleBits ? 2 : 1;
  const unsigned nibble_bits =
      block.weight_bits > kNibbleBits ? static_cast<unsigned>(kNibbleBits) : block.weight_bits;
  const size_t run = 255 / (T::kInputs * ((1U << nibble_bits) - 1));
  uint16_t* sums[2];
  sums[0] = reinterpret_cast<uint16_t*>(block.scratch + lut_table_area());
  sums[1] = sums[0] + T::kUnits * n_samples;
  for (size_t unit = 0; unit < kPanelUnits; unit += T::kUnits) {
    for (size_t nibble = 0; nibble < n_nibbles && unit < block.n_units; ++nibble) {
      // The more significant nibble first.
      const auto shift = static_cast<unsigned>((n_nibbles - 1 - nibble) * kNibbleBits);
      for (size_t word = 0; 64 * word < block.n_inputs; word += T::kPassWords) {
        lut_pass(block, unit, word, shift, run, sums[nibble]);
      }
    }
    for (size_t u = 0; u < T::kUnits; ++u) {
      for (size_t b = 0; b < block.n_blocks; ++b) {
        const size_t at = u * n_samples + 64 * b;
        block.masks[b * 64 + unit + u] =
            unit + u >= block.n_units
                ? 0
                : T::above(sums[0] + at, n_nibbles == 2 ? sums[1] + at : nullptr,
                           block.row_terms + 64 * b, block.unit_terms[unit + u]);
      }
    }
  }
}

// Look up and add on 8 vectors: kLanes samples x kInputs inputs each.
uint64_t spin_lut(size_t n_rounds) {
  constexpr size_t kVectors = 8;
  alignas(64) uint8_t bytes[64] = {1, 2, 3};
  typename T::Vec sums[kVectors];
  typename T::Vec index = T::load(bytes);
  const typename T::Vec table = T::load_table(bytes);
  unroll<kVectors>([&](auto i) RANDPROP_STEP { sums[i] = T::zero(); });
  for (size_t round = 0; round < n_rounds; ++round) {
    unroll<kVectors>([&](auto i) RANDPROP_STEP {
      T::forget(index);
      sums[i] = T::add8(sums[i], T::lookup(table, index));
    });
  }
  alignas(64) uint16_t out[32];
  unroll<kVectors>([&](auto i) RANDPROP_STEP {
    T::store(out, sums[i]);
    __asm__ volatile("" : : "r"(out) : "memory");
  });
  return n_rounds * kVectors * T::kLanes * T::kInputs;
}

constexpr void fill_lut_tiles(Kernels& table) {
  table.lut_panel = lut_panel;
  table.lut_index = lut_index;
  table.lut_groups = lut_groups;
  table.lut_scratch_bytes = lut_scratch_bytes;
  table.spin_lut = spin_lut;
}
