// libFuzzer target, differential: counts of classes, distances, neighbours, Gram matrix, scores and
// popcounts of any rows of bits are the same at every SIMD level as what plain loops over single
// bits give, and no kernel reads past the rows.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "fuzz_bytes.hpp"
#include "oracle.hpp"
#include "randprop/centroids.hpp"
#include "randprop/gram.hpp"
#include "randprop/linear.hpp"
#include "randprop/neighbors.hpp"

using namespace randprop;

namespace {

using Int128 = __int128;

void demand(bool holds, const std::string& level, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "level %s: other %s\n", level.c_str(), what);
    std::abort();
  }
}

// The double nearest to top / bottom, ties to even: by comparing the remainders of neighbours.
bool is_nearest(double found, Int128 top, Int128 bottom) {
  // |found * bottom - top| is compared with that of the doubles beside it, in long double with a
  // 64-bit significand: exact enough to tell neighbours of 53 bits apart.
  const auto error = [&](double value) {
    const auto difference = static_cast<long double>(value) * static_cast<long double>(bottom) -
                            static_cast<long double>(top);
    return difference < 0 ? -difference : difference;
  };
  const long double slack = static_cast<long double>(top) * 0x1p-62L;
  return error(found) <= error(std::nextafter(found, -1.0)) + slack &&
         error(found) <= error(std::nextafter(found, INFINITY)) + slack;
}

// The rows in an allocation that ends with them, so that one word past it is an error.
class Rows {
 public:
  Rows(const FuzzBytes& bytes, std::size_t n_samples, std::size_t n_bits, std::size_t salt)
      : n_samples_(n_samples), n_bits_(n_bits), words_(n_samples * words_for_bits(n_bits)) {
    for (std::size_t s = 0; s < n_samples; ++s) {
      for (std::size_t j = 0; j < n_bits; ++j) {
        const std::size_t i = s * n_bits + j + salt;
        if ((bytes.wrapped(i / 8) >> (i % 8) & 1U) != 0) {
          words_[s * words_for_bits(n_bits) + j / 64] |= std::uint64_t{1} << (j % 64);
        }
      }
    }
  }
  BitView view() const { return {words_.data(), n_samples_, n_bits_}; }
  bool get(std::size_t s, std::size_t j) const {
    return (words_[s * words_for_bits(n_bits_) + j / 64] >> (j % 64) & 1U) != 0;
  }

 private:
  std::size_t n_samples_;
  std::size_t n_bits_;
  std::vector<std::uint64_t> words_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzBytes bytes(data, size);
  // Mostly small, so that many are tried; sometimes beyond the blocks of the kernels.
  const bool large = bytes.between(0, 15) == 15;
  const std::size_t n_bits = bytes.between(1, large ? 600 : 150);
  const std::size_t n_train = bytes.between(1, large ? 200 : 25);
  const std::size_t n_queries = bytes.between(0, large ? 20 : 9);
  const std::size_t n_classes = bytes.between(1, 7);
  const std::size_t k = bytes.between(1, n_train);
  RunOptions options;
  // Starting threads takes most of the time under a sanitizer: now and then is enough.
  options.n_threads = bytes.between(0, 15) == 15 ? 3 : 1;
  // A Gram matrix is computed in runs of 4,096 samples, however few there are.
  const bool with_gram = bytes.between(0, 7) == 7;
  // Sums beyond 32 bits, and beyond 53: as if every sample had come so often.
  const auto times = std::int64_t{1} << bytes.between(0, 26);
  const Rows train(bytes, n_train, n_bits, 0);
  const Rows queries(bytes, n_queries, n_bits, 5);
  std::vector<std::int32_t> codes(n_train);
  for (std::size_t s = 0; s < n_train; ++s) {
    codes[s] = static_cast<std::int32_t>(bytes.wrapped(7 * s) % n_classes);
  }

