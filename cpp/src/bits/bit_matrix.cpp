#include "randprop/bit_matrix.hpp"

#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#elif defined(_WIN32)
#include <malloc.h>
#endif

#include "bits/require.hpp"
#include "bits/sizes.hpp"

namespace randprop {
namespace {

void* allocate(std::size_t alignment, std::size_t bytes) {
#if defined(__linux__)
  // Memory comes in pages, each at a cost that is that of filling it: large ones are asked for.
  constexpr std::size_t large_page = std::size_t{1} << 21;
  if (bytes >= 2 * large_page) {
    void* pointer = nullptr;
    if (posix_memalign(&pointer, large_page, bytes) != 0) {
      return nullptr;
    }
    (void)madvise(pointer, bytes, MADV_HUGEPAGE);  // advice: memory is as good without
    return pointer;
  }
#endif
#if defined(_WIN32)
  return _aligned_malloc(bytes, alignment);
#else
  return std::aligned_alloc(alignment, bytes);
#endif
}

void release(void* pointer) {
#if defined(_WIN32)
  _aligned_free(pointer);
#else
  std::free(pointer);
#endif
}

}  // namespace

template <typename T>
AlignedArray<T>::AlignedArray(std::size_t size) : size_(size) {
  constexpr std::size_t alignment = 64;
  if (size == 0) {
    return;
  }
  if (size > (std::numeric_limits<std::size_t>::max() - alignment) / sizeof(T)) {
    throw std::bad_alloc();
  }
  const std::size_t bytes = (size * sizeof(T) + alignment - 1) / alignment * alignment;
  void* pointer = allocate(alignment, bytes);
  if (pointer == nullptr) {
    throw std::bad_alloc();
  }
  data_.reset(static_cast<T*>(pointer));
}

template <typename T>
void AlignedArray<T>::fill_zero() noexcept {
  if (size_ != 0) {
    std::memset(static_cast<void*>(data_.get()), 0, bytes());
  }
}

template <typename T>
void AlignedArray<T>::Free::operator()(T* pointer) const noexcept {
  release(pointer);
}

template class AlignedArray<std::uint8_t>;
template class AlignedArray<std::int8_t>;
template class AlignedArray<std::int32_t>;
template class AlignedArray<std::int64_t>;
template class AlignedArray<std::uint64_t>;

BitMatrix BitMatrix::uninitialized(std::size_t n_samples, std::size_t n_bits) {
  BitMatrix result;
  result.n_samples_ = n_samples;
  result.n_bits_ = n_bits;
  const std::size_t n_words = words_for_bits(n_bits);
  if (n_words != 0 && n_samples > std::numeric_limits<std::size_t>::max() / n_words) {
    throw std::bad_alloc();
  }
  result.words_ = AlignedArray<std::uint64_t>(n_samples * n_words);
  return result;
}

BitMatrix::BitMatrix(std::size_t n_samples, std::size_t n_bits)
    : BitMatrix(uninitialized(n_samples, n_bits)) {
  words_.fill_zero();
}

ByteMatrix::ByteMatrix(std::size_t n_samples, std::size_t n_features)
    : n_samples_(n_samples),
      n_features_(n_features),
      bytes_(checked_product("rows times features", n_samples, n_features)) {}

namespace {

// Bits of a word that belong to a row, `left` bits before its end.
std::uint64_t within(std::uint64_t word, std::size_t left) {
  return left < 64 ? word & ((std::uint64_t{1} << left) - 1) : word;
}

}  // namespace

void place_values(const BitView& where, const std::uint8_t* values, std::size_t n_values,
                  std::uint8_t* out) {
  std::size_t used = 0;
  for (std::size_t sample = 0; sample < where.n_samples; ++sample) {
    const std::uint64_t* words = where.row(sample);
    std::uint8_t* row = out + sample * where.n_bits;
    std::memset(row, 0, where.n_bits);
    for (std::size_t w = 0; w < where.n_words(); ++w) {
      std::uint64_t word = within(words[w], where.n_bits - 64 * w);
      const auto count = static_cast<std::size_t>(__builtin_popcountll(word));
      require(count <= n_values - used, "more bits are set than there are values");
      std::uint8_t* to = row + 64 * w;
      for (; word != 0; word &= word - 1) {
        to[__builtin_ctzll(word)] = values[used++];
      }
    }
  }
  require(used == n_values, "fewer bits are set than there are values");
}

}  // namespace randprop
