#include "randprop_micro.h"

#include "randprop_check.h"
#include "randprop_dense.h"
#include "randprop_few.h"
#include "randprop_readout.h"
#include "randprop_rows.h"

/* The parts of a buffer. */
typedef struct rp_parts {
  uint8_t* work;
  rp_sum* sums;
  uint8_t* inputs[3]; /* by rp_area */
} rp_parts;

/* Words are aligned: a buffer has three bytes to spare for that. */
static rp_parts rp_divide(const rp_model* model, void* buffer) {
  rp_parts parts;
#if defined(RP_FIXED_ID)
  static const uint32_t sizes[4] = {RP_FIXED_WORK, RP_FIXED_SUMS, RP_FIXED_INPUTS, RP_FIXED_ODD};
  (void)model;
#else
  uint32_t sizes[5];
  rp_sizes(model, sizes);
#endif
  parts.work = (uint8_t*)(((uintptr_t)buffer + 3u) & ~(uintptr_t)3u);
  parts.sums = (rp_sum*)(void*)(parts.work + sizes[0]);
  parts.inputs[0] = parts.work + sizes[0] + sizes[1];
  parts.inputs[1] = parts.inputs[0] + sizes[2];
  parts.inputs[2] = parts.inputs[1] + sizes[3];
  return parts;
}

size_t rp_buffer_size(const rp_model* model) {
  if (rp_check_values(model) != RP_OK) {
    return 0;
  }
#if defined(RP_FIXED_ID)
  return RP_FIXED_BUFFER;
#else
  {
    uint32_t sizes[5], size;
    rp_sizes(model, sizes);
    size = sizes[0] + sizes[1] + sizes[2] + sizes[3] + sizes[4] + 3u;
    return (size_t)size == size ? (size_t)size : 0;
  }
#endif
}

rp_status rp_check_model(const rp_model* model, size_t buffer_size) {
  const rp_status status = rp_check_values(model);
  size_t needed;
  if (status != RP_OK) {
    return status;
  }
  needed = rp_buffer_size(model);
  return needed == 0 ? RP_ERROR_MODEL : buffer_size < needed ? RP_ERROR_BUFFER : RP_OK;
}

/* What is pushed at a time: a row of an image, or all channels of a moment. */
static uint16_t rp_n_pushes(const rp_stage* stage) {
  return RP_HEIGHT(stage) != 1 ? RP_HEIGHT(stage) : RP_WIDTH(stage);
}
static uint16_t rp_push_size(const rp_stage* stage) {
  return (uint16_t)(RP_CHANNELS(stage) * (RP_HEIGHT(stage) != 1 ? RP_WIDTH(stage) : 1u));
}

/* Bytes before the first input of an RP_FEW stage, which are padding. */
static uint16_t rp_before(const rp_stage* stage) {
  return (uint16_t)(RP_PADDING_Y(stage) * rp_pitch(stage) +
                    RP_PADDING_X(stage) * RP_CHANNELS(stage));
}

static void rp_fill(uint8_t* bytes, size_t n) {
  for (; n != 0; --n) {
    *bytes++ = 0;
  }
}

/* Nothing lies between the padding yet. */
static void rp_clear(const rp_stage* stage, uint8_t* area) {
  if (RP_PADDING_Y(stage) != 0 || RP_PADDING_X(stage) != 0) {
    rp_fill(area, (size_t)rp_held(stage));
  }
}

/* Shifts of a row are below 32; of other kinds, for which this is compiled too, they may not be. */
#define RP_ROW_SHIFT(by) ((by) & 31u)

/* Pixels of a row, x at bit x. */
static void rp_store_row(const rp_stage* stage, uint8_t* area, uint16_t y, uint32_t row) {
  row <<= RP_ROW_SHIFT(RP_PADDING_X(stage));
  y = (uint16_t)(y + RP_PADDING_Y(stage));
#if defined(RP_BYTE_LANES)
  {
    uint8_t* to = area + y;
    uint8_t dx = (uint8_t)RP_KERNEL_X(stage);
    for (;;) {
      uint32_t left = row;
      uint8_t column = rp_columns(stage);
      do {
        *to = (uint8_t)left;
        left >>= 8;
        to += rp_padded_height(stage);
      } while (--column != 0);
      if (--dx == 0) {
        break;
      }
      row >>= RP_ROW_SHIFT(RP_DILATION_X(stage));
    }
  }
#else
  ((uint32_t*)(void*)area)[y] = row;
#endif
}

