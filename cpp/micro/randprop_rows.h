/* Stages of few inputs on the pixels, 0 or 1, of an image: a unit's bits at all places of a row are
 * a few operations on rows that are shifted against each other, and vertical counters add them up,
 * bit j of all counts in plane j. By words the shift is made when a row is read; by bytes, where
 * shifting is slow, rows are kept shifted by every column of the kernel.
 */
#ifndef RANDPROP_ROWS_H
#define RANDPROP_ROWS_H

#include "randprop_few.h"

#define RP_ROW_COLUMNS 4u /* bytes of a row of 32 places */
#define RP_ROW_PLANES 5u
#define RP_ROW_MOST 31u /* rows of a window, and inputs of a unit: counts of five planes */

#if defined(RP_BYTE_LANES)
#define RP_LANES_OF_ROW RP_ROW_COLUMNS
#else
#define RP_LANES_OF_ROW 1u
#endif

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
