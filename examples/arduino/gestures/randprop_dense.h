/* Stages whose units look at every input, 128 units at a time.
 *
 * The inputs are taken in order, and one that is zero costs nothing. For any other input, one
 * Philox block gives a bit for each of the 128 units. The block, times the input, is added to 128
 * counters, which are spread over planes: plane j holds bit j of all of them, so that one word
 * operation counts for 32 units. A carry waits in its plane until a second one comes, so that none
 * ever runs through all planes.
 */
#ifndef RANDPROP_DENSE_H
#define RANDPROP_DENSE_H

#include "randprop_philox.h"

/* A bright input x is added as 256 - (256 - x), which has fewer binary digits; taking away a bit is
 * adding its complement, and one more to the threshold. The counters thus take up to RP_MOST. */
#define RP_BRIGHT 240u
#define RP_MOST 272u

#define RP_LANES 4u        /* words of 32 units in a group */
#define RP_PLANE_WORDS 8u  /* a plane: the sums, then the carries that wait */
#define RP_GROUP_BYTES 16u /* output bits of a group */

#if defined(__AVR_HAVE_MUL__)
/* In assembly, and else in C: sum + a + b of 128 units, the low bits to sum, the carries to b. */
void rp_add_bits(uint32_t* sum, const uint32_t* a, uint32_t* b);

__asm__(
    ".section .text.rp_add_bits,\"ax\",@progbits\n"
    ".global rp_add_bits\n"
    "rp_add_bits:\n"
    "push r28\n push r29\n movw r28,r24\n movw r26,r22\n movw r30,r20\n"
    "ldi r18,4\n"
    "1:\n"
    /* The carry of s + x + y is x ^ ((s ^ x) & (x ^ y)). */
    ".rept 4\n"
    "ld r19,X+\n ld r20,Z\n ld r21,Y\n"
    "eor r20,r19\n mov r22,r21\n eor r22,r19\n and r22,r20\n eor r22,r19\n eor r21,r20\n"
    "st Y+,r21\n st Z+,r22\n"
    ".endr\n"
    "dec r18\n brne 1b\n"
    "pop r29\n pop r28\n ret\n"
    ".size rp_add_bits,.-rp_add_bits\n"
    ".text\n");
#else
RP_SHARED static void rp_add_bits(uint32_t* sum, const uint32_t* a, uint32_t* b) {
  uint8_t lanes = RP_LANES;
  do {
    const uint32_t s = *sum, x = *a++, y = *b;
    const uint32_t half = x ^ y;
    *sum++ = s ^ half;
    *b++ = (x & y) | (s & half);
  } while (--lanes != 0);
}
#endif

/* Adds x to the counters whose bit of mask is set. waiting[j] tells whether carries wait in plane
 * j, which is the same for all units: it depends on the inputs x alone. As many carries reach a
 * plane as the sum of all x, divided by the plane's weight, so that none leaves the last. */
static void rp_add(uint32_t* plane, uint8_t* waiting, const uint32_t* mask, uint8_t x) {
  uint32_t* carry = NULL;
  for (;; x = (uint8_t)(x >> 1), plane += RP_PLANE_WORDS, ++waiting) {
    const uint32_t* a = carry;
    uint32_t* b = NULL;
    if ((x & 1u) != 0) {
      a = mask;
      b = carry;
    } else if (a == NULL) {
      if (x == 0) {
        return;
      }
      continue;
    }
    carry = plane + RP_LANES;
    if (b == NULL) {
      *waiting ^= 1u;
      if (*waiting != 0) {
        uint8_t q;
        for (q = 0; q < RP_LANES; ++q) {
          carry[q] = a[q];
        }
        carry = NULL;
        continue;
      }
      b = carry;
    }
    rp_add_bits(plane, a, b);
    carry = b;
  }
}

/* Bit i is set where counter i is above the threshold: the carry out of the counter, its waiting
 * carries added, plus the threshold's complement. */
RP_SHARED static rp_lane rp_above(const rp_lane* plane, const uint8_t* waiting, uint8_t n_planes,
                                  uint32_t threshold) {
  rp_lane carry = 0, above = 0;
  do {
    const rp_lane x = *plane;
    const rp_lane y = *waiting++ != 0 ? plane[RP_GROUP_BYTES / sizeof(rp_lane)] : 0u;
    const rp_lane half = x ^ y;
    const rp_lane bit = half ^ carry;
    carry = (rp_lane)((x & y) | (half & carry));
    above = (rp_lane)((threshold & 1u) != 0 ? above & bit : above | bit);
    threshold >>= 1;
    plane += 2u * RP_GROUP_BYTES / sizeof(rp_lane);
  } while (--n_planes != 0);
  return above;
}

/* Planes of the counters of stage m: bits of the largest sum, see RP_MOST. */
static uint8_t rp_planes(const rp_model* model, uint8_t m) {
  const rp_stage* const stage = RP_STAGE(model, m);
  uint32_t most = RP_MOST;
  uint8_t length = 0;
  if (m != 0 && !rp_counts(RP_STAGE(model, m - 1u))) {
    most = 1;
  }
  most *= ((1u << RP_WEIGHT_BITS(stage)) - 1u) * (uint32_t)RP_CHANNELS(stage);
  for (; most != 0; most >>= 1) {
    ++length;
  }
  return length;
}

/* What an RP_DENSE stage reads. */
typedef struct rp_input {
  rp_read read; /* of the first stage, else null */
  void* context;
  const uint8_t* behind; /* what the stage before has put out, a bit or a byte each */
  uint8_t bits;
  uint8_t signs; /* whether 0 stands for -1 */
} rp_input;

