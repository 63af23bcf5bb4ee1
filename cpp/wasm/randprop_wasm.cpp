// See randprop_wasm.h. No exception leaves a function.
#include "randprop_wasm.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kernels/kernels.hpp"
#include "randprop/centroids.hpp"
#include "randprop/gram.hpp"
#include "randprop/linear.hpp"
#include "randprop/network.hpp"

using namespace randprop;

// In place of the library's: an engine without vectors refuses the module, so that nothing would
// ever use its plain loops.
const kernels::Kernels* kernels::scalar_kernels() { return nullptr; }

struct rp_network {
  Network network;
};

struct rp_features {
  FeatureMatrix matrix;

  // use(view) of what is held.
  template <typename Use>
  void with(const Use& use) const {
    std::visit([&](const auto& held) { use(held.view()); }, matrix);
  }
  bool are_bytes() const { return std::holds_alternative<ByteMatrix>(matrix); }
  std::size_t width() const {
    std::size_t found = 0;
    with([&](const auto& view) { found = width_of(view); });
    return found;
  }
  std::size_t n_samples() const {
    std::size_t found = 0;
    with([&](const auto& view) { found = view.n_samples; });
    return found;
  }

  static std::size_t width_of(const BitView& view) { return view.n_bits; }
  static std::size_t width_of(const ByteView& view) { return view.n_features; }
};

struct rp_readout {
  int kind = RP_CLASS_MEANS;
  bool reads_bytes = false;
  std::size_t width = 0;
  std::vector<std::int64_t> counts, n_samples;
  std::vector<double> coef, intercept;

  std::size_t n_classes() const { return n_samples.size(); }
};

namespace {

std::string& last_error() {
  static std::string text;
  return text;
}

template <typename Result, typename Body>
Result guarded(Result failed, const Body& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    last_error() = error.what();
  }
  return failed;
}

void require(bool holds, const std::string& message) {
  if (!holds) {
    throw std::invalid_argument(message);
  }
}

Stage stage_of(const rp_stage& s) {
  Stage stage;
  stage.weight_bits = s.weight_bits;
  stage.fan_in = s.fan_in;
  stage.bias = s.bias;
  switch (s.map) {
    case RP_DENSE:
      stage.map = Dense{s.units};
      break;
    case RP_CONV2D:
      stage.map =
          Conv2D{s.units, s.kernel, s.stride, s.padding, s.dilation, Extent(s.pool_y, s.pool_x)};
      break;
    case RP_CONV1D:
      stage.map = Conv1D{s.units, s.kernel, s.stride, s.padding, s.dilation, s.pool_x};
      break;
    default:
      throw std::invalid_argument("map must be 0, 1 or 2, got " + std::to_string(s.map));
  }
  return stage;
}

// A symmetric positive matrix of n rows, only the lower half of which is read, and its factor L of
// L L' in its place. Throws where rounding would decide.
void factor(std::vector<double>& a, std::size_t n) {
  constexpr double least = 1e-12;
  for (std::size_t i = 0; i < n; ++i) {
    double* row = a.data() + i * n;
    const double whole = row[i];
    for (std::size_t j = 0; j <= i; ++j) {
      const double* other = a.data() + j * n;
      double sum = row[j];
      for (std::size_t k = 0; k < j; ++k) {
        sum -= row[k] * other[k];
      }
      if (j < i) {
        row[j] = sum / other[j];
      } else {
        require(sum > least * whole, "alpha is too small for these features");
        row[i] = std::sqrt(sum);
      }
    }
  }
}

// x in place of b of L L' x = b.
void solve(const std::vector<double>& l, std::size_t n, double* b) {
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      b[i] -= l[i * n + k] * b[k];
    }
    b[i] /= l[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    b[i] /= l[i * n + i];
    for (std::size_t k = 0; k < i; ++k) {
      b[k] -= l[i * n + k] * b[i];
    }
  }
}

