#include "randprop/network.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "choice.hpp"
#include "prepared.hpp"
#include "propagate.hpp"

namespace randprop {
namespace {

// Prepared weights beyond this are laid out anew for each call: a chain of 65 matrices of width
// 16,384 would hold 17 GB.
constexpr std::size_t max_kept_bytes = std::size_t{256} << 20;

std::size_t n_inputs_of(const BitView& x) { return x.n_bits; }
std::size_t n_inputs_of(const ByteView& x) { return x.n_features; }

WeightLayout layout_of(KernelPath path) {
  return path == KernelPath::popcount ? WeightLayout::planes : WeightLayout::bytes;
}

void require(bool condition, const std::string& message) {
  if (!condition) throw std::invalid_argument(message);
}

}  // namespace

// Prepared layouts of one matrix, published by compare-and-swap rather than under a mutex: a
// process forked while another thread prepares must not inherit a locked lock. Two threads may
// prepare the same matrix; the later one drops its copy.
struct Network::Slot {
  std::atomic<const PreparedMatrix*> layouts[2] = {{nullptr}, {nullptr}};
};

Network::Network(NetworkSpec spec) : spec_(std::move(spec)) {
  const auto width_ok = [](std::size_t width) { return width >= 1 && width <= max_width; };
  require(width_ok(spec_.n_features),
          "n_features must lie in [1, 2^28], got " + std::to_string(spec_.n_features));
  require(!spec_.widths.empty(), "widths must name at least one matrix, got none");
  for (std::size_t width : spec_.widths) {
    require(width_ok(width), "width must lie in [1, 2^28], got " + std::to_string(width));
  }
  const unsigned b = spec_.weight_bits;
  require(b == 1 || b == 2 || b == 4 || b == 8 || b == 24,
          "weight_bits must be 1, 2, 4, 8 or 24, got " + std::to_string(b));
  std::size_t total = 0;
  for (std::size_t m = 0; m < n_matrices() && total <= max_kept_bytes; ++m) {
    total += PreparedMatrix::estimate(WeightLayout::bytes, n_inputs(m), spec_.widths[m], b);
  }
  keep_prepared_ = total <= max_kept_bytes;
  slots_ = std::make_unique<Slot[]>(n_matrices());
}

Network::~Network() {
  for (std::size_t m = 0; m < n_matrices(); ++m) {
    for (auto& layout : slots_[m].layouts) delete layout.load();
  }
}

std::shared_ptr<const PreparedMatrix> Network::prepared(std::size_t matrix, int layout_index,
                                                        const RunOptions& options) const {
  const auto wanted = static_cast<WeightLayout>(layout_index);
  auto& layout = slots_[matrix].layouts[layout_index];
  const PreparedMatrix* kept = layout.load(std::memory_order_acquire);
  if (kept == nullptr) {
    const bool signed_inputs = matrix > 0 && spec_.activation == Activation::sign;
    auto made = std::make_unique<const PreparedMatrix>(
        prepare_matrix(spec_, matrix, wanted, signed_inputs, options));
    if (!keep_prepared_) return made;
    if (layout.compare_exchange_strong(kept, made.get(), std::memory_order_acq_rel)) {
      kept = made.release();
    }
  }
  return {kept, [](const PreparedMatrix*) {}};
}

template <typename View>
std::vector<BitMatrix> Network::propagate_any(View x, std::size_t first, std::size_t last, bool all,
                                              const RunOptions& options) const {
  require(first < last && last <= n_matrices(),
          "matrices [" + std::to_string(first) + ", " + std::to_string(last) +
              ") are not among the " + std::to_string(n_matrices()) + " of the network");
  require(n_inputs_of(x) == n_inputs(first), "X has " + std::to_string(n_inputs_of(x)) +
                                                 " features, the network expects " +
                                                 std::to_string(n_inputs(first)));
  constexpr bool bytes_input = std::is_same<View, ByteView>::value;
  require(!bytes_input || first == 0, "matrix " + std::to_string(first) + " reads bits, got bytes");

  std::vector<BitMatrix> outputs;
  const auto through = [&](std::size_t m, const auto& input) {
    constexpr bool bytes = std::is_same<std::decay_t<decltype(input)>, ByteView>::value;
    const KernelPath path = choose_path(spec_.weight_bits, bytes, n_inputs(m), input.n_samples);
    return propagate_matrix(path, *prepared(m, static_cast<int>(layout_of(path)), options), input,
                            options);
  };
  BitMatrix current = through(first, x);
  for (std::size_t m = first + 1; m < last; ++m) {
    BitMatrix next = through(m, current.view());
    if (all) outputs.push_back(std::move(current));
    current = std::move(next);
  }
  outputs.push_back(std::move(current));
  return outputs;
}

std::vector<BitMatrix> Network::propagate(ByteView x, std::size_t first, std::size_t last, bool all,
                                          const RunOptions& options) const {
  return propagate_any(x, first, last, all, options);
}

std::vector<BitMatrix> Network::propagate(BitView x, std::size_t first, std::size_t last, bool all,
                                          const RunOptions& options) const {
  return propagate_any(x, first, last, all, options);
}

void Network::weights(std::size_t matrix, std::int32_t* out) const {
  require(matrix < n_matrices(), "matrix must lie in [0, " + std::to_string(n_matrices()) +
                                     "), got " + std::to_string(matrix));
  const std::size_t n_in = n_inputs(matrix);
  const std::size_t n_out = spec_.widths[matrix];
  const unsigned b = spec_.weight_bits;
  for (std::size_t block = 0; block * 128 < n_out; ++block) {
    generate_tiles(spec_.seed, matrix, n_in, n_out, b, block, [&](const WeightTile& tile) {
      const std::size_t first = tile.batch * 64;
      const std::size_t present = std::min<std::size_t>(64, n_in - first);
      for (std::size_t unit = 0; unit < tile.n_units; ++unit) {
        std::int32_t* row = out + (tile.unit0 + unit) * n_in + first;
        for (std::size_t t = 0; t < present; ++t) {
          std::int32_t u = 0;
          for (unsigned p = 0; p < b; ++p) {
            u = 2 * u +
                static_cast<std::int32_t>((tile.bits[std::size_t{p} * 128 + unit] >> t) & 1U);
          }
          row[t] = 2 * u - ((std::int32_t{1} << b) - 1);
        }
      }
    });
  }
}

void Network::prepare(std::size_t matrix, bool bytes_input, const RunOptions& options) const {
  require(matrix < n_matrices(), "matrix must lie in [0, " + std::to_string(n_matrices()) +
                                     "), got " + std::to_string(matrix));
  const bool signed_inputs = matrix > 0 && spec_.activation == Activation::sign;
  prepare_matrix(spec_, matrix,
                 layout_of(choose_path(spec_.weight_bits, bytes_input, n_inputs(matrix), 1 << 20)),
                 signed_inputs, options);
}

std::size_t Network::prepared_bytes() const noexcept {
  std::size_t total = 0;
  for (std::size_t m = 0; m < n_matrices(); ++m) {
    for (const auto& layout : slots_[m].layouts) {
      const PreparedMatrix* kept = layout.load(std::memory_order_acquire);
      if (kept != nullptr) total += kept->held_bytes();
    }
  }
  return total;
}

}  // namespace randprop
