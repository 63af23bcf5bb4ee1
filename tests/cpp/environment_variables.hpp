// Changes of the process's environment, as another C runtime than the tests' own makes them.
#pragma once

#include "bits/windows.hpp"

#if !defined(_WIN32)
#include <cstdlib>
#endif

inline void set_variable(const char* name, const char* value) {
#if defined(_WIN32)
  SetEnvironmentVariableA(name, value);
#else
  setenv(name, value, 1);
#endif
}

inline void unset_variable(const char* name) {
#if defined(_WIN32)
  SetEnvironmentVariableA(name, nullptr);
#else
  unsetenv(name);
#endif
}
