// Which kernel serves a case: by table, by measurement, or because it was named.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/kernels.hpp"
#include "oracle.hpp"
#include "propagate/kernel_choice.hpp"
#include "propagate/kernel_rates.hpp"
#include "randprop/network.hpp"
#include "randprop/simd.hpp"

using namespace randprop;

namespace {

constexpr std::size_t many = 1000000;

// Measuring on or off, and no kernel named; as it was at the end.
class Measuring {
 public:
  explicit Measuring(bool on) : before_(measuring()) { use_measuring(on); }
  ~Measuring() {
    use_measuring(before_);
    use_kernel("");
  }
  Measuring(const Measuring&) = delete;
  Measuring& operator=(const Measuring&) = delete;

 private:
  bool before_;
};

bool starts(const std::string& text, const std::string& with) { return text.rfind(with, 0) == 0; }

// Scalar code has less to choose from, and a browser's clock is too coarse.
bool is_measured() { return simd_level() != "scalar" && simd_level() != "simd128"; }

void for_levels(const std::function<void()>& test) {
  const std::string before = simd_level();
  for (const std::string& level : simd_levels_supported()) {
    CAPTURE(level);
    use_simd_level(level);
    test();
  }
  use_simd_level(before);
}

}  // namespace

TEST_CASE("large work is measured, small work and what needs no figures is not") {
  const Measuring on(true);
  for_levels([] {
    for (const unsigned bits : {1U, 2U, 4U, 8U}) {
      const std::string reason = kernel_reason(bits, Features::bits, 784, many);
      if (!is_measured()) {
        CHECK(reason == "table");
        continue;
      }
      CHECK(starts(reason, "measured, one core: popcount "));
      CHECK(reason.find(", dot ") != std::string::npos);
      CHECK(reason.find(", lut ") != std::string::npos);
      // A look-up takes 4,096 inputs at most.
      const std::string wide = kernel_reason(bits, Features::bits, 5000, many);
      CHECK(starts(wide, "measured"));
      CHECK(wide.find("lut") == std::string::npos);
    }
    CHECK(kernel_reason(8, Features::bits, 784, 1) == "table");
    CHECK(kernel_reason(8, Features::bits, 784, 63) == "table");
    CHECK(kernel_reason(8, Features::bytes, 784, many) == "table");
    CHECK(kernel_reason(24, Features::bits, 784, many) == "table");
    CHECK(kernel_reason(8, Features::bits, 65537, many) == "no other kernel takes so many inputs");
  });
}

TEST_CASE("nothing is measured where that would take longer than the work") {
  const Measuring on(true);
  for_levels([] {
    // No other test asks for 2-bit weights and 17 to 32 inputs.
    CHECK(kernel_rates(2, 30, false) == nullptr);
    CHECK(kernel_reason(2, Features::bits, 30, 5000) == "table");
    CHECK(kernel_rates(2, 30, false) == nullptr);
    if (is_measured()) {
      CHECK(starts(kernel_reason(2, Features::bits, 30, many), "measured"));
      // From now on the figures are there.
      CHECK(starts(kernel_reason(2, Features::bits, 30, 5000), "measured"));
    }
  });
}

// A kernel that leaves out zeros would be timed on nothing if all that it is timed on were zeros.
TEST_CASE("no kernel was measured at more than twice what the registers do") {
  using clock = std::chrono::steady_clock;
  for_levels([] {
    const auto a_second = [](const char* kernel) {
      double best = 0;
      for (int i = 0; i < 5; ++i) {
        const auto start = clock::now();
        const auto work = static_cast<double>(spin(kernel, 20000));
        best = std::max(best, work / std::chrono::duration<double>(clock::now() - start).count());
      }
      return best;
    };
    constexpr std::size_t n_inputs = 512;
    const KernelRates rates = measure_kernels(8, n_inputs);
    constexpr double product = 64 * static_cast<double>(n_inputs);
    const double dot = a_second("dot");
    if (is_measured() && dot > 0) {
      CHECK(rates.dot * 1e-9 * dot > product / 2);
    }
  });
}

