// Numbers that are bit-sliced, bit p of many of them in the words of plane p: counters that count
// set bits, comparisons, and the way back to bytes.
//
// Included by sliced_units.inl.hpp; see kernels.hpp for the contracts.

// Counts set bits, in 2^kTree values at a time: of those, a tree of full adders leaves one carry,
// which ripples into the upper bits of the counters.
template <typename S, unsigned kTree>
class SlicedCounter {
 public:
  using Vec = typename S::Vec;
  static constexpr unsigned kMaxPlanes = 32;

  explicit SlicedCounter(unsigned n_planes) : n_planes_(n_planes) {
    for (unsigned p = 0; p < n_planes; ++p) {
      planes_[p] = S::zero();
    }
  }

  template <typename Value>
  RANDPROP_INLINE void count(size_t n, const Value& value) {
    Vec low[kTree];
    for (unsigned p = 0; p < kTree; ++p) {
      low[p] = S::zero();
    }
    size_t p = 0;
    for (; p + (size_t{1} << kTree) <= n; p += size_t{1} << kTree) {
      ripple(run<kTree - 1>(value, p, low), kTree);
    }
    rest<kTree>(value, p, n, low);
    for (unsigned l = 0; l < kTree && l < n_planes_; ++l) {
      planes_[l] = low[l];
    }
  }

  Vec plane(unsigned p) const { return planes_[p]; }

 private:
  void ripple(Vec carry, unsigned from) {
    for (unsigned p = from; p < n_planes_; ++p) {
      const Vec next = S::both(planes_[p], carry);
      planes_[p] = S::differ(planes_[p], carry);
      carry = next;
    }
  }

  // Fewer than 2^kLevel values: a half of them as a tree of that size, if there are so many.
  template <unsigned kLevel, typename Value>
  RANDPROP_INLINE void rest(const Value& value, size_t p, size_t n, Vec (&low)[kTree]) {
    if constexpr (kLevel > 0) {
      constexpr size_t kHalf = size_t{1} << (kLevel - 1);
      if (n - p >= kHalf) {
        Vec carry;
        if constexpr (kLevel == 1) {
          carry = value(p);
        } else {
          carry = run<kLevel - 2>(value, p, low);
        }
        for (unsigned l = kLevel - 1; l < kTree; ++l) {
          const Vec next = S::both(low[l], carry);
          low[l] = S::differ(low[l], carry);
          carry = next;
        }
        ripple(carry, kTree);
        p += kHalf;
      }
      rest<kLevel - 1>(value, p, n, low);
    }
  }

  template <unsigned kLevel, typename Value>
  static RANDPROP_INLINE Vec run(const Value& value, size_t p, Vec (&low)[kTree]) {
    Vec a, b;
    if constexpr (kLevel == 0) {
      a = value(p);
      b = value(p + 1);
    } else {
      a = run<kLevel - 1>(value, p, low);
      b = run<kLevel - 1>(value, p + (size_t{1} << kLevel), low);
    }
    const Vec carry = S::most(low[kLevel], a, b);
    low[kLevel] = S::sum(low[kLevel], a, b);
    return carry;
  }

  unsigned n_planes_;
  Vec planes_[kMaxPlanes];
};

inline unsigned bit_length(uint64_t x) {
  unsigned n = 0;
  for (; x != 0; x >>= 1) {
    ++n;
  }
  return n;
}

inline uint64_t narrow_and_count(uint64_t* mask, const uint64_t* earlier, uint64_t flip,
                                 const uint64_t* plane, size_t n_words) {
  uint64_t count = 0;
  for (size_t w = 0; w < n_words; ++w) {
    mask[w] &= earlier[w] ^ flip;
    count += popcount_word(mask[w] & plane[w]);
  }
  return count;
}

inline void planes_above(const uint64_t* planes, size_t plane_stride, size_t n_planes,
                         int64_t bound, uint64_t* above, size_t n_words) {
  if (bound < 0 || bound >> n_planes != 0) {
    __builtin_memset(above, bound < 0 ? 0xFF : 0, 8 * n_words);
    return;
  }
  using S = WideSlice;
  size_t w = 0;
  for (; w + S::kWords <= n_words; w += S::kWords) {
    typename S::Vec found = S::zero();
    for (size_t j = 0; j < n_planes; ++j) {
      const uint64_t clear = (bound >> j & 1) != 0 ? 0 : ~uint64_t{0};
      found = S::most(S::load(planes + j * plane_stride + w), found, S::fill(clear));
    }
    S::store(above + w, found);
  }
  for (; w < n_words; ++w) {
    uint64_t found = 0;
    for (size_t j = 0; j < n_planes; ++j) {
      const uint64_t plane = planes[j * plane_stride + w];
      found = (bound >> j & 1) != 0 ? plane & found : plane | found;
    }
    above[w] = found;
  }
}

inline uint64_t count_common(const uint64_t* a, const uint64_t* b, size_t n_words) {
  uint64_t count = 0;
  for (size_t w = 0; w < n_words; ++w) {
    count += popcount_word(a[w] & b[w]);
  }
  return count;
}

// Byte s of out: the number whose bit p is bit s of planes[p * stride].
inline void join_planes(const uint64_t* planes, size_t n_planes, size_t stride, uint8_t* out) {
  uint64_t bytes[8] = {};
  for (size_t p = 0; p < n_planes; ++p) {
    uint64_t bits[8];
    unpack_bits(planes + p * stride, 1, reinterpret_cast<uint8_t*>(bits));
    for (size_t i = 0; i < 8; ++i) {
      bytes[i] |= bits[i] << p;
    }
  }
  __builtin_memcpy(out, bytes, sizeof(bytes));
}
