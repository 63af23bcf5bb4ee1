/* libFuzzer target: whatever the header of a model holds, rp_check_model refuses it or the runtime
 * stays inside the buffer and the tables that the header speaks of. What it computes depends on
 * nothing that was in the buffer before, and a window that moves gives what rp_classify gives for
 * the same inputs.
 */
#include <stdlib.h>
#include <string.h>

#include "randprop_micro.c"

/* A model that takes longer is checked but not run. */
#define MOST_WORK 2000000u
#define MOST_TABLE 100000u
#define MOST_STAGES 4u

typedef struct bytes {
  const uint8_t* next;
  size_t left;
} bytes;

/* n bytes as a number, lowest first; zeros where none are left. */
static uint32_t take(bytes* from, uint8_t n) {
  uint32_t value = 0;
  uint8_t i;
  for (i = 0; i < n && from->left != 0; ++i, ++from->next, --from->left) {
    value |= (uint32_t)*from->next << 8u * i;
  }
  return value;
}

static void* room_for(size_t size) {
  void* result = malloc(size + (size == 0));
  if (result == NULL) {
    abort();
  }
  return result;
}

/* An exact allocation, so that one byte past it is an error, filled with what comes, over again. */
static uint8_t* table(const bytes* from, size_t size) {
  uint8_t* const result = room_for(size);
  size_t i;
  for (i = 0; i < size; ++i) {
    result[i] = from->left == 0 ? (uint8_t)(i * 37u) : from->next[i % from->left];
  }
  return result;
}

typedef struct sample {
  const uint8_t* values;
  uint16_t n, next;
} sample;

static uint8_t read_input(void* context, uint16_t index) {
  sample* const from = context;
  if (index >= from->n) {
    abort();
  }
  /* In order, from the first on again. */
  if (index != 0 && index != from->next) {
    abort();
  }
  from->next = (uint16_t)(index + 1u);
  return from->values[index];
}

/* Numbers as in models that people make. */
static uint16_t small(uint16_t value, uint16_t least, uint16_t most) {
  return most < least ? least : (uint16_t)(least + value % (most - least + 1u));
}

static uint16_t places_of(uint16_t size, uint16_t kernel, uint16_t stride, uint16_t padding,
                          uint16_t dilation) {
  const uint64_t reach = (uint64_t)(dilation == 0 ? 1 : dilation) * (kernel - 1u) + 1u;
  const uint64_t padded = size + 2u * (uint64_t)padding;
  return (uint16_t)(reach > padded || stride == 0 ? 1 : (padded - reach) / stride + 1u);
}

