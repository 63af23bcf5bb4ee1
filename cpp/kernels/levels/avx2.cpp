// Level "avx2": AVX2 with POPCNT and BMI.
#include "../kernels.hpp"

#if defined(__AVX2__)
#include <immintrin.h>

namespace randprop {
namespace kernels {
namespace {

#include "../shared/plain_loops.inl.hpp"
#include "../shared/unroll.inl.hpp"

struct V {
  static constexpr size_t kLanes = 4;
  static constexpr size_t kRows = 2;
  static constexpr size_t kGroups = 1;
  static constexpr bool kDirect = false;
  static constexpr size_t kRun = 31;  // a byte counts to 255, a word adds at most 8 to it
  using Vec = __m256i;
  using Partial = __m256i;  // byte counters

  static void forget(Vec& v) { __asm__ volatile("" : "+x"(v)); }
  static Vec zero() { return _mm256_setzero_si256(); }
  static Partial zero_partial() { return _mm256_setzero_si256(); }
  static Vec load(const uint64_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static Vec broadcast(uint64_t x) { return _mm256_set1_epi64x(static_cast<long long>(x)); }
  static Vec add(Vec a, Vec b) { return _mm256_add_epi64(a, b); }
  // Popcount of a byte as two look-ups of a nibble (Mula, Kurz and Lemire 2018).
  static Partial accumulate(Partial partial, Vec x, Vec w) {
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                           0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i nibble = _mm256_set1_epi8(0x0F);
    const __m256i y = _mm256_and_si256(x, w);
    const __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(y, nibble));
    const __m256i high =
        _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(y, 4), nibble));
    return _mm256_add_epi8(partial, _mm256_add_epi8(low, high));
  }
  static Vec reduce(Partial p) { return _mm256_sad_epu8(p, _mm256_setzero_si256()); }
  static void store(int64_t* p, Vec v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
  static unsigned above(Vec sum, int64_t row_term, const int64_t* unit_terms) {
    const __m256i terms = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(unit_terms));
    const __m256i bound = _mm256_add_epi64(_mm256_set1_epi64x(row_term), terms);
    const __m256i above = _mm256_cmpgt_epi64(_mm256_slli_epi64(sum, 2), bound);
    return static_cast<unsigned>(_mm256_movemask_pd(_mm256_castsi256_pd(above)));
  }
};

#include "../shared/popcount_tiles.inl.hpp"

#include "../shared/slices.inl.hpp"

typedef uint64_t Words __attribute__((vector_size(32)));
struct WideSlice : PlainSlice<Words> {
  static void forget(Vec& v) { __asm__ volatile("" : "+x"(v)); }
};

#include "../shared/sliced_units.inl.hpp"

inline __m256i load256(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

inline __m256i broadcast_quad(const uint8_t* x) {
  int32_t quad;
  __builtin_memcpy(&quad, x, 4);
  return _mm256_set1_epi32(quad);
}

// Full bytes: their pair sums would overflow the 16 bits of vpmaddubsw, so both factors are widened
// and multiplied by vpmaddwd. 16 units; a vector of sums holds 4 units, two lanes each.
template <size_t kRows>
inline void dot_bytes_tile(const DotBlock& block, size_t row, size_t unit) {
  const size_t x_stride = block.x_stride;
  const uint8_t* x = block.x + row * x_stride;
  const int8_t* w = block.w + unit * 4;
  __m256i sums[kRows][4];
  unroll<kRows>([&](auto r) RANDPROP_STEP {
    unroll<4>([&](auto v) RANDPROP_STEP { sums[r][v] = _mm256_setzero_si256(); });
  });
  for (size_t q = 0; q < block.n_quads; ++q, x += 4, w += 4 * kPanelUnits) {
    __m256i weights[4];
    unroll<4>([&](auto v) RANDPROP_STEP {
      weights[v] =
          _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w + 16 * v)));
    });
    unroll<kRows>([&](auto r) RANDPROP_STEP {
      int32_t quad;
      __builtin_memcpy(&quad, x + r * x_stride, 4);
      const __m256i bytes = _mm256_cvtepu8_epi16(_mm_set1_epi32(quad));
      unroll<4>([&](auto v) RANDPROP_STEP {
        sums[r][v] = _mm256_add_epi32(sums[r][v], _mm256_madd_epi16(bytes, weights[v]));
      });
    });
  }
  unroll<kRows>([&](auto r) RANDPROP_STEP {
    unroll<2>([&](auto half) RANDPROP_STEP {
      // hadd leaves units 0 1 4 5 | 2 3 6 7.
      const __m256i pairs = _mm256_hadd_epi32(sums[r][2 * half], sums[r][2 * half + 1]);
      __m256i sum = _mm256_permute4x64_epi64(pairs, 0xD8);
      int32_t* out = block.sums + (row + r) * kPanelUnits + unit + 8 * half;
      if (block.accumulate) {
        sum = _mm256_add_epi32(sum, load256(out));
      }
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), sum);
    });
  });
}

