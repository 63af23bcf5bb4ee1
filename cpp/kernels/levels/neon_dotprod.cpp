// The Armv8.2 dot-product extension, for level "neon" on the cores that have it.
#include "../kernels.hpp"

#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>

namespace randprop {
namespace kernels {
namespace {

#include "../shared/unroll.inl.hpp"

// UDOT multiplies unsigned by unsigned, so the weights enter as w + 128 and 128 * sum(x) comes
// off again; both run modulo 2^32, and the result itself fits 32 bits by the caller's promise.
template <size_t kRows>
inline void dot_tile(const DotBlock& block, size_t row, size_t unit) {
  const size_t x_stride = block.x_stride;
  const uint8_t* x = block.x + row * x_stride;
  const int8_t* w = block.w + unit * 4;
  const uint8x16_t flip = vdupq_n_u8(0x80);
  const uint8x16_t ones = vdupq_n_u8(1);
  uint32x4_t sums[kRows][4], totals[kRows];
  unroll<kRows>([&](auto r) RANDPROP_STEP {
    totals[r] = vdupq_n_u32(0);
    unroll<4>([&](auto v) RANDPROP_STEP { sums[r][v] = vdupq_n_u32(0); });
  });
  for (size_t q = 0; q < block.n_quads; ++q, x += 4, w += 4 * kPanelUnits) {
    uint8x16_t weights[4];
    unroll<4>([&](auto v) RANDPROP_STEP {
      weights[v] = veorq_u8(vreinterpretq_u8_s8(vld1q_s8(w + 16 * v)), flip);
    });
    unroll<kRows>([&](auto r) RANDPROP_STEP {
      uint32_t quad;
      __builtin_memcpy(&quad, x + r * x_stride, 4);
      const uint8x16_t bytes = vreinterpretq_u8_u32(vdupq_n_u32(quad));
      totals[r] = vdotq_u32(totals[r], bytes, ones);
      unroll<4>([&](auto v)
                    RANDPROP_STEP { sums[r][v] = vdotq_u32(sums[r][v], bytes, weights[v]); });
    });
  }
  unroll<kRows>([&](auto r) RANDPROP_STEP {
    int32_t* out = block.sums + (row + r) * kPanelUnits + unit;
    const uint32x4_t shift = vshlq_n_u32(totals[r], 7);
    unroll<4>([&](auto v) RANDPROP_STEP {
      int32x4_t sum = vreinterpretq_s32_u32(vsubq_u32(sums[r][v], shift));
      if (block.accumulate) {
        sum = vaddq_s32(sum, vld1q_s32(out + 4 * v));
      }
      vst1q_s32(out + 4 * v, sum);
    });
  });
}

void dot(const DotBlock& block) {
  for (size_t unit = 0; unit < kPanelUnits; unit += 16) {
    size_t row = 0;
    for (; row + 4 <= block.n_rows; row += 4) {
      dot_tile<4>(block, row, unit);
    }
    for (; row < block.n_rows; ++row) {
      dot_tile<1>(block, row, unit);
    }
  }
}

}  // namespace

DotKernel neon_dotprod_dot() { return dot; }

}  // namespace kernels
}  // namespace randprop

#else

namespace randprop {
namespace kernels {
DotKernel neon_dotprod_dot() { return nullptr; }
}  // namespace kernels
}  // namespace randprop

#endif
