// Units that look at few inputs, bit-sliced: bit s of a word belongs to sample s, so that one
// logical operation serves as many samples as a vector has bits, whatever the stride, dilation or
// position. Sums are made by full adders, and set bits counted in counters whose bits lie in as
// many words.
//
// Included inside the anonymous namespace of a kernel file, which defines before it
//
//   WideSlice            the level's vector of words and its logic, as PlainSlice has them
//
// See kernels.hpp for the contracts.

#include "sliced_numbers.inl.hpp"

// Where the taps of a unit stand, from a position's column on. kStride: words of a plane.
template <typename S, size_t kStride>
struct SlicedTaps {
  const FewInputsBlock& block;
  const uint64_t* x;
  size_t column;  // words of a column

  SlicedTaps(const FewInputsBlock& unit, size_t word)
      : block(unit), x(unit.x + word), column(unit.n_planes * kStride) {}
  const uint64_t* tap(size_t j) const { return x + column * block.taps[j]; }
  size_t at(size_t p) const { return column * block.positions[p]; }
};

// Bits, of at most four inputs: z > t where at least kNeed are set, those of weight -1 inverted.
template <typename S, size_t kStride, size_t kInputs, size_t kNeed>
struct FewBits {
  using Vec = typename S::Vec;
  static constexpr unsigned kTree = kMostTree;
  SlicedTaps<S, kStride> taps;
  const uint64_t* in[kInputs];

  // A column is one plane.
  FewBits(const FewInputsBlock& block, size_t word) : taps(block, word) {
    for (size_t j = 0; j < kInputs; ++j) {
      in[j] = taps.tap(j);
    }
  }
  template <size_t kOf3>
  static RANDPROP_INLINE Vec at_least(Vec a, Vec b, Vec c) {
    if constexpr (kOf3 == 0) {
      return S::ones();
    } else if constexpr (kOf3 == 1) {
      return S::any_not(a, b, c);
    } else if constexpr (kOf3 == 2) {
      return S::most_not(a, b, c);
    } else if constexpr (kOf3 == 3) {
      return S::all_not(a, b, c);
    } else {
      return S::zero();
    }
  }
  RANDPROP_INLINE Vec operator()(size_t p) const {
    const size_t at = kStride * taps.block.positions[p];
    const Vec a = S::load(in[0] + at);
    if constexpr (kInputs == 1) {
      return a;
    } else if constexpr (kInputs == 2) {
      const Vec c = S::load(in[1] + at);
      return kNeed == 1 ? S::any_not(a, a, c) : S::all_not(a, a, c);
    } else {
      const Vec b = S::load(in[1] + at);
      const Vec c = S::load(in[2] + at);
      if constexpr (kInputs == 3) {
        return at_least<kNeed>(a, b, c);
      } else {
        // The fourth, of weight -1 too, counts where it is clear.
        return S::choose(S::load(in[3] + at), at_least<kNeed>(a, b, c),
                         at_least<kNeed - 1>(a, b, c));
      }
    }
  }
};

// As many inputs of weight +1 as of -1, kPairs each, of any number of planes. The sum of those of
// +1 and the inverted ones of -1 is z + kPairs (2^n_planes - 1). One plane after the other, with as
// many carries as there are, is added to one bit of the sum and the carries of the next plane. The
// carries into the first plane are free: so many of them are set as should be added to the sum.
//
// kNear: the threshold lies in [-kPairs, kPairs - 1]. Then those bring z > t to carries out of the
// last plane, kPairs of them at least, and no bit of the sum is made.
template <typename S, size_t kStride, size_t kPairs, bool kNear>
struct FewPlanes {
  using Vec = typename S::Vec;
  static constexpr unsigned kTree = kMostTree < 3 ? kMostTree : 3;
  static constexpr size_t kInputs = 2 * kPairs;
  static constexpr size_t kAdders = kInputs - 1;
  static constexpr unsigned kMostPlanes = 16;  // of the sum
  SlicedTaps<S, kStride> taps;
  const uint64_t* in[kInputs];
  unsigned n_planes;
  uint64_t first_carry[kAdders];
  uint64_t bound_not[kMostPlanes];  // the bits of what the sum must exceed, inverted

  FewPlanes(const FewInputsBlock& block, size_t word)
      : taps(block, word), n_planes(block.n_planes) {
    for (size_t j = 0; j < kInputs; ++j) {
      in[j] = taps.tap(j);
    }
    const auto pairs = static_cast<int64_t>(kPairs);
    for (size_t i = 0; i < kAdders; ++i) {
      first_carry[i] = kNear && static_cast<int64_t>(i) < pairs - 1 - block.threshold ? ~uint64_t{0}
                                                                                      : uint64_t{0};
    }
    const int64_t bound = block.threshold + pairs * ((int64_t{1} << n_planes) - 1);
    for (unsigned p = 0; p < kMostPlanes; ++p) {
      bound_not[p] = (bound >> p & 1) != 0 ? uint64_t{0} : ~uint64_t{0};
    }
  }