// Coefficients and intercepts of ridge or discriminant from the sums.
void solve_linear(rp_readout& readout, const std::vector<std::int64_t>& gram, double alpha) {
  require(std::isfinite(alpha) && alpha > 0, "alpha must be above 0");
  const std::size_t d = readout.width;
  const std::size_t n_classes = readout.n_classes();
  const bool is_ridge = readout.kind == RP_RIDGE;
  std::vector<double> mean(d);
  double n = 0;
  for (std::size_t c = 0; c < n_classes; ++c) {
    n += static_cast<double>(readout.n_samples[c]);
    for (std::size_t i = 0; i < d; ++i) {
      mean[i] += static_cast<double>(readout.counts[c * d + i]);
    }
  }
  require(n > 0, "there must be a sample");
  for (double& m : mean) {
    m /= n;
  }
  // Sums of products about the mean, or about the means of the classes.
  std::vector<double> a(gram.begin(), gram.end());
  const auto take = [&](double times, const auto& at) {
    for (std::size_t i = 0; i < d; ++i) {
      const double left = times * at(i);
      for (std::size_t j = 0; j <= i; ++j) {
        a[i * d + j] -= left * at(j);
      }
    }
  };
  if (is_ridge) {
    take(n, [&](std::size_t i) { return mean[i]; });
  } else {
    for (std::size_t c = 0; c < n_classes; ++c) {
      if (readout.n_samples[c] > 0) {
        take(1 / static_cast<double>(readout.n_samples[c]),
             [&](std::size_t i) { return static_cast<double>(readout.counts[c * d + i]); });
      }
    }
  }
  double trace = 0;
  for (std::size_t i = 0; i < d; ++i) {
    trace += a[i * d + i];
  }
  require(trace > 0, "features must differ between samples");
  for (std::size_t i = 0; i < d; ++i) {
    a[i * d + i] += alpha * trace / static_cast<double>(d);
  }
  factor(a, d);
  constexpr double absent = -1e296;  // the score of a class without samples
  readout.coef.assign(n_classes * d, 0);
  readout.intercept.assign(n_classes, is_ridge ? 0 : absent);
  for (std::size_t c = 0; c < n_classes; ++c) {
    const auto n_c = static_cast<double>(readout.n_samples[c]);
    if (n_c == 0) {
      continue;
    }
    double* coef = readout.coef.data() + c * d;
    std::vector<double> away(d);
    for (std::size_t i = 0; i < d; ++i) {
      away[i] = static_cast<double>(readout.counts[c * d + i]) / n_c - mean[i];
      coef[i] = away[i] * (is_ridge ? n_c : n);
    }
    solve(a, d, coef);
    double at_mean = 0;
    double square = 0;
    for (std::size_t i = 0; i < d; ++i) {
      at_mean += coef[i] * mean[i];
      square += coef[i] * away[i];
    }
    readout.intercept[c] = (is_ridge ? n_c / n : std::log(n_c / n) - square / 2) - at_mean;
  }
}

std::vector<std::int32_t> predicted(const rp_readout& readout, const rp_features& features) {
  require(features.width() == readout.width && features.are_bytes() == readout.reads_bytes,
          "the readout was fitted to " + std::to_string(readout.width) +
              (readout.reads_bytes ? " bytes" : " bits") + " a row, got " +
              std::to_string(features.width()) + (features.are_bytes() ? " bytes" : " bits"));
  const std::size_t n_classes = readout.n_classes();
  std::vector<double> scores(features.n_samples() * n_classes);
  features.with([&](const auto& view) {
    if (readout.kind == RP_CLASS_MEANS) {
      centroid_distances(view, readout.counts.data(), readout.n_samples.data(), n_classes,
                         scores.data());
      for (double& score : scores) {
        score = -score;
      }
    } else {
      linear_scores(view, readout.coef.data(), readout.intercept.data(), n_classes, scores.data());
    }
  });
  std::vector<std::int32_t> codes(features.n_samples());
  for (std::size_t s = 0; s < codes.size(); ++s) {
    const auto first = scores.begin() + static_cast<std::ptrdiff_t>(s * n_classes);
    codes[s] = static_cast<std::int32_t>(
        std::max_element(first, first + static_cast<std::ptrdiff_t>(n_classes)) - first);
  }
  return codes;
}

}  // namespace

