#include "propagate/kernel_rates.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "kernels/kernels.hpp"
#include "propagate/runs.hpp"
#include "weights/prepared.hpp"

namespace randprop {
namespace {

using clock = std::chrono::steady_clock;

constexpr unsigned measured_bits[] = {1, 2, 4, 8};
constexpr const char* measured_levels[] = {"avx2", "avx512", "amx", "neon"};
// Inputs of what is timed for a class of sizes, which ends there; the last stands for all above.
// From some hundred inputs on, times grow as inputs do.
constexpr std::size_t class_inputs[] = {16, 32, 64, 128, 256, 512};

template <typename T, std::size_t n>
std::size_t place_of(const T (&list)[n], const T& value) {
  return static_cast<std::size_t>(std::find(list, list + n, value) - list);
}

std::atomic<const KernelRates*> g_rates[std::size(measured_levels)][std::size(measured_bits)]
                                       [std::size(class_inputs)];

std::size_t level_in_use() {
  const char* name = kernels::active().name;
  return static_cast<std::size_t>(
      std::find_if(std::begin(measured_levels), std::end(measured_levels),
                   [&](const char* level) { return std::strcmp(level, name) == 0; }) -
      std::begin(measured_levels));
}

// Inputs of a second look at the last class, for popcount alone.
constexpr std::size_t more_inputs = 2048;
// Panels of the matrix. What is done once a row, as widening its bits, is then little of a time.
constexpr std::size_t n_panels = 4;
constexpr std::size_t popcount_rows = 12;
constexpr std::size_t dot_rows = runs::block_rows;
// A look-up is timed on one panel in three parts, since what each costs depends on other numbers:
// the tables (a block of no rows), the indices of rows, and the whole.
constexpr std::size_t lut_rows = 768;

// A kernel over a block of rows. The best time counts: whatever else the machine does makes a time
// longer, never shorter.
class Contestant {
 public:
  // n_products: rows times panels. is_part: of what its kernel takes for a product.
  Contestant(KernelPath path, std::size_t n_products, std::function<void()> run,
             bool is_part = true)
      : path_(path), n_products_(n_products), run_(std::move(run)), is_part_(is_part) {}

  KernelPath path() const { return path_; }
  bool is_part() const { return is_part_; }
  double ns() const { return best_; }
  double ns_a_product() const { return best_ / static_cast<double>(n_products_); }
  void time() {
    const auto start = clock::now();
    for (int i = 0; i < repeats_; ++i) {
      run_();
    }
    const std::chrono::duration<double, std::nano> taken = clock::now() - start;
    const double ns = taken.count() / repeats_;
    best_ = std::min(best_, ns);
    // Long enough for the clock, and for a unit that must first be woken, as AMX tiles.
    constexpr double least_ns = 20000;
    repeats_ = std::max(1, static_cast<int>(least_ns / std::max(best_, 100.0)));
  }