  RANDPROP_INLINE Vec operator()(size_t p) const {
    return walk(p, [](unsigned, Vec) RANDPROP_STEP {});
  }

  // take(j, bit j of the sum) for all bits, unless kNear.
  template <typename Take>
  RANDPROP_INLINE Vec walk(size_t p, const Take& take) const {
    const size_t at = taps.at(p);
    Vec carry[kAdders];
    unroll<kAdders>([&](auto i) RANDPROP_STEP { carry[i] = S::fill(first_carry[i]); });
    Vec above = S::zero();
    for (unsigned plane = 0; plane < n_planes; ++plane) {
      const size_t here = at + plane * kStride;
      Vec sum = S::load(in[0] + here);
      Vec next[kAdders];
      // Each of the first adders takes one input of weight -1, and one of +1 while there are any.
      unroll<kAdders>([&](auto i) RANDPROP_STEP {
        constexpr size_t kIndex = decltype(i)::value;
        constexpr bool kLast = kNear && kIndex + 1 == kAdders;
        if constexpr (kIndex < kPairs) {
          const Vec minus = S::load(in[kPairs + kIndex] + here);
          Vec other;
          if constexpr (kIndex + 1 < kPairs) {
            other = S::load(in[kIndex + 1] + here);
          } else {
            other = carry[0];
          }
          next[i] = S::most_not(sum, other, minus);
          if constexpr (!kLast) {
            sum = S::sum_not(sum, other, minus);
          }
        } else {
          constexpr size_t kFirst = 2 * (kIndex - kPairs) + 1;
          next[i] = S::most(sum, carry[kFirst], carry[kFirst + 1]);
          if constexpr (!kLast) {
            sum = S::sum(sum, carry[kFirst], carry[kFirst + 1]);
          }
        }
      });
      unroll<kAdders>([&](auto i) RANDPROP_STEP { carry[i] = next[i]; });
      if constexpr (!kNear) {
        take(plane, sum);
        above = S::most(sum, above, S::fill(bound_not[plane]));
      }
    }
    return top<kAdders, 0>(carry, above, take);
  }

 private:
  // What is left of `above` when so many carries out of the last plane are added up.
  template <size_t kCarries, unsigned kPlace, typename Take>
  RANDPROP_INLINE Vec top(const Vec* carry, Vec above, const Take& take) const {
    if constexpr (kCarries == 0) {
      return above;
    } else {
      constexpr size_t kAdded = kCarries / 2;
      Vec sum = carry[0];
      Vec next[kAdded + 1];
      unroll<kAdded>([&](auto i) RANDPROP_STEP {
        constexpr size_t kFirst = 2 * decltype(i)::value + 1;
        const Vec second =
            kFirst + 1 < kCarries ? carry[kFirst + 1 < kCarries ? kFirst + 1 : 0] : S::zero();
        next[i] = S::most(sum, carry[kFirst], second);
        sum = S::sum(sum, carry[kFirst], second);
      });
      if constexpr (kNear) {
        constexpr bool kBit = ((kPairs - 1) >> kPlace & 1) != 0;
        above = S::most(sum, above, kBit ? S::zero() : S::ones());
      } else {
        take(n_planes + kPlace, sum);
        above = S::most(sum, above, S::fill(bound_not[n_planes + kPlace]));
      }
      return top<kAdded, kPlace + 1>(next, above, take);
    }
  }
};

// Any number of inputs, of any number of planes.
template <typename S, size_t kStride>
struct FewAny {
  using Vec = typename S::Vec;
  static constexpr unsigned kTree = 2;
  static constexpr unsigned kMostPlanes = 32;
  SlicedTaps<S, kStride> taps;
  size_t n_inputs;
  unsigned n_planes, count_planes, sum_planes;
  int64_t bound;

  FewAny(const FewInputsBlock& block, size_t word)
      : taps(block, word),
        n_inputs(block.n_plus + block.n_minus),
        n_planes(block.n_planes),
        count_planes(bit_length(n_inputs)),
        sum_planes(count_planes + n_planes),
        bound(block.threshold +
              static_cast<int64_t>(block.n_minus) * ((int64_t{1} << n_planes) - 1)) {}

  Vec operator()(size_t p) const {
    return walk(p, [](unsigned, Vec) {});
  }

