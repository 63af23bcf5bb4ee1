/* Philox4x32 (Salmon et al. 2011): what is drawn is a function of the seed and of where it stands.
 */
#ifndef RANDPROP_PHILOX_H
#define RANDPROP_PHILOX_H

#include "randprop_values.h"

#define RP_MULTIPLIER_0 0xD2511F53u
#define RP_MULTIPLIER_1 0xCD9E8D57u
#define RP_WEYL_0 0x9E3779B9u
#define RP_WEYL_1 0xBB67AE85u

/* High word of a product, by halves. */
RP_SHARED static uint32_t rp_high(uint32_t a, uint32_t m) {
  const uint32_t a0 = a & 0xFFFFu, a1 = a >> 16, m0 = m & 0xFFFFu, m1 = m >> 16;
  const uint32_t t = a1 * m0 + ((a0 * m0) >> 16);
  const uint32_t u = a0 * m1 + (t & 0xFFFFu);
  return a1 * m1 + (t >> 16) + (u >> 16);
}

#if defined(__AVR_HAVE_MUL__)
/* An 8-bit CPU: in assembly, which halves the cycles; GCC's calling convention. It does what the C
 * function below does. */
void rp_philox(uint32_t* c, uint32_t key0, uint32_t key1, uint8_t rounds);

__asm__(
    /* One row of a 32 x 32 bit product: x times byte m, added to o0 to o3, o4 new. r31 is 0. */
    ".macro rp_row m x0 x1 x2 x3 o0 o1 o2 o3 o4\n"
    "ldi r30,\\m\n"
    "mul \\x3,r30\n movw r26,r0\n mov \\o4,r27\n"
    "mul \\x1,r30\n add \\o1,r0\n adc \\o2,r1\n adc \\o3,r26\n adc \\o4,r31\n"
    "mul \\x2,r30\n movw r26,r0\n"
    "mul \\x0,r30\n add \\o0,r0\n adc \\o1,r1\n adc \\o2,r26\n adc \\o3,r27\n adc \\o4,r31\n"
    ".endm\n"
    ".macro rp_product m0 m1 m2 m3 x0 x1 x2 x3 l0 l1 l2 l3 h0 h1 h2 h3\n"
    "ldi r30,\\m0\n"
    "mul \\x0,r30\n movw \\l0,r0\n"
    "mul \\x2,r30\n movw \\l2,r0\n"
    "mul \\x3,r30\n movw r26,r0\n mov \\h0,r27\n"
    "mul \\x1,r30\n add \\l1,r0\n adc \\l2,r1\n adc \\l3,r26\n adc \\h0,r31\n"
    "rp_row \\m1 \\x0 \\x1 \\x2 \\x3 \\l1 \\l2 \\l3 \\h0 \\h1\n"
    "rp_row \\m2 \\x0 \\x1 \\x2 \\x3 \\l2 \\l3 \\h0 \\h1 \\h2\n"
    "rp_row \\m3 \\x0 \\x1 \\x2 \\x3 \\l3 \\h0 \\h1 \\h2 \\h3\n"
    ".endm\n"
    /* h ^= word c ^ key at Y + y, then the key's byte moves on: by less its complement w. */
    ".macro rp_mix y h c w subtract\n"
    "ldd r26,Y+\\y\n eor \\h,\\c\n eor \\h,r26\n \\subtract r26,\\w\n std Y+\\y,r26\n"
    ".endm\n"
    ".section .text.rp_philox,\"ax\",@progbits\n"
    ".global rp_philox\n"
    "rp_philox:\n"
    ".irp r,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,28,29,24,25\n push r\\r\n .endr\n"
    /* On the stack: key0 at Y+1, key1 at Y+5, rounds at Y+9. */
    ".irp r,14,19,18,17,16,23,22,21,20\n push r\\r\n .endr\n"
    "in r28,0x3d\n in r29,0x3e\n movw r30,r24\n"
    ".irp r,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17\n ld r\\r,Z+\n .endr\n"
    "clr r31\n"
    /* c is in r2 to r17; product 0 goes to r18 to r25, product 1 over c[0] and c[3]. */
    "1:\n"
    "rp_product 0x53 0x1F 0x51 0xD2 r2 r3 r4 r5 r18 r19 r20 r21 r22 r23 r24 r25\n"
    "rp_mix 5 r22 r14 0x7B subi\n"
    "rp_mix 6 r23 r15 0x51 sbci\n"
    "rp_mix 7 r24 r16 0x98 sbci\n"
    "rp_mix 8 r25 r17 0x44 sbci\n"
    "rp_product 0x57 0x8D 0x9E 0xCD r10 r11 r12 r13 r2 r3 r4 r5 r14 r15 r16 r17\n"
    "rp_mix 1 r14 r6 0x47 subi\n"
    "rp_mix 2 r15 r7 0x86 sbci\n"
    "rp_mix 3 r16 r8 0xC8 sbci\n"
    "rp_mix 4 r17 r9 0x61 sbci\n"
    "movw r6,r2\n movw r8,r4\n movw r2,r14\n movw r4,r16\n"
    "movw r14,r18\n movw r16,r20\n movw r10,r22\n movw r12,r24\n"
    "ldd r26,Y+9\n dec r26\n std Y+9,r26\n"
    "breq 2f\n rjmp 1b\n"
    "2:\n"
    ".rept 9\n pop r0\n .endr\n"
    "pop r31\n pop r30\n"
    ".irp r,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17\n st Z+,r\\r\n .endr\n"
    ".irp r,29,28,17,16,15,14,13,12,11,10,9,8,7,6,5,4,3,2\n pop r\\r\n .endr\n"
    "clr r1\n ret\n"
    ".size rp_philox,.-rp_philox\n"
    ".text\n");
