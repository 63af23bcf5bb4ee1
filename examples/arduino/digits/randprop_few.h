/* Stages whose units look at a few inputs of a patch: the first half added, the others taken away.
 *
 * RP_FEW goes over a row of places at a time, four inputs in one pass; sums of all but the last
 * four wait in the buffer. RP_FEW_ROWS has one bit a pixel: a unit's bits at all places of a row
 * are a few operations on rows that are shifted against each other, and vertical counters add them
 * up, bit j of all counts in plane j. By words the shift is made when a row is read; by bytes,
 * where shifting is slow, rows are kept shifted by every column of the kernel.
 */
#ifndef RANDPROP_FEW_H
#define RANDPROP_FEW_H

#include "randprop_philox.h"
#include "randprop_readout.h"

#define RP_ROW_COLUMNS 4u /* bytes of a row of 32 places */
#define RP_ROW_PLANES 5u
#define RP_ROW_MOST 31u /* rows of a window, and inputs of a unit: counts of five planes */

#if defined(RP_BYTE_LANES)
#define RP_LANES_OF_ROW RP_ROW_COLUMNS
#else
#define RP_LANES_OF_ROW 1u
#endif

/* Where windows begin, one after the other: edge j of g over n places is floor(j n / g). */
typedef struct rp_edge {
  uint16_t at, rest;
} rp_edge;

static void rp_next_edge(rp_edge* edge, uint16_t n, uint16_t g) {
  edge->at = (uint16_t)(edge->at + n / g);
  edge->rest = (uint16_t)(edge->rest + n % g);
  if (edge->rest >= g) {
    edge->rest = (uint16_t)(edge->rest - g);
    ++edge->at;
  }
}

/* A count as a byte: as it is up to 255 places, else as a share of 255. */
static uint8_t rp_as_byte(uint16_t count, uint16_t places) {
  return (uint8_t)(places <= 255u ? count : 255u * (uint32_t)count / places);
}

/* The largest exponent of a dilation of two that fits. */
static uint8_t rp_most_dilated(const rp_stage* stage) {
  uint8_t e = 0;
  while (((uint32_t)(RP_KERNEL_X(stage) - 1u) << (e + 1u)) < RP_WIDTH(stage)) {
    ++e;
  }
  return e;
}

static uint8_t rp_exponent(const rp_model* model, uint8_t m, uint16_t unit) {
  const rp_stage* const stage = RP_STAGE(model, m);
  uint32_t block[4];
  if (RP_DILATIONS_AT(stage) != RP_NONE) {
    uint8_t e = RP_TABLE8(model->units + RP_DILATIONS_AT(stage) + unit);
#if !defined(RP_FIXED_ID)
    const uint8_t most = rp_most_dilated(stage);
    e = e < most ? e : most;
#endif
    return e;
  }
  rp_draw(model, m, unit, 0, RP_DRAW_DILATION, block);
  return (uint8_t)rp_high(block[0], rp_most_dilated(stage) + 1u);
}

/* The inputs of a unit, by their numbers in a patch. */
static void rp_find_inputs(const rp_model* model, uint8_t m, uint16_t unit, uint16_t* inputs) {
  const rp_stage* const stage = RP_STAGE(model, m);
  const uint8_t fan_in = RP_FAN_IN(stage), size = RP_TAP_BYTES(stage);
  const uint16_t patch =
      (uint16_t)((uint32_t)RP_KERNEL_Y(stage) * RP_KERNEL_X(stage) * RP_CHANNELS(stage));
  uint8_t i;
  if (size != 0) {
    const uint8_t* byte = model->units + RP_TAPS_AT(stage) + (uint32_t)unit * fan_in * size;
    for (i = 0; i < fan_in; ++i) {
      uint16_t k = RP_TABLE8(byte++);
      if (size == 2) {
        k = (uint16_t)(k | (uint16_t)RP_TABLE8(byte++) << 8);
      }
#if !defined(RP_FIXED_ID)
      k = k < patch ? k : 0;
#endif
      inputs[i] = k;
    }
  } else {
    uint32_t block[4], j = 0;
    uint8_t word = 4, seen;
    for (i = 0; i < fan_in;) {
      if (word == 4) {
        rp_draw(model, m, unit, j++, RP_DRAW_INPUTS, block);
        word = 0;
      }
      inputs[i] = (uint16_t)rp_high(block[word++], patch);
      for (seen = 0; inputs[seen] != inputs[i]; ++seen) {
      }
      i = (uint8_t)(i + (seen == i));
    }
  }
}

