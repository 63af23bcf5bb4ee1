// How work is split over threads.
//
// Threads are started for one call and joined before it returns: nothing lives on that a fork
// could leave half-alive, and no second OpenMP runtime meets one that is already loaded.
#pragma once

#include <cstddef>
#include <functional>
#include <stdexcept>
#include <type_traits>
#include <vector>

namespace randprop {

// Thrown out of a long call when RunOptions::interrupted answered true.
class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("interrupted") {}
};

struct RunOptions {
  // 0: available_cpus().
  int n_threads = 0;
  // Asked on the calling thread, at most every 50 ms; true ends the call with Interrupted.
  std::function<bool()> interrupted;
};

// CPUs that this process may use, at least 1: those it may run on (sched_getaffinity), or fewer
// where its control groups have a quota, rounded up and read once.
int available_cpus();

// Calls body(chunk, worker) once for every chunk in [0, n_chunks), worker in [0, workers used).
// The results must not depend on which worker takes which chunk. The first exception of a body
// ends the run and is rethrown here.
void parallel_chunks(std::size_t n_chunks, const RunOptions& options,
                     const std::function<void(std::size_t chunk, int worker)>& body);
// For bodies that run long: throws Interrupted when the run is to end. Cheap enough for every
// few microseconds of work; does nothing outside a run.
void poll_interrupt();
// How many workers parallel_chunks will use at most.
int worker_count(std::size_t n_chunks, const RunOptions& options);

// The same for bodies that need scratch of their own: make() is called once for each worker, on the
// calling thread, and body(chunk, scratch) gets what it returned.
template <typename Make, typename Body>
void parallel_chunks(std::size_t n_chunks, const RunOptions& options, const Make& make,
                     const Body& body) {
  RunOptions run = options;
  run.n_threads = worker_count(n_chunks, options);  // decided once: CPUs may come and go
  std::vector<std::decay_t<decltype(make())>> scratch;
  scratch.reserve(static_cast<std::size_t>(run.n_threads));
  for (int worker = 0; worker < run.n_threads; ++worker) {
    scratch.push_back(make());
  }
  parallel_chunks(n_chunks, run, [&](std::size_t chunk, int worker) {
    body(chunk, scratch[static_cast<std::size_t>(worker)]);
  });
}

}  // namespace randprop
