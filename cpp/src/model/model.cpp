#include "randprop/model.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <locale>
#include <sstream>
#include <utility>

#include "model/model_file.hpp"
#include "randprop/centroids.hpp"
#include "randprop/linear.hpp"
#include "randprop/neighbors.hpp"

namespace randprop {
namespace {

using Kind = json::Value::Kind;

// What a readout makes of output bits: the position of each sample's class.
class Readout {
 public:
  Readout() = default;
  virtual ~Readout() = default;
  Readout(const Readout&) = delete;
  Readout& operator=(const Readout&) = delete;
  virtual std::vector<std::size_t> predict(BitView bits, const RunOptions& options) const = 0;
};

// The first of the largest (or, negated, smallest) of each row.
template <typename T>
std::vector<std::size_t> largest_of_rows(const std::vector<T>& scores, std::size_t n_classes) {
  std::vector<std::size_t> best(scores.size() / n_classes);
  for (std::size_t s = 0; s < best.size(); ++s) {
    const auto row = scores.begin() + static_cast<std::ptrdiff_t>(s * n_classes);
    best[s] = static_cast<std::size_t>(
        std::max_element(row, row + static_cast<std::ptrdiff_t>(n_classes)) - row);
  }
  return best;
}

class MeanReadout final : public Readout {
 public:
  MeanReadout(const ModelFile& file, std::size_t n_classes, std::size_t n_bits)
      : metric_(file.description.at("readout").at("metric").expect(Kind::string, "metric").text),
        counts_(file.tensor("counts", {n_classes, n_bits}).integers("counts")),
        n_samples_(file.tensor("n_samples", {n_classes}).integers("n_samples")) {
    if (metric_ != "euclidean" && metric_ != "cosine" && metric_ != "hamming") {
      throw ModelError("a metric " + metric_);
    }
    for (std::size_t c = 0; c < n_classes; ++c) {
      const std::int64_t n = n_samples_[c];
      if (n < 0 || n > max_class_samples) {
        throw ModelError("n_samples out of range");
      }
      double squares = 0.0;
      for (std::size_t i = 0; i < n_bits; ++i) {
        std::int64_t& count = counts_[c * n_bits + i];
        if (count < 0 || count > n) {
          throw ModelError("more counts than samples");
        }
        squares += static_cast<double>(count) * static_cast<double>(count);
        if (metric_ == "hamming") {
          count = 2 * count > n ? 1 : 0;
        }
      }
      lengths_.push_back(std::sqrt(squares));
    }
    if (metric_ == "hamming") {
      for (std::int64_t& n : n_samples_) {
        n = std::min<std::int64_t>(n, 1);
      }
    }
  }

  std::vector<std::size_t> predict(BitView bits, const RunOptions& options) const override {
    const std::size_t n_classes = n_samples_.size();
    std::vector<double> scores(bits.n_samples * n_classes);
    if (metric_ == "cosine") {
      cosines(bits, scores, options);
    } else {
      centroid_distances(bits, counts_.data(), n_samples_.data(), n_classes, scores.data(),
                         options);
      for (double& score : scores) {
        score = -score;
      }
    }
    return largest_of_rows(scores, n_classes);
  }

 private:
  void cosines(BitView bits, std::vector<double>& scores, const RunOptions& options) const {
    const std::size_t n_classes = n_samples_.size();
    const std::vector<std::int64_t> no_bias(n_classes);
    std::vector<std::int64_t> sums(scores.size());
    std::vector<std::int64_t> popcounts(bits.n_samples);
    linear_scores(bits, counts_.data(), no_bias.data(), n_classes, sums.data(), options);
    row_popcounts(bits, popcounts.data());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const std::size_t c = i % n_classes;
      const double norm = lengths_[c] * std::sqrt(static_cast<double>(popcounts[i / n_classes]));
      scores[i] = norm > 0 ? static_cast<double>(sums[i]) / norm : 0.0;
      if (n_samples_[c] == 0) {
        scores[i] = -std::numeric_limits<double>::infinity();
      }
    }
  }

