// The few tile instructions that the AMX kernel uses, as plain loops after Intel's description, so
// that its indexing is tested on CPUs without AMX.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace amx_emulation {

struct Tile {
  uint8_t row[16][64];
};
inline thread_local Tile tiles[8];

inline void load(Tile& tile, const void* base, size_t stride) {
  for (size_t r = 0; r < 16; ++r) {
    __builtin_memcpy(tile.row[r], static_cast<const uint8_t*>(base) + r * stride, 64);
  }
}
inline void store(const Tile& tile, void* base, size_t stride) {
  for (size_t r = 0; r < 16; ++r) {
    __builtin_memcpy(static_cast<uint8_t*>(base) + r * stride, tile.row[r], 64);
  }
}
// c[m][n] += sum over k, i < 4 of unsigned a[m][4 k + i] * signed b[k][4 n + i].
inline void dpbusd(Tile& c, const Tile& a, const Tile& b) {
  for (size_t m = 0; m < 16; ++m) {
    for (size_t n = 0; n < 16; ++n) {
      int32_t sum;
      __builtin_memcpy(&sum, &c.row[m][4 * n], 4);
      for (size_t k = 0; k < 16; ++k) {
        for (size_t i = 0; i < 4; ++i) {
          sum += int32_t{a.row[m][4 * k + i]} * static_cast<int8_t>(b.row[k][4 * n + i]);
        }
      }
      __builtin_memcpy(&c.row[m][4 * n], &sum, 4);
    }
  }
}

}  // namespace amx_emulation

#define _tile_loadconfig(config) static_cast<void>(config)
#define _tile_release() static_cast<void>(0)
#define _tile_zero(t) \
  amx_emulation::tiles[t] = amx_emulation::Tile {}
#define _tile_loadd(t, base, stride) amx_emulation::load(amx_emulation::tiles[t], base, stride)
#define _tile_stored(t, base, stride) amx_emulation::store(amx_emulation::tiles[t], base, stride)
#define _tile_dpbusd(c, a, b) \
  amx_emulation::dpbusd(amx_emulation::tiles[c], amx_emulation::tiles[a], amx_emulation::tiles[b])