  std::vector<std::int64_t> counts(n_classes * n_bits), samples(n_classes), gram(n_bits * n_bits);
  std::vector<std::int64_t> popcounts(n_queries), coef(n_classes * n_bits), bias(n_classes);
  for (std::size_t s = 0; s < n_train; ++s) {
    const auto c = static_cast<std::size_t>(codes[s]);
    samples[c] += 1;
    std::vector<std::size_t> set;
    for (std::size_t i = 0; i < n_bits; ++i) {
      if (train.get(s, i)) {
        set.push_back(i);
      }
    }
    for (const std::size_t i : set) {
      counts[c * n_bits + i] += 1;
      for (const std::size_t j : set) {
        gram[i * n_bits + j] += 1;
      }
    }
  }
  for (std::size_t i = 0; i < coef.size(); ++i) {
    coef[i] = (std::int64_t{bytes.wrapped(i)} - 128) * (i % 5 == 0 ? (1 << 22) : 3);
  }
  for (std::size_t c = 0; c < n_classes; ++c) {
    bias[c] = (std::int64_t{bytes.wrapped(c)} - 100) * (std::int64_t{1} << 40);
  }
  std::vector<std::int64_t> scores(n_queries * n_classes);
  std::vector<std::vector<std::pair<std::int64_t, std::int64_t>>> nearest(n_queries);
  for (std::size_t q = 0; q < n_queries; ++q) {
    for (std::size_t i = 0; i < n_bits; ++i) {
      popcounts[q] += queries.get(q, i) ? 1 : 0;
    }
    for (std::size_t c = 0; c < n_classes; ++c) {
      std::int64_t score = bias[c];
      for (std::size_t i = 0; i < n_bits; ++i) {
        if (queries.get(q, i)) {
          score += coef[c * n_bits + i];
        }
      }
      scores[q * n_classes + c] = score;
    }
    for (std::size_t s = 0; s < n_train; ++s) {
      std::int64_t distance = 0;
      for (std::size_t i = 0; i < n_bits; ++i) {
        distance += queries.get(q, i) != train.get(s, i);
      }
      nearest[q].emplace_back(distance, static_cast<std::int64_t>(s));
    }
    std::sort(nearest[q].begin(), nearest[q].end());
  }

  oracle::at_every_level([&](const std::string& level) {
    std::vector<std::int64_t> found(counts.size()), found_samples(n_classes);
    add_class_counts(train.view(), codes.data(), n_classes, found.data(), found_samples.data(),
                     options);
    demand(found == counts && found_samples == samples, level, "class counts");

    if (with_gram) {
      std::vector<std::int64_t> found_gram(gram.size());
      add_gram(train.view(), found_gram.data(), options);
      demand(found_gram == gram, level, "Gram matrix");
    }

    std::vector<std::int64_t> found_popcounts(n_queries);
    row_popcounts(queries.view(), found_popcounts.data());
    demand(found_popcounts == popcounts, level, "popcounts");

    std::vector<std::int64_t> found_scores(scores.size());
    linear_scores(queries.view(), coef.data(), bias.data(), n_classes, found_scores.data(),
                  options);
    demand(found_scores == scores, level, "scores");

    std::vector<std::int64_t> distances(n_queries * k), indices(n_queries * k);
    hamming_neighbors(train.view(), queries.view(), k, distances.data(), indices.data(), options);
    for (std::size_t q = 0; q < n_queries; ++q) {
      for (std::size_t j = 0; j < k; ++j) {
        demand(distances[q * k + j] == nearest[q][j].first &&
                   indices[q * k + j] == nearest[q][j].second,
               level, "neighbours");
      }
    }

    std::vector<std::int64_t> many = counts, many_samples = samples;
    for (std::int64_t& count : many) {
      count *= times;
    }
    for (std::int64_t& n : many_samples) {
      n *= times;
    }
    std::vector<double> d(n_queries * n_classes);
    centroid_distances(queries.view(), many.data(), many_samples.data(), n_classes, d.data(),
                       options);
    for (std::size_t q = 0; q < n_queries; ++q) {
      for (std::size_t c = 0; c < n_classes; ++c) {
        const double value = d[q * n_classes + c];
        if (samples[c] == 0) {
          demand(std::isinf(value) && value > 0, level, "distance to an empty class");
          continue;
        }
        Int128 top = Int128{samples[c]} * samples[c] * popcounts[q];
        for (std::size_t i = 0; i < n_bits; ++i) {
          const Int128 count = counts[c * n_bits + i];
          top += count * count - (queries.get(q, i) ? 2 * samples[c] * count : 0);
        }
        demand(is_nearest(value, top, Int128{samples[c]} * samples[c]), level, "distances");
      }
    }
  });
  return 0;
}