/* Bytes from the first of a patch to each of a unit's inputs. */
static void rp_find_offsets(const rp_stage* stage, uint16_t dilation_x, uint16_t* inputs) {
  const uint16_t n_channels = RP_CHANNELS(stage), kernel_x = RP_KERNEL_X(stage);
  const uint8_t fan_in = RP_FAN_IN(stage);
  uint8_t i;
  for (i = 0; i < fan_in; ++i) {
    uint16_t x = inputs[i], c = 0, y = 0;
    if (n_channels != 1) {
      x = (uint16_t)(x / n_channels);
      c = (uint16_t)(inputs[i] - x * n_channels);
    }
    if (RP_KERNEL_Y(stage) != 1) {
      y = (uint16_t)(x / kernel_x);
      x = (uint16_t)(x - y * kernel_x);
      y = (uint16_t)(y * (uint16_t)(RP_DILATION_Y(stage) * rp_pitch(stage)));
    }
    inputs[i] = (uint16_t)(y + x * dilation_x * n_channels + c);
  }
}

/* Two and two inputs of a patch, and from one place to the next. */
typedef struct rp_four {
  uint16_t plus[2], minus[2];
  uint16_t step;
} rp_four;

/* Inputs 2 i and 2 i + 1 of those that are added and of those that are taken away. Where there is
 * none of the last, two that are the same. */
static void rp_take_four(const uint16_t* offsets, uint8_t fan_in, uint8_t i, rp_four* four) {
  const uint16_t* const plus = offsets + 2u * i;
  const uint16_t* const minus = plus + (uint8_t)((fan_in + 1u) >> 1);
  const uint8_t n_pairs = (uint8_t)((fan_in >> 1) - 2u * i);
  four->plus[0] = four->plus[1] = four->minus[0] = four->minus[1] = *plus;
  if (n_pairs != 0) {
    four->minus[0] = minus[0];
    if (n_pairs != 1) {
      four->plus[1] = plus[1];
      four->minus[1] = minus[1];
    }
  }
}

/* Adds them to the sums of n places of a row; the first time there are none. */
RP_SHARED static void rp_add_four(const uint8_t* from, const rp_four* four, int16_t* sums,
                                  uint16_t n, uint8_t is_first) {
  const size_t a = four->plus[0], b = four->plus[1], c = four->minus[0], d = four->minus[1];
  const size_t step = four->step;
  int16_t* const end = sums + n;
  if (is_first) {
    for (; sums != end; from += step) {
      *sums++ = (int16_t)(from[a] + from[b] - from[c] - from[d]);
    }
  } else {
    for (; sums != end; from += step) {
      const int16_t sum = (int16_t)(from[a] + from[b] - from[c] - from[d]);
      *sums = (int16_t)(*sums + sum);
      ++sums;
    }
  }
}

/* At how many of n places they are above the threshold, with the sums, where there are any. */
RP_SHARED static uint16_t rp_count_above(const uint8_t* from, const rp_four* four,
                                         const int16_t* sums, uint16_t n, int16_t threshold) {
  const size_t a = four->plus[0], b = four->plus[1], c = four->minus[0], d = four->minus[1];
  const size_t step = four->step;
  uint_fast16_t count = 0;
  if (sums == NULL) {
    for (; n != 0; --n, from += step) {
      if ((int16_t)(from[a] + from[b] - from[c] - from[d]) > threshold) {
        ++count;
      }
    }
  } else {
    const int16_t* const end = sums + n;
    for (; sums != end; from += step) {
      if ((int16_t)(*sums++ + from[a] + from[b] - from[c] - from[d]) > threshold) {
        ++count;
      }
    }
  }
  return (uint16_t)count;
}

