// Chooses the SIMD level once, from what the CPU has, what the operating system saves on a
// context switch, and RANDPROP_SIMD. Compiled for the baseline.
#include <atomic>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "bits/environment.hpp"
#include "bits/windows.hpp"
#include "kernels.hpp"
#include "randprop/simd.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace randprop {
namespace kernels {
namespace {

struct CpuFeatures {
  bool avx2 = false;
  bool avx_vnni = false;
  bool avx512 = false;
  bool amx = false;
  bool neon = false;
  bool neon_dotprod = false;
};

#if defined(__x86_64__)
bool may_use_tiles() {
#if defined(__linux__)
  constexpr long request_permission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long tile_data = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#elif defined(_WIN32)
  // Systems older than Windows 11 and Server 2022 have no such function, nor do they save tiles.
  using Enable = BOOL(WINAPI*)(DWORD64);
  const FARPROC found =
      GetProcAddress(GetModuleHandleA("kernel32.dll"), "EnableProcessOptionalXStateFeatures");
  if (found == nullptr) {
    return false;
  }
  constexpr DWORD64 tile_data = DWORD64{1} << 18;  // XSTATE_MASK_AMX_TILE_DATA
  Enable enable = nullptr;
  static_assert(sizeof(enable) == sizeof(found), "both point to functions");
  std::memcpy(&enable, &found, sizeof(enable));
  return enable(tile_data) != 0;
#else
  return false;
#endif
}
#endif

CpuFeatures detect() {
  CpuFeatures cpu;
#if defined(__x86_64__)
  const auto bit = [](unsigned value, unsigned index) { return ((value >> index) & 1U) != 0; };
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) {
    return cpu;
  }
  const bool popcnt = bit(c, 23);
  const bool fma = bit(c, 12);
  if (!bit(c, 27)) {
    return cpu;  // OSXSAVE: XGETBV may be asked
  }
  unsigned xcr0_low = 0, xcr0_high = 0;
  __asm__ volatile("xgetbv" : "=a"(xcr0_low), "=d"(xcr0_high) : "c"(0));
  const bool os_avx = (xcr0_low & 0x06U) == 0x06U;
  const bool os_avx512 = (xcr0_low & 0xE6U) == 0xE6U;
  unsigned a7 = 0, b7 = 0, c7 = 0, d7 = 0;
  if (__get_cpuid_count(7, 0, &a7, &b7, &c7, &d7) == 0) {
    return cpu;
  }
  unsigned a71 = 0, b71 = 0, c71 = 0, d71 = 0;
  if (a7 >= 1) {
    __get_cpuid_count(7, 1, &a71, &b71, &c71, &d71);
  }
  const bool bmi = bit(b7, 3) && bit(b7, 8);
  cpu.avx2 = os_avx && popcnt && fma && bmi && bit(b7, 5);
  cpu.avx_vnni = cpu.avx2 && bit(a71, 4);
  cpu.avx512 = cpu.avx2 && os_avx512 && bit(b7, 16) && bit(b7, 17) && bit(b7, 30) &&
               bit(b7, 31) &&                             // F, DQ, BW, VL
               bit(c7, 1) && bit(c7, 11) && bit(c7, 14);  // VBMI, VNNI, VPOPCNTDQ
  // The tiles' state is 8 KB a thread, which systems save only for a process that asked for it.
  const bool os_tiles = (xcr0_low & 0x60000U) == 0x60000U;
  cpu.amx = cpu.avx512 && os_tiles && bit(d7, 24) && bit(d7, 25) && may_use_tiles();
#elif defined(__aarch64__)
  cpu.neon = true;
#if defined(__linux__)
  constexpr unsigned long asimddp = 1UL << 20;  // HWCAP_ASIMDDP
  cpu.neon_dotprod = (getauxval(AT_HWCAP) & asimddp) != 0;
#elif defined(__APPLE__)
  cpu.neon_dotprod = true;  // every 64-bit Apple desktop core has it
#endif
#endif
  return cpu;
}

struct Level {
  Kernels kernels;
  bool supported;
};

// Best last. The tables are copied so that an extension beyond the level can replace an entry.
// Never destroyed: threads may still compute while the process exits.
const std::vector<Level>& levels() {
  static const std::vector<Level>& result = *new std::vector<Level>([] {
    const CpuFeatures cpu = detect();
    std::vector<Level> found;
    if (const Kernels* table = scalar_kernels()) {
      found.push_back({*table, true});
    }
    if (const Kernels* table = simd128_kernels()) {
      found.push_back({*table, true});  // an engine without refuses the whole module
    }
    if (const Kernels* table = neon_kernels()) {
      Level level{*table, cpu.neon};
      if (DotKernel dot = neon_dotprod_dot(); dot != nullptr && cpu.neon_dotprod) {
        level.kernels.dot_bytes = level.kernels.dot_bits = dot;
      }
      found.push_back(level);
    }
    if (const Kernels* table = avx2_kernels()) {
      Level level{*table, cpu.avx2};
      if (DotKernel dot = avx_vnni_dot(); dot != nullptr && cpu.avx_vnni) {
        level.kernels.dot_bytes = level.kernels.dot_bits = dot;
      }
      found.push_back(level);
    }
    if (const Kernels* table = avx512_kernels()) {
      found.push_back({*table, cpu.avx512});
      if (DotKernel dot = amx_dot()) {
        Level level{*table, cpu.amx};
        level.kernels.name = "amx";
        level.kernels.dot_bytes = level.kernels.dot_bits = dot;
        level.kernels.spin_dot = amx_spin();
        found.push_back(level);
      }
    }
    return found;
  }());
  return result;
}

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

const Kernels& find(const std::string& name, const char* source) {
  for (const Level& level : levels()) {
    if (name != level.kernels.name) {
      continue;
    }
    if (level.supported) {
      return level.kernels;
    }
    throw std::invalid_argument(
        std::string(source) + "='" + name +
        "' is not supported by this CPU; valid: " + join(simd_levels_supported()));
  }
  throw std::invalid_argument(
      std::string(source) + "='" + name +
      "' is not a SIMD level of this build; valid: " + join(simd_levels_supported()));
}

std::atomic<const Kernels*> g_active{nullptr};

}  // namespace

