// Level "simd128": the 128-bit vectors of WebAssembly, which every engine turns into instructions
// of its own. What costs one instruction on Arm may cost several on x86, and the other way round.
#include "../kernels.hpp"

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>

namespace randprop {
namespace kernels {
namespace {

#include "../shared/plain_loops.inl.hpp"
#include "../shared/unroll.inl.hpp"

// Inlined by name: a build for small code would call them.
struct V {
  static constexpr size_t kLanes = 2;
  static constexpr size_t kRows = 2;
  static constexpr size_t kGroups = 1;
  static constexpr bool kDirect = false;
  static constexpr size_t kRun = 31;  // a byte counts to 255, a word adds at most 8 to it
  using Vec = v128_t;
  using Partial = v128_t;  // 16 byte counters

  static RANDPROP_INLINE void forget(Vec& v) { __asm__ volatile("" : "+r"(v)); }
  static RANDPROP_INLINE Vec zero() { return wasm_i64x2_splat(0); }
  static RANDPROP_INLINE Partial zero_partial() { return zero(); }
  static RANDPROP_INLINE Vec load(const uint64_t* p) { return wasm_v128_load(p); }
  static RANDPROP_INLINE Vec broadcast(uint64_t x) {
    return wasm_i64x2_splat(static_cast<int64_t>(x));
  }
  static RANDPROP_INLINE Vec add(Vec a, Vec b) { return wasm_i64x2_add(a, b); }
  static RANDPROP_INLINE Partial accumulate(Partial partial, Vec x, Vec w) {
    return wasm_i8x16_add(partial, wasm_i8x16_popcnt(wasm_v128_and(x, w)));
  }
  static RANDPROP_INLINE Vec reduce(Partial p) {
    const Vec fours =
        wasm_u32x4_extadd_pairwise_u16x8(wasm_u16x8_extadd_pairwise_u8x16(p));  // two a lane
    const Vec upper = wasm_u64x2_shr(fours, 32);
    return wasm_i64x2_add(wasm_v128_and(fours, wasm_i64x2_splat(0xFFFFFFFF)), upper);
  }
  static RANDPROP_INLINE void store(int64_t* p, Vec v) { wasm_v128_store(p, v); }
  static RANDPROP_INLINE unsigned above(Vec sum, int64_t row_term, const int64_t* unit_terms) {
    const Vec bound = wasm_i64x2_add(wasm_i64x2_splat(row_term), wasm_v128_load(unit_terms));
    return static_cast<unsigned>(wasm_i64x2_bitmask(wasm_i64x2_gt(wasm_i64x2_shl(sum, 2), bound)));
  }
};

#include "../shared/popcount_tiles.inl.hpp"

#include "../shared/slices.inl.hpp"

typedef uint64_t Words __attribute__((vector_size(16)));
struct WideSlice : PlainSlice<Words> {
  static void forget(Vec& v) { __asm__ volatile("" : "+r"(v)); }
  // The a ^ b of a full adder's sum decides between the two, as it does for its carry.
  static Vec most(Vec a, Vec b, Vec c) { return choose(a ^ b, c, a); }
  static Vec choose(Vec mask, Vec a, Vec b) {
    return reinterpret_cast<Vec>(wasm_v128_bitselect(
        reinterpret_cast<v128_t>(a), reinterpret_cast<v128_t>(b), reinterpret_cast<v128_t>(mask)));
  }
};

#include "../shared/sliced_units.inl.hpp"

// The sums of four units, replacing those that are there or added to them.
inline void store_units(const DotBlock& block, size_t row, size_t unit, v128_t sums) {
  int32_t* out = block.sums + row * kPanelUnits + unit;
  wasm_v128_store(out, block.accumulate ? wasm_i32x4_add(sums, wasm_v128_load(out)) : sums);
}

// Quads of inputs of some rows that are not zero in all of them: most of an image is background.
struct Quads {
  static constexpr size_t kMost = 256;
  size_t count;
  uint16_t at[kMost];

