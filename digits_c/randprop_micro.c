#include "randprop_micro.h"

/* Tables in flash are read by instructions of their own on AVR. */
#if defined(__AVR__)
#define RP_TABLE8(p) pgm_read_byte(p)
#define RP_TABLE16(p) pgm_read_word(p)
#define RP_TABLE32(p) ((int32_t)pgm_read_dword(p))
#else
#define RP_TABLE8(p) (*(p))
#define RP_TABLE16(p) (*(p))
#define RP_TABLE32(p) (*(p))
#endif

/* A value of the model: a constant where the runtime is compiled for one. */
#if defined(RP_FIXED_ID)
#define RP_GET(model, field, FIELD) ((void)(model), RP_FIXED_##FIELD)
#else
#define RP_GET(model, field, FIELD) ((model)->field)
#endif
#define RP_N_FEATURES(model) RP_GET(model, n_features, N_FEATURES)
#define RP_N_CLASSES(model) RP_GET(model, n_classes, N_CLASSES)
#define RP_N_MATRICES(model) RP_GET(model, n_matrices, N_MATRICES)
#define RP_WEIGHT_BITS(model) RP_GET(model, weight_bits, WEIGHT_BITS)
#define RP_ACTIVATION(model) RP_GET(model, activation, ACTIVATION)
#define RP_CODE_BITS(model) RP_GET(model, code_bits, CODE_BITS)

/* A bright input x is added as 256 - (256 - x), which has fewer binary digits; taking away a bit is
 * adding its complement, and one more to the threshold. The counters thus take up to RP_MOST. */
#define RP_BRIGHT 240u
#define RP_MOST 272u

#define RP_LANES 4u        /* words of 32 units in a group */
#define RP_PLANE_WORDS 8u  /* a plane: the sums, then the carries that wait */
#define RP_GROUP_BYTES 16u /* output bits of a group */

static uint16_t rp_width(const rp_model* model, uint8_t matrix) {
#if defined(RP_FIXED_WIDTH)
  (void)model;
  (void)matrix;
  return RP_FIXED_WIDTH;
#else
  return RP_TABLE16(model->widths + matrix);
#endif
}

/* Bytes that hold the bits of so many units, at least one. */
static uint16_t rp_row_bytes(uint16_t width) { return (uint16_t)(((width - 1u) >> 3) + 1u); }

static uint16_t rp_output_width(const rp_model* model) {
  uint8_t last = RP_N_MATRICES(model);
  --last;
  return rp_width(model, last);
}

/* ARMv6-M multiplies to 32 bits alone, and has few registers. */
#if defined(__thumb__) && !defined(__thumb2__)
#define RP_ARMV6M 1
#endif

/* Never inlined where size counts more than time, nor where registers are few. */
#if defined(__GNUC__) && (defined(__OPTIMIZE_SIZE__) || defined(RP_ARMV6M))
#define RP_SHARED __attribute__((noinline))
#else
#define RP_SHARED
#endif

#define RP_MULTIPLIER_0 0xD2511F53u
#define RP_MULTIPLIER_1 0xCD9E8D57u
#define RP_WEYL_0 0x9E3779B9u
#define RP_WEYL_1 0xBB67AE85u

#if defined(__AVR_HAVE_MUL__)
/* An 8-bit CPU: the two kernels in assembly, which halves the cycles of an image. Both do what the
 * C functions below do; GCC's calling convention. */
