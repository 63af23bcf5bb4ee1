// Model files that Python wrote: every readout gives Python's labels; damage is found.
#include <doctest/doctest.h>

#if !defined(_WIN32)
#include <sys/stat.h>
#endif

#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "bits/windows.hpp"
#include "model/model_file.hpp"
#include "model/regular_file.hpp"
#include "randprop/model.hpp"

using randprop::ByteView;
using randprop::Model;
using randprop::ModelError;

namespace {

std::string path_of(const std::string& name) {
  return std::string(RANDPROP_TEST_DATA) + "/models/" + name;
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The inputs that the labels were computed from: see tests/test_golden_models.py.
std::vector<std::uint8_t> inputs(std::size_t n_samples, std::size_t n_features) {
  std::vector<std::uint8_t> x;
  for (std::size_t s = 0; s < n_samples; ++s) {
    for (std::size_t k = 0; k < n_features; ++k) {
      x.push_back(static_cast<std::uint8_t>((31 * s + 7 * k + s * k % 13) % 256));
    }
  }
  return x;
}

}  // namespace

TEST_CASE("golden models give Python's labels") {
  std::istringstream lines(bytes_of(path_of("labels.txt")));
  std::size_t n_models = 0;
  for (std::string line; std::getline(lines, line); ++n_models) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    CAPTURE(name);
    const Model model = Model::load(path_of(name + ".safetensors"));
    std::vector<std::string> expected{std::istream_iterator<std::string>(words),
                                      std::istream_iterator<std::string>()};
    REQUIRE(expected.size() == 40);
    const auto x = inputs(expected.size(), model.n_features());
    const std::vector<double> numbers(x.begin(), x.end());
    const auto found = model.predict(numbers.data(), expected.size());
    for (std::size_t s = 0; s < expected.size(); ++s) {
      CHECK(model.labels()[found[s]] == expected[s]);
    }
    if (name != "range" && name != "ranges" && name != "level") {  // others map no bytes
      CHECK(model.predict(ByteView{x.data(), expected.size(), model.n_features()}) == found);
    }
    CHECK_THROWS_AS((void)model.predict(ByteView{x.data(), 1, model.n_features() + 1}),
                    std::invalid_argument);
  }
  CHECK(n_models == 10);
}

TEST_CASE("features are mapped to bytes") {
  const Model model = Model::load(path_of("range.safetensors"));  // [-1, 3]
  const std::array<double, 9> x = {-1.0,
                                   3.0,
                                   1.0,
                                   -9.0,
                                   9.0,
                                   std::nan(""),
                                   0.0,
                                   std::numeric_limits<double>::infinity(),
                                   -std::numeric_limits<double>::infinity()};
  std::array<std::uint8_t, 9> out = {};
  model.to_bytes(x.data(), x.size(), out.data());
  // 127.5 and 63.75: half goes to the even number.
  CHECK(out == std::array<std::uint8_t, 9>{0, 255, 128, 0, 255, 0, 64, 255, 0});
}

TEST_CASE("each feature has its own range") {
  const Model model = Model::load(path_of("ranges.safetensors"));  // [-j / 3, 255 - 7.5 j]
  std::vector<double> x;
  for (const double share : {0.0, 1.0, 0.5, -1.0, 2.0}) {
    for (int j = 0; j < 20; ++j) {
      x.push_back(share * (255 - 7.5 * j) + (1.0 - share) * (-j / 3.0));
    }
  }
  std::vector<std::uint8_t> out(x.size());
  model.to_bytes(x.data(), x.size(), out.data());
  for (std::size_t i = 0; i < 20; ++i) {
    CAPTURE(i);
    CHECK(out[i] == 0);
    CHECK(out[20 + i] == 255);
    CHECK(out[40 + i] >= 127);
    CHECK(out[40 + i] <= 128);
    CHECK(out[60 + i] == 0);
    CHECK(out[80 + i] == 255);
  }
}

TEST_CASE("a model with a level reads bits") {
  const Model model = Model::load(path_of("level.safetensors"));  // 63.5
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::array<double, 7> x = {
      63.5, std::nextafter(63.5, 99.0), 64.0, 0.0, std::nan(""), infinity, -infinity};
  std::array<std::uint8_t, 7> out = {};
  model.to_bytes(x.data(), x.size(), out.data());
  CHECK(out == std::array<std::uint8_t, 7>{0, 1, 1, 0, 0, 1, 0});

  const auto features = inputs(70, 20);
  const std::vector<double> numbers(features.begin(), features.end());
  std::vector<std::uint8_t> bits(features.size());
  model.to_bytes(numbers.data(), numbers.size(), bits.data());
  const auto found = model.predict(ByteView{bits.data(), 70, 20});
  CHECK(found == model.predict(numbers.data(), 70));
  bits[1399] = 2;
  CHECK_THROWS_WITH_AS((void)model.predict(ByteView{bits.data(), 70, 20}),
                       "x must hold only 0 and 1, which this model reads", std::invalid_argument);
  CHECK_THROWS_AS((void)model.predict(ByteView{bits.data(), 1, 19}), std::invalid_argument);
}

TEST_CASE("every cut and every changed byte is found") {
  const std::string good = bytes_of(path_of("centroids.safetensors"));
  CHECK_NOTHROW(Model::parse(good.data(), good.size()));
  const std::size_t header = 8 + static_cast<unsigned char>(good[0]) +
                             256 * static_cast<std::size_t>(static_cast<unsigned char>(good[1]));
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK_THROWS_AS(Model::parse(good.data(), size), ModelError);
    if (size < header) {  // found before a byte of the header is read
      CHECK_THROWS_WITH(Model::parse(good.data(), size),
                        doctest::Contains("cut short, or not a safetensors file"));
    }
  }
  std::size_t harmless = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    try {
      (void)Model::parse(bad.data(), bad.size());
      ++harmless;
    } catch (const ModelError&) {
      continue;
    }
  }
  // Blanks behind the header, which may be other white space, and the like.
  CHECK(harmless < 16);
}

