// The table of inner loops, one per SIMD level, and what each loop promises.
//
// Included by every kernel translation unit, each compiled with its own instruction set, so it
// holds declarations only and includes no STL header: an inline function emitted here with AVX-512
// flags could be the copy that the linker keeps for the baseline. A kernel file exports exactly
// one symbol, its table; everything else in it stands in an anonymous namespace. A table is a
// constant: code that filled it at start-up would run the level's instructions on every CPU.
//
// A new kernel is a member here and a line in the table of each level that has one of its own, or
// a line in fill_plain_loops where one loop serves them all.
#ifndef RANDPROP_KERNELS_HPP
#define RANDPROP_KERNELS_HPP

#include <stddef.h>
#include <stdint.h>

namespace randprop {
namespace kernels {

// Units are laid out in groups of 8, one 64-bit lane a unit, so that a vector holds the same word
// of several units and neither a horizontal sum nor padding of the words is needed.
constexpr size_t kGroupUnits = 8;
// Units of one panel of the dot-product layout: one output word.
constexpr size_t kPanelUnits = 64;
// Inputs of one Philox batch: one word of a row-major plane.
constexpr size_t kBatchInputs = 64;

// Sums S[row, unit] = sum over input planes j and weight planes p of
// 2^j * 2^(n_planes - 1 - p) * popcount(x_j & plane_p), with j counted from the least significant.
struct PopcountBlock {
  const uint64_t* x;    // row r, input plane j, word w: x[r * x_stride + j * n_words + w]
  size_t x_stride;      // in words
  size_t n_rows;        //
  size_t n_words;       // words of one plane
  unsigned n_x_planes;  // 1 for bits, 8 for bytes
  const uint64_t*
      planes;         // group g, plane p, word w: planes[((g * n_planes + p) * n_words + w) * 8]
  unsigned n_planes;  //
  size_t n_groups;    //
};

// Sums D[row, unit] = sum over k of x[row, k] * w[k, unit] for the 64 units of a panel.
struct DotBlock {
  // Row r, input k: x[r * x_stride + k]. Readable, and zero past the last input, up to 4 * n_quads
  // rounded up to 64.
  const uint8_t* x;
  size_t x_stride;  // in bytes
  size_t n_rows;    //
  // Quad q, unit u, k = 4 q + i: w[q * 256 + u * 4 + i]. Readable up to n_quads rounded up to 16.
  const int8_t* w;
  size_t n_quads;   //
  int32_t* sums;    // row r, unit u: sums[r * 64 + u]
  bool accumulate;  // add to sums in place of replacing them
};

// The bits of 64 units of a panel for n_blocks blocks of 64 samples, by look-up
// (shared/lut_tiles.inl.hpp).
struct LutBlock {
  const uint8_t* index;       // from lut_index, block b at index + b * 64 * n_groups
  size_t n_blocks;            //
  size_t n_groups;            // lut_groups(n_inputs)
  size_t n_inputs;            // at most kMaxLutInputs
  const uint8_t* weights;     // u of unit i, input k: weights[i * weight_stride + k], i < 64
  size_t weight_stride;       // at least n_inputs rounded up to 64; zero past n_inputs
  unsigned weight_bits;       // at most 8
  size_t n_units;             // units of the panel that are there
  const int32_t* row_terms;   // one a sample
  const int32_t* unit_terms;  // one a unit
  uint8_t* scratch;           // aligned,  of lut_scratch_bytes(n_blocks)
  // Block b, unit i: bit s of masks[b * 64 + i] is 4 * S > row_terms[64 * b + s] + unit_terms[i]
  // with S the sum of u over the set inputs; 0 where i >= n_units.
  uint64_t* masks;
};

// Words of samples side by side in a plane of a FewInputsBlock, but for a block of one word.
constexpr size_t kSliceWords = 8;
// Sums of so many bytes stay in 32 bits.
constexpr size_t kMaxFewInputs = 65536;

// One unit that looks at few inputs, at some positions: z is the sum of its columns of weight +1
// less that of those of weight -1.
struct FewInputsBlock {
  // Bit j of column k of sample s: bit s % 64 of x[(k * n_planes + j) * plane_words + s / 64].
  const uint64_t* x;
  unsigned n_planes;          // at most 8
  size_t plane_words;         // 1 or kSliceWords
  size_t n_words;             // those with samples; what is computed of the others is of no use
  const uint32_t* positions;  // the column at which a patch begins
  size_t n_positions;         // fewer than 2^32
  const uint32_t* taps;       // columns from there: n_plus that are added, then n_minus
  size_t n_plus, n_minus;     // n_minus is n_plus or one less; at most kMaxFewInputs in all
  int32_t threshold;          //
};

// Sums of nibbles of 15 stay in 16 bits.
constexpr size_t kMaxLutInputs = 4096;

// Rows of bytes whose sums stay in 32 bits.
constexpr size_t kMaxByteRows = size_t{1} << 24;

// Outputs that are scored together, and the partial sums of each.
constexpr size_t kScoreOutputs = 4;
constexpr size_t kScoreLanes = 16;

struct Kernels {
  const char* name;