  std::string metric_;
  std::vector<std::int64_t> counts_;
  std::vector<std::int64_t> n_samples_;
  std::vector<double> lengths_;
};

class IntegerReadout final : public Readout {
 public:
  IntegerReadout(const ModelFile& file, std::size_t n_classes, std::size_t n_bits)
      : coef_(file.tensor("codes", {n_classes, n_bits}).integers("codes")),
        bias_(file.tensor("bias", {n_classes}).integers("bias")) {
    const json::Value& readout = file.description.at("readout");
    const auto bits = readout.at("bits").as_size("bits", 16);
    const auto top = (std::int64_t{1} << bits) - 1;
    const auto offset = static_cast<std::int64_t>(
        readout.at("offset").as_size("offset", static_cast<std::size_t>(top)));
    multiplier_ = static_cast<std::int64_t>(readout.at("multiplier").as_size("multiplier", 65535));
    for (std::int64_t& code : coef_) {
      if (code < 0 || code > top) {
        throw ModelError("codes out of range");
      }
      code -= offset;
    }
    // 2^28 bits of 16-bit codes times 2^16 stay below 2^60.
    constexpr std::int64_t most = std::int64_t{1} << 61;
    for (const std::int64_t bias : bias_) {
      if (bias > most || bias < -most) {
        throw ModelError("bias out of range");
      }
    }
  }

  std::vector<std::size_t> predict(BitView bits, const RunOptions& options) const override {
    const std::size_t n_classes = bias_.size();
    const std::vector<std::int64_t> no_bias(n_classes);
    std::vector<std::int64_t> scores(bits.n_samples * n_classes);
    linear_scores(bits, coef_.data(), no_bias.data(), n_classes, scores.data(), options);
    for (std::size_t i = 0; i < scores.size(); ++i) {
      scores[i] = multiplier_ * scores[i] + bias_[i % n_classes];
    }
    return largest_of_rows(scores, n_classes);
  }

 private:
  std::vector<std::int64_t> coef_;
  std::vector<std::int64_t> bias_;
  std::int64_t multiplier_ = 1;
};

class FloatReadout final : public Readout {
 public:
  FloatReadout(const ModelFile& file, std::size_t n_classes, std::size_t n_bits)
      : coef_(file.tensor("coef", {n_classes, n_bits}).doubles("coef")),
        intercept_(file.tensor("intercept", {n_classes}).doubles("intercept")) {}

  std::vector<std::size_t> predict(BitView bits, const RunOptions& options) const override {
    const std::size_t n_classes = intercept_.size();
    std::vector<double> scores(bits.n_samples * n_classes);
    parallel_chunks(bits.n_samples, options, [&](std::size_t s, int) {
      for (std::size_t c = 0; c < n_classes; ++c) {
        const double* const row = coef_.data() + c * bits.n_bits;
        double sum = 0.0;
        for (std::size_t i = 0; i < bits.n_bits; ++i) {
          if ((bits.row(s)[i / 64] >> (i % 64) & 1U) != 0) {
            sum += row[i];
          }
        }
        scores[s * n_classes + c] = sum + intercept_[c];
      }
    });
    return largest_of_rows(scores, n_classes);
  }

 private:
  std::vector<double> coef_;
  std::vector<double> intercept_;
};

class NeighborReadout final : public Readout {
 public:
  NeighborReadout(const ModelFile& file, std::size_t n_classes, std::size_t n_bits)
      : n_classes_(n_classes),
        k_(file.description.at("readout").at("n_neighbors").as_size("n_neighbors", max_neighbors)) {
    const Tensor& words = file.tensor("words", {ModelFile::any, words_for_bits(n_bits)});
    if (words.dtype != "U64") {
      throw ModelError("words must be U64, got " + words.dtype);
    }
    const std::size_t n_train = words.shape[0];
    codes_ = file.tensor("codes", {n_train}).integers("codes");
    if (k_ == 0 || k_ > n_train) {
      throw ModelError("n_neighbors must be between 1 and the number of samples");
    }
    train_ = BitMatrix(n_train, n_bits);
    const std::uint64_t tail =
        n_bits % 64 == 0 ? ~std::uint64_t{0} : (std::uint64_t{1} << (n_bits % 64)) - 1;
    for (std::size_t s = 0; s < n_train; ++s) {
      for (std::size_t w = 0; w < train_.n_words(); ++w) {
        std::uint64_t word = 0;
        for (std::size_t byte = 8; byte-- != 0;) {
          word = word << 8 | words.data[8 * (s * train_.n_words() + w) + byte];
        }
        if (w + 1 == train_.n_words() && (word & ~tail) != 0) {
          throw ModelError("words with bits past the last");
        }
        train_.row(s)[w] = word;
      }
      if (codes_[s] < 0 || codes_[s] >= static_cast<std::int64_t>(n_classes)) {
        throw ModelError("a code beyond the classes");
      }
    }
  }

