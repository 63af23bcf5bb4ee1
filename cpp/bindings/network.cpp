// randprop::Network for Python.
#include <pybind11/native_enum.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "randprop/network.hpp"
#include "register.hpp"

namespace randprop::bindings {
namespace {

// What functions take: pybind11 refuses an object whose __init__ never ran where it hands out the
// holder, but not where it hands out a reference.
template <typename T>
using Held = std::shared_ptr<T>;

template <typename T>
py::array_t<std::int64_t> to_integers(const std::vector<T>& values) {
  py::array_t<std::int64_t> out(static_cast<py::ssize_t>(values.size()));
  std::copy(values.begin(), values.end(), out.mutable_data());
  return out;
}

// A rank below 0 becomes one that is too large, and is refused as that.
std::vector<std::uint64_t> to_ranks(const Array<std::int64_t>& values) {
  return {values.data(), values.data() + values.size()};
}

// Words of bits, or bytes, behind each stage.
py::list to_arrays(std::vector<FeatureMatrix>&& outputs) {
  py::list arrays;
  for (FeatureMatrix& features : outputs) {
    std::visit([&](auto& found) { arrays.append(to_array(std::move(found))); }, features);
  }
  return arrays;
}

template <typename View>
py::list propagate(const Network& network, const View& x, std::size_t first, std::size_t last,
                   Keep keep, int n_threads) {
  const RunOptions options = run_options(n_threads);
  return to_arrays(without_gil([&] { return network.propagate(x, first, last, keep, options); }));
}

// Columns are of 32 or of 64 bits, as SciPy has them.
using Columns = std::variant<Array<std::int32_t>, Array<std::int64_t>>;

// Rows as SciPy has them. Where they start is copied: other threads of Python may change the array.
class SparseRows {
 public:
  SparseRows(const Array<std::int64_t>& starts, const Columns& columns,
             const Array<std::uint8_t>& values, std::size_t n_features) {
    require(starts.ndim() == 1 && starts.size() >= 1, "starts must be one more than the rows");
    starts_.assign(starts.data(), starts.data() + starts.size());
    view_.starts = starts_.data();
    view_.values = values.data();
    view_.n_stored = static_cast<std::size_t>(values.size());
    view_.n_samples = starts_.size() - 1;
    view_.n_features = n_features;
    std::visit(
        [&](const auto& found) {
          require(found.ndim() == 1 && values.ndim() == 1 && found.size() == values.size(),
                  "columns and values must have one dimension and as many entries");
          view_.columns = found.data();
        },
        columns);
  }
  SparseRows(const SparseRows&) = delete;
  SparseRows& operator=(const SparseRows&) = delete;

  const SparseView& view() const { return view_; }

