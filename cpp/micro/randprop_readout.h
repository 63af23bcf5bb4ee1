/* From what the last stage puts out to a sum for each class. */
#ifndef RANDPROP_READOUT_H
#define RANDPROP_READOUT_H

#include "randprop_values.h"

/* Where the outputs of a stage go, as they come: unit after unit, window after window. */
typedef struct rp_sink {
  const rp_model* model;
  /* Of the last stage: sums of codes times features, one a class; sum of the features; the next
   * code, from bit code_bit of *code on, 8 of which are those of the next byte. */
  rp_sum* sums;
  rp_sum total;
  const uint8_t* code;
  uint8_t code_bit;
  uint8_t packed; /* features are put out as bits, else as bytes */
  /* The desktop's order, if anybody wants it: window y, window x, unit; of a stage that goes on,
   * between the padding of the next. */
  uint8_t* features;
  uint16_t pitch, at; /* features from one window y to the next, and before the first */
} rp_sink;

#if defined(RP_FIXED_PAIRS)
/* The two are read one by one in the end. */
typedef uint32_t __attribute__((__may_alias__)) rp_pair;
#endif

/* With codes of two bits, whose products with a feature fit a byte, a unit's outputs of one window
 * y are added while the sums are in registers: on AVR for up to ten classes, elsewhere for ten. */
#if defined(RP_FIXED_NIBBLES)
#if defined(__AVR_HAVE_MUL__)
#define RP_NIBBLES_OF_AVR 1
#elif defined(RP_FIXED_PAIRS) && RP_FIXED_NIBBLES == 5
#define RP_NIBBLES_OF_TEN 1
#endif
#endif

#if !defined(RP_NIBBLES_OF_AVR) && !defined(RP_NIBBLES_OF_TEN)
#if !defined(RP_FIXED_PAIRS)
/* Adds a code times a feature to a sum, and goes on to the next. */
static rp_sum* rp_add_product(rp_sum* sum, uint8_t code, uint8_t value) {
#if defined(__AVR_HAVE_MUL__) && defined(RP_FIXED_SMALL_SUMS)
  uint8_t byte;
  __asm__ volatile(
      "mul %2,%3\n ld %1,X\n add %1,r0\n st X+,%1\n"
      "ld %1,X\n adc %1,r1\n st X+,%1\n clr r1"
      : "+x"(sum), "=&r"(byte)
      : "r"(code), "r"(value)
      : "memory");
#else
  *sum = (rp_sum)(*sum + (uint16_t)(code * value));
  ++sum;
#endif
  return sum;
}
#endif

/* Adds a feature, times its codes, to the sums. */
RP_SHARED static void rp_add_codes(rp_sink* sink, uint8_t value) {
  const uint8_t bits = RP_CODE_BITS(sink->model);
  const uint8_t* code = sink->code;
  rp_sum* sum = sink->sums;
  uint16_t c = RP_N_CLASSES(sink->model);
  uint8_t left = (uint8_t)(8u - sink->code_bit);
  if (value == 0) {
    const uint16_t passed = (uint16_t)(sink->code_bit + (uint16_t)(c * bits));
    sink->code += passed >> 3;
    sink->code_bit = (uint8_t)(passed & 7u);
    return;
  }
  sink->total = (rp_sum)(sink->total + value);
#if defined(RP_FIXED_PAIRS)
  {
    /* Two sums of 16 bits in a word, and two codes at a time. */
    rp_pair* pair = (rp_pair*)(void*)sum;
    rp_pair* const end = pair + RP_FIXED_PAIRS;
    uint32_t window = (uint32_t)RP_TABLE8(code) >> (8u - left);
    uint_fast8_t held = left;
    do {
      uint32_t two;
      while (held < 2u * bits) {
        window |= (uint32_t)RP_TABLE8(++code) << held;
        held = (uint_fast8_t)(held + 8u);
      }
      two = window << (32u - 2u * bits);
      window >>= 2u * bits;
      held = (uint_fast8_t)(held - 2u * bits);
      two = two >> (32u - bits) << 16 | two << bits >> (32u - bits);
      *pair++ += two * value;
    } while (pair != end);
    left = (uint8_t)held;
  }
#elif defined(RP_FIXED_WHOLE_CODES)
  {
    /* No code lies across two bytes. */
    const uint8_t mask = (uint8_t)((1u << bits) - 1u);
    uint8_t window = RP_TABLE8(code);
    uint8_t n = (uint8_t)c;
    for (; left < 8u; left = (uint8_t)(left + bits)) {
      window = (uint8_t)(window >> (bits & 7u));
    }
    left = (uint8_t)(8u - sink->code_bit);
    do {
      if (left == 0) {
        window = RP_TABLE8(++code);
        left = 8;
      }
      sum = rp_add_product(sum, (uint8_t)(window & mask), value);
      window = (uint8_t)(window >> (bits & 7u));
      left = (uint8_t)(left - bits);
    } while (--n != 0);
  }
#else
  {
    const uint8_t mask = (uint8_t)((1u << bits) - 1u);
    uint16_t window = (uint16_t)(RP_TABLE8(code) >> (8u - left));
    do {
      if (left < bits) {
        window = (uint16_t)(window | (uint16_t)RP_TABLE8(++code) << left);
        left = (uint8_t)(left + 8u);
      }
      sum = rp_add_product(sum, (uint8_t)(window & mask), value);
      window = (uint16_t)(window >> bits);
      left = (uint8_t)(left - bits);
    } while (--c != 0);
  }
#endif
  sink->code = code;
  sink->code_bit = (uint8_t)(8u - left);
}
#endif

