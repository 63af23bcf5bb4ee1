// Just enough JSON to read a model file: RFC 8259 texts of limited depth, checked as they are read.
#pragma once

#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace randprop::json {

class Error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Value {
  enum class Kind { null, boolean, number, string, array, object };

  Kind kind = Kind::null;
  bool boolean = false;
  std::string text;  // of a string, decoded to UTF-8; of a number, as it is spelled
  std::vector<Value> array;
  std::map<std::string, Value> object;

  bool is(Kind wanted) const noexcept { return kind == wanted; }
  // Throws Error, which says `name`, unless this is of the kind.
  const Value& expect(Kind wanted, const char* name) const;
  // The member of an object. Throws Error when this is none or lacks it.
  const Value& at(const std::string& member) const;
  // A number without a fraction or an exponent, of [0, largest].
  std::size_t as_size(const char* name, std::size_t largest) const;
  double as_double(const char* name) const;
};

// The whole of text as one value. Throws Error.
Value parse(std::string_view text);

}  // namespace randprop::json
