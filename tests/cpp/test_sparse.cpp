// Features that are mostly zero: the same bits as for the same rows made dense.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "oracle.hpp"
#include "randprop/network.hpp"

using namespace randprop;

namespace {

// The stored features of rows; some of them zeros that are stored, some rows empty.
struct Sparse {
  std::vector<std::int64_t> starts{0};
  std::vector<std::int32_t> columns;
  std::vector<std::int64_t> wide_columns;
  std::vector<std::uint8_t> values;
  std::vector<std::uint8_t> dense;
  std::size_t n_samples, n_features;

  Sparse(std::mt19937_64& random, std::size_t rows, std::size_t width, std::size_t one_in)
      : dense(rows * width, 0), n_samples(rows), n_features(width) {
    for (std::size_t s = 0; s < rows; ++s) {
      for (std::size_t k = 0; k < width && s % 5 != 3; ++k) {
        if (random() % one_in == 0) {
          const std::uint64_t draw = random() % 4;
          const auto value = static_cast<std::uint8_t>(draw == 0   ? 0
                                                       : draw == 1 ? 255
                                                                   : random() % 256);
          columns.push_back(static_cast<std::int32_t>(k));
          values.push_back(value);
          dense[s * width + k] = value;
        }
      }
      starts.push_back(static_cast<std::int64_t>(values.size()));
    }
    wide_columns.assign(columns.begin(), columns.end());
  }

  SparseView view() const { return view_of(columns.data()); }
  SparseView wide_view() const { return view_of(wide_columns.data()); }
  ByteView bytes() const { return {dense.data(), n_samples, n_features}; }

 private:
  template <typename Column>
  SparseView view_of(const Column* first) const {
    SparseView view;
    view.starts = starts.data();
    view.columns = first;
    view.values = values.data();
    view.n_stored = values.size();
    view.n_samples = n_samples;
    view.n_features = n_features;
    return view;
  }
};

bool same(const std::vector<FeatureMatrix>& a, const std::vector<FeatureMatrix>& b) {
  const auto words = [](const FeatureMatrix& features) {
    const auto& bits = std::get<BitMatrix>(features);
    return std::vector<std::uint64_t>(bits.row(0), bits.row(0) + bits.n_samples() * bits.n_words());
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](const auto& x, const auto& y) { return words(x) == words(y); });
}

void check_same(const NetworkSpec& spec, const Sparse& x) {
  oracle::at_every_level([&](const std::string& level) {
    CAPTURE(level);
    const Network network(spec);
    const std::size_t last = network.n_stages();
    const auto expected = network.propagate(x.bytes(), 0, last, Keep::all);
    CHECK(same(network.propagate(x.view(), 0, last, Keep::all), expected));
    CHECK(same(network.propagate(x.wide_view(), 0, last, Keep::all, {3, {}}), expected));
    CHECK(network.count_set(x.view(), 0) == network.count_set(x.bytes(), 0));
  });
}

void check_refused(const Network& network, const SparseView& x, const char* message) {
  CHECK_THROWS_WITH_AS((void)network.propagate(x, 0, 1, Keep::last), doctest::Contains(message),
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)network.count_set(x, 0), doctest::Contains(message),
                       std::invalid_argument);
}

}  // namespace

TEST_CASE("sparse rows give the bits of the same rows made dense") {
  std::mt19937_64 random(21);
  for (const unsigned weight_bits : {1U, 2U, 4U, 8U, 24U}) {
    for (const Activation activation : {Activation::step, Activation::sign}) {
      for (const std::size_t n : {1U, 63U, 128U, 130U, 300U}) {
        NetworkSpec spec = oracle::dense_spec(n + 40, {n, 65}, weight_bits, activation, random());
        const Sparse x(random, 1 + n % 90, n + 40, 1 + n % 7);
        CAPTURE(weight_bits);
        CAPTURE(n);
        check_same(spec, x);
        spec.stages[0].bias = 1000;
        check_same(spec, x);
        spec.stages[0].fan_in = 1 + n % 16;
        check_same(spec, x);
      }
    }
  }
}

TEST_CASE("sparse rows equal the definition") {
  std::mt19937_64 random(22);
  const Sparse x(random, 20, 400, 9);
  for (const unsigned weight_bits : {1U, 8U, 24U}) {
    const NetworkSpec spec = oracle::dense_spec(400, {200}, weight_bits, Activation::step, 3);
    const auto expected = oracle::stage(spec, 0, oracle::rows_of(x.bytes()));
    const auto found = Network(spec).propagate(x.view(), 0, 1, Keep::last);
    CHECK(oracle::n_wrong(found[0], expected.rows) == 0);
  }
}

TEST_CASE("sums of a sparse row beyond 32 bits") {
  // All unsigned weights at their largest come near 2^32: 66,000 inputs of 255 pass it at 8 bits.
  std::mt19937_64 random(23);
  for (const unsigned weight_bits : {8U, 24U}) {
    for (const std::size_t n : {66000U, 67000U}) {
      Sparse x(random, 2, n, 1);
      std::fill(x.values.begin(), x.values.end(), std::uint8_t{255});
      std::fill(x.dense.begin(), x.dense.end(), std::uint8_t{255});
      const Network network(oracle::dense_spec(n, {3}, weight_bits, Activation::step, 9));
      CHECK(same(network.propagate(x.view(), 0, 1, Keep::last),
                 network.propagate(x.bytes(), 0, 1, Keep::last)));
    }
  }
}