  template <size_t kRows>
  void find(const DotBlock& block, size_t row) {
    count = 0;
    for (size_t q = 0; q < block.n_quads; ++q) {
      uint32_t any = 0;
      for (size_t r = 0; r < kRows; ++r) {
        uint32_t quad;
        __builtin_memcpy(&quad, block.x + (row + r) * block.x_stride + 4 * q, 4);
        any |= quad;
      }
      at[count] = static_cast<uint16_t>(q);
      count += any != 0 ? 1 : 0;
    }
  }
};

// Bytes are widened to 16 bits, for the one instruction there is that multiplies and adds: two
// lanes of 32 bits a unit.
template <size_t kRows>
inline void bytes_tile(const DotBlock& block, const Quads& some, size_t row, size_t unit) {
  constexpr size_t kVectors = 4;
  constexpr size_t kUnits = 2 * kVectors;
  v128_t sums[kRows][kVectors];
  const auto for_all = [](const auto& step) RANDPROP_STEP {
    unroll<kRows>(
        [&](auto r) RANDPROP_STEP { unroll<kVectors>([&](auto v) RANDPROP_STEP { step(r, v); }); });
  };
  for_all([&](auto r, auto v) RANDPROP_STEP { sums[r][v] = wasm_i32x4_splat(0); });
  for (size_t i = 0; i < some.count; ++i) {
    const uint8_t* x = block.x + row * block.x_stride + 4 * some.at[i];
    const int8_t* w = block.w + 4 * (kPanelUnits * some.at[i] + unit);
    v128_t quads[kRows];
    unroll<kRows>([&](auto r) RANDPROP_STEP {
      quads[r] = wasm_u16x8_extend_low_u8x16(wasm_v128_load32_splat(x + r * block.x_stride));
    });
    unroll<kVectors>([&](auto v) RANDPROP_STEP {
      const v128_t weights = wasm_i16x8_load8x8(w + 8 * v);
      unroll<kRows>([&](auto r) RANDPROP_STEP {
        sums[r][v] = wasm_i32x4_add(sums[r][v], wasm_i32x4_dot_i16x8(weights, quads[r]));
      });
    });
  }
  unroll<kRows>([&](auto r) RANDPROP_STEP {
    unroll<kUnits / 4>([&](auto four) RANDPROP_STEP {
      const v128_t a = sums[r][2 * four];
      const v128_t b = sums[r][2 * four + 1];
      store_units(block, row + r, unit + 4 * four,
                  wasm_i32x4_add(wasm_i32x4_shuffle(a, b, 0, 2, 4, 6),
                                 wasm_i32x4_shuffle(a, b, 1, 3, 5, 7)));
    });
  });
}

// Bits keep weights or clear them: no product, and sums of two bytes a lane of 16 bits.
template <size_t kRows>
inline void bits_tile(const DotBlock& block, size_t row, size_t unit) {
  constexpr size_t kVectors = 4;
  constexpr size_t kRun = 127;  // twice -128 so often stays in 16 bits
  const uint8_t* x = block.x + row * block.x_stride;
  const int8_t* w = block.w + 4 * unit;
  v128_t sums[kRows][kVectors];
  const auto for_all = [](const auto& step) RANDPROP_STEP {
    unroll<kRows>(
        [&](auto r) RANDPROP_STEP { unroll<kVectors>([&](auto v) RANDPROP_STEP { step(r, v); }); });
  };
  for_all([&](auto r, auto v) RANDPROP_STEP { sums[r][v] = wasm_i32x4_splat(0); });
  for (size_t start = 0; start < block.n_quads; start += kRun) {
    const size_t stop = block.n_quads - start < kRun ? block.n_quads : start + kRun;
    v128_t part[kRows][kVectors];
    for_all([&](auto r, auto v) RANDPROP_STEP { part[r][v] = wasm_i16x8_splat(0); });
    for (size_t q = start; q < stop; ++q, x += 4, w += 4 * kPanelUnits) {
      v128_t masks[kRows];
      unroll<kRows>([&](auto r) RANDPROP_STEP {
        masks[r] = wasm_i8x16_neg(wasm_v128_load32_splat(x + r * block.x_stride));
      });
      unroll<kVectors>([&](auto v) RANDPROP_STEP {
        const v128_t weights = wasm_v128_load(w + 16 * v);
        unroll<kRows>([&](auto r) RANDPROP_STEP {
          const v128_t kept = wasm_v128_and(weights, masks[r]);
          part[r][v] = wasm_i16x8_add(part[r][v], wasm_i16x8_extadd_pairwise_i8x16(kept));
        });
      });
    }
    for_all([&](auto r, auto v) RANDPROP_STEP {
      sums[r][v] = wasm_i32x4_add(sums[r][v], wasm_i32x4_extadd_pairwise_i16x8(part[r][v]));
    });
  }
  for_all([&](auto r, auto v)
              RANDPROP_STEP { store_units(block, row + r, unit + 4 * v, sums[r][v]); });
}

// kRows rows from `row` on: the registers of x86 hold tiles of 8 units of two rows.
template <size_t kRows>
void bytes_rows(const DotBlock& block, size_t row) {
  Quads some;
  some.find<kRows>(block, row);
  for (size_t unit = 0; unit < kPanelUnits; unit += 8) {
    bytes_tile<kRows>(block, some, row, unit);
  }
}

void dot_bytes(const DotBlock& block) {
  size_t start = 0;
  do {  // of no quads too, whose sums are 0
    const size_t left = block.n_quads - start;
    DotBlock part = block;
    part.x += 4 * start;
    part.w += 4 * kPanelUnits * start;
    part.n_quads = left < Quads::kMost ? left : Quads::kMost;
    part.accumulate = block.accumulate || start > 0;
    size_t row = 0;
    for (; row + 2 <= block.n_rows; row += 2) {
      bytes_rows<2>(part, row);
    }
    if (row < block.n_rows) {
      bytes_rows<1>(part, row);
    }
    start += Quads::kMost;
  } while (start < block.n_quads);
}

void dot_bits(const DotBlock& block) {
  for (size_t unit = 0; unit < kPanelUnits; unit += 16) {
    size_t row = 0;
    for (; row + 2 <= block.n_rows; row += 2) {
      bits_tile<2>(block, row, unit);
    }
    if (row < block.n_rows) {
      bits_tile<1>(block, row, unit);
    }
  }
}

// Keep weights, add them: 8 vectors of 16.
uint64_t spin_dot(size_t n_rounds) {
  constexpr size_t kVectors = 8;
  v128_t sums[kVectors];
  v128_t mask = wasm_i8x16_splat(-1);
  const v128_t weights = wasm_i8x16_splat(3);
  unroll<kVectors>([&](auto i) RANDPROP_STEP { sums[i] = wasm_i16x8_splat(0); });
  for (size_t round = 0; round < n_rounds; ++round) {
    unroll<kVectors>([&](auto i) RANDPROP_STEP {
      V::forget(mask);
      const v128_t kept = wasm_v128_and(weights, mask);
      sums[i] = wasm_i16x8_add(sums[i], wasm_i16x8_extadd_pairwise_i8x16(kept));
    });
  }
  int64_t lanes[2];
  unroll<kVectors>([&](auto i) RANDPROP_STEP {
    V::store(lanes, sums[i]);
    __asm__ volatile("" : : "r"(lanes) : "memory");
  });
  return n_rounds * kVectors * 16;
}

void threshold_sums(const int32_t* sums, size_t n_rows, const int32_t* row_terms,
                    const int32_t* unit_terms, uint64_t* out, size_t out_stride) {
  for (size_t r = 0; r < n_rows; ++r) {
    const v128_t row_term = wasm_i32x4_splat(row_terms[r]);
    uint64_t word = 0;
    for (size_t u = 0; u < kPanelUnits; u += 4) {
      const v128_t bound =
          wasm_i32x4_shr(wasm_i32x4_sub(wasm_v128_load(unit_terms + u), row_term), 2);
      const v128_t above = wasm_i32x4_gt(wasm_v128_load(sums + r * kPanelUnits + u), bound);
      word |= static_cast<uint64_t>(wasm_i32x4_bitmask(above)) << u;
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
  using Vec = v128_t;

  static RANDPROP_INLINE void forget(Vec& v) { V::forget(v); }
  static RANDPROP_INLINE Vec zero() { return wasm_i8x16_splat(0); }
  static RANDPROP_INLINE Vec load(const uint8_t* p) { return wasm_v128_load(p); }
  static RANDPROP_INLINE Vec load(const uint16_t* p) { return wasm_v128_load(p); }
  static RANDPROP_INLINE Vec load_table(const uint8_t* p) { return wasm_v128_load(p); }
  static RANDPROP_INLINE void store(uint16_t* p, Vec v) { wasm_v128_store(p, v); }
  static RANDPROP_INLINE Vec lookup(Vec table, Vec index) {
    return wasm_i8x16_swizzle(table, index);
  }
  static RANDPROP_INLINE Vec add8(Vec a, Vec b) { return wasm_i8x16_add(a, b); }
  static RANDPROP_INLINE Vec add16(Vec a, Vec b) { return wasm_i16x8_add(a, b); }
  static RANDPROP_INLINE Vec high_bytes(Vec v) { return wasm_u16x8_shr(v, 8); }
  static RANDPROP_INLINE Vec subtract_shifted(Vec all, Vec high) {
    return wasm_i16x8_sub(all, wasm_i16x8_shl(high, 8));
  }
  static RANDPROP_INLINE void word_tables(const uint8_t* u, unsigned shift, size_t n_groups,
                                          uint8_t* out, size_t stride) {
    word_tables4(u, shift, n_groups, out, stride);
  }
  static RANDPROP_INLINE uint64_t above(const uint16_t* sums, const uint16_t* low_nibbles,
                                        const int32_t* row_terms, int32_t unit_term) {
    uint64_t mask = 0;
    for (size_t s = 0; s < 64; s += 4) {
      Vec sum = wasm_u32x4_load16x4(sums + s);
      if (low_nibbles != nullptr) {
        sum = wasm_i32x4_add(wasm_i32x4_shl(sum, 4), wasm_u32x4_load16x4(low_nibbles + s));
      }
      const Vec bound = wasm_i32x4_add(wasm_v128_load(row_terms + s), wasm_i32x4_splat(unit_term));
      const Vec above = wasm_i32x4_gt(wasm_i32x4_shl(sum, 2), bound);
      mask |= static_cast<uint64_t>(wasm_i32x4_bitmask(above)) << s;
    }
    return mask;
  }
};

#include "../shared/lut_tiles.inl.hpp"

constexpr Kernels make_table() {
  Kernels table = {};
  table.name = "simd128";
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

const Kernels* simd128_kernels() { return &kTable; }

}  // namespace kernels
}  // namespace randprop

#else

namespace randprop {
namespace kernels {
const Kernels* simd128_kernels() { return nullptr; }
}  // namespace kernels
}  // namespace randprop

#endif
