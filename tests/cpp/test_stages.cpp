// Stages of every kind against the definition, and at the edges of what their kernels hold.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <set>
#include <vector>

#include "kernels/kernels.hpp"
#include "oracle.hpp"
#include "random_chain.hpp"
#include "randprop/network.hpp"

using namespace randprop;

namespace {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine(seed) {}
  std::size_t between(std::size_t low, std::size_t high) {
    return low + engine() % (high - low + 1);
  }
  std::mt19937_64 engine;
};

// Outputs, thresholds and counts of each stage.
template <typename View>
void check_network(const NetworkSpec& spec, const View& x,
                   const std::vector<oracle::Outputs>& expected, const RunOptions& options) {
  const Network network(spec);
  const auto found = network.propagate(x, 0, spec.stages.size(), Keep::all, options);
  CHECK(oracle::n_wrong(found, expected) == 0);
  CHECK(network.count_set(x, 0, options) == expected[0].set);
  for (std::size_t m = 0; m < found.size(); ++m) {
    const std::vector<std::int64_t> thresholds = network.thresholds(m);
    std::size_t wrong = 0;
    for (std::size_t unit = 0; unit < thresholds.size(); ++unit) {
      wrong += thresholds[unit] != oracle::threshold_of(spec, m, unit);
    }
    CHECK(wrong == 0);
    if (m > 0) {
      const auto set = std::visit(
          [&](const auto& before) { return network.count_set(before.view(), m, options); },
          found[m - 1]);
      CHECK(set == expected[m].set);
    }
  }
}

void check_bytes_and_bits(const NetworkSpec& spec, const ByteView& bytes, const BitView& bits) {
  const auto of_bytes = oracle::chain(spec, oracle::rows_of(bytes));
  const auto of_bits = oracle::chain(spec, oracle::rows_of(bits));
  oracle::at_every_level([&](const std::string& level) {
    CAPTURE(level);
    check_network(spec, bytes, of_bytes, {1, {}});
    check_network(spec, bits, of_bits, {2, {}});
  });
}

void check_both(const NetworkSpec& spec, std::size_t n_samples, std::mt19937_64& random) {
  const oracle::Bytes bytes(random, n_samples, spec.n_features);
  check_bytes_and_bits(spec, bytes.view,
                       oracle::random_bits(random, n_samples, spec.n_features).view());
}

}  // namespace

TEST_CASE("chains of any stages equal the definition") {
  Random random(31);
  for (int i = 0; i < 150; ++i) {
    CAPTURE(i);
    const NetworkSpec spec = oracle::draw_chain(random, 20000);
    constexpr const char* kernels[] = {"", "popcount", "dot", "lut"};
    use_kernel(kernels[i % 4]);
    check_both(spec, i % 3 == 0 ? random.between(60, 70) : random.between(1, 9), random.engine);
    use_kernel("");
  }
}

namespace {

// Columns of a block, and what they say: value(k, s) of column k, sample s.
class SlicedColumns {
 public:
  SlicedColumns(std::size_t n_columns, unsigned n_planes, std::size_t plane_words)
      : n_planes_(n_planes),
        plane_words_(plane_words),
        words_(n_columns * n_planes * plane_words, 0),
        values_(n_columns * 64 * plane_words, 0) {}

  void set(std::size_t k, std::size_t s, unsigned value) {
    values_[k * 64 * plane_words_ + s] = value;
    for (unsigned j = 0; j < n_planes_; ++j) {
      std::uint64_t& word = words_[(k * n_planes_ + j) * plane_words_ + s / 64];
      const std::uint64_t bit = std::uint64_t{1} << (s % 64);
      word = (value >> j & 1U) != 0 ? word | bit : word & ~bit;
    }
  }
  std::int64_t value(std::size_t k, std::size_t s) const {
    return values_[k * 64 * plane_words_ + s];
  }
  const std::uint64_t* words() const { return words_.data(); }