void dot_bytes(const DotBlock& block) {
  for (size_t unit = 0; unit < kPanelUnits; unit += 16) {
    size_t row = 0;
    for (; row + 2 <= block.n_rows; row += 2) {
      dot_bytes_tile<2>(block, row, unit);
    }
    if (row < block.n_rows) {
      dot_bytes_tile<1>(block, row, unit);
    }
  }
}

// x is 0 or 1, so a pair sum of vpmaddubsw lies in [-256, 254] and 127 of them fit 16 bits.
template <size_t kRows>
inline void dot_bits_tile(const DotBlock& block, size_t row, size_t unit) {
  constexpr size_t kRun = 127;
  const size_t x_stride = block.x_stride;
  const uint8_t* x = block.x + row * x_stride;
  int32_t* out = block.sums + row * kPanelUnits + unit;
  const __m256i ones = _mm256_set1_epi16(1);
  for (size_t start = 0; start < block.n_quads || start == 0; start += kRun) {
    const size_t stop = block.n_quads - start < kRun ? block.n_quads : start + kRun;
    __m256i run[kRows][2];
    unroll<kRows>([&](auto r) RANDPROP_STEP { run[r][0] = run[r][1] = _mm256_setzero_si256(); });
    for (size_t q = start; q < stop; ++q) {
      const int8_t* w = block.w + (q * kPanelUnits + unit) * 4;
      const __m256i w0 = load256(w);
      const __m256i w1 = load256(w + 32);
      unroll<kRows>([&](auto r) RANDPROP_STEP {
        const __m256i bits = broadcast_quad(x + r * x_stride + 4 * q);
        run[r][0] = _mm256_add_epi16(run[r][0], _mm256_maddubs_epi16(bits, w0));
        run[r][1] = _mm256_add_epi16(run[r][1], _mm256_maddubs_epi16(bits, w1));
      });
    }
    const bool add = block.accumulate || start != 0;
    unroll<kRows>([&](auto r) RANDPROP_STEP {
      unroll<2>([&](auto v) RANDPROP_STEP {
        auto* to = reinterpret_cast<__m256i*>(out + r * kPanelUnits + 8 * v);
        const __m256i sum = _mm256_madd_epi16(run[r][v], ones);
        _mm256_storeu_si256(to, add ? _mm256_add_epi32(sum, load256(to)) : sum);
      });
    });
  }
}

void dot_bits(const DotBlock& block) {
  for (size_t unit = 0; unit < kPanelUnits; unit += 16) {
    size_t row = 0;
    for (; row + 4 <= block.n_rows; row += 4) {
      dot_bits_tile<4>(block, row, unit);
    }
    for (; row < block.n_rows; ++row) {
      dot_bits_tile<1>(block, row, unit);
    }
  }
}

void threshold_sums(const int32_t* sums, size_t n_rows, const int32_t* row_terms,
                    const int32_t* unit_terms, uint64_t* out, size_t out_stride) {
  for (size_t r = 0; r < n_rows; ++r) {
    const __m256i row_term = _mm256_set1_epi32(row_terms[r]);
    uint64_t word = 0;
    for (size_t v = 0; v < 8; ++v) {
      const __m256i bound =
          _mm256_srai_epi32(_mm256_sub_epi32(load256(unit_terms + 8 * v), row_term), 2);
      const __m256i above = _mm256_cmpgt_epi32(load256(sums + r * kPanelUnits + 8 * v), bound);
      const int bits = _mm256_movemask_ps(_mm256_castsi256_ps(above));
      word |= static_cast<uint64_t>(static_cast<unsigned>(bits)) << (8 * v);
    }
    out[r * out_stride] = word;
  }
}