#if defined(RP_NIBBLES_OF_AVR)
/* In assembly, with all sums in registers: codes of two bits, of 2 * RP_FIXED_NIBBLES <= 10
 * classes, times n values of at most 85. code_bit is 0 or 4; GCC's calling convention. */
void rp_add_nibbles(uint16_t* sums, const uint8_t* code, const uint8_t* values, uint8_t n,
                    uint8_t code_bit);

#define RP_TEXT_OF(x) #x
#define RP_TEXT(x) RP_TEXT_OF(x)
__asm__(
    ".set rp_k," RP_TEXT(RP_FIXED_NIBBLES) "\n"
    /* The next nibble comes to the low half of r22; T tells whether its high half is to come. */
    ".macro rp_nibble\n"
    "brts 1f\n lpm r22,Z+\n set\n rjmp 2f\n 1: swap r22\n clt\n 2:\n"
    ".endm\n"
    ".macro rp_class lo hi bit0 bit1\n"
    "clr r25\n sbrc r22,\\bit0\n mov r25,r23\n sbrc r22,\\bit1\n add r25,r24\n"
    "add r\\lo,r25\n adc r\\hi,r1\n"
    ".endm\n"
    ".section .text.rp_add_nibbles,\"ax\",@progbits\n"
    ".global rp_add_nibbles\n"
    "rp_add_nibbles:\n"
    ".irp r,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,28,29,24,25\n push r\\r\n .endr\n"
    "movw r30,r22\n movw r26,r20\n movw r28,r24\n mov r0,r18\n"
    "clt\n tst r16\n breq 1f\n lpm r22,Z+\n set\n 1:\n"
    ".irp r,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21\n"
    ".if \\r < 2 + 4 * rp_k\n ld r\\r,Y+\n .endif\n .endr\n"
    "mov r28,r0\n"
    "3:\n"
    "ld r23,X+\n tst r23\n breq 4f\n rjmp 6f\n"
    /* Nothing to add: its nibbles are passed over. */
    "4: brts 5f\n"
    ".if rp_k & 1\n adiw r30,(rp_k-1)/2\n lpm r22,Z+\n set\n"
    ".else\n adiw r30,rp_k/2\n .endif\n"
    "rjmp 7f\n"
    "5:\n"
    ".if rp_k & 1\n adiw r30,(rp_k-1)/2\n clt\n"
    ".else\n adiw r30,(rp_k-2)/2\n lpm r22,Z+\n .endif\n"
    "rjmp 7f\n"
    "6:\n"
    "mov r24,r23\n lsl r24\n"
    "rp_nibble\n rp_class 2 3 0 1\n rp_class 4 5 2 3\n"
    ".if rp_k > 1\n rp_nibble\n rp_class 6 7 0 1\n rp_class 8 9 2 3\n .endif\n"
    ".if rp_k > 2\n rp_nibble\n rp_class 10 11 0 1\n rp_class 12 13 2 3\n .endif\n"
    ".if rp_k > 3\n rp_nibble\n rp_class 14 15 0 1\n rp_class 16 17 2 3\n .endif\n"
    ".if rp_k > 4\n rp_nibble\n rp_class 18 19 0 1\n rp_class 20 21 2 3\n .endif\n"
    "7:\n"
    "dec r28\n breq 8f\n rjmp 3b\n"
    "8:\n"
    "pop r29\n pop r28\n"
    ".irp r,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21\n"
    ".if \\r < 2 + 4 * rp_k\n st Y+,r\\r\n .endif\n .endr\n"
    ".irp r,29,28,17,16,15,14,13,12,11,10,9,8,7,6,5,4,3,2\n pop r\\r\n .endr\n"
    "ret\n"
    ".size rp_add_nibbles,.-rp_add_nibbles\n"
    ".text\n");
