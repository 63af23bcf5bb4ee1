/* Random step networks on a microcontroller: weights come from a seed and take no memory.
 *
 * C99, freestanding: no allocation, no floating point, no recursion, no state of its own. The bits
 * behind every matrix, the scores and the labels are those of the desktop library.
 *
 * A matrix is computed 128 units at a time. The inputs are gone through once; one that is zero
 * costs nothing. For every other input one Philox block a bit-plane is made, 128 units wide, and
 * added, times the input, to counters that stand upright: bit j of all 128 counters is plane j, so
 * that one word operation counts for 32 units.
 */
#ifndef RANDPROP_MICRO_H
#define RANDPROP_MICRO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rp_status {
  RP_OK = 0,
  RP_ERROR_NULL = 1,  /* a pointer that must not be null is null */
  RP_ERROR_MODEL = 2, /* a value of the model is out of range, or contradicts another */
  RP_ERROR_BUFFER = 3 /* the buffer is smaller than rp_buffer_size() */
} rp_status;

enum { RP_STEP = 0, RP_SIGN = 1 };

/* A network and its readout. Every table may lie in flash. */
typedef struct rp_model {
  uint32_t seed_low;
  uint32_t seed_high;
  uint16_t n_features; /* inputs of the first matrix, 8 bits each; at least 1 */
  uint16_t n_classes;  /* at least 1 */
  uint8_t n_matrices;  /* at least 1 */
  uint8_t weight_bits; /* 1, 2, 4 or 8 */
  uint8_t activation;  /* RP_STEP or RP_SIGN: how a later matrix reads a bit */
  uint8_t code_bits;   /* bits of a code of the readout: 1, 2, 4 or 8 */
  uint16_t multiplier; /* score = multiplier * sum of (code - offset) over set bits + bias */
  uint16_t offset;
  const uint16_t* widths; /* units of each matrix, at least 1 */
  /* One row a class, a whole number of bytes: code i at bits i * code_bits of the row, little. */
  const uint8_t* codes;
  const int32_t* bias; /* one a class */
} rp_model;

/* Input `index` of the image: called once for each group of 128 units of the first matrix, in
 * order, so that an image may come from a sensor or from flash and is never held. */
typedef uint8_t (*rp_read)(void* context, uint16_t index);

/* Bytes of a buffer for layers of at most `width` units whose counters have `planes` bits. */
#define RP_BUFFER_SIZE(width, planes) \
  (2u * (((width) + 127u) / 128u) * 16u + 16u * (size_t)(planes) + 3u)

/* RP_OK if the model can be run; nothing else of it needs to be trusted. */
rp_status rp_check_model(const rp_model* model);

/* Bytes that rp_propagate and rp_classify need as a buffer, of any alignment; 0 for a model that
 * rp_check_model refuses. */
size_t rp_buffer_size(const rp_model* model);

/* Sends an image through all matrices. *bits points to the output bits, in the buffer: unit i is
 * bit i % 8 of byte i / 8, and the bits past the last unit are zero. */
rp_status rp_propagate(const rp_model* model, rp_read read, void* context, void* buffer,
                       size_t buffer_size, const uint8_t** bits);

/* Class of an image: the first of the largest scores. scores, one a class, may be null. */
rp_status rp_classify(const rp_model* model, rp_read read, void* context, void* buffer,
                      size_t buffer_size, int32_t* scores, uint16_t* label);

/* The same for an image in memory. */
rp_status rp_classify_bytes(const rp_model* model, const uint8_t* image, void* buffer,
                            size_t buffer_size, int32_t* scores, uint16_t* label);

#ifdef __cplusplus
}
#endif

#endif