TEST_CASE("with measuring off there is the table alone") {
  const Measuring off(false);
  for_levels([] {
    for (const unsigned bits : {1U, 2U, 4U, 8U, 24U}) {
      for (const std::size_t n_samples : {std::size_t{1}, std::size_t{512}, many}) {
        CHECK(kernel_reason(bits, Features::bits, 784, n_samples) == "table");
      }
    }
  });
}

TEST_CASE("a kernel that is named is used whatever was measured") {
  const Measuring on(true);
  for_levels([] {
    for (const char* kernel : {"popcount", "dot", "lut"}) {
      if (std::string(kernel) == "lut" && !is_measured()) {
        continue;
      }
      use_kernel(kernel);
      CHECK(kernel_choice(8, Features::bits, 784, many) == kernel);
      CHECK(kernel_reason(8, Features::bits, 784, many) ==
            "named by RANDPROP_KERNEL or use_kernel");
    }
    use_kernel("");
  });
}

TEST_CASE("figures are positive numbers, and the first that are published stay") {
  for_levels([] {
    if (!is_measured()) {
      CHECK(kernel_rates(8, 784, true) == nullptr);
      return;
    }
    for (const unsigned bits : {1U, 2U, 4U, 8U}) {
      for (const std::size_t n_inputs : {9U, 64U, 784U}) {
        const KernelRates* rates = kernel_rates(bits, n_inputs, true);
        REQUIRE(rates != nullptr);
        for (const double ns : {rates->popcount, rates->dot, rates->lut_tables, rates->lut_index}) {
          CHECK((std::isfinite(ns) && ns > 0));
        }
        CHECK((std::isfinite(rates->lut) && rates->lut >= 0));
        CHECK(kernel_rates(bits, n_inputs, true) == rates);
        CHECK(kernel_rates(bits, n_inputs, false) == rates);
      }
    }
    CHECK(kernel_rates(24, 784, true) == nullptr);
  });
}

TEST_CASE("another kernel than the table's is taken where it is clearly faster, and only there") {
  for_levels([] {
    if (!is_measured()) {
      return;
    }
    for (const unsigned bits : {1U, 2U, 4U, 8U}) {
      for (const std::size_t n_inputs : {64U, 300U, 784U, 4096U}) {
        for (const std::size_t n_samples : {std::size_t{64}, std::size_t{5000}, many}) {
          for (const bool has_planes : {true, false}) {
            const KernelCase c{bits, Features::bits, n_inputs, 784, n_samples, 1, has_planes};
            const KernelRates* rates = kernel_rates(bits, n_inputs, true);
            const auto choose = [&](bool measure) {
              const Measuring set(measure);
              return choose_path(c);
            };
            const KernelPath in_table = choose(false).path;
            const PathChoice chosen = choose(true);
            CHECK(chosen.by == ChosenBy::measurement);
            CHECK((has_planes || chosen.path != KernelPath::popcount));
            CHECK((has_planes || in_table != KernelPath::popcount));
            double least = estimated_ns(KernelPath::dot, *rates, c);
            least = std::min(least, estimated_ns(KernelPath::lut, *rates, c));
            if (has_planes) {
              least = std::min(least, estimated_ns(KernelPath::popcount, *rates, c));
            }
            const double kept = estimated_ns(in_table, *rates, c);
            const double taken = estimated_ns(chosen.path, *rates, c);
            if (0.95 * kept <= least) {
              CHECK(chosen.path == in_table);
            } else {
              CHECK(taken == least);
            }
          }
        }
      }
    }
  });
}

