// Level "avx512": F, BW, DQ, VL, VBMI, VPOPCNTDQ and VNNI.
#include "../kernels.hpp"

#if defined(__AVX512VPOPCNTDQ__) && defined(__AVX512VNNI__) && defined(__AVX512VBMI__)
#include <immintrin.h>

namespace randprop {
namespace kernels {
namespace {

#include "../shared/plain_loops.inl.hpp"
#include "../shared/unroll.inl.hpp"

struct V {
  static constexpr size_t kLanes = 8;
  static constexpr size_t kRows = 4;
  static constexpr size_t kGroups = 4;
  static constexpr bool kDirect = true;
  static constexpr size_t kRun = size_t{1} << 30;
  using Vec = __m512i;
  using Partial = __m512i;

  static void forget(Vec& v) { __asm__ volatile("" : "+v"(v)); }
  static Vec zero() { return _mm512_setzero_si512(); }
  static Partial zero_partial() { return zero(); }
  static Vec reduce(Partial p) { return p; }
  static Vec load(const uint64_t* p) { return _mm512_loadu_si512(p); }
  static Vec broadcast(uint64_t x) { return _mm512_set1_epi64(static_cast<long long>(x)); }
  static Vec add(Vec a, Vec b) { return _mm512_add_epi64(a, b); }
  static Vec accumulate(Vec sum, Vec x, Vec w) {
    return _mm512_add_epi64(sum, _mm512_popcnt_epi64(_mm512_and_si512(x, w)));
  }
  static void store(int64_t* p, Vec v) { _mm512_storeu_si512(p, v); }
  static unsigned above(Vec sum, int64_t row_term, const int64_t* unit_terms) {
    const __m512i bound =
        _mm512_add_epi64(_mm512_set1_epi64(row_term), _mm512_loadu_si512(unit_terms));
    return _mm512_cmpgt_epi64_mask(_mm512_slli_epi64(sum, 2), bound);
  }
};

#include "../shared/popcount_tiles.inl.hpp"

#include "../shared/slices.inl.hpp"

// The truth tables of a vpternlog: bit 4 a + 2 b + c.
struct WideSlice {
  using Vec = __m512i;
  static constexpr size_t kWords = 8;