const Kernels& active() {
  const Kernels* table = g_active.load(std::memory_order_acquire);
  if (table != nullptr) {
    return *table;
  }
  const std::string& wanted = environment().simd;
  if (!wanted.empty()) {
    table = &find(wanted, "RANDPROP_SIMD");
  } else {
    table = &levels().front().kernels;
    for (const Level& level : levels()) {
      if (level.supported) {
        table = &level.kernels;
      }
    }
  }
  g_active.store(table, std::memory_order_release);
  return *table;
}

bool made_by_amd() {
#if defined(__x86_64__)
  // Asked once: in a virtual machine the instruction is a call of what runs it.
  static std::atomic<int> known{-1};
  int amd = known.load(std::memory_order_relaxed);
  if (amd < 0) {
    unsigned a = 0, b = 0, c = 0, d = 0;
    constexpr unsigned cAMD = 0x444d4163;  // the last four letters of the maker's twelve
    amd = __get_cpuid(0, &a, &b, &c, &d) != 0 && c == cAMD ? 1 : 0;
    known.store(amd, std::memory_order_relaxed);
  }
  return amd == 1;
#else
  return false;
#endif
}

}  // namespace kernels

std::vector<std::string> simd_levels_built() {
  std::vector<std::string> names;
  for (const auto& level : kernels::levels()) {
    names.emplace_back(level.kernels.name);
  }
  return names;
}

std::vector<std::string> simd_levels_supported() {
  std::vector<std::string> names;
  for (const auto& level : kernels::levels()) {
    if (level.supported) {
      names.emplace_back(level.kernels.name);
    }
  }
  return names;
}

std::string simd_level() { return kernels::active().name; }

std::uint64_t spin(const std::string& kernel, std::size_t n_rounds) {
  const kernels::Kernels& k = kernels::active();
  const kernels::SpinLoop loop = kernel == "popcount" ? k.spin_popcount
                                 : kernel == "dot"    ? k.spin_dot
                                 : kernel == "lut"    ? k.spin_lut
                                 : kernel == "few"    ? k.spin_few
                                                      : nullptr;
  return loop != nullptr ? loop(n_rounds) : 0;
}

void use_simd_level(const std::string& name) {
  kernels::g_active.store(&kernels::find(name, "simd level"), std::memory_order_release);
}

}  // namespace randprop