#elif defined(RP_NIBBLES_OF_TEN)
/* Two codes of a nibble, side by side in a word of two sums. */
#define RP_TWO_CODES(window) (((window) & 3u) | ((window) << 14 & 0x30000u))

RP_SHARED static void rp_add_nibbles(rp_sum* sums, const uint8_t* code, const uint8_t* values,
                                     uint16_t n, uint8_t code_bit) {
  rp_pair* const pair = (rp_pair*)(void*)sums;
  uint32_t a = pair[0], b = pair[1], c = pair[2], d = pair[3], e = pair[4];
  const uint8_t* const end = values + n;
  uint_fast8_t shift = code_bit;
  for (; values != end; shift ^= 4u) {
    const uint32_t value = *values++;
    if (value != 0) {
      /* Twenty bits, from a whole byte or a half on. */
      const uint32_t low = RP_TABLE8(code), high = RP_TABLE8(code + 2);
      const uint32_t window = (low | (uint32_t)RP_TABLE8(code + 1) << 8 | high << 16) >> shift;
      a += RP_TWO_CODES(window) * value;
      b += RP_TWO_CODES(window >> 4) * value;
      c += RP_TWO_CODES(window >> 8) * value;
      d += RP_TWO_CODES(window >> 12) * value;
      e += RP_TWO_CODES(window >> 16) * value;
    }
    code += 2u + (shift >> 2);
  }
  pair[0] = a;
  pair[1] = b;
  pair[2] = c;
  pair[3] = d;
  pair[4] = e;
}
#endif

/* Takes a unit's outputs of one window y, n of them across. */
static void rp_put(rp_sink* sink, uint16_t unit, uint16_t n_units, uint16_t y,
                   const uint8_t* values, uint16_t n) {
  uint16_t x;
  if (sink->features != NULL) {
    uint16_t i = (uint16_t)(sink->at + y * sink->pitch + unit);
    for (x = 0; x < n; ++x, i = (uint16_t)(i + n_units)) {
      if (!sink->packed) {
        sink->features[i] = values[x];
      } else if (values[x] != 0) {
        sink->features[i >> 3] = (uint8_t)(sink->features[i >> 3] | 1u << (i & 7u));
      }
    }
  }
  if (sink->sums != NULL) {
#if defined(RP_NIBBLES_OF_AVR) || defined(RP_NIBBLES_OF_TEN)
    const uint16_t passed = (uint16_t)(sink->code_bit + 4u * RP_FIXED_NIBBLES * n);
    rp_add_nibbles(sink->sums, sink->code, values, (uint8_t)n, sink->code_bit);
    sink->code += passed >> 3;
    sink->code_bit = (uint8_t)(passed & 7u);
    for (x = 0; x < n; ++x) {
      sink->total = (rp_sum)(sink->total + values[x]);
    }
#else
    for (x = 0; x < n; ++x) {
      rp_add_codes(sink, values[x]);
    }
#endif
  }
}

/* Sum of the codes of a class over the set bits of a row; *row, by bits of codes, moves on. */
static uint32_t rp_sum_of_bits(const rp_model* model, const uint8_t* bits, uint16_t n_bytes,
                               const uint8_t** row) {
  uint32_t sum = 0;
  uint8_t j;
  for (j = 0; j < RP_CODE_BITS(model); ++j) {
    uint16_t count = 0, i;
    for (i = 0; i < n_bytes; ++i, ++*row) {
      count = (uint16_t)(count + rp_count((uint8_t)(bits[i] & RP_TABLE8(*row))));
    }
    sum = 2u * sum + count;
  }
  return sum;
}

#endif