void rp_philox(uint32_t* c, uint32_t key0, uint32_t key1, uint8_t rounds);
void rp_add_bits(uint32_t* sum, const uint32_t* a, uint32_t* b);

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
/* High word of a product with a multiplier of Philox, and the low word. */
#if defined(RP_ARMV6M)
RP_SHARED static uint32_t rp_product(uint32_t a, uint32_t m, uint32_t* low) {
  const uint32_t a0 = a & 0xFFFFu, a1 = a >> 16, m0 = m & 0xFFFFu, m1 = m >> 16;
  const uint32_t t = a1 * m0 + ((a0 * m0) >> 16);
  const uint32_t u = a0 * m1 + (t & 0xFFFFu);
  *low = a * m;
  return a1 * m1 + (t >> 16) + (u >> 16);
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
RP_SHARED static void rp_philox(uint32_t c[RP_LANES], uint32_t key0, uint32_t key1,
                                uint8_t rounds) {
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

/* sum + a + b of 128 units: the low bits to sum, the carries to b. */
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

/* What is done once a group may go lane by lane, in words of the CPU. */
#if defined(__AVR__)
typedef uint8_t rp_lane;
#else
typedef uint32_t rp_lane;
#endif

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

/* Planes of the counters of one matrix: bits of the largest sum, see RP_MOST. */
static uint8_t rp_planes(const rp_model* model, uint8_t matrix) {
  uint32_t largest = ((1u << RP_WEIGHT_BITS(model)) - 1u) *
                     (matrix == 0 ? RP_MOST * (uint32_t)RP_N_FEATURES(model)
                                  : rp_width(model, (uint8_t)(matrix - 1u)));
  uint8_t length = 0;
  for (; largest != 0; largest >>= 1) {
    ++length;
  }
  return length;
}

/* The widest matrix, and the most planes that the counters of any have. */
static void rp_largest(const rp_model* model, uint16_t* widest, uint8_t* planes) {
#if defined(RP_FIXED_ID)
  (void)model;
  *widest = RP_FIXED_WIDEST;
  *planes = RP_FIXED_PLANES;
#else
  uint8_t m;
  *widest = 0;
  *planes = 0;
  for (m = 0; m < model->n_matrices; ++m) {
    const uint8_t found = rp_planes(model, m);
    const uint16_t width = rp_width(model, m);
    if (width > *widest) {
      *widest = width;
    }
    if (found > *planes) {
      *planes = found;
    }
  }
#endif
}

/* RP_OK if the values can be run at all, whatever the buffer. */
static rp_status rp_check_values(const rp_model* model) {
  if (model == NULL) {
    return RP_ERROR_NULL;
  }
#if defined(RP_FIXED_ID)
  return model->id == RP_FIXED_ID ? RP_OK : RP_ERROR_MODEL;
#else
  if (model->widths == NULL || model->codes == NULL || model->bias == NULL) {
    return RP_ERROR_NULL;
  }
  {
    const uint8_t b = model->weight_bits;
    uint32_t largest;
    uint16_t c;
    uint8_t m;
    if (model->n_features == 0 || model->n_classes == 0 || model->n_matrices == 0 ||
        model->activation > RP_SIGN || (b != 1 && b != 2 && b != 4 && b != 8) ||
        model->code_bits == 0 || model->code_bits > 8) {
      return RP_ERROR_MODEL;
    }
    for (m = 0; m < model->n_matrices; ++m) {
      if (rp_width(model, m) == 0) {
        return RP_ERROR_MODEL;
      }
    }
    if (model->n_features > 0xFFFFFFFFu / RP_MOST / ((1u << b) - 1u)) {
      return RP_ERROR_MODEL;
    }
    /* No score may leave 31 bits: |code - offset| is at most the larger of the two. */
    largest = (1u << model->code_bits) - 1u;
    if (model->offset > largest) {
      return RP_ERROR_MODEL;
    }
    largest *= rp_output_width(model);
    if (model->multiplier != 0 && largest > 0x3FFFFFFFu / model->multiplier) {
      return RP_ERROR_MODEL;
    }
    for (c = 0; c < model->n_classes; ++c) {
      const int32_t bias = RP_TABLE32(model->bias + c);
      if (bias > 0x3FFFFFFF || bias < -0x3FFFFFFF) {
        return RP_ERROR_MODEL;
      }
    }
    return RP_OK;
  }
#endif
}

size_t rp_buffer_size(const rp_model* model) {
  uint16_t widest;
  uint8_t planes;
  if (rp_check_values(model) != RP_OK) {
    return 0;
  }
  rp_largest(model, &widest, &planes);
  return RP_BUFFER_SIZE(widest, planes, RP_N_MATRICES(model));
}

rp_status rp_check_model(const rp_model* model, size_t buffer_size) {
  const rp_status status = rp_check_values(model);
  if (status != RP_OK) {
    return status;
  }
  return buffer_size < rp_buffer_size(model) ? RP_ERROR_BUFFER : RP_OK;
}

/* What a matrix reads: the image, or the bits of the matrix before. */
typedef struct rp_input {
  rp_read read;
  void* context;
  const uint8_t* bits; /* null for the first */
  uint16_t n;
} rp_input;

/* 128 units of one matrix: 16 bytes of output. */
static void rp_group(const rp_model* model, uint8_t matrix, uint16_t group, const rp_input* input,
                     uint32_t* counters, uint8_t* out) {
  const uint8_t n_planes = rp_planes(model, matrix);
  uint8_t* const waiting = (uint8_t*)(counters + RP_PLANE_WORDS * (size_t)n_planes);
  uint32_t threshold = 0;
  uint8_t p, q, shift = RP_WEIGHT_BITS(model);
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
    start[2] = matrix;
    start[3] = p;
    rp_philox(start, RP_GET(model, seed_low, SEED_LOW), RP_GET(model, seed_high, SEED_HIGH), 1);
    for (k = 0; k < input->n; ++k) {
      uint32_t block[RP_LANES];
      uint8_t x, is_signed = 0;
      if (matrix == 0) {
        x = input->read(input->context, k);
      } else {
        x = (uint8_t)((uint8_t)(input->bits[k >> 3] >> (k & 7u)) & 1u);
        is_signed = RP_ACTIVATION(model) == RP_SIGN ? 1u : 0u;
      }
      if (x == 0 && !is_signed) {
        continue;
      }
      block[0] = start[0] ^ k;
      block[1] = start[1];
      block[2] = start[2];
      block[3] = start[3];
      rp_philox(block, RP_GET(model, seed_low, SEED_LOW) + RP_WEYL_0,
                RP_GET(model, seed_high, SEED_HIGH) + RP_WEYL_1, 9);
      if (x >= RP_BRIGHT || x == 0) {
        if (x != 0) {
          rp_add(plane + 8u * RP_PLANE_WORDS, waiting + shift + 8u, block, 1);
          threshold += (uint32_t)256u << shift;
          x = (uint8_t)-x;
        } else {
          x = 1;
        }
        for (q = 0; q < RP_LANES; ++q) {
          block[q] = ~block[q];
        }
      }
      threshold += (uint32_t)x << shift;
      rp_add(plane, waiting + shift, block, x);
    }
  }
  /* z = 2 S - (2^b - 1) x_sum > 0 where S > floor((2^b - 1) x_sum / 2); with what was added in
   * place of what was taken away, both sides grow alike. */
  threshold >>= 1;
  for (q = 0; q < RP_GROUP_BYTES / sizeof(rp_lane); ++q) {
    rp_lane word = rp_above((const rp_lane*)counters + q, waiting, n_planes, threshold);
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

rp_status rp_propagate(const rp_model* model, rp_read read, void* context, void* buffer,
                       size_t buffer_size, const uint8_t** bits) {
  const rp_status status = rp_check_model(model, buffer_size);
  uint8_t *in, *out;
  uint32_t* counters;
  uint16_t widest;
  uint8_t planes, m = 0;
  rp_input input;
  if (status != RP_OK) {
    return status;
  }
  if (read == NULL || buffer == NULL || bits == NULL) {
    return RP_ERROR_NULL;
  }
  rp_largest(model, &widest, &planes);
  /* Words are aligned: the buffer has three bytes to spare for that. */
  counters = (uint32_t*)(((uintptr_t)buffer + 3u) & ~(uintptr_t)3u);
  out = (uint8_t*)counters + 33u * (size_t)planes;
  in = out + (RP_N_MATRICES(model) > 1u ? RP_ROW_SIZE(widest) : 0u);
  input.read = read;
  input.context = context;
  input.n = RP_N_FEATURES(model);
  do {
    const uint16_t width = rp_width(model, m);
    uint16_t left = width, group = 0;
    uint8_t* row = out;
    input.bits = in;
    for (;; left = (uint16_t)(left - 128u), ++group, row += RP_GROUP_BYTES) {
      rp_group(model, m, group, &input, counters, row);
      if (left <= 128u) {
        break;
      }
    }
    /* Units past the last are not there: their bits in the last group become zero. */
    row += left >> 3;
    left = (uint16_t)(128u - left);
    if ((left & 7u) != 0) {
      *row = (uint8_t)(*row & (0xFFu >> (left & 7u)));
      ++row;
    }
    for (; left >= 8u; left = (uint16_t)(left - 8u)) {
      *row++ = 0;
    }
    row = in;
    in = out;
    out = row;
    input.n = width;
  } while (++m < RP_N_MATRICES(model));
  *bits = in;
  return RP_OK;
}

static uint8_t rp_count(uint8_t byte) {
  uint8_t count = 0;
  for (; byte != 0; byte = (uint8_t)(byte & (byte - 1u))) {
    ++count;
  }
  return count;
}

rp_status rp_classify(const rp_model* model, rp_read read, void* context, void* buffer,
                      size_t buffer_size, int32_t* scores, uint16_t* label, const uint8_t** bits) {
  const uint8_t* found;
  const uint8_t* row;
  rp_status status;
  int32_t best = 0;
  uint32_t offset = 0; /* of the whole sum: once a set bit */
  uint16_t c, i, n_bytes;
  if (label == NULL) {
    return RP_ERROR_NULL;
  }
  if (bits == NULL) {
    bits = &found;
  }
  status = rp_propagate(model, read, context, buffer, buffer_size, bits);
  if (status != RP_OK) {
    return status;
  }
  n_bytes = rp_row_bytes(rp_output_width(model));
  if (RP_GET(model, offset, OFFSET) != 0) {
    for (i = 0; i < n_bytes; ++i) {
      offset += rp_count((*bits)[i]);
    }
    offset *= RP_GET(model, offset, OFFSET);
  }
  row = model->codes;
  for (c = 0; c < RP_N_CLASSES(model); ++c) {
    uint32_t sum = 0;
    int32_t score;
    uint8_t j;
    for (j = 0; j < RP_CODE_BITS(model); ++j) {
      uint16_t count = 0;
      for (i = 0; i < n_bytes; ++i, ++row) {
        count = (uint16_t)(count + rp_count((uint8_t)((*bits)[i] & RP_TABLE8(row))));
      }
      sum = 2u * sum + count;
    }
    score = (int32_t)(sum - offset) * RP_GET(model, multiplier, MULTIPLIER) +
            RP_TABLE32(model->bias + c);
    if (scores != NULL) {
      scores[c] = score;
    }
    if (c == 0 || score > best) {
      best = score;
      *label = c;
    }
  }
  return RP_OK;
}

/* An image in memory; on AVR rp_read_table reads one in flash. */
static uint8_t rp_read_bytes(void* context, uint16_t index) {
  return (*(const uint8_t* const*)context)[index];
}

rp_status rp_classify_bytes(const rp_model* model, const uint8_t* image, void* buffer,
                            size_t buffer_size, int32_t* scores, uint16_t* label,
                            const uint8_t** bits) {
  if (image == NULL) {
    return RP_ERROR_NULL;
  }
  return rp_classify(model, rp_read_bytes, &image, buffer, buffer_size, scores, label, bits);
}

static uint8_t rp_read_table(void* context, uint16_t index) {
  return RP_TABLE8(*(const uint8_t* const*)context + index);
}

rp_status rp_self_test(const rp_model* model, const rp_expected* expected, void* buffer,
                       size_t buffer_size, int32_t* scores) {
  rp_status status = rp_check_model(model, buffer_size);
  const uint8_t *image, *expected_bits;
  const int32_t* expected_score;
  uint16_t s, i, n_bytes;
  if (status != RP_OK) {
    return status;
  }
  if (expected == NULL || scores == NULL || expected->images == NULL || expected->bits == NULL ||
      expected->scores == NULL || expected->labels == NULL) {
    return RP_ERROR_NULL;
  }
  image = expected->images;
  expected_bits = expected->bits;
  expected_score = expected->scores;
  n_bytes = rp_row_bytes(rp_output_width(model));
  for (s = 0; s < expected->n_samples; ++s) {
    const uint8_t* bits;
    uint16_t label;
    status = rp_classify(model, rp_read_table, &image, buffer, buffer_size, scores, &label, &bits);
    if (status != RP_OK) {
      return status;
    }
    if (label != RP_TABLE16(expected->labels + s)) {
      return RP_ERROR_SELF_TEST;
    }
    for (i = 0; i < n_bytes; ++i) {
      if (bits[i] != RP_TABLE8(expected_bits++)) {
        return RP_ERROR_SELF_TEST;
      }
    }
    for (i = 0; i < RP_N_CLASSES(model); ++i) {
      if (scores[i] != RP_TABLE32(expected_score++)) {
        return RP_ERROR_SELF_TEST;
      }
    }
    image += RP_N_FEATURES(model);
  }
  return RP_OK;
}