 private:
  unsigned n_planes_;
  std::size_t plane_words_;
  std::vector<std::uint64_t> words_;
  std::vector<unsigned> values_;
};

// Masks and counts of a block at its threshold, against sums of numbers.
void check_few(const kernels::Kernels& k, kernels::FewInputsBlock block,
               const std::vector<std::int64_t>& z, std::size_t n_positions) {
  const std::size_t n_samples = 64 * block.plane_words, used = 64 * block.n_words;
  block.n_positions = n_positions;
  const std::size_t stride = block.plane_words + 2;
  std::vector<std::uint64_t> masks(stride * n_positions + stride, 7), expected = masks;
  std::vector<std::uint64_t> planes(32 * block.plane_words, 7);
  std::vector<std::size_t> counts(n_samples, 0);
  k.few_masks(block, masks.data(), stride);
  k.few_counts(block, planes.data());
  std::size_t n_wrong = 0;
  for (std::size_t p = 0; p < n_positions; ++p) {
    for (std::size_t s = 0; s < used; ++s) {
      const bool above = z[p * n_samples + s] > block.threshold;
      counts[s] += above ? 1 : 0;
      n_wrong += above != ((masks[p * stride + s / 64] >> (s % 64) & 1U) != 0) ? 1 : 0;
    }
    for (std::size_t w = block.plane_words; w < stride; ++w) {
      n_wrong += masks[p * stride + w] != 7 ? 1 : 0;  // what belongs to others
    }
  }
  CHECK(n_wrong == 0);
  n_wrong = 0;
  for (std::size_t s = 0; s < used; ++s) {
    std::size_t count = 0;
    for (std::size_t j = 0; n_positions >> j != 0; ++j) {
      count |= (planes[j * block.plane_words + s / 64] >> (s % 64) & 1U) << j;
    }
    n_wrong += count != counts[s] ? 1 : 0;
  }
  CHECK(n_wrong == 0);
}

}  // namespace

TEST_CASE("few inputs of one column at every threshold") {
  std::mt19937_64 random(32);
  oracle::at_every_level([&](const std::string& level) {
    CAPTURE(level);
    const kernels::Kernels& k = kernels::active();
    for (const unsigned n_planes : {1U, 2U, 8U}) {
      for (const std::size_t fan_in : {1U, 2U, 3U, 4U, 5U, 8U, 9U, 257U, 700U}) {
        for (const std::size_t plane_words : {std::size_t{1}, kernels::kSliceWords}) {
          for (const int extreme : {-1, 0, 1}) {
            CAPTURE(n_planes);
            CAPTURE(fan_in);
            CAPTURE(plane_words);
            CAPTURE(extreme);
            const bool many = fan_in == 4 && plane_words == 1;
            const std::size_t n_positions = many ? 600 : 35;
            const std::size_t n_plus = (fan_in + 1) / 2, n_samples = 64 * plane_words;
            const unsigned top = (1U << n_planes) - 1;
            SlicedColumns x(n_positions + fan_in, n_planes, plane_words);
            std::vector<std::uint32_t> positions(n_positions), taps(fan_in);
            for (std::size_t p = 0; p < n_positions; ++p) {
              positions[p] = static_cast<std::uint32_t>(extreme == 0 ? p : 0);
            }
            for (std::size_t c = 0; c < n_positions + fan_in; ++c) {
              const bool is_high = (c < n_plus) == (extreme > 0);
              for (std::size_t s = 0; s < n_samples; ++s) {
                const unsigned given = is_high ? top : 0;
                x.set(c, s, extreme == 0 ? static_cast<unsigned>(random()) & top : given);
              }
            }
            for (std::size_t j = 0; j < fan_in; ++j) {
              taps[j] = static_cast<std::uint32_t>(j);
            }
            std::vector<std::int64_t> z(n_positions * n_samples, 0);
            for (std::size_t p = 0; p < n_positions; ++p) {
              for (std::size_t j = 0; j < fan_in; ++j) {
                for (std::size_t s = 0; s < n_samples; ++s) {
                  const std::int64_t value = x.value(positions[p] + taps[j], s);
                  z[p * n_samples + s] += j < n_plus ? value : -value;
                }
              }
            }
            const kernels::FewInputsBlock block{
                x.words(),        n_planes, plane_words, plane_words == 1 ? 1U : 5U,
                positions.data(), 0,        taps.data(), n_plus,
                fan_in - n_plus,  0};
            const auto most = static_cast<std::int32_t>(top * n_plus);
            const auto least = -static_cast<std::int32_t>(top * (fan_in - n_plus));
            const auto there = static_cast<std::int32_t>(z[7 * n_samples + 5]);
            std::set<std::int32_t> thresholds{least - 9, least - 1, least,    there - 1,
                                              there,     most - 1,  most + 9, -257};
            for (std::int32_t t = -6; t <= 6; ++t) {
              thresholds.insert(t);
            }
            for (const std::int32_t threshold : thresholds) {
              kernels::FewInputsBlock at = block;
              at.threshold = threshold;
              check_few(k, at, z, 35);
            }
            for (const std::size_t n : {0U, 1U, 2U, 7U, 16U, 17U, 31U, 255U, 256U, 600U}) {
              kernels::FewInputsBlock at = block;
              at.threshold = there - 1;
              if (n <= n_positions) {
                check_few(k, at, z, n);
              }
            }
          }
        }
      }
    }
  });
}

