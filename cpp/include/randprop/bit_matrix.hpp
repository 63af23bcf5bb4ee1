// Features as packed bits, the one layout that every part of randprop shares, and as bytes.
//
// A row is a run of uint64 words, bit j of the row being bit j % 64 of word j / 64. Bits past
// n_bits in the last word are always zero; every producer keeps that promise and every kernel
// relies on it. Rows follow each other without gaps, storage is aligned to 64 bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <variant>

// Words are read as bytes and bytes as words.
#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "randprop needs a little-endian machine: on others its labels would be wrong"
#endif

namespace randprop {

// For any number: n_bits + 63 could wrap.
constexpr std::size_t words_for_bits(std::size_t n_bits) noexcept {
  return n_bits / 64 + (n_bits % 64 != 0 ? 1 : 0);
}

// What a stage or a readout reads.
enum class Features { bits, bytes };

// Read-only view of packed rows; owns nothing.
struct BitView {
  const std::uint64_t* words = nullptr;
  std::size_t n_samples = 0;
  std::size_t n_bits = 0;

  std::size_t n_words() const noexcept { return words_for_bits(n_bits); }
  const std::uint64_t* row(std::size_t sample) const noexcept { return words + sample * n_words(); }
};

// Read-only view of unsigned 8-bit features, rows without gaps.
struct ByteView {
  const std::uint8_t* data = nullptr;
  std::size_t n_samples = 0;
  std::size_t n_features = 0;

  const std::uint8_t* row(std::size_t sample) const noexcept { return data + sample * n_features; }
};

// Read-only view of unsigned 8-bit features that are mostly zero. Of sample s those that are not
// are values[k], and their numbers columns[k], rising, for k in [starts[s], starts[s + 1]).
struct SparseView {
  const std::int64_t* starts = nullptr;  // n_samples + 1
  std::variant<const std::int32_t*, const std::int64_t*> columns;
  const std::uint8_t* values = nullptr;
  std::size_t n_stored = 0;  // columns, and values
  std::size_t n_samples = 0;
  std::size_t n_features = 0;
};

// Writes bytes of which most are zero, n_samples rows of n_bits without gaps: where a bit is set
// the next of the values, elsewhere 0. Throws std::invalid_argument, with some rows written, unless
// there are as many values as bits set.
void place_values(const BitView& where, const std::uint8_t* values, std::size_t n_values,
                  std::uint8_t* out);

// Array of T aligned to 64 bytes, left uninitialised by the constructor.
template <typename T>
class AlignedArray {
 public:
  AlignedArray() = default;
  // Throws std::bad_alloc when the memory is not there or size * sizeof(T) overflows.
  explicit AlignedArray(std::size_t size);

  T* data() noexcept { return data_.get(); }
  const T* data() const noexcept { return data_.get(); }
  std::size_t size() const noexcept { return size_; }
  std::size_t bytes() const noexcept { return size_ * sizeof(T); }
  bool empty() const noexcept { return size_ == 0; }
  T& operator[](std::size_t i) noexcept { return data_.get()[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_.get()[i]; }
  void fill_zero() noexcept;

 private:
  struct Free {
    void operator()(T* pointer) const noexcept;
  };
  std::unique_ptr<T, Free> data_;
  std::size_t size_ = 0;
};

extern template class AlignedArray<std::uint8_t>;
extern template class AlignedArray<std::int8_t>;
extern template class AlignedArray<std::int32_t>;
extern template class AlignedArray<std::int64_t>;
extern template class AlignedArray<std::uint64_t>;

// Owner of packed rows.
class BitMatrix {
 public:
  BitMatrix() = default;
  // All bits zero.
  BitMatrix(std::size_t n_samples, std::size_t n_bits);
  // Contents undefined: only for a caller that writes every word.
  static BitMatrix uninitialized(std::size_t n_samples, std::size_t n_bits);

  std::size_t n_samples() const noexcept { return n_samples_; }
  std::size_t n_bits() const noexcept { return n_bits_; }
  std::size_t n_words() const noexcept { return words_for_bits(n_bits_); }
  std::uint64_t* row(std::size_t sample) noexcept { return words_.data() + sample * n_words(); }
  const std::uint64_t* row(std::size_t sample) const noexcept {
    return words_.data() + sample * n_words();
  }
  bool get(std::size_t sample, std::size_t bit) const noexcept {
    return (row(sample)[bit / 64] >> (bit % 64)) & 1U;
  }
  void set(std::size_t sample, std::size_t bit) noexcept {
    row(sample)[bit / 64] |= std::uint64_t{1} << (bit % 64);
  }
  BitView view() const noexcept { return {words_.data(), n_samples_, n_bits_}; }
  // Contents undefined afterwards; the storage moves to the caller.
  AlignedArray<std::uint64_t> release() noexcept { return std::move(words_); }

 private:
  std::size_t n_samples_ = 0;
  std::size_t n_bits_ = 0;
  AlignedArray<std::uint64_t> words_;
};

// Owner of rows of unsigned 8-bit features.
class ByteMatrix {
 public:
  ByteMatrix() = default;
  // Contents undefined: only for a caller that writes every byte.
  ByteMatrix(std::size_t n_samples, std::size_t n_features);

  std::size_t n_samples() const noexcept { return n_samples_; }
  std::size_t n_features() const noexcept { return n_features_; }
  std::uint8_t* row(std::size_t sample) noexcept { return bytes_.data() + sample * n_features_; }
  const std::uint8_t* row(std::size_t sample) const noexcept {
    return bytes_.data() + sample * n_features_;
  }
  ByteView view() const noexcept { return {bytes_.data(), n_samples_, n_features_}; }
  // Contents undefined afterwards; the storage moves to the caller.
  AlignedArray<std::uint8_t> release() noexcept { return std::move(bytes_); }

 private:
  std::size_t n_samples_ = 0;
  std::size_t n_features_ = 0;
  AlignedArray<std::uint8_t> bytes_;
};

// What a stage puts out.
using FeatureMatrix = std::variant<BitMatrix, ByteMatrix>;

struct RunOptions;  // of threads.hpp

// Bit i of a row: whether its feature i is above the level.
BitMatrix bits_above(ByteView x, std::uint8_t level, const RunOptions& options);
// counts[i] += the rows whose feature i is not first[i].
void count_changed(ByteView x, const std::uint8_t* first, std::int64_t* counts,
                   const RunOptions& options);

}  // namespace randprop
