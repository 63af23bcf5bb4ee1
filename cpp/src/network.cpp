#include "randprop/network.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "choice.hpp"
#include "convolve.hpp"
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
  constexpr bool bytes = std::is_same<View, ByteView>::value;
  KernelPath path = choose_path(m.weight_bits, bytes, n_inputs, x.n_samples);
  // Bit-planes are laid out for weights from a seed alone.
  if (path == KernelPath::popcount) {
    path = !bytes && can_look_up(m.weight_bits, n_inputs, x.n_samples) ? KernelPath::lut
                                                                       : KernelPath::dot;
  }
  return propagate_matrix(path, m, x, options);
}

}  // namespace

ImageShape convolved(ImageShape image, const Convolution& c) {
  for (const std::size_t number :
       {image.height, image.width, image.channels, c.channels, c.kernel, c.stride, c.padding + 1}) {
    require(
        number >= 1 && number <= max_width,
        "sizes of images and convolutions must lie in [1, 2^28], got " + std::to_string(number));
  }
  require(c.padding < c.kernel, "padding must be below the kernel, " + std::to_string(c.kernel) +
                                    ", got " + std::to_string(c.padding));
  require(c.kernel <= image.height + 2 * c.padding && c.kernel <= image.width + 2 * c.padding,
          "a kernel of " + std::to_string(c.kernel) + " does not fit an image of " +
              std::to_string(image.height) + " x " + std::to_string(image.width) +
              " with a padding of " + std::to_string(c.padding));
  const ImageShape out{(image.height + 2 * c.padding - c.kernel) / c.stride + 1,
                       (image.width + 2 * c.padding - c.kernel) / c.stride + 1, c.channels};
  require(out.height <= max_width / out.width && out.height * out.width <= max_width / c.channels &&
              c.kernel * c.kernel <= max_width / image.channels,
          "the convolution has more than 2^28 output bits or inputs of a patch");
  return out;
}

ImageShape image_before(const NetworkSpec& spec, std::size_t matrix) {
  ImageShape image = spec.input_shape;
  for (std::size_t m = 0; m < matrix; ++m) {
    require(spec.is_convolution(m), "matrix " + std::to_string(matrix) +
                                        " is a convolution and needs an image, but matrix " +
                                        std::to_string(m) + " is dense");
    image = convolved(image, spec.convolutions[m]);
  }
  return image;
}

std::size_t fan_in(const NetworkSpec& spec, std::size_t matrix) {
  if (!spec.is_convolution(matrix)) {
    return matrix == 0 ? spec.n_features : spec.widths[matrix - 1];
  }
  const std::size_t kernel = spec.convolutions[matrix].kernel;
  const std::size_t channels =
      matrix == 0 ? spec.input_shape.channels : spec.convolutions[matrix - 1].channels;
  return kernel * kernel * channels;
}

std::size_t n_units(const NetworkSpec& spec, std::size_t matrix) {
  return spec.is_convolution(matrix) ? spec.convolutions[matrix].channels : spec.widths[matrix];
}

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
  require(spec_.convolutions.empty() || spec_.convolutions.size() == spec_.widths.size(),
          "convolutions must have an entry for each of the " + std::to_string(n_matrices()) +
              " matrices, got " + std::to_string(spec_.convolutions.size()));
  for (std::size_t m = 0; m < n_matrices(); ++m) {
    if (!spec_.is_convolution(m)) continue;
    const ImageShape in = image_before(spec_, m);
    require(in.size() == n_inputs(m), "the image before matrix " + std::to_string(m) + " has " +
                                          std::to_string(in.size()) + " features, the matrix " +
                                          std::to_string(n_inputs(m)));
    require(convolved(in, spec_.convolutions[m]).size() == spec_.widths[m],
            "width of matrix " + std::to_string(m) + " must be that of the convolved image, " +
                std::to_string(convolved(in, spec_.convolutions[m]).size()) + ", got " +
                std::to_string(spec_.widths[m]));
  }
  std::size_t total = 0;
  for (std::size_t m = 0; m < n_matrices() && total <= max_kept_bytes; ++m) {
    total += PreparedMatrix::estimate(WeightLayout::bytes, fan_in(spec_, m), n_units(spec_, m), b);
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
    // A convolution makes its own terms, which depend on the place of the patch.
    const bool signed_inputs =
        matrix > 0 && spec_.activation == Activation::sign && !spec_.is_convolution(matrix);
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
    const bool convolution = spec_.is_convolution(m);
    const std::size_t rows =
        convolution ? input.n_samples * (spec_.widths[m] / n_units(spec_, m)) : input.n_samples;
    const KernelPath path = choose_path(spec_.weight_bits, bytes, fan_in(spec_, m), rows);
    const auto matrix = prepared(m, static_cast<int>(layout_of(path)), options);
    return convolution ? convolve(path, *matrix, spec_, m, input, options)
                       : propagate_matrix(path, *matrix, input, options);
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
  const std::size_t n_in = fan_in(spec_, matrix);
  for (std::size_t block = 0; block * 128 < n_units(spec_, matrix); ++block) {
    for_each_weight(spec_, matrix, block, [&](std::size_t unit, std::size_t k, std::int32_t w) {
      out[unit * n_in + k] = w;
    });
  }
}

void Network::prepare(std::size_t matrix, bool bytes_input, const RunOptions& options) const {
  require(matrix < n_matrices(), "matrix must lie in [0, " + std::to_string(n_matrices()) +
                                     "), got " + std::to_string(matrix));
  const bool signed_inputs = matrix > 0 && spec_.activation == Activation::sign;
  prepare_matrix(
      spec_, matrix,
      layout_of(choose_path(spec_.weight_bits, bytes_input, fan_in(spec_, matrix), 1 << 20)),
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
