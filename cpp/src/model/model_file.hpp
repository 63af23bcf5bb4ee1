// The safetensors container of a model file, checked: a description and arrays. What is valid is
// the table in docs/format.md, which Python's reader keeps to as well.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/json.hpp"

namespace randprop {

// An array of the file; the bytes are the caller's.
struct Tensor {
  std::string dtype;  // as safetensors spells it: "U8", "I64", "F64" ...
  std::vector<std::size_t> shape;
  std::size_t first = 0;  // byte of the body
  std::size_t bytes = 0;
  std::size_t size = 0;  // elements
  const std::uint8_t* data = nullptr;

  // Elements of any type of integers below 2^63, or of floating point. Throws ModelError, which
  // says `name`, where they are not; a BOOL must be 0 or 1, a float finite.
  std::vector<std::int64_t> integers(const std::string& name) const;
  std::vector<double> doubles(const std::string& name) const;
  // One element of an unsigned type, bit by bit.
  std::uint64_t bits(std::size_t i) const noexcept;
};

struct ModelFile {
  json::Value description;
  std::map<std::string, Tensor> tensors;  // that nobody has taken yet

  // Takes an array out. Throws ModelError unless it is there, of one of the types and has this
  // shape; an entry of `any` fits all.
  static constexpr std::size_t any = static_cast<std::size_t>(-1);
  Tensor take(const std::string& name, const std::vector<std::size_t>& shape,
              std::initializer_list<std::string_view> dtypes);
  // The same for each unsigned type.
  Tensor take_unsigned(const std::string& name, const std::vector<std::size_t>& shape);
};

// The first 8 bytes of a file of `size` bytes: how many of them the header has. Throws ModelError.
std::size_t header_size(const std::uint8_t* start, std::size_t size);

// What a header says of a body of `body_size` bytes, before a byte of that is read.
class ModelHeader {
 public:
  // Throws ModelError or json::Error.
  ModelHeader(std::string_view text, std::size_t body_size);
  // The file with its arrays. Throws ModelError when the sum is not that of the bytes.
  ModelFile with_body(const std::uint8_t* body) &&;

 private:
  std::string description_;
  std::string sum_;
  ModelFile file_;
};

}  // namespace randprop
