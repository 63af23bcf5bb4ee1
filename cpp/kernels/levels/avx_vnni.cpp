// AVX-VNNI: the 8-bit dot product on 256-bit vectors, for CPUs that have it without AVX-512
// (client processors since 2021). Serves level "avx2".
#include "../kernels.hpp"

#if defined(__AVXVNNI__) || (defined(__AVX512VNNI__) && defined(__AVX512VL__))
#include <immintrin.h>

namespace randprop {
namespace kernels {
namespace {

#include "../shared/unroll.inl.hpp"

inline __m256i load256(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

inline __m256i dot4(__m256i sum, __m256i x, __m256i w) {
#if defined(__AVXVNNI__)
  return _mm256_dpbusd_avx_epi32(sum, x, w);
#else
  // The same instruction under its AVX-512 encoding, which lets the tests run this file on CPUs
  // that have only that one.
  return _mm256_dpbusd_epi32(sum, x, w);
#endif
}

template <size_t kRows>
inline void dot_tile(const DotBlock& block, size_t row, size_t unit) {
  const size_t x_stride = block.x_stride;
  const uint8_t* x = block.x + row * x_stride;
  const int8_t* w = block.w + unit * 4;
  int32_t* out = block.sums + row * kPanelUnits + unit;
  __m256i sums[kRows][2];
  unroll<kRows>([&](auto r) RANDPROP_STEP {
    unroll<2>([&](auto v) RANDPROP_STEP {
      sums[r][v] =
          block.accumulate ? load256(out + r * kPanelUnits + 8 * v) : _mm256_setzero_si256();
    });
  });
  for (size_t q = 0; q < block.n_quads; ++q, x += 4, w += 4 * kPanelUnits) {
    const __m256i w0 = load256(w);
    const __m256i w1 = load256(w + 32);
    unroll<kRows>([&](auto r) RANDPROP_STEP {
      int32_t quad;
      __builtin_memcpy(&quad, x + r * x_stride, 4);
      const __m256i bytes = _mm256_set1_epi32(quad);
      sums[r][0] = dot4(sums[r][0], bytes, w0);
      sums[r][1] = dot4(sums[r][1], bytes, w1);
    });
  }
  unroll<kRows>([&](auto r) RANDPROP_STEP {
    unroll<2>([&](auto v) RANDPROP_STEP {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + r * kPanelUnits + 8 * v), sums[r][v]);
    });
  });
}

void dot(const DotBlock& block) {
  for (size_t unit = 0; unit < kPanelUnits; unit += 16) {
    size_t row = 0;
    for (; row + 6 <= block.n_rows; row += 6) {
      dot_tile<6>(block, row, unit);
    }
    // One tile of all that is left: a row alone waits for its own sums.
    switch (block.n_rows - row) {
      case 5:
        dot_tile<5>(block, row, unit);
        break;
      case 4:
        dot_tile<4>(block, row, unit);
        break;
      case 3:
        dot_tile<3>(block, row, unit);
        break;
      case 2:
        dot_tile<2>(block, row, unit);
        break;
      case 1:
        dot_tile<1>(block, row, unit);
        break;
      default:
        break;
    }
  }
}

}  // namespace

DotKernel avx_vnni_dot() { return dot; }

}  // namespace kernels
}  // namespace randprop

#else

namespace randprop {
namespace kernels {
DotKernel avx_vnni_dot() { return nullptr; }
}  // namespace kernels
}  // namespace randprop

#endif