/* All inputs but the last four, two and two, at n places of a row. Returns whether there are any,
 * which depends on fan_in alone. */
static uint8_t rp_sum_row(const uint8_t* from, const uint16_t* offsets, uint8_t fan_in,
                          rp_four* four, int16_t* sums, uint16_t n) {
  const uint8_t last = (uint8_t)((fan_in >> 1) == 0 ? 0 : ((fan_in >> 1) - 1u) >> 1);
  uint8_t i, is_first = 1;
  if ((fan_in & 1u) != 0) {
    const uint8_t* one = from + offsets[fan_in >> 1];
    uint16_t place;
    for (place = 0; place < n; ++place, one += four->step) {
      sums[place] = *one;
    }
    is_first = 0;
  }
  for (i = 0; i < last; ++i) {
    rp_take_four(offsets, fan_in, i, four);
    rp_add_four(from, four, sums, n, is_first);
    is_first = 0;
  }
  rp_take_four(offsets, fan_in, last, four);
  return (uint8_t)!is_first;
}

/* The threshold of z as it is computed here: of bits that stand for -1 and 1 z is twice the sum of
 * bits, less what added inputs are more than the others. */
static int16_t rp_few_threshold(const rp_model* model, uint8_t m, uint16_t unit) {
  int32_t threshold = rp_threshold(model, m, unit);
  /* No sum is beyond. */
  if (threshold > 0x7FFF) {
    threshold = 0x7FFF;
  } else if (threshold < -0x7FFF) {
    threshold = -0x7FFF;
  }
  if (rp_reads_signs(model, m)) {
    threshold += (int32_t)(RP_FAN_IN(RP_STAGE(model, m)) & 1u);
    threshold = threshold >= 0 ? threshold / 2 : -((1 - threshold) / 2);
  }
  return (int16_t)threshold;
}

static void rp_few(const rp_model* model, uint8_t m, const uint8_t* area, uint8_t* work,
                   rp_sink* sink) {
  const rp_stage* const stage = RP_STAGE(model, m);
  const uint16_t n_units = RP_N_UNITS(stage), places_y = RP_PLACES_Y(stage);
  const uint16_t outputs_y = rp_outputs_y(stage), outputs_x = rp_outputs_x(stage);
  const uint16_t row_step = (uint16_t)(RP_STRIDE_Y(stage) * rp_pitch(stage));
  uint16_t* const offsets = (uint16_t*)(void*)work;
  int16_t* const sums = (int16_t*)(void*)(work + 2u * (size_t)RP_FAN_IN(stage));
  uint16_t* const counts = (uint16_t*)(void*)(sums + RP_PLACES_X(stage));
  rp_four four;
  uint16_t unit;
  four.step = (uint16_t)(RP_STRIDE_X(stage) * RP_CHANNELS(stage));
  for (unit = 0; unit < n_units; ++unit) {
    const int16_t threshold = rp_few_threshold(model, m, unit);
    uint16_t places_x = RP_PLACES_X(stage), dilation = RP_DILATION_X(stage);
    uint16_t wy, wx, y = 0;
    rp_edge bottom = {0, 0};
    const uint8_t* from = area;
    rp_find_inputs(model, m, unit, offsets);
    if (dilation == 0) {
      const uint8_t e = rp_exponent(model, m, unit);
      dilation = (uint16_t)(1u << e);
      places_x = (uint16_t)((RP_WIDTH(stage) - ((RP_KERNEL_X(stage) - 1u) << e) - 1u) /
                                RP_STRIDE_X(stage) +
                            1u);
    }
    rp_find_offsets(stage, dilation, offsets);
    for (wy = 0; wy < outputs_y; ++wy) {
      const uint16_t top = y;
      for (wx = 0; wx < outputs_x; ++wx) {
        counts[wx] = 0;
      }
      rp_next_edge(&bottom, places_y, outputs_y);
      for (; y < bottom.at; ++y, from += row_step) {
        const uint8_t has_sums = rp_sum_row(from, offsets, RP_FAN_IN(stage), &four, sums, places_x);
        const uint8_t* place = from;
        rp_edge right = {0, 0};
        for (wx = 0; wx < outputs_x; ++wx) {
          const uint16_t left = right.at;
          uint16_t n;
          rp_next_edge(&right, places_x, outputs_x);
          n = (uint16_t)(right.at - left);
          counts[wx] =
              (uint16_t)(counts[wx] +
                         rp_count_above(place, &four, has_sums ? sums + left : NULL, n, threshold));
          place += (size_t)n * four.step;
        }
      }
      {
        /* As bytes, in the place of the counts. */
        uint8_t* const values = (uint8_t*)(void*)counts;
        rp_edge right = {0, 0};
        for (wx = 0; wx < outputs_x; ++wx) {
          const uint16_t left = right.at;
          rp_next_edge(&right, places_x, outputs_x);
          values[wx] =
              rp_as_byte(counts[wx], (uint16_t)((bottom.at - top) * (uint16_t)(right.at - left)));
        }
        rp_put(sink, unit, n_units, wy, values, outputs_x);
      }
    }
  }
}

