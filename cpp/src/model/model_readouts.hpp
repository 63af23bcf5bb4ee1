// The readouts that a model file may hold.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "model/model_file.hpp"
#include "randprop/bit_matrix.hpp"
#include "randprop/threads.hpp"

namespace randprop {

// What a readout makes of output features: the position of each sample's class. It is asked of bits
// or of bytes, whichever the network puts out.
class Readout {
 public:
  Readout() = default;
  virtual ~Readout() = default;
  Readout(const Readout&) = delete;
  Readout& operator=(const Readout&) = delete;
  virtual std::vector<std::size_t> predict(BitView x, const RunOptions& options) const = 0;
  virtual std::vector<std::size_t> predict(ByteView x, const RunOptions& options) const = 0;
};

// The readout that the description names, whose arrays it takes out of the file. Throws ModelError
// or json::Error where one of them is not what docs/format.md says.
std::unique_ptr<Readout> read_readout(ModelFile& file, std::size_t n_classes,
                                      std::size_t n_features, Features reads);

}  // namespace randprop
