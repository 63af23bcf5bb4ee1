// The safetensors container of a model file, checked: a description and arrays. See docs/format.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/json.hpp"

namespace randprop {

// An array of the file; the bytes are the caller's.
struct Tensor {
  std::string dtype;  // as safetensors spells it: "U8", "I64", "F64" ...
  std::vector<std::size_t> shape;
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;  // elements

  // Elements as integers or doubles. Throws ModelError, which says `name`, where the type is
  // another kind of number, or an unsigned one does not fit.
  std::vector<std::int64_t> integers(const std::string& name) const;
  std::vector<double> doubles(const std::string& name) const;
};

struct ModelFile {
  json::Value description;
  std::map<std::string, Tensor> tensors;

  // Throws ModelError unless the array is there and has this shape; an entry of `any` fits all.
  static constexpr std::size_t any = static_cast<std::size_t>(-1);
  const Tensor& tensor(const std::string& name, const std::vector<std::size_t>& shape) const;
};

// Throws ModelError or json::Error.
ModelFile read_model_file(const std::uint8_t* data, std::size_t size);

}  // namespace randprop