/* An input of a unit, from some row of the image on. By words: rows down, and in the high byte the
 * shift to the right. By bytes: bytes from the first row, unshifted, in its first column. */
static void rp_find_pixels(const rp_stage* stage, uint16_t* inputs) {
  const uint16_t kernel_x = RP_KERNEL_X(stage);
  const uint8_t fan_in = RP_FAN_IN(stage);
  uint8_t i;
  for (i = 0; i < fan_in; ++i) {
    uint16_t x = inputs[i], y = 0;
    for (; x >= kernel_x; x = (uint16_t)(x - kernel_x)) { /* few have a divider */
      y = (uint16_t)(y + RP_DILATION_Y(stage));
    }
#if defined(RP_BYTE_LANES)
    inputs[i] = (uint16_t)(x * (uint16_t)(rp_columns(stage) * rp_padded_height(stage)) + y);
#else
    inputs[i] = (uint16_t)(y | (uint16_t)((x * RP_DILATION_X(stage)) & 31u) << 8);
#endif
  }
}

#if defined(RP_BYTE_LANES)
#define RP_ROW_OF(rows, input) ((rows) + (input))
#define RP_SHIFT(input) ((uint8_t)(0u * sizeof(input)))
#else
#define RP_ROW_OF(rows, input) ((rows) + ((input) & 0xFFu))
#define RP_SHIFT(input) ((uint8_t)((input) >> 8))
#endif

/* Adds 1 to the counters whose bit is set. */
static void rp_count_up(rp_lane* planes, rp_lane bits) {
  for (; bits != 0; planes += RP_LANES_OF_ROW) {
    const rp_lane carry = (rp_lane)(*planes & bits);
    *planes = (rp_lane)(*planes ^ bits);
    bits = carry;
  }
}

/* Two and two inputs, threshold 0: more of the first set than of the others, in up to 15 rows. */
#define RP_FOUR_ROWS 15u

#if defined(__AVR_HAVE_MUL__)
/* In assembly, since four pointers are one more than the CPU has; GCC's calling convention. */
void rp_count_four(const rp_lane* rows, const uint16_t* inputs, uint8_t n_rows, rp_lane* planes);

