// The 8-bit dot product on AMX tiles. Level "amx" is level "avx512" with this in its table.
//
// A tile of 16 rows x 64 inputs times one of 64 inputs x 16 units adds 16,384 products to a tile of
// sums in 16 cycles, sixteen times what VNNI does. Four tiles of sums (32 rows x 32 units) are in
// use at a time, so that each tile of inputs and of weights is loaded once for two products and
// loading (8 cycles a tile) hides behind multiplying.
#include "../kernels.hpp"

#if defined(RANDPROP_EMULATE_AMX)
#include "amx_emulation.hpp"
#define RANDPROP_HAS_TILES
#elif defined(__AMX_INT8__) && defined(__AMX_TILE__) && !(defined(_WIN32) && !defined(__clang__))
// GCC's own intrinsics make a stride a long, which has 32 bits on Windows: no address takes one.
#include <immintrin.h>
#define RANDPROP_HAS_TILES
#endif

#if defined(RANDPROP_HAS_TILES)

namespace randprop {
namespace kernels {
namespace {

struct alignas(64) TileConfig {
  uint8_t palette;
  uint8_t start_row;
  uint8_t reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
};
static_assert(sizeof(TileConfig) == 64, "what the instruction reads");

// Eight tiles of 16 rows x 64 bytes. A constant, since compilers take the instruction to read no
// more than its first 8 bytes, and drop what is stored to the rest of one on the stack.
constexpr TileConfig kConfig = {
    1, 0, {}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

constexpr size_t kTileRows = 16;
constexpr size_t kTileQuads = 16;
constexpr size_t kQuadBytes = 4 * kPanelUnits;  // stride of the weights of one quad
constexpr size_t kSumBytes = 4 * kPanelUnits;   // stride of the sums of one row

void configure() { _tile_loadconfig(&kConfig); }

// Tiles 0 to 3: sums of rows (0, 1) x units (0, 1). 4, 5: inputs of the rows. 6, 7: weights.
void two_rows_of_tiles(const DotBlock& block, size_t row, size_t unit) {
  const uint8_t* x = block.x + row * block.x_stride;
  const uint8_t* x_next = x + kTileRows * block.x_stride;
  const int8_t* w = block.w + unit * 4;
  int32_t* sums = block.sums + row * kPanelUnits + unit;
  int32_t* sums_next = sums + kTileRows * kPanelUnits;
  if (block.accumulate) {
    _tile_loadd(0, sums, kSumBytes);
    _tile_loadd(1, sums + 16, kSumBytes);
    _tile_loadd(2, sums_next, kSumBytes);
    _tile_loadd(3, sums_next + 16, kSumBytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (size_t quad = 0; quad < block.n_quads; quad += kTileQuads) {
    _tile_loadd(4, x + 4 * quad, block.x_stride);
    _tile_loadd(6, w + quad * kQuadBytes, kQuadBytes);
    _tile_dpbusd(0, 4, 6);
    _tile_loadd(7, w + quad * kQuadBytes + 64, kQuadBytes);
    _tile_dpbusd(1, 4, 7);
    _tile_loadd(5, x_next + 4 * quad, block.x_stride);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
  _tile_stored(0, sums, kSumBytes);
  _tile_stored(1, sums + 16, kSumBytes);
  _tile_stored(2, sums_next, kSumBytes);
  _tile_stored(3, sums_next + 16, kSumBytes);
}

void one_row_of_tiles(const DotBlock& block, size_t row, size_t unit) {
  const uint8_t* x = block.x + row * block.x_stride;
  const int8_t* w = block.w + unit * 4;
  int32_t* sums = block.sums + row * kPanelUnits + unit;
  if (block.accumulate) {
    _tile_loadd(0, sums, kSumBytes);
    _tile_loadd(1, sums + 16, kSumBytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
  }
  for (size_t quad = 0; quad < block.n_quads; quad += kTileQuads) {
    _tile_loadd(4, x + 4 * quad, block.x_stride);
    _tile_loadd(6, w + quad * kQuadBytes, kQuadBytes);
    _tile_dpbusd(0, 4, 6);
    _tile_loadd(7, w + quad * kQuadBytes + 64, kQuadBytes);
    _tile_dpbusd(1, 4, 7);
  }
  _tile_stored(0, sums, kSumBytes);
  _tile_stored(1, sums + 16, kSumBytes);
}

void dot(const DotBlock& block) {
  size_t row = 0;
  if (block.n_rows >= kTileRows) {
    configure();
    for (; row + 2 * kTileRows <= block.n_rows; row += 2 * kTileRows) {
      for (size_t unit = 0; unit < kPanelUnits; unit += 32) {
        two_rows_of_tiles(block, row, unit);
      }
    }
    for (; row + kTileRows <= block.n_rows; row += kTileRows) {
      for (size_t unit = 0; unit < kPanelUnits; unit += 32) {
        one_row_of_tiles(block, row, unit);
      }
    }
    _tile_release();
  }
  if (row < block.n_rows) {
    DotBlock rest = block;
    rest.x += row * block.x_stride;
    rest.sums += row * kPanelUnits;
    rest.n_rows -= row;
    avx512_kernels()->dot_bytes(rest);
  }
}

uint64_t spin(size_t n_rounds) {
  configure();
  for (size_t round = 0; round < n_rounds; ++round) {
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
  _tile_release();
  return n_rounds * 4 * kTileRows * kTileQuads * 4 * 16;
}

}  // namespace

DotKernel amx_dot() { return dot; }
SpinLoop amx_spin() { return spin; }

}  // namespace kernels
}  // namespace randprop

#else

namespace randprop {
namespace kernels {
DotKernel amx_dot() { return nullptr; }
SpinLoop amx_spin() { return nullptr; }
}  // namespace kernels
}  // namespace randprop

#endif
