// Random networks of step units: weights from a seed, activations one bit each.
//
// Weight of input k to unit i of matrix m: with g = i / 128, q = (i % 128) / 32, t = i % 32 and
// r = philox4x32_10({g, k, m, p}, {low, high half of the seed}), bit-plane p is (r[q] >> t) & 1;
// u is the unsigned number of the weight_bits planes, plane 0 the most significant, and the weight
// is w = 2 u - (2^weight_bits - 1). A unit's preactivation z is an exact integer, its output bit
// z > 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "randprop/bit_matrix.hpp"
#include "randprop/threads.hpp"

namespace randprop {

// How the next stage reads a bit: step as 0 or 1, sign as -1 or +1.
enum class Activation { step, sign };
// Which outputs of a chain are returned: those of the last stage, or of each.
enum class Keep { last, all };

// An image as a row of features or bits in the order (y, x, channel), channel fastest.
struct ImageShape {
  std::size_t height = 0;
  std::size_t width = 0;
  std::size_t channels = 0;

  std::size_t size() const noexcept { return height * width * channels; }
};

// A map that every unit sees all of.
struct Dense {
  std::size_t units = 0;
};

// Patches of kernel x kernel pixels, `stride` apart, each through the same matrix: unit i is output
// channel i, input k = (dy * kernel + dx) * channels_in + c. Pixels outside the image, `padding` of
// them on every side, add nothing to a preactivation.
struct Conv2D {
  std::size_t channels = 0;
  std::size_t kernel = 0;
  std::size_t stride = 1;
  std::size_t padding = 0;
};

// The shape of the output. Throws std::invalid_argument when the kernel does not fit the padded
// image, the padding is not below the kernel, or a number is 0 or beyond max_width.
ImageShape convolved(ImageShape image, const Conv2D& convolution);

// A random map and the step behind it.
struct Stage {
  std::variant<Dense, Conv2D> map;
  unsigned weight_bits = 8;  // 1, 2, 4, 8 or 24
};

struct NetworkSpec {
  std::size_t n_features = 0;
  std::vector<Stage> stages;
  Activation activation = Activation::step;
  std::uint64_t seed = 0;
  // A convolution reads the image of input_shape or of the convolution before it.
  ImageShape input_shape = {};
};

// What follows for one stage from those before it.
struct StageShape {
  std::size_t n_inputs = 0;   // features of a row
  std::size_t n_outputs = 0;  // bits of a row
  // Inputs and units of the weight matrix: of a convolution those of one patch.
  std::size_t fan_in = 0;
  std::size_t n_units = 0;
  ImageShape in, out;  // of a convolution
};

// The shapes of all stages. Throws std::invalid_argument where they do not fit each other or the
// limits above.
std::vector<StageShape> stage_shapes(const NetworkSpec& spec);

// Inputs and outputs of a stage: with 24-bit weights and 8-bit features, four times the largest
// preactivation still fits 63 bits.
constexpr std::size_t max_width = std::size_t{1} << 28;

enum class WeightLayout;  // of the library's own headers
struct PreparedMatrix;

class Network {
 public:
  // Throws std::invalid_argument for a spec outside the limits above.
  explicit Network(NetworkSpec spec);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  const NetworkSpec& spec() const noexcept { return spec_; }
  std::size_t n_stages() const noexcept { return shapes_.size(); }
  std::size_t n_outputs() const noexcept { return shapes_.back().n_outputs; }
  // Throws std::invalid_argument where there is no such stage.
  const StageShape& shape(std::size_t stage) const;

  // Sends x through stages [first, last). Features, or bits read as 0 and 1, when first is 0;
  // otherwise x must be bits and is read as the activation says. Throws std::invalid_argument on a
  // width mismatch, Interrupted when asked to stop.
  std::vector<BitMatrix> propagate(ByteView x, std::size_t first, std::size_t last, Keep keep,
                                   const RunOptions& options = {}) const;
  std::vector<BitMatrix> propagate(BitView x, std::size_t first, std::size_t last, Keep keep,
                                   const RunOptions& options = {}) const;

  // The integer weights of one stage, row i at out + i * shape(stage).fan_in.
  void weights(std::size_t stage, std::int32_t* out) const;
  // Lays out one stage as the kernels want it and drops the result: what a first call pays.
  void prepare(std::size_t stage, Features reads, const RunOptions& options = {}) const;
  // Bytes held by the weights of one stage prepared so far.
  std::size_t prepared_bytes(std::size_t stage) const;

 private:
  struct Slot;
  std::shared_ptr<const PreparedMatrix> prepared(std::size_t stage, WeightLayout layout,
                                                 const RunOptions& options) const;
  template <typename View>
  std::vector<BitMatrix> propagate_any(View x, std::size_t first, std::size_t last, Keep keep,
                                       const RunOptions& options) const;

  NetworkSpec spec_;
  std::vector<StageShape> shapes_;
  bool keep_prepared_ = true;
  std::unique_ptr<Slot[]> slots_;
};

// One matrix of integer weights of a caller, row i those of unit i: bits z > 0, exact, like
// Network::propagate. Throws std::invalid_argument when a weight's magnitude is not below
// max_own_weight or there are more than max_own_inputs of them in a row.
constexpr std::int32_t max_own_weight = std::int32_t{1} << 22;
constexpr std::size_t max_own_inputs = 65536;
BitMatrix apply_weights(ByteView x, const std::int32_t* weights, std::size_t n_units,
                        const RunOptions& options = {});
// x is read as the activation says.
BitMatrix apply_weights(BitView x, const std::int32_t* weights, std::size_t n_units,
                        Activation activation, const RunOptions& options = {});

// Which kernel a case uses at the SIMD level in use: "popcount", "dot" or "lut".
std::string kernel_choice(unsigned weight_bits, Features reads, std::size_t n_inputs,
                          std::size_t n_samples);
// The kernel used wherever it can serve the case: what use_kernel named, else RANDPROP_KERNEL (see
// read_environment); empty for none, which leaves the choice to the library. Both throw
// std::invalid_argument for a name that is no kernel.
std::string forced_kernel();
// Names it for all later computations of this process; empty for none.
void use_kernel(const std::string& name);

}  // namespace randprop
