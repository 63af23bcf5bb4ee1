// Threads that are in a long call when the interpreter ends.
//
// Before 3.14 Python ends a thread that asks for the GIL while the interpreter is on its way out,
// by pthread_exit. glibc unwinds the thread's stack for that, which ends the process where it meets
// a destructor or catch (...), and would drop references without the GIL. Here such a thread waits
// for the process to end instead, as Python 3.14 has it. To ask first whether the interpreter is on
// its way out would leave a gap between the answer and the act. On Windows Python ends the thread
// without unwinding, which touches nothing.
#if !defined(_WIN32)
#include <pthread.h>
#include <unistd.h>
#endif

#include "register.hpp"

namespace randprop::bindings {

#if defined(_WIN32)

void take_gil(PyThreadState* thread) { PyEval_RestoreThread(thread); }

#else

namespace {

void wait_for_the_end(void* /*unused*/) {
  while (true) {
    pause();
  }
}

}  // namespace

// Not inlined: in the body of a destructor, where nothing may be thrown, a compiler leaves the
// handler out.
[[gnu::noinline]] void take_gil(PyThreadState* thread) {
  pthread_cleanup_push(wait_for_the_end, nullptr);
  PyEval_RestoreThread(thread);
  pthread_cleanup_pop(0);
}

#endif

}  // namespace randprop::bindings