__asm__(
    ".section .text.rp_count_four,\"ax\",@progbits\n"
    ".global rp_count_four\n"
    "rp_count_four:\n"
    ".irp r,10,11,12,13,14,15,16,17,28,29\n push r\\r\n .endr\n"
    "movw r26,r22\n"
    ".irp r,10,12,28,30\n"
    "ld r\\r,X+\n ld r0,X+\n add r\\r,r24\n adc r0,r25\n"
    ".if \\r == 10\n mov r11,r0\n .endif\n .if \\r == 12\n mov r13,r0\n .endif\n"
    ".if \\r == 28\n mov r29,r0\n .endif\n .if \\r == 30\n mov r31,r0\n .endif\n"
    ".endr\n"
    /* ones, twos, fours, eights: r21 to r24 */
    "clr r21\n clr r22\n clr r23\n clr r24\n"
    "1:\n"
    "movw r26,r10\n ld r14,X+\n movw r10,r26\n"
    "movw r26,r12\n ld r15,X+\n movw r12,r26\n"
    "ld r16,Y+\n ld r17,Z+\n"
    "mov r0,r14\n and r0,r15\n or r14,r15\n"
    "mov r15,r16\n and r15,r17\n or r16,r17\n"
    "com r15\n com r16\n and r0,r15\n and r14,r16\n or r0,r14\n"
    "mov r14,r21\n and r14,r0\n eor r21,r0\n"
    "mov r0,r22\n and r0,r14\n eor r22,r14\n"
    "mov r14,r23\n and r14,r0\n eor r23,r0\n"
    "eor r24,r14\n"
    "dec r20\n brne 1b\n"
    "movw r30,r18\n st Z,r21\n std Z+4,r22\n std Z+8,r23\n std Z+12,r24\n"
    ".irp r,29,28,17,16,15,14,13,12,11,10\n pop r\\r\n .endr\n"
    "ret\n"
    ".size rp_count_four,.-rp_count_four\n"
    ".text\n");
#else
RP_SHARED static void rp_count_four(const rp_lane* rows, const uint16_t* inputs, uint8_t n_rows,
                                    rp_lane* planes) {
  const rp_lane* a = RP_ROW_OF(rows, inputs[0]);
  const rp_lane* b = RP_ROW_OF(rows, inputs[1]);
  const rp_lane* c = RP_ROW_OF(rows, inputs[2]);
  const rp_lane* d = RP_ROW_OF(rows, inputs[3]);
  const rp_lane* const end = a + n_rows;
  const uint_fast8_t of_a = RP_SHIFT(inputs[0]), of_b = RP_SHIFT(inputs[1]);
  const uint_fast8_t of_c = RP_SHIFT(inputs[2]), of_d = RP_SHIFT(inputs[3]);
  rp_lane ones = 0, twos = 0, fours = 0, eights = 0;
  do {
    const rp_lane w = (rp_lane)(*a++ >> of_a), x = (rp_lane)(*b++ >> of_b);
    const rp_lane y = (rp_lane)(*c++ >> of_c), z = (rp_lane)(*d++ >> of_d);
    rp_lane bits = (rp_lane)((w & x & ~(y & z)) | ((w | x) & ~(y | z)));
    rp_lane carry = ones & bits;
    ones ^= bits;
    bits = twos & carry;
    twos ^= carry;
    carry = fours & bits;
    fours ^= bits;
    eights ^= carry;
  } while (a != end);
  planes[0] = ones;
  planes[RP_LANES_OF_ROW] = twos;
  planes[2u * RP_LANES_OF_ROW] = fours;
  planes[3u * RP_LANES_OF_ROW] = eights;
}
#endif