/* Push `at` of a sample: its inputs have numbers from k on. */
static void rp_load_part(const rp_stage* stage, uint8_t* area, uint16_t at, rp_read read,
                         void* context, uint16_t k) {
  if (RP_KIND(stage) == RP_FEW_ROWS) {
    uint8_t x = (uint8_t)RP_WIDTH(stage);
    uint32_t row = 0;
    do {
      row >>= 1;
      if (read(context, k++) != 0) {
        row |= 0x80000000u;
      }
    } while (--x != 0);
    rp_store_row(stage, area, at, row >> RP_ROW_SHIFT(32u - RP_WIDTH(stage)));
    return;
  }
  {
    uint16_t n = rp_push_size(stage);
    area += rp_before(stage) + at * (RP_HEIGHT(stage) != 1 ? rp_pitch(stage) : n);
    for (; n != 0; --n) {
      *area++ = read(context, k++);
    }
  }
}

static void rp_load(const rp_stage* stage, uint8_t* area, rp_read read, void* context) {
  const uint16_t n = rp_n_pushes(stage);
  uint16_t at;
  rp_clear(stage, area);
  for (at = 0; at < n; ++at) {
    rp_load_part(stage, area, at, read, context, (uint16_t)(at * rp_push_size(stage)));
  }
}

/* Sends what the first stage reads through all of them. */
static void rp_run(const rp_model* model, const rp_parts* parts, rp_read read, void* context,
                   int32_t* scores, uint16_t* label, uint8_t* features) {
  const uint8_t last = (uint8_t)(RP_N_STAGES(model) - 1u);
  const rp_stage* stage = RP_STAGE(model, 0);
  rp_sink sink;
  uint16_t c, n_bytes = 0;
  uint8_t m = 0;
  int32_t best = 0;
  const uint8_t* row = model->codes;
  uint8_t* out = NULL;
  sink.sums = NULL;
  sink.total = 0;
  for (;; ++m) {
    uint8_t* const in = parts->inputs[rp_area(m)];
    out = parts->inputs[rp_area((uint8_t)(m + 1u))];
    stage = RP_STAGE(model, m);
    if (RP_KIND(stage) == RP_DENSE) {
      rp_input input;
      input.read = m == 0 ? read : NULL;
      input.context = context;
      input.behind = in;
      input.bits = m != 0 && RP_KIND(RP_STAGE(model, m - 1u)) == RP_DENSE;
      input.signs = rp_reads_signs(model, m);
      rp_dense(model, m, &input, (uint32_t*)(void*)parts->work, out);
      if (m != last && RP_KIND(RP_STAGE(model, m + 1u)) != RP_DENSE) {
        uint16_t i = RP_N_UNITS(stage);
        while (i-- != 0) {
          out[i] = (uint8_t)((uint8_t)(out[i >> 3] >> (i & 7u)) & 1u);
        }
      }
    } else {
      sink.model = model;
      sink.at = 0;
      sink.pitch = (uint16_t)(rp_outputs_x(stage) * RP_N_UNITS(stage));
      sink.packed = 0;
      sink.features = out;
      if (m == last) {
        sink.sums = parts->sums;
        sink.code = model->codes;
        sink.code_bit = 0;
        rp_fill((uint8_t*)parts->sums, sizeof(rp_sum) * RP_N_CLASSES(model));
        sink.features = features;
        if (features != NULL && !rp_counts(stage)) {
          sink.packed = 1;
          rp_fill(features, rp_row_bytes((uint16_t)(rp_outputs_y(stage) * sink.pitch)));
        }
      } else {
        const rp_stage* const next = RP_STAGE(model, m + 1u);
        if (RP_PADDING_X(next) != 0 || RP_PADDING_Y(next) != 0) {
          rp_clear(next, out);
          sink.pitch = rp_pitch(next);
          sink.at = rp_before(next);
        }
      }
      if (RP_KIND(stage) == RP_FEW_ROWS) {
        rp_few_rows(model, m, (const rp_lane*)(const void*)in, parts->work, &sink);
      } else {
        rp_few(model, m, in, parts->work, &sink);
      }
    }
    if (m == last) {
      break;
    }
  }
  if (RP_KIND(stage) == RP_DENSE) {
    n_bytes = rp_row_bytes(RP_N_UNITS(stage));
    for (c = 0; c < n_bytes; ++c) {
      if (features != NULL) {
        features[c] = out[c];
      }
      if (RP_OFFSET(model) != 0) {
        sink.total = (rp_sum)(sink.total + rp_count(out[c]));
      }
    }
  }
  for (c = 0; c < RP_N_CLASSES(model); ++c) {
    const uint32_t sum =
        RP_KIND(stage) == RP_DENSE ? rp_sum_of_bits(model, out, n_bytes, &row) : parts->sums[c];
    const int32_t score =
        (int32_t)(sum - (uint32_t)RP_OFFSET(model) * sink.total) * RP_MULTIPLIER(model) +
        (int32_t)RP_TABLE32(model->bias + c);
    if (scores != NULL) {
      scores[c] = score;
    }
    if (c == 0 || score > best) {
      best = score;
      *label = c;
    }
  }
}