/* A stage of `n` inputs. `of` tells which fields are made to fit each other. */
static uint32_t take_stage(bytes* from, rp_stage* stage, uint32_t n, uint32_t* at) {
  const uint8_t of = (uint8_t)take(from, 1), tables = (uint8_t)take(from, 1);
  uint16_t* const fields[] = {
      &stage->n_units,   &stage->height,    &stage->width,      &stage->channels,
      &stage->kernel_y,  &stage->kernel_x,  &stage->stride_y,   &stage->stride_x,
      &stage->padding_y, &stage->padding_x, &stage->dilation_y, &stage->dilation_x,
      &stage->places_y,  &stage->places_x,  &stage->windows_y,  &stage->windows_x};
  size_t i;
  memset(stage, 0, sizeof *stage);
  stage->kind = (uint8_t)(take(from, 1) % 4u);
  stage->weight_bits = (uint8_t)take(from, 1);
  stage->fan_in = (uint8_t)take(from, 1);
  stage->tap_bytes = (uint8_t)(take(from, 1) % 4u);
  for (i = 0; i < sizeof fields / sizeof *fields; ++i) {
    *fields[i] = (uint16_t)take(from, 2);
  }
  stage->bias = take(from, 4);
  stage->taps_at = (tables & 1u) != 0 ? take(from, 4) : RP_NONE;
  stage->dilations_at = (tables & 2u) != 0 ? take(from, 4) : RP_NONE;
  stage->thresholds_at = (tables & 4u) != 0 ? take(from, 4) : RP_NONE;
  if ((of & 1u) != 0) {
    stage->n_units = small(stage->n_units, 1, 40);
    stage->height = small(stage->height, 1, 34);
    stage->width = small(stage->width, 1, 34);
    stage->channels = small(stage->channels, 1, 4);
    stage->kernel_y = small(stage->kernel_y, 1, 6);
    stage->kernel_x = small(stage->kernel_x, 1, 6);
    stage->stride_y = small(stage->stride_y, 1, 3);
    stage->stride_x = small(stage->stride_x, 1, 3);
    stage->padding_y = small(stage->padding_y, 0, 3);
    stage->padding_x = small(stage->padding_x, 0, 3);
    stage->dilation_y = small(stage->dilation_y, 1, 3);
    stage->dilation_x = small(stage->dilation_x, 0, 3);
    stage->fan_in = (uint8_t)small(stage->fan_in, 1, 8);
    stage->weight_bits = (uint8_t)(1u << (stage->weight_bits & 3u));
  }
  if ((of & 2u) != 0) {
    const uint32_t pixels = (uint32_t)stage->height * stage->width;
    if (stage->kind == RP_DENSE || pixels == 0 || n % pixels != 0) {
      stage->height = stage->width = 1;
    }
    stage->channels = (uint16_t)(n / ((uint32_t)stage->height * stage->width));
  }
  if ((of & 4u) != 0) {
    stage->places_y = places_of(stage->height, stage->kernel_y, stage->stride_y, stage->padding_y,
                                stage->dilation_y);
    stage->places_x = places_of(stage->width, stage->kernel_x, stage->stride_x, stage->padding_x,
                                stage->dilation_x);
    if (stage->kind == RP_DENSE) {
      stage->places_y = stage->places_x = 1;
    }
  }
  if ((of & 8u) != 0 && stage->windows_y != 0) {
    stage->windows_y = small(stage->windows_y, 1, stage->places_y);
    stage->windows_x = small(stage->windows_x, 1, stage->places_x);
  }
  if ((of & 16u) != 0) {
    const uint32_t size = stage->kind == RP_DENSE ? 4 : 2;
    if (stage->taps_at != RP_NONE && stage->tap_bytes != 0) {
      stage->taps_at = *at;
      *at += (uint32_t)stage->n_units * stage->fan_in * stage->tap_bytes;
    } else {
      stage->taps_at = RP_NONE;
      stage->tap_bytes = 0;
    }
    if (stage->dilations_at != RP_NONE) {
      stage->dilations_at = *at;
      *at += stage->n_units;
    }
    if (stage->thresholds_at != RP_NONE) {
      stage->thresholds_at = *at;
      *at += stage->n_units * size;
    }
  }
  {
    const uint8_t counts = stage->windows_y != 0;
    return (uint32_t)(counts ? stage->windows_y : stage->places_y) *
           (counts ? stage->windows_x : stage->places_x) * stage->n_units;
  }
}

/* Bytes of `units` that a stage may read. */
static uint64_t units_of(const rp_stage* stage) {
  uint64_t end = 0, to;
  if (stage->kind != RP_DENSE && stage->taps_at != RP_NONE) {
    end = stage->taps_at + (uint64_t)stage->n_units * stage->fan_in * stage->tap_bytes;
  }
  if (stage->kind != RP_DENSE && stage->dilation_x == 0 && stage->dilations_at != RP_NONE) {
    to = (uint64_t)stage->dilations_at + stage->n_units;
    end = to > end ? to : end;
  }
  if (stage->thresholds_at != RP_NONE) {
    to = (uint64_t)stage->thresholds_at +
         (uint64_t)stage->n_units * (stage->kind == RP_DENSE ? 4u : 2u);
    end = to > end ? to : end;
  }
  return end;
}

/* About how many operations a stage takes. */
static uint64_t work_of(const rp_stage* stage) {
  if (stage->kind == RP_DENSE) {
    return (uint64_t)stage->channels * (stage->n_units / 128u + 1u) * stage->weight_bits * 150u +
           100u * (uint64_t)stage->n_units;
  }
  return (uint64_t)stage->n_units *
         ((uint64_t)stage->places_y * (stage->places_x + 8u) * (stage->fan_in / 4u + 4u) +
          300u * (uint64_t)stage->fan_in + 200u);
}

static void demand(int holds) {
  if (!holds) {
    abort();
  }
}

