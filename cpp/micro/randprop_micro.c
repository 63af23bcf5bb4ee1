#include "randprop_micro.h"

/* On AVR, tables in flash are read by instructions of their own. */
#if defined(__AVR__)
#include <avr/pgmspace.h>
#define RP_FLASH8(p) pgm_read_byte(p)
#define RP_FLASH16(p) pgm_read_word(p)
#define RP_FLASH32(p) ((int32_t)pgm_read_dword(p))
#else
#define RP_FLASH8(p) (*(p))
#define RP_FLASH16(p) (*(p))
#define RP_FLASH32(p) (*(p))
#endif

#define RP_LANES 4u /* words of 32 units in a group */
#define RP_GROUP_UNITS 128u
#define RP_GROUP_BYTES 16u

/* Philox4x32-10 (Salmon et al. 2011). */
static void rp_philox(uint32_t c[RP_LANES], uint32_t key0, uint32_t key1) {
  uint8_t round;
  for (round = 0; round < 10u; ++round) {
    const uint64_t product0 = (uint64_t)0xD2511F53u * c[0];
    const uint64_t product1 = (uint64_t)0xCD9E8D57u * c[2];
    c[0] = (uint32_t)(product1 >> 32) ^ c[1] ^ key0;
    c[1] = (uint32_t)product1;
    c[2] = (uint32_t)(product0 >> 32) ^ c[3] ^ key1;
    c[3] = (uint32_t)product0;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
}

/* Adds x to those of 32 upright counters whose bit of mask is set: a full adder for each bit of x,
 * then the carry runs on while there is one. The planes hold the largest sum there can be. */
static void rp_add(uint32_t* plane, uint32_t mask, uint8_t x) {
  uint32_t carry = 0;
  for (; x != 0; x = (uint8_t)(x >> 1), ++plane) {
    const uint32_t before = *plane;
    if ((x & 1u) != 0) {
      const uint32_t half = before ^ mask;
      *plane = half ^ carry;
      carry = (before & mask) | (half & carry);
    } else {
      *plane = before ^ carry;
      carry &= before;
    }
  }
  for (; carry != 0; ++plane) {
    const uint32_t before = *plane;
    *plane = before ^ carry;
    carry &= before;
  }
}

/* Bit i is set where counter i is above the threshold: the carry out of the counter plus the
 * threshold's complement. */
static uint32_t rp_above(const uint32_t* plane, uint8_t n_planes, uint32_t threshold) {
  uint32_t carry = 0;
  uint8_t j;
  for (j = 0; j < n_planes; ++j, threshold >>= 1) {
    carry = (threshold & 1u) != 0 ? carry & plane[j] : carry | plane[j];
  }
  return carry;
}

static uint16_t rp_width(const rp_model* model, uint8_t matrix) {
  return RP_FLASH16(model->widths + matrix);
}

static uint8_t rp_bit_length(uint32_t value) {
  uint8_t length = 0;
  for (; value != 0; value >>= 1) ++length;
  return length;
}

/* Planes of the counters of one matrix: its largest sum is 255 (first matrix) or 1 an input, times
 * the largest weight. 255 * 255 * 65,535 is below 2^32. */
static uint8_t rp_planes(const rp_model* model, uint8_t matrix) {
  const uint32_t largest = (1u << model->weight_bits) - 1u;
  const uint32_t inputs =
      matrix == 0 ? 255u * (uint32_t)model->n_features : rp_width(model, (uint8_t)(matrix - 1u));
  return rp_bit_length(largest * inputs);
}

rp_status rp_check_model(const rp_model* model) {
  uint32_t last, most;
  uint16_t c;
  uint8_t m;
  if (model == NULL || model->widths == NULL || model->codes == NULL || model->bias == NULL) {
    return RP_ERROR_NULL;
  }
  if (model->n_features == 0 || model->n_classes == 0 || model->n_matrices == 0 ||
      model->activation > RP_SIGN) {
    return RP_ERROR_MODEL;
  }
  if (model->weight_bits != 1 && model->weight_bits != 2 && model->weight_bits != 4 &&
      model->weight_bits != 8) {
    return RP_ERROR_MODEL;
  }
  if (model->code_bits != 1 && model->code_bits != 2 && model->code_bits != 4 &&
      model->code_bits != 8) {
    return RP_ERROR_MODEL;
  }
  for (m = 0; m < model->n_matrices; ++m) {
    if (rp_width(model, m) == 0) return RP_ERROR_MODEL;
  }
  /* No score may leave 31 bits: |code - offset| is at most the larger of the two. */
  most = (1u << model->code_bits) - 1u;
  if (model->offset > most) return RP_ERROR_MODEL;
  last = rp_width(model, (uint8_t)(model->n_matrices - 1u));
  if (model->multiplier != 0 && most * last > 0x3FFFFFFFu / model->multiplier) {
    return RP_ERROR_MODEL;
  }
  for (c = 0; c < model->n_classes; ++c) {
    const int32_t bias = RP_FLASH32(model->bias + c);
    if (bias > 0x3FFFFFFF || bias < -0x3FFFFFFF) return RP_ERROR_MODEL;
  }
  return RP_OK;
}

/* The widest matrix, and the most planes that the counters of any have. */
static void rp_largest(const rp_model* model, uint16_t* widest, uint8_t* planes) {
  uint8_t m;
  for (m = 0; m < model->n_matrices; ++m) {
    const uint8_t found = rp_planes(model, m);
    if (rp_width(model, m) > *widest) *widest = rp_width(model, m);
    if (found > *planes) *planes = found;
  }
}

size_t rp_buffer_size(const rp_model* model) {
  uint16_t widest = 0;
  uint8_t planes = 0;
  if (rp_check_model(model) != RP_OK) return 0;
  rp_largest(model, &widest, &planes);
  return RP_BUFFER_SIZE((size_t)widest, planes);
}

typedef struct rp_input {
  rp_read read;
  void* context;
  const uint8_t* bits; /* of the matrix before; null for the first */
} rp_input;

/* 128 units of one matrix: 16 bytes of output. */
static void rp_group(const rp_model* model, uint8_t matrix, uint32_t group, uint16_t n_inputs,
                     const rp_input* input, uint32_t* counters, uint8_t* out) {
  const uint8_t b = model->weight_bits;
  const uint8_t n_planes = rp_planes(model, matrix);
  const uint8_t is_signed = (uint8_t)(matrix != 0 && model->activation == RP_SIGN);
  uint32_t x_sum = 0, threshold;
  uint16_t k;
  uint8_t p, q, j;
  for (j = 0; j < RP_LANES * n_planes; ++j) counters[j] = 0;
  for (k = 0; k < n_inputs; ++k) {
    uint32_t flip = 0;
    uint8_t x;
    if (input->bits == NULL) {
      x = input->read(input->context, k);
    } else {
      x = (uint8_t)(((uint32_t)input->bits[k / 8u] >> (k % 8u)) & 1u);
      if (is_signed) {
        /* -w of u is w of the complement of u, so that every input counts as +1. */
        flip = x != 0 ? 0u : 0xFFFFFFFFu;
        x = 1;
      }
    }
    if (x == 0) continue;
    x_sum += x;
    for (p = 0; p < b; ++p) {
      uint32_t block[RP_LANES];
      block[0] = group;
      block[1] = k;
      block[2] = matrix;
      block[3] = p;
      rp_philox(block, model->seed_low, model->seed_high);
      for (q = 0; q < RP_LANES; ++q) {
        rp_add(counters + (size_t)q * n_planes + (b - 1u - p), block[q] ^ flip, x);
      }
    }
  }
  /* z = 2 S - (2^b - 1) x_sum > 0 where S > floor((2^b - 1) x_sum / 2). */
  threshold = (((1u << b) - 1u) * x_sum) >> 1;
  for (q = 0; q < RP_LANES; ++q) {
    const uint32_t word = rp_above(counters + (size_t)q * n_planes, n_planes, threshold);
    for (j = 0; j < 4u; ++j) out[4u * q + j] = (uint8_t)(word >> (8u * j));
  }
}

rp_status rp_propagate(const rp_model* model, rp_read read, void* context, void* buffer,
                       size_t buffer_size, const uint8_t** bits) {
  const rp_status status = rp_check_model(model);
  uint8_t* bytes = (uint8_t*)buffer;
  uint8_t *in, *out;
  uint32_t* counters;
  size_t row;
  uint16_t widest = 0, n_inputs;
  uint8_t planes = 0, m;
  rp_input input;
  if (status != RP_OK) return status;
  if (read == NULL || buffer == NULL || bits == NULL) return RP_ERROR_NULL;
  rp_largest(model, &widest, &planes);
  row = (size_t)(((uint32_t)widest + RP_GROUP_UNITS - 1u) / RP_GROUP_UNITS) * RP_GROUP_BYTES;
  if (buffer_size < RP_BUFFER_SIZE((size_t)widest, planes)) return RP_ERROR_BUFFER;
  /* Words are aligned: the buffer has three bytes to spare for that. */
  bytes += (4u - (size_t)((uintptr_t)bytes % 4u)) % 4u;
  counters = (uint32_t*)(void*)bytes;
  in = bytes + RP_GROUP_BYTES * (size_t)planes;
  out = in + row;
  input.read = read;
  input.context = context;
  input.bits = NULL;
  n_inputs = model->n_features;
  for (m = 0; m < model->n_matrices; ++m) {
    const uint16_t width = rp_width(model, m);
    const uint16_t n_groups = (uint16_t)(((uint32_t)width + RP_GROUP_UNITS - 1u) / RP_GROUP_UNITS);
    uint8_t* swap;
    uint16_t group;
    size_t last;
    for (group = 0; group < n_groups; ++group) {
      rp_group(model, m, group, n_inputs, &input, counters, out + (size_t)group * RP_GROUP_BYTES);
    }
    /* Units past the last are not there. */
    last = (size_t)n_groups * RP_GROUP_BYTES;
    while (last * 8u >= (size_t)width + 8u) out[--last] = 0;
    if (width % 8u != 0) out[last - 1u] = (uint8_t)(out[last - 1u] & ((1u << (width % 8u)) - 1u));
    swap = in;
    in = out;
    out = swap;
    input.bits = in;
    n_inputs = width;
  }
  *bits = in;
  return RP_OK;
}

rp_status rp_classify(const rp_model* model, rp_read read, void* context, void* buffer,
                      size_t buffer_size, int32_t* scores, uint16_t* label) {
  const uint8_t* bits = NULL;
  const uint8_t* row;
  rp_status status;
  int32_t best = 0;
  uint32_t row_bytes;
  uint16_t c, width;
  uint8_t code_mask;
  if (label == NULL) return RP_ERROR_NULL;
  status = rp_propagate(model, read, context, buffer, buffer_size, &bits);
  if (status != RP_OK) return status;
  width = rp_width(model, (uint8_t)(model->n_matrices - 1u));
  row_bytes = ((uint32_t)width * model->code_bits + 7u) / 8u;
  code_mask = (uint8_t)((1u << model->code_bits) - 1u);
  row = model->codes;
  *label = 0;
  for (c = 0; c < model->n_classes; ++c, row += row_bytes) {
    int32_t sum = 0, score;
    uint16_t i;
    for (i = 0; i < width; ++i) {
      if ((((uint32_t)bits[i / 8u] >> (i % 8u)) & 1u) != 0) {
        const uint32_t start = (uint32_t)i * model->code_bits;
        const uint8_t byte = RP_FLASH8(row + start / 8u);
        sum += (int32_t)((uint8_t)(byte >> (start % 8u)) & code_mask) - (int32_t)model->offset;
      }
    }
    score = sum * (int32_t)model->multiplier + RP_FLASH32(model->bias + c);
    if (scores != NULL) scores[c] = score;
    if (c == 0 || score > best) {
      best = score;
      *label = c;
    }
  }
  return RP_OK;
}

static uint8_t rp_read_bytes(void* context, uint16_t index) {
  const uint8_t* const* image = (const uint8_t* const*)context;
  return (*image)[index];
}

rp_status rp_classify_bytes(const rp_model* model, const uint8_t* image, void* buffer,
                            size_t buffer_size, int32_t* scores, uint16_t* label) {
  if (image == NULL) return RP_ERROR_NULL;
  return rp_classify(model, rp_read_bytes, (void*)&image, buffer, buffer_size, scores, label);
}
