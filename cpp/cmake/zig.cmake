# Toolchain: Clang as Zig brings it, with the headers and libraries of other systems, for RANDPROP_ZIG_TARGET
# (x86_64-windows-gnu, aarch64-macos, x86_64-macos). `pip install ziglang` is all that it needs.
set(RANDPROP_ZIG_TARGET "" CACHE STRING "A target of zig c++")
# Compiled and not linked: for each set of flags that a program is linked with, Zig compiles the C++
# library anew.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES RANDPROP_ZIG_TARGET RANDPROP_ZIG)
if(NOT RANDPROP_ZIG)
  execute_process(COMMAND python3 -c "import os, ziglang; print(os.path.dirname(ziglang.__file__))"
                  OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE)
  find_program(RANDPROP_ZIG zig REQUIRED HINTS ${folder})
endif()

string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR ${RANDPROP_ZIG_TARGET})
if(RANDPROP_ZIG_TARGET MATCHES "macos")
  set(CMAKE_SYSTEM_NAME Darwin)
  set(CMAKE_OSX_SYSROOT "") # Zig has its own
  set(CMAKE_INSTALL_NAME_TOOL none) # CMake asks for it, and nothing that is installed needs it
else()
  set(CMAKE_SYSTEM_NAME Windows)
endif()
set(CMAKE_CXX_COMPILER ${RANDPROP_ZIG} c++ -target ${RANDPROP_ZIG_TARGET})
# Also where CMake asks what compiler this is: one C++ library is compiled, not that of debug builds too.
set(CMAKE_CXX_FLAGS_INIT -O3)
# Zig's archiver is a command of two words, which CMAKE_AR cannot hold.
set(CMAKE_CXX_ARCHIVE_CREATE "${RANDPROP_ZIG} ar qc <TARGET> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_APPEND "${RANDPROP_ZIG} ar q <TARGET> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_FINISH "${RANDPROP_ZIG} ranlib <TARGET>")