/* Any number of inputs: with those that are taken away upside down, more than `least` are set. */
RP_SHARED static void rp_count_any(const rp_lane* rows, const uint16_t* inputs, uint8_t fan_in,
                                   int16_t least, uint8_t n_rows, uint8_t n_planes,
                                   rp_lane* planes) {
  uint8_t i;
  for (i = 0; i < n_planes; ++i) {
    planes[i * RP_LANES_OF_ROW] = 0;
  }
  do {
    rp_lane set[RP_ROW_PLANES * RP_LANES_OF_ROW];
    rp_lane above = 0;
    for (i = 0; i < RP_ROW_PLANES; ++i) {
      set[i * RP_LANES_OF_ROW] = 0;
    }
    for (i = 0; i < fan_in; ++i) {
      const rp_lane bits = (rp_lane)(*RP_ROW_OF(rows, inputs[i]) >> RP_SHIFT(inputs[i]));
      rp_count_up(set, (rp_lane)(i < (uint8_t)((fan_in + 1u) >> 1) ? bits : ~bits));
    }
    if (least < 0) {
      above = (rp_lane)~above;
    } else if (least < fan_in) {
      for (i = 0; i < RP_ROW_PLANES; ++i) {
        const rp_lane bit = set[i * RP_LANES_OF_ROW];
        above = (rp_lane)(((uint8_t)least & 1u << i) != 0 ? above & bit : above | bit);
      }
    }
    rp_count_up(planes, above);
    ++rows;
  } while (--n_rows != 0);
}

/* Lanes of a row that a window's masks are for. */
static uint16_t rp_mask_lanes(const rp_stage* stage) {
  return RP_LANES_OF_ROW == 1 ? 1 : rp_columns(stage);
}

/* A mask for each lane of a row and each window across. */
static void rp_make_masks(const rp_stage* stage, rp_lane* masks) {
  const uint16_t n = rp_outputs_x(stage);
  rp_edge right = {0, 0};
  uint16_t wx;
  for (wx = 0; wx < n; ++wx) {
    uint8_t x = (uint8_t)right.at, lane;
    for (lane = 0; lane < rp_mask_lanes(stage); ++lane) {
      masks[lane] = 0;
    }
    rp_next_edge(&right, RP_PLACES_X(stage), n);
    for (; x < right.at; ++x) {
      const uint8_t bit = (uint8_t)(x % (8u * sizeof(rp_lane)));
      rp_lane* const mask = masks + x / (8u * sizeof(rp_lane));
      *mask = (rp_lane)(*mask | (rp_lane)1u << bit);
    }
    masks += rp_mask_lanes(stage);
  }
}

/* Set bits, in one window, of the rows that were counted. */
#if defined(__AVR_HAVE_MUL__)
uint16_t rp_count_masked(const rp_lane* planes, uint8_t n_planes, const rp_lane* masks,
                         uint8_t n_lanes);

__asm__(
    ".section .text.rp_count_masked,\"ax\",@progbits\n"
    ".global rp_count_masked\n"
    "rp_count_masked:\n"
    "push r16\n push r17\n movw r26,r20\n movw r20,r24\n clr r24\n clr r25\n"
    "mov r19,r22\n lsl r19\n lsl r19\n"
    /* A lane: its planes from the highest on, twice what was found and one for each set bit. */
    "1: ld r23,X+\n tst r23\n breq 5f\n"
    "movw r30,r20\n add r30,r19\n adc r31,r1\n mov r16,r22\n clr r0\n"
    "2: lsl r0\n sbiw r30,4\n ld r17,Z\n and r17,r23\n breq 4f\n"
    "3: inc r0\n mov r1,r17\n dec r1\n and r17,r1\n brne 3b\n clr r1\n"
    "4: dec r16\n brne 2b\n"
    "add r24,r0\n adc r25,r1\n"
    "5: subi r20,0xff\n sbci r21,0xff\n dec r18\n brne 1b\n"
    "pop r17\n pop r16\n ret\n"
    ".size rp_count_masked,.-rp_count_masked\n"
    ".text\n");