  template <typename Take>
  Vec walk(size_t p, const Take& take) const {
    const size_t at = taps.at(p);
    Vec total[kMostPlanes];
    for (unsigned k = 0; k < sum_planes; ++k) {
      total[k] = S::zero();
    }
    for (unsigned plane = 0; plane < n_planes; ++plane) {
      SlicedCounter<S, 2> counter(count_planes);
      const size_t n_plus = taps.block.n_plus;
      counter.count(n_inputs, [&](size_t j) {
        const Vec x = S::load(taps.tap(j) + at + plane * kStride);
        return j < n_plus ? x : S::invert(x);
      });
      Vec carry = S::zero();
      for (unsigned k = plane; k < sum_planes; ++k) {
        const Vec more = k - plane < count_planes ? counter.plane(k - plane) : S::zero();
        const Vec sum = S::sum(total[k], more, carry);
        carry = S::most(total[k], more, carry);
        total[k] = sum;
      }
    }
    Vec above = S::zero();
    for (unsigned k = 0; k < sum_planes; ++k) {
      take(k, total[k]);
      above = S::most(total[k], above, (bound >> k & 1) != 0 ? S::zero() : S::ones());
    }
    return above;
  }
};

// Where no sum, or every sum, is above the threshold.
template <typename S>
struct FewConstant {
  using Vec = typename S::Vec;
  static constexpr unsigned kTree = 1;
  uint64_t word;
  Vec operator()(size_t) const { return S::fill(word); }
};

// use(value): value(p) has a bit set for each sample whose sum at position p is above.
template <typename S, size_t kStride, typename Use>
inline void with_unit(const FewInputsBlock& block, size_t word, const Use& use) {
  const int64_t top = (int64_t{1} << block.n_planes) - 1;
  const auto n_plus = static_cast<int64_t>(block.n_plus);
  const auto n_minus = static_cast<int64_t>(block.n_minus);
  if (block.threshold >= n_plus * top || block.threshold < -n_minus * top) {
    use(FewConstant<S>{block.threshold < 0 ? ~uint64_t{0} : uint64_t{0}});
    return;
  }
  const auto as = [&](auto kind) { use(typename decltype(kind)::Type(block, word)); };
  if (block.n_planes == 1 && n_plus + n_minus <= 4) {
    // Inputs n and set ones needed, from 1 to n.
    switch (16 * (n_plus + n_minus) + block.threshold + n_minus + 1) {
#define RANDPROP_FEW_BITS(n, need)            \
  case 16 * n + need:                         \
    as(Kind<FewBits<S, kStride, n, need>>{}); \
    return;
#if !defined(__wasm__)  // the usual alone: a page is sent to its readers
      RANDPROP_FEW_BITS(1, 1)
      RANDPROP_FEW_BITS(2, 1)
      RANDPROP_FEW_BITS(2, 2)
      RANDPROP_FEW_BITS(3, 1)
      RANDPROP_FEW_BITS(3, 2)
      RANDPROP_FEW_BITS(3, 3)
      RANDPROP_FEW_BITS(4, 1)
      RANDPROP_FEW_BITS(4, 2)
      RANDPROP_FEW_BITS(4, 4)
#endif
      RANDPROP_FEW_BITS(4, 3)
#undef RANDPROP_FEW_BITS
      default:
        break;
    }
  }
  if (block.n_planes > 1 && n_plus == n_minus && (n_plus == 1 || n_plus == 2 || n_plus == 4)) {
    const bool near = block.threshold >= -n_plus && block.threshold < n_plus;
    switch (2 * n_plus + (near ? 1 : 0)) {
#define RANDPROP_FEW_PLANES(pairs)                   \
  case 2 * pairs:                                    \
    as(Kind<FewPlanes<S, kStride, pairs, false>>{}); \
    return;                                          \
  case 2 * pairs + 1:                                \
    as(Kind<FewPlanes<S, kStride, pairs, true>>{});  \
    return;
      RANDPROP_FEW_PLANES(2)
#if !defined(__wasm__)
      RANDPROP_FEW_PLANES(1)
      RANDPROP_FEW_PLANES(4)
#endif
#undef RANDPROP_FEW_PLANES
      default:
        break;
    }
  }
  as(Kind<FewAny<S, kStride>>{});
}

// use(slice, stride, word) for the words of a block: all of a vector's at a time.
template <typename Use>
inline void each_slice(const FewInputsBlock& block, const Use& use) {
  if (block.plane_words == 1) {
    use(Kind<WordSlice>{}, Index<1>{}, size_t{0});
    return;
  }
  for (size_t word = 0; word < block.n_words; word += WideSlice::kWords) {
    use(Kind<WideSlice>{}, Index<kSliceWords>{}, word);
  }
}

