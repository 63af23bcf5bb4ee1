// What one thread does with a block of rows and units, one class for each kind of kernel.
//
// A run belongs to one thread, holds that thread's scratch, and is used block after block. reserve
// makes the scratch, for at most so many rows a block: for a single row the most that a run can
// take would cost more to get than to use.
#pragma once

#include <algorithm>
#include <cstring>

#include "bits/views.hpp"
#include "kernels/kernels.hpp"
#include "randprop/bit_matrix.hpp"
#include "randprop/network.hpp"
#include "randprop/threads.hpp"
#include "weights/prepared.hpp"

namespace randprop {
namespace runs {

// Rows of a block: their packed words or widened bytes, and the sums of one panel, stay in the
// second-level cache together with the weights of a panel. 96 is a multiple of every row tile.
inline constexpr std::size_t block_rows = 96;
inline constexpr std::size_t scratch_bytes = std::size_t{2} << 20;
// Groups of 8 units between two looks for an interrupt: at 16,384 inputs of 8 bits plain C++ takes
// some tenths of a second for them.
inline constexpr std::size_t poll_groups = 16;
// Blocks of 64 rows that a set of tables serves: many, since making the tables costs as much as
// some 5 blocks of looking up.
inline constexpr std::size_t lut_blocks = 64;
// Inputs of one pass over a panel: 512 quads x 256 bytes of weights, 128 KB.
inline constexpr std::size_t pass_quads = 512;

// Rows [row0, row0 + n_rows) x words [word0, word1) of the output.
struct OutputBlock {
  std::size_t row0, n_rows, word0, word1;
};

class PopcountRun {
 public:
  static constexpr std::size_t granule = 4;
  PopcountRun(const PreparedMatrix& m, const kernels::Kernels& k, Features reads)
      : m_(m),
        k_(k),
        n_words_(words_for_bits(m.n_inputs)),
        n_x_planes_(reads == Features::bytes ? 8 : 1) {
    rows_ = block_rows;
    if (reads == Features::bytes) {
      rows_ = std::min(block_rows, std::max<std::size_t>(1, scratch_bytes / (64 * n_words_)));
    }
  }
  // Other terms than the matrix's own; they must outlive the run.
  void use_terms(const UnitTerms& terms) { terms_ = &terms; }
  std::size_t rows() const { return rows_; }
  void reserve(std::size_t n_rows) {
    rows_ = std::min(rows_, n_rows);
    if (n_x_planes_ == 8) {
      slices_ = AlignedArray<std::uint64_t>(rows_ * 8 * n_words_);
    }
  }

  template <typename View>
  void operator()(const View& x, const OutputBlock& block, BitMatrix& out) {
    std::int64_t row_terms[block_rows];
    for (std::size_t r = 0; r < block.n_rows; ++r) {
      row_terms[r] = m_.row_scale * static_cast<std::int64_t>(sum_of_row(x, block.row0 + r, k_));
    }
    const std::size_t group0 = block.word0 * 8;
    const std::size_t group1 = std::min(block.word1 * 8, m_.n_groups());
    if (group1 % 8 != 0) {
      for (std::size_t r = 0; r < block.n_rows; ++r) {
        out.row(block.row0 + r)[block.word1 - 1] = 0;
      }
    }
    kernels::PopcountBlock job;
    place_input(x, block, job);
    job.n_rows = block.n_rows;
    job.n_words = n_words_;
    job.n_x_planes = n_x_planes_;
    job.n_planes = m_.weight_bits;
    for (std::size_t group = group0; group < group1; group += poll_groups) {
      poll_interrupt();
      job.n_groups = std::min(poll_groups, group1 - group);
      job.planes = m_.planes.data() + group * m_.weight_bits * n_words_ * kernels::kGroupUnits;
      k_.popcount_threshold(job, row_terms, terms_->wide.data() + group * kernels::kGroupUnits,
                            reinterpret_cast<std::uint8_t*>(out.row(block.row0)) + group,
                            out.n_words() * 8);
    }
  }

 private:
  void place_input(const BitView& x, const OutputBlock& block, kernels::PopcountBlock& job) {
    job.x = x.row(block.row0);
    job.x_stride = n_words_;
  }
  void place_input(const ByteView& x, const OutputBlock& block, kernels::PopcountBlock& job) {
    job.x_stride = 8 * n_words_;
    for (std::size_t r = 0; r < block.n_rows; ++r) {
      k_.slice_bytes(x.row(block.row0 + r), x.n_features, slices_.data() + r * job.x_stride,
                     n_words_);
    }
    job.x = slices_.data();
  }

