// randprop::Network for Python.
#include <pybind11/stl.h>

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

}  // namespace

void register_network(py::module_& module) {
  py::class_<Network>(module, "Network")
      .def(py::init([](std::size_t n_features, std::vector<std::size_t> widths,
                       unsigned weight_bits, bool sign, std::uint64_t seed) {
             return std::make_unique<Network>(
                 NetworkSpec{n_features, std::move(widths), weight_bits,
                             sign ? Activation::sign : Activation::step, seed});
           }),
           py::arg("n_features"), py::arg("widths"), py::arg("weight_bits"), py::arg("sign"),
           py::arg("seed"))
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
            py::array_t<std::int32_t> out({static_cast<py::ssize_t>(network.spec().widths[matrix]),
                                           static_cast<py::ssize_t>(network.n_inputs(matrix))});
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
