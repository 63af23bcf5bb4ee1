// Level "avx512": F, BW, DQ, VL, VPOPCNTDQ and VNNI.
#include "kernels.hpp"

#if defined(__AVX512VPOPCNTDQ__) && defined(__AVX512VNNI__)
#include <immintrin.h>

namespace randprop {
namespace kernels {
namespace {

#include "plain_loops.hpp"
#include "unroll.hpp"

struct V {
  static constexpr size_t kLanes = 8;
  static constexpr size_t kRows = 4;
  static constexpr size_t kGroups = 4;
  static constexpr size_t kRun = size_t{1} << 30;
  using Vec = __m512i;
  using Partial = __m512i;

  static Vec zero() { return _mm512_setzero_si512(); }
  static Partial zero_partial() { return _mm512_setzero_si512(); }
  static Vec load(const uint64_t* p) { return _mm512_loadu_si512(p); }
  static Vec broadcast(uint64_t x) { return _mm512_set1_epi64(static_cast<long long>(x)); }
  static Vec add(Vec a, Vec b) { return _mm512_add_epi64(a, b); }
  static Partial accumulate(Partial partial, Vec x, Vec w) {
    return _mm512_add_epi64(partial, _mm512_popcnt_epi64(_mm512_and_si512(x, w)));
  }
  static Vec reduce(Partial p) { return p; }
  static void store(int64_t* p, Vec v) { _mm512_storeu_si512(p, v); }
  static unsigned above(Vec sum, int64_t row_term, const int64_t* unit_terms) {
    const __m512i bound =
        _mm512_add_epi64(_mm512_set1_epi64(row_term), _mm512_loadu_si512(unit_terms));
    return _mm512_cmpgt_epi64_mask(_mm512_slli_epi64(sum, 2), bound);
  }
};

#include "popcount_tiles.hpp"

// 6 rows x 64 units: 24 accumulators, 4 weight vectors and a broadcast fill the 32 registers.
template <size_t kRows>
inline void dot_tile(const DotBlock& block, size_t row) {
  const size_t x_stride = block.x_stride;
  const uint8_t* x = block.x + row * x_stride;
  const int8_t* w = block.w;
  int32_t* out = block.sums + row * kPanelUnits;
  __m512i sums[kRows][4];
  unroll<kRows>([&](auto r) RANDPROP_STEP {
    unroll<4>([&](auto v) RANDPROP_STEP {
      sums[r][v] = block.accumulate ? _mm512_loadu_si512(out + r * kPanelUnits + 16 * v)
                                    : _mm512_setzero_si512();
    });
  });
  for (size_t q = 0; q < block.n_quads; ++q, x += 4, w += 4 * kPanelUnits) {
    __m512i weights[4];
    unroll<4>([&](auto v) RANDPROP_STEP { weights[v] = _mm512_loadu_si512(w + 64 * v); });
    unroll<kRows>([&](auto r) RANDPROP_STEP {
      int32_t quad;
      __builtin_memcpy(&quad, x + r * x_stride, 4);
      const __m512i bytes = _mm512_set1_epi32(quad);
      unroll<4>([&](auto v) RANDPROP_STEP {
        sums[r][v] = _mm512_dpbusd_epi32(sums[r][v], bytes, weights[v]);
      });
    });
  }
  unroll<kRows>([&](auto r) RANDPROP_STEP {
    unroll<4>([&](auto v) RANDPROP_STEP {
      _mm512_storeu_si512(out + r * kPanelUnits + 16 * v, sums[r][v]);
    });
  });
}

void dot_bytes(const DotBlock& block) {
  size_t row = 0;
  for (; row + 6 <= block.n_rows; row += 6) dot_tile<6>(block, row);
  switch (block.n_rows - row) {
    case 5:
      dot_tile<5>(block, row);
      break;
    case 4:
      dot_tile<4>(block, row);
      break;
    case 3:
      dot_tile<3>(block, row);
      break;
    case 2:
      dot_tile<2>(block, row);
      break;
    case 1:
      dot_tile<1>(block, row);
      break;
    default:
      break;
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

const Kernels kTable = {
    "avx512",       philox_batch,  transpose64,    popcount_threshold, popcount_sums,
    dot_bytes,      dot_bytes,     threshold_sums, unpack_bits_wide,   slice_bytes_wide,
    popcount_words, hamming_words, sum_bytes,      count_columns,
};

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