 private:
  std::vector<std::int64_t> starts_;
  SparseView view_;
};

// activation: where x is bits.
template <typename View, typename... Activations>
py::array_t<std::uint64_t> apply(const View& x, std::size_t n_inputs,
                                 const Array<std::int32_t>& weights, int n_threads,
                                 Activations... activation) {
  require(weights.ndim() == 2 && static_cast<std::size_t>(weights.shape(1)) == n_inputs,
          "weights must have shape (n_units, " + std::to_string(n_inputs) + ")");
  const std::int32_t* w = weights.data();
  const auto rows = static_cast<std::size_t>(weights.shape(0));
  const RunOptions options = run_options(n_threads);
  return to_array(without_gil([&] { return apply_weights(x, w, rows, activation..., options); }));
}

void register_enums(py::module_& module) {
  py::native_enum<Activation>(module, "Activation", "enum.Enum")
      .value("step", Activation::step)
      .value("sign", Activation::sign)
      .finalize();
  py::native_enum<Features>(module, "Features", "enum.Enum")
      .value("bits", Features::bits)
      .value("bytes", Features::bytes)
      .finalize();
  py::native_enum<Keep>(module, "Keep", "enum.Enum")
      .value("last", Keep::last)
      .value("all", Keep::all)
      .finalize();
}

// A class for each map, so that Python can tell them apart.
struct DenseStage : Stage {};
struct Conv1DStage : Stage {};
struct Conv2DStage : Stage {};
using AnyStage = std::variant<Held<DenseStage>, Held<Conv1DStage>, Held<Conv2DStage>>;
using Pair = std::array<std::size_t, 2>;

Extent extent(const Pair& pair) { return {pair[0], pair[1]}; }

Stage stage_of(const AnyStage& any) {
  return std::visit(
      [](const auto& stage) -> Stage {
        require(stage != nullptr, "stages must be Dense, Conv1D or Conv2D, got None");
        return *stage;
      },
      any);
}

// What every stage has beside its map.
template <typename Class, typename Map>
std::shared_ptr<Class> make_stage(Map map, unsigned weight_bits, std::size_t fan_in,
                                  std::int64_t bias,
                                  const std::optional<Array<std::int64_t>>& thresholds) {
  auto stage = std::make_shared<Class>();
  stage->map = map;
  stage->weight_bits = weight_bits;
  stage->fan_in = fan_in;
  stage->bias = bias;
  if (thresholds) {
    require(thresholds->ndim() == 1, "thresholds must have 1 dimension");
    stage->thresholds.assign(thresholds->data(), thresholds->data() + thresholds->size());
  }
  return stage;
}

void register_stages(py::module_& module) {
  using Thresholds = std::optional<Array<std::int64_t>>;
  const auto common = [](auto&& define) {
    define(py::arg("weight_bits"), py::arg("fan_in") = 0, py::arg("bias") = 0,
           py::arg("thresholds").noconvert() = py::none());
  };
  common([&](const auto&... shared) {
    py::class_<DenseStage, Held<DenseStage>>(module, "Dense")
        .def(py::init([](std::size_t units, unsigned weight_bits, std::size_t fan_in,
                         std::int64_t bias, const Thresholds& thresholds) {
               return make_stage<DenseStage>(Dense{units}, weight_bits, fan_in, bias, thresholds);
             }),
             py::arg("units"), shared...);
    py::class_<Conv1DStage, Held<Conv1DStage>>(module, "Conv1D")
        .def(py::init([](std::size_t channels, std::size_t kernel, std::size_t stride,
                         std::size_t padding, std::size_t dilation, std::size_t pool,
                         unsigned weight_bits, std::size_t fan_in, std::int64_t bias,
                         const Thresholds& thresholds) {
               return make_stage<Conv1DStage>(
                   Conv1D{channels, kernel, stride, padding, dilation, pool}, weight_bits, fan_in,
                   bias, thresholds);
             }),
             py::arg("channels"), py::arg("kernel"), py::arg("stride"), py::arg("padding"),
             py::arg("dilation"), py::arg("pool"), shared...);
    py::class_<Conv2DStage, Held<Conv2DStage>>(module, "Conv2D")
        .def(py::init([](std::size_t channels, const Pair& kernel, const Pair& stride,
                         const Pair& padding, const Pair& dilation, const Pair& pool,
                         unsigned weight_bits, std::size_t fan_in, std::int64_t bias,
                         const Thresholds& thresholds) {
               return make_stage<Conv2DStage>(
                   Conv2D{channels, extent(kernel), extent(stride), extent(padding),
                          extent(dilation), extent(pool)},
                   weight_bits, fan_in, bias, thresholds);
             }),
             py::arg("channels"), py::arg("kernel"), py::arg("stride"), py::arg("padding"),
             py::arg("dilation"), py::arg("pool"), shared...);
  });
}

}  // namespace

void register_network(py::module_& module) {
  register_enums(module);
  register_stages(module);
  module.def(
      "apply_weights_bytes",
      [](const Array<std::uint8_t>& x, const Array<std::int32_t>& weights, int n_threads) {
        const ByteView view = byte_view(x, "x");
        return apply(view, view.n_features, weights, n_threads);
      },
      py::arg("x").noconvert(), py::arg("weights").noconvert(), py::arg("n_threads"));
  module.def(
      "apply_weights_bits",
      [](const Array<std::uint64_t>& words, std::size_t n_bits, const Array<std::int32_t>& weights,
         Activation activation, int n_threads) {
        return apply(bit_view(words, n_bits, "words"), n_bits, weights, n_threads, activation);
      },
      py::arg("words").noconvert(), py::arg("n_bits"), py::arg("weights").noconvert(),
      py::arg("activation"), py::arg("n_threads"));

  py::class_<Network, Held<Network>>(module, "Network")
      .def(py::init([](std::size_t n_features, const std::vector<AnyStage>& stages,
                       Activation activation, std::uint64_t seed,
                       const std::optional<std::array<std::size_t, 3>>& input_shape) {
             NetworkSpec spec;
             spec.n_features = n_features;
             for (const AnyStage& stage : stages) {
               spec.stages.push_back(stage_of(stage));
             }
             spec.activation = activation;
             spec.seed = seed;
             if (input_shape) {
               spec.input_shape = {(*input_shape)[0], (*input_shape)[1], (*input_shape)[2]};
             }
             return std::make_shared<Network>(std::move(spec));
           }),
           py::arg("n_features"), py::arg("stages"), py::arg("activation"), py::arg("seed"),
           py::arg("input_shape") = py::none())
      .def(
          "propagate_bytes",
          [](const Held<Network>& network, const Array<std::uint8_t>& x, std::size_t first,
             std::size_t last, Keep keep, int n_threads) {
            return propagate(*network, byte_view(x, "x"), first, last, keep, n_threads);
          },
          py::arg("x").noconvert(), py::arg("first"), py::arg("last"), py::arg("keep"),
          py::arg("n_threads"))
      .def(
          "propagate_bits",
          [](const Held<Network>& network, const Array<std::uint64_t>& words, std::size_t n_bits,
             std::size_t first, std::size_t last, Keep keep, int n_threads) {
            return propagate(*network, bit_view(words, n_bits, "words"), first, last, keep,
                             n_threads);
          },
          py::arg("words").noconvert(), py::arg("n_bits"), py::arg("first"), py::arg("last"),
          py::arg("keep"), py::arg("n_threads"))
      .def(
          "propagate_sparse",
          [](const Held<Network>& network, const Array<std::int64_t>& starts,
             const Columns& columns, const Array<std::uint8_t>& values, std::size_t n_features,
             std::size_t last, Keep keep, int n_threads) {
            const SparseRows rows(starts, columns, values, n_features);
            return propagate(*network, rows.view(), 0, last, keep, n_threads);
          },
          py::arg("starts").noconvert(), py::arg("columns").noconvert(),
          py::arg("values").noconvert(), py::arg("n_features"), py::arg("last"), py::arg("keep"),
          py::arg("n_threads"))
      .def(
          "weights",
          [](const Held<Network>& network, std::size_t stage) {
            const StageShape& shape = network->shape(stage);
            py::array_t<std::int32_t> out(
                {static_cast<py::ssize_t>(shape.n_units), static_cast<py::ssize_t>(shape.n_patch)});
            std::int32_t* data = out.mutable_data();
            without_gil([&] { network->weights(stage, data); });
            return out;
          },
          py::arg("stage"))
      .def(
          "thresholds",
          [](const Held<Network>& network, std::size_t stage) {
            return to_integers(without_gil([&] { return network->thresholds(stage); }));
          },
          py::arg("stage"))
      .def(
          "dilations",
          [](const Held<Network>& network, std::size_t stage) {
            return to_integers(without_gil([&] { return network->dilations(stage); }));
          },
          py::arg("stage"))
      .def(
          "count_set_bytes",
          [](const Held<Network>& network, const Array<std::uint8_t>& x, std::size_t stage,
             int n_threads) {
            const ByteView view = byte_view(x, "x");
            const RunOptions options = run_options(n_threads);
            return to_integers(
                without_gil([&] { return network->count_set(view, stage, options); }));
          },
          py::arg("x").noconvert(), py::arg("stage"), py::arg("n_threads"))
      .def(
          "count_set_bits",
          [](const Held<Network>& network, const Array<std::uint64_t>& words, std::size_t n_bits,
             std::size_t stage, int n_threads) {
            const BitView view = bit_view(words, n_bits, "words");
            const RunOptions options = run_options(n_threads);
            return to_integers(
                without_gil([&] { return network->count_set(view, stage, options); }));
          },
          py::arg("words").noconvert(), py::arg("n_bits"), py::arg("stage"), py::arg("n_threads"))
      .def(
          "count_set_sparse",
          [](const Held<Network>& network, const Array<std::int64_t>& starts,
             const Columns& columns, const Array<std::uint8_t>& values, std::size_t n_features,
             int n_threads) {
            const SparseRows rows(starts, columns, values, n_features);
            const RunOptions options = run_options(n_threads);
            return to_integers(
                without_gil([&] { return network->count_set(rows.view(), 0, options); }));
          },
          py::arg("starts").noconvert(), py::arg("columns").noconvert(),
          py::arg("values").noconvert(), py::arg("n_features"), py::arg("n_threads"))
      .def(
          "ranked_sums_bytes",
          [](const Held<Network>& network, const Array<std::uint8_t>& x, std::size_t stage,
             const Array<std::int64_t>& ranks, int n_threads) {
            const ByteView view = byte_view(x, "x");
            const std::vector<std::uint64_t> given = to_ranks(ranks);
            const RunOptions options = run_options(n_threads);
            return to_integers(
                without_gil([&] { return network->ranked_sums(view, stage, given, options); }));
          },
          py::arg("x").noconvert(), py::arg("stage"), py::arg("ranks").noconvert(),
          py::arg("n_threads"))
      .def(
          "ranked_sums_bits",
          [](const Held<Network>& network, const Array<std::uint64_t>& words, std::size_t n_bits,
             std::size_t stage, const Array<std::int64_t>& ranks, int n_threads) {
            const BitView view = bit_view(words, n_bits, "words");
            const std::vector<std::uint64_t> given = to_ranks(ranks);
            const RunOptions options = run_options(n_threads);
            return to_integers(
                without_gil([&] { return network->ranked_sums(view, stage, given, options); }));
          },
          py::arg("words").noconvert(), py::arg("n_bits"), py::arg("stage"),
          py::arg("ranks").noconvert(), py::arg("n_threads"))
      .def(
          "prepare",
          [](const Held<Network>& network, std::size_t stage, Features reads, int n_threads) {
            const RunOptions options = run_options(n_threads);
            without_gil([&] { network->prepare(stage, reads, options); });
          },
          py::arg("stage"), py::arg("reads"), py::arg("n_threads"))
      .def(
          "prepared_bytes",
          [](const Held<Network>& network, std::size_t stage) {
            return network->prepared_bytes(stage);
          },
          py::arg("stage"));
}

}  // namespace randprop::bindings