#else
/* High word of a product with a multiplier of Philox, and the low word. */
#if defined(RP_ARMV6M)
static uint32_t rp_product(uint32_t a, uint32_t m, uint32_t* low) {
  *low = a * m;
  return rp_high(a, m);
}
#elif defined(__riscv) && !defined(__riscv_mul)
/* No multiplier: four bits of a at a time, from tables of the multiples. */
#define RP_LOWS(m)                                                                      \
  {0u * (m), 1u * (m), 2u * (m),  3u * (m),  4u * (m),  5u * (m),  6u * (m),  7u * (m), \
   8u * (m), 9u * (m), 10u * (m), 11u * (m), 12u * (m), 13u * (m), 14u * (m), 15u * (m)}
#define RP_TOP(n, m) (uint8_t)(((uint64_t)(m) * (n)) >> 32)
#define RP_HIGHS(m)                                                                               \
  {RP_TOP(0u, m),  RP_TOP(1u, m),  RP_TOP(2u, m),  RP_TOP(3u, m), RP_TOP(4u, m),  RP_TOP(5u, m),  \
   RP_TOP(6u, m),  RP_TOP(7u, m),  RP_TOP(8u, m),  RP_TOP(9u, m), RP_TOP(10u, m), RP_TOP(11u, m), \
   RP_TOP(12u, m), RP_TOP(13u, m), RP_TOP(14u, m), RP_TOP(15u, m)}
static const uint32_t rp_lows[2][16] = {RP_LOWS(RP_MULTIPLIER_0), RP_LOWS(RP_MULTIPLIER_1)};
static const uint8_t rp_highs[2][16] = {RP_HIGHS(RP_MULTIPLIER_0), RP_HIGHS(RP_MULTIPLIER_1)};
RP_SHARED static uint32_t rp_product(uint32_t a, uint32_t m, uint32_t* low) {
  const uint32_t* const lows = rp_lows[m == RP_MULTIPLIER_1];
  const uint8_t* const highs = rp_highs[m == RP_MULTIPLIER_1];
  uint32_t high = 0, sum = 0;
  uint8_t digits = 8;
  do {
    const uint32_t digit = a >> 28;
    a <<= 4;
    high = (high << 4 | sum >> 28) + highs[digit];
    sum = (sum << 4) + lows[digit];
    high += sum < lows[digit];
  } while (--digits != 0);
  *low = sum;
  return high;
}
#else
static uint32_t rp_product(uint32_t a, uint32_t m, uint32_t* low) {
  const uint64_t product = (uint64_t)m * a;
  *low = (uint32_t)product;
  return (uint32_t)(product >> 32);
}
#endif

/* Rounds of Philox4x32 (Salmon et al. 2011). */
RP_SHARED static void rp_philox(uint32_t c[4], uint32_t key0, uint32_t key1, uint8_t rounds) {
  do {
    uint32_t low0, low1;
    const uint32_t high0 = rp_product(c[0], RP_MULTIPLIER_0, &low0);
    const uint32_t high1 = rp_product(c[2], RP_MULTIPLIER_1, &low1);
    c[0] = high1 ^ c[1] ^ key0;
    c[1] = low1;
    c[2] = high0 ^ c[3] ^ key1;
    c[3] = low0;
    key0 += RP_WEYL_0;
    key1 += RP_WEYL_1;
  } while (--rounds != 0);
}
#endif

/* Four words for a unit of stage m; what tells numbers of one use from those of another. */
enum { RP_DRAW_INPUTS = 0, RP_DRAW_THRESHOLD = 1, RP_DRAW_DILATION = 2 };
static void rp_draw(const rp_model* model, uint8_t m, uint16_t unit, uint32_t j, uint8_t what,
                    uint32_t block[4]) {
  block[0] = unit;
  block[1] = j;
  block[2] = m;
  block[3] = 0x80000000u + what;
  rp_philox(block, RP_SEED_LOW(model), RP_SEED_HIGH(model), 10);
}

/* The threshold of a unit: stored, little-endian, or drawn. */
static int32_t rp_threshold(const rp_model* model, uint8_t m, uint16_t unit) {
  const rp_stage* const stage = RP_STAGE(model, m);
  if (RP_THRESHOLDS_AT(stage) != RP_NONE) {
    const uint8_t size = RP_KIND(stage) == RP_DENSE ? 4 : 2;
    const uint8_t* byte = model->units + RP_THRESHOLDS_AT(stage) + (uint32_t)unit * size + size;
    uint32_t value = 0;
    uint8_t i;
    for (i = 0; i < size; ++i) {
      value = value << 8 | RP_TABLE8(--byte);
    }
    return size == 4 ? (int32_t)value : (int16_t)value;
  }
  if (RP_BIAS(stage) != 0) {
    uint32_t block[4];
    rp_draw(model, m, unit, 0, RP_DRAW_THRESHOLD, block);
    return (int32_t)(rp_high(block[0], 2u * RP_BIAS(stage) + 1u) - RP_BIAS(stage));
  }
  return 0;
}

#endif
