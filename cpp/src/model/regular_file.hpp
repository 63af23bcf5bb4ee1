// The bytes of a regular file, on POSIX and on Windows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace randprop {

// The most bytes of a model file.
constexpr std::uint64_t max_file = std::uint64_t{1} << 40;

// A regular file, looked at before it is read: nothing else is opened for longer than to see what
// it is. Throws std::ios_base::failure when it cannot be read, ModelError when it is no regular
// file. On Windows the path is UTF-8.
class RegularFile {
 public:
  explicit RegularFile(const std::string& path);
  ~RegularFile();
  RegularFile(const RegularFile&) = delete;
  RegularFile& operator=(const RegularFile&) = delete;

  std::size_t size() const noexcept { return size_; }
  // The next n bytes. Throws ModelError when there are fewer.
  void read(std::uint8_t* out, std::size_t n);
  // Throws ModelError when there are more bytes than size() said.
  void expect_end();

 private:
  std::size_t read_some(std::uint8_t* out, std::size_t n);

  std::string path_;
  std::intptr_t file_ = -1;  // a descriptor; on Windows a handle
  std::size_t size_ = 0;
};

}  // namespace randprop
