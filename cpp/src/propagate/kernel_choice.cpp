#include "propagate/kernel_choice.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

#include "bits/environment.hpp"
#include "kernels/kernels.hpp"
#include "propagate/kernel_rates.hpp"

namespace randprop {
namespace {

bool can_serve(KernelPath path, const KernelCase& c) {
  switch (path) {
    case KernelPath::popcount:
      return c.has_planes;
    case KernelPath::dot:
      return c.n_inputs <= max_dot_inputs;
    case KernelPath::lut:
      return c.reads == Features::bits && c.weight_bits <= 8 &&
             c.n_inputs <= kernels::kMaxLutInputs && kernels::active().lut_panel != nullptr;
  }
  return false;
}

// What the table says of one number of weight bits, for bits in: popcount below so many rows,
// look-up from so many (of one thread, which makes tables of its own), dot between.
struct Rows {
  std::size_t popcount_below;
  std::size_t lut_from;
};

enum class Maker { any, amd };

constexpr std::size_t always = static_cast<std::size_t>(-1);
constexpr std::size_t never = always;

// The first line that fits holds. Columns: 1, 2, 4, 8, 24 weight bits. AMD lines are from a Zen 4,
// the other x86 ones from a Sapphire Rapids, which has AVX-VNNI at level avx2; both as
// bench/bench_choices.py measured them. neon from operation counts, since no such machine was at
// hand: at 1 bit a popcount takes 20 operations a sample and unit, a look-up 25 to 33 up to 4 bits,
// a dot product 49. simd128 in Node.js on the Sapphire Rapids.
struct Line {
  const char* level;
  Maker maker;
  std::size_t most_inputs;
  Rows by_bits[5];
  // Bytes in, eight planes: popcount up to so many rows x inputs x weight bits, dot beyond.
  std::size_t most_byte_planes;
};

// clang-format off
constexpr Line table[] = {
    {"scalar", Maker::any, always, {{always, never}, {always, never}, {always, never}, {0, never},  {0, never}}, 0},
    {"avx2",   Maker::any, 128,    {{48, 384},       {24, 384},       {2, 512},        {0, never},  {0, never}}, 0},
    {"avx2",   Maker::amd, always, {{512, 512},      {512, 512},      {2, 512},        {0, 512},    {0, never}}, 0},
    {"avx2",   Maker::any, 512,    {{512, 512},      {12, 256},       {2, 384},        {0, never},  {0, never}}, 0},
    {"avx2",   Maker::any, 2048,   {{1024, 1024},    {12, 256},       {2, 256},        {0, never},  {0, never}}, 0},
    {"avx2",   Maker::any, always, {{1024, 1024},    {24, 256},       {2, 256},        {0, never},  {0, never}}, 0},
    {"avx512", Maker::any, 128,    {{always, never}, {always, never}, {64, never},     {24, never}, {0, never}}, 1024},
    {"avx512", Maker::amd, always, {{always, never}, {1024, 1024},    {12, 512},       {0, 512},    {0, never}}, 512},
    {"avx512", Maker::any, 2048,   {{always, never}, {1024, 1024},    {12, 512},       {0, never},  {0, never}}, 512},
    {"avx512", Maker::any, always, {{always, never}, {1024, 1024},    {48, 512},       {0, never},  {0, never}}, 512},
    {"amx",    Maker::any, 128,    {{always, never}, {256, never},    {64, never},     {32, never}, {0, never}}, 1024},
    {"amx",    Maker::any, 512,    {{48, never},     {24, never},     {12, never},     {0, never},  {0, never}}, 512},
    {"amx",    Maker::any, 2048,   {{24, never},     {16, never},     {12, never},     {0, never},  {0, never}}, 512},
    {"amx",    Maker::any, always, {{always, never}, {24, never},     {12, never},     {0, never},  {0, never}}, 512},
    {"neon",   Maker::any, always, {{always, never}, {512, 512},      {0, 512},        {0, never},  {0, never}}, 0},
    {"simd128", Maker::any, 128,   {{384, 384},      {128, 128},      {0, 128},        {0, 256},    {0, never}}, 0},
    {"simd128", Maker::any, always, {{1024, 1024},   {192, 192},      {0, 96},         {0, 192},    {0, never}}, 0},
};
// clang-format on
constexpr Line elsewhere = {"",
                            Maker::any,
                            always,
                            {{always, never}, {always, never}, {0, never}, {0, never}, {0, never}},
                            0};

// From this many rows and products on a case is worth measuring: it takes about as long as that
// does, or longer. Fewer rows do not fill the register tiles: what holds for many does not hold for
// them.
constexpr std::size_t min_measured_rows = 64;
constexpr std::size_t min_measured_work = std::size_t{1} << 28;
// The table's choice is kept where another is faster by less.
constexpr double clearly = 0.95;

// Weights of more bytes than this are waited for by each block of rows: with all else that a second
// level cache of 2 MB holds they no longer stay there.
constexpr std::size_t cached_bytes = std::size_t{3} << 19;

std::size_t column(unsigned weight_bits) {
  switch (weight_bits) {
    case 1:
      return 0;
    case 2:
      return 1;
    case 4:
      return 2;
    case 8:
      return 3;
    default:
      return 4;
  }
}

const Line& line_of(const KernelCase& c) {
  const char* level = kernels::active().name;
  for (const Line& line : table) {
    if (std::strcmp(line.level, level) == 0 && c.n_inputs <= line.most_inputs &&
        (line.maker == Maker::any || kernels::made_by_amd())) {
      return line;
    }
  }
  return elsewhere;
}

// Weights beyond the caches are waited for, and bit-planes of less than 8 bits are fewer bytes; how
// many rows there may be, since work on them adds to the wait.
bool waits_for_weights(const KernelCase& c, const Line& line) {
  std::size_t most_planes = 32;
  if (c.reads == Features::bytes) {
    most_planes = line.most_byte_planes != 0 ? 4 : 2;
  }
  return c.weight_bits < 8 && c.n_samples < most_planes / c.weight_bits &&
         c.n_units > cached_bytes / c.n_inputs;
}

bool few_byte_planes(const KernelCase& c, const Line& line) {
  return c.n_samples <= line.most_byte_planes && c.n_inputs <= line.most_byte_planes &&
         c.n_samples * c.n_inputs * c.weight_bits <= line.most_byte_planes;
}

KernelPath path_of_table(const KernelCase& c) {
  const Line& line = line_of(c);
  const bool planes = can_serve(KernelPath::popcount, c);
  if (planes && waits_for_weights(c, line)) {
    return KernelPath::popcount;
  }
  if (c.reads == Features::bytes) {
    return planes && few_byte_planes(c, line) ? KernelPath::popcount : KernelPath::dot;
  }
  const Rows& rows = line.by_bits[column(c.weight_bits)];
  const auto threads = static_cast<std::size_t>(std::max(c.n_threads, 1));
  if (can_serve(KernelPath::lut, c) && c.n_samples / threads >= rows.lut_from) {
    return KernelPath::lut;
  }
  return planes && c.n_samples < rows.popcount_below ? KernelPath::popcount : KernelPath::dot;
}

bool worth_measuring(const KernelCase& c) {
  // The product could wrap only beyond 2^64 weights.
  return c.n_samples >= min_measured_work / (std::uint64_t{c.n_inputs} * c.n_units) + 1;
}

// In a browser a step of the clock may be 100 us and more.
#if defined(__wasm__)
constexpr bool has_clock = false;
#else
constexpr bool has_clock = true;
#endif

// The figures for a case, or null.
const KernelRates* rates_of(const KernelCase& c) {
  if (!has_clock || !measuring() || c.reads != Features::bits || c.n_samples < min_measured_rows) {
    return nullptr;
  }
  return kernel_rates(c.weight_bits, c.n_inputs, worth_measuring(c));
}

constexpr KernelPath paths[] = {KernelPath::popcount, KernelPath::dot, KernelPath::lut};

// Index into paths, or one of these.
constexpr int none = -1;
constexpr int as_environment = -2;
std::atomic<int> g_forced{as_environment};
std::atomic<int> g_measuring{as_environment};

int index_of(const std::string& name, const char* source) {
  if (name.empty()) {
    return none;
  }
  for (int i = 0; i < 3; ++i) {
    if (name == kernel_name(paths[i])) {
      return i;
    }
  }
  throw std::invalid_argument(std::string(source) + "='" + name +
                              "' is not a kernel; valid: popcount, dot, lut");
}

int forced_index() {
  const int forced = g_forced.load(std::memory_order_relaxed);
  return forced != as_environment ? forced : index_of(environment().kernel, "RANDPROP_KERNEL");
}

}  // namespace

bool measuring() {
  const int set = g_measuring.load(std::memory_order_relaxed);
  if (set != as_environment) {
    return set != 0;
  }
  const std::string& value = environment().measure;
  if (value.empty() || value == "1") {
    return true;
  }
  if (value == "0") {
    return false;
  }
  throw std::invalid_argument("RANDPROP_MEASURE must be 0 or 1, got '" + value + "'");
}

void use_measuring(bool on) { g_measuring.store(on ? 1 : 0, std::memory_order_relaxed); }

std::string forced_kernel() {
  const int forced = forced_index();
  return forced == none ? "" : kernel_name(paths[forced]);
}

void use_kernel(const std::string& name) {
  g_forced.store(index_of(name, "kernel"), std::memory_order_relaxed);
}

const char* kernel_name(KernelPath path) noexcept {
  switch (path) {
    case KernelPath::popcount:
      return "popcount";
    case KernelPath::dot:
      return "dot";
    case KernelPath::lut:
      break;
  }
  return "lut";
}

PathChoice choose_path(const KernelCase& c) {
  const int forced = forced_index();
  if (forced != none && can_serve(paths[forced], c)) {
    return {paths[forced], ChosenBy::name};
  }
  if (!can_serve(KernelPath::dot, c)) {
    return {KernelPath::popcount, ChosenBy::need};
  }
  KernelPath chosen = path_of_table(c);
  const KernelRates* rates = rates_of(c);
  if (rates == nullptr) {
    return {chosen, ChosenBy::table};
  }
  double least = clearly * estimated_ns(chosen, *rates, c);
  for (const KernelPath path : paths) {
    if (can_serve(path, c) && estimated_ns(path, *rates, c) < least) {
      chosen = path;
      least = estimated_ns(path, *rates, c);
    }
  }
  return {chosen, ChosenBy::measurement};
}

namespace {

KernelCase case_of(unsigned weight_bits, Features reads, std::size_t n_inputs,
                   std::size_t n_samples, std::size_t n_units) {
  KernelCase c;
  c.weight_bits = weight_bits;
  c.reads = reads;
  c.n_inputs = std::max<std::size_t>(n_inputs, 1);
  c.n_units = n_units == 0 ? c.n_inputs : n_units;
  c.n_samples = n_samples;
  return c;
}

// Two decimals below 10, none above, whatever the locale.
std::string shown(double number) {
  if (number >= 9.995) {
    return std::to_string(std::llround(number));
  }
  const long long hundredths = std::llround(100 * number);
  const std::string rest = std::to_string(100 + hundredths % 100);
  return std::to_string(hundredths / 100) + "." + rest.substr(1);
}

// What each kernel would take.
std::string estimates(const KernelCase& c) {
  const KernelRates& rates = *rates_of(c);
  const bool milliseconds = estimated_ns(KernelPath::dot, rates, c) >= 1e6;
  std::string text;
  for (const KernelPath path : paths) {
    if (can_serve(path, c)) {
      text += std::string(text.empty() ? "" : ", ") + kernel_name(path) + " " +
              shown(estimated_ns(path, rates, c) / (milliseconds ? 1e6 : 1e3));
    }
  }
  return text + (milliseconds ? " ms" : " us");
}

}  // namespace

std::string kernel_choice(unsigned weight_bits, Features reads, std::size_t n_inputs,
                          std::size_t n_samples, std::size_t n_units) {
  return kernel_name(choose_path(case_of(weight_bits, reads, n_inputs, n_samples, n_units)).path);
}

std::string kernel_reason(unsigned weight_bits, Features reads, std::size_t n_inputs,
                          std::size_t n_samples, std::size_t n_units) {
  const KernelCase c = case_of(weight_bits, reads, n_inputs, n_samples, n_units);
  switch (choose_path(c).by) {
    case ChosenBy::need:
      return "no other kernel takes so many inputs";
    case ChosenBy::name:
      return "named by RANDPROP_KERNEL or use_kernel";
    case ChosenBy::table:
      return "table";
    case ChosenBy::measurement:
      break;
  }
  return "measured, one core: " + estimates(c);
}

}  // namespace randprop
