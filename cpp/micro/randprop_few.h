/* Stages whose units look at a few inputs of a patch: the first half added, the others taken away.
 * A row of places at a time, four inputs in one pass; sums of all but the last four wait in the
 * buffer. randprop_rows.h has the same for pixels of one bit.
 */
#ifndef RANDPROP_FEW_H
#define RANDPROP_FEW_H

#include "randprop_philox.h"
#include "randprop_readout.h"

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

#endif