TEST_CASE("an array that ends past the file is found, though the file is as long as all arrays") {
  std::string file =
      R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[1,9]},"__metadata__":{"randprop":""}})";
  const auto size = static_cast<char>(file.size());
  file = std::string{size, 0, 0, 0, 0, 0, 0, 0} + file + std::string(8, 'x');
  std::string message;
  try {
    (void)Model::parse(file.data(), file.size());
  } catch (const ModelError& error) {
    message = error.what();
  }
  CAPTURE(message);
  CHECK(message.find("data_offsets") != std::string::npos);
}

TEST_CASE("other files") {
  CHECK_THROWS_AS(Model::load(path_of("nothing")), std::ios_base::failure);
  CHECK_THROWS_AS(Model::load(path_of("labels.txt")), ModelError);
  CHECK_THROWS_AS(Model::load(path_of("")), ModelError);  // a folder
#if defined(_WIN32)
  const std::string device = "NUL";
#else
  const std::string device = "/dev/zero";
#endif
  CHECK_THROWS_WITH_AS(Model::load(device), (device + ": not a regular file").c_str(), ModelError);
  const std::string empty_header{"\x02\0\0\0\0\0\0\0{}", 10};
  CHECK_THROWS_WITH_AS(Model::parse(empty_header.data(), empty_header.size(), "m"),
                       "m: it is a safetensors file, but holds no randprop model", ModelError);
}

TEST_CASE("a model can be moved") {
  Model first = Model::load(path_of("centroids.safetensors"));
  Model second = std::move(first);
  CHECK(second.labels().size() == 3);
  second = Model::load(path_of("ridge.safetensors"));
  CHECK(second.n_features() == 20);
}

namespace {

// A file of a folder of its own, which goes with it.
class Scratch {
 public:
  Scratch() {
    REQUIRE(std::filesystem::create_directory(folder_));
    path = (folder_ / std::filesystem::u8path("mod\u00e8le")).u8string();
  }
  ~Scratch() { std::filesystem::remove_all(folder_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void write(const std::string& bytes) const {
    std::ofstream(std::filesystem::u8path(path), std::ios::binary | std::ios::trunc) << bytes;
  }
  // By a last byte; truncate of Emscripten knows 32 bits.
  void grow(std::streamoff size) const {
    std::fstream file(std::filesystem::u8path(path),
                      std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(size - 1).put('\0');
    REQUIRE(file.flush());
  }

  std::string path;  // UTF-8

 private:
  std::filesystem::path folder_ = std::filesystem::temp_directory_path() /
                                  ("randprop-" + std::to_string(std::random_device{}()));
};

}  // namespace

TEST_CASE("a FIFO is not waited for") {
#if defined(_WIN32)
  const std::string name = "\\\\.\\pipe\\randprop-" + std::to_string(GetCurrentProcessId());
  const HANDLE pipe =
      CreateNamedPipeA(name.c_str(), PIPE_ACCESS_OUTBOUND, PIPE_TYPE_BYTE, 1, 0, 0, 0, nullptr);
  REQUIRE(pipe != INVALID_HANDLE_VALUE);
  CHECK_THROWS_WITH(Model::load(name), doctest::Contains("not a regular file"));
  CloseHandle(pipe);
#else
  const Scratch scratch;
  REQUIRE(::mkfifo(scratch.path.c_str(), 0600) == 0);
  CHECK_THROWS_AS(Model::load(scratch.path), ModelError);
#endif
}

TEST_CASE("no memory is taken for what the header does not account for") {
  const Scratch scratch;
  scratch.write(bytes_of(path_of("centroids.safetensors")));
  scratch.grow((std::streamoff{1} << 40) - 1);
  const bool wide = sizeof(std::size_t) > 4;
  CHECK_THROWS_WITH(
      Model::load(scratch.path),
      doctest::Contains(wide ? "belong to no array" : "more bytes than this machine"));
  scratch.grow((std::streamoff{1} << 40) + 1);
  CHECK_THROWS_WITH(Model::load(scratch.path), doctest::Contains("more than 2^40 bytes"));
}

TEST_CASE("a file that changes while it is read") {
  const Scratch scratch;
  scratch.write("0123456789");
  std::array<std::uint8_t, 10> bytes = {};
  randprop::RegularFile file(scratch.path);
  CHECK(file.size() == 10);
  file.read(bytes.data(), 4);
  scratch.write("01234");
  CHECK_THROWS_AS(file.read(bytes.data(), 6), ModelError);
  CHECK_NOTHROW(file.expect_end());
  scratch.write("0123456789more");
  CHECK_THROWS_WITH(file.expect_end(), "it grew while it was read");
}

TEST_CASE("sizes that wrap are refused") {
  const Model model = Model::load(path_of("centroids.safetensors"));  // of 20 features
  const double none = 0.0;
  // 20 times this is 16 modulo 2^64.
  CHECK_THROWS_AS((void)model.predict(&none, (~std::size_t{0} / 20) + 1), std::invalid_argument);
}

TEST_CASE("names of features") {
  CHECK(Model::load(path_of("centroids.safetensors")).feature_names().empty());
}