rp_status rp_classify(const rp_model* model, rp_read read, void* context, void* buffer,
                      size_t buffer_size, int32_t* scores, uint16_t* label, uint8_t* features) {
  const rp_status status = rp_check_model(model, buffer_size);
  if (status != RP_OK) {
    return status;
  }
  if (read == NULL || buffer == NULL || label == NULL) {
    return RP_ERROR_NULL;
  }
  {
    const rp_parts parts = rp_divide(model, buffer);
    const rp_stage* const first = RP_STAGE(model, 0);
    if (RP_KIND(first) != RP_DENSE) {
      rp_load(first, parts.inputs[0], read, context);
    }
    rp_run(model, &parts, read, context, scores, label, features);
  }
  return RP_OK;
}

/* A sample in memory; on AVR rp_read_table reads one in flash. */
static uint8_t rp_read_bytes(void* context, uint16_t index) {
  return (*(const uint8_t* const*)context)[index];
}

rp_status rp_classify_bytes(const rp_model* model, const uint8_t* sample, void* buffer,
                            size_t buffer_size, int32_t* scores, uint16_t* label,
                            uint8_t* features) {
  if (sample == NULL) {
    return RP_ERROR_NULL;
  }
  return rp_classify(model, rp_read_bytes, &sample, buffer, buffer_size, scores, label, features);
}

rp_status rp_start(rp_stream* stream, const rp_model* model, uint16_t hop, void* buffer,
                   size_t buffer_size) {
  const rp_status status = rp_check_model(model, buffer_size);
  const rp_stage* first;
  if (status != RP_OK) {
    return status;
  }
  if (stream == NULL || buffer == NULL) {
    return RP_ERROR_NULL;
  }
  first = RP_STAGE(model, 0);
  if (RP_KIND(first) == RP_DENSE || hop == 0 || hop > rp_n_pushes(first)) {
    return RP_ERROR_MODEL;
  }
  stream->model = model;
  stream->buffer = buffer;
  stream->buffer_size = buffer_size;
  stream->hop = hop;
  stream->at = 0;
  stream->wait = rp_n_pushes(first);
  rp_clear(first, rp_divide(model, buffer).inputs[0]);
  return RP_OK;
}

static void rp_reverse(uint8_t* bytes, uint16_t n) {
  uint8_t* end = bytes + n;
  for (; n > 1; n = (uint16_t)(n - 2u)) {
    const uint8_t first = *bytes;
    *bytes++ = *--end;
    *end = first;
  }
}