  const PreparedMatrix& m_;
  const UnitTerms* terms_ = &m_.terms;
  const kernels::Kernels& k_;
  std::size_t n_words_;
  unsigned n_x_planes_;
  std::size_t rows_;
  AlignedArray<std::uint64_t> slices_;
};

class DotRun {
 public:
  static constexpr std::size_t granule = 16;
  DotRun(const PreparedMatrix& m, const kernels::Kernels& k, Features reads)
      : m_(m), k_(k), reads_(reads), stride_(round_up(m.n_inputs, 64)) {
    // Rows a power of two apart would all fall into the same few cache sets.
    if (stride_ % 1024 == 0) {
      stride_ += 64;
    }
    rows_ = std::min(block_rows, std::max<std::size_t>(1, scratch_bytes / stride_));
  }
  // Other terms than the matrix's own; they must outlive the run.
  void use_terms(const UnitTerms& terms) { terms_ = &terms; }
  std::size_t rows() const { return rows_; }
  void reserve(std::size_t n_rows) {
    rows_ = std::min(rows_, n_rows);
    bytes_ = AlignedArray<std::uint8_t>(rows_ * stride_);
    sums_ = AlignedArray<std::int32_t>(m_.n_limbs * rows_ * kernels::kPanelUnits);
  }

  template <typename View>
  void operator()(const View& x, const OutputBlock& block, BitMatrix& out) {
    std::int32_t row_terms[block_rows];
    for (std::size_t r = 0; r < block.n_rows; ++r) {
      row_terms[r] = static_cast<std::int32_t>(sum_of_row(x, block.row0 + r, k_));
      place_row(x, block.row0 + r, bytes_.data() + r * stride_);
    }
    const bool narrow = m_.n_limbs == 1 && terms_->fits_narrow;
    if (narrow) {
      const auto excess = static_cast<std::int32_t>(m_.dot_excess());
      for (std::size_t r = 0; r < block.n_rows; ++r) {
        row_terms[r] *= excess;
      }
    }
    for (std::size_t panel = block.word0; panel < block.word1; ++panel) {
      poll_interrupt();
      for (unsigned limb = 0; limb < m_.n_limbs; ++limb) {
        run_panel(panel, limb, block.n_rows);
      }
      if (narrow) {
        k_.threshold_sums(sums_.data(), block.n_rows, row_terms,
                          terms_->narrow.data() + panel * kernels::kPanelUnits,
                          out.row(block.row0) + panel, out.n_words());
      } else {
        for (std::size_t r = 0; r < block.n_rows; ++r) {
          out.row(block.row0 + r)[panel] = threshold_limbs(r, panel, row_terms[r]);
        }
      }
    }
  }

 private:
  void place_row(const BitView& x, std::size_t row, std::uint8_t* out) const {
    k_.unpack_bits(x.row(row), x.n_words(), out);
  }
  void place_row(const ByteView& x, std::size_t row, std::uint8_t* out) const {
    std::memcpy(out, x.row(row), x.n_features);
    std::memset(out + x.n_features, 0, stride_ - x.n_features);
  }

  void run_panel(std::size_t panel, unsigned limb, std::size_t n_rows) {
    const std::size_t quad_bytes = 4 * kernels::kPanelUnits;
    const std::int8_t* w = m_.bytes.data() + (panel * m_.n_limbs + limb) * m_.n_quads * quad_bytes;
    const kernels::DotKernel dot = reads_ == Features::bytes ? k_.dot_bytes : k_.dot_bits;
    for (std::size_t quad = 0; quad < m_.n_quads; quad += pass_quads) {
      kernels::DotBlock job;
      job.x = bytes_.data() + 4 * quad;
      job.x_stride = stride_;
      job.n_rows = n_rows;
      job.w = w + quad * quad_bytes;
      job.n_quads = std::min(pass_quads, m_.n_quads - quad);
      job.sums = sums_.data() + limb * rows_ * kernels::kPanelUnits;
      job.accumulate = quad != 0;
      dot(job);
    }
  }

  std::uint64_t threshold_limbs(std::size_t row, std::size_t panel, std::int32_t x_sum) const {
    const std::int64_t row_term = m_.dot_excess() * x_sum;
    std::uint64_t word = 0;
    for (std::size_t u = 0; u < kernels::kPanelUnits; ++u) {
      std::int64_t total = 0;
      for (unsigned limb = 0; limb < m_.n_limbs; ++limb) {
        total = 256 * total + sums_[(limb * rows_ + row) * kernels::kPanelUnits + u];
      }
      const bool bit = 4 * total + row_term > terms_->wide[panel * kernels::kPanelUnits + u];
      word |= static_cast<std::uint64_t>(bit) << u;
    }
    return word;
  }

