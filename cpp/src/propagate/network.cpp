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
#include "propagate/few_inputs.hpp"
#include "propagate/geometry.hpp"
#include "propagate/kernel_choice.hpp"
#include "propagate/sparse.hpp"
#include "weights/drawn.hpp"
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
  return {spec.seed, stage, shape.n_patch, shape.n_units, spec.stages[stage].weight_bits};
}

void check_width(std::size_t n_features, const StageShape& shape) {
  require(n_features == shape.n_inputs, "X has " + std::to_string(n_features) +
                                            " features, the network expects " +
                                            std::to_string(shape.n_inputs));
}

const char* name_of(Features features) { return features == Features::bits ? "bits" : "bytes"; }

std::vector<std::uint64_t> column_counts(const BitView& bits) {
  constexpr std::size_t rows_at_a_time = 4096;
  std::vector<std::uint64_t> totals(bits.n_bits, 0);
  std::vector<std::uint32_t> counts(64 * bits.n_words());
  std::vector<const std::uint64_t*> rows;
  for (std::size_t start = 0; start < bits.n_samples; start += rows_at_a_time) {
    rows.clear();
    for (std::size_t s = start; s < std::min(bits.n_samples, start + rows_at_a_time); ++s) {
      rows.push_back(bits.row(s));
    }
    std::fill(counts.begin(), counts.end(), 0U);
    kernels::active().count_columns(rows.data(), rows.size(), bits.n_words(), counts.data());
    for (std::size_t k = 0; k < totals.size(); ++k) {
      totals[k] += counts[k];
    }
    poll_interrupt();
  }
  return totals;
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
  const KernelCase c{m.weight_bits, reads,
                     n_inputs,      n_units,
                     x.n_samples,   worthwhile_threads(x.n_samples, n_inputs, n_units, options),
                     false};
  const KernelPath path = choose_path(c).path;
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

// What a stage has beside its shape, made when it is first used.
struct Drawn {
  FewInputs few;  // thresholds always, inputs where the stage has a fan_in
  std::vector<std::size_t> dilations;
};

// What was made for one stage, published by compare-and-swap rather than under a mutex: a process
// forked while another thread prepares must not inherit a locked lock. Two threads may prepare the
// same matrix; the later one drops its copy.
struct Network::Slot {
  std::atomic<const PreparedMatrix*> layouts[2] = {{nullptr}, {nullptr}};
  std::atomic<const Drawn*> drawn{nullptr};
};

Network::Network(NetworkSpec spec) : spec_(std::move(spec)), shapes_(stage_shapes(spec_)) {
  std::size_t total = 0;
  for (std::size_t s = 0; s < n_stages() && total <= max_kept_bytes; ++s) {
    total += spec_.stages[s].fan_in != 0
                 ? spec_.stages[s].fan_in * shapes_[s].n_units * sizeof(std::uint32_t)
                 : PreparedMatrix::estimate(WeightLayout::bytes, shapes_[s].n_patch,
                                            shapes_[s].n_units, spec_.stages[s].weight_bits);
  }
  keep_prepared_ = total <= max_kept_bytes;
  slots_ = std::make_unique<Slot[]>(n_stages());
}

Network::~Network() {
  for (std::size_t s = 0; s < n_stages(); ++s) {
    for (auto& layout : slots_[s].layouts) {
      delete layout.load();
    }
    delete slots_[s].drawn.load();
  }
}

template <typename T, typename Make>
std::shared_ptr<const T> Network::kept(std::atomic<const T*>& slot, const Make& make) const {
  const T* found = slot.load(std::memory_order_acquire);
  if (found == nullptr) {
    auto made = std::make_unique<const T>(make());
    if (!keep_prepared_) {
      return made;
    }
    if (slot.compare_exchange_strong(found, made.get(), std::memory_order_acq_rel)) {
      found = made.release();
    }
  }
  return {found, [](const T*) {}};
}

std::shared_ptr<const Drawn> Network::drawn(std::size_t index) const {
  return kept(slots_[index].drawn, [&] {
    const Stage& stage = spec_.stages[index];
    const StageShape& shape = shapes_[index];
    const DrawnStage place{spec_.seed, index};
    Drawn made;
    made.few.fan_in = stage.fan_in;
    if (stage.fan_in != 0) {
      made.few.inputs = draw_inputs(place, shape.n_patch, shape.n_units, stage.fan_in);
    }
    made.few.thresholds = stage.thresholds.empty()
                              ? draw_thresholds(place, shape.n_units, stage.bias)
                              : stage.thresholds;
    if (draws_dilations(stage)) {
      const auto& series = std::get<Conv1D>(stage.map);
      made.dilations = draw_dilations(place, shape.n_units, series.kernel, shape.in.height);
    }
    return made;
  });
}

std::shared_ptr<const PreparedMatrix> Network::prepared(std::size_t stage, WeightLayout wanted,
                                                        const RunOptions& options) const {
  return kept(slots_[stage].layouts[static_cast<std::size_t>(wanted)], [&] {
    // A convolution makes its own terms, which depend on the place of the patch.
    const bool signed_inputs =
        reads_signs(stage) && std::holds_alternative<Dense>(spec_.stages[stage].map);
    return prepare_matrix(matrix_of(spec_, shapes_[stage], stage), wanted, signed_inputs,
                          drawn(stage)->few.thresholds, options);
  });
}

bool Network::reads_signs(std::size_t stage) const {
  return stage > 0 && spec_.activation == Activation::sign &&
         shapes_[stage - 1].gives == Features::bits;
}

template <typename View>
void Network::check_input(const View& x, std::size_t stage) const {
  check_width(n_inputs_of(x), shapes_[stage]);
  if (stage > 0) {
    const Features given = shapes_[stage - 1].gives;
    require(kind_of<View> == given, "stage " + std::to_string(stage) + " reads " + name_of(given) +
                                        ", got " + name_of(kind_of<View>));
  }
}

void Network::check_input(const SparseView& x, std::size_t stage) const {
  require(stage == 0, "only stage 0 reads sparse features, got stage " + std::to_string(stage));
  require(std::holds_alternative<Dense>(spec_.stages[0].map),
          "stage 0 is a convolution, which reads no sparse features");
  check_width(x.n_features, shapes_[0]);
  check_rows(x);
}

template <typename View, typename Few, typename Dense_, typename Convolve>
auto Network::with_stage(const View& x, std::size_t index, const RunOptions& options,
                         const Few& use_few, const Dense_& use_dense,
                         const Convolve& use_convolution) const {
  const Stage& stage = spec_.stages[index];
  const StageShape& shape = shapes_[index];
  const auto parts = drawn(index);
  const Geometry geometry = geometry_of(stage, shape);
  if (stage.fan_in != 0) {
    return use_few(parts->few, geometry, parts->dilations);
  }
  const RandomMatrix random = matrix_of(spec_, shape, index);
  const std::size_t rows = checked_product("rows x positions", x.n_samples, geometry.positions());
  const int threads = worthwhile_threads(rows, shape.n_patch, shape.n_units, options);
  const KernelPath path = choose_path({stage.weight_bits, kind_of<View>, shape.n_patch,
                                       shape.n_units, rows, threads, true})
                              .path;
  const auto matrix = prepared(index, layout_of(path), options);
  if (std::holds_alternative<Dense>(stage.map)) {
    return use_dense(path, *matrix);
  }
  return use_convolution(MapWeights{path, *matrix, random, parts->few.thresholds}, geometry,
                         parts->dilations);
}

template <typename View>
FeatureMatrix Network::through(const View& x, std::size_t stage, const RunOptions& options) const {
  const bool signs = reads_signs(stage);
  return with_stage(
      x, stage, options,
      [&](const FewInputs& few, const Geometry& g, const auto& dilations) {
        return propagate_few(few, g, dilations, signs, x, options);
      },
      [&](KernelPath path, const PreparedMatrix& matrix) -> FeatureMatrix {
        return propagate_matrix(path, matrix, x, options);
      },
      [&](const MapWeights& map, const Geometry& g, const auto& dilations) {
        return convolve(map, g, dilations, signs, x, options);
      });
}

BitMatrix Network::through(const SparseView& x, std::size_t stage,
                           const RunOptions& options) const {
  const auto parts = drawn(stage);
  if (spec_.stages[stage].fan_in != 0) {
    return propagate_sparse(parts->few, x, options);
  }
  return propagate_sparse(matrix_of(spec_, shapes_[stage], stage), parts->few.thresholds, x,
                          options);
}

template <typename View>
std::vector<std::uint64_t> Network::count_any(const View& x, std::size_t stage,
                                              const RunOptions& options) const {
  (void)shape(stage);  // refuses a stage that is not there
  check_input(x, stage);
  const bool signs = reads_signs(stage);
  return with_stage(
      x, stage, options,
      [&](const FewInputs& few, const Geometry& g, const auto& dilations) {
        return count_few(few, g, dilations, signs, x, options);
      },
      [&](KernelPath path, const PreparedMatrix& matrix) {
        const BitMatrix bits = propagate_matrix(path, matrix, x, options);
        return column_counts(bits.view());
      },
      [&](const MapWeights& map, const Geometry& g, const auto& dilations) {
        return count_convolution(map, g, dilations, signs, x, options);
      });
}

template <typename View>
std::vector<FeatureMatrix> Network::propagate_any(View x, std::size_t first, std::size_t last,
                                                  Keep keep, const RunOptions& options) const {
  require(first < last && last <= n_stages(), "stages [" + std::to_string(first) + ", " +
                                                  std::to_string(last) + ") are not among the " +
                                                  std::to_string(n_stages()) + " of the network");
  check_input(x, first);
  std::vector<FeatureMatrix> outputs;
  FeatureMatrix current = through(x, first, options);
  for (std::size_t stage = first + 1; stage < last; ++stage) {
    FeatureMatrix next = std::visit(
        [&](const auto& found) { return through(found.view(), stage, options); }, current);
    if (keep == Keep::all) {
      outputs.push_back(std::move(current));
    }
    current = std::move(next);
  }
  outputs.push_back(std::move(current));
  return outputs;
}

std::vector<FeatureMatrix> Network::propagate(ByteView x, std::size_t first, std::size_t last,
                                              Keep keep, const RunOptions& options) const {
  return propagate_any(x, first, last, keep, options);
}

std::vector<FeatureMatrix> Network::propagate(BitView x, std::size_t first, std::size_t last,
                                              Keep keep, const RunOptions& options) const {
  return propagate_any(x, first, last, keep, options);
}

std::vector<FeatureMatrix> Network::propagate(SparseView x, std::size_t first, std::size_t last,
                                              Keep keep, const RunOptions& options) const {
  return propagate_any(x, first, last, keep, options);
}

std::vector<std::uint64_t> Network::count_set(ByteView x, std::size_t stage,
                                              const RunOptions& options) const {
  return count_any(x, stage, options);
}

std::vector<std::uint64_t> Network::count_set(BitView x, std::size_t stage,
                                              const RunOptions& options) const {
  return count_any(x, stage, options);
}

std::vector<std::uint64_t> Network::count_set(SparseView x, std::size_t stage,
                                              const RunOptions& options) const {
  (void)shape(stage);  // refuses a stage that is not there
  check_input(x, stage);
  return column_counts(through(x, stage, options).view());
}

template <typename View>
std::vector<std::int64_t> Network::ranked_any(const View& x, std::size_t stage,
                                              const std::vector<std::uint64_t>& ranks,
                                              const RunOptions& options) const {
  const StageShape& sizes = shape(stage);
  check_input(x, stage);
  if (spec_.stages[stage].fan_in == 0) {
    return {};
  }
  const auto parts = drawn(stage);
  const Geometry g = geometry_of(spec_.stages[stage], sizes);
  require(ranks.size() == sizes.n_units, "ranks must be " + std::to_string(sizes.n_units) +
                                             ", one per unit, got " + std::to_string(ranks.size()));
  for (std::size_t unit = 0; unit < ranks.size(); ++unit) {
    const std::size_t positions =
        parts->dilations.empty() ? g.positions() : dilated(g, parts->dilations[unit]).positions();
    const std::size_t n_sums = checked_product("rows x positions", x.n_samples, positions);
    require(ranks[unit] < n_sums, "rank " + std::to_string(ranks[unit]) + " of unit " +
                                      std::to_string(unit) + " is not below its " +
                                      std::to_string(n_sums) + " sums");
  }
  return randprop::ranked_sums(parts->few, g, parts->dilations, reads_signs(stage), x, ranks,
                               options);
}

std::vector<std::int64_t> Network::ranked_sums(ByteView x, std::size_t stage,
                                               const std::vector<std::uint64_t>& ranks,
                                               const RunOptions& options) const {
  return ranked_any(x, stage, ranks, options);
}

std::vector<std::int64_t> Network::ranked_sums(BitView x, std::size_t stage,
                                               const std::vector<std::uint64_t>& ranks,
                                               const RunOptions& options) const {
  return ranked_any(x, stage, ranks, options);
}

const StageShape& Network::shape(std::size_t stage) const {
  require(stage < n_stages(), "stage must lie in [0, " + std::to_string(n_stages()) + "), got " +
                                  std::to_string(stage));
  return shapes_[stage];
}

void Network::weights(std::size_t stage, std::int32_t* out) const {
  const StageShape& sizes = shape(stage);
  const RandomMatrix matrix = matrix_of(spec_, sizes, stage);
  if (spec_.stages[stage].fan_in != 0) {
    const FewInputs& few = drawn(stage)->few;
    std::fill_n(out, sizes.n_units * sizes.n_patch, 0);
    for (std::size_t i = 0; i < few.inputs.size(); ++i) {
      out[i / few.fan_in * sizes.n_patch + few.inputs[i]] = i % few.fan_in < few.n_plus() ? 1 : -1;
    }
    return;
  }
  for_each_weight(matrix, [&](std::size_t unit, std::size_t k, std::int32_t w) {
    out[unit * matrix.n_inputs + k] = w;
  });
}

std::vector<std::int64_t> Network::thresholds(std::size_t stage) const {
  (void)shape(stage);
  return drawn(stage)->few.thresholds;
}

std::vector<std::size_t> Network::dilations(std::size_t stage) const {
  (void)shape(stage);
  return drawn(stage)->dilations;
}

void Network::prepare(std::size_t stage, Features reads, const RunOptions& options) const {
  const RandomMatrix matrix = matrix_of(spec_, shape(stage), stage);
  if (spec_.stages[stage].fan_in != 0) {
    draw_inputs({spec_.seed, stage}, matrix.n_inputs, matrix.n_units, spec_.stages[stage].fan_in);
    return;
  }
  constexpr std::size_t many = 1 << 20;
  const KernelPath path =
      choose_path({matrix.weight_bits, reads, matrix.n_inputs, matrix.n_units, many, 1, true}).path;
  prepare_matrix(matrix, layout_of(path), reads_signs(stage), drawn(stage)->few.thresholds,
                 options);
}

std::size_t Network::prepared_bytes(std::size_t stage) const {
  (void)shape(stage);  // refuses a stage that is not there
  std::size_t total = 0;
  for (const auto& layout : slots_[stage].layouts) {
    const PreparedMatrix* found = layout.load(std::memory_order_acquire);
    if (found != nullptr) {
      total += found->held_bytes();
    }
  }
  const Drawn* found = slots_[stage].drawn.load(std::memory_order_acquire);
  if (found != nullptr) {
    total += found->few.inputs.size() * sizeof(std::uint32_t);
  }
  return total;
}

}  // namespace randprop