struct T {
  static constexpr size_t kLanes = 32;
  static constexpr size_t kInputs = 4;
  static constexpr size_t kTableBytes = 16;
  static constexpr size_t kUnits = 2;
  static constexpr size_t kBlocks = 1;
  static constexpr size_t kPassWords =
      64;  // 1,024 groups x 2 units x 16 bytes: 32 KB at the most inputs there are
  using Vec = __m256i;

  static void forget(Vec& v) { __asm__ volatile("" : "+x"(v)); }
  static Vec zero() { return _mm256_setzero_si256(); }
  static Vec load(const void* p) { return load256(p); }
  static Vec load_table(const uint8_t* p) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static void store(void* p, Vec v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
  static Vec lookup(Vec table, Vec index) { return _mm256_shuffle_epi8(table, index); }
  static Vec add8(Vec a, Vec b) { return _mm256_add_epi8(a, b); }
  static Vec add16(Vec a, Vec b) { return _mm256_add_epi16(a, b); }
  static Vec high_bytes(Vec v) { return _mm256_srli_epi16(v, 8); }
  static Vec subtract_shifted(Vec all, Vec high) {
    return _mm256_sub_epi16(all, _mm256_slli_epi16(high, 8));
  }
  static void word_tables(const uint8_t* u, unsigned shift, size_t n_groups, uint8_t* out,
                          size_t stride) {
    word_tables4(u, shift, n_groups, out, stride);
  }
  static uint64_t above(const uint16_t* sums, const uint16_t* low_nibbles, const int32_t* row_terms,
                        int32_t unit_term) {
    uint64_t mask = 0;
    for (size_t v = 0; v < 8; ++v) {
      __m256i sum = widen(sums + 8 * v);
      if (low_nibbles != nullptr) {
        sum = _mm256_add_epi32(_mm256_slli_epi32(sum, 4), widen(low_nibbles + 8 * v));
      }
      const __m256i bound =
          _mm256_add_epi32(load256(row_terms + 8 * v), _mm256_set1_epi32(unit_term));
      const __m256i above = _mm256_cmpgt_epi32(_mm256_slli_epi32(sum, 2), bound);
      const int bits = _mm256_movemask_ps(_mm256_castsi256_ps(above));
      mask |= static_cast<uint64_t>(static_cast<unsigned>(bits)) << (8 * v);
    }
    return mask;
  }
  static __m256i widen(const uint16_t* p) {
    return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
};

#include "../shared/lut_tiles.inl.hpp"

// The pair for bits: vpmaddubsw and a 16-bit add.
uint64_t spin_dot(size_t n_rounds) {
  constexpr size_t kVectors = 8;
  __m256i sums[kVectors];
  __m256i x = _mm256_set1_epi8(1);
  const __m256i w = _mm256_set1_epi8(2);
  unroll<kVectors>([&](auto i) RANDPROP_STEP { sums[i] = _mm256_setzero_si256(); });
  for (size_t round = 0; round < n_rounds; ++round) {
    unroll<kVectors>([&](auto i) RANDPROP_STEP {
      V::forget(x);
      sums[i] = _mm256_add_epi16(sums[i], _mm256_maddubs_epi16(x, w));
    });
  }
  unroll<kVectors>([&](auto i) RANDPROP_STEP { V::forget(sums[i]); });
  return n_rounds * kVectors * 32;
}

constexpr Kernels make_table() {
  Kernels table = {};
  table.name = "avx2";
  fill_plain_loops(table);
  fill_popcount_tiles(table);
  fill_sliced_units(table);
  fill_lut_tiles(table);
  table.dot_bytes = dot_bytes;
  table.dot_bits = dot_bits;
  table.spin_dot = spin_dot;
  table.threshold_sums = threshold_sums;
  return table;
}

constexpr Kernels kTable = make_table();

}  // namespace

const Kernels* avx2_kernels() { return &kTable; }

}  // namespace kernels
}  // namespace randprop

#else

namespace randprop {
namespace kernels {
const Kernels* avx2_kernels() { return nullptr; }
}  // namespace kernels
}  // namespace randprop

#endif