TEST_CASE("estimates grow with what makes them") {
  KernelRates rates;
  rates.n_inputs = 512;
  rates.popcount = 100;
  rates.popcount_input = 0.1;
  rates.dot = 200;
  rates.lut = 50;
  rates.lut_tables = 30000;
  rates.lut_index = 40;
  const KernelCase c{2, Features::bits, 512, 128, 1000, 1, true};
  CHECK(estimated_ns(KernelPath::popcount, rates, c) == doctest::Approx(2 * 1000 * 100));
  CHECK(estimated_ns(KernelPath::dot, rates, c) == doctest::Approx(2 * 1000 * 200));
  CHECK(estimated_ns(KernelPath::lut, rates, c) ==
        doctest::Approx(2 * 1000 * 50 + 2 * 30000 + 1000 * 40));
  // Each of 4 threads makes its tables.
  KernelCase threads = c;
  threads.n_threads = 4;
  CHECK(estimated_ns(KernelPath::lut, rates, threads) ==
        doctest::Approx(2 * 1000 * 50 + 4 * 2 * 30000 + 1000 * 40));
  KernelCase longer = c;
  longer.n_inputs = 1024;
  CHECK(estimated_ns(KernelPath::popcount, rates, longer) ==
        doctest::Approx(2 * 1000 * (100 + 512 * 0.1)));
  CHECK(estimated_ns(KernelPath::dot, rates, longer) == doctest::Approx(2 * 1000 * 400));
  // 4 Mi weights, which 2-bit planes hold in 1 MiB: dot reads theirs for each of 11 blocks of rows.
  KernelCase wide = c;
  wide.n_inputs = 512;
  wide.n_units = 8192;
  CHECK(estimated_ns(KernelPath::popcount, rates, wide) == doctest::Approx(128.0 * 1000 * 100));
  CHECK(estimated_ns(KernelPath::dot, rates, wide) ==
        doctest::Approx(128.0 * 1000 * 200 + 11 * 4194304 / 20.0));
}

TEST_CASE("more threads need more samples before look-ups are worth their tables") {
  const Measuring off(false);
  for_levels([] {
    KernelCase c{4, Features::bits, 784, 784, 600, 1, true};
    const KernelPath alone = choose_path(c).path;
    c.n_threads = 16;
    CHECK(choose_path(c).path != KernelPath::lut);
    c.n_samples = 9600;
    CHECK(choose_path(c).path == alone);
  });
}

// The thread sanitizer, under which this runs too, sees whether figures are published whole.
TEST_CASE("threads that ask first at once get the same figures and the same bits") {
  const Measuring on(true);
  for_levels([] {
    constexpr std::size_t n_threads = 4;
    const NetworkSpec spec = oracle::dense_spec(31, {90}, 4, Activation::step, 5);
    constexpr std::size_t rows = 100000;  // 279 million products
    std::vector<std::uint64_t> words(rows);
    for (std::size_t r = 0; r < rows; ++r) {
      words[r] = (r * 0x9E3779B97F4A7C15U) >> 33;
    }
    const BitView x{words.data(), rows, 31};
    const auto propagated = [&] {
      return std::move(
          oracle::bits_of(Network(spec).propagate(x, 0, 1, Keep::last, {1, {}})).front());
    };
    std::atomic<std::size_t> ready{0};
    std::vector<std::vector<const KernelRates*>> figures(n_threads);
    std::vector<BitMatrix> found;
    found.reserve(n_threads);
    for (std::size_t t = 0; t < n_threads; ++t) {
      found.emplace_back(0, 90);
    }
    oracle::at_once(n_threads, [&](std::size_t t) {
      ++ready;
      while (oracle::has_threads && ready < n_threads) {
        std::this_thread::yield();
      }
      // No other test asks for these.
      for (const std::size_t n_inputs : {31U, 100U, 200U}) {
        for (const unsigned bits : {1U, 4U, 8U}) {
          figures[t].push_back(kernel_rates(bits, n_inputs, true));
        }
      }
      found[t] = propagated();
    });
    use_kernel("popcount");
    const BitMatrix expected = propagated();
    use_kernel("");
    for (std::size_t t = 0; t < n_threads; ++t) {
      CHECK(figures[t] == figures[0]);
      for (const KernelRates* rates : figures[t]) {
        CHECK((rates != nullptr) == is_measured());
      }
      bool equal = true;
      for (std::size_t r = 0; r < rows; ++r) {
        equal = equal && std::equal(found[t].row(r), found[t].row(r) + 2, expected.row(r));
      }
      CHECK(equal);
    }
  });
}
