// See randprop_wasm.h. No exception leaves a function.
#include "randprop_wasm.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
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
#include "randprop/neighbors.hpp"
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
  std::vector<std::int64_t> counts, n_samples, gram;
  std::vector<double> coef, intercept;
  // Of neighbours: the rows, and their classes.
  std::vector<std::uint64_t> words;
  std::vector<std::int32_t> codes;

  std::size_t n_classes() const { return n_samples.size(); }
  bool is_linear() const { return kind == RP_RIDGE || kind == RP_DISCRIMINANT; }
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
void solve_linear(rp_readout& readout, double alpha) {
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
  std::vector<double> a(readout.gram.begin(), readout.gram.end());
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

void check_reads(const rp_readout& readout, const rp_features& features) {
  require(features.width() == readout.width && features.are_bytes() == readout.reads_bytes,
          "the readout is of " + std::to_string(readout.width) +
              (readout.reads_bytes ? " bytes" : " bits") + " a row, got " +
              std::to_string(features.width()) + (features.are_bytes() ? " bytes" : " bits"));
}

void find_scores(const rp_readout& readout, const rp_features& features, double* scores) {
  check_reads(readout, features);
  require(readout.kind != RP_NEIGHBORS, "neighbours have no scores");
  require(!readout.is_linear() || !readout.coef.empty(), "the readout is not solved");
  const std::size_t n_classes = readout.n_classes();
  features.with([&](const auto& view) {
    if (readout.is_linear()) {
      linear_scores(view, readout.coef.data(), readout.intercept.data(), n_classes, scores);
      return;
    }
    centroid_distances(view, readout.counts.data(), readout.n_samples.data(), n_classes, scores);
    std::transform(scores, scores + view.n_samples * n_classes, scores, std::negate<>());
  });
}

void predict(const rp_readout& readout, const rp_features& features, std::int32_t* codes) {
  const std::size_t n_samples = features.n_samples();
  if (readout.kind == RP_NEIGHBORS) {
    check_reads(readout, features);
    std::vector<std::int64_t> distances(n_samples), nearest(n_samples);
    const BitView train{readout.words.data(), readout.codes.size(), readout.width};
    hamming_neighbors(train, std::get<BitMatrix>(features.matrix).view(), 1, distances.data(),
                      nearest.data());
    std::transform(nearest.begin(), nearest.end(), codes,
                   [&](std::int64_t at) { return readout.codes[static_cast<std::size_t>(at)]; });
    return;
  }
  const std::size_t n_classes = readout.n_classes();
  std::vector<double> scores(n_samples * n_classes);
  find_scores(readout, features, scores.data());
  for (std::size_t s = 0; s < n_samples; ++s) {
    const double* first = scores.data() + s * n_classes;
    codes[s] = static_cast<std::int32_t>(std::max_element(first, first + n_classes) - first);
  }
}

template <typename T>
const T* first_of(const std::vector<T>& numbers) {
  return numbers.empty() ? nullptr : numbers.data();
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

rp_features* rp_features_of_bytes(const uint8_t* x, uint32_t n_samples, uint32_t n_features) {
  return guarded<rp_features*>(nullptr, [&] {
    ByteMatrix bytes(n_samples, n_features);
    std::copy(x, x + std::size_t{n_samples} * n_features, bytes.row(0));
    return new rp_features{std::move(bytes)};
  });
}

rp_features* rp_features_of_bits(const uint8_t* x, uint32_t n_samples, uint32_t n_features,
                                 uint32_t level) {
  return guarded<rp_features*>(nullptr, [&] {
    BitMatrix bits(n_samples, n_features);
    for (std::size_t s = 0; s < n_samples; ++s, x += n_features) {
      for (std::size_t k = 0; k < n_features; ++k) {
        if (x[k] > level) {
          bits.set(s, k);
        }
      }
    }
    return new rp_features{std::move(bits)};
  });
}

rp_features* rp_propagate(const rp_network* network, const rp_features* x, uint32_t first,
                          uint32_t last) {
  return guarded<rp_features*>(nullptr, [&] {
    require(first < last, "first must be below last, got " + std::to_string(first) + " and " +
                              std::to_string(last));
    rp_features* features = nullptr;
    x->with([&](const auto& view) {
      auto found = network->network.propagate(view, first, last, Keep::last);
      features = new rp_features{std::move(found.front())};
    });
    return features;
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

rp_readout* rp_readout_new(int kind, uint32_t width, int reads_bytes, uint32_t n_classes) {
  return guarded<rp_readout*>(nullptr, [&] {
    require(kind >= RP_CLASS_MEANS && kind <= RP_NEIGHBORS,
            "kind must be 0 to 3, got " + std::to_string(kind));
    require(width > 0 && n_classes > 0, "width and n_classes must be above 0");
    require(kind != RP_NEIGHBORS || reads_bytes == 0, "neighbours read bits");
    auto readout = std::make_unique<rp_readout>();
    readout->kind = kind;
    readout->reads_bytes = reads_bytes != 0;
    readout->width = width;
    readout->n_samples.assign(n_classes, 0);
    if (kind != RP_NEIGHBORS) {
      readout->counts.assign(std::size_t{n_classes} * width, 0);
    }
    if (readout->is_linear()) {
      readout->gram.assign(std::size_t{width} * width, 0);
    }
    return readout.release();
  });
}

void rp_readout_free(rp_readout* readout) { delete readout; }

int rp_readout_add(rp_readout* readout, const rp_features* features, const int32_t* codes) {
  return guarded(-1, [&] {
    check_reads(*readout, *features);
    readout->coef.clear();
    if (readout->kind == RP_NEIGHBORS) {
      const BitView view = std::get<BitMatrix>(features->matrix).view();
      readout->words.insert(readout->words.end(), view.words, view.row(view.n_samples));
      readout->codes.insert(readout->codes.end(), codes, codes + view.n_samples);
      return 0;
    }
    features->with([&](const auto& view) {
      add_class_counts(view, codes, readout->n_classes(), readout->counts.data(),
                       readout->n_samples.data());
      if (readout->is_linear()) {
        add_gram(view, readout->gram.data());
      }
    });
    return 0;
  });
}

int rp_readout_solve(rp_readout* readout, double alpha) {
  return guarded(-1, [&] {
    if (readout->is_linear()) {
      solve_linear(*readout, alpha);
    }
    return 0;
  });
}

const int64_t* rp_readout_counts(const rp_readout* readout) { return first_of(readout->counts); }
const int64_t* rp_readout_n_samples(const rp_readout* readout) {
  return first_of(readout->n_samples);
}
const int64_t* rp_readout_gram(const rp_readout* readout) { return first_of(readout->gram); }
const double* rp_readout_coef(const rp_readout* readout) { return first_of(readout->coef); }
const double* rp_readout_intercept(const rp_readout* readout) {
  return first_of(readout->intercept);
}

int rp_predict(const rp_readout* readout, const rp_features* features, int32_t* codes) {
  return guarded(-1, [&] {
    predict(*readout, *features, codes);
    return 0;
  });
}

int rp_scores(const rp_readout* readout, const rp_features* features, double* scores) {
  return guarded(-1, [&] {
    find_scores(*readout, *features, scores);
    return 0;
  });
}

}  // extern "C"