TEST_CASE("planes of numbers joined to bytes") {
  std::mt19937_64 random(34);
  oracle::at_every_level([&](const std::string& level) {
    CAPTURE(level);
    for (std::size_t n_planes = 0; n_planes <= 8; ++n_planes) {
      std::vector<std::uint64_t> planes(24);
      for (std::uint64_t& word : planes) {
        word = random();
      }
      std::vector<std::uint8_t> out(64, 9), expected(64, 0);
      for (std::size_t s = 0; s < 64; ++s) {
        for (std::size_t p = 0; p < n_planes; ++p) {
          expected[s] |= static_cast<std::uint8_t>((planes[3 * p] >> s & 1U) << p);
        }
      }
      kernels::active().join_planes(planes.data(), n_planes, 3, out.data());
      CHECK(out == expected);
    }
  });
}

TEST_CASE("sums of few inputs at their largest and smallest") {
  std::mt19937_64 random(33);
  for (const std::size_t fan_in : {1U, 2U, 255U, 256U, 257U, 258U, 600U}) {
    CAPTURE(fan_in);
    NetworkSpec spec{600, {Stage{Dense{9}}}, Activation::step, random(), {}};
    spec.stages[0].fan_in = fan_in;
    const auto plus = static_cast<std::int64_t>((fan_in + 1) / 2);
    const std::int64_t high = 255 * plus, low = -255 * (static_cast<std::int64_t>(fan_in) - plus);
    spec.stages[0].thresholds = {low - 1, low, low + 1, -1, 0, 1, high - 1, high, high + 1};
    // A sample for each unit at its largest, and one at its smallest sum.
    std::vector<std::uint8_t> x;
    BitMatrix bits(18, 600);
    for (std::size_t s = 0; s < 18; ++s) {
      const auto w = oracle::weights_of(spec, 0, s / 2, 600);
      for (std::size_t k = 0; k < 600; ++k) {
        const bool is_high = s % 2 == 0 ? w[k] > 0 : w[k] < 0;
        x.push_back(is_high ? 255 : 0);
        if (is_high) {
          bits.set(s, k);
        }
      }
    }
    check_bytes_and_bits(spec, {x.data(), 18, 600}, bits.view());
  }
}