  std::vector<std::size_t> predict(BitView bits, const RunOptions& options) const override {
    std::vector<std::int64_t> distances(bits.n_samples * k_);
    std::vector<std::int64_t> indices(bits.n_samples * k_);
    hamming_neighbors(train_.view(), bits, k_, distances.data(), indices.data(), options);
    std::vector<std::int64_t> votes(bits.n_samples * n_classes_);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      const auto code = codes_[static_cast<std::size_t>(indices[i])];
      ++votes[i / k_ * n_classes_ + static_cast<std::size_t>(code)];
    }
    return largest_of_rows(votes, n_classes_);
  }

 private:
  std::size_t n_classes_;
  std::size_t k_;
  BitMatrix train_;
  std::vector<std::int64_t> codes_;
};

std::unique_ptr<Readout> make_readout(const ModelFile& file, std::size_t n_classes,
                                      std::size_t n_bits) {
  const std::string& kind =
      file.description.at("readout").at("kind").expect(Kind::string, "kind").text;
  if (kind == "centroids") {
    return std::make_unique<MeanReadout>(file, n_classes, n_bits);
  }
  if (kind == "quantized") {
    return std::make_unique<IntegerReadout>(file, n_classes, n_bits);
  }
  if (kind == "ridge") {
    return std::make_unique<FloatReadout>(file, n_classes, n_bits);
  }
  if (kind == "neighbors") {
    return std::make_unique<NeighborReadout>(file, n_classes, n_bits);
  }
  throw ModelError("a readout " + kind);
}

std::uint64_t read_seed(const json::Value& value) {
  const std::string& text = value.expect(Kind::string, "seed").text;
  std::uint64_t seed = 0;
  for (const char c : text) {
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (c < '0' || c > '9' || seed > (~std::uint64_t{0} - digit) / 10) {
      throw ModelError("a seed " + text);
    }
    seed = 10 * seed + digit;
  }
  if (text.empty()) {
    throw ModelError("no seed");
  }
  return seed;
}

NetworkSpec read_network(const json::Value& network) {
  NetworkSpec spec;
  spec.n_features = network.at("n_features").as_size("n_features", max_width);
  const auto weight_bits =
      static_cast<unsigned>(network.at("weight_bits").as_size("weight_bits", 24));
  const std::string& activation = network.at("activation").expect(Kind::string, "activation").text;
  if (activation != "step" && activation != "sign") {
    throw ModelError("an activation " + activation);
  }
  spec.activation = activation == "sign" ? Activation::sign : Activation::step;
  spec.seed = read_seed(network.at("seed"));
  const json::Value& shape = network.at("input_shape");
  if (!shape.is(Kind::null)) {
    if (shape.expect(Kind::array, "input_shape").array.size() != 3) {
      throw ModelError("input_shape must be three numbers");
    }
    spec.input_shape = {shape.array[0].as_size("input_shape", max_width),
                        shape.array[1].as_size("input_shape", max_width),
                        shape.array[2].as_size("input_shape", max_width)};
  }
  for (const json::Value& matrix : network.at("matrices").expect(Kind::array, "matrices").array) {
    Stage stage;
    stage.weight_bits = weight_bits;
    if (matrix.is(Kind::object)) {
      stage.map = Conv2D{matrix.at("channels").as_size("channels", max_width),
                         matrix.at("kernel").as_size("kernel", max_width),
                         matrix.at("stride").as_size("stride", max_width),
                         matrix.at("padding").as_size("padding", max_width)};
    } else {
      stage.map = Dense{matrix.as_size("matrices", max_width)};
    }
    spec.stages.push_back(stage);
  }
  return spec;
}

