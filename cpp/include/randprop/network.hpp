// Random networks of step units: weights from a seed, activations one bit each.
//
// Weight of input k to unit i of matrix m: with g = i / 128, q = (i % 128) / 32, t = i % 32 and
// r = philox4x32_10({g, k, m, p}, {low, high half of the seed}), bit-plane p is (r[q] >> t) & 1;
// u is the unsigned number of the weight_bits planes, plane 0 the most significant, and the weight
// is w = 2 u - (2^weight_bits - 1). A unit's preactivation z is an exact integer, its output bit
// z > 0.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "randprop/bit_matrix.hpp"
#include "randprop/threads.hpp"

namespace randprop {

// How the next matrix reads a bit: step as 0 or 1, sign as -1 or +1.
enum class Activation { step, sign };

// Read-only view of unsigned 8-bit features, rows without gaps.
struct ByteView {
  const std::uint8_t* data = nullptr;
  std::size_t n_samples = 0;
  std::size_t n_features = 0;
};

struct NetworkSpec {
  std::size_t n_features = 0;
  std::vector<std::size_t> widths;  // outputs of each weight matrix
  unsigned weight_bits = 8;         // 1, 2, 4, 8 or 24
  Activation activation = Activation::step;
  std::uint64_t seed = 0;
};

// Inputs and outputs of a matrix: with 24-bit weights and 8-bit features, four times the largest
// preactivation still fits 63 bits.
constexpr std::size_t max_width = std::size_t{1} << 28;

struct PreparedMatrix;

class Network {
 public:
  // Throws std::invalid_argument for a spec outside the limits above.
  explicit Network(NetworkSpec spec);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  const NetworkSpec& spec() const noexcept { return spec_; }
  std::size_t n_matrices() const noexcept { return spec_.widths.size(); }
  std::size_t n_inputs(std::size_t matrix) const noexcept {
    return matrix == 0 ? spec_.n_features : spec_.widths[matrix - 1];
  }

  // Sends x through matrices [first, last) and returns the bits behind the last, or with `all`
  // those behind each. Features, or bits read as 0 and 1, when first is 0; otherwise x must be
  // bits and is read as the activation says. Throws std::invalid_argument on a width mismatch,
  // Interrupted when asked to stop.
  std::vector<BitMatrix> propagate(ByteView x, std::size_t first, std::size_t last, bool all,
                                   const RunOptions& options = {}) const;
  std::vector<BitMatrix> propagate(BitView x, std::size_t first, std::size_t last, bool all,
                                   const RunOptions& options = {}) const;

  // The integer weights of one matrix, row i at out + i * n_inputs(matrix).
  void weights(std::size_t matrix, std::int32_t* out) const;
  // Lays out one matrix as the kernels want it and drops the result: what a first call pays.
  void prepare(std::size_t matrix, bool bytes_input, const RunOptions& options = {}) const;
  // Bytes held by the weights prepared so far.
  std::size_t prepared_bytes() const noexcept;

 private:
  struct Slot;
  // layout_index: a WeightLayout of the library's own headers.
  std::shared_ptr<const PreparedMatrix> prepared(std::size_t matrix, int layout_index,
                                                 const RunOptions& options) const;
  template <typename View>
  std::vector<BitMatrix> propagate_any(View x, std::size_t first, std::size_t last, bool all,
                                       const RunOptions& options) const;

  NetworkSpec spec_;
  bool keep_prepared_ = true;
  std::unique_ptr<Slot[]> slots_;
};

// Which kernel a case uses at the SIMD level in use: "popcount", "dot" or "lut". RANDPROP_KERNEL
// names one to be used wherever it can serve the case.
std::string kernel_choice(unsigned weight_bits, bool bytes_input, std::size_t n_inputs,
                          std::size_t n_samples);

}  // namespace randprop
