#include "model/json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <locale>
#include <sstream>

namespace randprop::json {
namespace {

constexpr int max_depth = 32;

// A number as an error shows it: a file may spell one of millions of digits.
std::string shown(const std::string& text) {
  return text.size() <= 40 ? text : text.substr(0, 40) + "...";
}

// Bytes of the UTF-8 sequence that text begins with; 0 where it is none of RFC 3629: cut short,
// longer than need be, half of a surrogate pair, or beyond U+10FFFF.
std::size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) {
    return 1;
  }
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  unsigned low = 0x80;
  unsigned high = 0xBF;
  if (lead < 0xC2 || lead > 0xF4) {
    return 0;
  }
  if (lead == 0xE0) {
    low = 0xA0;
  } else if (lead == 0xED) {
    high = 0x9F;
  } else if (lead == 0xF0) {
    low = 0x90;
  } else if (lead == 0xF4) {
    high = 0x8F;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (byte(i) < low || byte(i) > high) {
      return 0;
    }
    low = 0x80;
    high = 0xBF;
  }
  return length;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Value whole() {
    for (; !done(); at_ += utf8_length(text_.substr(at_))) {
      if (utf8_length(text_.substr(at_)) == 0) {
        fail("not UTF-8");
      }
    }
    at_ = 0;
    Value value = next(0);
    skip_space();
    if (at_ != text_.size()) {
      fail("text after the end of the value");
    }
    return value;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw Error("JSON, byte " + std::to_string(at_) + ": " + what);
  }
  bool done() const noexcept { return at_ == text_.size(); }
  char peek() const noexcept { return done() ? '\0' : text_[at_]; }
  void skip_space() noexcept {
    while (!done() && (peek() == ' ' || peek() == '\n' || peek() == '\r' || peek() == '\t')) {
      ++at_;
    }
  }
  void take(char wanted) {
    if (done() || peek() != wanted) {
      fail("an unexpected character");
    }
    ++at_;
  }
  bool take_if(char wanted) noexcept {
    skip_space();
    if (done() || peek() != wanted) {
      return false;
    }
    ++at_;
    return true;
  }
  void word(std::string_view wanted) {
    if (text_.substr(at_, wanted.size()) != wanted) {
      fail("no value");
    }
    at_ += wanted.size();
  }

  // The depth is bounded, so that no text can exhaust the stack.
  Value next(int depth) {  // NOLINT(misc-no-recursion)
    if (depth > max_depth) {
      fail("nested too deeply");
    }
    skip_space();
    Value value;
    switch (peek()) {
      case '{':
        ++at_;
        value.kind = Value::Kind::object;
        members(value, depth);
        break;
      case '[':
        ++at_;
        value.kind = Value::Kind::array;
        if (!take_if(']')) {
          do {
            value.add(next(depth + 1));
          } while (take_if(','));
          take(']');
        }
        break;
      case '"':
        value.kind = Value::Kind::string;
        value.text = string();
        break;
      case 't':
        word("true");
        value.kind = Value::Kind::boolean;
        value.boolean = true;
        break;
      case 'f':
        word("false");
        value.kind = Value::Kind::boolean;
        break;
      case 'n':
        word("null");
        break;
      default:
        value.kind = Value::Kind::number;
        value.text = number();
    }
    return value;
  }

  void members(Value& value, int depth) {  // NOLINT(misc-no-recursion)
    if (take_if('}')) {
      return;
    }
    do {
      skip_space();
      std::string name = string();
      skip_space();
      take(':');
      if (!value.add(std::move(name), next(depth + 1))) {
        fail("an object has a name twice");
      }
    } while (take_if(','));
    take('}');
  }

  bool digits() noexcept {
    const std::size_t before = at_;
    while (peek() >= '0' && peek() <= '9') {
      ++at_;
    }
    return at_ != before;
  }

