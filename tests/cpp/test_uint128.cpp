// The 128-bit integers of compilers that have none: against the compiler's, where it has them, and
// in readouts.
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <stdexcept>
#include <vector>

#include "bits/uint128.hpp"
#include "oracle.hpp"
#include "randprop/centroids.hpp"
#include "randprop/linear.hpp"

using namespace randprop;

namespace randprop {

// Compiled for the tests alone.
void centroid_distances_portable(ByteView x, const std::int64_t* counts,
                                 const std::int64_t* n_samples, std::size_t n_classes,
                                 double* distances, const RunOptions& options);
void linear_scores_portable(ByteView x, const std::int64_t* coef, const std::int64_t* bias,
                            std::size_t n_outputs, std::int64_t* scores, const RunOptions& options);

}  // namespace randprop

namespace {

constexpr std::uint64_t most = ~std::uint64_t{0};

bool is(Uint128 number, std::uint64_t high, std::uint64_t low) {
  return number == Uint128{high, low} && number.high == high && number.low == low;
}

}  // namespace

TEST_CASE("128 bits: known answers") {
  const Uint128 all{most, most};
  CHECK(is(Uint128{most} + 1, 1, 0));
  CHECK(is(all + 2, 0, 1));
  CHECK(is(Uint128{1, 0} - 1, 0, most));
  CHECK(is(Uint128{0} - 1, most, most));
  CHECK(is(Uint128{most} * most, most - 1, 1));
  CHECK(is(all * all, 0, 1));
  CHECK(is(all / 3, most / 3, most / 3));
  CHECK(is(all / all, 0, 1));
  CHECK(is(all % (Uint128{1, 0} - 2), 0, 3));
  CHECK(is(Uint128{1} << 127, std::uint64_t{1} << 63, 0));
  CHECK(is(all >> 127, 0, 1));
  CHECK(is((Uint128{1} << 64) >> 64, 0, 1));
  CHECK(Uint128{most} < Uint128{1, 0});
  CHECK(static_cast<std::uint64_t>(Uint128{7, 9}) == 9);
}

#if defined(__SIZEOF_INT128__) && !defined(_MSC_VER)
TEST_CASE("128 bits: the compiler's own integers say the same") {
  __extension__ using Own = unsigned __int128;
  std::mt19937_64 random(128);
  // Of every width, and words of zeros and of ones among them.
  const auto draw = [&] {
    const auto word = [&] { return random() % 4 == 0 ? most * (random() % 2) : random(); };
    const std::uint64_t high = word(), low = word();
    return Uint128{high, low} >> static_cast<int>(random() % 128);
  };
  const auto own = [](Uint128 number) { return Own{number.high} << 64 | number.low; };
  std::size_t wrong = 0;
  const auto compare = [&](Uint128 found, Own expected) {
    wrong += own(found) != expected ? 1 : 0;
  };
  for (int round = 0; round < 20000; ++round) {
    const Uint128 a = draw();
    const Uint128 b = round % 10 == 0 ? a : draw();
    const auto n = static_cast<int>(random() % 128);
    compare(a + b, own(a) + own(b));
    compare(a - b, own(a) - own(b));
    compare(a * b, own(a) * own(b));
    compare(a & b, own(a) & own(b));
    compare(a | b, own(a) | own(b));
    compare(a << n, own(a) << n);
    compare(a >> n, own(a) >> n);
    if (b != 0) {
      compare(a / b, own(a) / own(b));
      compare(a % b, own(a) % own(b));
    }
    wrong += (a < b) != (own(a) < own(b)) || (a <= b) != (own(a) <= own(b)) ? 1 : 0;
    wrong += (a >= b) != (own(a) >= own(b)) || (a == b) != (own(a) == own(b)) ? 1 : 0;
    Uint128 changed = a;
    Own expected = own(a);
    compare(changed += b, expected += own(b));
    compare(changed <<= n, expected <<= n);
    compare(changed -= b, expected -= own(b));
    compare(changed >>= n, expected >>= n);
    changed |= b;
    expected |= own(b);
    compare(changed, expected);
  }
  CHECK(wrong == 0);
}
#endif

TEST_CASE("readouts with 128-bit integers of our own give the same numbers") {
  constexpr std::size_t n_features = 300, n_samples = 20;
  std::mt19937_64 random(129);
  const oracle::Bytes bytes(random, n_samples, n_features);
  // The largest class that may be: quotients of more than 64 bits.
  const std::vector<std::int64_t> n = {max_class_samples, 3, max_class_samples - 1};
  std::vector<std::int64_t> counts(n.size() * n_features);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const auto top = static_cast<std::uint64_t>(255 * n[i / n_features]);
    counts[i] = static_cast<std::int64_t>(random() % (top + 1));
  }
  std::vector<double> expected(n.size() * n_samples), found = expected;
  centroid_distances(bytes.view, counts.data(), n.data(), n.size(), expected.data());
  centroid_distances_portable(bytes.view, counts.data(), n.data(), n.size(), found.data(), {});
  CHECK(found == expected);

  // Sums in 64 bits would wrap to numbers that look harmless.
  std::vector<std::int64_t> coef(n_features, std::numeric_limits<std::int64_t>::min());
  std::vector<std::int64_t> scores(n_samples);
  const std::int64_t bias = 0;
  CHECK_THROWS_AS(linear_scores(bytes.view, coef.data(), &bias, 1, scores.data()),
                  std::invalid_argument);
  CHECK_THROWS_AS(linear_scores_portable(bytes.view, coef.data(), &bias, 1, scores.data(), {}),
                  std::invalid_argument);
  for (std::int64_t& c : coef) {
    c = static_cast<std::int64_t>(random() >> 17) - (std::int64_t{1} << 46);
  }
  std::vector<std::int64_t> scores_expected(n_samples);
  linear_scores(bytes.view, coef.data(), &bias, 1, scores_expected.data());
  linear_scores_portable(bytes.view, coef.data(), &bias, 1, scores.data(), {});
  CHECK(scores == scores_expected);
}
