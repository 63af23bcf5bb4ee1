// What the topic files of the binding share: array types, options, and the GIL.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <limits>
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
void register_model(py::module_& module);
void register_network(py::module_& module);
void register_readouts(py::module_& module);

inline void require(bool condition, const std::string& message) {
  if (!condition) {
    throw py::value_error(message);
  }
}

// Takes the GIL back, or never returns: see gil.cpp.
void take_gil(PyThreadState* thread);

// The GIL released while it lives.
class ReleasedGil {
 public:
  ReleasedGil() : thread_(PyEval_SaveThread()) {}
  ~ReleasedGil() { take_gil(thread_); }
  ReleasedGil(const ReleasedGil&) = delete;
  ReleasedGil& operator=(const ReleasedGil&) = delete;

 private:
  PyThreadState* thread_;
};

constexpr int max_threads = 4096;

// Options of a call that runs with the GIL released. Signals are handled on the calling thread,
// which takes the GIL back for the moment of asking.
inline RunOptions run_options(int n_threads) {
  require(n_threads >= 0 && n_threads <= max_threads,
          "n_threads must lie in [0, 4096], got " + std::to_string(n_threads));
  return {n_threads, [thread = PyThreadState_Get()] {
            take_gil(thread);
            const bool interrupted = PyErr_CheckSignals() != 0;
            PyEval_SaveThread();
            return interrupted;
          }};
}

// Runs work without the GIL. Every argument must have been converted before: work may touch no
// Python object. An interrupt leaves the Python error that the signal handler raised.
template <typename Work>
auto without_gil(Work&& work) {
  try {
    const ReleasedGil released;
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

// A length of an array: those of Python are signed.
inline py::ssize_t length(std::size_t size, const char* name) {
  require(size <= static_cast<std::size_t>(std::numeric_limits<py::ssize_t>::max()),
          std::string(name) + " must lie below 2^63, got " + std::to_string(size));
  return static_cast<py::ssize_t>(size);
}

// Moves storage into an array without a copy. Its base is a capsule, so that nobody who makes it
// read-only can have it made writeable again.
template <typename T>
py::array_t<T> to_array(AlignedArray<T>&& from, std::size_t n_rows, std::size_t n_columns) {
  const py::ssize_t rows = length(n_rows, "n_samples");
  const py::ssize_t columns = length(n_columns, "n_features");
  auto* storage = new AlignedArray<T>(std::move(from));
  const py::capsule owner(storage,
                          [](void* pointer) { delete static_cast<AlignedArray<T>*>(pointer); });
  return py::array_t<T>({rows, columns}, storage->data(), owner);
}

inline py::array_t<std::uint64_t> to_array(BitMatrix&& bits) {
  const std::size_t n_samples = bits.n_samples();
  const std::size_t n_words = bits.n_words();
  return to_array(bits.release(), n_samples, n_words);
}

inline py::array_t<std::uint8_t> to_array(ByteMatrix&& bytes) {
  const std::size_t n_samples = bytes.n_samples();
  const std::size_t n_features = bytes.n_features();
  return to_array(bytes.release(), n_samples, n_features);
}

}  // namespace randprop::bindings
