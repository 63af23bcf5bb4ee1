#include "weights/prepared.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/kernels.hpp"

namespace randprop {
namespace {

constexpr std::size_t tail_bytes = std::size_t{15} * 4 * kernels::kPanelUnits;

// Bytes of limb `limb` of one unit over 64 inputs.
void limb_bytes(const WeightTile& tile, std::size_t unit, unsigned weight_bits, unsigned limb,
                const kernels::Kernels& k, std::uint8_t* out) {
  const unsigned limb_bits = std::min(weight_bits, 8U);
  std::uint8_t plane[64];
  std::memset(out, 0, 64);
  for (unsigned p = 0; p < limb_bits; ++p) {
    k.unpack_bits(tile.bits + (limb * 8 + p) * block_units + unit, 1, plane);
    for (std::size_t i = 0; i < 64; ++i) {
      out[i] = static_cast<std::uint8_t>(2 * out[i] + plane[i]);
    }
  }
  const unsigned offset = 0x100U >> (9 - limb_bits);
  for (std::size_t i = 0; i < 64; ++i) {
    out[i] = static_cast<std::uint8_t>(out[i] - offset);
  }
}

void place_planes(const WeightTile& tile, PreparedMatrix& m) {
  const std::size_t n_words = words_for_bits(m.n_inputs);
  for (std::size_t unit = 0; unit < tile.n_units; ++unit) {
    const std::size_t group = (tile.unit0 + unit) / kernels::kGroupUnits;
    const std::size_t lane = unit % kernels::kGroupUnits;
    for (unsigned p = 0; p < m.weight_bits; ++p) {
      m.planes[((group * m.weight_bits + p) * n_words + tile.batch) * kernels::kGroupUnits + lane] =
          tile.bits[p * block_units + unit];
    }
  }
}

void place_bytes(const WeightTile& tile, PreparedMatrix& m, const kernels::Kernels& k) {
  const std::size_t limb_stride = m.n_quads * 4 * kernels::kPanelUnits;
  const std::size_t first_quad = tile.batch * 16;
  const std::size_t n_quads = std::min<std::size_t>(16, m.n_quads - first_quad);
  std::uint8_t values[64];
  for (std::size_t unit = 0; unit < tile.n_units; ++unit) {
    const std::size_t panel = (tile.unit0 + unit) / kernels::kPanelUnits;
    const std::size_t column = unit % kernels::kPanelUnits;
    for (unsigned limb = 0; limb < m.n_limbs; ++limb) {
      limb_bytes(tile, unit, m.weight_bits, limb, k, values);
      std::int8_t* out = m.bytes.data() + (panel * m.n_limbs + limb) * limb_stride + column * 4;
      for (std::size_t q = 0; q < n_quads; ++q) {
        std::memcpy(out + (first_quad + q) * 4 * kernels::kPanelUnits, values + 4 * q, 4);
      }
    }
  }
}

}  // namespace

std::size_t PreparedMatrix::estimate(WeightLayout layout, std::size_t n_inputs, std::size_t n_units,
                                     unsigned weight_bits) noexcept {
  if (layout == WeightLayout::planes) {
    return (n_units + 7) / 8 * 64 * (words_for_bits(n_inputs) * weight_bits + 1);
  }
  const std::size_t limbs = weight_bits > 8 ? weight_bits / 8 : 1;
  return (n_units + 63) / 64 * 64 * ((n_inputs + 3) / 4 * 4 * limbs + 4);
}

UnitTerms make_unit_terms(const PreparedMatrix& m, const std::int64_t* values) {
  // Padding units have zero weights: their sums, all 0, never exceed this.
  constexpr std::int64_t never = std::int64_t{1} << 62;
  const std::size_t padded = m.padded_units();
  UnitTerms terms;
  terms.wide = AlignedArray<std::int64_t>(padded);
  for (std::size_t unit = 0; unit < padded; ++unit) {
    terms.wide[unit] = unit < m.n_units ? values[unit] : never;
  }
  if (m.layout == WeightLayout::bytes) {
    // One-limb sums, and so their terms, fit 32 bits; those of more limbs are not read from here.
    terms.narrow = AlignedArray<std::int32_t>(padded);
    // A row's term stays below 2^26: twice 255 times the inputs of a dot product.
    constexpr std::int64_t limit = std::int64_t{1} << 30;
    for (std::size_t unit = 0; unit < padded; ++unit) {
      terms.narrow[unit] =
          static_cast<std::int32_t>(std::clamp<std::int64_t>(terms.wide[unit], -limit, limit));
      if (unit < m.n_units && terms.narrow[unit] != terms.wide[unit]) {
        terms.fits_narrow = false;
      }
    }
  }
  return terms;
}

namespace {

void reserve_bytes(PreparedMatrix& m) {
  m.n_limbs = m.weight_bits > 8 ? m.weight_bits / 8 : 1;
  m.n_quads = (m.n_inputs + 3) / 4;
  // The kernels may read 16 quads at a time, past the last panel too.
  m.bytes = AlignedArray<std::int8_t>(m.padded_units() * m.n_limbs * m.n_quads * 4 + tail_bytes);
  // The last panel may have units that nothing fills.
  const std::size_t panel = m.n_limbs * m.n_quads * 4 * kernels::kPanelUnits;
  std::fill_n(m.bytes.data() + m.bytes.size() - tail_bytes - panel, panel + tail_bytes,
              std::int8_t{0});
}

}  // namespace

PreparedMatrix prepare_own_weights(const std::int32_t* weights, std::size_t n_inputs,
                                   std::size_t n_units, bool signed_inputs) {
  PreparedMatrix m;
  m.layout = WeightLayout::bytes;
  m.n_inputs = n_inputs;
  m.n_units = n_units;
  std::int32_t low = 0;
  std::int32_t high = 0;
  for (std::size_t i = 0; i < n_inputs * n_units; ++i) {
    low = std::min(low, weights[i]);
    high = std::max(high, weights[i]);
  }
  // Few bits make fewer tables of the look-up; limbs reach from -offset() to 127 (1 + 256 + ...).
  for (const unsigned bits : {2U, 4U, 8U, 16U, 24U}) {
    m.weight_bits = bits;
    m.n_limbs = bits > 8 ? bits / 8 : 1;
    const std::int64_t top = bits <= 8 ? m.offset() - 1 : m.offset() / 128 * 127;
    if (low >= -m.offset() && high <= top) {
      break;
    }
  }
  m.row_scale = 4 * m.offset();
  reserve_bytes(m);
  std::vector<std::int64_t> terms(n_units, 0);
  std::fill_n(m.bytes.data(), m.bytes.size(), std::int8_t{0});
  for (std::size_t unit = 0; unit < n_units; ++unit) {
    const std::size_t panel = unit / kernels::kPanelUnits;
    const std::size_t column = unit % kernels::kPanelUnits;
    std::int8_t* out =
        m.bytes.data() + panel * m.n_limbs * m.n_quads * 4 * kernels::kPanelUnits + column * 4;
    for (std::size_t k = 0; k < n_inputs; ++k) {
      std::int32_t rest = weights[unit * n_inputs + k];
      terms[unit] += 2 * static_cast<std::int64_t>(rest);
      // Balanced digits, least significant last.
      for (unsigned limb = m.n_limbs; limb-- > 0;) {
        const std::int32_t digit = m.n_limbs == 1 ? rest : ((rest + 128) & 255) - 128;
        out[(limb * m.n_quads + k / 4) * 4 * kernels::kPanelUnits + k % 4] =
            static_cast<std::int8_t>(digit);
        rest = (rest - digit) / 256;
      }
    }
  }
  if (!signed_inputs) {
    std::fill(terms.begin(), terms.end(), 0);
  }
  m.terms = make_unit_terms(m, terms.data());
  return m;
}

PreparedMatrix zero_matrix(WeightLayout layout, std::size_t n_inputs, std::size_t n_units,
                           unsigned weight_bits) {
  PreparedMatrix m;
  m.layout = layout;
  m.n_inputs = n_inputs;
  m.n_units = n_units;
  m.weight_bits = weight_bits;
  m.row_scale = (std::int64_t{2} << weight_bits) - 2;
  if (layout == WeightLayout::planes) {
    m.planes =
        AlignedArray<std::uint64_t>(m.padded_units() * words_for_bits(n_inputs) * weight_bits);
    m.planes.fill_zero();
  } else {
    reserve_bytes(m);
    m.bytes.fill_zero();
  }
  m.terms = make_unit_terms(m, std::vector<std::int64_t>(n_units, 0).data());
  return m;
}

std::int64_t unit_term(const RandomMatrix& matrix, std::int64_t threshold, std::int64_t weight_sum,
                       bool signed_inputs) {
  // Beyond what a sum can be, all thresholds are the same.
  const std::int64_t beyond = 255 * static_cast<std::int64_t>(matrix.n_inputs) *
                                  ((std::int64_t{1} << matrix.weight_bits) - 1) +
                              1;
  const std::int64_t t = std::clamp(threshold, -beyond, beyond);
  return signed_inputs ? weight_sum + t : 2 * t;
}

PreparedMatrix prepare_matrix(const RandomMatrix& matrix, WeightLayout layout, bool signed_inputs,
                              const std::vector<std::int64_t>& thresholds,
                              const RunOptions& options) {
  PreparedMatrix m;
  m.layout = layout;
  m.n_inputs = matrix.n_inputs;
  m.n_units = matrix.n_units;
  m.weight_bits = matrix.weight_bits;
  m.row_scale = (std::int64_t{2} << m.weight_bits) - 2;
  const kernels::Kernels& k = kernels::active();
  if (layout == WeightLayout::planes) {
    m.planes =
        AlignedArray<std::uint64_t>(m.padded_units() * words_for_bits(m.n_inputs) * m.weight_bits);
    // The last group may have units that no tile fills.
    const std::size_t group = m.weight_bits * words_for_bits(m.n_inputs) * kernels::kGroupUnits;
    std::fill_n(m.planes.data() + m.planes.size() - group, group, std::uint64_t{0});
  } else {
    reserve_bytes(m);
  }
  std::vector<std::int64_t> terms(m.n_units);
  for (std::size_t unit = 0; unit < m.n_units; ++unit) {
    terms[unit] = unit_term(matrix, thresholds[unit], 0, signed_inputs);
  }

  // A chunk is the 128 units of a Philox block: 2 panels or 16 groups, so two threads never write
  // to one cache line.
  RunOptions run = options;
  if (m.n_inputs * m.n_units * m.weight_bits < std::size_t{4} << 20) {
    run.n_threads = 1;
  }
  parallel_chunks(matrix.n_blocks(), run, [&](std::size_t block, int) {
    std::int64_t sums[block_units] = {};
    generate_tiles(matrix, block, [&](const WeightTile& tile) {
      if (layout == WeightLayout::planes) {
        place_planes(tile, m);
      } else {
        place_bytes(tile, m, k);
      }
      if (!signed_inputs) {
        return;
      }
      for (unsigned p = 0; p < m.weight_bits; ++p) {
        for (std::size_t unit = 0; unit < tile.n_units; ++unit) {
          const std::uint64_t* word = tile.bits + p * block_units + unit;
          sums[unit] += static_cast<std::int64_t>(k.popcount_words(word, 1)) << (m.weight_bits - p);
        }
      }
    });
    if (!signed_inputs) {
      return;
    }
    const std::int64_t offset =
        ((std::int64_t{1} << m.weight_bits) - 1) * static_cast<std::int64_t>(m.n_inputs);
    for (std::size_t unit = 0; unit < block_units && block * block_units + unit < m.n_units;
         ++unit) {
      terms[block * block_units + unit] += sums[unit] - offset;
    }
  });
  m.terms = make_unit_terms(m, terms.data());
  return m;
}

}  // namespace randprop
