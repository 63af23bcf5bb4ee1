// Each kernel of each level against plain loops, at every tail and at the edges of its range.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <vector>

#include "kernels/kernels.hpp"
#include "oracle.hpp"
#include "randprop/philox.hpp"

using namespace randprop;
using kernels::Kernels;

#ifdef RANDPROP_TEST_X86_VARIANTS
namespace randprop::kernels {
DotKernel avx_vnni_dot_evex();
DotKernel amx_dot_emulated();
}  // namespace randprop::kernels
#endif

namespace {

template <typename Body>
void every_table(const Body& body) {
  oracle::at_every_level([&](const std::string& level) {
    CAPTURE(level);
    body(kernels::active());
  });
}

std::uint64_t naive_popcount(std::uint64_t x) {
  std::uint64_t count = 0;
  for (; x != 0; x >>= 1) {
    count += x & 1U;
  }
  return count;
}

void check_dot(kernels::DotKernel dot, bool bits, std::mt19937_64& random) {
  for (const std::size_t n_rows : {0U, 1U, 2U, 3U, 4U, 5U, 6U, 7U, 13U, 53U}) {
    for (const std::size_t n_quads : {0U, 1U, 3U, 127U, 128U, 196U, 300U}) {
      for (const int extreme : {-1, 0, 1, 2}) {
        const bool spots = extreme == 2;  // random ones
        const std::size_t padded = (n_quads + 15) / 16 * 16;
        const std::size_t stride = 4 * padded + 3;  // rows unaligned on purpose
        std::vector<std::uint8_t> x(std::max<std::size_t>(n_rows, 1) * stride + 1);
        std::vector<std::int8_t> w(padded * 256 + 1);
        for (std::size_t i = 0; i < x.size(); ++i) {
          if (i % stride >= 4 * n_quads) {
            continue;  // zero past the last input
          }
          if (spots && (i % stride / 20 + i / stride / 4) % 4 != 0) {
            continue;  // spots in few rows, the only bytes of a kernel that leaves out zeros
          }
          x[i] = extreme != 0 && !spots ? (bits ? 1 : 255)
                                        : static_cast<std::uint8_t>(bits ? random() % 2 : random());
        }
        for (std::int8_t& value : w) {
          value = static_cast<std::int8_t>(extreme < 0    ? -128
                                           : extreme == 1 ? 127
                                                          : static_cast<int>(random() % 256) - 128);
        }
        std::vector<std::int32_t> sums(n_rows * 64 + 64, 1234);
        std::vector<std::int32_t> expected = sums;
        for (const bool accumulate : {false, true}) {
          for (std::size_t r = 0; r < n_rows; ++r) {
            for (std::size_t u = 0; u < 64; ++u) {
              std::int32_t sum = accumulate ? expected[r * 64 + u] : 0;
              for (std::size_t k = 0; k < 4 * n_quads; ++k) {
                sum += x[r * stride + k] * w[k / 4 * 256 + u * 4 + k % 4];
              }
              expected[r * 64 + u] = sum;
            }
          }
          dot({x.data(), stride, n_rows, w.data(), n_quads, sums.data(), accumulate});
          CHECK(sums == expected);
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("Philox batches equal single blocks") {
  every_table([](const Kernels& k) {
    std::vector<std::uint32_t> out(256);
    for (const std::uint32_t first : {0U, 64U, 0xFFFFFFC0U}) {
      k.philox_batch(0xDEADBEEF, 0x01234567, 5, first, 7, 23, out.data());
      for (std::uint32_t i = 0; i < 64; ++i) {
        const auto block = philox4x32_10({5, first + i, 7, 23}, {0xDEADBEEF, 0x01234567});
        for (std::size_t j = 0; j < 4; ++j) {
          CHECK(out[j * 64 + i] == block[j]);
        }
      }
    }
  });
}

TEST_CASE("transposing 64 x 64 bits") {
  std::mt19937_64 random(2);
  every_table([&](const Kernels& k) {
    std::uint64_t block[64], before[64];
    for (std::size_t i = 0; i < 64; ++i) {
      block[i] = before[i] = random();
    }
    k.transpose64(block);
    for (std::size_t i = 0; i < 64; ++i) {
      for (std::size_t j = 0; j < 64; ++j) {
        CHECK(((block[j] >> i) & 1U) == ((before[i] >> j) & 1U));
      }
    }
  });
}

TEST_CASE("popcount sums and thresholds, for one and eight input planes") {
  std::mt19937_64 random(3);
  every_table([&](const Kernels& k) {
    for (const std::size_t n_words : {1U, 2U, 13U, 31U, 32U, 63U}) {
      for (const unsigned n_x_planes : {1U, 8U}) {
        for (const unsigned n_planes : {1U, 3U, 8U}) {
          for (const std::size_t n_groups : {1U, 4U, 5U, 9U}) {
            for (const std::size_t n_rows : {1U, 4U, 7U}) {
              std::vector<std::uint64_t> x(n_rows * n_x_planes * n_words);
              std::vector<std::uint64_t> planes(n_groups * n_planes * n_words * 8);
              const bool full = random() % 3 == 0;
              for (auto& word : x) {
                word = full ? ~std::uint64_t{0} : random();
              }
              for (auto& word : planes) {
                word = full ? ~std::uint64_t{0} : random();
              }
              const kernels::PopcountBlock block{
                  x.data(),   n_x_planes * n_words, n_rows,   n_words,
                  n_x_planes, planes.data(),        n_planes, n_groups};
              const std::size_t n_units = n_groups * 8;
              std::vector<std::int64_t> expected(n_rows * n_units);
              for (std::size_t r = 0; r < n_rows; ++r) {
                for (std::size_t u = 0; u < n_units; ++u) {
                  std::uint64_t sum = 0;
                  for (unsigned j = 0; j < n_x_planes; ++j) {
                    for (unsigned p = 0; p < n_planes; ++p) {
                      for (std::size_t w = 0; w < n_words; ++w) {
                        sum += naive_popcount(
                                   x[(r * n_x_planes + j) * n_words + w] &
                                   planes[((u / 8 * n_planes + p) * n_words + w) * 8 + u % 8])
                               << (j + n_planes - 1 - p);
                      }
                    }
                  }
                  expected[r * n_units + u] = static_cast<std::int64_t>(sum);
                }
              }
              std::vector<std::int64_t> sums(n_rows * n_units, -1);
              k.popcount_sums(block, sums.data(), n_units);
              CHECK(sums == expected);

              // Terms such that 4 S - bound is -1, 0 or 1: only > may set the bit.
              std::vector<std::int64_t> row_terms(n_rows, 0), unit_terms(n_units);
              for (std::size_t u = 0; u < n_units; ++u) {
                unit_terms[u] = 4 * expected[u] + static_cast<std::int64_t>(u % 3) - 1;
              }
              for (std::size_t r = 0; r < n_rows; ++r) {
                row_terms[r] = 4 * (expected[r * n_units] - expected[0]);
              }
              std::vector<std::uint8_t> out(n_rows * n_groups);
              k.popcount_threshold(block, row_terms.data(), unit_terms.data(), out.data(),
                                   n_groups);
              std::size_t wrong = 0;
              for (std::size_t r = 0; r < n_rows; ++r) {
                for (std::size_t u = 0; u < n_units; ++u) {
                  const bool bit = 4 * expected[r * n_units + u] > row_terms[r] + unit_terms[u];
                  wrong += ((out[r * n_groups + u / 8] >> (u % 8)) & 1U) != (bit ? 1U : 0U);
                }
              }
              CHECK(wrong == 0);
            }
          }
        }
      }
    }
  });
}

TEST_CASE("dot products of bytes and of bits") {
  std::mt19937_64 random(4);
  every_table([&](const Kernels& k) {
    check_dot(k.dot_bytes, false, random);
    check_dot(k.dot_bits, true, random);
  });
#ifdef RANDPROP_TEST_X86_VARIANTS
  const auto supported = simd_levels_supported();
  if (std::find(supported.begin(), supported.end(), "avx512") != supported.end()) {
    check_dot(kernels::avx_vnni_dot_evex(), false, random);
    check_dot(kernels::amx_dot_emulated(), false, random);  // leaves single rows to AVX-512
  } else {
    MESSAGE("the AVX-VNNI and the emulated AMX kernel are not run: this CPU lacks AVX-512");
  }
#endif
}

TEST_CASE("look-ups: indices, tables of extreme weights, several passes, absent rows and units") {
  std::mt19937_64 random(10);
  every_table([&](const Kernels& k) {
    if (k.lut_panel == nullptr) {
      return;
    }
    for (const std::size_t n_inputs : {1U, 5U, 63U, 64U, 65U, 127U, 321U, 700U, 4096U}) {
      const std::size_t n_words = (n_inputs + 63) / 64;
      const std::size_t n_groups = k.lut_groups(n_inputs);
      for (const unsigned weight_bits : {1U, 2U, 4U, 8U}) {
        for (const bool extreme : {false, true}) {
          const std::size_t n_blocks = n_inputs > 700 ? 1 : 3;
          const std::size_t n_rows = 64 * n_blocks - 7;
          const std::size_t n_units = extreme ? 64 : 61;
          std::vector<std::uint64_t> x(64 * n_blocks * n_words, 0);
          for (std::size_t r = 0; r < n_rows; ++r) {
            for (std::size_t i = 0; i < n_inputs; ++i) {
              if (extreme ? r % 2 == 0 : random() % 2 == 0) {
                x[r * n_words + i / 64] |= std::uint64_t{1} << (i % 64);
              }
            }
          }
          // Absent rows must not leak in, whatever the scratch held before.
          AlignedArray<std::uint8_t> index(n_blocks * 64 * n_groups);
          std::fill_n(index.data(), index.size(), std::uint8_t{0xFF});
          for (std::size_t b = 0; b < n_blocks; ++b) {
            k.lut_index(x.data() + b * 64 * n_words, n_words,
                        std::min<std::size_t>(64, n_rows - 64 * b), n_inputs,
                        index.data() + b * 64 * n_groups);
          }
          const std::size_t stride = 64 * n_words;
          std::vector<std::uint8_t> u(64 * stride, 0);
          for (std::size_t unit = 0; unit < 64; ++unit) {
            for (std::size_t i = 0; i < n_inputs; ++i) {
              const unsigned most = (1U << weight_bits) - 1;
              u[unit * stride + i] = static_cast<std::uint8_t>(extreme ? most : random() & most);
            }
          }
          const auto sum_of = [&](std::size_t r, std::size_t unit) {
            std::int32_t sum = 0;
            for (std::size_t i = 0; i < n_inputs; ++i) {
              if ((x[r * n_words + i / 64] >> (i % 64)) & 1U) {
                sum += u[unit * stride + i];
              }
            }
            return sum;
          };
          // Bounds at the sums themselves: of rows 0, -1, +1 about that of the first row.
          std::vector<std::int32_t> row_terms(64 * n_blocks, 0), unit_terms(64);
          for (std::size_t unit = 0; unit < 64; ++unit) {
            unit_terms[unit] = 4 * sum_of(0, unit) + static_cast<std::int32_t>(unit % 3) - 1;
          }
          for (std::size_t r = 0; r < n_rows; ++r) {
            row_terms[r] = 4 * (sum_of(r, 0) - sum_of(0, 0));
          }
          AlignedArray<std::uint8_t> scratch(k.lut_scratch_bytes(n_blocks));
          std::vector<std::uint64_t> masks(64 * n_blocks, ~std::uint64_t{0});
          k.lut_panel({index.data(), n_blocks, n_groups, n_inputs, u.data(), stride, weight_bits,
                       n_units, row_terms.data(), unit_terms.data(), scratch.data(), masks.data()});
          std::size_t wrong = 0;
          for (std::size_t r = 0; r < 64 * n_blocks; ++r) {
            for (std::size_t unit = 0; unit < 64; ++unit) {
              const bool bit =
                  unit < n_units && 4 * sum_of(r, unit) > row_terms[r] + unit_terms[unit];
              wrong += ((masks[r / 64 * 64 + unit] >> (r % 64)) & 1U) != (bit ? 1U : 0U);
            }
          }
          CAPTURE(n_inputs);
          CAPTURE(weight_bits);
          CHECK(wrong == 0);
        }
      }
    }
  });
}

TEST_CASE("thresholds of sums") {
  std::mt19937_64 random(5);
  every_table([&](const Kernels& k) {
    for (const std::size_t n_rows : {1U, 5U}) {
      std::vector<std::int32_t> sums(n_rows * 64), row_terms(n_rows), unit_terms(64);
      for (auto& term : row_terms) {
        term = static_cast<std::int32_t>(random() % 40000000);
      }
      for (auto& term : unit_terms) {
        term = static_cast<std::int32_t>(random() % 33000000) - 16500000;
      }
      unit_terms[63] = 0x7FFFFFFF;
      for (std::size_t i = 0; i < sums.size(); ++i) {
        const std::int64_t bound = (std::int64_t{unit_terms[i % 64]} - row_terms[i / 64]) / 4 - 2;
        sums[i] = static_cast<std::int32_t>(bound + static_cast<std::int64_t>(random() % 5));
      }
      std::vector<std::uint64_t> out(n_rows * 2, 7);
      k.threshold_sums(sums.data(), n_rows, row_terms.data(), unit_terms.data(), out.data(), 2);
      for (std::size_t r = 0; r < n_rows; ++r) {
        for (std::size_t u = 0; u < 64; ++u) {
          // 4 D + row > unit, the threshold of propagation, without a shift.
          const bool bit =
              4 * std::int64_t{sums[r * 64 + u]} + row_terms[r] > std::int64_t{unit_terms[u]};
          CHECK(((out[2 * r] >> u) & 1U) == (bit ? 1U : 0U));
        }
        CHECK(out[2 * r + 1] == 7);
      }
    }
  });
}

TEST_CASE("unpacking, slicing, counting, summing") {
  std::mt19937_64 random(6);
  every_table([&](const Kernels& k) {
    for (const std::size_t n : {1U, 2U, 7U, 8U, 9U, 17U, 40U}) {
      std::vector<std::uint64_t> words(n), other(n);
      for (auto& word : words) {
        word = random();
      }
      for (auto& word : other) {
        word = random();
      }
      std::vector<std::uint8_t> bytes(64 * n + 1, 9);
      k.unpack_bits(words.data(), n, bytes.data());
      std::uint64_t ones = 0, differences = 0;
      for (std::size_t i = 0; i < 64 * n; ++i) {
        CHECK(bytes[i] == ((words[i / 64] >> (i % 64)) & 1U));
        ones += bytes[i];
      }
      CHECK(bytes[64 * n] == 9);
      for (std::size_t w = 0; w < n; ++w) {
        differences += naive_popcount(words[w] ^ other[w]);
      }
      CHECK(k.popcount_words(words.data(), n) == ones);
      CHECK(k.hamming_words(words.data(), other.data(), n) == differences);
    }
    for (std::size_t n_bytes = 1; n_bytes < 200; n_bytes += n_bytes < 70 ? 1 : 13) {
      const std::size_t n_words = (n_bytes + 63) / 64;
      const auto bytes = oracle::random_bytes(random, n_bytes);
      std::vector<std::uint64_t> planes(8 * n_words, ~std::uint64_t{0});
      k.slice_bytes(bytes.data(), n_bytes, planes.data(), n_words);
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < 64 * n_words; ++i) {
        unsigned value = 0;
        for (unsigned j = 0; j < 8; ++j) {
          value |= static_cast<unsigned>((planes[j * n_words + i / 64] >> (i % 64)) & 1U) << j;
        }
        CHECK(value == (i < n_bytes ? bytes[i] : 0U));
        sum += value;
      }
      CHECK(k.sum_bytes(bytes.data(), n_bytes) == sum);
    }
  });
}

TEST_CASE("counting bits of columns") {
  std::mt19937_64 random(7);
  every_table([&](const Kernels& k) {
    for (const std::size_t n_words : {1U, 7U, 8U, 9U, 20U}) {
      for (const std::size_t n_rows : {0U, 1U, 6U, 7U, 8U, 100U}) {
        std::vector<std::uint64_t> words(n_rows * n_words);
        for (auto& word : words) {
          word = random();
        }
        std::vector<const std::uint64_t*> rows;
        for (std::size_t r = n_rows; r-- > 0;) {
          rows.push_back(words.data() + r * n_words);
        }
        std::vector<std::uint32_t> counts(64 * n_words, 3);
        std::vector<std::uint32_t> expected = counts;
        for (const std::uint64_t* row : rows) {
          for (std::size_t i = 0; i < 64 * n_words; ++i) {
            expected[i] += static_cast<std::uint32_t>((row[i / 64] >> (i % 64)) & 1U);
          }
        }
        k.count_columns(rows.data(), n_rows, n_words, counts.data());
        CHECK(counts == expected);
      }
    }
    // Past the 65,535 that the bit-sliced counters hold.
    const std::uint64_t ones = ~std::uint64_t{0};
    const std::vector<const std::uint64_t*> rows(140000, &ones);
    std::vector<std::uint32_t> counts(64, 0);
    k.count_columns(rows.data(), rows.size(), 1, counts.data());
    CHECK(counts == std::vector<std::uint32_t>(64, 140000));
  });
}

TEST_CASE("sums of squares, of columns and of absolute differences of bytes") {
  std::mt19937_64 random(8);
  every_table([&](const Kernels& k) {
    for (const std::size_t n_bytes : {0U, 1U, 15U, 63U, 64U, 65U, 127U, 128U, 129U, 300U}) {
      for (const std::size_t n_rows : {0U, 1U, 7U, 256U, 257U, 258U, 600U}) {
        for (const bool full : {false, true}) {
          CAPTURE(n_bytes);
          CAPTURE(n_rows);
          std::vector<std::uint8_t> rows(n_rows * n_bytes + 1), x(n_bytes + 1);
          for (auto& byte : rows) {
            byte = full ? 255 : static_cast<std::uint8_t>(random());
          }
          for (auto& byte : x) {
            byte = full ? 0 : static_cast<std::uint8_t>(random());
          }
          std::vector<const std::uint8_t*> pointers;
          std::vector<std::uint32_t> sums(n_bytes + 1, 5), expected_sums(n_bytes + 1, 5);
          std::vector<std::uint64_t> distances(n_rows + 1, 5), expected(n_rows + 1, 5);
          std::uint64_t squares = 0;
          for (std::size_t r = n_rows; r-- > 0;) {
            pointers.push_back(rows.data() + r * n_bytes);
            expected[r] = 0;
            for (std::size_t i = 0; i < n_bytes; ++i) {
              const int value = rows[r * n_bytes + i];
              expected_sums[i] += static_cast<std::uint32_t>(value);
              expected[r] += static_cast<std::uint64_t>(std::abs(value - x[i]));
              squares += static_cast<std::uint64_t>(value) * static_cast<std::uint64_t>(value);
            }
          }
          k.sum_columns(pointers.data(), n_rows, n_bytes, sums.data());
          CHECK(sums == expected_sums);
          k.byte_distances(x.data(), rows.data(), n_rows, n_bytes, distances.data());
          CHECK(distances == expected);
          CHECK(k.sum_squares(rows.data(), n_rows * n_bytes) == squares);
        }
      }
    }
    // Past what 32 bits hold of either.
    const std::size_t n = (std::size_t{1} << 24) + 77;
    const std::vector<std::uint8_t> ones(n, 255), zeros(n, 0);
    std::uint64_t distance = 0;
    k.byte_distances(zeros.data(), ones.data(), 1, n, &distance);
    CHECK(distance == 255 * std::uint64_t{n});
    CHECK(k.sum_squares(ones.data(), n) == std::uint64_t{255} * 255 * n);
    const std::vector<const std::uint8_t*> rows(kernels::kMaxByteRows, ones.data());
    std::uint32_t sum = 0;
    k.sum_columns(rows.data(), rows.size(), 1, &sum);
    CHECK(sum == 255 * kernels::kMaxByteRows);
  });
}

TEST_CASE("bytes across, in the forms of the dot product, above a level, other than the first") {
  std::mt19937_64 random(41);
  oracle::at_every_level([&](const std::string& level) {
    CAPTURE(level);
    const kernels::Kernels& k = kernels::active();
    constexpr std::size_t stride = 70;
    constexpr std::size_t area = 4096;
    std::vector<std::uint8_t> in(64 * stride), square(area);
    for (std::uint8_t& value : in) {
      value = static_cast<std::uint8_t>(random());
    }
    for (std::size_t i = 0; i < 64; ++i) {
      std::copy_n(in.data() + i * stride, 64, square.data() + 64 * i);
    }
    std::vector<std::uint8_t> across(area), columns(64 * stride, 7);
    std::vector<std::int8_t> units(area);
    k.transpose_bytes(in.data(), stride, across.data());
    k.columns_and_units(square.data(), columns.data(), stride, units.data());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < 64; ++i) {
      for (std::size_t j = 0; j < 64; ++j) {
        const int value = in[i * stride + j];
        wrong += across[64 * j + i] != value;
        wrong += columns[j * stride + i] != value;
        wrong += units[i / 4 * 256 + 4 * j + i % 4] + 128 != value;
      }
      for (std::size_t j = 64; j < stride; ++j) {
        wrong += columns[i * stride + j] != 7;
      }
    }
    CHECK(wrong == 0);
    for (const std::size_t n : {0U, 1U, 63U, 64U, 65U, 130U, 257U}) {
      for (const int bound : {0, 1, 127, 128, 254, 255}) {
        std::vector<std::uint64_t> bits((n + 63) / 64, ~std::uint64_t{0}), expected(bits.size(), 0);
        for (std::size_t i = 0; i < n; ++i) {
          expected[i / 64] |= std::uint64_t{in[i] > bound ? 1U : 0U} << (i % 64);
        }
        k.bits_above(in.data(), n, static_cast<std::uint8_t>(bound), bits.data());
        CHECK(bits == expected);
      }
      for (const std::size_t n_rows : {0U, 1U, 254U, 255U, 256U, 600U}) {
        std::vector<std::uint8_t> rows(n_rows * n + 1);
        std::vector<std::uint32_t> counts(n, 3), expected = counts;
        std::vector<const std::uint8_t*> pointers;
        for (std::size_t r = 0; r < n_rows; ++r) {
          pointers.push_back(rows.data() + r * n);
          for (std::size_t i = 0; i < n; ++i) {
            rows[r * n + i] = static_cast<std::uint8_t>(in[i] + (random() % 3 == 0 ? 1 : 0));
            expected[i] += rows[r * n + i] != in[i];
          }
        }
        k.count_changed(pointers.data(), n_rows, n, in.data(), counts.data());
        CHECK(counts == expected);
      }
    }
  });
}

TEST_CASE("numbers whose bits lie in planes: above a bound, narrowed, counted") {
  std::mt19937_64 random(42);
  oracle::at_every_level([&](const std::string& level) {
    CAPTURE(level);
    const kernels::Kernels& k = kernels::active();
    constexpr std::size_t n_planes = 5, stride = 23;
    for (const std::size_t n_words : {0U, 1U, 3U, 7U, 8U, 9U, 17U, 22U}) {
      std::vector<std::uint64_t> planes(n_planes * stride);
      for (std::uint64_t& word : planes) {
        word = random();
      }
      for (const std::int64_t bound : {-1000000, -1, 0, 1, 17, 30, 31, 32, 1000000}) {
        std::vector<std::uint64_t> above(n_words + 1, 7), expected(n_words, 0);
        for (std::size_t i = 0; i < 64 * n_words; ++i) {
          std::int64_t number = 0;
          for (std::size_t j = 0; j < n_planes; ++j) {
            number |= static_cast<std::int64_t>(planes[j * stride + i / 64] >> (i % 64) & 1U) << j;
          }
          expected[i / 64] |= std::uint64_t{number > bound ? 1U : 0U} << (i % 64);
        }
        expected.push_back(7);
        k.planes_above(planes.data(), stride, n_planes, bound, above.data(), n_words);
        CHECK(above == expected);
      }
      for (const std::uint64_t flip : {std::uint64_t{0}, ~std::uint64_t{0}}) {
        std::vector<std::uint64_t> mask(planes.data(), planes.data() + n_words), kept = mask;
        std::uint64_t count = 0, common = 0;
        for (std::size_t w = 0; w < n_words; ++w) {
          common += k.popcount_words(&planes[w], 1);
          kept[w] &= planes[stride + w] ^ flip;
          const std::uint64_t both = kept[w] & planes[2 * stride + w];
          count += k.popcount_words(&both, 1);
        }
        CHECK(k.count_common(mask.data(), mask.data(), n_words) == common);
        CHECK(k.narrow_and_count(mask.data(), planes.data() + stride, flip,
                                 planes.data() + 2 * stride, n_words) == count);
        CHECK(mask == kept);
      }
    }
  });
}
