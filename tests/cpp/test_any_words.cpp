// Functions read and write nothing out of range whatever words they get: here rows whose bits past
// the last are set, in allocations that end with them, so that a sanitizer sees one word too many.
#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <set>
#include <stdexcept>
#include <vector>

#include "oracle.hpp"
#include "randprop/centroids.hpp"
#include "randprop/gram.hpp"
#include "randprop/linear.hpp"
#include "randprop/neighbors.hpp"
#include "randprop/network.hpp"

using namespace randprop;

namespace {

constexpr std::size_t n_samples = 600;

struct Rows {
  BitMatrix clean;
  std::vector<std::uint64_t> words;
  BitView view;

  Rows(std::mt19937_64& random, std::size_t n, std::size_t n_bits)
      : clean(oracle::random_bits(random, n, n_bits)),
        words(clean.row(0), clean.row(0) + n * clean.n_words()),
        view{words.data(), n, n_bits} {
    for (std::size_t s = 0; s < n; ++s) {
      words[s * clean.n_words() + clean.n_words() - 1] |= ~std::uint64_t{0} << (n_bits % 64);
    }
  }
};

void check_readouts(const Rows& x) {
  const std::size_t n = x.view.n_bits;
  const std::size_t all_bits = 64 * x.view.n_words();
  const std::vector<std::int32_t> codes(n_samples, 1);
  std::vector<std::int64_t> counts[2], samples[2], gram[2];
  for (const bool dirty : {false, true}) {
    counts[dirty].resize(2 * n);
    samples[dirty].resize(2);
    gram[dirty].resize(n * n);
    const BitView view = dirty ? x.view : x.clean.view();
    add_class_counts(view, codes.data(), 2, counts[dirty].data(), samples[dirty].data());
    add_gram(view, gram[dirty].data());
  }
  CHECK(counts[0] == counts[1]);
  CHECK(samples[0] == samples[1]);
  CHECK(gram[0] == gram[1]);

  std::vector<double> distances(2 * n_samples);
  centroid_distances(x.view, counts[0].data(), samples[0].data(), 2, distances.data());
  for (std::size_t s = 0; s < n_samples; ++s) {
    CHECK(std::isinf(distances[2 * s]));
    CHECK(std::isfinite(distances[2 * s + 1]));
  }
  std::vector<std::int64_t> scores(2 * n_samples);
  linear_scores(x.view, counts[0].data(), samples[0].data(), 2, scores.data());
  std::vector<std::int64_t> ones(n_samples);
  row_popcounts(x.view, ones.data());
  for (const std::int64_t count : ones) {
    CHECK(count <= static_cast<std::int64_t>(all_bits));
  }
}

// Every query gets k rows, all different, with their distances.
void check_neighbors(const BitView& train, const BitView& queries, std::size_t k) {
  std::vector<std::int64_t> distances(queries.n_samples * k, -1), indices(distances);
  hamming_neighbors(train, queries, k, distances.data(), indices.data());
  std::size_t wrong = 0;
  for (std::size_t q = 0; q < queries.n_samples; ++q) {
    const auto* first = indices.data() + q * k;
    const std::set<std::int64_t> found(first, first + k);
    wrong += found.size() != k || *found.begin() < 0 ||
             *found.rbegin() >= static_cast<std::int64_t>(train.n_samples);
    for (std::size_t j = 0; j < k; ++j) {
      wrong += distances[q * k + j] < 0 ||
               distances[q * k + j] > static_cast<std::int64_t>(64 * train.n_words());
    }
  }
  CHECK(wrong == 0);
}

void check_networks(const Rows& x, const Network& network) {
  for (const char* kernel : {"", "popcount", "dot", "lut"}) {
    CAPTURE(kernel);
    use_kernel(kernel);
    for (const FeatureMatrix& features :
         network.propagate(x.view, 0, network.n_stages(), Keep::all)) {
      const auto& bits = std::get<BitMatrix>(features);
      CHECK(oracle::tail_is_zero(bits));
    }
    const std::vector<std::int32_t> weights(70 * x.view.n_bits, 3);
    CHECK(oracle::tail_is_zero(apply_weights(x.view, weights.data(), 70, Activation::sign)));
  }
  use_kernel("");
}

}  // namespace

TEST_CASE("bits past the last lead nowhere") {
  std::mt19937_64 random(31);
  for (const std::size_t n : {1U, 10U, 70U, 147U}) {
    CAPTURE(n);
    const Rows x(random, n_samples, n);
    const Rows few(random, 9, n);
    NetworkSpec spec = oracle::dense_spec(n, {70, 30}, 4, Activation::sign, 1);
    const Network dense(spec);
    NetworkSpec image{n, {{Conv2D{5, 1, 1, 0}, 4}}, Activation::step, 1, {1, n, 1}};
    const Network convolution(image);
    oracle::at_every_level([&](const std::string& level) {
      CAPTURE(level);
      check_readouts(x);
      // Of clean rows and dirty ones, each is further from all others than n bits.
      check_neighbors(x.clean.view(), few.view, 7);
      check_neighbors(x.view, few.clean.view(), 7);
      check_neighbors(x.view, few.view, 100);
      check_networks(x, dense);
      check_networks(x, convolution);
    });
  }
}

TEST_CASE("sums that would leave their range are refused, and nothing is changed") {
  const BitMatrix x(3, 1);
  const std::int32_t codes[] = {0, 0, 0};
  for (const std::int64_t wrong : {std::int64_t{-1}, max_class_samples - 2, INT64_MAX}) {
    CAPTURE(wrong);
    std::int64_t counts[] = {5}, samples[] = {wrong};
    CHECK_THROWS_AS(add_class_counts(x.view(), codes, 1, counts, samples), std::invalid_argument);
    CHECK(counts[0] == 5);
    CHECK(samples[0] == wrong);
  }
  BitMatrix set(1, 1);
  set.set(0, 0);
  for (const std::int64_t wrong : {std::int64_t{-1}, max_class_samples, INT64_MAX}) {
    CAPTURE(wrong);
    std::int64_t counts[] = {wrong}, samples[] = {7};
    CHECK_THROWS_AS(add_class_counts(set.view(), codes, 1, counts, samples), std::invalid_argument);
    CHECK(counts[0] == wrong);
    CHECK(samples[0] == 7);
  }
}