  // Philox blocks (group, first_input + i, layer, plane), i < 64: out[j * 64 + i] is r[j].
  void (*philox_batch)(uint32_t key0, uint32_t key1, uint32_t group, uint32_t first_input,
                       uint32_t layer, uint32_t plane, uint32_t* out);
  // In place: bit j of word i becomes bit i of word j.
  void (*transpose64)(uint64_t* block);
  // Byte i of row j, out[64 * j + i], is byte j of row i, in[i * in_stride + j], of 64 rows.
  void (*transpose_bytes)(const uint8_t* in, size_t in_stride, uint8_t* out);
  // 64 x 64 bytes in the two forms that dot_bytes reads: columns as rows, and four rows side by
  // side, less 128: columns[j * stride + i] is in[64 * i + j], and so is
  // units[i / 4 * 256 + 4 * j + i % 4] + 128.
  void (*columns_and_units)(const uint8_t* in, uint8_t* columns, size_t stride, int8_t* units);

  // Byte g of row r (out[r * out_stride + g]) gets bit i set where
  // 4 * S[r, 8 g + i] > row_terms[r] + unit_terms[8 g + i].
  void (*popcount_threshold)(const PopcountBlock& block, const int64_t* row_terms,
                             const int64_t* unit_terms, uint8_t* out, size_t out_stride);
  // sums[r * sums_stride + unit] = S[r, unit].
  void (*popcount_sums)(const PopcountBlock& block, int64_t* sums, size_t sums_stride);

  // Any x, sums below 2^31 in magnitude.
  void (*dot_bytes)(const DotBlock& block);
  // x is 0 or 1.
  void (*dot_bits)(const DotBlock& block);
  // Bit u of out[r * out_stride]: sums[r * 64 + u] > (unit_terms[u] - row_terms[r]) >> 2.
  void (*threshold_sums)(const int32_t* sums, size_t n_rows, const int32_t* row_terms,
                         const int32_t* unit_terms, uint64_t* out, size_t out_stride);

  // Null where the level has no look-up path.
  void (*lut_panel)(const LutBlock& block);
  // Indices of 64 rows of n_bits bits; rows past n_rows read as zero.
  void (*lut_index)(const uint64_t* x, size_t x_stride, size_t n_rows, size_t n_bits, uint8_t* out);
  size_t (*lut_groups)(size_t n_bits);
  size_t (*lut_scratch_bytes)(size_t n_groups);

  // Word w of masks[p * stride + w]: the bits z > threshold at position p.
  void (*few_masks)(const FewInputsBlock& block, uint64_t* masks, size_t stride);
  // How many positions have z > threshold: bit j of the count of a sample stands in the words
  // planes[j * plane_words], for all bits of n_positions.
  void (*few_counts)(const FewInputsBlock& block, uint64_t* planes);
  // The sums themselves: bit j of z + n_minus (2^n_planes - 1) at position p stands in the words
  // planes[j * plane_stride + p * plane_words], for n_planes
  // and the bits of the number of inputs.
  void (*few_sums)(const FewInputsBlock& block, uint64_t* planes, size_t plane_stride);
  // Keeps of `mask` what is set in `earlier`, or with a flip of all ones what is clear there, and
  // returns how many of those are set in `plane`.
  uint64_t (*narrow_and_count)(uint64_t* mask, const uint64_t* earlier, uint64_t flip,
                               const uint64_t* plane, size_t n_words);
  // Ones where the number whose bits stand in planes exceeds a bound: words of `above`.
  void (*planes_above)(const uint64_t* planes, size_t plane_stride, size_t n_planes, int64_t bound,
                       uint64_t* above, size_t n_words);
  // Bits set in both.
  uint64_t (*count_common)(const uint64_t* a, const uint64_t* b, size_t n_words);
  // Byte s of 64: the number whose bit p < n_planes <= 8 is bit s of planes[p * stride].
  void (*join_planes)(const uint64_t* planes, size_t n_planes, size_t stride, uint8_t* out);