/* What the model makes of a sample, in a buffer of exactly its size that holds `dirt`. */
static void classify(const rp_model* model, const uint8_t* values, size_t shift, uint8_t dirt,
                     int32_t* scores, uint16_t* label, uint8_t* features) {
  const size_t needed = rp_buffer_size(model);
  uint8_t* const room = room_for(needed + shift);
  sample input;
  input.values = values;
  input.n = model->n_features;
  input.next = 0;
  memset(room, dirt, needed + shift);
  demand(rp_classify(model, read_input, &input, room + shift, needed - 1u, scores, label,
                     features) == RP_ERROR_BUFFER);
  demand(rp_classify(model, read_input, &input, room + shift, needed, scores, label, features) ==
         RP_OK);
  demand(input.next == input.n);
  free(room);
}

/* Pushes a window and a half, the inputs over again. */
static void stream(const rp_model* model, const uint8_t* values, uint16_t hop, size_t shift) {
  const rp_stage* const first = model->stages;
  const size_t needed = rp_buffer_size(model);
  const uint16_t n_pushes = first->height != 1 ? first->height : first->width;
  const uint16_t part = (uint16_t)(model->n_features / n_pushes);
  const size_t scores_size = 4u * (size_t)model->n_classes;
  uint8_t* const room = room_for(needed + shift);
  uint8_t* const window = room_for(model->n_features);
  uint8_t* const pushed = room_for(part);
  int32_t *const scores = room_for(scores_size), *const expected = room_for(scores_size);
  rp_stream moving;
  uint32_t at;
  memset(room, 0x5A, needed + shift);
  hop = small(hop, 1, n_pushes);
  demand(rp_start(&moving, model, 0, room + shift, needed) == RP_ERROR_MODEL);
  demand(rp_start(&moving, model, (uint16_t)(n_pushes + 1u), room + shift, needed) ==
         RP_ERROR_MODEL);
  demand(rp_start(&moving, model, hop, room + shift, needed) == RP_OK);
  for (at = 0; at < n_pushes + (n_pushes + 1u) / 2u; ++at) {
    const uint8_t is_due = at + 1u >= n_pushes && (at + 1u - n_pushes) % hop == 0;
    uint16_t label = 77, same = 77;
    memcpy(pushed, values + (at % n_pushes) * (size_t)part, part);
    pushed[0] = (uint8_t)(pushed[0] + at);
    memmove(window, window + part, (size_t)model->n_features - part);
    memcpy(window + model->n_features - part, pushed, part);
    demand(rp_push(&moving, pushed, scores, &label) == RP_OK);
    demand((label == RP_NO_LABEL) == !is_due);
    if (is_due) {
      classify(model, window, 0, 0, expected, &same, NULL);
      demand(label == same && memcmp(scores, expected, scores_size) == 0);
    }
  }
  free(room);
  free(window);
  free(pushed);
  free(scores);
  free(expected);
}

