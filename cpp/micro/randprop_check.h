/* Whether a model can be run, and what it takes. */
#ifndef RANDPROP_CHECK_H
#define RANDPROP_CHECK_H

#include "randprop_dense.h"
#include "randprop_rows.h"

/* Where the inputs of stage m are. Those of the first have a place of their own, so that a window
 * that moves outlasts a decision; the others take turns. */
static uint8_t rp_area(uint8_t m) { return m == 0 ? 0 : (m & 1u) != 0 ? 1 : 2; }

#if !defined(RP_FIXED_ID)
/* Bytes in whole words. */
static uint32_t rp_words(uint32_t n_bytes) { return (n_bytes + 3u) & ~(uint32_t)3u; }

/* Bytes that stage m works in, and what its inputs take. */
static uint32_t rp_work_of(const rp_model* model, uint8_t m) {
  const rp_stage* const stage = RP_STAGE(model, m);
  if (RP_KIND(stage) == RP_DENSE) {
    return 33u * (uint32_t)rp_planes(model, m);
  }
  if (RP_KIND(stage) == RP_FEW_ROWS) {
    const uint32_t lanes = (uint32_t)rp_mask_lanes(stage) * rp_outputs_x(stage);
    return 2u * (uint32_t)RP_FAN_IN(stage) + rp_outputs_x(stage) +
           ((sizeof(rp_lane) * lanes + 1u) & ~(uint32_t)1u);
  }
  return 2u * ((uint32_t)RP_FAN_IN(stage) + RP_PLACES_X(stage) + rp_outputs_x(stage));
}

static uint32_t rp_inputs_of(const rp_model* model, uint8_t m) {
  const rp_stage* const stage = RP_STAGE(model, m);
  if (RP_KIND(stage) != RP_DENSE) {
    uint32_t size = rp_held(stage);
    /* Bits of an RP_DENSE stage are unpacked where they are. */
    if (m != 0 && size < RP_ROW_SIZE(RP_CHANNELS(stage))) {
      size = RP_ROW_SIZE(RP_CHANNELS(stage));
    }
    return size;
  }
  if (m == 0) {
    return 0;
  }
  return RP_KIND(RP_STAGE(model, m - 1u)) == RP_DENSE ? RP_ROW_SIZE(RP_CHANNELS(stage))
                                                      : RP_CHANNELS(stage);
}

/* Sizes of the parts of a buffer: what a stage works in, sums, and the three of rp_area. */
static void rp_sizes(const rp_model* model, uint32_t sizes[5]) {
  const uint8_t n = RP_N_STAGES(model);
  uint8_t m;
  sizes[0] = sizes[1] = sizes[2] = sizes[3] = sizes[4] = 0;
  for (m = 0; m < n; ++m) {
    const uint32_t work = rp_words(rp_work_of(model, m));
    const uint32_t inputs = rp_words(rp_inputs_of(model, m));
    if (work > sizes[0]) {
      sizes[0] = work;
    }
    if (inputs > sizes[2u + rp_area(m)]) {
      sizes[2u + rp_area(m)] = inputs;
    }
  }
  if (RP_KIND(RP_STAGE(model, n - 1u)) == RP_DENSE) {
    const uint32_t row = RP_ROW_SIZE(RP_N_UNITS(RP_STAGE(model, n - 1u)));
    if (row > sizes[2u + rp_area(n)]) {
      sizes[2u + rp_area(n)] = row;
    }
  } else {
    sizes[1] = rp_words((uint32_t)sizeof(rp_sum) * RP_N_CLASSES(model));
  }
}

/* Places of a patch of `kernel` inputs; 0 if there are none. */
static uint16_t rp_places(uint16_t size, uint16_t kernel, uint16_t stride, uint16_t padding,
                          uint16_t dilation) {
  const uint32_t reach = (uint32_t)dilation * (kernel - 1u) + 1u;
  const uint32_t padded = size + 2u * (uint32_t)padding;
  if (kernel == 0 || stride == 0 || dilation == 0 || padding >= kernel || reach > padded ||
      padded > 0xFFFFu) {
    return 0;
  }
  return (uint16_t)((padded - reach) / stride + 1u);
}

