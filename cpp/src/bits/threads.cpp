#include "randprop/threads.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>

#include "bits/cgroup.hpp"
#endif

namespace randprop {
namespace {

// WebAssembly has threads only where it was compiled for them.
#if defined(__EMSCRIPTEN__) && !defined(__EMSCRIPTEN_PTHREADS__)
constexpr bool can_start_threads = false;
#else
constexpr bool can_start_threads = true;
#endif

}  // namespace

int available_cpus() {
#if defined(__linux__)
  // Read once: it is files, and it is asked for in every call. Affinity is one call of the kernel.
  // No initialiser of a static variable, whose lock a fork could leave held in the child.
  static std::atomic<int> known{-1};
  int quota = known.load(std::memory_order_relaxed);
  if (quota < 0) {
    quota = cgroup_cpus("/proc/self/cgroup", "/sys/fs/cgroup");
    known.store(quota, std::memory_order_relaxed);
  }
  // A fixed cpu_set_t holds 1,024 CPUs; larger machines need the dynamic form.
  for (int capacity = 1024; capacity <= 1 << 20; capacity *= 4) {
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(capacity));
    if (set == nullptr) {
      break;
    }
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(capacity));
    const bool ok = sched_getaffinity(0, bytes, set) == 0;
    const int count = ok ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (ok) {
      return std::max(quota > 0 ? std::min(count, quota) : count, 1);
    }
  }
#endif
  return can_start_threads ? std::max(static_cast<int>(std::thread::hardware_concurrency()), 1) : 1;
}

int worker_count(std::size_t n_chunks, const RunOptions& options) {
  // One chunk asks nothing of the operating system: a single image stays off this path.
  if (n_chunks <= 1 || !can_start_threads) {
    return 1;
  }
  const int wanted = options.n_threads > 0 ? options.n_threads : available_cpus();
  return static_cast<int>(std::min(n_chunks, static_cast<std::size_t>(wanted)));
}

namespace {

using clock = std::chrono::steady_clock;

// Chunks are handed out one at a time from a counter, so a thread that the scheduler delays costs
// at most one chunk. With chunks of 10^5 to 10^8 operations the counter is touched some thousand
// times a second, far below what 64 cores could contend on; it has a cache line of its own so that
// a worker's increment does not evict the flag that the others poll.
struct Run {
  alignas(64) std::atomic<std::size_t> next{0};
  alignas(64) std::atomic<bool> stop{false};
  std::mutex mutex;
  std::exception_ptr error;
};

// What poll_interrupt needs to know of the run that this thread works for. Only the calling
// thread has a callback: a Python signal handler may run on no other.
struct Worker {
  const std::atomic<bool>* stop = nullptr;
  const std::function<bool()>* interrupted = nullptr;
  clock::rep asked = 0;  // time since the clock's epoch
};
thread_local Worker t_worker;

class WorkerScope {
 public:
  explicit WorkerScope(const Worker& worker) : outer_(t_worker) { t_worker = worker; }
  ~WorkerScope() { t_worker = outer_; }
  WorkerScope(const WorkerScope&) = delete;
  WorkerScope& operator=(const WorkerScope&) = delete;

 private:
  Worker outer_;
};

}  // namespace

void poll_interrupt() {
  Worker& worker = t_worker;
  if (worker.stop != nullptr && worker.stop->load(std::memory_order_relaxed)) {
    throw Interrupted();
  }
  if (worker.interrupted == nullptr) {
    return;
  }
  constexpr clock::rep interval = clock::duration(std::chrono::milliseconds(50)).count();
  const clock::rep now = clock::now().time_since_epoch().count();
  if (now - worker.asked < interval) {
    return;
  }
  worker.asked = now;
  if ((*worker.interrupted)()) {
    throw Interrupted();
  }
}

void parallel_chunks(std::size_t n_chunks, const RunOptions& options,
                     const std::function<void(std::size_t, int)>& body) {
  if (n_chunks == 0) {
    return;
  }
  const std::function<bool()>* interrupted = options.interrupted ? &options.interrupted : nullptr;
  const int workers = worker_count(n_chunks, options);
  Run run;
  const auto work = [&](int worker, const std::function<bool()>* callback) {
    const WorkerScope scope({&run.stop, callback, clock::now().time_since_epoch().count()});
    try {
      while (!run.stop.load(std::memory_order_relaxed)) {
        const std::size_t chunk = run.next.fetch_add(1, std::memory_order_relaxed);
        if (chunk >= n_chunks) {
          return;
        }
        body(chunk, worker);
        poll_interrupt();
      }
    } catch (...) {
      const std::lock_guard<std::mutex> lock(run.mutex);
      if (!run.error) {
        run.error = std::current_exception();
      }
      run.stop.store(true, std::memory_order_relaxed);
    }
  };

  if constexpr (can_start_threads) {
    std::vector<std::thread> threads;
    threads.reserve(static_cast<std::size_t>(workers - 1));
    for (int worker = 1; worker < workers; ++worker) {
      try {
        threads.emplace_back(work, worker, nullptr);
      } catch (const std::system_error&) {
        break;  // The system has no more threads to give: go on with those that started.
      }
    }
    work(0, interrupted);
    for (std::thread& thread : threads) {
      thread.join();
    }
  } else {
    work(0, interrupted);
  }
  if (run.error) {
    std::rethrow_exception(run.error);
  }
}

}  // namespace randprop
