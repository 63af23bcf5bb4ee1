// The JSON reader: what it takes and what it refuses.
#include <doctest/doctest.h>

#include <string>

#include "model/json.hpp"

using randprop::json::Error;
using randprop::json::parse;
using Kind = randprop::json::Value::Kind;

TEST_CASE("values of every kind") {
  const auto value =
      parse(R"( {"a": [1, -2.5e3, true, false, null], "b" : {"c": "x"}, "d":[],"e":{}} )");
  CHECK(value.at("a").array.size() == 5);
  CHECK(value.at("a").array[0].as_size("n", 10) == 1);
  CHECK(value.at("a").array[1].as_double("n") == -2500.0);
  CHECK(value.at("a").array[2].boolean);
  CHECK(!value.at("a").array[3].boolean);
  CHECK(value.at("a").array[4].is(Kind::null));
  CHECK(value.at("b").at("c").text == "x");
  CHECK(value.at("d").array.empty());
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
