// Just enough JSON to read a model file: RFC 8259 texts in UTF-8 of limited depth, checked as they
// are read; names of an object differ, and escapes spell whole surrogate pairs.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace randprop::json {

class Error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Value {
 public:
  enum class Kind : unsigned char { null, boolean, number, string, array, object };

  // Small, since a hostile text is all values: 2 bytes of it make one.
  Kind kind = Kind::null;
  bool boolean = false;
  std::string text;  // of a string, decoded to UTF-8; of a number, as it is spelled

  // Of what is no array, or no object: none.
  const std::vector<Value>& array() const noexcept;
  const std::map<std::string, Value>& object() const noexcept;
  bool is(Kind wanted) const noexcept { return kind == wanted; }
  // Throws Error, which says `name`, unless this is of the kind.
  const Value& expect(Kind wanted, const char* name) const;
  // The member of an object. Throws Error when this is none or lacks it.
  const Value& at(const std::string& member) const;
  // Throws Error, which says `name`, when this is no object or has other members than these.
  void only(const char* name, std::initializer_list<std::string_view> members) const;
  // A number without a fraction, an exponent or a sign, of [least, largest].
  std::size_t as_size(const char* name, std::size_t largest, std::size_t least = 0) const;
  // A finite number, the double nearest to it, whatever the locale of the program.
  double as_double(const char* name) const;

  // For the parser.
  void add(Value value);
  // False where there is a member of this name already.
  bool add(std::string name, Value value);

 private:
  struct Nested;
  struct Free {
    void operator()(Nested* nested) const noexcept;
  };
  Nested& nested();

  std::unique_ptr<Nested, Free> nested_;
};

// The whole of text as one value. Throws Error.
Value parse(std::string_view text);

}  // namespace randprop::json