TEST_CASE("padding adds nothing, whatever is read") {
  Random random(38);
  for (const Activation activation : {Activation::step, Activation::sign}) {
    for (const std::size_t fan_in : {0U, 1U, 2U, 7U}) {
      CAPTURE(fan_in);
      for (const Extent padding : {Extent{0, 1}, Extent{1, 0}, Extent{2, 1}}) {
        // Images as large as a kernel, and larger ones; bits that are read, and counts.
        for (const ImageShape image : {ImageShape{3, 3, 2}, ImageShape{5, 6, 2}}) {
          for (const std::size_t pool : {0U, 3U}) {
            NetworkSpec spec{image.size(), {}, activation, random.engine(), image};
            spec.stages.push_back({Conv2D{7, 3, 1, 1, 1, pool}, 2, fan_in});
            spec.stages.push_back({Conv2D{7, 3, 1, padding}, 2, fan_in});
            check_both(spec, 5, random.engine);
          }
        }
      }
      NetworkSpec series{5, {}, activation, random.engine(), {5, 1, 1}};
      series.stages = {{Conv1D{1, 5, 1, 2}, 1, std::min<std::size_t>(fan_in, 4)},
                       {Conv1D{9, 5, 1, 2}, 1, std::min<std::size_t>(fan_in, 4)}};
      check_both(series, 9, random.engine);
    }
  }
}

TEST_CASE("dilated kernels reach over the borders") {
  Random random(39);
  for (const Activation activation : {Activation::step, Activation::sign}) {
    for (const std::size_t fan_in : {0U, 4U}) {
      for (const Extent dilation : {Extent{1, 3}, Extent{3, 1}, Extent{2, 3}, Extent{4, 2}}) {
        CAPTURE(dilation.y);
        CAPTURE(dilation.x);
        // Channels of whole words, too.
        for (const std::size_t channels : {5U, 64U}) {
          NetworkSpec spec{180, {}, activation, random.engine(), {9, 10, 2}};
          Conv2D conv{channels, {3, 2}, {1, 2}, {2, 1}, dilation};
          spec.stages.push_back({conv, 4, fan_in, 30});
          conv.stride = 1;
          conv.dilation = {dilation.x, 1};
          conv.pool = {3, 2};
          spec.stages.push_back({conv, 4, fan_in, 2});
          check_both(spec, 4, random.engine);
        }
      }
    }
  }
}

TEST_CASE("thresholds at the largest and smallest sums of weights, and beyond") {
  // One input of 1 bit, -1 or +1: its sums are -255 and 255.
  std::mt19937_64 random(40);
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  for (const unsigned weight_bits : {1U, 8U, 24U}) {
    for (const Activation activation : {Activation::step, Activation::sign}) {
      NetworkSpec spec{1, {}, activation, random(), {}};
      const std::int64_t top = 255 * ((std::int64_t{1} << weight_bits) - 1);
      Stage stage{Dense{40}, weight_bits};
      for (std::size_t unit = 0; unit < 40; ++unit) {
        const std::int64_t edges[] = {least, -top - 1, -top,    -top + 1, -1,
                                      0,     1,        top - 1, top,      most};
        stage.thresholds.push_back(edges[unit % 10]);
      }
      spec.stages.push_back(stage);
      // The second reads 40 bits at sums of weights near its thresholds.
      stage.thresholds = {least, -40, -2, -1, 0, 1, 2, 40, most};
      stage.map = Dense{9};
      spec.stages.push_back(stage);
      const std::uint8_t x[] = {0, 1, 254, 255};
      BitMatrix bits(4, 1);
      bits.set(2, 0);
      check_bytes_and_bits(spec, {x, 4, 1}, bits.view());
    }
  }
}

TEST_CASE("thresholds that 32 bits hardly hold") {
  // Twice the largest sum is just below 2^31.
  const std::size_t n = 16512;
  std::mt19937_64 random(41);
  NetworkSpec spec{n, {Stage{Dense{6}, 8}}, Activation::step, 6, {}};
  spec.stages[0].thresholds = {std::numeric_limits<std::int64_t>::min(),
                               -(std::int64_t{1} << 30),
                               -1,
                               0,
                               std::int64_t{1} << 30,
                               std::numeric_limits<std::int64_t>::max()};
  const oracle::Bytes x(random, 3, n, 255);
  const BitMatrix bits = oracle::random_bits(random, 3, n);
  for (const char* kernel : {"popcount", "dot"}) {
    use_kernel(kernel);
    check_bytes_and_bits(spec, x.view, bits.view());
    use_kernel("");
  }
}

