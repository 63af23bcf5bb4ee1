// What code over both kinds of features asks of a view.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/kernels.hpp"
#include "randprop/bit_matrix.hpp"

namespace randprop {

template <typename View>
inline constexpr Features kind_of =
    std::is_same_v<View, ByteView> ? Features::bytes : Features::bits;

inline std::size_t n_inputs_of(const BitView& x) { return x.n_bits; }
inline std::size_t n_inputs_of(const ByteView& x) { return x.n_features; }
inline std::size_t n_inputs_of(const SparseView& x) { return x.n_features; }

inline std::uint64_t sum_of_row(const BitView& x, std::size_t row, const kernels::Kernels& k) {
  return k.popcount_words(x.row(row), x.n_words());
}
inline std::uint64_t sum_of_row(const ByteView& x, std::size_t row, const kernels::Kernels& k) {
  return k.sum_bytes(x.row(row), x.n_features);
}

// Of bits the same as the sum.
inline std::uint64_t squares_of_row(const BitView& x, std::size_t row, const kernels::Kernels& k) {
  return sum_of_row(x, row, k);
}
inline std::uint64_t squares_of_row(const ByteView& x, std::size_t row, const kernels::Kernels& k) {
  return k.sum_squares(x.row(row), x.n_features);
}

inline std::size_t round_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace randprop
