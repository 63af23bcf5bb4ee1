// The C++ reader of model files, so that tests can hold it against Python's.
#include <pybind11/stl.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "randprop/model.hpp"
#include "register.hpp"

namespace randprop::bindings {
namespace {

// Runs work on the model of the bytes of a file; what is refused is a ValueError.
template <typename Work>
auto with_model(const py::bytes& data, Work&& work) {
  const std::string_view bytes = data;
  try {
    return without_gil([&] { return work(Model::parse(bytes.data(), bytes.size())); });
  } catch (const ModelError& error) {
    throw py::value_error(error.what());
  }
}

}  // namespace

void register_model(py::module_& module) {
  module.def(
      "read_model",
      [](const py::bytes& data) {
        using Names = std::vector<std::string>;
        return with_model(data, [](const Model& model) {
          return std::tuple<std::size_t, Names, Names>{model.n_features(), model.labels(),
                                                       model.feature_names()};
        });
      },
      py::arg("data"));
  module.def(
      "read_model_and_predict",
      [](const py::bytes& data, const Array<double>& features, int n_threads) {
        require(features.ndim() == 2, "features must have 2 dimensions");
        const auto n_samples = static_cast<std::size_t>(features.shape(0));
        const auto n_features = static_cast<std::size_t>(features.shape(1));
        const double* const numbers = features.data();
        const RunOptions options = run_options(n_threads);
        return with_model(data, [&](const Model& model) {
          if (n_features != model.n_features()) {
            throw ModelError("features are not as many as the model's");
          }
          return model.predict(numbers, n_samples, options);
        });
      },
      py::arg("data"), py::arg("features").noconvert(), py::arg("n_threads"));
  module.def(
      "read_model_and_map",
      [](const py::bytes& data, const Array<double>& features) {
        Array<std::uint8_t> mapped(
            std::vector<py::ssize_t>(features.shape(), features.shape() + features.ndim()));
        with_model(data,
                   [&, n = static_cast<std::size_t>(features.size()), numbers = features.data(),
                    out = mapped.mutable_data()](const Model& model) {
                     model.to_bytes(numbers, n, out);
                     return 0;
                   });
        return mapped;
      },
      py::arg("data"), py::arg("features").noconvert());
}

}  // namespace randprop::bindings
