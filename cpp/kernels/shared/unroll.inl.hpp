// Loops over a register tile, unrolled while the compiler still thinks in source terms.
//
// GCC unrolls `for (r...) sums[r] = ...` only after it has decided which arrays may live in
// registers; the accumulators of a tile then stay in memory and are stored in every step. Indices
// that are constants from the start keep them in registers. Included inside the anonymous
// namespace of a kernel file, like everything with code in it: see kernels.hpp.

#define RANDPROP_INLINE inline __attribute__((always_inline))
// For the lambdas given to unroll.
#define RANDPROP_STEP __attribute__((always_inline))

template <size_t kValue>
struct Index {
  static constexpr size_t value = kValue;
  constexpr operator size_t() const { return kValue; }  // NOLINT: stands for its value
};

template <size_t... kIndices>
struct IndexList {};

template <size_t kCount, size_t... kIndices>
struct MakeIndexList : MakeIndexList<kCount - 1, kCount - 1, kIndices...> {};

template <size_t... kIndices>
struct MakeIndexList<0, kIndices...> {
  using Type = IndexList<kIndices...>;
};

template <typename Step, size_t... kIndices>
RANDPROP_INLINE void unroll_indices(const Step& step, IndexList<kIndices...>) {
  (step(Index<kIndices>{}), ...);
}

// step(Index<0>), step(Index<1>), ..., step(Index<kCount - 1>).
template <size_t kCount, typename Step>
RANDPROP_INLINE void unroll(const Step& step) {
  unroll_indices(step, typename MakeIndexList<kCount>::Type{});
}
