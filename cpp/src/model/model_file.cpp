#include "model/model_file.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <string_view>

#include "randprop/model.hpp"

namespace randprop {
namespace {

constexpr std::size_t largest_header = 100'000'000;

std::uint64_t little(const std::uint8_t* bytes, std::size_t n) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = n; i-- != 0;) {
    value = value << 8 | bytes[i];
  }
  return value;
}

std::size_t item_size(const std::string& dtype) {
  static const std::map<std::string, std::size_t> sizes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"U16", 2}, {"I16", 2}, {"F16", 2},
      {"U32", 4},  {"I32", 4}, {"F32", 4}, {"U64", 8}, {"I64", 8}, {"F64", 8}};
  const auto found = sizes.find(dtype);
  if (found == sizes.end()) {
    throw ModelError("an array of type " + dtype);
  }
  return found->second;
}

// CRC-32 as zlib computes it.
class Crc32 {
 public:
  void add(const void* data, std::size_t size) noexcept {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    for (std::size_t i = 0; i < size; ++i) {
      state_ ^= bytes[i];
      for (int bit = 0; bit < 8; ++bit) {
        state_ = state_ >> 1 ^ ((state_ & 1U) != 0 ? 0xEDB88320U : 0U);
      }
    }
  }
  std::string hex() const {
    const std::uint32_t sum = ~state_;
    std::string text;
    for (int shift = 28; shift >= 0; shift -= 4) {
      text += "0123456789abcdef"[sum >> shift & 15U];
    }
    return text;
  }

 private:
  std::uint32_t state_ = 0xFFFFFFFFU;
};

Tensor read_tensor(const json::Value& entry, const std::uint8_t* data, std::size_t size) {
  Tensor tensor;
  tensor.dtype = entry.at("dtype").expect(json::Value::Kind::string, "dtype").text;
  const auto& offsets =
      entry.at("data_offsets").expect(json::Value::Kind::array, "data_offsets").array;
  if (offsets.size() != 2) {
    throw ModelError("data_offsets must be two numbers");
  }
  const std::size_t first = offsets[0].as_size("data_offsets", size);
  const std::size_t last = offsets[1].as_size("data_offsets", size);
  tensor.size = 1;
  for (const json::Value& entry_size :
       entry.at("shape").expect(json::Value::Kind::array, "shape").array) {
    tensor.shape.push_back(entry_size.as_size("shape", size));
    // The products stay below the file's size, or the array does not fit it.
    if (tensor.shape.back() != 0 && tensor.size > size / tensor.shape.back()) {
      throw ModelError("an array that is larger than the file");
    }
    tensor.size *= tensor.shape.back();
  }
  if (first > last || last - first != tensor.size * item_size(tensor.dtype)) {
    throw ModelError("an array whose bytes are not those of its shape");
  }
  tensor.data = data + first;
  return tensor;
}

}  // namespace

std::vector<std::int64_t> Tensor::integers(const std::string& name) const {
  const bool is_signed = dtype[0] == 'I';
  if (!is_signed && dtype[0] != 'U' && dtype != "BOOL") {
    throw ModelError(name + " must hold integers, got " + dtype);
  }
  const std::size_t width = item_size(dtype);
  std::vector<std::int64_t> values(size);
  for (std::size_t i = 0; i < size; ++i) {
    std::uint64_t bits = little(data + i * width, width);
    if (is_signed && width < 8 && (bits >> (8 * width - 1)) != 0) {
      bits |= ~std::uint64_t{0} << (8 * width);
    }
    if (!is_signed && (bits >> 63) != 0) {
      throw ModelError(name + " must hold numbers below 2^63");
    }
    values[i] = static_cast<std::int64_t>(bits);
  }
  return values;
}

std::vector<double> Tensor::doubles(const std::string& name) const {
  if (dtype != "F64") {
    throw ModelError(name + " must hold float64 numbers, got " + dtype);
  }
  std::vector<double> values(size);
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint64_t bits = little(data + 8 * i, 8);
    std::memcpy(&values[i], &bits, sizeof bits);
    if (!std::isfinite(values[i])) {
      throw ModelError(name + " must hold finite numbers");
    }
  }
  return values;
}

const Tensor& ModelFile::tensor(const std::string& name,
                                const std::vector<std::size_t>& shape) const {
  const auto found = tensors.find(name);
  if (found == tensors.end()) {
    throw ModelError("no array " + name);
  }
  const Tensor& tensor = found->second;
  bool fits = tensor.shape.size() == shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) {
    fits = shape[i] == any || shape[i] == tensor.shape[i];
  }
  if (!fits) {
    throw ModelError("the array " + name + " has another shape than expected");
  }
  return tensor;
}

ModelFile read_model_file(const std::uint8_t* data, std::size_t size) {
  if (size < 8) {
    throw ModelError("cut short, or no safetensors file");
  }
  const std::uint64_t header_size = little(data, 8);
  if (header_size > largest_header || header_size > size - 8) {
    throw ModelError("cut short, or no safetensors file");
  }
  const std::string_view header_text(
      reinterpret_cast<const char*>(data) + 8,  // NOLINT(*-reinterpret-cast)
      static_cast<std::size_t>(header_size));
  const json::Value header = json::parse(header_text);
  header.expect(json::Value::Kind::object, "the header");
  const std::uint8_t* const body = data + 8 + header_size;
  const std::size_t body_size = size - 8 - static_cast<std::size_t>(header_size);

  ModelFile file;
  std::size_t covered = 0;
  for (const auto& [name, entry] : header.object) {
    if (name != "__metadata__") {
      file.tensors[name] = read_tensor(entry, body, body_size);
      covered += file.tensors[name].size * item_size(file.tensors[name].dtype);
    }
  }
  if (covered != body_size) {
    throw ModelError("cut short, or with bytes that are no array's");
  }
  if (header.object.count("__metadata__") == 0 ||
      header.at("__metadata__").object.count("randprop") == 0) {
    throw ModelError("a safetensors file, but it holds no randprop model");
  }
  const std::string& text =
      header.at("__metadata__").at("randprop").expect(json::Value::Kind::string, "randprop").text;
  const std::size_t space = text.find(' ');
  const std::string description = space == std::string::npos ? "" : text.substr(space + 1);
  file.description = json::parse(description);
  const std::size_t version = file.description.at("version").as_size("version", 1'000'000'000);
  if (version > model_format_version) {
    throw ModelError("version " + std::to_string(version) + " of the format, this library reads " +
                     std::to_string(model_format_version) + ": use a newer one");
  }
  Crc32 sum;
  sum.add(description.data(), description.size());
  for (const auto& [name, tensor] : file.tensors) {  // in the order of their names
    sum.add(tensor.data, tensor.size * item_size(tensor.dtype));
  }
  if (text.substr(0, space) != sum.hex()) {
    throw ModelError("its sum is not the one that was stored");
  }
  return file;
}

}  // namespace randprop