/* Whether a stage of few inputs is one that can be run; all but what it reads. */
static uint8_t rp_is_few(const rp_model* model, uint8_t m) {
  const rp_stage* const stage = RP_STAGE(model, m);
  const uint16_t height = RP_HEIGHT(stage), width = RP_WIDTH(stage), n = RP_CHANNELS(stage);
  const uint16_t kernel_x = RP_KERNEL_X(stage), kernel_y = RP_KERNEL_Y(stage);
  const uint16_t windows_y = RP_WINDOWS_Y(stage), windows_x = RP_WINDOWS_X(stage);
  const uint16_t places_y = RP_PLACES_Y(stage), places_x = RP_PLACES_X(stage);
  const uint8_t is_drawn = RP_DILATION_X(stage) == 0;
  uint32_t patch, padded;
  if (is_drawn && (kernel_y != 1 || kernel_x < 2 || height != 1 || RP_PADDING_X(stage) != 0 ||
                   windows_y != 1 || windows_x != 1 || RP_KIND(stage) != RP_FEW)) {
    return 0;
  }
  if (places_y == 0 || places_x == 0 ||
      places_y != rp_places(height, kernel_y, RP_STRIDE_Y(stage), RP_PADDING_Y(stage),
                            RP_DILATION_Y(stage)) ||
      places_x != rp_places(width, kernel_x, RP_STRIDE_X(stage), RP_PADDING_X(stage),
                            is_drawn ? 1 : RP_DILATION_X(stage))) {
    return 0;
  }
  if ((windows_y == 0) != (windows_x == 0) || windows_y > places_y || windows_x > places_x) {
    return 0;
  }
  /* Offsets and sums have 16 bits: products are looked at one after the other. */
  padded = width + 2u * (uint32_t)RP_PADDING_X(stage);
  padded = padded <= 0xFFFFu / n ? padded * n : 0x10000u;
  padded =
      padded <= 0xFFFFu / rp_padded_height(stage) ? padded * rp_padded_height(stage) : 0x10000u;
  patch = kernel_x <= 0xFFFFu / n ? (uint32_t)kernel_x * n : 0x10000u;
  patch = patch <= 0xFFFFu / kernel_y ? patch * kernel_y : 0x10000u;
  if (padded > 0xFFFFu || patch > 0xFFFFu || RP_FAN_IN(stage) == 0 || RP_FAN_IN(stage) > patch ||
      RP_TAP_BYTES(stage) > 2 || (RP_TAP_BYTES(stage) != 0) != (RP_TAPS_AT(stage) != RP_NONE) ||
      RP_BIAS(stage) > 0x7FFFFFFFu) {
    return 0;
  }
  if (m != 0 && (RP_PADDING_X(stage) != 0 || RP_PADDING_Y(stage) != 0) &&
      (rp_reads_signs(model, m) || RP_KIND(stage - 1) == RP_DENSE ||
       height != rp_outputs_y(stage - 1) || width != rp_outputs_x(stage - 1))) {
    return 0;
  }
  if (RP_KIND(stage) == RP_FEW_ROWS) {
    const uint32_t columns = (uint32_t)kernel_x * rp_columns(stage);
    return m == 0 && n == 1 && height != 1 && RP_STRIDE_X(stage) == 1 && RP_STRIDE_Y(stage) == 1 &&
           width + 2u * RP_PADDING_X(stage) <= 32u && rp_padded_height(stage) <= 255u &&
           RP_FAN_IN(stage) <= RP_ROW_MOST &&
           places_y <= RP_ROW_MOST * (uint32_t)rp_outputs_y(stage) &&
           columns <= 0xFFFFu / rp_padded_height(stage);
  }
  return 1;
}

