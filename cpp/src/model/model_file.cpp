#include "model/model_file.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "bits/sizes.hpp"
#include "model/regular_file.hpp"
#include "randprop/model.hpp"

namespace randprop {
namespace {

using Kind = json::Value::Kind;

constexpr std::size_t max_header = 100'000'000;

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
    throw ModelError("an array has an unknown type");
  }
  return found->second;
}

// IEEE 754 of 2, 4 or 8 bytes; every one is a double.
double number_of(std::uint64_t bits, std::size_t width) {
  if (width == 8) {
    double value = 0.0;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  if (width == 4) {
    const auto half = static_cast<std::uint32_t>(bits);
    float value = 0.0F;
    std::memcpy(&value, &half, sizeof value);
    return static_cast<double>(value);
  }
  const auto exponent = static_cast<int>(bits >> 10 & 31U);
  const auto fraction = static_cast<double>(bits & 1023U);
  double value = exponent == 31  ? std::numeric_limits<double>::infinity()
                 : exponent == 0 ? std::ldexp(fraction, -24)
                                 : std::ldexp(1024.0 + fraction, exponent - 25);
  return (bits >> 15 & 1U) != 0 ? -value : value;
}

// CRC-32 as zlib computes it.
class Crc32 {
 public:
  void add(const void* data, std::size_t size) noexcept {
    static const std::array<std::uint32_t, 256> table = [] {
      std::array<std::uint32_t, 256> made = {};
      for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t state = byte;
        for (int bit = 0; bit < 8; ++bit) {
          state = state >> 1 ^ ((state & 1U) != 0 ? 0xEDB88320U : 0U);
        }
        made[byte] = state;
      }
      return made;
    }();
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    for (std::size_t i = 0; i < size; ++i) {
      state_ = state_ >> 8 ^ table[(state_ ^ bytes[i]) & 255U];
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

Tensor read_tensor(const json::Value& entry, std::size_t body_size) {
  entry.only("the entry of an array", {"dtype", "shape", "data_offsets"});
  Tensor tensor;
  tensor.dtype = entry.at("dtype").expect(Kind::string, "dtype").text;
  const auto& offsets = entry.at("data_offsets").expect(Kind::array, "data_offsets").array();
  if (offsets.size() != 2) {
    throw ModelError("data_offsets must be two numbers");
  }
  tensor.first = offsets[0].as_size("data_offsets", body_size);
  tensor.bytes = offsets[1].as_size("data_offsets", body_size, tensor.first) - tensor.first;
  tensor.size = 1;
  for (const json::Value& length : entry.at("shape").expect(Kind::array, "shape").array()) {
    tensor.shape.push_back(length.as_size("shape", body_size));
    tensor.size = checked_product("the shape of an array", tensor.size, tensor.shape.back());
  }
  if (tensor.bytes !=
      checked_product("the shape of an array", tensor.size, item_size(tensor.dtype))) {
    throw ModelError("the number of bytes of an array does not fit its shape");
  }
  return tensor;
}

// Each byte of the body must be of one array.
void check_cover(const std::map<std::string, Tensor>& tensors, std::size_t body_size) {
  std::vector<std::pair<std::size_t, std::size_t>> spans;
  spans.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) {
    spans.emplace_back(tensor.first, tensor.first + tensor.bytes);
  }
  std::sort(spans.begin(), spans.end());
  std::size_t end = 0;
  for (const auto& [first, last] : spans) {
    if (first != end) {
      throw ModelError("arrays overlap, or some bytes belong to no array");
    }
    end = last;
  }
  if (end != body_size) {
    throw ModelError("the file is cut short, or some bytes belong to no array");
  }
}

}  // namespace

std::uint64_t Tensor::bits(std::size_t i) const noexcept {
  const std::size_t width = bytes / size;
  return little(data + i * width, width);
}

std::vector<std::int64_t> Tensor::integers(const std::string& name) const {
  const bool is_signed = dtype[0] == 'I';
  const std::size_t width = item_size(dtype);
  std::vector<std::int64_t> values(size);
  for (std::size_t i = 0; i < size; ++i) {
    std::uint64_t value = bits(i);
    if (is_signed && width < 8 && (value >> (8 * width - 1)) != 0) {
      value |= ~std::uint64_t{0} << (8 * width);
    }
    if (!is_signed && (value >> 63) != 0) {
      throw ModelError(name + " must hold numbers below 2^63");
    }
    if (dtype == "BOOL" && value > 1) {
      throw ModelError(name + " must hold only bytes of 0 and 1");
    }
    values[i] = static_cast<std::int64_t>(value);
  }
  return values;
}

std::vector<double> Tensor::doubles(const std::string& name) const {
  std::vector<double> values(size);
  for (std::size_t i = 0; i < size; ++i) {
    values[i] = number_of(bits(i), bytes / size);
    if (!std::isfinite(values[i])) {
      throw ModelError(name + " must hold finite numbers");
    }
  }
  return values;
}

Tensor ModelFile::take(const std::string& name, const std::vector<std::size_t>& shape,
                       std::initializer_list<std::string_view> dtypes) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) {
    throw ModelError("array " + name + " is missing");
  }
  Tensor tensor = std::move(found->second);
  tensors.erase(found);
  bool fits = tensor.shape.size() == shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) {
    fits = shape[i] == any || shape[i] == tensor.shape[i];
  }
  if (!fits || tensor.size == 0) {
    throw ModelError("array " + name + " has a shape that does not fit the model");
  }
  if (std::find(dtypes.begin(), dtypes.end(), tensor.dtype) == dtypes.end()) {
    throw ModelError("array " + name + " has type " + tensor.dtype +
                     ", which does not fit the model");
  }
  return tensor;
}