/* Moves `first` bytes behind the others. */
static void rp_rotate(uint8_t* bytes, uint16_t first, uint16_t n) {
  rp_reverse(bytes, first);
  rp_reverse(bytes + first, (uint16_t)(n - first));
  rp_reverse(bytes, n);
}

/* The oldest push becomes the first. */
static void rp_turn(const rp_stage* stage, uint8_t* area, uint16_t at) {
  uint16_t size = RP_CHANNELS(stage), n_areas = 1;
  uint16_t step = 0;
  if (RP_KIND(stage) == RP_FEW_ROWS) {
#if defined(RP_BYTE_LANES)
    step = rp_padded_height(stage);
    n_areas = (uint16_t)(RP_KERNEL_X(stage) * rp_columns(stage));
    size = 1;
#else
    size = 4;
#endif
    area += RP_PADDING_Y(stage) * size;
  } else if (RP_HEIGHT(stage) != 1) {
    size = rp_pitch(stage); /* rows with what lies beside them */
    area += RP_PADDING_Y(stage) * size;
  } else {
    area += rp_before(stage);
  }
  for (; n_areas != 0; --n_areas, area += step) {
    rp_rotate(area, (uint16_t)(at * size), (uint16_t)(rp_n_pushes(stage) * size));
  }
}

rp_status rp_push(rp_stream* stream, const uint8_t* values, int32_t* scores, uint16_t* label) {
  rp_status status;
  const rp_stage* first;
  rp_parts parts;
  if (stream == NULL || values == NULL || label == NULL || stream->buffer == NULL) {
    return RP_ERROR_NULL;
  }
  status = rp_check_model(stream->model, stream->buffer_size);
  if (status != RP_OK) {
    return status;
  }
  parts = rp_divide(stream->model, stream->buffer);
  first = RP_STAGE(stream->model, 0);
  if (RP_KIND(first) == RP_DENSE || stream->at >= rp_n_pushes(first)) {
    return RP_ERROR_MODEL;
  }
  rp_load_part(first, parts.inputs[0], stream->at, rp_read_bytes, &values, 0);
  if (++stream->at == rp_n_pushes(first)) {
    stream->at = 0;
  }
  *label = RP_NO_LABEL;
  if (--stream->wait != 0) {
    return RP_OK;
  }
  stream->wait = stream->hop;
  if (stream->at != 0) {
    rp_turn(first, parts.inputs[0], stream->at);
    stream->at = 0;
  }
  rp_run(stream->model, &parts, NULL, NULL, scores, label, NULL);
  return RP_OK;
}

static uint8_t rp_read_table(void* context, uint16_t index) {
  return RP_TABLE8(*(const uint8_t* const*)context + index);
}

rp_status rp_self_test(const rp_model* model, const rp_expected* expected, void* buffer,
                       size_t buffer_size, int32_t* scores, uint8_t* features) {
  rp_status status = rp_check_model(model, buffer_size);
  const uint8_t *input, *feature;
  const int32_t* score;
  uint16_t s, i;
  if (status != RP_OK) {
    return status;
  }
  if (expected == NULL || scores == NULL || features == NULL || expected->inputs == NULL ||
      expected->features == NULL || expected->scores == NULL || expected->labels == NULL) {
    return RP_ERROR_NULL;
  }
  input = expected->inputs;
  feature = expected->features;
  score = expected->scores;
  for (s = 0; s < expected->n_samples; ++s) {
    uint16_t label;
    status =
        rp_classify(model, rp_read_table, &input, buffer, buffer_size, scores, &label, features);
    if (status != RP_OK) {
      return status;
    }
    if (label != RP_TABLE16(expected->labels + s)) {
      return RP_ERROR_SELF_TEST;
    }
    for (i = 0; i < expected->row_bytes; ++i) {
      if (features[i] != RP_TABLE8(feature++)) {
        return RP_ERROR_SELF_TEST;
      }
    }
    for (i = 0; i < RP_N_CLASSES(model); ++i) {
      if (scores[i] != (int32_t)RP_TABLE32(score++)) {
        return RP_ERROR_SELF_TEST;
      }
    }
    input += RP_N_FEATURES(model);
  }
  return RP_OK;
}