  static Vec zero() { return _mm512_setzero_si512(); }
  static Vec ones() { return _mm512_set1_epi64(-1); }
  static Vec fill(uint64_t word) { return V::broadcast(word); }
  // Once: a vpternlog overwrites an operand, and GCC would load it again rather than copy it.
  static Vec load(const uint64_t* p) {
    Vec v = _mm512_loadu_si512(p);
    __asm__("" : "+v"(v));
    return v;
  }
  static void store(uint64_t* p, Vec v) { _mm512_storeu_si512(p, v); }
  static void forget(Vec& v) { V::forget(v); }
  static Vec both(Vec a, Vec b) { return _mm512_and_si512(a, b); }
  static Vec differ(Vec a, Vec b) { return _mm512_xor_si512(a, b); }
  static Vec invert(Vec a) { return _mm512_ternarylogic_epi64(a, a, a, 0x0F); }
  static Vec sum(Vec a, Vec b, Vec c) { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }
  static Vec sum_not(Vec a, Vec b, Vec c) { return _mm512_ternarylogic_epi64(a, b, c, 0x69); }
  static Vec most(Vec a, Vec b, Vec c) { return _mm512_ternarylogic_epi64(a, b, c, 0xE8); }
  static Vec most_not(Vec a, Vec b, Vec c) { return _mm512_ternarylogic_epi64(a, b, c, 0xD4); }
  static Vec all_not(Vec a, Vec b, Vec c) { return _mm512_ternarylogic_epi64(a, b, c, 0x40); }
  static Vec any_not(Vec a, Vec b, Vec c) { return _mm512_ternarylogic_epi64(a, b, c, 0xFD); }
  static Vec choose(Vec mask, Vec a, Vec b) { return _mm512_ternarylogic_epi64(mask, a, b, 0xCA); }
};

#include "../shared/sliced_units.inl.hpp"

void bits_above_wide(const uint8_t* bytes, size_t n_bytes, uint8_t level, uint64_t* out) {
  const __m512i limit = _mm512_set1_epi8(static_cast<char>(level));
  for (size_t start = 0; start < n_bytes; start += 64) {
    const size_t width = n_bytes - start < 64 ? n_bytes - start : 64;
    const __mmask64 there = width == 64 ? ~__mmask64{0} : (__mmask64{1} << width) - 1;
    const __m512i x = _mm512_maskz_loadu_epi8(there, bytes + start);
    out[start / 64] = _mm512_mask_cmpgt_epu8_mask(there, x, limit);
  }
}

void join_planes_wide(const uint64_t* planes, size_t n_planes, size_t stride, uint8_t* out) {
  __m512i bytes = _mm512_setzero_si512();
  for (size_t p = 0; p < n_planes; ++p) {
    const __m512i bit = _mm512_set1_epi8(static_cast<char>(1U << p));
    bytes = _mm512_mask_add_epi8(bytes, planes[p * stride], bytes, bit);
  }
  _mm512_storeu_si512(out, bytes);
}

constexpr size_t kListed = 256;  // quads whose numbers are held at a time

// Lists the quads of [first, end) that are not zero in all of some rows, at most kListed of them.
template <size_t kRows>
inline size_t list_quads(const uint8_t* x, size_t x_stride, size_t first, size_t end,
                         uint32_t* list) {
  const __m512i steps = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  size_t count = 0;
  for (size_t q = first; q < end; q += 16) {
    __m512i any = _mm512_loadu_si512(x + 4 * q);
    unroll<kRows - 1>([&](auto r) RANDPROP_STEP {
      any = _mm512_or_si512(any, _mm512_loadu_si512(x + (r + 1) * x_stride + 4 * q));
    });
    const size_t left = end - q;
    const auto there = static_cast<__mmask16>(left >= 16 ? 0xFFFFU : (1U << left) - 1);
    const __mmask16 found = _mm512_mask_test_epi32_mask(there, any, any);
    const __m512i numbers = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(q)), steps);
    _mm512_storeu_si512(list + count, _mm512_maskz_compress_epi32(found, numbers));
    count += static_cast<size_t>(__builtin_popcount(found));
  }
  return count;
}

// 6 rows x 64 units: 24 accumulators, 4 weight vectors and a broadcast fill the 32 registers.
// kSkip: quads that are zero in every row are left out; of 6 images of digits they are half.
template <size_t kRows, bool kSkip>
inline void dot_tile(const DotBlock& block, size_t row) {
  const size_t x_stride = block.x_stride;
  const uint8_t* x = block.x + row * x_stride;
  int32_t* out = block.sums + row * kPanelUnits;
  __m512i sums[kRows][4];
  unroll<kRows>([&](auto r) RANDPROP_STEP {
    unroll<4>([&](auto v) RANDPROP_STEP {
      sums[r][v] = block.accumulate ? _mm512_loadu_si512(out + r * kPanelUnits + 16 * v)
                                    : _mm512_setzero_si512();
    });
  });
  const auto add_quad = [&](const uint8_t* quads, const int8_t* from) RANDPROP_STEP {
    __m512i weights[4];
    unroll<4>([&](auto v) RANDPROP_STEP { weights[v] = _mm512_loadu_si512(from + 64 * v); });
    unroll<kRows>([&](auto r) RANDPROP_STEP {
      int32_t quad;
      __builtin_memcpy(&quad, quads + r * x_stride, 4);
      const __m512i bytes = _mm512_set1_epi32(quad);
      unroll<4>([&](auto v) RANDPROP_STEP {
        sums[r][v] = _mm512_dpbusd_epi32(sums[r][v], bytes, weights[v]);
      });
    });
  };
  const int8_t* w = block.w;
  if (kSkip) {
    uint32_t list[kListed + 16];
    for (size_t first = 0; first < block.n_quads; first += kListed) {
      const size_t left = block.n_quads - first;
      const size_t end = first + (left < kListed ? left : kListed);
      const size_t count = list_quads<kRows>(x, x_stride, first, end, list);
      for (size_t i = 0; i < count; ++i) {
        add_quad(x + size_t{4} * list[i], w + 4 * kPanelUnits * list[i]);
      }
    }
  } else {
    for (size_t q = 0; q < block.n_quads; ++q, x += 4, w += 4 * kPanelUnits) {
      add_quad(x, w);
    }
  }
  unroll<kRows>([&](auto r) RANDPROP_STEP {
    unroll<4>([&](auto v) RANDPROP_STEP {
      _mm512_storeu_si512(out + r * kPanelUnits + 16 * v, sums[r][v]);
    });
  });
}

template <bool kSkip>
void dot_tiles(const DotBlock& block) {
  size_t row = 0;
  for (; row + 6 <= block.n_rows; row += 6) {
    dot_tile<6, kSkip>(block, row);
  }
  switch (block.n_rows - row) {
    case 5:
      dot_tile<5, kSkip>(block, row);
      break;
    case 4:
      dot_tile<4, kSkip>(block, row);
      break;
    case 3:
      dot_tile<3, kSkip>(block, row);
      break;
    case 2:
      dot_tile<2, kSkip>(block, row);
      break;
    case 1:
      dot_tile<1, kSkip>(block, row);
      break;
    default:
      break;
  }
}

// Whether a quarter of the quads of a row or more are zero.
bool is_sparse(const DotBlock& block, size_t row) {
  const uint8_t* x = block.x + row * block.x_stride;
  size_t n_zero = 0;
  for (size_t q = 0; q + 16 <= block.n_quads; q += 16) {
    const __m512i quads = _mm512_loadu_si512(x + 4 * q);
    n_zero += static_cast<size_t>(__builtin_popcount(_mm512_testn_epi32_mask(quads, quads)));
  }
  return n_zero != 0 && 4 * n_zero >= block.n_quads;
}

// Two rows speak for all: to look at each would cost rows without zeros a tenth of their time.
void dot_bytes(const DotBlock& block) {
  if (block.n_rows >= 6 && is_sparse(block, 0) && is_sparse(block, block.n_rows / 2)) {
    dot_tiles<true>(block);
  } else {
    dot_tiles<false>(block);
  }
}

void threshold_sums(const int32_t* sums, size_t n_rows, const int32_t* row_terms,
                    const int32_t* unit_terms, uint64_t* out, size_t out_stride) {
  for (size_t r = 0; r < n_rows; ++r) {
    const __m512i row_term = _mm512_set1_epi32(row_terms[r]);
    uint64_t word = 0;
    for (size_t v = 0; v < 4; ++v) {
      const __m512i sum = _mm512_loadu_si512(sums + r * kPanelUnits + 16 * v);
      const __m512i bound =
          _mm512_srai_epi32(_mm512_sub_epi32(_mm512_loadu_si512(unit_terms + 16 * v), row_term), 2);
      word |= static_cast<uint64_t>(_mm512_cmpgt_epi32_mask(sum, bound)) << (16 * v);
    }
    out[r * out_stride] = word;
  }
}

void unpack_bits_wide(const uint64_t* words, size_t n_words, uint8_t* out) {
  for (size_t w = 0; w < n_words; ++w) {
    _mm512_storeu_si512(out + 64 * w, _mm512_maskz_set1_epi8(_cvtu64_mask64(words[w]), 1));
  }
}

void slice_bytes_wide(const uint8_t* bytes, size_t n_bytes, uint64_t* out, size_t n_words) {
  for (size_t w = 0; w < n_words; ++w) {
    const size_t left = n_bytes - 64 * w;
    const __mmask64 present = left >= 64 ? ~__mmask64{0} : (__mmask64{1} << left) - 1;
    const __m512i x = _mm512_maskz_loadu_epi8(present, bytes + 64 * w);
    for (int j = 0; j < 8; ++j) {
      const __m512i bit = _mm512_set1_epi8(static_cast<char>(1 << j));
      out[static_cast<size_t>(j) * n_words + w] = _cvtmask64_u64(_mm512_test_epi8_mask(x, bit));
    }
  }
}

struct T {
  static constexpr size_t kLanes = 64;
  static constexpr size_t kInputs = 6;
  static constexpr size_t kTableBytes = 64;
  static constexpr size_t kUnits = 4;
  static constexpr size_t kBlocks = 2;
  static constexpr size_t kPassWords = 5;  // 55 groups x 4 units x 64 bytes: 14 KB
  using Vec = __m512i;

