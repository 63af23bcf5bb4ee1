// What the topic files of the binding share: array types, options, and the GIL.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <utility>

#include "randprop/bit_matrix.hpp"
#include "randprop/threads.hpp"

namespace randprop::bindings {

namespace py = pybind11;

// Neither converted nor copied: the Python front has already done both where it is allowed.
template <typename T>
using Array = py::array_t<T, py::array::c_style>;

void register_config(py::module_& module);
void register_network(py::module_& module);
void register_readouts(py::module_& module);

inline void require(bool condition, const std::string& message) {
  if (!condition) {
    throw py::value_error(message);
  }
}

// Options of a call that runs with the GIL released. Signals are handled on the calling thread,
// which takes the GIL back for the moment of asking.
inline RunOptions run_options(int n_threads) {
  require(n_threads >= 0, "n_threads must be at least 0, got " + std::to_string(n_threads));
  return {n_threads, [] {
            const py::gil_scoped_acquire gil;
            return PyErr_CheckSignals() != 0;
          }};
}

// Runs work without the GIL. Every argument must have been converted before: work may touch no
// Python object. An interrupt leaves the Python error that the signal handler raised.
template <typename Work>
auto without_gil(Work&& work) {
  try {
    const py::gil_scoped_release release;
    return std::forward<Work>(work)();
  } catch (const Interrupted&) {
    throw py::error_already_set();
  }
}

inline BitView bit_view(const Array<std::uint64_t>& words, std::size_t n_bits, const char* name) {
  require(words.ndim() == 2 && static_cast<std::size_t>(words.shape(1)) == words_for_bits(n_bits),
          std::string(name) + " must be packed words of shape (n_samples, " +
              std::to_string(words_for_bits(n_bits)) + ")");
  return {words.data(), static_cast<std::size_t>(words.shape(0)), n_bits};
}

inline ByteView byte_view(const Array<std::uint8_t>& x, const char* name) {
  require(x.ndim() == 2, std::string(name) + " must have 2 dimensions");
  return {x.data(), static_cast<std::size_t>(x.shape(0)), static_cast<std::size_t>(x.shape(1))};
}

// Moves the storage into an array without a copy.
inline py::array_t<std::uint64_t> to_array(BitMatrix&& bits) {
  const auto n_samples = static_cast<py::ssize_t>(bits.n_samples());
  const auto n_words = static_cast<py::ssize_t>(bits.n_words());
  auto* storage = new AlignedArray<std::uint64_t>(bits.release());
  const py::capsule owner(
      storage, [](void* pointer) { delete static_cast<AlignedArray<std::uint64_t>*>(pointer); });
  return py::array_t<std::uint64_t>({n_samples, n_words}, storage->data(), owner);
}

}  // namespace randprop::bindings