TEST_CASE("windows of 255 positions and of more") {
  std::mt19937_64 random(34);
  for (const std::size_t length : {254U, 255U, 256U, 510U, 511U, 1000U}) {
    for (const std::size_t pool : {1U, 2U}) {
      for (const std::size_t fan_in : {0U, 1U}) {
        CAPTURE(length);
        // Units that are always set, never, and by the data.
        NetworkSpec spec{length, {Stage{Conv1D{4, 1, 1, 0, 1, pool}, 1}}, Activation::step, 1, {}};
        spec.input_shape = {length, 1, 1};
        spec.stages[0].fan_in = fan_in;
        spec.stages[0].thresholds = {-1000, 1000, 0, 100};
        check_both(spec, 9, random);  // more samples of the longest than a thread takes at once
      }
    }
  }
}

TEST_CASE("maps of more bits than are held at a time") {
  std::mt19937_64 random(35);
  // More positions and channels than 65,536 together, and more channels than that alone.
  NetworkSpec image{16000, {Stage{Conv2D{5, 1}}}, Activation::step, 3, {400, 40, 1}};
  image.stages[0].fan_in = 1;
  image.stages[0].thresholds = {-1, 50, 100, 150, 254};
  check_both(image, 66, random);
  NetworkSpec wide{6, {Stage{Conv1D{65536 + 65, 1}}}, Activation::step, 4, {2, 1, 3}};
  wide.stages[0].fan_in = 2;
  check_both(wide, 5, random);
}