static uint8_t rp_is_dense(const rp_stage* stage) {
  const uint8_t b = RP_WEIGHT_BITS(stage);
  if (RP_HEIGHT(stage) != 1 || RP_WIDTH(stage) != 1 || RP_PLACES_Y(stage) != 1 ||
      RP_PLACES_X(stage) != 1 || rp_counts(stage) || RP_WINDOWS_X(stage) != 0 ||
      RP_PADDING_Y(stage) != 0 || RP_PADDING_X(stage) != 0 ||
      (b != 1 && b != 2 && b != 4 && b != 8) || RP_BIAS(stage) > 0x3FFFFFFFu) {
    return 0;
  }
  /* No sum leaves 32 bits, nor does one with a threshold. */
  return RP_CHANNELS(stage) <= 0xBFFFFFFFu / RP_MOST / ((1u << b) - 1u);
}
#endif

/* RP_OK if the values can be run at all, whatever the buffer. */
static rp_status rp_check_values(const rp_model* model) {
  if (model == NULL) {
    return RP_ERROR_NULL;
  }
#if defined(RP_FIXED_ID)
  return model->id == RP_FIXED_ID ? RP_OK : RP_ERROR_MODEL;
#else
  if (model->stages == NULL || model->codes == NULL || model->bias == NULL) {
    return RP_ERROR_NULL;
  }
  {
    uint32_t n = model->n_features, largest;
    uint16_t c;
    uint8_t m;
    if (n == 0 || model->n_classes == 0 || model->n_stages == 0 || model->activation > RP_SIGN ||
        model->code_bits == 0 || model->code_bits > 8) {
      return RP_ERROR_MODEL;
    }
    for (m = 0; m < model->n_stages; ++m) {
      const rp_stage* const stage = RP_STAGE(model, m);
      uint32_t inputs = (uint32_t)RP_HEIGHT(stage) * RP_WIDTH(stage);
      if (RP_KIND(stage) > RP_FEW_ROWS || RP_N_UNITS(stage) == 0 || inputs == 0 ||
          RP_CHANNELS(stage) == 0 || inputs > n || inputs * RP_CHANNELS(stage) != n) {
        return RP_ERROR_MODEL;
      }
      if (model->units == NULL &&
          (RP_TAPS_AT(stage) & RP_DILATIONS_AT(stage) & RP_THRESHOLDS_AT(stage)) != RP_NONE) {
        return RP_ERROR_NULL;
      }
      if (!(RP_KIND(stage) == RP_DENSE ? rp_is_dense(stage) : rp_is_few(model, m))) {
        return RP_ERROR_MODEL;
      }
      n = (uint32_t)rp_outputs_y(stage) * rp_outputs_x(stage);
      if (n > 0xFFFFu / RP_N_UNITS(stage)) {
        return RP_ERROR_MODEL;
      }
      n *= RP_N_UNITS(stage);
    }
    /* No score may leave 31 bits: |code - offset| is at most the larger of the two. */
    largest = (1u << model->code_bits) - 1u;
    if (model->offset > largest) {
      return RP_ERROR_MODEL;
    }
    if (RP_KIND(RP_STAGE(model, m - 1u)) != RP_DENSE &&
        model->n_classes > 0xFFF0u / model->code_bits) {
      return RP_ERROR_MODEL;
    }
    largest *= n * (rp_counts(RP_STAGE(model, m - 1u)) ? 255u : 1u);
    if (model->multiplier != 0 && largest > 0x3FFFFFFFu / model->multiplier) {
      return RP_ERROR_MODEL;
    }
    for (c = 0; c < model->n_classes; ++c) {
      const int32_t bias = (int32_t)RP_TABLE32(model->bias + c);
      if (bias > 0x3FFFFFFF || bias < -0x3FFFFFFF) {
        return RP_ERROR_MODEL;
      }
    }
    return RP_OK;
  }
#endif
}

#endif
