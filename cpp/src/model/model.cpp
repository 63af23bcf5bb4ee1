#include "randprop/model.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <locale>
#include <sstream>
#include <string_view>
#include <utility>

#include "bits/require.hpp"
#include "bits/sizes.hpp"
#include "model/model_file.hpp"
#include "model/model_readouts.hpp"
#include "model/model_scaling.hpp"
#include "model/regular_file.hpp"

namespace randprop {
namespace {

using Kind = json::Value::Kind;

constexpr std::size_t max_stages = 100'001;
constexpr std::size_t max_classes = std::size_t{1} << 24;
// Classes times the longest label: Python keeps them in an array of fixed width.
constexpr std::size_t max_label_characters = std::size_t{1} << 26;

std::uint64_t read_seed(const json::Value& value) {
  const std::string& text = value.expect(Kind::string, "seed").text;
  std::uint64_t seed = 0;
  bool good = !text.empty() && text.size() <= 20 && (text.size() == 1 || text[0] != '0');
  for (std::size_t i = 0; good && i < text.size(); ++i) {
    const auto digit = static_cast<std::uint64_t>(text[i] - '0');
    good = text[i] >= '0' && text[i] <= '9' && seed <= (~std::uint64_t{0} - digit) / 10;
    seed = 10 * seed + digit;
  }
  if (!good) {
    throw ModelError("seed must be the digits of a number below 2^64");
  }
  return seed;
}

// A member of a stage, which is left out where it has its default: spelling that out is refused,
// so that a stage has one spelling.
class StageMembers {
 public:
  explicit StageMembers(const json::Value& stage) : stage_(stage) {}

  std::size_t one(const char* name, std::size_t usual, std::size_t least,
                  std::size_t largest = max_width) {
    const json::Value* found = find(name);
    if (found == nullptr) {
      return usual;
    }
    const std::size_t number = found->as_size(name, largest, least);
    refuse_default(name, number == usual);
    return number;
  }
  // A number, or two different ones for y and x.
  Extent pair(const char* name, std::size_t usual, std::size_t least) {
    const json::Value* found = find(name);
    if (found == nullptr) {
      return usual;
    }
    if (!found->is(Kind::array)) {
      const std::size_t number = found->as_size(name, max_width, least);
      refuse_default(name, number == usual);
      return number;
    }
    if (found->array().size() != 2) {
      throw ModelError(std::string(name) + " must be one number or two");
    }
    const Extent both(found->array()[0].as_size(name, max_width, least),
                      found->array()[1].as_size(name, max_width, least));
    refuse_default(name, both.y == both.x);
    return both;
  }
  const json::Value* find(const char* name) {
    known_.emplace_back(name);
    const auto found = stage_.object().find(name);
    return found == stage_.object().end() ? nullptr : &found->second;
  }
  // Throws where there are members that nobody asked for.
  void end() const {
    for (const auto& [name, value] : stage_.object()) {
      if (std::find(known_.begin(), known_.end(), name) == known_.end()) {
        throw ModelError("a stage has the unknown member " + name);
      }
    }
  }

 private:
  static void refuse_default(const char* name, bool is_default) {
    if (is_default) {
      throw ModelError(std::string(name) + " of a stage must have its shortest form");
    }
  }