TEST_CASE("as many inputs of a sparse unit as there may be") {
  std::mt19937_64 random(27);
  const std::size_t n = 66000, fan_in = 65536;
  NetworkSpec spec = oracle::dense_spec(n, {1}, 8, Activation::step, 10);
  spec.stages[0].fan_in = fan_in;
  // Rows at the unit's largest and smallest sum.
  Sparse x(random, 2, n, 1);
  const auto w = oracle::weights_of(spec, 0, 0, n);
  for (std::size_t k = 0; k < n; ++k) {
    x.dense[k] = x.values[k] = w[k] > 0 ? 255 : 0;
    x.dense[n + k] = x.values[n + k] = w[k] < 0 ? 255 : 0;
  }
  const std::int64_t top = std::int64_t{255} * 32768;
  for (const std::int64_t threshold : {-top - 1, -top, top - 1, top}) {
    spec.stages[0].thresholds = {threshold};
    const Network network(spec);
    const std::uint64_t set = threshold == -top - 1 ? 2 : threshold == top ? 0 : 1;
    CHECK(network.count_set(x.view(), 0) == std::vector<std::uint64_t>{set});
    CHECK(network.count_set(x.bytes(), 0) == std::vector<std::uint64_t>{set});
  }
}

TEST_CASE("more sparse rows than one thread takes at a time") {
  std::mt19937_64 random(24);
  const Sparse x(random, 9001, 40, 6);
  NetworkSpec spec = oracle::dense_spec(40, {150}, 4, Activation::step, 4);
  for (const std::size_t fan_in : {0U, 5U}) {
    spec.stages[0].fan_in = fan_in;
    const Network network(spec);
    const auto expected = network.propagate(x.bytes(), 0, 1, Keep::last);
    for (const int n_threads : {1, 2, 7}) {
      CHECK(same(network.propagate(x.view(), 0, 1, Keep::last, {n_threads, {}}), expected));
    }
  }
}

TEST_CASE("no sparse rows, and rows of nothing") {
  const std::vector<std::int64_t> starts(5, 0);
  SparseView x;
  x.starts = starts.data();
  x.n_features = 30;
  for (const std::size_t fan_in : {0U, 3U}) {
    NetworkSpec spec = oracle::dense_spec(30, {70}, 8, Activation::step, 0);
    spec.stages[0].fan_in = fan_in;
    spec.stages[0].thresholds.assign(70, -1);
    spec.stages[0].thresholds[5] = 0;
    const Network network(spec);
    x.n_samples = 0;
    CHECK(oracle::bits_of(network.propagate(x, 0, 1, Keep::last))[0].n_samples() == 0);
    x.n_samples = 4;
    std::vector<std::uint64_t> counts(70, 4);
    counts[5] = 0;
    CHECK(network.count_set(x, 0) == counts);
  }
}

TEST_CASE("sparse rows that are not as they say are refused, and nothing is read past their end") {
  std::mt19937_64 random(25);
  const Network network(oracle::dense_spec(50, {10}, 8, Activation::step, 0));
  Sparse x(random, 8, 50, 3);
  SparseView view = x.view();
  view.n_features = 51;
  check_refused(network, view, "X has 51 features, the network expects 50");
  view = x.view();
  view.n_stored -= 1;
  check_refused(network, view, "starts must end within");

  const auto with_column = [&](std::size_t at, std::int32_t column) {
    const std::int32_t before = std::exchange(x.columns[at], column);
    check_refused(network, x.view(), "must rise and lie in [0, 50)");
    x.columns[at] = before;
  };
  with_column(0, 50);
  with_column(0, -1);
  with_column(x.columns.size() - 1, 50);
  with_column(x.columns.size() - 1, 2147483647);
  with_column(1, x.columns[0]);
  x.wide_columns.back() = std::int64_t{1} << 32;
  check_refused(network, x.wide_view(), "must rise");

  const auto with_start = [&](std::size_t at, std::int64_t start, const char* message) {
    const std::int64_t before = std::exchange(x.starts[at], start);
    check_refused(network, x.view(), message);
    x.starts[at] = before;
  };
  with_start(0, -1, "starts must not be negative");
  with_start(2, 0, "starts must not fall");
  with_start(3, x.starts[2] - 1, "starts must not fall");
  with_start(2, std::int64_t{1} << 62, "starts must not fall");
  with_start(8, std::int64_t{1} << 62, "starts must end within");

  CHECK_THROWS_WITH_AS((void)network.propagate(x.view(), 1, 1, Keep::last),
                       doctest::Contains("are not among"), std::invalid_argument);
  const Network chain(oracle::dense_spec(50, {50, 50}, 8, Activation::step, 0));
  CHECK_THROWS_WITH_AS((void)chain.propagate(x.view(), 1, 2, Keep::last),
                       doctest::Contains("only stage 0 reads sparse"), std::invalid_argument);
  CHECK_THROWS_AS((void)chain.count_set(x.view(), 2), std::invalid_argument);
  NetworkSpec image{50, {{Conv2D{3, 2}}}, Activation::step, 0, {5, 5, 2}};
  check_refused(Network(image), x.view(), "stage 0 is a convolution");
}

TEST_CASE("a long call over sparse rows can be interrupted") {
  std::mt19937_64 random(26);
  const Sparse x(random, 3000, 3000, 30);
  NetworkSpec spec = oracle::dense_spec(3000, {4096}, 24, Activation::step, 0);
  const Network network(spec);
  RunOptions options{1, [] { return true; }};
  CHECK_THROWS_AS((void)network.propagate(x.view(), 0, 1, Keep::last, options), Interrupted);
}
