// Logic on the bits of many samples at a time, for kernels that are bit-sliced: bit s of a word
// belongs to sample s, or to a time of a series.
//
// Included inside the anonymous namespace of a kernel file, like everything with code in it.

// Logic on words side by side: uint64_t itself, or a vector of the compiler's.
template <typename Words>
struct PlainSlice {
  using Vec = Words;
  static constexpr size_t kWords = sizeof(Vec) / sizeof(uint64_t);

  static Vec zero() { return Vec{}; }
  static Vec ones() { return ~Vec{}; }
  static Vec fill(uint64_t word) { return word + Vec{}; }
  static Vec load(const uint64_t* p) {
    Vec v;
    __builtin_memcpy(&v, p, sizeof(v));
    return v;
  }
  static void store(uint64_t* p, Vec v) { __builtin_memcpy(p, &v, sizeof(v)); }
  static Vec both(Vec a, Vec b) { return a & b; }
  static Vec differ(Vec a, Vec b) { return a ^ b; }
  static Vec invert(Vec a) { return ~a; }
  // Sum and carry of a full adder; those named _not take c inverted.
  static Vec sum(Vec a, Vec b, Vec c) { return a ^ b ^ c; }
  static Vec sum_not(Vec a, Vec b, Vec c) { return ~(a ^ b ^ c); }
  static Vec most(Vec a, Vec b, Vec c) { return (a & b) | (c & (a ^ b)); }
  static Vec most_not(Vec a, Vec b, Vec c) { return (a & b) | (~c & (a ^ b)); }
  static Vec all_not(Vec a, Vec b, Vec c) { return a & b & ~c; }
  static Vec any_not(Vec a, Vec b, Vec c) { return a | b | ~c; }
  // a where the mask is set, else b.
  static Vec choose(Vec mask, Vec a, Vec b) { return b ^ (mask & (a ^ b)); }
};

// How deep trees of adders are written out, at most: the code of a page is sent to its readers.
#if defined(__wasm__)
constexpr unsigned kMostTree = 2;
#else
constexpr unsigned kMostTree = 4;
#endif

template <typename T>
struct Kind {
  using Type = T;
};

// 64 samples: few of them take no more time than they must.
using WordSlice = PlainSlice<uint64_t>;
