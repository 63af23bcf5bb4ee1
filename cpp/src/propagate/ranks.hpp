// Numbers whose bits lie in planes, found by their rank.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.hpp"

namespace randprop {

// The number of a rank, from 0, among `n_left` numbers whose bits stand in planes of n_words words
// that are `stride` apart, the lowest first; `mask` says which bits of a word are numbers, and is
// used up. From the highest bit down: of those whose bits so far are its own, those with a 0 come
// first.
inline std::uint64_t ranked(const std::uint64_t* planes, std::size_t stride, std::size_t n_planes,
                            std::uint64_t* mask, std::size_t n_words, std::uint64_t n_left,
                            std::uint64_t rank) {
  const kernels::Kernels& k = kernels::active();
  std::uint64_t number = 0;
  const std::uint64_t* earlier = mask;
  std::uint64_t flip = 0;
  for (std::size_t j = n_planes; j-- > 0;) {
    const std::uint64_t* plane = planes + j * stride;
    const std::uint64_t n_set = k.narrow_and_count(mask, earlier, flip, plane, n_words);
    const bool is_set = rank >= n_left - n_set;
    rank -= is_set ? n_left - n_set : 0;
    n_left = is_set ? n_set : n_left - n_set;
    number |= std::uint64_t{is_set ? 1U : 0U} << j;
    earlier = plane;
    flip = is_set ? 0 : ~std::uint64_t{0};
  }
  return number;
}

// Bits of a number.
inline std::size_t bits_of(std::uint64_t number) {
  std::size_t n = 0;
  for (; number != 0; number >>= 1) {
    ++n;
  }
  return n;
}

}  // namespace randprop
