// What a fuzzer's bytes are read as: numbers first, then a pattern that repeats what is left.
#pragma once

#include <cstddef>
#include <cstdint>

class FuzzBytes {
 public:
  FuzzBytes(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  // A number of [low, high]; low where the bytes are used up.
  std::size_t between(std::size_t low, std::size_t high) {
    std::size_t value = 0;
    for (std::size_t range = high - low; range != 0; range >>= 8) {
      value = value << 8 | next();
    }
    return low + value % (high - low + 1);
  }
  std::uint8_t next() { return at_ < size_ ? data_[at_++] : 0; }
  // The input repeats what comes, so that few bytes make a whole image.
  std::uint8_t wrapped(std::size_t i) const {
    return size_ == at_ ? static_cast<std::uint8_t>(37 * i) : data_[at_ + i % (size_ - at_)];
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};