  std::string number() {
    const std::size_t start = at_;
    if (peek() == '-') {
      ++at_;
    }
    const bool zero = peek() == '0';
    const std::size_t first = at_;
    if (!digits() || (zero && at_ != first + 1)) {
      fail("no value");
    }
    if (peek() == '.') {
      ++at_;
      if (!digits()) {
        fail("a number without digits");
      }
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') {
        ++at_;
      }
      if (!digits()) {
        fail("a number without digits");
      }
    }
    return std::string(text_.substr(start, at_ - start));
  }

  std::uint32_t hex4() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = peek();
      std::uint32_t digit = 0;
      if (c >= '0' && c <= '9') {
        digit = static_cast<std::uint32_t>(c - '0');
      } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
        digit = static_cast<std::uint32_t>((c | 0x20) - 'a') + 10;
      } else {
        fail("a bad escape");
      }
      value = value << 4 | digit;
      ++at_;
    }
    return value;
  }

  void escape(std::string& out) {
    const char c = peek();
    ++at_;
    switch (c) {
      case '"':
      case '\\':
      case '/':
        out += c;
        return;
      case 'b':
        out += '\b';
        return;
      case 'f':
        out += '\f';
        return;
      case 'n':
        out += '\n';
        return;
      case 'r':
        out += '\r';
        return;
      case 't':
        out += '\t';
        return;
      case 'u':
        break;
      default:
        fail("a bad escape");
    }
    std::uint32_t code = hex4();
    if (code >= 0xD800 && code < 0xDC00) {
      take('\\');
      take('u');
      const std::uint32_t low = hex4();
      if (low < 0xDC00 || low > 0xDFFF) {
        fail("half a surrogate pair");
      }
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
      fail("half a surrogate pair");
    }
    append_utf8(out, code);
  }

  static void append_utf8(std::string& out, std::uint32_t code) {
    const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xC0 | code >> 6);
      put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      put(0xE0 | code >> 12);
      put(0x80 | (code >> 6 & 0x3F));
      put(0x80 | (code & 0x3F));
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
      put(0x80 | (code >> 6 & 0x3F));
      put(0x80 | (code & 0x3F));
    }
  }

  std::string string() {
    take('"');
    std::string out;
    while (!done() && peek() != '"') {
      const char c = text_[at_++];
      if (static_cast<unsigned char>(c) < 0x20) {
        fail("a control character in a string");
      }
      if (c == '\\') {
        if (done()) {
          fail("a bad escape");
        }
        escape(out);
      } else {
        out += c;
      }
    }
    take('"');
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

struct Value::Nested {
  std::vector<Value> array;
  std::map<std::string, Value> object;
};

void Value::Free::operator()(Nested* nested) const noexcept { delete nested; }

Value::Nested& Value::nested() {
  if (!nested_) {
    nested_.reset(new Nested);
  }
  return *nested_;
}

const std::vector<Value>& Value::array() const noexcept {
  static const std::vector<Value> none;
  return nested_ ? nested_->array : none;
}

const std::map<std::string, Value>& Value::object() const noexcept {
  static const std::map<std::string, Value> none;
  return nested_ ? nested_->object : none;
}

void Value::add(Value value) { nested().array.push_back(std::move(value)); }

bool Value::add(std::string name, Value value) {
  return nested().object.emplace(std::move(name), std::move(value)).second;
}

namespace {

const char* named(Value::Kind kind) noexcept {
  switch (kind) {
    case Value::Kind::null:
      return "null";
    case Value::Kind::boolean:
      return "a boolean";
    case Value::Kind::number:
      return "a number";
    case Value::Kind::string:
      return "a string";
    case Value::Kind::array:
      return "an array";
    case Value::Kind::object:
      break;
  }
  return "an object";
}

}  // namespace

const Value& Value::expect(Kind wanted, const char* name) const {
  if (kind != wanted) {
    throw Error(std::string(name) + " must be " + named(wanted) + ", got " + named(kind));
  }
  return *this;
}

const Value& Value::at(const std::string& member) const {
  const auto found = object().find(member);
  if (found == object().end()) {
    throw Error(member + " is missing");
  }
  return found->second;
}

void Value::only(const char* name, std::initializer_list<std::string_view> members) const {
  for (const auto& [member, value] : expect(Kind::object, name).object()) {
    if (std::find(members.begin(), members.end(), member) == members.end()) {
      throw Error(std::string(name) + " has the unknown member " + shown(member));
    }
  }
}

std::size_t Value::as_size(const char* name, std::size_t largest, std::size_t least) const {
  expect(Kind::number, name);
  std::size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || number < least || number > largest) {
    throw Error(std::string(name) + " must be an integer in [" + std::to_string(least) + ", " +
                std::to_string(largest) + "], got " + shown(text));
  }
  return number;
}

double Value::as_double(const char* name) const {
  expect(Kind::number, name);
  // A stream of the classic locale, which std::strtod does not keep to: under a locale with a
  // decimal comma it reads 0.5 as 0. std::from_chars for double is not in every standard library.
  std::istringstream stream(text);
  stream.imbue(std::locale::classic());
  double number = 0.0;
  stream >> number;
  // Too large is a failure that leaves the largest number; too small is 0, or not quite.
  if (!std::isfinite(number) || (stream.fail() && std::abs(number) >= 1.0)) {
    throw Error(std::string(name) + " must be finite, got " + shown(text));
  }
  return number;
}

Value parse(std::string_view text) { return Parser(text).whole(); }

}  // namespace randprop::json
