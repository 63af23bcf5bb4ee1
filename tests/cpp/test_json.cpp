// The JSON reader: what it takes and what it refuses.
#include <doctest/doctest.h>

#include <limits>
#include <locale>
#include <string>

#include "model/json.hpp"

using randprop::json::Error;
using randprop::json::parse;
using Kind = randprop::json::Value::Kind;

TEST_CASE("values of every kind") {
  const auto value =
      parse(R"( {"a": [1, -2.5e3, true, false, null], "b" : {"c": "x"}, "d":[],"e":{}} )");
  CHECK(value.at("a").array().size() == 5);
  CHECK(value.at("a").array()[0].as_size("n", 10) == 1);
  CHECK(value.at("a").array()[1].as_double("n") == -2500.0);
  CHECK(value.at("a").array()[2].boolean);
  CHECK(!value.at("a").array()[3].boolean);
  CHECK(value.at("a").array()[4].is(Kind::null));
  CHECK(value.at("b").at("c").text == "x");
  CHECK(value.at("d").array().empty());
  CHECK_THROWS_AS((void)value.at("z"), Error);
  CHECK_THROWS_AS((void)value.at("a").at("z"), Error);
  CHECK_THROWS_AS((void)value.at("a").as_double("n"), Error);
}

TEST_CASE("strings and their escapes") {
  CHECK(parse(R"("a\"\\\/\b\f\n\r\t")").text == "a\"\\/\b\f\n\r\t");
  CHECK(parse(R"("\u0041\u00e9\u20AC\ud83d\ude00")").text ==
        "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  for (const char* bad : {R"("\x")", R"("\u12g4")", R"("\ud83d")", R"("\ud83dA")", R"("\ude00")",
                          R"("\)", "\"\n\"", R"("abc)", R"("\u12)"}) {
    CHECK_THROWS_AS(parse(bad), Error);
  }
}

TEST_CASE("what is not JSON") {
  for (const char* bad :
       {"",         " ",       "{",        "[",          "[1",    "[1,]",
        "[,1]",     "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\":1,\"a\":2}",
        "tru",      "nul",     "01",       "-",          "1.",    "1e",
        "1e+",      ".5",      "+1",       "1 2",        "[1]]",  "nan",
        "Infinity", "'a'"}) {
    CHECK_THROWS_AS(parse(bad), Error);
  }
}

TEST_CASE("depth is bounded") {
  CHECK_NOTHROW(parse(std::string(30, '[') + std::string(30, ']')));
  CHECK_THROWS_AS(parse(std::string(100000, '[')), Error);
  std::string objects;
  for (int i = 0; i < 100000; ++i) {
    objects += "{\"a\":";
  }
  CHECK_THROWS_AS(parse(objects), Error);
}

TEST_CASE("integers") {
  CHECK(parse("12").as_size("n", 12) == 12);
  CHECK_THROWS_AS((void)parse("13").as_size("n", 12), Error);
  CHECK_THROWS_AS((void)parse("-1").as_size("n", 12), Error);
  CHECK_THROWS_AS((void)parse("1.0").as_size("n", 12), Error);
  CHECK_THROWS_AS((void)parse("99999999999999999999999").as_size("n", ~std::size_t{0}), Error);
  CHECK_THROWS_AS((void)parse("1e999").as_double("n"), Error);
}

TEST_CASE("integers have a least and no sign") {
  CHECK(parse("3").as_size("n", 9, 3) == 3);
  CHECK_THROWS_WITH_AS((void)parse("2").as_size("n", 9, 3), "n must be an integer in [3, 9], got 2",
                       Error);
  CHECK_THROWS_AS((void)parse("-0").as_size("n", 9), Error);
  CHECK_THROWS_AS((void)parse("1e0").as_size("n", 9), Error);
  const std::string digits(100'000, '7');
  try {
    (void)parse(digits).as_size("n", 9);
  } catch (const Error& error) {
    CHECK(std::string(error.what()).size() < 100);
  }
}

TEST_CASE("numbers are read alike under every locale of C++") {
  struct Comma : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Comma));
  const auto number = [](const char* text) { return parse(text).as_double("n"); };
  CHECK(number("0.5") == 0.5);
  CHECK(number("-0.1000000000000000055511151231257827021181583404541015625") == -0.1);
  CHECK(number("1234567.5") == 1234567.5);
  CHECK(number("1E+2") == 100.0);
  CHECK(number("9007199254740993") == 9007199254740992.0);  // half to even
  CHECK(number("1.7976931348623157e308") == std::numeric_limits<double>::max());
  CHECK(number("5e-324") == std::numeric_limits<double>::denorm_min());
  CHECK(number("2.2250738585072011e-308") == 2.2250738585072011e-308);
  CHECK(number("1e-400") == 0.0);
  CHECK(number("-0") == 0.0);
  CHECK_THROWS_AS((void)number("1e309"), Error);
  CHECK_THROWS_AS((void)number("-1.8e308"), Error);
  CHECK_THROWS_AS((void)number("1e99999999999999999999"), Error);
  std::locale::global(before);
}

TEST_CASE("only UTF-8") {
  for (const char* good :
       {"\"\x7f\"", "\"\xc2\x80\"", "\"\xdf\xbf\"", "\"\xe0\xa0\x80\"", "\"\xed\x9f\xbf\"",
        "\"\xee\x80\x80\"", "\"\xef\xbf\xbf\"", "\"\xf0\x90\x80\x80\"", "\"\xf4\x8f\xbf\xbf\""}) {
    CHECK_NOTHROW(parse(good));
  }
  for (const char* bad : {"\"\x80\"", "\"\xbf\"", "\"\xc0\x80\"", "\"\xc1\xbf\"", "\"\xc2\"",
                          "\"\xc2\x41\"", "\"\xe0\x9f\xbf\"", "\"\xe2\x82\"", "\"\xed\xa0\x80\"",
                          "\"\xf0\x8f\xbf\xbf\"", "\"\xf4\x90\x80\x80\"", "\"\xf5\x80\x80\x80\"",
                          "\"\xff\"", "\"\xf0\x9f\x98\"", "\xef\xbb\xbf{}"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parse(bad), Error);
  }
}

TEST_CASE("members that are not known") {
  const auto value = parse(R"({"a": 1, "b": 2})");
  CHECK_NOTHROW(value.only("it", {"a", "b", "c"}));
  CHECK_THROWS_WITH_AS(value.only("it", {"a"}), "it has the unknown member b", Error);
  CHECK_THROWS_AS(parse("[]").only("it", {"a"}), Error);
}
