#include "propagate/kernel_choice.hpp"

#include <atomic>
#include <cstring>
#include <stdexcept>
#include <string>

#include "bits/environment.hpp"
#include "kernels/kernels.hpp"

namespace randprop {
namespace {

bool can_serve(KernelPath path, unsigned weight_bits, Features reads, std::size_t n_inputs) {
  switch (path) {
    case KernelPath::popcount:
      return true;
    case KernelPath::dot:
      return n_inputs <= max_dot_inputs;
    case KernelPath::lut:
      return reads == Features::bits && weight_bits <= 8 && n_inputs <= kernels::kMaxLutInputs &&
             kernels::active().lut_panel != nullptr;
  }
  return false;
}

// The fastest kernel of each level for bits in and many samples; columns: 1, 2, 4, 8, 24 weight
// bits. scalar, avx2 and avx512 as bench/bench_propagate.py measured them (docs/performance.md);
// amx and neon from operation counts, since no such machine was at hand: a tile product does 1,024
// multiply-adds a cycle where a look-up does 256, and for neon a popcount takes 20 operations
// a sample and unit at 1 bit, a look-up 25 to 33 up to 4 bits, a dot product 49.
struct Choice {
  const char* level;
  KernelPath by_bits[5];
};

constexpr KernelPath P = KernelPath::popcount;
constexpr KernelPath D = KernelPath::dot;
constexpr KernelPath L = KernelPath::lut;
// clang-format off
constexpr Choice choices[] = {
    {"scalar", {P, P, P, D, D}},
    {"avx2",   {L, L, L, L, D}},
    {"avx512", {P, L, L, L, D}},
    {"amx",    {D, D, D, D, D}},
    {"neon",   {P, L, L, D, D}},
};
// clang-format on
// Below this many rows the tables of a look-up are not worth their making.
constexpr std::size_t min_lut_samples = 512;

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

constexpr KernelPath paths[] = {KernelPath::popcount, KernelPath::dot, KernelPath::lut};

// Index into paths, or one of these.
constexpr int none = -1;
constexpr int as_environment = -2;
std::atomic<int> g_forced{as_environment};

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

KernelPath choose_path(unsigned weight_bits, Features reads, std::size_t n_inputs,
                       std::size_t n_samples) {
  const int forced = forced_index();
  if (forced != none && can_serve(paths[forced], weight_bits, reads, n_inputs)) {
    return paths[forced];
  }
  if (!can_serve(KernelPath::dot, weight_bits, reads, n_inputs)) {
    return KernelPath::popcount;
  }
  // A byte input costs the popcount path eight planes.
  if (reads == Features::bytes) {
    return KernelPath::dot;
  }
  KernelPath path = weight_bits <= 2 ? KernelPath::popcount : KernelPath::dot;
  for (const Choice& choice : choices) {
    if (std::strcmp(choice.level, kernels::active().name) == 0) {
      path = choice.by_bits[column(weight_bits)];
    }
  }
  if (path == KernelPath::lut && !can_look_up(weight_bits, n_inputs, n_samples)) {
    return weight_bits <= 2 ? KernelPath::popcount : KernelPath::dot;
  }
  return path;
}

bool can_look_up(unsigned weight_bits, std::size_t n_inputs, std::size_t n_samples) {
  return n_samples >= min_lut_samples &&
         can_serve(KernelPath::lut, weight_bits, Features::bits, n_inputs);
}

std::string kernel_choice(unsigned weight_bits, Features reads, std::size_t n_inputs,
                          std::size_t n_samples) {
  return kernel_name(choose_path(weight_bits, reads, n_inputs, n_samples));
}

}  // namespace randprop
