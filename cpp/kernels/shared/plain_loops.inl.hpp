// Loops written in plain C++ that every level compiles with its own flags: the compiler's
// vectoriser does as well here as intrinsics would, or they are too cheap to matter.
//
// Included inside the anonymous namespace of a kernel file; see kernels.hpp for the contracts.

inline void philox_batch(uint32_t key0, uint32_t key1, uint32_t group, uint32_t first_input,
                         uint32_t layer, uint32_t plane, uint32_t* out) {
  constexpr size_t kLanes = 16;  // four vectors of state stay in registers at 512 bits
  for (size_t base = 0; base < kBatchInputs; base += kLanes) {
    uint32_t c0[kLanes], c1[kLanes], c2[kLanes], c3[kLanes];
    for (size_t i = 0; i < kLanes; ++i) {
      c0[i] = group;
      c1[i] = first_input + static_cast<uint32_t>(base + i);
      c2[i] = layer;
      c3[i] = plane;
    }
    uint32_t k0 = key0;
    uint32_t k1 = key1;
    for (int round = 0; round < 10; ++round) {
      for (size_t i = 0; i < kLanes; ++i) {
        const uint64_t product0 = uint64_t{0xD2511F53} * c0[i];
        const uint64_t product1 = uint64_t{0xCD9E8D57} * c2[i];
        c0[i] = static_cast<uint32_t>(product1 >> 32) ^ c1[i] ^ k0;
        c1[i] = static_cast<uint32_t>(product1);
        c2[i] = static_cast<uint32_t>(product0 >> 32) ^ c3[i] ^ k1;
        c3[i] = static_cast<uint32_t>(product0);
      }
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    for (size_t i = 0; i < kLanes; ++i) {
      out[base + i] = c0[i];
      out[kBatchInputs + base + i] = c1[i];
      out[2 * kBatchInputs + base + i] = c2[i];
      out[3 * kBatchInputs + base + i] = c3[i];
    }
  }
}

template <unsigned kShift>
inline void transpose_step(uint64_t* block, uint64_t low) {
  for (unsigned base = 0; base < 64; base += 2 * kShift) {
    for (unsigned i = base; i < base + kShift; ++i) {
      const uint64_t swap = ((block[i] >> kShift) ^ block[i + kShift]) & low;
      block[i] ^= swap << kShift;
      block[i + kShift] ^= swap;
    }
  }
}

inline void transpose64(uint64_t* block) {
  transpose_step<32>(block, 0x00000000FFFFFFFFU);
  transpose_step<16>(block, 0x0000FFFF0000FFFFU);
  transpose_step<8>(block, 0x00FF00FF00FF00FFU);
  transpose_step<4>(block, 0x0F0F0F0F0F0F0F0FU);
  transpose_step<2>(block, 0x3333333333333333U);
  transpose_step<1>(block, 0x5555555555555555U);
}

// Bytes of four rows side by side, as words.
inline void interleave4(const uint8_t* in, size_t in_stride, uint32_t* words) {
  const uint8_t* a = in;
  const uint8_t* b = a + in_stride;
  const uint8_t* c = b + in_stride;
  const uint8_t* d = c + in_stride;
  uint8_t out[256];
  for (size_t j = 0; j < 64; ++j) {
    out[4 * j] = a[j];
    out[4 * j + 1] = b[j];
    out[4 * j + 2] = c[j];
    out[4 * j + 3] = d[j];
  }
  __builtin_memcpy(words, out, sizeof(out));
}

// Word j of 16 rows as row j.
inline void gather_words(const uint32_t* words, uint8_t* out, size_t stride) {
  for (size_t j = 0; j < 64; ++j) {
    for (size_t quad = 0; quad < 16; ++quad) {
      __builtin_memcpy(out + j * stride + 4 * quad, words + 64 * quad + j, 4);
    }
  }
}

inline void transpose_bytes(const uint8_t* in, size_t in_stride, uint8_t* out) {
  uint32_t words[16 * 64];
  for (size_t quad = 0; quad < 16; ++quad) {
    interleave4(in + 4 * quad * in_stride, in_stride, words + 64 * quad);
  }
  gather_words(words, out, 64);
}

inline void columns_and_units(const uint8_t* in, uint8_t* columns, size_t stride, int8_t* units) {
  uint32_t words[16 * 64];
  for (size_t quad = 0; quad < 16; ++quad) {
    interleave4(in + 256 * quad, 64, words + 64 * quad);
  }
  gather_words(words, columns, stride);
  // Less 128 is the highest bit turned.
  for (uint32_t& word : words) {
    word ^= 0x80808080U;
  }
  __builtin_memcpy(units, words, sizeof(words));
}

inline void unpack_bits(const uint64_t* words, size_t n_words, uint8_t* out) {
  for (size_t w = 0; w < n_words; ++w) {
    const uint64_t word = words[w];
    for (size_t byte = 0; byte < 8; ++byte) {
      // Copies the byte to 8 bytes, keeps bit i of copy i, and turns it into 0 or 1.
      const uint64_t copies = ((word >> (8 * byte)) & 0xFF) * 0x0101010101010101U;
      const uint64_t kept = copies & 0x8040201008040201U;
      const uint64_t bits = ((kept + 0x7F7F7F7F7F7F7F7FU) >> 7) & 0x0101010101010101U;
      __builtin_memcpy(out + 64 * w + 8 * byte, &bits, 8);
    }
  }
}

inline void slice_bytes(const uint8_t* bytes, size_t n_bytes, uint64_t* out, size_t n_words) {
  for (size_t w = 0; w < n_words; ++w) {
    uint64_t planes[8] = {};
    for (size_t part = 0; part < 8 && 64 * w + 8 * part < n_bytes; ++part) {
      const size_t start = 64 * w + 8 * part;
      uint64_t x = 0;
      __builtin_memcpy(&x, bytes + start, n_bytes - start < 8 ? n_bytes - start : 8);
      // 8 x 8 bit transpose: byte i, bit j -> byte j, bit i.
      uint64_t t = (x ^ (x >> 7)) & 0x00AA00AA00AA00AAU;
      x ^= t ^ (t << 7);
      t = (x ^ (x >> 14)) & 0x0000CCCC0000CCCCU;
      x ^= t ^ (t << 14);
      t = (x ^ (x >> 28)) & 0x00000000F0F0F0F0U;
      x ^= t ^ (t << 28);
      for (size_t j = 0; j < 8; ++j) {
        planes[j] |= ((x >> (8 * j)) & 0xFF) << (8 * part);
      }
    }
    for (size_t j = 0; j < 8; ++j) {
      out[j * n_words + w] = planes[j];
    }
  }
}

inline uint64_t popcount_word(uint64_t x) {
#if defined(__POPCNT__) || defined(__aarch64__) || defined(__wasm__)
  return static_cast<uint64_t>(__builtin_popcountll(x));
#else
  x -= (x >> 1) & 0x5555555555555555U;
  x = (x & 0x3333333333333333U) + ((x >> 2) & 0x3333333333333333U);
  x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0FU;
  return (x * 0x0101010101010101U) >> 56;
#endif
}

inline uint64_t popcount_words(const uint64_t* words, size_t n_words) {
  uint64_t sum = 0;
  for (size_t w = 0; w < n_words; ++w) {
    sum += popcount_word(words[w]);
  }
  return sum;
}

inline uint64_t hamming_words(const uint64_t* a, const uint64_t* b, size_t n_words) {
  uint64_t sum = 0;
  for (size_t w = 0; w < n_words; ++w) {
    sum += popcount_word(a[w] ^ b[w]);
  }
  return sum;
}

inline uint64_t sum_bytes(const uint8_t* bytes, size_t n_bytes) {
  uint64_t sum = 0;
  for (size_t i = 0; i < n_bytes; ++i) {
    sum += bytes[i];
  }
  return sum;
}

inline uint64_t sum_squares(const uint8_t* bytes, size_t n_bytes) {
  constexpr size_t kRun = 65536;  // 255^2 * 65536 stays in 32 bits
  uint64_t sum = 0;
  for (size_t start = 0; start < n_bytes; start += kRun) {
    const size_t stop = n_bytes - start < kRun ? n_bytes : start + kRun;
    uint32_t part = 0;
    for (size_t i = start; i < stop; ++i) {
      part += uint32_t{bytes[i]} * bytes[i];
    }
    sum += part;
  }
  return sum;
}

inline void byte_distances(const uint8_t* x, const uint8_t* rows, size_t n_rows, size_t n_bytes,
                           uint64_t* distances) {
  // 32-bit sums: compilers know them as the instruction that adds absolute differences.
  constexpr size_t kRun = size_t{1} << 23;
  for (size_t r = 0; r < n_rows; ++r) {
    const uint8_t* row = rows + r * n_bytes;
    uint64_t sum = 0;
    for (size_t start = 0; start < n_bytes; start += kRun) {
      const size_t stop = n_bytes - start < kRun ? n_bytes : start + kRun;
      int32_t part = 0;
      for (size_t i = start; i < stop; ++i) {
        const int32_t difference = int32_t{x[i]} - int32_t{row[i]};
        part += difference < 0 ? -difference : difference;
      }
      sum += static_cast<uint64_t>(part);
    }
    distances[r] = sum;
  }
}

// sums[k] += value(byte k, k) of each of the rows, in parts of a narrow type: kRun rows stay in it.
template <typename Part, size_t kRun, typename Value>
inline void add_columns(const uint8_t* const* rows, size_t n_rows, size_t n_bytes, uint32_t* sums,
                        const Value& value) {
  constexpr size_t kColumns = 128;  // 16-bit sums of so many fit the registers from 256 bits on
  for (size_t first = 0; first < n_bytes; first += kColumns) {
    const size_t width = n_bytes - first < kColumns ? n_bytes - first : kColumns;
    for (size_t start = 0; start < n_rows; start += kRun) {
      const size_t stop = n_rows - start < kRun ? n_rows : start + kRun;
      Part part[kColumns] = {};
      for (size_t r = start; r < stop; ++r) {
        const uint8_t* row = rows[r] + first;
        if (width == kColumns) {
          for (size_t k = 0; k < kColumns; ++k) {
            part[k] = static_cast<Part>(part[k] + value(row[k], first + k));
          }
        } else {
          for (size_t k = 0; k < width; ++k) {
            part[k] = static_cast<Part>(part[k] + value(row[k], first + k));
          }
        }
      }
      for (size_t k = 0; k < width; ++k) {
        sums[first + k] += part[k];
      }
    }
  }
}

inline void sum_columns(const uint8_t* const* rows, size_t n_rows, size_t n_bytes, uint32_t* sums) {
  constexpr size_t kRun = 257;  // 255 * 257 = 65535
  add_columns<uint16_t, kRun>(rows, n_rows, n_bytes, sums,
                              [](uint8_t byte, size_t) { return byte; });
}

inline void count_changed(const uint8_t* const* rows, size_t n_rows, size_t n_bytes,
                          const uint8_t* first, uint32_t* counts) {
  add_columns<uint8_t, 255>(rows, n_rows, n_bytes, counts,
                            [first](uint8_t byte, size_t k) { return byte != first[k]; });
}

inline void bits_above(const uint8_t* bytes, size_t n_bytes, uint8_t level, uint64_t* out) {
  for (size_t start = 0; start < n_bytes; start += 64) {
    const size_t width = n_bytes - start < 64 ? n_bytes - start : 64;
    uint8_t above[64] = {};
    if (width == 64) {
      for (size_t i = 0; i < 64; ++i) {
        above[i] = bytes[start + i] > level;
      }
    } else {
      for (size_t i = 0; i < width; ++i) {
        above[i] = bytes[start + i] > level;
      }
    }
    uint64_t word = 0;
    for (size_t byte = 0; byte < 8; ++byte) {
      uint64_t bits;
      __builtin_memcpy(&bits, above + 8 * byte, 8);
      // The lowest bits of 8 bytes, byte i to bit i of the highest byte.
      word |= (bits * 0x0102040810204080U) >> 56 << (8 * byte);
    }
    out[start / 64] = word;
  }
}

// Partial sums in 16 lanes, whatever the level's vectors: the order of additions is the same.
inline void score_rows(const double* x, size_t n_rows, const double* coef, size_t n, double* out,
                       size_t out_stride) {
  typedef double Lanes __attribute__((vector_size(64)));
  for (size_t r = 0; r < n_rows; ++r, x += n) {
    Lanes sums[kScoreOutputs][2] = {};
    for (size_t i = 0; i < n; i += kScoreLanes) {
      for (size_t half = 0; half < 2; ++half) {
        Lanes values;
        __builtin_memcpy(&values, x + i + 8 * half, sizeof(values));
        for (size_t o = 0; o < kScoreOutputs; ++o) {
          Lanes weights;
          __builtin_memcpy(&weights, coef + o * n + i + 8 * half, sizeof(weights));
          sums[o][half] += weights * values;
        }
      }
    }
    for (size_t o = 0; o < kScoreOutputs; ++o) {
      const Lanes s = sums[o][0] + sums[o][1];
      out[r * out_stride + o] = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
    }
  }
}

// Bit-sliced counters: plane p of column j holds bit p of the count of column j, so one operation
// counts for as many columns as a vector has bits. Seven rows are first added to a three-bit
// number by four full adders (Harley and Seal's carry-save scheme), then rippled into the planes.
constexpr size_t kCountWords = 8;  // words side by side: one 512-bit vector
constexpr unsigned kCountPlanes = 16;

struct CountVector {
  uint64_t word[kCountWords];
};

inline void full_add(const CountVector& a, const CountVector& b, const CountVector& c,
                     CountVector& sum, CountVector& carry) {
  for (size_t i = 0; i < kCountWords; ++i) {
    const uint64_t half = a.word[i] ^ b.word[i];
    const uint64_t out = (a.word[i] & b.word[i]) | (half & c.word[i]);
    sum.word[i] = half ^ c.word[i];
    carry.word[i] = out;
  }
}

inline void flush_counts(CountVector* planes, size_t n_words, uint32_t* counts) {
  for (size_t w = 0; w < n_words; ++w) {
    for (unsigned p = 0; p < kCountPlanes; ++p) {
      const uint64_t word = planes[p].word[w];
      if (word == 0) {
        continue;
      }
      for (size_t j = 0; j < 64; ++j) {
        counts[64 * w + j] += static_cast<uint32_t>((word >> j) & 1U) << p;
      }
    }
  }
  __builtin_memset(planes, 0, kCountPlanes * sizeof(CountVector));
}

inline void count_columns(const uint64_t* const* rows, size_t n_rows, size_t n_words,
                          uint32_t* counts) {
  constexpr size_t kRows = 7;
  constexpr size_t kRowsPerFlush = ((size_t{1} << kCountPlanes) - 1) / kRows * kRows;
  for (size_t first = 0; first < n_words; first += kCountWords) {
    const size_t width = n_words - first < kCountWords ? n_words - first : kCountWords;
    CountVector planes[kCountPlanes];
    __builtin_memset(planes, 0, sizeof(planes));
    CountVector row[kRows];
    __builtin_memset(row, 0, sizeof(row));
    for (size_t start = 0; start < n_rows; start += kRows) {
      const size_t present = n_rows - start < kRows ? n_rows - start : kRows;
      for (size_t r = 0; r < kRows; ++r) {
        if (r >= present) {
          __builtin_memset(&row[r], 0, sizeof(row[r]));
        } else if (width == kCountWords) {
          __builtin_memcpy(row[r].word, rows[start + r] + first, sizeof(row[r]));
        } else {
          for (size_t w = 0; w < width; ++w) {
            row[r].word[w] = rows[start + r][first + w];
          }
        }
      }
      CountVector ones, twos, fours, sum1, sum2, carry1, carry2, carry3;
      full_add(row[0], row[1], row[2], sum1, carry1);
      full_add(row[3], row[4], row[5], sum2, carry2);
      full_add(sum1, sum2, row[6], ones, carry3);
      full_add(carry1, carry2, carry3, twos, fours);

      CountVector carry = {};
      full_add(planes[0], ones, carry, planes[0], carry);
      full_add(planes[1], twos, carry, planes[1], carry);
      full_add(planes[2], fours, carry, planes[2], carry);
      for (unsigned p = 3; p < kCountPlanes; ++p) {
        uint64_t any = 0;
        for (size_t i = 0; i < kCountWords; ++i) {
          const uint64_t plane = planes[p].word[i];
          planes[p].word[i] = plane ^ carry.word[i];
          carry.word[i] &= plane;
          any |= carry.word[i];
        }
        if (any == 0) {
          break;
        }
      }
      if ((start + kRows) % kRowsPerFlush == 0) {
        flush_counts(planes, width, counts + 64 * first);
      }
    }
    flush_counts(planes, width, counts + 64 * first);
  }
}

// Subset sums of 3 inputs as the bytes of a word: byte j holds the sum over the set bits of j.
inline uint64_t subset_sums3(uint64_t a, uint64_t b, uint64_t c) {
  return a * 0x0100010001000100U + b * 0x0101000001010000U + c * 0x0101010100000000U;
}

// Tables of 16 entries, each for 4 inputs: entries 0 to 7 without the fourth, 8 to 15 with it.
inline void word_tables4(const uint8_t* u, unsigned shift, size_t n_groups, uint8_t* out,
                         size_t stride) {
  for (size_t g = 0; g < n_groups; ++g, out += stride) {
    uint32_t quad;
    __builtin_memcpy(&quad, u + 4 * g, 4);
    quad = (quad >> shift) & 0x0F0F0F0FU;
    const uint64_t without = subset_sums3(quad & 0xFF, (quad >> 8) & 0xFF, (quad >> 16) & 0xFF);
    const uint64_t with = without + 0x0101010101010101U * (quad >> 24);
    __builtin_memcpy(out, &without, 8);
    __builtin_memcpy(out + 8, &with, 8);
  }
}

constexpr void fill_plain_loops(Kernels& table) {
  table.philox_batch = philox_batch;
  table.transpose64 = transpose64;
  table.transpose_bytes = transpose_bytes;
  table.columns_and_units = columns_and_units;
  table.unpack_bits = unpack_bits;
  table.slice_bytes = slice_bytes;
  table.popcount_words = popcount_words;
  table.hamming_words = hamming_words;
  table.sum_bytes = sum_bytes;
  table.sum_squares = sum_squares;
  table.byte_distances = byte_distances;
  table.count_columns = count_columns;
  table.sum_columns = sum_columns;
  table.count_changed = count_changed;
  table.bits_above = bits_above;
  table.score_rows = score_rows;
}