static void run(const rp_model* model, const bytes* from, uint32_t n_outputs, uint8_t flags,
                uint16_t hop) {
  const uint8_t is_bits = model->stages[model->n_stages - 1u].windows_y == 0;
  const size_t row_bytes = is_bits ? (n_outputs + 7u) / 8u : n_outputs;
  const size_t scores_size = 4u * (size_t)model->n_classes, shift = flags >> 6;
  uint8_t* const values = table(from, model->n_features);
  int32_t* const scores = room_for(scores_size);
  int32_t* const again = room_for(scores_size);
  uint8_t* const features = room_for(row_bytes);
  uint8_t* const same = room_for(row_bytes);
  uint16_t label = 0xFFFFu, other = 0;
  classify(model, values, shift, 0, scores, &label, features);
  classify(model, values, (shift + 1u) % 4u, 0xFF, again, &other, same);
  demand(label < model->n_classes && label == other);
  demand(memcmp(scores, again, scores_size) == 0 && memcmp(features, same, row_bytes) == 0);
  if (is_bits && n_outputs % 8u != 0) {
    demand(features[row_bytes - 1u] >> (n_outputs % 8u) == 0);
  }
  {
    rp_expected expected = {1, 0, values, same, again, NULL};
    const size_t needed = rp_buffer_size(model);
    uint8_t* const room = room_for(needed);
    expected.row_bytes = (uint16_t)row_bytes;
    expected.labels = &label;
    memset(room, 1, needed);
    demand(rp_self_test(model, &expected, room, needed, scores, features) == RP_OK);
    free(room);
  }
  if (model->stages->kind != RP_DENSE) {
    stream(model, values, hop, shift);
  }
  free(values);
  free(scores);
  free(again);
  free(features);
  free(same);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bytes from = {data, size};
  rp_stage stages[MOST_STAGES];
  rp_model model;
  const uint8_t flags = (uint8_t)take(&from, 1);
  const uint16_t hop = (uint16_t)take(&from, 2);
  uint32_t n, at = 0, n_changes;
  uint64_t work = 0, units = 0, n_codes;
  uint8_t m;
  memset(&model, 0, sizeof model);
  model.seed_low = take(&from, 4);
  model.seed_high = take(&from, 4);
  model.n_features = (uint16_t)take(&from, 2);
  model.n_classes = (uint16_t)take(&from, (flags & 1u) != 0 ? 2 : 1);
  model.n_stages = (uint8_t)(take(&from, 1) % (MOST_STAGES + 1u));
  model.activation = (uint8_t)(take(&from, 1) % 3u);
  model.code_bits = (uint8_t)(take(&from, 1) % 10u);
  model.multiplier = (uint16_t)take(&from, 2);
  model.offset = (uint16_t)take(&from, 1);
  n = model.n_features;
  for (m = 0; m < model.n_stages; ++m) {
    n = take_stage(&from, &stages[m], n, &at);
    if (m == 0 && (flags & 2u) != 0) {
      model.n_features =
          (uint16_t)(stages[0].height * (uint32_t)stages[0].width * stages[0].channels);
    }
  }
  /* What fits is broken here and there. */
  n_changes = model.n_stages == 0 ? 0 : (flags >> 2) & 3u;
  for (; n_changes != 0; --n_changes) {
    const uint32_t byte = take(&from, 1) % (uint32_t)(model.n_stages * sizeof *stages);
    ((uint8_t*)stages)[byte] = (uint8_t)take(&from, 1);
  }
  for (m = 0; m < model.n_stages; ++m) {
    const uint64_t end = units_of(&stages[m]);
    units = end > units ? end : units;
    work += work_of(&stages[m]);
  }
  if (model.n_stages != 0) {
    const rp_stage* const last = &stages[model.n_stages - 1u];
    const uint8_t counts = last->windows_y != 0;
    n = (uint32_t)(counts ? last->windows_y : last->places_y) *
        (counts ? last->windows_x : last->places_x) * last->n_units;
    n_codes = last->kind == RP_DENSE
                  ? (uint64_t)model.n_classes * model.code_bits * ((last->n_units + 7u) / 8u)
                  : ((uint64_t)model.n_classes * model.code_bits * n + 7u) / 8u;
  } else {
    n_codes = 0;
  }
  work += n_codes * 8u;
  {
    const uint8_t fits = units <= MOST_TABLE && n_codes <= MOST_TABLE && work <= MOST_WORK;
    rp_stage* const own = room_for(model.n_stages * sizeof *own);
    /* Exact tables, or none that may be touched. */
    uint8_t* const own_units = table(&from, fits ? (size_t)units : 0);
    uint8_t* const own_codes = table(&from, fits ? (size_t)n_codes : 0);
    uint8_t* const own_bias = table(&from, 4u * (size_t)model.n_classes);
    size_t needed, c;
    memcpy(own, stages, model.n_stages * sizeof *own);
    if ((flags & 16u) == 0) {
      /* Biases of any size are for the check alone. */
      for (c = 0; c < model.n_classes; ++c) {
        own_bias[4u * c + 3u] = (uint8_t)((own_bias[4u * c + 3u] & 0x20u) != 0 ? 0xFF : 0);
      }
    }
    model.stages = own;
    model.units = (flags & 32u) != 0 ? NULL : own_units;
    model.codes = own_codes;
    model.bias = (const int32_t*)(const void*)own_bias;
    needed = rp_buffer_size(&model);
    demand((rp_check_model(&model, needed) == RP_OK) == (needed != 0));
    if (needed == 0) {
      uint16_t label;
      demand(rp_classify(&model, read_input, NULL, own, 0, NULL, &label, NULL) != RP_OK);
    } else if (fits) {
      run(&model, &from, n, flags, hop);
    }
    free(own);
    free(own_units);
    free(own_codes);
    free(own_bias);
  }
  return 0;
}