  const json::Value& stage_;
  std::vector<std::string> known_;
};

// As files had it before there were other kinds: with all its members.
bool is_plain_convolution(const json::Value& stage) {
  return stage.object().find("kind") == stage.object().end();
}

Conv2D read_conv2d(StageMembers& members) {
  Conv2D conv;
  conv.channels = members.one("channels", 0, 1);
  conv.kernel = members.pair("kernel", 0, 1);
  conv.stride = members.pair("stride", 1, 1);
  conv.padding = members.pair("padding", 0, 0);
  conv.dilation = members.pair("dilation", 1, 1);
  conv.pool = members.pair("pool", 0, 1);
  return conv;
}

Conv1D read_conv1d(StageMembers& members) {
  Conv1D conv;
  conv.channels = members.one("channels", 0, 1);
  conv.kernel = members.one("kernel", 0, 1);
  conv.stride = members.one("stride", 1, 1);
  conv.padding = members.one("padding", 0, 0);
  const json::Value* dilation = members.find("dilation");
  if (dilation != nullptr && dilation->is(Kind::string)) {
    if (dilation->text != "log") {
      throw ModelError("dilation must be a number or 'log'");
    }
    conv.dilation = 0;
  } else {
    conv.dilation = members.one("dilation", 1, 1);
  }
  conv.pool = members.one("pool", 0, 1);
  return conv;
}

// What every kind may have beside its map; `own` is set where there is any of it.
void read_shared(StageMembers& members, unsigned network_bits, Stage& stage, bool& own) {
  const json::Value* bits = members.find("weight_bits");
  stage.weight_bits =
      bits == nullptr ? network_bits : static_cast<unsigned>(bits->as_size("weight_bits", 24, 1));
  const json::Value* fan_in = members.find("fan_in");
  stage.fan_in = fan_in == nullptr ? 0 : fan_in->as_size("fan_in", max_width, 1);
  if (bits != nullptr && fan_in != nullptr) {
    throw ModelError("a stage must not have both fan_in and weight_bits");
  }
  stage.bias = static_cast<std::int64_t>(members.one("bias", 0, 0, 0x7FFFFFFF));
  own = bits != nullptr || fan_in != nullptr || stage.bias != 0;
}

Stage read_stage(const json::Value& entry, unsigned weight_bits) {
  Stage stage;
  stage.weight_bits = weight_bits;
  if (!entry.is(Kind::object)) {
    stage.map = Dense{entry.as_size("matrices", max_width, 1)};
    return stage;
  }
  if (is_plain_convolution(entry)) {
    entry.only("a stage", {"channels", "kernel", "stride", "padding"});
    stage.map = Conv2D{entry.at("channels").as_size("channels", max_width, 1),
                       entry.at("kernel").as_size("kernel", max_width, 1),
                       entry.at("stride").as_size("stride", max_width, 1),
                       entry.at("padding").as_size("padding", max_width)};
    return stage;
  }
  StageMembers members(entry);
  const std::string& kind = members.find("kind")->expect(Kind::string, "kind").text;
  bool own = false;
  read_shared(members, weight_bits, stage, own);
  if (kind == "Dense") {
    stage.map = Dense{members.one("units", 0, 1)};
    own = own || std::get<Dense>(stage.map).units == 0;
  } else if (kind == "Conv2D") {
    const Conv2D conv = read_conv2d(members);
    const auto even = [](const Extent& pair) { return pair.y == pair.x; };
    own = own || conv.dilation.y != 1 || conv.dilation.x != 1 || conv.pool.y != 0 ||
          !even(conv.kernel) || !even(conv.stride) || !even(conv.padding);
    stage.map = conv;
  } else if (kind == "Conv1D") {
    own = true;
    stage.map = read_conv1d(members);
  } else {
    throw ModelError("a stage has an unknown kind");
  }
  members.end();
  if (!own) {
    throw ModelError("a stage must have its shortest form");
  }
  return stage;
}

// The thresholds that a file has of a stage.
void take_thresholds(ModelFile& file, std::size_t index, Stage& stage) {
  const std::string name = "thresholds_" + std::to_string(index);
  if (file.tensors.find(name) == file.tensors.end()) {
    return;
  }
  if (stage.bias != 0) {
    throw ModelError("a stage must not have both thresholds and a bias");
  }
  stage.thresholds = file.take(name, {ModelFile::any}, {"I64"}).integers(name);
}

NetworkSpec read_network(ModelFile& file) {
  const json::Value& network = file.description.at("network");
  network.only("network",
               {"n_features", "matrices", "input_shape", "weight_bits", "activation", "seed"});
  NetworkSpec spec;
  spec.n_features = network.at("n_features").as_size("n_features", max_width, 1);
  const auto weight_bits =
      static_cast<unsigned>(network.at("weight_bits").as_size("weight_bits", 24));
  const std::string& activation = network.at("activation").expect(Kind::string, "activation").text;
  if (activation != "step" && activation != "sign") {
    throw ModelError("activation must be 'step' or 'sign'");
  }
  spec.activation = activation == "sign" ? Activation::sign : Activation::step;
  spec.seed = read_seed(network.at("seed"));
  const auto& matrices = network.at("matrices").expect(Kind::array, "matrices").array();
  if (matrices.empty() || matrices.size() > max_stages) {
    throw ModelError("matrices must have 1 to 100,001 entries");
  }
  for (const json::Value& matrix : matrices) {
    spec.stages.push_back(read_stage(matrix, weight_bits));
    take_thresholds(file, spec.stages.size() - 1, spec.stages.back());
  }
  const json::Value& shape = network.at("input_shape");
  if (std::holds_alternative<Dense>(spec.stages[0].map)) {
    // A size that nothing looks at is a size that nobody has checked.
    shape.expect(Kind::null, "input_shape of a network that begins with a dense stage");
  } else {
    const bool series = std::holds_alternative<Conv1D>(spec.stages[0].map);
    const std::size_t n_sizes = series ? 2 : 3;
    if (shape.expect(Kind::array, "input_shape").array().size() != n_sizes) {
      throw ModelError("input_shape must be " + std::to_string(n_sizes) + " numbers");
    }
    const auto side = [&](std::size_t i) {
      return shape.array()[i].as_size("input_shape", max_width, 1);
    };
    spec.input_shape =
        series ? ImageShape{side(0), 1, side(1)} : ImageShape{side(0), side(1), side(2)};
  }
  return spec;
}

// Throws unless each is larger than the one before.
template <typename T>
void check_sorted(const std::vector<T>& labels) {
  for (std::size_t i = 1; i < labels.size(); ++i) {
    if (!(labels[i - 1] < labels[i])) {
      throw ModelError("classes must be sorted and different");
    }
  }
}

template <typename T, typename Spell>
std::vector<std::string> spelled(const std::vector<T>& labels, const Spell& spell) {
  check_sorted(labels);
  std::vector<std::string> texts;
  texts.reserve(labels.size());
  for (const T label : labels) {
    texts.push_back(spell(label));
  }
  return texts;
}

std::vector<std::string> numeric_labels(const Tensor& tensor) {
  if (tensor.dtype[0] == 'F') {
    return spelled(tensor.doubles("classes"), [](double label) {
      std::ostringstream text;
      text.imbue(std::locale::classic());
      text.precision(std::numeric_limits<double>::max_digits10);
      text << label;
      return text.str();
    });
  }
  if (tensor.dtype == "U64") {
    std::vector<std::uint64_t> labels(tensor.size);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      labels[i] = tensor.bits(i);
    }
    return spelled(labels, [](std::uint64_t label) { return std::to_string(label); });
  }
  return spelled(tensor.integers("classes"),
                 [](std::int64_t label) { return std::to_string(label); });
}

std::vector<std::string> read_labels(ModelFile& file) {
  const json::Value& classes = file.description.at("classes");
  if (classes.is(Kind::null)) {
    const Tensor tensor = file.take(
        "classes", {ModelFile::any},
        {"BOOL", "I8", "I16", "I32", "I64", "U8", "U16", "U32", "U64", "F16", "F32", "F64"});
    if (tensor.size > max_classes) {
      throw ModelError("classes must have at most 2^24 entries");
    }
    return numeric_labels(tensor);
  }
  const auto& found = classes.expect(Kind::array, "classes").array();
  if (found.empty() || found.size() > max_classes) {
    throw ModelError("classes must have 1 to 2^24 entries");
  }
  std::vector<std::string> labels;
  std::size_t longest = 0;
  for (const json::Value& label : found) {
    labels.push_back(label.expect(Kind::string, "classes").text);
    const std::string& text = labels.back();
    // Python's arrays cut such an end off.
    if (!text.empty() && text.back() == '\0') {
      throw ModelError("a label ends in U+0000");
    }
    const auto characters = std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;  // begins a character
    });
    longest = std::max(longest, static_cast<std::size_t>(characters));
  }
  if (longest > max_label_characters / found.size()) {
    throw ModelError(
        "the number of classes times the length of the longest label must be at most 2^26");
  }
  check_sorted(labels);  // by bytes of UTF-8, which is by code points
  return labels;
}

