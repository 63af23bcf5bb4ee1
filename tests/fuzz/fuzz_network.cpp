// libFuzzer target, differential: a network and an input of any shape give the same bits at every
// SIMD level, with every kernel and as a sparse matrix, as the definition, and their tails are
// zero.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "fuzz_bytes.hpp"
#include "oracle.hpp"
#include "randprop/network.hpp"

using namespace randprop;

namespace {

[[noreturn]] void differs(const std::string& level, const char* kernel, std::size_t matrix) {
  std::fprintf(stderr, "level %s, kernel '%s', matrix %zu: other bits\n", level.c_str(), kernel,
               matrix);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzBytes bytes(data, size);
  NetworkSpec spec;
  constexpr unsigned weight_bits[] = {1, 2, 4, 8, 24};
  const unsigned stage_bits = weight_bits[bytes.between(0, 4)];
  spec.activation = bytes.between(0, 1) == 0 ? Activation::step : Activation::sign;
  spec.n_features = bytes.between(1, 200);
  for (std::size_t m = bytes.between(1, 3); m != 0; --m) {
    spec.stages.push_back({Dense{bytes.between(1, 150)}, stage_bits});
  }
  for (int i = 0; i < 8; ++i) {
    spec.seed = spec.seed << 8 | bytes.next();
  }
  const std::size_t n_samples = bytes.between(1, 70);
  const bool packed = bytes.between(0, 1) == 1;
  RunOptions options;
  options.n_threads = static_cast<int>(bytes.between(1, 2));

  std::vector<std::uint8_t> features(n_samples * spec.n_features);
  BitMatrix bits(n_samples, spec.n_features);
  std::vector<std::vector<std::int64_t>> x(n_samples);
  for (std::size_t s = 0; s < n_samples; ++s) {
    for (std::size_t k = 0; k < spec.n_features; ++k) {
      const std::size_t i = s * spec.n_features + k;
      features[i] = bytes.wrapped(i);
      if ((features[i] & 1U) != 0) {
        bits.set(s, k);
      }
      x[s].push_back(packed ? features[i] & 1 : features[i]);
    }
  }
  std::vector<std::vector<std::vector<bool>>> expected;
  for (std::size_t m = 0; m < spec.stages.size(); ++m) {
    expected.push_back(oracle::layer(spec, m, x));
    for (std::size_t s = 0; s < n_samples; ++s) {
      x[s].clear();
      for (const bool bit : expected[m][s]) {
        x[s].push_back(bit ? 1 : spec.activation == Activation::sign ? -1 : 0);
      }
    }
  }
  std::vector<std::int64_t> starts{0};
  std::vector<std::int32_t> columns;
  std::vector<std::uint8_t> values;
  for (std::size_t i = 0; i < features.size(); ++i) {
    if (features[i] != 0 || i % 3 == 0) {
      columns.push_back(static_cast<std::int32_t>(i % spec.n_features));
      values.push_back(features[i]);
    }
    if ((i + 1) % spec.n_features == 0) {
      starts.push_back(static_cast<std::int64_t>(values.size()));
    }
  }
  const SparseView rows{starts.data(), columns.data(), values.data(),
                        values.size(), n_samples,      spec.n_features};
  oracle::at_every_level([&](const std::string& level) {
    for (const char* kernel : {"popcount", "dot", "lut", "sparse"}) {
      const bool sparse = std::string(kernel) == "sparse";
      if (sparse && packed) {
        continue;
      }
      use_kernel(sparse ? "" : kernel);
      const Network network(spec);
      const std::size_t last = spec.stages.size();
      const std::vector<BitMatrix> found = oracle::bits_of(
          packed   ? network.propagate(bits.view(), 0, last, Keep::all, options)
          : sparse ? network.propagate(rows, 0, last, Keep::all, options)
                   : network.propagate(ByteView{features.data(), n_samples, spec.n_features}, 0,
                                       last, Keep::all, options));
      for (std::size_t m = 0; m < last; ++m) {
        if (!oracle::tail_is_zero(found[m])) {
          differs(level, kernel, m);
        }
        for (std::size_t s = 0; s < n_samples; ++s) {
          for (std::size_t unit = 0; unit < expected[m][s].size(); ++unit) {
            if (found[m].get(s, unit) != expected[m][s][unit]) {
              differs(level, kernel, m);
            }
          }
        }
      }
    }
  });
  return 0;
}
