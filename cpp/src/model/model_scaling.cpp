#include "model/model_scaling.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "randprop/model.hpp"

namespace randprop {

using Kind = json::Value::Kind;

Scaling::Scaling(ModelFile& file, std::size_t n_features) {
  const json::Value& description = file.description;
  const bool has_range = description.object().count("input_range") != 0;
  if (has_range == (description.object().count("scaling") != 0)) {
    throw ModelError("there must be either input_range or scaling");
  }
  if (has_range) {
    const auto& range = description.at("input_range").expect(Kind::array, "input_range").array();
    if (range.size() != 2) {
      throw ModelError("input_range must be two numbers");
    }
    add(range[0].as_double("input_range"), range[1].as_double("input_range"));
    return;
  }
  const json::Value& found = description.at("scaling");
  const std::string& kind = found.at("kind").expect(Kind::string, "kind").text;
  if (kind == "binary") {
    found.only("scaling", {"kind", "level"});
    level_ = found.at("level").as_double("level");
    return;
  }
  if (kind != "linear") {
    throw ModelError("scaling has an unknown kind");
  }
  found.only("scaling", {"kind"});
  const auto low = file.take("scaling_low", {ModelFile::any}, {"F64"}).doubles("scaling_low");
  const auto high = file.take("scaling_high", {low.size()}, {"F64"}).doubles("scaling_high");
  if (low.size() < 2 || n_features % low.size() != 0) {
    throw ModelError(
        "scaling must have 2 ranges or more, and their number must divide that of features");
  }
  ranges_.reserve(low.size());
  for (std::size_t i = 0; i < low.size(); ++i) {
    add(low[i], high[i]);
  }
}

void Scaling::add(double low, double high) {
  if (low > high) {
    throw ModelError("a range must have low <= high");
  }
  Range range;
  if (std::isinf(high - low)) {
    range.unit = 0.5;
  } else if (high > low && std::isinf(255.0 / (high - low))) {
    range.unit = 0x1p100;
  }
  range.low = range.unit * low;
  const double width = range.unit * high - range.low;
  range.scale = 255.0 / (width > 0.0 ? width : 1.0);
  ranges_.push_back(range);
}

void Scaling::apply(const double* features, std::size_t n, std::uint8_t* out) const noexcept {
  if (gives_bits()) {
    std::transform(features, features + n, out,
                   [&](double x) { return static_cast<std::uint8_t>(x > level_ ? 1 : 0); });
    return;
  }
  std::size_t next = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const Range& range = ranges_[next];
    next = next + 1 == ranges_.size() ? 0 : next + 1;
    const double value = (range.unit * features[i] - range.low) * range.scale;
    // Half to even, as long as nobody changed the rounding mode. NaN becomes 0.
    out[i] = value > 0.0 ? static_cast<std::uint8_t>(std::nearbyint(std::min(value, 255.0))) : 0;
  }
}

}  // namespace randprop