  static void forget(Vec& v) { __asm__ volatile("" : "+v"(v)); }
  static Vec zero() { return _mm512_setzero_si512(); }
  static Vec load(const void* p) { return _mm512_loadu_si512(p); }
  static Vec load_table(const uint8_t* p) {
    __m512i table = _mm512_loadu_si512(p);
    // Else GCC folds the load into every look-up, and loads become the limit.
    __asm__("" : "+v"(table));
    return table;
  }
  static void store(void* p, Vec v) { _mm512_storeu_si512(p, v); }
  static Vec lookup(Vec table, Vec index) { return _mm512_permutexvar_epi8(index, table); }
  static Vec add8(Vec a, Vec b) { return _mm512_add_epi8(a, b); }
  static Vec add16(Vec a, Vec b) { return _mm512_add_epi16(a, b); }
  static Vec high_bytes(Vec v) { return _mm512_srli_epi16(v, 8); }
  static Vec subtract_shifted(Vec all, Vec high) {
    return _mm512_sub_epi16(all, _mm512_slli_epi16(high, 8));
  }
  // Eight tables at a time: byte j of lane g of `low` is the sum of the first three weights of
  // group g over the subset j, of `high` that of the last three; entry 8 i + j of a table is byte
  // j of low plus byte i of high.
  static void word_tables(const uint8_t* u, unsigned shift, size_t n_groups, uint8_t* out,
                          size_t stride) {
    const __m512i nibbles =
        _mm512_and_si512(_mm512_srli_epi16(_mm512_loadu_si512(u), shift), _mm512_set1_epi8(15));
    // 6 g in every byte of lane g.
    const __m512i six = _mm512_set_epi64(0x2A2A2A2A2A2A2A2A, 0x2424242424242424, 0x1E1E1E1E1E1E1E1E,
                                         0x1818181818181818, 0x1212121212121212, 0x0C0C0C0C0C0C0C0C,
                                         0x0606060606060606, 0);
    // Subsets j that hold the first, second, third of three inputs.
    constexpr __mmask64 kHolds[3] = {0xAAAAAAAAAAAAAAAA, 0xCCCCCCCCCCCCCCCC, 0xF0F0F0F0F0F0F0F0};
    const __m512i repeat = _mm512_set_epi64(
        0x0707070707070707, 0x0606060606060606, 0x0505050505050505, 0x0404040404040404,
        0x0303030303030303, 0x0202020202020202, 0x0101010101010101, 0);
    for (size_t first = 0; first < n_groups; first += 8) {
      alignas(64) uint64_t low[8], high[8];
      __m512i sums[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
      for (size_t i = 0; i < 6; ++i) {
        const __m512i source =
            _mm512_add_epi8(six, _mm512_set1_epi8(static_cast<char>(6 * first + i)));
        // The last group of a word has 4 inputs: its fifth and sixth wrap to others here, in
        // entries that no index names.
        sums[i / 3] = _mm512_add_epi8(
            sums[i / 3], _mm512_maskz_permutexvar_epi8(kHolds[i % 3], source, nibbles));
      }
      _mm512_store_si512(low, sums[0]);
      _mm512_store_si512(high, sums[1]);
      for (size_t g = first; g < n_groups && g < first + 8; ++g, out += stride) {
        const __m512i each =
            _mm512_shuffle_epi8(_mm512_set1_epi64(static_cast<long long>(high[g - first])), repeat);
        _mm512_storeu_si512(
            out, _mm512_add_epi8(each, _mm512_set1_epi64(static_cast<long long>(low[g - first]))));
      }
    }
  }
  static uint64_t above(const uint16_t* sums, const uint16_t* low_nibbles, const int32_t* row_terms,
                        int32_t unit_term) {
    uint64_t mask = 0;
    for (size_t v = 0; v < 4; ++v) {
      __m512i sum = _mm512_cvtepu16_epi32(
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums + 16 * v)));
      if (low_nibbles != nullptr) {
        sum = _mm512_add_epi32(_mm512_slli_epi32(sum, 4),
                               _mm512_cvtepu16_epi32(_mm256_loadu_si256(
                                   reinterpret_cast<const __m256i*>(low_nibbles + 16 * v))));
      }
      const __m512i bound =
          _mm512_add_epi32(_mm512_loadu_si512(row_terms + 16 * v), _mm512_set1_epi32(unit_term));
      const __mmask16 above = _mm512_cmpgt_epi32_mask(_mm512_slli_epi32(sum, 2), bound);
      mask |= static_cast<uint64_t>(above) << (16 * v);
    }
    return mask;
  }
};

