// Random networks of step units: weights from a seed, activations one bit each.
//
// Weight of input k to unit i of matrix m: with g = i / 128, q = (i % 128) / 32, t = i % 32 and
// r = philox4x32_10({g, k, m, p}, {low, high half of the seed}), bit-plane p is (r[q] >> t) & 1;
// u is the unsigned number of the weight_bits planes, plane 0 the most significant, and the weight
// is w = 2 u - (2^weight_bits - 1). A unit's preactivation z is an exact integer, its output bit
// z > t, its threshold.
//
// With fan_in f, unit i looks at f distinct inputs, those of weight +1 first, (f + 1) / 2 of them,
// then those of weight -1: the words v of the blocks ({i, j, m, 2^31}), j = 0, 1, ..., name input
// (v n_inputs) >> 32 each. Thresholds are given, or ((v (2 bias + 1)) >> 32) - bias with v the
// first word of ({i, 0, m, 2^31 + 1}). Drawn dilations are powers of 2, by the first word of
// ({i, 0, m, 2^31 + 2}).
#pragma once

#include <atomic>
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

// Numbers for y and x; one number stands for both.
struct Extent {
  std::size_t y = 0;
  std::size_t x = 0;

  constexpr Extent(std::size_t both = 0) : y(both), x(both) {}  // NOLINT: meant to convert
  constexpr Extent(std::size_t down, std::size_t across) : y(down), x(across) {}
};

// A map that every unit sees all of.
struct Dense {
  std::size_t units = 0;
};

// Patches of kernel.y x kernel.x pixels that are `dilation` apart, patches `stride` apart, each
// through the same matrix: unit i is output channel i, input k = (dy * kernel.x + dx) *
// channels_in + c. Pixels outside the image, `padding` of them on every side, add nothing to a
// preactivation. With a pool, the set bits of pool.y x pool.x windows of the map are counted, and
// the stage puts out bytes.
struct Conv2D {
  std::size_t channels = 0;
  Extent kernel;
  Extent stride = 1;
  Extent padding = 0;
  Extent dilation = 1;
  Extent pool = 0;  // 0: the bits
};

// The same along a series.
struct Conv1D {
  std::size_t channels = 0;
  std::size_t kernel = 0;
  std::size_t stride = 1;
  std::size_t padding = 0;
  std::size_t dilation = 1;  // 0: drawn for each channel; then padding is 0 and pool 1
  std::size_t pool = 0;      // 0: the bits
};

// The positions of the map before any counts. Throws std::invalid_argument when the kernel does not
// fit the padded image, the padding is not below the kernel, or a number is 0 or beyond max_width.
ImageShape convolved(ImageShape image, const Conv2D& convolution);

// A random map, and the step behind it.
struct Stage {
  std::variant<Dense, Conv2D, Conv1D> map;
  unsigned weight_bits = 8;  // 1, 2, 4, 8 or 24
  std::size_t fan_in = 0;    // inputs a unit looks at, in place of weight_bits; 0: all
  std::int64_t bias = 0;     // of drawn thresholds, in [0, 2^31)
  std::vector<std::int64_t> thresholds = {};  // given ones, one a unit, in place of bias
};

struct NetworkSpec {
  std::size_t n_features = 0;
  std::vector<Stage> stages;
  Activation activation = Activation::step;
  std::uint64_t seed = 0;
  // A convolution reads the image of input_shape or of the convolution before it; a series has
  // width 1.
  ImageShape input_shape = {};
};

// What follows for one stage from those before it.
struct StageShape {
  std::size_t n_inputs = 0;   // features of a row
  std::size_t n_outputs = 0;  // bits or bytes of a row
  Features gives = Features::bits;
  // Inputs and units of the weight matrix: of a convolution those of one patch.
  std::size_t n_patch = 0;
  std::size_t n_units = 0;
  ImageShape in, map, out;  // of a convolution; out is the map, or its windows
};

// The shapes of all stages. Throws std::invalid_argument where they do not fit each other or the
// limits above.
std::vector<StageShape> stage_shapes(const NetworkSpec& spec);

// Inputs and outputs of a stage: with 24-bit weights and 8-bit features, four times the largest
// preactivation still fits 63 bits.
constexpr std::size_t max_width = std::size_t{1} << 28;

