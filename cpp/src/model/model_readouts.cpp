#include "model/model_readouts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "bits/sizes.hpp"
#include "bits/views.hpp"
#include "kernels/kernels.hpp"
#include "randprop/centroids.hpp"
#include "randprop/linear.hpp"
#include "randprop/model.hpp"
#include "randprop/neighbors.hpp"

namespace randprop {
namespace {

using Kind = json::Value::Kind;

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

// A readout that treats bits and bytes alike, by a template `classes_of`.
template <typename Self>
class ReadoutOf : public Readout {
 public:
  std::vector<std::size_t> predict(BitView x, const RunOptions& options) const override {
    return static_cast<const Self*>(this)->classes_of(x, options);
  }
  std::vector<std::size_t> predict(ByteView x, const RunOptions& options) const override {
    return static_cast<const Self*>(this)->classes_of(x, options);
  }

 private:
  friend Self;
  ReadoutOf() = default;
};

std::int64_t largest_of(Features reads) { return reads == Features::bits ? 1 : 255; }

class MeanReadout final : public ReadoutOf<MeanReadout> {
 public:
  MeanReadout(ModelFile& file, std::size_t n_classes, std::size_t n_bits, Features reads)
      : metric_(file.description.at("readout").at("metric").expect(Kind::string, "metric").text),
        counts_(file.take_unsigned("counts", {n_classes, n_bits}).integers("counts")),
        n_samples_(file.take("n_samples", {n_classes}, {"I64"}).integers("n_samples")) {
    file.description.at("readout").only("readout", {"kind", "metric"});
    if (metric_ != "euclidean" && metric_ != "cosine" && metric_ != "hamming") {
      throw ModelError("metric must be 'euclidean', 'cosine' or 'hamming'");
    }
    if (metric_ == "hamming" && reads == Features::bytes) {
      throw ModelError("metric 'hamming' is for bits, and the network gives bytes");
    }
    for (std::size_t c = 0; c < n_classes; ++c) {
      const std::int64_t n = n_samples_[c];
      if (n < 0 || n > max_class_samples) {
        throw ModelError("n_samples must lie in [0, 2^34]");
      }
      double squares = 0.0;
      for (std::size_t i = 0; i < n_bits; ++i) {
        std::int64_t& count = counts_[c * n_bits + i];
        if (count < 0 || count > largest_of(reads) * n) {
          throw ModelError("counts are larger than the sums of n_samples samples can be");
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

  template <typename View>
  std::vector<std::size_t> classes_of(const View& x, const RunOptions& options) const {
    const std::size_t n_classes = n_samples_.size();
    std::vector<double> scores(checked_product("scores", x.n_samples, n_classes));
    if (metric_ == "cosine") {
      cosines(x, scores, options);
    } else {
      centroid_distances(x, counts_.data(), n_samples_.data(), n_classes, scores.data(), options);
      for (double& score : scores) {
        score = -score;
      }
    }
    return largest_of_rows(scores, n_classes);
  }

 private:
  template <typename View>
  void cosines(const View& x, std::vector<double>& scores, const RunOptions& options) const {
    const std::size_t n_classes = n_samples_.size();
    const std::vector<std::int64_t> no_bias(n_classes);
    std::vector<std::int64_t> sums(scores.size());
    std::vector<std::int64_t> squares(x.n_samples);
    linear_scores(x, counts_.data(), no_bias.data(), n_classes, sums.data(), options);
    for (std::size_t s = 0; s < x.n_samples; ++s) {
      squares[s] = static_cast<std::int64_t>(squares_of_row(x, s, kernels::active()));
    }
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const std::size_t c = i % n_classes;
      const double norm = lengths_[c] * std::sqrt(static_cast<double>(squares[i / n_classes]));
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

class IntegerReadout final : public ReadoutOf<IntegerReadout> {
 public:
  IntegerReadout(ModelFile& file, std::size_t n_classes, std::size_t n_bits, Features reads)
      : coef_(file.take_unsigned("codes", {n_classes, n_bits}).integers("codes")),
        bias_(file.take("bias", {n_classes}, {"I64"}).integers("bias")) {
    const json::Value& readout = file.description.at("readout");
    readout.only("readout", {"kind", "bits", "offset", "multiplier", "scale"});
    (void)readout.at("scale").as_double("scale");
    const auto bits = readout.at("bits").as_size("bits", 16, 1);
    const auto top = (std::int64_t{1} << bits) - 1;
    const auto offset = static_cast<std::int64_t>(
        readout.at("offset").as_size("offset", static_cast<std::size_t>(top)));
    multiplier_ =
        static_cast<std::int64_t>(readout.at("multiplier").as_size("multiplier", 65535, 1));
    for (std::int64_t& code : coef_) {
      if (code < 0 || code > top) {
        throw ModelError("codes must lie in [0, 2^bits)");
      }
      code -= offset;
    }
    // 2^28 bits of 16-bit codes times 2^16 stay below 2^60.
    constexpr std::int64_t most = std::int64_t{1} << 61;
    if (n_bits > static_cast<std::uint64_t>(most / (largest_of(reads) * top * multiplier_))) {
      throw ModelError("scores may not fit 62 bits");
    }
    for (const std::int64_t bias : bias_) {
      if (bias > most || bias < -most) {
        throw ModelError("bias must lie in [-2^61, 2^61]");
      }
    }
  }

  template <typename View>
  std::vector<std::size_t> classes_of(const View& x, const RunOptions& options) const {
    const std::size_t n_classes = bias_.size();
    const std::vector<std::int64_t> no_bias(n_classes);
    std::vector<std::int64_t> scores(checked_product("scores", x.n_samples, n_classes));
    linear_scores(x, coef_.data(), no_bias.data(), n_classes, scores.data(), options);
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

class FloatReadout final : public ReadoutOf<FloatReadout> {
 public:
  FloatReadout(ModelFile& file, std::size_t n_classes, std::size_t n_bits, Features /*reads*/)
      : coef_(file.take("coef", {n_classes, n_bits}, {"F64"}).doubles("coef")),
        intercept_(file.take("intercept", {n_classes}, {"F64"}).doubles("intercept")) {
    const json::Value& readout = file.description.at("readout");
    readout.only("readout", {"kind", "alpha"});
    if (readout.at("alpha").as_double("alpha") <= 0.0) {
      throw ModelError("alpha must be above 0");
    }
    // Sums of 2^28 of 255 times so much stay finite.
    constexpr double most = 1e296;
    for (const std::vector<double>* numbers : {&coef_, &intercept_}) {
      for (const double number : *numbers) {
        if (std::abs(number) > most) {
          throw ModelError("coef and intercept must lie in [-1e296, 1e296]");
        }
      }
    }
  }

  template <typename View>
  std::vector<std::size_t> classes_of(const View& x, const RunOptions& options) const {
    const std::size_t n_classes = intercept_.size();
    std::vector<double> scores(checked_product("scores", x.n_samples, n_classes));
    parallel_chunks(x.n_samples, options, [&](std::size_t s, int) {
      for (std::size_t c = 0; c < n_classes; ++c) {
        const double* const row = coef_.data() + c * n_inputs_of(x);
        scores[s * n_classes + c] = product(x, s, row) + intercept_[c];
      }
    });
    return largest_of_rows(scores, n_classes);
  }

 private:
  static double product(const BitView& x, std::size_t s, const double* row) {
    double sum = 0.0;
    for (std::size_t i = 0; i < x.n_bits; ++i) {
      if ((x.row(s)[i / 64] >> (i % 64) & 1U) != 0) {
        sum += row[i];
      }
    }
    return sum;
  }
  static double product(const ByteView& x, std::size_t s, const double* row) {
    double sum = 0.0;
    for (std::size_t i = 0; i < x.n_features; ++i) {
      sum += x.row(s)[i] * row[i];
    }
    return sum;
  }

  std::vector<double> coef_;
  std::vector<double> intercept_;
};

class NeighborReadout final : public ReadoutOf<NeighborReadout> {
 public:
  NeighborReadout(ModelFile& file, std::size_t n_classes, std::size_t n_bits, Features reads)
      : n_classes_(n_classes),
        k_(file.description.at("readout")
               .at("n_neighbors")
               .as_size("n_neighbors", max_neighbors, 1)) {
    file.description.at("readout").only("readout", {"kind", "n_neighbors"});
    const std::size_t n_train =
        reads == Features::bits ? take_bits(file, n_bits) : take_bytes(file, n_bits);
    codes_ = file.take_unsigned("codes", {n_train}).integers("codes");
    if (k_ > n_train) {
      throw ModelError("n_neighbors must be at most the number of samples");
    }
    for (const std::int64_t code : codes_) {
      if (code < 0 || code >= static_cast<std::int64_t>(n_classes)) {
        throw ModelError("codes holds a number that is not the number of a class");
      }
    }
  }

  template <typename View>
  std::vector<std::size_t> classes_of(const View& x, const RunOptions& options) const {
    std::vector<std::int64_t> distances(checked_product("neighbours", x.n_samples, k_));
    std::vector<std::int64_t> indices(distances.size());
    find(x, distances.data(), indices.data(), options);
    std::vector<std::int64_t> votes(checked_product("votes", x.n_samples, n_classes_));
    for (std::size_t i = 0; i < indices.size(); ++i) {
      const auto code = codes_[static_cast<std::size_t>(indices[i])];
      ++votes[i / k_ * n_classes_ + static_cast<std::size_t>(code)];
    }
    return largest_of_rows(votes, n_classes_);
  }

 private:
  std::size_t take_bits(ModelFile& file, std::size_t n_bits) {
    const Tensor words = file.take("words", {ModelFile::any, words_for_bits(n_bits)}, {"U64"});
    train_ = BitMatrix(words.shape[0], n_bits);
    const std::uint64_t tail =
        n_bits % 64 == 0 ? ~std::uint64_t{0} : (std::uint64_t{1} << (n_bits % 64)) - 1;
    for (std::size_t s = 0; s < train_.n_samples(); ++s) {
      for (std::size_t w = 0; w < train_.n_words(); ++w) {
        const std::uint64_t word = words.bits(s * train_.n_words() + w);
        if (w + 1 == train_.n_words() && (word & ~tail) != 0) {
          throw ModelError("words has bits set after the last one");
        }
        train_.row(s)[w] = word;
      }
    }
    return train_.n_samples();
  }
  std::size_t take_bytes(ModelFile& file, std::size_t n_features) {
    const Tensor bytes = file.take("bytes", {ModelFile::any, n_features}, {"U8"});
    train_bytes_ = ByteMatrix(bytes.shape[0], n_features);
    std::copy_n(bytes.data, bytes.size, train_bytes_.row(0));
    return train_bytes_.n_samples();
  }
  void find(const BitView& x, std::int64_t* distances, std::int64_t* indices,
            const RunOptions& options) const {
    hamming_neighbors(train_.view(), x, k_, distances, indices, options);
  }
  void find(const ByteView& x, std::int64_t* distances, std::int64_t* indices,
            const RunOptions& options) const {
    byte_neighbors(train_bytes_.view(), x, k_, distances, indices, options);
  }

  std::size_t n_classes_;
  std::size_t k_;
  BitMatrix train_;
  ByteMatrix train_bytes_;
  std::vector<std::int64_t> codes_;
};

}  // namespace

std::unique_ptr<Readout> read_readout(ModelFile& file, std::size_t n_classes,
                                      std::size_t n_features, Features reads) {
  const std::string& kind =
      file.description.at("readout").at("kind").expect(Kind::string, "kind").text;
  if (kind == "centroids") {
    return std::make_unique<MeanReadout>(file, n_classes, n_features, reads);
  }
  if (kind == "quantized") {
    return std::make_unique<IntegerReadout>(file, n_classes, n_features, reads);
  }
  if (kind == "ridge" || kind == "discriminant") {
    return std::make_unique<FloatReadout>(file, n_classes, n_features, reads);
  }
  if (kind == "neighbors") {
    return std::make_unique<NeighborReadout>(file, n_classes, n_features, reads);
  }
  throw ModelError("readout has an unknown kind");
}

}  // namespace randprop
