/* libFuzzer target: whatever the header of a model holds, rp_check_model refuses it or the runtime
 * stays inside the buffer and the tables that the header speaks of.
 */
#include <stdlib.h>
#include <string.h>

#include "randprop_micro.h"

/* A model that takes longer is checked but not run. */
#define MOST_WORK 3000000u

typedef struct bytes {
  const uint8_t* next;
  size_t left;
} bytes;

static uint32_t take(bytes* from, uint8_t n) {
  uint32_t value = 0;
  while (n-- != 0) {
    value <<= 8;
    if (from->left != 0) {
      value |= *from->next++;
      --from->left;
    }
  }
  return value;
}

/* An exact allocation, so that one byte past it is an error, filled with what comes. */
static void* table(bytes* from, size_t size) {
  uint8_t* result = malloc(size + (size == 0));
  size_t i;
  if (result == NULL) {
    abort();
  }
  for (i = 0; i < size; ++i) {
    result[i] = (uint8_t)take(from, 1);
  }
  return result;
}

typedef struct image {
  bytes values;
  uint16_t n;
} image;

static uint8_t read_input(void* context, uint16_t index) {
  image* from = context;
  if (index >= from->n) {
    abort();
  }
  return from->values.left == 0 ? (uint8_t)(index * 37u)
                                : from->values.next[index % from->values.left];
}

static size_t row_bytes(size_t bits) { return (bits + 7u) / 8u; }

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bytes from = {data, size};
  rp_model model;
  uint16_t widths[4];
  const uint8_t flags = (uint8_t)take(&from, 1);
  uint32_t work;
  uint8_t m;
  memset(&model, 0, sizeof model);
  model.seed_low = take(&from, 4);
  model.seed_high = take(&from, 4);
  /* Mostly small numbers, sometimes any. */
  model.n_features = (uint16_t)take(&from, (flags & 1u) != 0 ? 2 : 1);
  model.n_classes = (uint16_t)take(&from, (flags & 2u) != 0 ? 2 : 1);
  model.n_matrices = (uint8_t)(take(&from, 1) % 5u);
  model.weight_bits = (uint8_t)(1u << take(&from, 1) % 5u);
  model.activation = (uint8_t)(take(&from, 1) % 3u);
  model.code_bits = (uint8_t)(take(&from, 1) % 10u);
  model.multiplier = (uint16_t)take(&from, 2);
  model.offset = (uint16_t)take(&from, 1);
  for (m = 0; m < 4; ++m) {
    widths[m] = (uint16_t)take(&from, (flags & 4u) != 0 ? 2 : 1);
  }
  work = (uint32_t)model.n_features * 40u;
  for (m = 0; m < model.n_matrices && m < 4; ++m) {
    const uint32_t inputs = m == 0 ? model.n_features : widths[m - 1u];
    work += inputs * (widths[m] / 128u + 1u) * model.weight_bits * 100u;
    if (work > MOST_WORK) {
      return 0;
    }
  }
  if (model.n_matrices > 4) {
    return 0;
  }
  {
    const size_t units = model.n_matrices == 0 ? 1 : widths[model.n_matrices - 1u];
    const size_t codes = (size_t)model.n_classes * model.code_bits * row_bytes(units);
    uint16_t* own_widths = malloc(2u * (size_t)model.n_matrices + (model.n_matrices == 0));
    if (own_widths == NULL) {
      abort();
    }
    if (codes > 100000u) {
      free(own_widths);
      return 0;
    }
    memcpy(own_widths, widths, 2u * (size_t)model.n_matrices);
    model.widths = own_widths;
    model.codes = table(&from, codes);
    model.bias = table(&from, 4u * (size_t)model.n_classes);
    {
      const size_t needed = rp_buffer_size(&model);
      if ((rp_check_model(&model, needed) == RP_OK) != (needed != 0)) {
        abort();
      }
      if (needed != 0) {
        /* Any alignment; not a byte more than was asked for. */
        const size_t shift = flags >> 6;
        uint8_t* room = malloc(needed + shift);
        int32_t* scores = malloc(4u * (size_t)model.n_classes);
        image input;
        uint16_t label = 0xFFFFu;
        const uint8_t* bits = NULL;
        if (room == NULL || scores == NULL) {
          abort();
        }
        input.values = from;
        input.n = model.n_features;
        if (rp_classify(&model, read_input, &input, room + shift, needed - 1u, scores, &label,
                        &bits) != RP_ERROR_BUFFER) {
          abort();
        }
        if (rp_classify(&model, read_input, &input, room + shift, needed, scores, &label, &bits) !=
            RP_OK) {
          abort();
        }
        if (label >= model.n_classes) {
          abort();
        }
        if (bits < room || bits + row_bytes(units) > room + shift + needed) {
          abort();
        }
        if (units % 8u != 0 && bits[units / 8u] >> (units % 8u) != 0) {
          abort();
        }
        free(room);
        free(scores);
      } else if (rp_classify(&model, read_input, NULL, own_widths, 0, NULL, widths, NULL) ==
                 RP_OK) {
        abort();
      }
    }
    free((void*)(uintptr_t)model.codes);
    free((void*)(uintptr_t)model.bias);
    free(own_widths);
  }
  return 0;
}