enum class WeightLayout;  // of the library's own headers
struct PreparedMatrix;
struct Drawn;

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
  Features gives() const noexcept { return shapes_.back().gives; }
  // Throws std::invalid_argument where there is no such stage.
  const StageShape& shape(std::size_t stage) const;

  // Sends x through stages [first, last). Features, or bits read as 0 and 1, when first is 0;
  // otherwise x must be bits and is read as the activation says. Throws std::invalid_argument on a
  // width mismatch, Interrupted when asked to stop.
  std::vector<FeatureMatrix> propagate(ByteView x, std::size_t first, std::size_t last, Keep keep,
                                       const RunOptions& options = {}) const;
  std::vector<FeatureMatrix> propagate(BitView x, std::size_t first, std::size_t last, Keep keep,
                                       const RunOptions& options = {}) const;
  // The same features of a sparse matrix: first is 0, and that stage is Dense. Throws
  // std::invalid_argument, before anything is computed, where the view is not as it says.
  std::vector<FeatureMatrix> propagate(SparseView x, std::size_t first, std::size_t last, Keep keep,
                                       const RunOptions& options = {}) const;
  // How often each unit of a stage is set over the samples and positions of x, which is what the
  // stage reads.
  std::vector<std::uint64_t> count_set(ByteView x, std::size_t stage,
                                       const RunOptions& options = {}) const;
  std::vector<std::uint64_t> count_set(BitView x, std::size_t stage,
                                       const RunOptions& options = {}) const;
  std::vector<std::uint64_t> count_set(SparseView x, std::size_t stage,
                                       const RunOptions& options = {}) const;

  // Of each unit of a stage with a fan_in the sum, over the samples and positions of x, that has a
  // rank from 0 among them. Empty where the stage has none, or the sums are too many to be held at
  // a time. Throws std::invalid_argument unless there is a rank below the number of sums for each
  // unit.
  std::vector<std::int64_t> ranked_sums(ByteView x, std::size_t stage,
                                        const std::vector<std::uint64_t>& ranks,
                                        const RunOptions& options = {}) const;
  std::vector<std::int64_t> ranked_sums(BitView x, std::size_t stage,
                                        const std::vector<std::uint64_t>& ranks,
                                        const RunOptions& options = {}) const;

  // The integer weights of one stage, row i at out + i * shape(stage).n_patch.
  void weights(std::size_t stage, std::int32_t* out) const;
  // The thresholds of one stage, given or drawn.
  std::vector<std::int64_t> thresholds(std::size_t stage) const;
  // The dilations of its channels where they are drawn; empty otherwise.
  std::vector<std::size_t> dilations(std::size_t stage) const;
  // Lays out one stage as the kernels want it and drops the result: what a first call pays.
  void prepare(std::size_t stage, Features reads, const RunOptions& options = {}) const;
  // Bytes held by the weights of one stage prepared so far.
  std::size_t prepared_bytes(std::size_t stage) const;

 private:
  struct Slot;
  // What `slot` holds, made first where it holds nothing.
  template <typename T, typename Make>
  std::shared_ptr<const T> kept(std::atomic<const T*>& slot, const Make& make) const;
  std::shared_ptr<const Drawn> drawn(std::size_t stage) const;
  std::shared_ptr<const PreparedMatrix> prepared(std::size_t stage, WeightLayout layout,
                                                 const RunOptions& options) const;
  // Whether a stage reads bits as -1 and +1.
  bool reads_signs(std::size_t stage) const;
  template <typename View>
  void check_input(const View& x, std::size_t stage) const;
  void check_input(const SparseView& x, std::size_t stage) const;
  // Calls what suits the stage: a map of few inputs, a matrix, or a convolution.
  template <typename View, typename Few, typename Dense_, typename Convolve>
  auto with_stage(const View& x, std::size_t index, const RunOptions& options, const Few& use_few,
                  const Dense_& use_dense, const Convolve& use_convolution) const;
  template <typename View>
  FeatureMatrix through(const View& x, std::size_t stage, const RunOptions& options) const;
  BitMatrix through(const SparseView& x, std::size_t stage, const RunOptions& options) const;
  template <typename View>
  std::vector<std::uint64_t> count_any(const View& x, std::size_t stage,
                                       const RunOptions& options) const;
  template <typename View>
  std::vector<std::int64_t> ranked_any(const View& x, std::size_t stage,
                                       const std::vector<std::uint64_t>& ranks,
                                       const RunOptions& options) const;
  template <typename View>
  std::vector<FeatureMatrix> propagate_any(View x, std::size_t first, std::size_t last, Keep keep,
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

// Which kernel a case uses at the SIMD level in use: "popcount", "dot" or "lut". n_units 0: as many
// as inputs. Results do not depend on it. A case that takes longer than a measurement is measured,
// once a process for all that are like it, and keeps the kernel of a table unless another is
// clearly faster; the others are by the table. On more than one thread look-ups need more samples.
std::string kernel_choice(unsigned weight_bits, Features reads, std::size_t n_inputs,
                          std::size_t n_samples, std::size_t n_units = 0);
// Why: "table", or what was measured, or what leaves no choice.
std::string kernel_reason(unsigned weight_bits, Features reads, std::size_t n_inputs,
                          std::size_t n_samples, std::size_t n_units = 0);
// Whether kernels are measured: what use_measuring said, else RANDPROP_MEASURE, 0 or 1 (see
// read_environment), else true. Throws std::invalid_argument for another value of the variable.
bool measuring();
// For all later computations of this process. Where it is off, the table alone is used.
void use_measuring(bool on);
// The kernel used wherever it can serve the case: what use_kernel named, else RANDPROP_KERNEL (see
// read_environment); empty for none, which leaves the choice to the library. Both throw
// std::invalid_argument for a name that is no kernel.
std::string forced_kernel();
// Names it for all later computations of this process; empty for none.
void use_kernel(const std::string& name);

}  // namespace randprop