  // 64 * n_words bytes of 0 or 1 from n_words words.
  void (*unpack_bits)(const uint64_t* words, size_t n_words, uint8_t* out);
  // Bit-planes of n_bytes bytes, least significant first: plane j at out + j * n_words.
  void (*slice_bytes)(const uint8_t* bytes, size_t n_bytes, uint64_t* out, size_t n_words);
  uint64_t (*popcount_words)(const uint64_t* words, size_t n_words);
  uint64_t (*hamming_words)(const uint64_t* a, const uint64_t* b, size_t n_words);
  uint64_t (*sum_bytes)(const uint8_t* bytes, size_t n_bytes);
  uint64_t (*sum_squares)(const uint8_t* bytes, size_t n_bytes);
  // Sum of |x - y| from one row of bytes to each of n_rows rows without gaps.
  void (*byte_distances)(const uint8_t* x, const uint8_t* rows, size_t n_rows, size_t n_bytes,
                         uint64_t* distances);
  // counts[64 * w + j] += how many of the rows have bit j of word w set. n_rows < 2^32.
  void (*count_columns)(const uint64_t* const* rows, size_t n_rows, size_t n_words,
                        uint32_t* counts);
  // sums[k] += byte k of each of the rows. n_rows <= kMaxByteRows.
  void (*sum_columns)(const uint8_t* const* rows, size_t n_rows, size_t n_bytes, uint32_t* sums);

  // counts[k] += the rows whose byte k is not that of `first`. n_rows <= kMaxByteRows.
  void (*count_changed)(const uint8_t* const* rows, size_t n_rows, size_t n_bytes,
                        const uint8_t* first, uint32_t* counts);
  // Bits of bytes above a level; those past n_bytes are 0.
  void (*bits_above)(const uint8_t* bytes, size_t n_bytes, uint8_t level, uint64_t* out);
  // out[r * out_stride + o] = the sum of x[r * n + i] * coef[o * n + i], for kScoreOutputs rows of
  // coefficients, n a multiple of kScoreLanes. Added in one order at every level, so that scores
  // are the same on all.
  void (*score_rows)(const double* x, size_t n_rows, const double* coef, size_t n, double* out,
                     size_t out_stride);

  // The instructions that a kernel rests on, with all operands in registers: what the bench holds
  // the kernels against. Each returns the multiply-adds that n_rounds of it stand for; null where
  // the level lacks the kernel.
  uint64_t (*spin_popcount)(size_t n_rounds);
  uint64_t (*spin_dot)(size_t n_rounds);
  uint64_t (*spin_lut)(size_t n_rounds);
  // Of units that look at two bits of weight +1 and two of -1: returns samples x positions counted.
  uint64_t (*spin_few)(size_t n_rounds);
};

// Null where the level is not part of this build.
const Kernels* scalar_kernels();
const Kernels* avx2_kernels();
const Kernels* avx512_kernels();
const Kernels* neon_kernels();
const Kernels* simd128_kernels();
// Replacements for Kernels::dot_bytes and dot_bits on CPUs with one more extension than their
// level asks for; null where not built.
using DotKernel = void (*)(const DotBlock&);
DotKernel avx_vnni_dot();
DotKernel neon_dotprod_dot();
// Makes level "amx" out of level "avx512"; null where not built.
DotKernel amx_dot();
using SpinLoop = uint64_t (*)(size_t n_rounds);
SpinLoop amx_spin();

// The table in use (see simd.hpp for how it is chosen). Throws std::invalid_argument when
// RANDPROP_SIMD names a level that is not there.
const Kernels& active();
// Whether the processor is AMD's, whose kernels of one level compare otherwise than Intel's.
bool made_by_amd();

}  // namespace kernels
}  // namespace randprop

#endif  // RANDPROP_KERNELS_HPP