std::vector<std::string> read_feature_names(const json::Value& description, std::size_t n) {
  const auto found = description.object().find("feature_names");
  if (found == description.object().end() || found->second.is(Kind::null)) {
    return {};
  }
  std::vector<std::string> names;
  for (const json::Value& value : found->second.expect(Kind::array, "feature_names").array()) {
    names.push_back(value.expect(Kind::string, "feature_names").text);
  }
  // Sorted, not hashed: names that a file chooses could all have one hash.
  std::vector<std::string_view> sorted(names.begin(), names.end());
  std::sort(sorted.begin(), sorted.end());
  const bool same = std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
  if (names.size() != n || same) {
    throw ModelError("feature_names must be n_features different strings");
  }
  return names;
}

}  // namespace

struct Model::Parts {
  std::unique_ptr<Network> network;
  std::unique_ptr<Readout> readout;
  std::vector<std::string> labels;
  std::vector<std::string> feature_names;
  std::unique_ptr<Scaling> scaling;

  explicit Parts(ModelFile file);
};

Model::Parts::Parts(ModelFile file) {
  const json::Value& description = file.description;
  description.only("the description", {"version", "network", "input_range", "scaling", "classes",
                                       "readout", "feature_names", "estimator"});
  if (const auto found = description.object().find("estimator");
      found != description.object().end()) {
    found->second.expect(Kind::string, "estimator");  // of Python, which makes one of it
  }
  network = std::make_unique<Network>(read_network(file));
  feature_names = read_feature_names(description, network->spec().n_features);
  labels = read_labels(file);
  readout = read_readout(file, labels.size(), network->n_outputs(), network->gives());
  scaling = std::make_unique<Scaling>(file, network->spec().n_features);
  if (!file.tensors.empty()) {
    throw ModelError("an array belongs to no part of the model: " + file.tensors.begin()->first);
  }
}