template <typename S, size_t kStride, typename Value>
inline void store_counts(const Value& value, size_t n_positions, uint64_t* planes) {
  const unsigned n_planes = bit_length(n_positions);
  SlicedCounter<S, Value::kTree> counter(n_planes);
  counter.count(n_positions, value);
  for (unsigned p = 0; p < n_planes; ++p) {
    S::store(planes + p * kStride, counter.plane(p));
  }
}

inline void few_masks(const FewInputsBlock& block, uint64_t* masks, size_t stride) {
  each_slice(block, [&](auto slice, auto plane_words, size_t word) {
    using S = typename decltype(slice)::Type;
    with_unit<S, decltype(plane_words)::value>(block, word, [&](const auto& value) {
      for (size_t p = 0; p < block.n_positions; ++p) {
        S::store(masks + p * stride + word, value(p));
      }
    });
  });
}

inline void few_counts(const FewInputsBlock& block, uint64_t* planes) {
  each_slice(block, [&](auto slice, auto plane_words, size_t word) {
    using S = typename decltype(slice)::Type;
    constexpr size_t kStride = decltype(plane_words)::value;
    with_unit<S, kStride>(block, word, [&](const auto& value) {
      store_counts<S, kStride>(value, block.n_positions, planes + word);
    });
  });
}

template <typename S, typename Value>
inline void store_sums(const Value& value, size_t n_positions, uint64_t* planes,
                       size_t plane_stride, size_t plane_words) {
  for (size_t p = 0; p < n_positions; ++p) {
    value.walk(p, [&](unsigned plane, typename S::Vec bits) RANDPROP_STEP {
      S::store(planes + plane * plane_stride + p * plane_words, bits);
    });
  }
}

inline void few_sums(const FewInputsBlock& block, uint64_t* planes, size_t plane_stride) {
  each_slice(block, [&](auto slice, auto plane_words, size_t word) {
    using S = typename decltype(slice)::Type;
    constexpr size_t kStride = decltype(plane_words)::value;
    const auto store = [&](const auto& value, unsigned n_made) {
      // Bits that no carry reaches.
      for (unsigned j = n_made; j < block.n_planes + bit_length(block.n_plus + block.n_minus);
           ++j) {
        for (size_t p = 0; p < block.n_positions; ++p) {
          S::store(planes + word + j * plane_stride + p * kStride, S::zero());
        }
      }
      store_sums<S>(value, block.n_positions, planes + word, plane_stride, kStride);
    };
    const bool in_pairs = block.n_plus == block.n_minus && block.n_planes > 1;
    if (in_pairs && block.n_plus == 1) {
      store(FewPlanes<S, kStride, 1, false>(block, word), block.n_planes + 1);
    } else if (in_pairs && block.n_plus == 2) {
      store(FewPlanes<S, kStride, 2, false>(block, word), block.n_planes + 2);
    } else if (in_pairs && block.n_plus == 4) {
      store(FewPlanes<S, kStride, 4, false>(block, word), block.n_planes + 3);
    } else {
      const FewAny<S, kStride> any(block, word);
      store(any, any.sum_planes);
    }
  });
}

// The commonest unit, of bits, on registers.
template <typename S>
struct SpinFew {
  using Vec = typename S::Vec;
  static constexpr unsigned kTree = FewBits<S, 1, 4, 3>::kTree;
  Vec a, b, c, d;

  RANDPROP_INLINE Vec operator()(size_t) const {
    Vec x = a, y = d;
    S::forget(x);
    S::forget(y);
    return S::choose(y, S::all_not(x, b, c), S::most_not(x, b, c));
  }
};

inline uint64_t spin_few(size_t n_rounds) {
  using S = WideSlice;
  constexpr size_t kPositions = 121;
  const SpinFew<S> value{S::fill(1), S::fill(2), S::fill(4), S::fill(8)};
  uint64_t planes[8 * S::kWords];
  for (size_t round = 0; round < n_rounds; ++round) {
    store_counts<S, S::kWords>(value, kPositions, planes);
    __asm__ volatile("" : : "r"(planes) : "memory");
  }
  return n_rounds * kPositions * 64 * S::kWords;
}

constexpr void fill_sliced_units(Kernels& table) {
  table.few_masks = few_masks;
  table.few_counts = few_counts;
  table.few_sums = few_sums;
  table.narrow_and_count = narrow_and_count;
  table.planes_above = planes_above;
  table.count_common = count_common;
  table.join_planes = join_planes;
  table.spin_few = spin_few;
}