Tensor ModelFile::take_unsigned(const std::string& name, const std::vector<std::size_t>& shape) {
  return take(name, shape, {"U8", "U16", "U32", "U64"});
}

std::size_t header_size(const std::uint8_t* start, std::size_t size) {
  if (size < 8 || std::uint64_t{size} > max_file ||
      little(start, 8) > std::min(max_header, size - 8)) {
    throw ModelError("the file is cut short, or not a safetensors file");
  }
  return static_cast<std::size_t>(little(start, 8));
}

ModelHeader::ModelHeader(std::string_view text, std::size_t body_size) {
  if (text.empty() || text.front() != '{') {
    throw ModelError("not a safetensors file: its header is not a JSON object");
  }
  const json::Value header = json::parse(text);
  if (header.object().count("__metadata__") == 0 ||
      header.at("__metadata__").object().count("randprop") == 0) {
    throw ModelError("it is a safetensors file, but holds no randprop model");
  }
  header.at("__metadata__").only("__metadata__", {"randprop"});
  for (const auto& [name, entry] : header.object()) {
    if (name != "__metadata__") {
      file_.tensors[name] = read_tensor(entry, body_size);
    }
  }
  check_cover(file_.tensors, body_size);
  const std::string& stored =
      header.at("__metadata__").at("randprop").expect(Kind::string, "randprop").text;
  const std::size_t space = std::min(stored.find(' '), stored.size());
  sum_ = stored.substr(0, space);
  description_ = stored.substr(std::min(space + 1, stored.size()));
  file_.description = json::parse(description_);
  const std::size_t version = file_.description.at("version").as_size("version", 1'000'000'000, 1);
  if (version > model_format_version) {
    throw ModelError("the file has version " + std::to_string(version) +
                     " of the format, and this library reads version " +
                     std::to_string(model_format_version) + ": use a newer library");
  }
}

ModelFile ModelHeader::with_body(const std::uint8_t* body) && {
  Crc32 sum;
  sum.add(description_.data(), description_.size());
  for (auto& [name, tensor] : file_.tensors) {  // in the order of their names
    tensor.data = body + tensor.first;
    sum.add(tensor.data, tensor.bytes);
  }
  if (sum_ != sum.hex()) {
    throw ModelError("its checksum does not match its content");
  }
  return std::move(file_);
}

}  // namespace randprop
