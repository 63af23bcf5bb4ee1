// Level "scalar": plain C++ for the baseline of the architecture; runs everywhere.
#include "../kernels.hpp"

namespace randprop {
namespace kernels {
namespace {

#include "../shared/plain_loops.inl.hpp"
#include "../shared/unroll.inl.hpp"

struct V {
  static constexpr size_t kLanes = 8;
  static constexpr size_t kRows = 1;
  static constexpr size_t kGroups = 1;
  static constexpr bool kDirect = false;
  static constexpr size_t kRun = 31;  // a byte counts to 255, a word adds at most 8 to it
  struct Vec {
    uint64_t lane[kLanes];
  };
  using Partial = Vec;  // eight byte counters a lane

  static void forget(Vec& v) { __asm__ volatile("" : "+m"(v)); }
  static Vec zero() { return {}; }
  static Partial zero_partial() { return {}; }
  static Vec load(const uint64_t* p) {
    Vec v;
    __builtin_memcpy(v.lane, p, sizeof(v));
    return v;
  }
  static Vec broadcast(uint64_t x) {
    Vec v;
    for (uint64_t& lane : v.lane) {
      lane = x;
    }
    return v;
  }
  static Vec add(Vec a, Vec b) {
    for (size_t i = 0; i < kLanes; ++i) {
      a.lane[i] += b.lane[i];
    }
    return a;
  }
  static Partial accumulate(Partial partial, Vec x, Vec w) {
    for (size_t i = 0; i < kLanes; ++i) {
      uint64_t y = x.lane[i] & w.lane[i];
      y -= (y >> 1) & 0x5555555555555555U;
      y = (y & 0x3333333333333333U) + ((y >> 2) & 0x3333333333333333U);
      partial.lane[i] += (y + (y >> 4)) & 0x0F0F0F0F0F0F0F0FU;
    }
    return partial;
  }
  static Vec reduce(Partial p) {
    for (uint64_t& lane : p.lane) {
      const uint64_t pairs = (lane & 0x00FF00FF00FF00FFU) + ((lane >> 8) & 0x00FF00FF00FF00FFU);
      lane = (pairs * 0x0001000100010001U) >> 48;
    }
    return p;
  }
  static void store(int64_t* p, Vec v) { __builtin_memcpy(p, v.lane, sizeof(v)); }
  static unsigned above(Vec sum, int64_t row_term, const int64_t* unit_terms) {
    unsigned bits = 0;
    for (size_t i = 0; i < kLanes; ++i) {
      const int64_t four = static_cast<int64_t>(4 * sum.lane[i]);
      bits |= static_cast<unsigned>(four > row_term + unit_terms[i]) << i;
    }
    return bits;
  }
};

#include "../shared/popcount_tiles.inl.hpp"

#include "../shared/slices.inl.hpp"

typedef uint64_t Words __attribute__((vector_size(16)));
struct WideSlice : PlainSlice<Words> {
  static void forget(Vec& v) { __asm__ volatile("" : "+m"(v)); }
};

#include "../shared/sliced_units.inl.hpp"

void dot_bytes(const DotBlock& block) {
  for (size_t r = 0; r < block.n_rows; ++r) {
    const uint8_t* x = block.x + r * block.x_stride;
    int32_t* sums = block.sums + r * kPanelUnits;
    if (!block.accumulate) {
      __builtin_memset(sums, 0, kPanelUnits * sizeof(int32_t));
    }
    for (size_t q = 0; q < block.n_quads; ++q) {
      const int32_t x0 = x[4 * q], x1 = x[4 * q + 1], x2 = x[4 * q + 2], x3 = x[4 * q + 3];
      if ((x0 | x1 | x2 | x3) == 0) {
        continue;
      }
      const int8_t* w = block.w + q * 4 * kPanelUnits;
      for (size_t u = 0; u < kPanelUnits; ++u) {
        sums[u] += x0 * w[4 * u] + x1 * w[4 * u + 1] + x2 * w[4 * u + 2] + x3 * w[4 * u + 3];
      }
    }
  }
}

void threshold_sums(const int32_t* sums, size_t n_rows, const int32_t* row_terms,
                    const int32_t* unit_terms, uint64_t* out, size_t out_stride) {
  for (size_t r = 0; r < n_rows; ++r) {
    uint64_t word = 0;
    for (size_t u = 0; u < kPanelUnits; ++u) {
      const bool bit = sums[r * kPanelUnits + u] > (unit_terms[u] - row_terms[r]) >> 2;
      word |= static_cast<uint64_t>(bit) << u;
    }
    out[r * out_stride] = word;
  }
}

constexpr Kernels make_table() {
  Kernels table = {};
  table.name = "scalar";
  fill_plain_loops(table);
  fill_popcount_tiles(table);
  fill_sliced_units(table);
  table.dot_bytes = dot_bytes;
  table.dot_bits = dot_bytes;
  table.threshold_sums = threshold_sums;
  return table;
}

constexpr Kernels kTable = make_table();

}  // namespace

const Kernels* scalar_kernels() { return &kTable; }

}  // namespace kernels
}  // namespace randprop
