// A network and a readout from a file that Python's randprop.save wrote.
//
//   const auto model = randprop::Model::load("digits.safetensors");
//   const auto found = model.predict(randprop::ByteView{pixels, 1, 784});
//   std::puts(model.labels()[found[0]].c_str());
//
// Bits, distances and labels are those of Python, but for ridge and the discriminant, whose scores
// are sums of doubles that may differ in the last bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "randprop/bit_matrix.hpp"
#include "randprop/network.hpp"
#include "randprop/threads.hpp"

namespace randprop {

// A file is damaged, cut short, of a newer version, or no model. The message says which.
class ModelError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The newest version of the file format that this library reads.
constexpr unsigned model_format_version = 1;

class Model {
 public:
  // Throws ModelError, also where path is no regular file; std::ios_base::failure when the file
  // cannot be read. On Windows the path is UTF-8.
  static Model load(const std::string& path);
  // The same for the bytes of a file. `name` stands for it in messages.
  static Model parse(const void* data, std::size_t size, const std::string& name = "model");

  ~Model();
  Model(Model&& other) noexcept;
  Model& operator=(Model&& other) noexcept;

  const Network& network() const noexcept;
  std::size_t n_features() const noexcept;
  // Labels as text, in the order of the classes.
  const std::vector<std::string>& labels() const noexcept;
  // Names of the features, in their order; empty where the model has none.
  const std::vector<std::string>& feature_names() const noexcept;

  // Features as the network reads them: bytes by the model's ranges, or 0 and 1 by its level. They
  // are rows, whole or begun, and out has n values as well. Features that are not finite become 0
  // or 255, or 0 or 1; NaN is 0.
  void to_bytes(const double* features, std::size_t n, std::uint8_t* out) const noexcept;
  // Position in labels() of each sample's class; x enters the network as it is. Throws
  // std::invalid_argument when x has another number of features than the network, or other values
  // than 0 and 1 where the model has a level.
  std::vector<std::size_t> predict(ByteView x, const RunOptions& options = {}) const;
  // The same for n_samples rows of n_features() numbers, mapped by to_bytes.
  std::vector<std::size_t> predict(const double* features, std::size_t n_samples,
                                   const RunOptions& options = {}) const;

 private:
  struct Parts;
  explicit Model(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace randprop