static uint8_t rp_value(const rp_input* input, uint16_t k) {
  if (input->read != NULL) {
    return input->read(input->context, k);
  }
  if (input->bits) {
    return (uint8_t)((uint8_t)(input->behind[k >> 3] >> (k & 7u)) & 1u);
  }
  return input->behind[k];
}

/* Whether counter `unit` is above its own threshold. total is (2^b - 1) times the sum of the
 * inputs, what was added in place of what was taken away included, and z = 2 S - total. */
static uint8_t rp_above_own(const uint32_t* counters, const uint8_t* waiting, uint8_t n_planes,
                            uint8_t unit, uint32_t total, int32_t threshold) {
  const uint32_t* word = counters + (unit >> 5);
  uint32_t sum = 0;
  uint8_t p;
  for (p = 0; p < n_planes; ++p, word += RP_PLANE_WORDS) {
    sum += ((word[0] >> (unit & 31u)) & 1u) << p;
    if (waiting[p] != 0) {
      sum += ((word[RP_LANES] >> (unit & 31u)) & 1u) << p;
    }
  }
  if (threshold < 0 && 0u - (uint32_t)threshold > total) {
    return 1;
  }
  return sum > (total + (uint32_t)threshold) >> 1;
}

/* 128 units of stage m: 16 bytes of output. */
static void rp_group(const rp_model* model, uint8_t m, uint16_t group, uint8_t n_here,
                     const rp_input* input, uint32_t* counters, uint8_t* out) {
  const rp_stage* const stage = RP_STAGE(model, m);
  const uint8_t n_planes = rp_planes(model, m);
  uint8_t* const waiting = (uint8_t*)(counters + RP_PLANE_WORDS * (size_t)n_planes);
  uint32_t total = 0;
  uint8_t p, q, shift = RP_WEIGHT_BITS(stage);
  uint8_t* byte = waiting + n_planes;
  do {
    *--byte = 0;
  } while (byte != (uint8_t*)counters);
  for (p = 0; shift-- != 0; ++p) {
    uint32_t* const plane = counters + RP_PLANE_WORDS * (size_t)shift;
    uint32_t start[RP_LANES];
    uint16_t k;
    /* The input's number changes one word of the first round by an exclusive or, so that this
     * round is common to all inputs. */
    start[0] = group;
    start[1] = 0;
    start[2] = m;
    start[3] = p;
    rp_philox(start, RP_SEED_LOW(model), RP_SEED_HIGH(model), 1);
    for (k = 0; k < RP_CHANNELS(stage); ++k) {
      uint32_t block[RP_LANES];
      uint8_t x = rp_value(input, k);
      if (x == 0 && !input->signs) {
        continue;
      }
      block[0] = start[0] ^ k;
      block[1] = start[1];
      block[2] = start[2];
      block[3] = start[3];
      rp_philox(block, RP_SEED_LOW(model) + RP_WEYL_0, RP_SEED_HIGH(model) + RP_WEYL_1, 9);
      if (x >= RP_BRIGHT || x == 0) {
        if (x != 0) {
          rp_add(plane + 8u * RP_PLANE_WORDS, waiting + shift + 8u, block, 1);
          total += (uint32_t)256u << shift;
          x = (uint8_t)-x;
        } else {
          x = 1;
        }
        for (q = 0; q < RP_LANES; ++q) {
          block[q] = ~block[q];
        }
      }
      total += (uint32_t)x << shift;
      rp_add(plane, waiting + shift, block, x);
    }
  }
  if (RP_THRESHOLDS_AT(stage) != RP_NONE || RP_BIAS(stage) != 0) {
    for (p = 0; p < n_here; ++p) {
      const uint16_t unit = (uint16_t)(128u * group + p);
      const uint8_t bit =
          rp_above_own(counters, waiting, n_planes, p, total, rp_threshold(model, m, unit));
      if ((p & 7u) == 0) {
        out[p >> 3] = 0;
      }
      out[p >> 3] = (uint8_t)(out[p >> 3] | bit << (p & 7u));
    }
    return;
  }
  /* z > 0 where S > floor(total / 2). */
  total >>= 1;
  for (q = 0; q < RP_GROUP_BYTES / sizeof(rp_lane); ++q) {
    rp_lane word = rp_above((const rp_lane*)counters + q, waiting, n_planes, total);
    uint8_t left = sizeof(rp_lane);
    for (;;) {
      *out++ = (uint8_t)word;
      if (--left == 0) {
        break;
      }
      word = (rp_lane)(word >> 7 >> 1);
    }
  }
}

/* All units of stage m: one bit each, those past the last zero up to a whole group. */
static void rp_dense(const rp_model* model, uint8_t m, const rp_input* input, uint32_t* counters,
                     uint8_t* row) {
  uint16_t left = RP_N_UNITS(RP_STAGE(model, m)), group = 0;
  for (;; left = (uint16_t)(left - 128u), ++group, row += RP_GROUP_BYTES) {
    rp_group(model, m, group, (uint8_t)(left < 128u ? left : 128u), input, counters, row);
    if (left <= 128u) {
      break;
    }
  }
  row += left >> 3;
  left = (uint16_t)(128u - left);
  if ((left & 7u) != 0) {
    *row = (uint8_t)(*row & (0xFFu >> (left & 7u)));
    ++row;
  }
  for (; left >= 8u; left = (uint16_t)(left - 8u)) {
    *row++ = 0;
  }
}

#endif