TEST_CASE("many inputs of a unit are distinct") {
  std::mt19937_64 random(36);
  for (const std::size_t fan_in : {63U, 64U, 65U, 66U, 130U}) {
    NetworkSpec spec{130, {Stage{Dense{70}}}, Activation::sign, random(), {}};
    spec.stages[0].fan_in = fan_in;
    spec.stages.push_back(spec.stages[0]);
    spec.stages[1].fan_in = 64;
    check_both(spec, 65, random);
    const Network network(spec);
    std::vector<std::int32_t> w(9100);
    network.weights(0, w.data());
    std::size_t wrong = 0;
    for (std::size_t unit = 0; unit < 70; ++unit) {
      const auto expected = oracle::weights_of(spec, 0, unit, 130);
      wrong += std::equal(expected.begin(), expected.end(), w.data() + 130 * unit) ? 0 : 1;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("drawn dilations fill a series as far as it goes") {
  std::mt19937_64 random(37);
  for (const std::size_t length : {3U, 4U, 5U, 16U, 17U, 32U, 33U, 64U}) {
    for (const std::size_t fan_in : {0U, 2U}) {
      CAPTURE(length);
      NetworkSpec spec{2 * length, {Stage{Conv1D{70, 3, 1, 0, 0, 1}}}, Activation::step, 5, {}};
      spec.input_shape = {length, 1, 2};
      spec.stages[0].fan_in = fan_in;
      spec.stages[0].bias = 60;
      check_both(spec, 5, random);
    }
  }
}

TEST_CASE("series along their times equal the definition, channels of the same inputs too") {
  Random random(35);
  for (int i = 0; i < 12; ++i) {
    CAPTURE(i);
    Conv1D map;
    const std::size_t channels_in = random.between(1, 3);
    map.kernel = random.between(2, 4);
    map.channels = random.between(1, 60);
    map.dilation = i % 3 == 0 ? 0 : random.between(1, 3);
    map.padding = i % 3 == 0 ? 0 : random.between(0, map.kernel - 1);
    map.pool = 1;
    Stage stage{map};
    // Few inputs of few: many channels have the same.
    stage.fan_in = random.between(1, std::min<std::size_t>(4, map.kernel * channels_in));
    stage.bias = 200;
    const std::size_t length = random.between(70, 330);
    const NetworkSpec spec{
        length * channels_in, {stage}, Activation::step, random.engine(), {length, 1, channels_in}};
    check_both(spec, random.between(1, 9) * (i % 4 == 1 ? 9 : 1), random.engine);
  }
}

namespace {

template <typename View>
void check_ranks(NetworkSpec spec, const View& x, Random& random) {
  const Network plain(spec);
  const StageShape& shape = plain.shape(0);
  std::vector<std::uint64_t> n_sums(shape.n_units), ranks(shape.n_units);
  const std::vector<std::size_t> dilations = plain.dilations(0);
  for (std::size_t unit = 0; unit < ranks.size(); ++unit) {
    std::size_t positions = shape.map.height * shape.map.width;
    if (!dilations.empty()) {
      const auto& series = std::get<Conv1D>(spec.stages[0].map);
      positions = shape.in.height - dilations[unit] * (series.kernel - 1);
    }
    n_sums[unit] = x.n_samples * std::max<std::size_t>(1, positions);
    ranks[unit] = unit == 0 ? 0 : unit == 1 ? n_sums[unit] - 1 : random.engine() % n_sums[unit];
  }
  oracle::at_every_level([&](const std::string& level) {
    CAPTURE(level);
    const auto found = plain.ranked_sums(x, 0, ranks, {2, {}});
    REQUIRE(found.size() == ranks.size());
    // Of a rank r, n - r - 1 sums at most are larger, and n - r at least not smaller.
    std::size_t wrong = 0;
    for (const int less : {0, 1}) {
      NetworkSpec with = spec;
      with.stages[0].bias = 0;
      with.stages[0].thresholds = found;
      for (std::int64_t& threshold : with.stages[0].thresholds) {
        threshold -= less;
      }
      const auto above = Network(with).count_set(x, 0);
      for (std::size_t unit = 0; unit < ranks.size(); ++unit) {
        const std::uint64_t most = n_sums[unit] - ranks[unit] - (less == 0 ? 1 : 0);
        wrong += (less == 0 ? above[unit] > most : above[unit] < most) ? 1 : 0;
      }
    }
    CHECK(wrong == 0);
  });
  ranks[0] = n_sums[0];
  CHECK_THROWS_AS((void)plain.ranked_sums(x, 0, ranks), std::invalid_argument);
  ranks.pop_back();
  CHECK_THROWS_AS((void)plain.ranked_sums(x, 0, ranks), std::invalid_argument);
}

}  // namespace

TEST_CASE("sums of a rank") {
  Random random(36);
  for (int i = 0; i < 24; ++i) {
    CAPTURE(i);
    NetworkSpec spec{0, {}, Activation::step, random.engine(), {}};
    Stage stage;
    stage.fan_in = random.between(1, 9);
    if (i % 3 == 0) {
      stage.map = Dense{random.between(2, 70)};
      spec.n_features = random.between(9, 150);
    } else if (i % 3 == 1) {
      Conv2D map;
      map.channels = random.between(2, 9);
      map.kernel = 3;
      map.padding = random.between(0, 2);
      map.stride = random.between(1, 2);
      stage.map = map;
      spec.input_shape = {random.between(4, 9), random.between(4, 9), 1};
    } else {
      Conv1D map;
      map.channels = random.between(2, 40);
      map.kernel = 9;
      map.dilation = i % 2 == 0 ? 0 : 2;
      map.pool = i % 2 == 0 ? 1 : random.between(0, 2);
      stage.map = map;
      spec.input_shape = {random.between(20, 200), 1, 1};
    }
    if (i % 3 != 0) {
      spec.n_features = spec.input_shape.size();
    }
    spec.stages = {stage};
    const std::size_t n_samples = i % 4 == 0 ? random.between(65, 600) : random.between(1, 9);
    const oracle::Bytes bytes(random.engine, n_samples, spec.n_features);
    check_ranks(spec, bytes.view, random);
    const BitMatrix bits = oracle::random_bits(random.engine, n_samples, spec.n_features);
    check_ranks(spec, bits.view(), random);
  }
  // All inputs of a unit: no sums are ranked.
  const NetworkSpec dense{9, {Stage{Dense{4}}}, Activation::step, 1, {}};
  const oracle::Bytes bytes(random.engine, 5, 9);
  CHECK(Network(dense).ranked_sums(bytes.view, 0, std::vector<std::uint64_t>(4, 0)).empty());
}