std::vector<std::string> read_labels(const ModelFile& file) {
  std::vector<std::string> labels;
  const json::Value& classes = file.description.at("classes");
  if (classes.is(Kind::null)) {
    const Tensor& tensor = file.tensor("classes", {ModelFile::any});
    if (tensor.dtype == "F64") {
      for (const double label : tensor.doubles("classes")) {
        std::ostringstream text;
        text.imbue(std::locale::classic());
        text.precision(std::numeric_limits<double>::max_digits10);
        text << label;
        labels.push_back(text.str());
      }
    } else {
      for (const std::int64_t label : tensor.integers("classes")) {
        labels.push_back(std::to_string(label));
      }
    }
  } else {
    for (const json::Value& label : classes.expect(Kind::array, "classes").array) {
      labels.push_back(label.expect(Kind::string, "classes").text);
    }
  }
  if (labels.empty()) {
    throw ModelError("no classes");
  }
  return labels;
}

}  // namespace

struct Model::Parts {
  std::unique_ptr<Network> network;
  std::unique_ptr<Readout> readout;
  std::vector<std::string> labels;
  double low = 0.0;
  double high = 255.0;
};

Model::Model(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Model::~Model() = default;
Model::Model(Model&& other) noexcept = default;
Model& Model::operator=(Model&& other) noexcept = default;

Model Model::load(const std::string& path) {
  std::ifstream file;
  file.exceptions(std::ios::failbit | std::ios::badbit);
  file.open(path, std::ios::binary);
  const std::string data{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return parse(data.data(), data.size(), path);
}

Model Model::parse(const void* data, std::size_t size, const std::string& name) {
  try {
    const ModelFile file = read_model_file(static_cast<const std::uint8_t*>(data), size);
    auto parts = std::make_unique<Parts>();
    parts->network = std::make_unique<Network>(read_network(file.description.at("network")));
    parts->labels = read_labels(file);
    const auto& range = file.description.at("input_range").expect(Kind::array, "input_range").array;
    if (range.size() != 2) {
      throw ModelError("input_range must be two numbers");
    }
    parts->low = range[0].as_double("input_range");
    parts->high = range[1].as_double("input_range");
    if (parts->low > parts->high) {
      throw ModelError("input_range must have low <= high");
    }
    parts->readout = make_readout(file, parts->labels.size(), parts->network->n_outputs());
    return Model(std::move(parts));
  } catch (const ModelError& error) {
    throw ModelError(name + ": " + error.what());
  } catch (const json::Error& error) {
    throw ModelError(name + ": " + error.what());
  } catch (const std::invalid_argument& error) {
    throw ModelError(name + ": " + error.what());
  }
}

const Network& Model::network() const noexcept { return *parts_->network; }
std::size_t Model::n_features() const noexcept { return parts_->network->spec().n_features; }
const std::vector<std::string>& Model::labels() const noexcept { return parts_->labels; }

void Model::to_bytes(const double* features, std::size_t n, std::uint8_t* out) const noexcept {
  const double low = parts_->low;
  const double high = parts_->high;
  const double scale = 255.0 / (high > low ? high - low : 1.0);
  for (std::size_t i = 0; i < n; ++i) {
    const double value = (features[i] - low) * scale;
    // Half to even, as long as nobody changed the rounding mode. NaN becomes 0.
    out[i] = value > 0.0 ? static_cast<std::uint8_t>(std::nearbyint(std::min(value, 255.0))) : 0;
  }
}

std::vector<std::size_t> Model::predict(ByteView x, const RunOptions& options) const {
  const std::vector<BitMatrix> bits =
      network().propagate(x, 0, network().n_stages(), Keep::last, options);
  return parts_->readout->predict(bits.back().view(), options);
}

std::vector<std::size_t> Model::predict(const double* features, std::size_t n_samples,
                                        const RunOptions& options) const {
  std::vector<std::uint8_t> bytes(n_samples * n_features());
  to_bytes(features, bytes.size(), bytes.data());
  return predict(ByteView{bytes.data(), n_samples, n_features()}, options);
}

}  // namespace randprop