#include "../shared/lut_tiles.inl.hpp"

uint64_t spin_dot(size_t n_rounds) {
  constexpr size_t kVectors = 16;
  __m512i sums[kVectors];
  __m512i x = _mm512_set1_epi8(1);
  const __m512i w = _mm512_set1_epi8(2);
  unroll<kVectors>([&](auto i) RANDPROP_STEP { sums[i] = _mm512_setzero_si512(); });
  for (size_t round = 0; round < n_rounds; ++round) {
    unroll<kVectors>([&](auto i) RANDPROP_STEP {
      V::forget(x);
      sums[i] = _mm512_dpbusd_epi32(sums[i], x, w);
    });
  }
  unroll<kVectors>([&](auto i) RANDPROP_STEP { V::forget(sums[i]); });
  return n_rounds * kVectors * 64;
}

constexpr Kernels make_table() {
  Kernels table = {};
  table.name = "avx512";
  fill_plain_loops(table);
  fill_popcount_tiles(table);
  fill_sliced_units(table);
  fill_lut_tiles(table);
  table.dot_bytes = dot_bytes;
  table.dot_bits = dot_bytes;
  table.unpack_bits = unpack_bits_wide;
  table.join_planes = join_planes_wide;
  table.bits_above = bits_above_wide;
  table.slice_bytes = slice_bytes_wide;
  table.spin_dot = spin_dot;
  table.threshold_sums = threshold_sums;
  return table;
}

constexpr Kernels kTable = make_table();

}  // namespace

const Kernels* avx512_kernels() { return &kTable; }

}  // namespace kernels
}  // namespace randprop

#else

namespace randprop {
namespace kernels {
const Kernels* avx512_kernels() { return nullptr; }
}  // namespace kernels
}  // namespace randprop

#endif
