#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <new>
#include <stdexcept>
#include <vector>

#include "randprop/bit_matrix.hpp"
#include "randprop/philox.hpp"

using randprop::AlignedArray;
using randprop::BitMatrix;

TEST_CASE("a new matrix is zero, aligned, and holds a whole number of words") {
  for (const std::size_t n_bits : {1U, 63U, 64U, 65U, 784U}) {
    BitMatrix bits(3, n_bits);
    CHECK(bits.n_words() == (n_bits + 63) / 64);
    CHECK(reinterpret_cast<std::uintptr_t>(bits.row(0)) % 64 == 0);
    for (std::size_t w = 0; w < 3 * bits.n_words(); ++w) {
      CHECK(bits.row(0)[w] == 0);
    }
    bits.set(2, n_bits - 1);
    CHECK(bits.get(2, n_bits - 1));
    CHECK_FALSE(bits.get(1, n_bits - 1));
    CHECK(bits.row(2)[bits.n_words() - 1] == std::uint64_t{1} << ((n_bits - 1) % 64));
  }
}

TEST_CASE("empty shapes are allowed") {
  CHECK(BitMatrix(0, 784).n_samples() == 0);
  CHECK(BitMatrix(5, 0).n_words() == 0);
}

TEST_CASE("sizes that overflow are refused") {
  constexpr std::size_t huge = std::numeric_limits<std::size_t>::max() / 2;
  CHECK_THROWS_AS(BitMatrix(huge, 784), std::bad_alloc);
  CHECK_THROWS_AS(BitMatrix(huge + 2, 128), std::bad_alloc);  // 2 words, if it wrapped around
  CHECK_THROWS_AS(AlignedArray<std::uint64_t>{huge}, std::bad_alloc);
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  CHECK(randprop::words_for_bits(most) == most / 64 + 1);
  CHECK_THROWS_AS(BitMatrix(64, most), std::bad_alloc);  // no words, if it wrapped around
}

TEST_CASE("values are placed where bits are set, and nowhere else") {
  for (const std::size_t n_bits : {1U, 63U, 64U, 65U, 130U}) {
    BitMatrix where(3, n_bits);
    std::vector<std::uint8_t> expected(3 * n_bits, 0);
    std::vector<std::uint8_t> values;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (i % 3 == 0 || i % 7 == 1) {
        where.set(i / n_bits, i % n_bits);
        values.push_back(static_cast<std::uint8_t>(i % 255 + 1));
        expected[i] = values.back();
      }
    }
    // Padding that is not zero is no value's place.
    if (n_bits % 64 != 0) {
      where.row(1)[where.n_words() - 1] |= std::uint64_t{1} << 63;
    }
    std::vector<std::uint8_t> found(expected.size() + 1, 77);
    randprop::place_values(where.view(), values.data(), values.size(), found.data());
    CHECK(found.back() == 77);
    found.pop_back();
    CHECK(found == expected);
    CHECK_THROWS_AS(
        randprop::place_values(where.view(), values.data(), values.size() - 1, found.data()),
        std::invalid_argument);
    values.push_back(1);
    CHECK_THROWS_AS(
        randprop::place_values(where.view(), values.data(), values.size(), found.data()),
        std::invalid_argument);
  }
}

TEST_CASE("Philox gives the known answers of Random123") {
  using Block = randprop::PhiloxCounter;
  CHECK(randprop::philox4x32_10({0, 0, 0, 0}, {0, 0}) ==
        Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(randprop::philox4x32_10({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}) ==
        Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(randprop::philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                                {0xa4093822, 0x299f31d0}) ==
        Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}
