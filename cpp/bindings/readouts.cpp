// Centroids, nearest neighbours, Gram matrices, scores and popcounts for Python.
#include "randprop/centroids.hpp"
#include "randprop/gram.hpp"
#include "randprop/linear.hpp"
#include "randprop/neighbors.hpp"
#include "register.hpp"

namespace randprop::bindings {
namespace {

std::size_t n_features_of(const BitView& x) { return x.n_bits; }
std::size_t n_features_of(const ByteView& x) { return x.n_features; }

// Both kinds of features for one function: NAME_bits(words, n_bits, ...), NAME_bytes(x, ...), with
// Args the types of what follows and `names` their names. call(view, args...) does the work.
template <typename... Args, typename Call, typename... Names>
void def_bits_and_bytes(py::module_& module, const std::string& name, const Call& call,
                        const Names&... names) {
  module.def((name + "_bits").c_str(),
             [call](const Array<std::uint64_t>& words, std::size_t n_bits, Args... args) {
               return call(bit_view(words, n_bits, "words"), args...);
             },
             py::arg("words").noconvert(), py::arg("n_bits"), names...);
  module.def((name + "_bytes").c_str(),
             [call](const Array<std::uint8_t>& x, Args... args) {
               return call(byte_view(x, "x"), args...);
             },
             py::arg("x").noconvert(), names...);
}

// A row of numbers for each class (or output), and one number for each.
template <typename View, typename T>
void check_table(const Array<T>& table, const char* table_name, const Array<T>& column,
                 const char* column_name, const View& x) {
  require(column.ndim() == 1 && table.ndim() == 2 && table.shape(0) == column.shape(0) &&
              static_cast<std::size_t>(table.shape(1)) == n_features_of(x),
          std::string(table_name) + " must have shape (n_classes, " +
              std::to_string(n_features_of(x)) + "), " + column_name + " (n_classes,)");
}

template <typename View, typename Find>
py::tuple neighbors(const View& train, const View& queries, std::size_t k, int n_threads,
                    const Find& find) {
  require(k <= max_neighbors, "k must be at most 1000");
  const auto rows = static_cast<py::ssize_t>(queries.n_samples);
  const auto columns = static_cast<py::ssize_t>(k);
  py::array_t<std::int64_t> distances({rows, columns});
  py::array_t<std::int64_t> indices({rows, columns});
  std::int64_t* distance_data = distances.mutable_data();
  std::int64_t* index_data = indices.mutable_data();
  const RunOptions options = run_options(n_threads);
  without_gil([&] { find(train, queries, k, distance_data, index_data, options); });
  return py::make_tuple(distances, indices);
}

// Linear scores of coefficients of one type.
template <typename T>
void def_scores(py::module_& module, const char* name) {
  def_bits_and_bytes<const Array<T>&, const Array<T>&, int>(
      module, name,
      [](const auto& x, const Array<T>& coef, const Array<T>& bias, int n_threads) {
        check_table(coef, "coef", bias, "bias", x);
        py::array_t<T> scores({static_cast<py::ssize_t>(x.n_samples), bias.shape(0)});
        T* out = scores.mutable_data();
        const T* coef_data = coef.data();
        const T* bias_data = bias.data();
        const auto n_outputs = static_cast<std::size_t>(bias.shape(0));
        const RunOptions options = run_options(n_threads);
        without_gil([&] { linear_scores(x, coef_data, bias_data, n_outputs, out, options); });
        return scores;
      },
      py::arg("coef").noconvert(), py::arg("bias").noconvert(), py::arg("n_threads"));
}

}  // namespace

void register_readouts(py::module_& module) {
  using Integers = Array<std::int64_t>;
  def_bits_and_bytes<const Array<std::int32_t>&, Integers&, Integers&, int>(
      module, "add_class_counts",
      [](const auto& x, const Array<std::int32_t>& codes, Integers& counts, Integers& n_samples,
         int n_threads) {
        require(codes.ndim() == 1 && static_cast<std::size_t>(codes.shape(0)) == x.n_samples,
                "codes must have shape (n_samples,)");
        check_table(counts, "counts", n_samples, "n_samples", x);
        const auto n_classes = static_cast<std::size_t>(n_samples.shape(0));
        const std::int32_t* code_data = codes.data();
        std::int64_t* count_data = counts.mutable_data();
        std::int64_t* sample_data = n_samples.mutable_data();
        const RunOptions options = run_options(n_threads);
        without_gil(
            [&] { add_class_counts(x, code_data, n_classes, count_data, sample_data, options); });
      },
      py::arg("codes").noconvert(), py::arg("counts").noconvert(), py::arg("n_samples").noconvert(),
      py::arg("n_threads"));

  def_bits_and_bytes<const Integers&, const Integers&, int>(
      module, "centroid_distances",
      [](const auto& x, const Integers& counts, const Integers& n_samples, int n_threads) {
        check_table(counts, "counts", n_samples, "n_samples", x);
        py::array_t<double> distances({static_cast<py::ssize_t>(x.n_samples), n_samples.shape(0)});
        double* out = distances.mutable_data();
        const std::int64_t* count_data = counts.data();
        const std::int64_t* sample_data = n_samples.data();
        const auto n_classes = static_cast<std::size_t>(n_samples.shape(0));
        const RunOptions options = run_options(n_threads);
        without_gil(
            [&] { centroid_distances(x, count_data, sample_data, n_classes, out, options); });
        return distances;
      },
      py::arg("counts").noconvert(), py::arg("n_samples").noconvert(), py::arg("n_threads"));

  def_scores<std::int64_t>(module, "linear_scores");
  def_scores<double>(module, "real_scores");

  def_bits_and_bytes<Integers&, int>(
      module, "add_gram",
      [](const auto& x, Integers& gram, int n_threads) {
        const auto n = static_cast<py::ssize_t>(n_features_of(x));
        require(gram.ndim() == 2 && gram.shape(0) == n && gram.shape(1) == n,
                "gram must have shape (" + std::to_string(n) + ", " + std::to_string(n) + ")");
        std::int64_t* out = gram.mutable_data();
        const RunOptions options = run_options(n_threads);
        without_gil([&] { add_gram(x, out, options); });
      },
      py::arg("gram").noconvert(), py::arg("n_threads"));

  module.def(
      "neighbors_bits",
      [](const Array<std::uint64_t>& train, const Array<std::uint64_t>& queries, std::size_t n_bits,
         std::size_t k, int n_threads) {
        return neighbors(bit_view(train, n_bits, "train"), bit_view(queries, n_bits, "queries"), k,
                         n_threads, hamming_neighbors);
      },
      py::arg("train").noconvert(), py::arg("queries").noconvert(), py::arg("n_bits"), py::arg("k"),
      py::arg("n_threads"));
  module.def(
      "neighbors_bytes",
      [](const Array<std::uint8_t>& train, const Array<std::uint8_t>& queries, std::size_t k,
         int n_threads) {
        return neighbors(byte_view(train, "train"), byte_view(queries, "queries"), k, n_threads,
                         byte_neighbors);
      },
      py::arg("train").noconvert(), py::arg("queries").noconvert(), py::arg("k"),
      py::arg("n_threads"));

  module.def(
      "bits_above",
      [](const Array<std::uint8_t>& x, std::uint8_t level, int n_threads) {
        const ByteView view = byte_view(x, "x");
        const RunOptions options = run_options(n_threads);
        return to_array(without_gil([&] { return bits_above(view, level, options); }));
      },
      py::arg("x").noconvert(), py::arg("level"), py::arg("n_threads"));
  module.def(
      "count_changed",
      [](const Array<std::uint8_t>& x, const Array<std::uint8_t>& first,
         Array<std::int64_t>& counts, int n_threads) {
        const ByteView view = byte_view(x, "x");
        require(first.ndim() == 1 && counts.ndim() == 1 && first.shape(0) == counts.shape(0) &&
                    static_cast<std::size_t>(first.shape(0)) == view.n_features,
                "first and counts must have shape (n_features,)");
        const std::uint8_t* first_data = first.data();
        std::int64_t* out = counts.mutable_data();
        const RunOptions options = run_options(n_threads);
        without_gil([&] { count_changed(view, first_data, out, options); });
      },
      py::arg("x").noconvert(), py::arg("first").noconvert(), py::arg("counts").noconvert(),
      py::arg("n_threads"));

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
