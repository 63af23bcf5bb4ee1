// libFuzzer target, differential: up to 4 stages of any kind and an input of any shape give the
// same bits and counts at every SIMD level as the definition, with any kernel and as a sparse
// matrix; the tails of bits are zero, and units are counted as often as they are set.
//
// A file is the chain as random_chain.hpp draws it, then the number of samples, whether they are
// bits, the kernel and the number of threads; what is left is repeated as the input.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <variant>
#include <vector>

#include "fuzz_bytes.hpp"
#include "oracle.hpp"
#include "random_chain.hpp"
#include "randprop/network.hpp"

using namespace randprop;

namespace {

struct Inputs {
  std::vector<std::uint8_t> features;
  BitMatrix bits;
  std::vector<std::int64_t> starts{0};
  std::vector<std::int32_t> columns;
  std::vector<std::uint8_t> values;
  std::size_t n_samples, n_features;

  // Some of the zeros are stored.
  Inputs(const FuzzBytes& bytes, std::size_t rows, std::size_t width)
      : bits(rows, width), n_samples(rows), n_features(width) {
    for (std::size_t i = 0; i < rows * width; ++i) {
      features.push_back(bytes.wrapped(i));
      if ((features[i] & 1U) != 0) {
        bits.set(i / width, i % width);
      }
      if (features[i] != 0 || i % 3 == 0) {
        columns.push_back(static_cast<std::int32_t>(i % width));
        values.push_back(features[i]);
      }
      if ((i + 1) % width == 0) {
        starts.push_back(static_cast<std::int64_t>(values.size()));
      }
    }
  }
  ByteView view() const { return {features.data(), n_samples, n_features}; }
  SparseView sparse() const {
    return {starts.data(), columns.data(), values.data(), values.size(), n_samples, n_features};
  }
};

void demand(bool is_so, const std::string& level, const char* kernel, std::size_t stage) {
  if (!is_so) {
    std::fprintf(stderr, "level %s, kernel '%s', stage %zu: other outputs\n", level.c_str(), kernel,
                 stage);
    std::abort();
  }
}

template <typename View>
void check(const NetworkSpec& spec, const View& x, const std::vector<oracle::Outputs>& expected,
           const RunOptions& options, const std::string& level, const char* kernel) {
  const Network network(spec);
  const auto found = network.propagate(x, 0, spec.stages.size(), Keep::all, options);
  demand(network.count_set(x, 0, options) == expected[0].set, level, kernel, 0);
  for (std::size_t m = 0; m < found.size(); ++m) {
    demand(oracle::n_wrong(found[m], expected[m].rows) == 0, level, kernel, m);
    if (m > 0) {
      const auto set = std::visit(
          [&](const auto& before) { return network.count_set(before.view(), m, options); },
          found[m - 1]);
      demand(set == expected[m].set, level, kernel, m);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzBytes bytes(data, size);
  const NetworkSpec spec = oracle::draw_chain(bytes, 4000);
  // 64 samples are one block of a kernel's.
  const std::size_t n_samples =
      bytes.between(0, 3) == 0 ? bytes.between(60, 70) : bytes.between(1, 9);
  const bool packed = bytes.between(0, 1) == 1;
  const char* const kernel = std::array{"", "popcount", "dot", "lut"}[bytes.between(0, 3)];
  RunOptions options;
  options.n_threads = static_cast<int>(bytes.between(1, 2));
  const Inputs x(bytes, n_samples, spec.n_features);

  const auto expected =
      oracle::chain(spec, packed ? oracle::rows_of(x.bits.view()) : oracle::rows_of(x.view()));
  const bool any_sparse = !packed && std::holds_alternative<Dense>(spec.stages[0].map);
  use_kernel(kernel);
  oracle::at_every_level([&](const std::string& level) {
    if (packed) {
      check(spec, x.bits.view(), expected, options, level, kernel);
    } else {
      check(spec, x.view(), expected, options, level, kernel);
    }
    if (any_sparse) {
      check(spec, x.sparse(), expected, options, level, "sparse");
    }
  });
  return 0;
}
