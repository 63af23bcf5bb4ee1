// What maps features to what the network of a model reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/model_file.hpp"

namespace randprop {

// Ranges, which give bytes, or a level, which gives bits. Feature j is mapped by range j mod the
// number of ranges.
class Scaling {
 public:
  // Takes its arrays out of the file. Throws ModelError or json::Error where something is not what
  // docs/format.md says.
  Scaling(ModelFile& file, std::size_t n_features);

  bool gives_bits() const noexcept { return ranges_.empty(); }
  // Rows of features as bytes, or bits as bytes of 0 and 1.
  void apply(const double* features, std::size_t n, std::uint8_t* out) const noexcept;

 private:
  // x becomes (unit x - low) scale. The unit is a power of 2, which rounds nothing: 1 but for
  // ranges whose width, or whose scale, is beyond what a double holds.
  struct Range {
    double unit = 1.0;
    double low = 0.0;
    double scale = 1.0;
  };
  void add(double low, double high);

  std::vector<Range> ranges_;
  double level_ = 0.0;
};

}  // namespace randprop
