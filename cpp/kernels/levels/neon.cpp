// Level "neon": Advanced SIMD of every 64-bit Arm.
#include "../kernels.hpp"

#if defined(__aarch64__)
#include <arm_neon.h>

namespace randprop {
namespace kernels {
namespace {

#include "../shared/plain_loops.inl.hpp"
#include "../shared/unroll.inl.hpp"

struct V {
  static constexpr size_t kLanes = 2;
  static constexpr size_t kRows = 2;
  static constexpr size_t kGroups = 1;
  static constexpr bool kDirect = false;
  static constexpr size_t kRun = 31;  // a byte counts to 255, a word adds at most 8 to it
  using Vec = uint64x2_t;
  using Partial = uint8x16_t;

  static void forget(Vec& v) { __asm__ volatile("" : "+w"(v)); }
  static Vec zero() { return vdupq_n_u64(0); }
  static Partial zero_partial() { return vdupq_n_u8(0); }
  static Vec load(const uint64_t* p) { return vld1q_u64(p); }
  static Vec broadcast(uint64_t x) { return vdupq_n_u64(x); }
  static Vec add(Vec a, Vec b) { return vaddq_u64(a, b); }
  static Partial accumulate(Partial partial, Vec x, Vec w) {
    return vaddq_u8(partial, vcntq_u8(vreinterpretq_u8_u64(vandq_u64(x, w))));
  }
  static Vec reduce(Partial p) { return vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(p))); }
  static void store(int64_t* p, Vec v) { vst1q_s64(p, vreinterpretq_s64_u64(v)); }
  static unsigned above(Vec sum, int64_t row_term, const int64_t* unit_terms) {
    const int64x2_t bound = vaddq_s64(vdupq_n_s64(row_term), vld1q_s64(unit_terms));
    const uint64x2_t above = vcgtq_s64(vreinterpretq_s64_u64(vshlq_n_u64(sum, 2)), bound);
    return static_cast<unsigned>((vgetq_lane_u64(above, 0) & 1U) | (vgetq_lane_u64(above, 1) & 2U));
  }
};

#include "../shared/popcount_tiles.inl.hpp"

#include "../shared/slices.inl.hpp"

typedef uint64_t Words __attribute__((vector_size(16)));
struct WideSlice : PlainSlice<Words> {
  static void forget(Vec& v) { __asm__ volatile("" : "+w"(v)); }
};

#include "../shared/sliced_units.inl.hpp"

// Widening multiply-add, for cores without the dot-product extension: 8 units, one row.
void dot_bytes(const DotBlock& block) {
  for (size_t r = 0; r < block.n_rows; ++r) {
    const uint8_t* x = block.x + r * block.x_stride;
    for (size_t unit = 0; unit < kPanelUnits; unit += 8) {
      int32_t* out = block.sums + r * kPanelUnits + unit;
      int32x4_t pairs[4];  // two lanes a unit
      for (int32x4_t& pair : pairs) {
        pair = vdupq_n_s32(0);
      }
      for (size_t q = 0; q < block.n_quads; ++q) {
        uint32_t quad;
        __builtin_memcpy(&quad, x + 4 * q, 4);
        const int16x4_t bytes =
            vget_low_s16(vreinterpretq_s16_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(quad)))));
        const int16x8_t twice = vcombine_s16(bytes, bytes);
        const int8_t* w = block.w + (q * kPanelUnits + unit) * 4;
        for (size_t v = 0; v < 4; ++v) {
          const int16x8_t wide = vmovl_s8(vld1_s8(w + 8 * v));
          const int32x4_t low = vmull_s16(vget_low_s16(wide), vget_low_s16(twice));
          const int32x4_t high = vmull_high_s16(wide, twice);
          pairs[v] = vaddq_s32(pairs[v], vpaddq_s32(low, high));
        }
      }
      for (size_t half = 0; half < 2; ++half) {
        int32x4_t sum = vpaddq_s32(pairs[2 * half], pairs[2 * half + 1]);
        if (block.accumulate) {
          sum = vaddq_s32(sum, vld1q_s32(out + 4 * half));
        }
        vst1q_s32(out + 4 * half, sum);
      }
    }
  }
}