extern "C" {

const char* rp_error() { return last_error().c_str(); }

rp_network* rp_network_new(uint32_t n_features, const rp_stage* stages, uint32_t n_stages,
                           int is_sign, uint32_t seed_low, uint32_t seed_high,
                           const uint32_t* image) {
  return guarded<rp_network*>(nullptr, [&] {
    NetworkSpec spec;
    spec.n_features = n_features;
    spec.activation = is_sign != 0 ? Activation::sign : Activation::step;
    spec.seed = std::uint64_t{seed_high} << 32 | seed_low;
    spec.input_shape = {image[0], image[1], image[2]};
    std::transform(stages, stages + n_stages, std::back_inserter(spec.stages), stage_of);
    return new rp_network{Network(std::move(spec))};
  });
}

void rp_network_free(rp_network* network) { delete network; }

rp_features* rp_propagate(const rp_network* network, const uint8_t* x, uint32_t n_samples,
                          uint32_t n_features, uint32_t n_stages) {
  return guarded<rp_features*>(nullptr, [&] {
    require(n_stages >= 1, "n_stages must be at least 1, got 0");
    const ByteView view{x, n_samples, n_features};
    auto found = network->network.propagate(view, 0, n_stages, Keep::last);
    return new rp_features{std::move(found.front())};
  });
}

rp_features* rp_features_of_bytes(const uint8_t* x, uint32_t n_samples, uint32_t n_features) {
  return guarded<rp_features*>(nullptr, [&] {
    ByteMatrix bytes(n_samples, n_features);
    std::copy(x, x + std::size_t{n_samples} * n_features, bytes.row(0));
    return new rp_features{std::move(bytes)};
  });
}

void rp_features_free(rp_features* features) { delete features; }

uint32_t rp_features_width(const rp_features* features) {
  return static_cast<std::uint32_t>(features->width());
}

int rp_features_are_bytes(const rp_features* features) { return features->are_bytes() ? 1 : 0; }

const uint8_t* rp_features_row(const rp_features* features, uint32_t sample) {
  const uint8_t* row = nullptr;
  features->with(
      [&](const auto& view) { row = reinterpret_cast<const uint8_t*>(view.row(sample)); });
  return row;
}

rp_readout* rp_fit(int kind, const rp_features* features, const int32_t* codes, uint32_t n_classes,
                   double alpha) {
  return guarded<rp_readout*>(nullptr, [&] {
    require(kind >= RP_CLASS_MEANS && kind <= RP_DISCRIMINANT,
            "kind must be 0, 1 or 2, got " + std::to_string(kind));
    auto readout = std::make_unique<rp_readout>();
    readout->kind = kind;
    readout->reads_bytes = features->are_bytes();
    readout->width = features->width();
    readout->counts.assign(std::size_t{n_classes} * readout->width, 0);
    readout->n_samples.assign(n_classes, 0);
    features->with([&](const auto& view) {
      add_class_counts(view, codes, n_classes, readout->counts.data(), readout->n_samples.data());
      if (kind != RP_CLASS_MEANS) {
        std::vector<std::int64_t> gram(readout->width * readout->width, 0);
        add_gram(view, gram.data());
        solve_linear(*readout, gram, alpha);
      }
    });
    return readout.release();
  });
}

void rp_readout_free(rp_readout* readout) { delete readout; }

int rp_predict(const rp_readout* readout, const rp_features* features, int32_t* codes) {
  return guarded(-1, [&] {
    const std::vector<std::int32_t> found = predicted(*readout, *features);
    std::copy(found.begin(), found.end(), codes);
    return 0;
  });
}

double rp_accuracy(const rp_readout* readout, const rp_features* features, const int32_t* codes) {
  return guarded(-1.0, [&] {
    const std::vector<std::int32_t> found = predicted(*readout, *features);
    require(!found.empty(), "there must be a sample");
    std::size_t n_right = 0;
    for (std::size_t s = 0; s < found.size(); ++s) {
      n_right += found[s] == codes[s] ? 1 : 0;
    }
    return static_cast<double>(n_right) / static_cast<double>(found.size());
  });
}

}  // extern "C"