namespace {

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};  // NOLINT(*-reinterpret-cast)
}

// Bytes of 0 and 1 as bits.
BitMatrix packed(ByteView x, std::size_t n_features) {
  require(x.n_features == n_features, "x has " + std::to_string(x.n_features) +
                                          " features, the model expects " +
                                          std::to_string(n_features));
  BitMatrix bits(x.n_samples, x.n_features);
  for (std::size_t s = 0; s < x.n_samples; ++s) {
    const std::uint8_t* const row = x.row(s);
    for (std::size_t j = 0; j < x.n_features; ++j) {
      if (row[j] > 1) {
        throw std::invalid_argument("x must hold only 0 and 1, which this model reads");
      }
      bits.row(s)[j / 64] |= std::uint64_t{row[j]} << (j % 64);
    }
  }
  return bits;
}

// What `work` returns; what it refuses, it refuses by name.
template <typename Work>
auto naming(const std::string& name, Work&& work) {
  try {
    return work();
  } catch (const ModelError& error) {
    throw ModelError(name + ": " + error.what());
  } catch (const json::Error& error) {
    throw ModelError(name + ": " + error.what());
  } catch (const std::invalid_argument& error) {
    throw ModelError(name + ": " + error.what());
  }
}

}  // namespace

Model::Model(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Model::~Model() = default;
Model::Model(Model&& other) noexcept = default;
Model& Model::operator=(Model&& other) noexcept = default;

Model Model::load(const std::string& path) {
  return naming(path, [&] {
    RegularFile file(path);
    std::array<std::uint8_t, 8> start = {};
    file.read(start.data(), std::min(start.size(), file.size()));
    std::vector<std::uint8_t> text(header_size(start.data(), file.size()));
    file.read(text.data(), text.size());
    // No memory is taken for the arrays before the header accounts for each of their bytes.
    const std::size_t body_size = file.size() - start.size() - text.size();
    ModelHeader header(text_of(text.data(), text.size()), body_size);
    std::vector<std::uint8_t> body(body_size);
    file.read(body.data(), body_size);
    file.expect_end();
    return Model(std::make_unique<Parts>(std::move(header).with_body(body.data())));
  });
}

Model Model::parse(const void* data, std::size_t size, const std::string& name) {
  return naming(name, [&] {
    const auto* const start = static_cast<const std::uint8_t*>(data);
    const std::size_t text_size = header_size(start, size);
    ModelHeader header(text_of(start + 8, text_size), size - 8 - text_size);
    return Model(std::make_unique<Parts>(std::move(header).with_body(start + 8 + text_size)));
  });
}

const Network& Model::network() const noexcept { return *parts_->network; }
std::size_t Model::n_features() const noexcept { return parts_->network->spec().n_features; }
const std::vector<std::string>& Model::labels() const noexcept { return parts_->labels; }
const std::vector<std::string>& Model::feature_names() const noexcept {
  return parts_->feature_names;
}

void Model::to_bytes(const double* features, std::size_t n, std::uint8_t* out) const noexcept {
  parts_->scaling->apply(features, n, out);
}

std::vector<std::size_t> Model::predict(ByteView x, const RunOptions& options) const {
  const auto through = [&](const auto& input) {
    return network().propagate(input, 0, network().n_stages(), Keep::last, options);
  };
  const std::vector<FeatureMatrix> features =
      parts_->scaling->gives_bits() ? through(packed(x, n_features()).view()) : through(x);
  return std::visit(
      [&](const auto& found) { return parts_->readout->predict(found.view(), options); },
      features.back());
}

std::vector<std::size_t> Model::predict(const double* features, std::size_t n_samples,
                                        const RunOptions& options) const {
  std::vector<std::uint8_t> bytes(checked_product("features", n_samples, n_features()));
  to_bytes(features, bytes.size(), bytes.data());
  return predict(ByteView{bytes.data(), n_samples, n_features()}, options);
}

}  // namespace randprop
