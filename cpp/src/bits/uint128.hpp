// Unsigned integers of 128 bits, for exact sums and quotients: the compiler's, or two words where
// it has none, or none that divides without a runtime library that MSVC's linker does not know.
#pragma once

#include <cstdint>

namespace randprop {

// The operations that this library uses, modulo 2^128. Shifts are by less than 128 bits; division
// by 0 is undefined.
struct Uint128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  constexpr Uint128() = default;
  // Implicit, as integers become wider ones. NOLINTNEXTLINE(google-explicit-constructor)
  constexpr Uint128(std::uint64_t value) : low(value) {}
  constexpr Uint128(std::uint64_t upper, std::uint64_t lower) : high(upper), low(lower) {}
  constexpr explicit operator std::uint64_t() const { return low; }

  friend constexpr bool operator==(Uint128 a, Uint128 b) {
    return a.high == b.high && a.low == b.low;
  }
  friend constexpr bool operator!=(Uint128 a, Uint128 b) { return !(a == b); }
  friend constexpr bool operator<(Uint128 a, Uint128 b) {
    return a.high != b.high ? a.high < b.high : a.low < b.low;
  }
  friend constexpr bool operator<=(Uint128 a, Uint128 b) { return !(b < a); }
  friend constexpr bool operator>=(Uint128 a, Uint128 b) { return !(a < b); }

  friend constexpr Uint128 operator&(Uint128 a, Uint128 b) {
    return {a.high & b.high, a.low & b.low};
  }
  friend constexpr Uint128 operator|(Uint128 a, Uint128 b) {
    return {a.high | b.high, a.low | b.low};
  }
  friend constexpr Uint128 operator<<(Uint128 a, int n) {
    return n == 0    ? a
           : n >= 64 ? Uint128{a.low << (n - 64), 0}
                     : Uint128{a.high << n | a.low >> (64 - n), a.low << n};
  }
  friend constexpr Uint128 operator>>(Uint128 a, int n) {
    return n == 0    ? a
           : n >= 64 ? Uint128{0, a.high >> (n - 64)}
                     : Uint128{a.high >> n, a.low >> n | a.high << (64 - n)};
  }

  friend constexpr Uint128 operator+(Uint128 a, Uint128 b) {
    const std::uint64_t sum = a.low + b.low;
    return {a.high + b.high + (sum < a.low ? 1 : 0), sum};
  }
  friend constexpr Uint128 operator-(Uint128 a, Uint128 b) {
    return {a.high - b.high - (a.low < b.low ? 1 : 0), a.low - b.low};
  }
  friend constexpr Uint128 operator*(Uint128 a, Uint128 b) {
    // Halves of 32 bits: no product of two and no sum of these leaves 64.
    constexpr std::uint64_t half = 0xFFFFFFFFU;
    const std::uint64_t a0 = a.low & half, a1 = a.low >> 32;
    const std::uint64_t b0 = b.low & half, b1 = b.low >> 32;
    const std::uint64_t first = a0 * b0;
    const std::uint64_t middle = a1 * b0 + (first >> 32);
    const std::uint64_t other = a0 * b1 + (middle & half);
    const std::uint64_t carried = a1 * b1 + (middle >> 32) + (other >> 32);
    return {carried + a.high * b.low + a.low * b.high, other << 32 | (first & half)};
  }
  friend constexpr Uint128 operator/(Uint128 a, Uint128 b) {
    Uint128 quotient, rest;
    for (int i = 127; i >= 0; --i) {
      const bool leaves = rest.high >> 63 != 0;  // the shift takes a bit out: rest is above b
      rest = rest << 1 | ((a >> i) & 1);
      quotient = quotient << 1;
      if (leaves || rest >= b) {
        rest = rest - b;
        quotient.low |= 1;
      }
    }
    return quotient;
  }
  friend constexpr Uint128 operator%(Uint128 a, Uint128 b) { return a - a / b * b; }

  constexpr Uint128& operator+=(Uint128 b) { return *this = *this + b; }
  constexpr Uint128& operator-=(Uint128 b) { return *this = *this - b; }
  constexpr Uint128& operator|=(Uint128 b) { return *this = *this | b; }
  constexpr Uint128& operator<<=(int n) { return *this = *this << n; }
  constexpr Uint128& operator>>=(int n) { return *this = *this >> n; }
};

#if defined(__SIZEOF_INT128__) && !defined(_MSC_VER) && !defined(RANDPROP_PORTABLE_UINT128)
__extension__ using u128 = unsigned __int128;
#else
using u128 = Uint128;
#endif

// Of a number that is not negative. Of each file by itself: its name does not tell which u128 it
// is.
static constexpr u128 u128_of(std::int64_t number) { return static_cast<std::uint64_t>(number); }

}  // namespace randprop
