// randprop::Network for Python.
#include <pybind11/stl.h>

#include <array>
#include <memory>
#include <vector>

#include "randprop/network.hpp"
#include "register.hpp"

namespace randprop::bindings {
namespace {

std::vector<py::array_t<std::uint64_t>> to_arrays(std::vector<BitMatrix>&& outputs) {
  std::vector<py::array_t<std::uint64_t>> arrays;
  arrays.reserve(outputs.size());
  for (BitMatrix& bits : outputs) arrays.push_back(to_array(std::move(bits)));
  return arrays;
}

template <std::size_t kSize>
using Sizes = std::array<std::size_t, kSize>;

Activation activation(bool sign) { return sign ? Activation::sign : Activation::step; }

void check_own_weights(const Array<std::int32_t>& weights, std::size_t n_inputs) {
  require(weights.ndim() == 2 && static_cast<std::size_t>(weights.shape(1)) == n_inputs,
          "weights must have shape (n_units, " + std::to_string(n_inputs) + ")");
}

}  // namespace

void register_network(py::module_& module) {
  module.def(
      "apply_weights_bytes",
      [](const Array<std::uint8_t>& x, const Array<std::int32_t>& weights, int n_threads) {
        require(x.ndim() == 2, "x must have 2 dimensions");
        const ByteView view{x.data(), static_cast<std::size_t>(x.shape(0)),
                            static_cast<std::size_t>(x.shape(1))};
        check_own_weights(weights, view.n_features);
        const std::int32_t* w = weights.data();
        const auto rows = static_cast<std::size_t>(weights.shape(0));
        const RunOptions options = run_options(n_threads);
        return to_array(without_gil([&] { return apply_weights(view, w, rows, options); }));
      },
      py::arg("x").noconvert(), py::arg("weights").noconvert(), py::arg("n_threads"));
  module.def(
      "apply_weights_bits",
      [](const Array<std::uint64_t>& words, std::size_t n_bits, const Array<std::int32_t>& weights,
         bool sign, int n_threads) {
        const BitView view = bit_view(words, n_bits, "words");
        check_own_weights(weights, n_bits);
        const std::int32_t* w = weights.data();
        const auto rows = static_cast<std::size_t>(weights.shape(0));
        const RunOptions options = run_options(n_threads);
        return to_array(
            without_gil([&] { return apply_weights(view, w, rows, activation(sign), options); }));
      },
      py::arg("words").noconvert(), py::arg("n_bits"), py::arg("weights").noconvert(),
      py::arg("sign"), py::arg("n_threads"));

  py::class_<Network>(module, "Network")
      .def(py::init([](std::size_t n_features, std::vector<std::size_t> widths,
                       unsigned weight_bits, bool sign, std::uint64_t seed, const Sizes<3>& image,
                       const std::vector<Sizes<4>>& convolutions) {
             NetworkSpec spec{n_features, std::move(widths), weight_bits, activation(sign), seed};
             spec.input_shape = {image[0], image[1], image[2]};
             for (const Sizes<4>& c : convolutions) {
               spec.convolutions.push_back({c[0], c[1], c[2], c[3]});
             }
             return std::make_unique<Network>(std::move(spec));
           }),
           py::arg("n_features"), py::arg("widths"), py::arg("weight_bits"), py::arg("sign"),
           py::arg("seed"), py::arg("image") = Sizes<3>{},
           py::arg("convolutions") = std::vector<Sizes<4>>{})
      .def(
          "propagate_bytes",
          [](const Network& network, const Array<std::uint8_t>& x, std::size_t first,
             std::size_t last, bool all, int n_threads) {
            require(x.ndim() == 2, "x must have 2 dimensions");
            const ByteView view{x.data(), static_cast<std::size_t>(x.shape(0)),
                                static_cast<std::size_t>(x.shape(1))};
            const RunOptions options = run_options(n_threads);
            return to_arrays(
                without_gil([&] { return network.propagate(view, first, last, all, options); }));
          },
          py::arg("x").noconvert(), py::arg("first"), py::arg("last"), py::arg("keep_all"),
          py::arg("n_threads"))
      .def(
          "propagate_bits",
          [](const Network& network, const Array<std::uint64_t>& words, std::size_t n_bits,
             std::size_t first, std::size_t last, bool all, int n_threads) {
            const BitView view = bit_view(words, n_bits, "words");
            const RunOptions options = run_options(n_threads);
            return to_arrays(
                without_gil([&] { return network.propagate(view, first, last, all, options); }));
          },
          py::arg("words").noconvert(), py::arg("n_bits"), py::arg("first"), py::arg("last"),
          py::arg("keep_all"), py::arg("n_threads"))
      .def(
          "weights",
          [](const Network& network, std::size_t matrix) {
            require(matrix < network.n_matrices(), "matrix is out of range");
            py::array_t<std::int32_t> out(
                {static_cast<py::ssize_t>(n_units(network.spec(), matrix)),
                 static_cast<py::ssize_t>(fan_in(network.spec(), matrix))});
            std::int32_t* data = out.mutable_data();
            without_gil([&] { network.weights(matrix, data); });
            return out;
          },
          py::arg("matrix"))
      .def(
          "prepare",
          [](const Network& network, std::size_t matrix, bool bytes_input, int n_threads) {
            const RunOptions options = run_options(n_threads);
            without_gil([&] { network.prepare(matrix, bytes_input, options); });
          },
          py::arg("matrix"), py::arg("bytes_input"), py::arg("n_threads"))
      .def("prepared_bytes", &Network::prepared_bytes);
}

}  // namespace randprop::bindings
