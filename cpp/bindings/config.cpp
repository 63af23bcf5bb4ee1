// Levels, threads, kernels: what show_config() prints; bits and bytes as such.
#include <pybind11/stl.h>

#include "randprop/network.hpp"
#include "randprop/philox.hpp"
#include "randprop/simd.hpp"
#include "register.hpp"

namespace randprop::bindings {

void register_config(py::module_& module) {
  module.def("simd_levels_built", &simd_levels_built);
  module.def("simd_levels_supported", &simd_levels_supported);
  module.def("simd_level", &simd_level);
  module.def("use_simd_level", &use_simd_level, py::arg("name"));
  module.def("forced_kernel", &forced_kernel);
  module.def("use_kernel", &use_kernel, py::arg("name"));
  module.def(
      "spin",
      [](const std::string& kernel, std::size_t n_rounds) {
        return without_gil([&] { return spin(kernel, n_rounds); });
      },
      py::arg("kernel"), py::arg("n_rounds"));
  module.def("available_cpus", &available_cpus);
  // Both may measure.
  const auto add_question = [&](const char* name, auto ask) {
    module.def(
        name,
        [ask](unsigned weight_bits, Features reads, std::size_t n_inputs, std::size_t n_samples,
              std::size_t n_units) {
          return without_gil([&] { return ask(weight_bits, reads, n_inputs, n_samples, n_units); });
        },
        py::arg("weight_bits"), py::arg("reads"), py::arg("n_inputs"), py::arg("n_samples"),
        py::arg("n_units") = 0);
  };
  add_question("kernel_choice", &kernel_choice);
  add_question("kernel_reason", &kernel_reason);
  module.def("measuring", &measuring);
  module.def("use_measuring", &use_measuring, py::arg("on"));
  module.def("compiler", [] { return std::string(RANDPROP_COMPILER); });
  module.def("philox4x32_10", &philox4x32_10, py::arg("counter"), py::arg("key"));
  module.def(
      "empty_words",
      [](std::size_t n_samples, std::size_t n_bits) {
        return to_array(BitMatrix(n_samples, n_bits));
      },
      py::arg("n_samples"), py::arg("n_bits"));
  module.def(
      "place_values",
      [](const Array<std::uint64_t>& words, std::size_t n_bits, const Array<std::uint8_t>& values,
         Array<std::uint8_t>& out) {
        const BitView where = bit_view(words, n_bits, "words");
        require(values.ndim() == 1, "values must have 1 dimension");
        require(out.ndim() == 2 && static_cast<std::size_t>(out.shape(0)) == where.n_samples &&
                    static_cast<std::size_t>(out.shape(1)) == n_bits,
                "out must have shape (n_samples, n_bits)");
        const std::uint8_t* data = values.data();
        std::uint8_t* bytes = out.mutable_data();
        const auto n_values = static_cast<std::size_t>(values.shape(0));
        without_gil([&] { place_values(where, data, n_values, bytes); });
      },
      py::arg("words").noconvert(), py::arg("n_bits"), py::arg("values").noconvert(),
      py::arg("out").noconvert());
}

}  // namespace randprop::bindings