  const PreparedMatrix& m_;
  const UnitTerms* terms_ = &m_.terms;
  const kernels::Kernels& k_;
  Features reads_;
  std::size_t stride_;
  std::size_t rows_;
  AlignedArray<std::uint8_t> bytes_;
  AlignedArray<std::int32_t> sums_;
};

// Bits by table look-up: see kernels/shared/lut_tiles.inl.hpp. Reads the weights in the dot layout.
class LutRun {
 public:
  static constexpr std::size_t granule = 64;
  LutRun(const PreparedMatrix& m, const kernels::Kernels& k, Features /*reads*/)
      : m_(m),
        k_(k),
        n_groups_(k.lut_groups(m.n_inputs)),
        stride_(round_up(m.n_inputs, 64)),
        blocks_(std::clamp<std::size_t>(scratch_bytes / (64 * n_groups_), 1, lut_blocks)) {}
  // Other terms than the matrix's own; they must outlive the run.
  void use_terms(const UnitTerms& terms) { terms_ = &terms; }
  std::size_t rows() const { return 64 * blocks_; }
  void reserve(std::size_t n_rows) {
    blocks_ = std::clamp<std::size_t>((n_rows + 63) / 64, 1, blocks_);
    index_ = AlignedArray<std::uint8_t>(blocks_ * 64 * n_groups_);
    weights_ = AlignedArray<std::uint8_t>(kernels::kPanelUnits * stride_);
    scratch_ = AlignedArray<std::uint8_t>(k_.lut_scratch_bytes(blocks_));
    masks_ = AlignedArray<std::uint64_t>(blocks_ * 64);
    row_terms_ = AlignedArray<std::int32_t>(blocks_ * 64);
    weights_.fill_zero();
    row_terms_.fill_zero();
  }

  void operator()(const BitView& x, const OutputBlock& block, BitMatrix& out) {
    const auto scale = static_cast<std::int32_t>(m_.row_scale);
    for (std::size_t r = 0; r < block.n_rows; ++r) {
      row_terms_[r] =
          scale * static_cast<std::int32_t>(k_.popcount_words(x.row(block.row0 + r), x.n_words()));
    }
    kernels::LutBlock job;
    job.n_blocks = (block.n_rows + 63) / 64;
    for (std::size_t b = 0; b < job.n_blocks; ++b) {
      k_.lut_index(x.row(block.row0 + 64 * b), x.n_words(),
                   std::min<std::size_t>(64, block.n_rows - 64 * b), x.n_bits,
                   index_.data() + b * 64 * n_groups_);
    }
    job.index = index_.data();
    job.n_groups = n_groups_;
    job.n_inputs = m_.n_inputs;
    job.weights = weights_.data();
    job.weight_stride = stride_;
    job.weight_bits = m_.weight_bits;
    job.row_terms = row_terms_.data();
    job.scratch = scratch_.data();
    job.masks = masks_.data();
    for (std::size_t panel = block.word0; panel < block.word1; ++panel) {
      poll_interrupt();
      place_weights(panel);
      job.n_units = std::min(kernels::kPanelUnits, m_.n_units - panel * kernels::kPanelUnits);
      job.unit_terms = terms_->narrow.data() + panel * kernels::kPanelUnits;
      k_.lut_panel(job);
      for (std::size_t b = 0; b < job.n_blocks; ++b) {
        std::uint64_t* masks = masks_.data() + 64 * b;
        k_.transpose64(masks);
        const std::size_t n_rows = std::min<std::size_t>(64, block.n_rows - 64 * b);
        for (std::size_t r = 0; r < n_rows; ++r) {
          out.row(block.row0 + 64 * b + r)[panel] = masks[r];
        }
      }
    }
  }

 private:
  // Unsigned weights of the 64 units of a panel, one row a unit.
  void place_weights(std::size_t panel) {
    const std::size_t quad_bytes = 4 * kernels::kPanelUnits;
    const std::int8_t* w = m_.bytes.data() + panel * m_.n_quads * quad_bytes;
    const std::uint32_t offset = 0x01010101U << (m_.weight_bits - 1);
    for (std::size_t unit = 0; unit < kernels::kPanelUnits; ++unit) {
      std::uint8_t* row = weights_.data() + unit * stride_;
      for (std::size_t q = 0; q < m_.n_quads; ++q) {
        std::uint32_t quad = 0;
        std::memcpy(&quad, w + q * quad_bytes + 4 * unit, 4);
        // u = v + 2^(b - 1) in each byte: v < 2^(b - 1), so the sum's low b bits are an
        // exclusive or with the sign bits extended away.
        quad = (quad ^ offset) & (0x01010101U * ((1U << m_.weight_bits) - 1));
        std::memcpy(row + 4 * q, &quad, 4);
      }
      std::memset(row + m_.n_inputs, 0, 4 * m_.n_quads - m_.n_inputs);
    }
  }

  const PreparedMatrix& m_;
  const UnitTerms* terms_ = &m_.terms;
  const kernels::Kernels& k_;
  std::size_t n_groups_;
  std::size_t stride_;
  std::size_t blocks_;
  AlignedArray<std::uint8_t> index_, weights_, scratch_;
  AlignedArray<std::uint64_t> masks_;
  AlignedArray<std::int32_t> row_terms_;
};

}  // namespace runs
}  // namespace randprop