#else
RP_SHARED static uint16_t rp_count_masked(const rp_lane* planes, uint8_t n_planes,
                                          const rp_lane* masks, uint8_t n_lanes) {
  uint_fast16_t count = 0;
  planes += RP_LANES_OF_ROW * n_planes;
  do {
    const rp_lane mask = *masks++;
    if (mask != 0) {
      const rp_lane* plane = planes;
      uint_fast8_t p = n_planes;
      uint_fast16_t here = 0;
      do {
        plane -= RP_LANES_OF_ROW;
        here = (uint_fast16_t)(here + here + rp_count((rp_lane)(*plane & mask)));
      } while (--p != 0);
      count = (uint_fast16_t)(count + here);
    }
    ++planes;
  } while (--n_lanes != 0);
  return (uint16_t)count;
}
#endif

static void rp_few_rows(const rp_model* model, uint8_t m, const rp_lane* area, uint8_t* work,
                        rp_sink* sink) {
  const rp_stage* const stage = RP_STAGE(model, m);
  const uint16_t n_units = RP_N_UNITS(stage), places_y = RP_PLACES_Y(stage);
  const uint16_t outputs_y = rp_outputs_y(stage), outputs_x = rp_outputs_x(stage);
  const uint16_t most_rows = (uint16_t)((places_y + outputs_y - 1u) / outputs_y);
  const uint16_t most_across = (uint16_t)((RP_PLACES_X(stage) + outputs_x - 1u) / outputs_x);
  const uint8_t fan_in = RP_FAN_IN(stage);
  const uint8_t n_lanes = (uint8_t)rp_mask_lanes(stage);
  rp_lane* const masks = (rp_lane*)(void*)work;
  uint16_t* const inputs =
      (uint16_t*)(void*)(work + ((sizeof(rp_lane) * outputs_x * n_lanes + 1u) & ~(size_t)1u));
  uint8_t* const values = (uint8_t*)(inputs + fan_in);
  uint8_t n_planes = 0, rest;
  uint16_t unit;
  for (rest = (uint8_t)most_rows; rest != 0; rest >>= 1) {
    ++n_planes;
  }
  rp_make_masks(stage, masks);
  for (unit = 0; unit < n_units; ++unit) {
    const int16_t threshold = rp_few_threshold(model, m, unit);
    /* Of so many inputs, those that are taken away upside down, more must be set. */
    int16_t least = (int16_t)(threshold > 99 ? 99 : threshold < -99 ? -99 : threshold);
    const rp_lane* rows = area;
    rp_edge bottom = {0, 0};
    uint16_t wy, wx;
    least = (int16_t)(least + (fan_in >> 1));
    rp_find_inputs(model, m, unit, inputs);
    rp_find_pixels(stage, inputs);
    for (wy = 0; wy < outputs_y; ++wy) {
      rp_lane planes[RP_ROW_PLANES * RP_LANES_OF_ROW];
      const uint8_t top = (uint8_t)bottom.at;
      const rp_lane* mask = masks;
      uint8_t n_rows, i = 0;
      rp_edge right = {0, 0};
      rp_next_edge(&bottom, places_y, outputs_y);
      n_rows = (uint8_t)(bottom.at - top);
      do {
        const rp_lane* const column = rows + i * rp_padded_height(stage);
        if (fan_in == 4 && threshold == 0 && most_rows <= RP_FOUR_ROWS) {
          rp_count_four(column, inputs, n_rows, planes + i);
        } else {
          rp_count_any(column, inputs, fan_in, least, n_rows, n_planes, planes + i);
        }
      } while (++i < n_lanes);
      rows += n_rows;
      for (wx = 0; wx < outputs_x; ++wx) {
        uint16_t count = rp_count_masked(planes, n_planes, mask, n_lanes);
        mask += n_lanes;
        if (most_rows * most_across > 255u) {
          const uint8_t left = (uint8_t)right.at;
          rp_next_edge(&right, RP_PLACES_X(stage), outputs_x);
          count = rp_as_byte(count, (uint16_t)(n_rows * (uint8_t)(right.at - left)));
        }
        values[wx] = (uint8_t)count;
      }
      rp_put(sink, unit, n_units, wy, values, outputs_x);
    }
  }
}

#endif
