#include "model/model_readouts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "bits/sizes.hpp"
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

class MeanReadout final : public Readout {
 public:
  MeanReadout(ModelFile& file, std::size_t n_classes, std::size_t n_bits)
      : metric_(file.description.at("readout").at("metric").expect(Kind::string, "metric").text),
        counts_(file.take_unsigned("counts", {n_classes, n_bits}).integers("counts")),
        n_samples_(file.take("n_samples", {n_classes}, {"I64"}).integers("n_samples")) {
    file.description.at("readout").only("readout", {"kind", "metric"});
    if (metric_ != "euclidean" && metric_ != "cosine" && metric_ != "hamming") {
      throw ModelError("a metric that is not known");
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
    std::vector<double> scores(checked_product("scores", bits.n_samples, n_classes));
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
  IntegerReadout(ModelFile& file, std::size_t n_classes, std::size_t n_bits)
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
    std::vector<std::int64_t> scores(checked_product("scores", bits.n_samples, n_classes));
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
  FloatReadout(ModelFile& file, std::size_t n_classes, std::size_t n_bits)
      : coef_(file.take("coef", {n_classes, n_bits}, {"F64"}).doubles("coef")),
        intercept_(file.take("intercept", {n_classes}, {"F64"}).doubles("intercept")) {
    const json::Value& readout = file.description.at("readout");
    readout.only("readout", {"kind", "alpha"});
    if (readout.at("alpha").as_double("alpha") <= 0.0) {
      throw ModelError("alpha must be above 0");
    }
    // Sums of 2^28 of them stay finite.
    constexpr double most = 1e299;
    for (const std::vector<double>* numbers : {&coef_, &intercept_}) {
      for (const double number : *numbers) {
        if (std::abs(number) > most) {
          throw ModelError("coef or intercept beyond 1e299");
        }
      }
    }
  }

  std::vector<std::size_t> predict(BitView bits, const RunOptions& options) const override {
    const std::size_t n_classes = intercept_.size();
    std::vector<double> scores(checked_product("scores", bits.n_samples, n_classes));
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
  NeighborReadout(ModelFile& file, std::size_t n_classes, std::size_t n_bits)
      : n_classes_(n_classes),
        k_(file.description.at("readout")
               .at("n_neighbors")
               .as_size("n_neighbors", max_neighbors, 1)) {
    file.description.at("readout").only("readout", {"kind", "n_neighbors"});
    const Tensor words = file.take("words", {ModelFile::any, words_for_bits(n_bits)}, {"U64"});
    const std::size_t n_train = words.shape[0];
    codes_ = file.take_unsigned("codes", {n_train}).integers("codes");
    if (k_ > n_train) {
      throw ModelError("n_neighbors must be at most the number of samples");
    }
    train_ = BitMatrix(n_train, n_bits);
    const std::uint64_t tail =
        n_bits % 64 == 0 ? ~std::uint64_t{0} : (std::uint64_t{1} << (n_bits % 64)) - 1;
    for (std::size_t s = 0; s < n_train; ++s) {
      for (std::size_t w = 0; w < train_.n_words(); ++w) {
        const std::uint64_t word = words.bits(s * train_.n_words() + w);
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
    std::vector<std::int64_t> distances(checked_product("neighbours", bits.n_samples, k_));
    std::vector<std::int64_t> indices(distances.size());
    hamming_neighbors(train_.view(), bits, k_, distances.data(), indices.data(), options);
    std::vector<std::int64_t> votes(checked_product("votes", bits.n_samples, n_classes_));
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

}  // namespace

std::unique_ptr<Readout> read_readout(ModelFile& file, std::size_t n_classes, std::size_t n_bits) {
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
  throw ModelError("a readout that is not known");
}

}  // namespace randprop