 private:
  KernelPath path_;
  std::size_t n_products_;
  std::function<void()> run_;
  bool is_part_;
  int repeats_ = 1;
  double best_ = std::numeric_limits<double>::infinity();
};

void race(std::vector<Contestant>& contestants) {
  constexpr int most_rounds = 10;
  constexpr int least_rounds = 4;
  constexpr auto budget = std::chrono::microseconds(800);
  // A kernel this much slower than another is timed no more: it will not be chosen.
  constexpr double hopeless = 2.5;
  const auto start = clock::now();
  for (int round = 0; round < most_rounds; ++round) {
    if (round >= least_rounds && clock::now() - start > budget) {
      break;
    }
    double ns[3] = {};  // of each kernel, all its parts together
    for (const Contestant& one : contestants) {
      if (one.is_part()) {
        ns[static_cast<std::size_t>(one.path())] += one.ns_a_product();
      }
    }
    const double fastest = std::min({ns[0], ns[1], ns[2] == 0 ? ns[1] : ns[2]});
    for (Contestant& one : contestants) {
      if (round < 2 || ns[static_cast<std::size_t>(one.path())] < hopeless * fastest) {
        one.time();
      }
    }
  }
}

// Bits of which half are set: of zeros a kernel may leave out what networks do not have.
BitMatrix some_bits(std::size_t n_samples, std::size_t n_bits) {
  BitMatrix bits(n_samples, n_bits);
  std::uint64_t word = 0;
  for (std::size_t s = 0; s < n_samples; ++s) {
    for (std::size_t w = 0; w < bits.n_words(); ++w) {
      const std::size_t n_left = n_bits - 64 * w;
      word = (word ^ (word >> 29)) * 0xBF58476D1CE4E5B9U + 0x9E3779B97F4A7C15U;
      bits.row(s)[w] = n_left < 64 ? word >> (64 - n_left) : word;
    }
  }
  return bits;
}

}  // namespace

KernelRates measure_kernels(unsigned weight_bits, std::size_t n_inputs) {
  const kernels::Kernels& k = kernels::active();
  const std::size_t n_units = n_panels * kernels::kPanelUnits;
  const PreparedMatrix planes = zero_matrix(WeightLayout::planes, n_inputs, n_units, weight_bits);
  const PreparedMatrix bytes = zero_matrix(WeightLayout::bytes, n_inputs, n_units, weight_bits);
  const BitMatrix samples = some_bits(lut_rows, n_inputs);
  const BitView x = samples.view();
  BitMatrix out(lut_rows, n_units);

  runs::PopcountRun popcount(planes, k, Features::bits);
  popcount.reserve(popcount_rows);
  runs::DotRun dot(bytes, k, Features::bits);
  dot.reserve(dot_rows);
  std::vector<Contestant> contestants;
  contestants.emplace_back(KernelPath::popcount, popcount_rows * n_panels,
                           [&] { popcount(x, {0, popcount_rows, 0, n_panels}, out); });
  contestants.emplace_back(KernelPath::dot, dot_rows * n_panels,
                           [&] { dot(x, {0, dot_rows, 0, n_panels}, out); });
  std::optional<runs::LutRun> lut;
  AlignedArray<std::uint8_t> index;
  if (k.lut_panel != nullptr) {
    lut.emplace(bytes, k, Features::bits);
    lut->reserve(lut_rows);
    index = AlignedArray<std::uint8_t>(64 * k.lut_groups(n_inputs));
    contestants.emplace_back(KernelPath::lut, lut_rows, [&] { (*lut)(x, {0, 0, 0, 1}, out); });
    contestants.emplace_back(KernelPath::lut, lut_rows, [&] {
      for (std::size_t row = 0; row < lut_rows; row += 64) {
        k.lut_index(x.row(row), x.n_words(), 64, n_inputs, index.data());
      }
    });
    contestants.emplace_back(KernelPath::lut, lut_rows,
                             [&] { (*lut)(x, {0, lut_rows, 0, 1}, out); });
  }
  // Bit-planes are small, and so is this.
  const bool last = n_inputs == class_inputs[std::size(class_inputs) - 1];
  PreparedMatrix more_planes;
  std::optional<runs::PopcountRun> more_popcount;
  const BitMatrix more_samples = some_bits(last ? popcount_rows : 0, more_inputs);
  if (last) {
    more_planes = zero_matrix(WeightLayout::planes, more_inputs, n_units, weight_bits);
    more_popcount.emplace(more_planes, k, Features::bits);
    more_popcount->reserve(popcount_rows);
    contestants.emplace_back(
        KernelPath::popcount, popcount_rows * n_panels,
        [&] { (*more_popcount)(more_samples.view(), {0, popcount_rows, 0, n_panels}, out); },
        false);
  }
  race(contestants);

  KernelRates rates;
  rates.n_inputs = n_inputs;
  rates.popcount = contestants[0].ns_a_product();
  rates.dot = contestants[1].ns_a_product();
  if (last) {
    rates.popcount_input = std::max(0.0, contestants.back().ns_a_product() - rates.popcount) /
                           static_cast<double>(more_inputs - n_inputs);
  }
  if (lut.has_value()) {
    rates.lut_tables = contestants[2].ns();
    rates.lut_index = contestants[3].ns_a_product();
    rates.lut = std::max(0.0, contestants[4].ns_a_product() - contestants[3].ns_a_product() -
                                  contestants[2].ns_a_product());
  }
  return rates;
}

const KernelRates* kernel_rates(unsigned weight_bits, std::size_t n_inputs, bool measure) {
  const std::size_t level = level_in_use();
  const std::size_t bits = place_of(measured_bits, weight_bits);
  if (level == std::size(measured_levels) || bits == std::size(measured_bits)) {
    return nullptr;
  }
  const std::size_t size = std::min<std::size_t>(
      static_cast<std::size_t>(
          std::lower_bound(std::begin(class_inputs), std::end(class_inputs), n_inputs) -
          std::begin(class_inputs)),
      std::size(class_inputs) - 1);
  auto& slot = g_rates[level][bits][size];
  const KernelRates* found = slot.load(std::memory_order_acquire);
  if (found != nullptr || !measure) {
    return found;
  }
  try {
    auto made =
        std::make_unique<const KernelRates>(measure_kernels(weight_bits, class_inputs[size]));
    if (slot.compare_exchange_strong(found, made.get(), std::memory_order_acq_rel)) {
      found = made.release();  // for the rest of the process
    }
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  return found;
}

double estimated_ns(KernelPath path, const KernelRates& rates, const KernelCase& c) {
  const auto rows = static_cast<double>(c.n_samples);
  const std::size_t whole_panels = (c.n_units + 63) / 64;
  const auto panels = static_cast<double>(whole_panels);
  const double longer =
      std::max(1.0, static_cast<double>(c.n_inputs) / static_cast<double>(rates.n_inputs));
  if (path == KernelPath::lut) {
    // Each thread makes tables of its own.
    const double blocks = std::max(static_cast<double>(c.n_threads),
                                   rows / static_cast<double>(64 * runs::lut_blocks));
    return longer *
           (panels * (rows * rates.lut + blocks * rates.lut_tables) + rows * rates.lut_index);
  }
  // What was timed comes from the second-level cache. Weights that do not fit it are read from
  // beyond it by each block of rows.
  constexpr double cache_bytes = 1 << 20;
  constexpr double bytes_a_ns = 20;
  const double n_weights = static_cast<double>(c.n_inputs) * static_cast<double>(c.n_units);
  const double weight_bytes = path == KernelPath::dot ? n_weights : n_weights * c.weight_bits / 8;
  const double blocks = std::ceil(rows / static_cast<double>(runs::block_rows));
  const double reading = weight_bytes > cache_bytes ? blocks * weight_bytes / bytes_a_ns : 0;
  double product = rates.dot * longer;
  if (path == KernelPath::popcount) {
    product =
        rates.popcount + rates.popcount_input * static_cast<double>(rates.n_inputs) * (longer - 1);
  }
  return panels * rows * product + reading;
}

}  // namespace randprop