void threshold_sums(const int32_t* sums, size_t n_rows, const int32_t* row_terms,
                    const int32_t* unit_terms, uint64_t* out, size_t out_stride) {
  const uint32x4_t weights = {1, 2, 4, 8};
  for (size_t r = 0; r < n_rows; ++r) {
    const int32x4_t row_term = vdupq_n_s32(row_terms[r]);
    uint64_t word = 0;
    for (size_t u = 0; u < kPanelUnits; u += 4) {
      const int32x4_t bound = vshrq_n_s32(vsubq_s32(vld1q_s32(unit_terms + u), row_term), 2);
      const uint32x4_t above = vcgtq_s32(vld1q_s32(sums + r * kPanelUnits + u), bound);
      word |= static_cast<uint64_t>(vaddvq_u32(vandq_u32(above, weights))) << u;
    }
    out[r * out_stride] = word;
  }
}

struct T {
  static constexpr size_t kLanes = 16;
  static constexpr size_t kInputs = 4;
  static constexpr size_t kTableBytes = 16;
  static constexpr size_t kUnits = 2;
  static constexpr size_t kBlocks = 1;
  static constexpr size_t kPassWords =
      64;  // 1,024 groups x 2 units x 16 bytes: 32 KB at the most inputs there are
  using Vec = uint8x16_t;

  static void forget(Vec& v) { __asm__ volatile("" : "+w"(v)); }
  static Vec zero() { return vdupq_n_u8(0); }
  static Vec load(const uint8_t* p) { return vld1q_u8(p); }
  static Vec load(const uint16_t* p) { return vreinterpretq_u8_u16(vld1q_u16(p)); }
  static Vec load_table(const uint8_t* p) { return vld1q_u8(p); }
  static void store(uint16_t* p, Vec v) { vst1q_u16(p, vreinterpretq_u16_u8(v)); }
  static Vec lookup(Vec table, Vec index) { return vqtbl1q_u8(table, index); }
  static Vec add8(Vec a, Vec b) { return vaddq_u8(a, b); }
  static Vec add16(Vec a, Vec b) {
    return vreinterpretq_u8_u16(vaddq_u16(vreinterpretq_u16_u8(a), vreinterpretq_u16_u8(b)));
  }
  static Vec high_bytes(Vec v) {
    return vreinterpretq_u8_u16(vshrq_n_u16(vreinterpretq_u16_u8(v), 8));
  }
  static Vec subtract_shifted(Vec all, Vec high) {
    return vreinterpretq_u8_u16(
        vsubq_u16(vreinterpretq_u16_u8(all), vshlq_n_u16(vreinterpretq_u16_u8(high), 8)));
  }
  static void word_tables(const uint8_t* u, unsigned shift, size_t n_groups, uint8_t* out,
                          size_t stride) {
    word_tables4(u, shift, n_groups, out, stride);
  }
  static uint64_t above(const uint16_t* sums, const uint16_t* low_nibbles, const int32_t* row_terms,
                        int32_t unit_term) {
    const uint32x4_t weights = {1, 2, 4, 8};
    uint64_t mask = 0;
    for (size_t v = 0; v < 16; ++v) {
      uint32x4_t sum = vmovl_u16(vld1_u16(sums + 4 * v));
      if (low_nibbles != nullptr) {
        sum = vaddw_u16(vshlq_n_u32(sum, 4), vld1_u16(low_nibbles + 4 * v));
      }
      const int32x4_t bound = vaddq_s32(vld1q_s32(row_terms + 4 * v), vdupq_n_s32(unit_term));
      const uint32x4_t above = vcgtq_s32(vreinterpretq_s32_u32(vshlq_n_u32(sum, 2)), bound);
      mask |= static_cast<uint64_t>(vaddvq_u32(vandq_u32(above, weights))) << (4 * v);
    }
    return mask;
  }
};

#include "../shared/lut_tiles.inl.hpp"

constexpr Kernels make_table() {
  Kernels table = {};
  table.name = "neon";
  fill_plain_loops(table);
  fill_popcount_tiles(table);
  fill_sliced_units(table);
  fill_lut_tiles(table);
  table.dot_bytes = dot_bytes;
  table.dot_bits = dot_bytes;
  table.threshold_sums = threshold_sums;
  return table;
}

constexpr Kernels kTable = make_table();

}  // namespace

const Kernels* neon_kernels() { return &kTable; }

}  // namespace kernels
}  // namespace randprop

#else

namespace randprop {
namespace kernels {
const Kernels* neon_kernels() { return nullptr; }
}  // namespace kernels
}  // namespace randprop

#endif
