#include "randprop/network.hpp"

#include <algorithm>
#include <atomic>
#include <string>
#include <type_traits>
#include <utility>

#include "bits/require.hpp"
#include "bits/sizes.hpp"
#include "bits/views.hpp"
#include "propagate/convolve.hpp"
#include "propagate/dense.hpp"
#include "propagate/kernel_choice.hpp"
#include "weights/prepared.hpp"

namespace randprop {
namespace {

// Prepared weights beyond this are laid out anew for each call: a chain of 65 matrices of width
// 16,384 would hold 17 GB.
constexpr std::size_t max_kept_bytes = std::size_t{256} << 20;

WeightLayout layout_of(KernelPath path) {
  return path == KernelPath::popcount ? WeightLayout::planes : WeightLayout::bytes;
}

RandomMatrix matrix_of(const NetworkSpec& spec, const StageShape& shape, std::size_t stage) {
  return {spec.seed, stage, shape.fan_in, shape.n_units, spec.stages[stage].weight_bits};
}

// Whether the stage reads bits as -1 and +1.
bool reads_signs(const NetworkSpec& spec, std::size_t stage) {
  return stage > 0 && spec.activation == Activation::sign;
}

template <typename View>
BitMatrix apply_any(View x, const std::int32_t* weights, std::size_t n_units, bool signed_inputs,
                    const RunOptions& options) {
  const std::size_t n_inputs = n_inputs_of(x);
  require(n_inputs >= 1 && n_inputs <= max_own_inputs,
          "a row of weights must have 1 to 65,536 inputs, got " + std::to_string(n_inputs));
  require(n_units >= 1 && n_units <= max_width,
          "weights must have 1 to 2^28 rows, got " + std::to_string(n_units));
  const auto [low, high] = std::minmax_element(weights, weights + n_inputs * n_units);
  require(*low > -max_own_weight && *high < max_own_weight,
          "weights must lie between -2^22 and 2^22, got values from " + std::to_string(*low) +
              " to " + std::to_string(*high));
  const PreparedMatrix m = prepare_own_weights(weights, n_inputs, n_units, signed_inputs);
  constexpr Features reads = kind_of<View>;
  KernelPath path = choose_path(m.weight_bits, reads, n_inputs, x.n_samples);
  // Bit-planes are laid out for weights from a seed alone.
  if (path == KernelPath::popcount) {
    path = reads == Features::bits && can_look_up(m.weight_bits, n_inputs, x.n_samples)
               ? KernelPath::lut
               : KernelPath::dot;
  }
  return propagate_matrix(path, m, x, options);
}

}  // namespace

BitMatrix apply_weights(ByteView x, const std::int32_t* weights, std::size_t n_units,
                        const RunOptions& options) {
  return apply_any(x, weights, n_units, false, options);
}

BitMatrix apply_weights(BitView x, const std::int32_t* weights, std::size_t n_units,
                        Activation activation, const RunOptions& options) {
  return apply_any(x, weights, n_units, activation == Activation::sign, options);
}

// Prepared layouts of one matrix, published by compare-and-swap rather than under a mutex: a
// process forked while another thread prepares must not inherit a locked lock. Two threads may
// prepare the same matrix; the later one drops its copy.
struct Network::Slot {
  std::atomic<const PreparedMatrix*> layouts[2] = {{nullptr}, {nullptr}};
};

Network::Network(NetworkSpec spec) : spec_(std::move(spec)), shapes_(stage_shapes(spec_)) {
  std::size_t total = 0;
  for (std::size_t s = 0; s < n_stages() && total <= max_kept_bytes; ++s) {
    total += PreparedMatrix::estimate(WeightLayout::bytes, shapes_[s].fan_in, shapes_[s].n_units,
                                      spec_.stages[s].weight_bits);
  }
  keep_prepared_ = total <= max_kept_bytes;
  slots_ = std::make_unique<Slot[]>(n_stages());
}

Network::~Network() {
  for (std::size_t s = 0; s < n_stages(); ++s) {
    for (auto& layout : slots_[s].layouts) {
      delete layout.load();
    }
  }
}

std::shared_ptr<const PreparedMatrix> Network::prepared(std::size_t stage, WeightLayout wanted,
                                                        const RunOptions& options) const {
  auto& layout = slots_[stage].layouts[static_cast<std::size_t>(wanted)];
  const PreparedMatrix* kept = layout.load(std::memory_order_acquire);
  if (kept == nullptr) {
    // A convolution makes its own terms, which depend on the place of the patch.
    const bool signed_inputs =
        reads_signs(spec_, stage) && std::holds_alternative<Dense>(spec_.stages[stage].map);
    auto made = std::make_unique<const PreparedMatrix>(
        prepare_matrix(matrix_of(spec_, shapes_[stage], stage), wanted, signed_inputs, options));
    if (!keep_prepared_) {
      return made;
    }
    if (layout.compare_exchange_strong(kept, made.get(), std::memory_order_acq_rel)) {
      kept = made.release();
    }
  }
  return {kept, [](const PreparedMatrix*) {}};
}

template <typename View>
std::vector<BitMatrix> Network::propagate_any(View x, std::size_t first, std::size_t last,
                                              Keep keep, const RunOptions& options) const {
  require(first < last && last <= n_stages(), "stages [" + std::to_string(first) + ", " +
                                                  std::to_string(last) + ") are not among the " +
                                                  std::to_string(n_stages()) + " of the network");
  require(n_inputs_of(x) == shapes_[first].n_inputs, "X has " + std::to_string(n_inputs_of(x)) +
                                                         " features, the network expects " +
                                                         std::to_string(shapes_[first].n_inputs));
  require(kind_of<View> == Features::bits || first == 0,
          "stage " + std::to_string(first) + " reads bits, got bytes");

  const auto through = [&](std::size_t stage, const auto& input) {
    constexpr Features reads = kind_of<std::decay_t<decltype(input)>>;
    const StageShape& shape = shapes_[stage];
    const std::size_t rows =
        checked_product("rows x positions", input.n_samples, shape.n_outputs / shape.n_units);
    const KernelPath path = choose_path(spec_.stages[stage].weight_bits, reads, shape.fan_in, rows);
    const auto matrix = prepared(stage, layout_of(path), options);
    const auto* conv = std::get_if<Conv2D>(&spec_.stages[stage].map);
    if (conv == nullptr) {
      return propagate_matrix(path, *matrix, input, options);
    }
    const Geometry geometry{shape.in, shape.out, *conv};
    const RandomMatrix random = matrix_of(spec_, shape, stage);
    if constexpr (reads == Features::bytes) {
      return convolve(path, *matrix, geometry, random, input, options);
    } else {
      return convolve(path, *matrix, geometry, random, reads_signs(spec_, stage), input, options);
    }
  };
  std::vector<BitMatrix> outputs;
  BitMatrix current = through(first, x);
  for (std::size_t stage = first + 1; stage < last; ++stage) {
    BitMatrix next = through(stage, current.view());
    if (keep == Keep::all) {
      outputs.push_back(std::move(current));
    }
    current = std::move(next);
  }
  outputs.push_back(std::move(current));
  return outputs;
}

std::vector<BitMatrix> Network::propagate(ByteView x, std::size_t first, std::size_t last,
                                          Keep keep, const RunOptions& options) const {
  return propagate_any(x, first, last, keep, options);
}

std::vector<BitMatrix> Network::propagate(BitView x, std::size_t first, std::size_t last, Keep keep,
                                          const RunOptions& options) const {
  return propagate_any(x, first, last, keep, options);
}

const StageShape& Network::shape(std::size_t stage) const {
  require(stage < n_stages(), "stage must lie in [0, " + std::to_string(n_stages()) + "), got " +
                                  std::to_string(stage));
  return shapes_[stage];
}

void Network::weights(std::size_t stage, std::int32_t* out) const {
  const RandomMatrix matrix = matrix_of(spec_, shape(stage), stage);
  for_each_weight(matrix, [&](std::size_t unit, std::size_t k, std::int32_t w) {
    out[unit * matrix.n_inputs + k] = w;
  });
}

void Network::prepare(std::size_t stage, Features reads, const RunOptions& options) const {
  const RandomMatrix matrix = matrix_of(spec_, shape(stage), stage);
  const KernelPath path = choose_path(matrix.weight_bits, reads, matrix.n_inputs, 1 << 20);
  prepare_matrix(matrix, layout_of(path), reads_signs(spec_, stage), options);
}

std::size_t Network::prepared_bytes(std::size_t stage) const {
  (void)shape(stage);  // refuses a stage that is not there
  std::size_t total = 0;
  for (const auto& layout : slots_[stage].layouts) {
    const PreparedMatrix* kept = layout.load(std::memory_order_acquire);
    if (kept != nullptr) {
      total += kept->held_bytes();
    }
  }
  return total;
}

}  // namespace randprop
