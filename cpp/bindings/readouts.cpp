// Centroids, nearest neighbours and popcounts for Python.
#include "randprop/centroids.hpp"
#include "randprop/gram.hpp"
#include "randprop/neighbors.hpp"
#include "register.hpp"

namespace randprop::bindings {
namespace {

void check_counts(const Array<std::int64_t>& counts, const Array<std::int64_t>& n_samples,
                  std::size_t n_bits) {
  require(n_samples.ndim() == 1 && counts.ndim() == 2 && counts.shape(0) == n_samples.shape(0) &&
              static_cast<std::size_t>(counts.shape(1)) == n_bits,
          "counts must have shape (n_classes, n_bits), n_samples (n_classes,)");
}

}  // namespace

void register_readouts(py::module_& module) {
  module.def(
      "add_class_counts",
      [](const Array<std::uint64_t>& words, std::size_t n_bits, const Array<std::int32_t>& codes,
         Array<std::int64_t>& counts, Array<std::int64_t>& n_samples, int n_threads) {
        const BitView bits = bit_view(words, n_bits, "words");
        require(codes.ndim() == 1 && codes.shape(0) == words.shape(0),
                "codes must have shape (n_samples,)");
        check_counts(counts, n_samples, n_bits);
        const auto n_classes = static_cast<std::size_t>(n_samples.shape(0));
        const std::int32_t* code_data = codes.data();
        std::int64_t* count_data = counts.mutable_data();
        std::int64_t* sample_data = n_samples.mutable_data();
        const RunOptions options = run_options(n_threads);
        without_gil([&] {
          add_class_counts(bits, code_data, n_classes, count_data, sample_data, options);
        });
      },
      py::arg("words").noconvert(), py::arg("n_bits"), py::arg("codes").noconvert(),
      py::arg("counts").noconvert(), py::arg("n_samples").noconvert(), py::arg("n_threads"));

  module.def(
      "centroid_distances",
      [](const Array<std::uint64_t>& words, std::size_t n_bits, const Array<std::int64_t>& counts,
         const Array<std::int64_t>& n_samples, int n_threads) {
        const BitView bits = bit_view(words, n_bits, "words");
        check_counts(counts, n_samples, n_bits);
        py::array_t<double> distances({words.shape(0), n_samples.shape(0)});
        double* out = distances.mutable_data();
        const std::int64_t* count_data = counts.data();
        const std::int64_t* sample_data = n_samples.data();
        const auto n_classes = static_cast<std::size_t>(n_samples.shape(0));
        const RunOptions options = run_options(n_threads);
        without_gil(
            [&] { centroid_distances(bits, count_data, sample_data, n_classes, out, options); });
        return distances;
      },
      py::arg("words").noconvert(), py::arg("n_bits"), py::arg("counts").noconvert(),
      py::arg("n_samples").noconvert(), py::arg("n_threads"));

  module.def(
      "hamming_neighbors",
      [](const Array<std::uint64_t>& train, const Array<std::uint64_t>& queries, std::size_t n_bits,
         std::size_t k, int n_threads) {
        const BitView train_bits = bit_view(train, n_bits, "train");
        const BitView query_bits = bit_view(queries, n_bits, "queries");
        require(k <= max_neighbors, "k must be at most 1000");
        const auto columns = static_cast<py::ssize_t>(k);
        py::array_t<std::int64_t> distances({queries.shape(0), columns});
        py::array_t<std::int64_t> indices({queries.shape(0), columns});
        std::int64_t* distance_data = distances.mutable_data();
        std::int64_t* index_data = indices.mutable_data();
        const RunOptions options = run_options(n_threads);
        without_gil([&] {
          hamming_neighbors(train_bits, query_bits, k, distance_data, index_data, options);
        });
        return py::make_tuple(distances, indices);
      },
      py::arg("train").noconvert(), py::arg("queries").noconvert(), py::arg("n_bits"), py::arg("k"),
      py::arg("n_threads"));

  module.def(
      "add_gram",
      [](const Array<std::uint64_t>& words, std::size_t n_bits, Array<std::int64_t>& gram,
         int n_threads) {
        const BitView bits = bit_view(words, n_bits, "words");
        require(gram.ndim() == 2 && static_cast<std::size_t>(gram.shape(0)) == n_bits &&
                    static_cast<std::size_t>(gram.shape(1)) == n_bits,
                "gram must have shape (n_bits, n_bits)");
        std::int64_t* out = gram.mutable_data();
        const RunOptions options = run_options(n_threads);
        without_gil([&] { add_gram(bits, out, options); });
      },
      py::arg("words").noconvert(), py::arg("n_bits"), py::arg("gram").noconvert(),
      py::arg("n_threads"));

  module.def(
      "linear_scores",
      [](const Array<std::uint64_t>& words, std::size_t n_bits, const Array<std::int64_t>& coef,
         const Array<std::int64_t>& bias, int n_threads) {
        const BitView bits = bit_view(words, n_bits, "words");
        check_counts(coef, bias, n_bits);
        py::array_t<std::int64_t> scores({words.shape(0), bias.shape(0)});
        std::int64_t* out = scores.mutable_data();
        const std::int64_t* coef_data = coef.data();
        const std::int64_t* bias_data = bias.data();
        const auto n_outputs = static_cast<std::size_t>(bias.shape(0));
        const RunOptions options = run_options(n_threads);
        without_gil([&] { linear_scores(bits, coef_data, bias_data, n_outputs, out, options); });
        return scores;
      },
      py::arg("words").noconvert(), py::arg("n_bits"), py::arg("coef").noconvert(),
      py::arg("bias").noconvert(), py::arg("n_threads"));

  module.def(
      "row_popcounts",
      [](const Array<std::uint64_t>& words, std::size_t n_bits) {
        const BitView bits = bit_view(words, n_bits, "words");
        py::array_t<std::int64_t> counts(words.shape(0));
        std::int64_t* out = counts.mutable_data();
        without_gil([&] { row_popcounts(bits, out); });
        return counts;
      },
      py::arg("words").noconvert(), py::arg("n_bits"));
}

}  // namespace randprop::bindings
