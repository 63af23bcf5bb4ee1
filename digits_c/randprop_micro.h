/* Random step networks on a microcontroller: weights come from a seed and take no memory.
 *
 * C99, freestanding: no allocation, no floating point, no recursion, no state of its own. The bits
 * behind every matrix, the scores and the labels are those of the desktop library.
 *
 * A matrix is computed 128 units at a time. The inputs are gone through in order; one that is zero
 * costs nothing. For every other input one Philox block is made, a bit for each of the 128 units,
 * and added, times the input, to counters that stand upright: bit j of all 128 counters is plane j,
 * so that one word operation counts for 32 units. A carry waits in its plane until a second one
 * comes, so that none ever runs through all planes.
 */
#ifndef RANDPROP_MICRO_H
#define RANDPROP_MICRO_H

#include <stddef.h>
#include <stdint.h>

#include "randprop_config.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rp_status {
  RP_OK = 0,
  RP_ERROR_NULL = 1,     /* a pointer that must not be null is null */
  RP_ERROR_MODEL = 2,    /* a value of the model is out of range, or contradicts another */
  RP_ERROR_BUFFER = 3,   /* the buffer is smaller than rp_buffer_size() */
  RP_ERROR_SELF_TEST = 4 /* the device computes something else than the desktop */
} rp_status;

enum { RP_STEP = 0, RP_SIGN = 1 };

/* On AVR, constant tables stay in flash only where they are told to. */
#if defined(__AVR__)
#include <avr/pgmspace.h>
#define RP_TABLE PROGMEM
#else
#define RP_TABLE
#endif

/* A network and its readout. The struct itself lies in ordinary memory; the tables that it points
 * to are RP_TABLE. */
typedef struct rp_model {
  uint32_t id; /* looked at only by a runtime that is compiled for one model */
  uint32_t seed_low;
  uint32_t seed_high;
  uint16_t n_features; /* inputs of the first matrix, 8 bits each; at least 1 */
  uint16_t n_classes;  /* at least 1 */
  uint8_t n_matrices;  /* at least 1 */
  uint8_t weight_bits; /* 1, 2, 4 or 8 */
  uint8_t activation;  /* RP_STEP or RP_SIGN: how a later matrix reads a bit */
  uint8_t code_bits;   /* bits of a code of the readout: 1 to 8 */
  uint16_t multiplier; /* score = multiplier * sum of (code - offset) over set bits + bias */
  uint16_t offset;
  const uint16_t* widths; /* units of each matrix, at least 1 */
  /* For each class, for each bit of a code, highest first: that bit of every unit's code, unit i at
   * bit i % 8 of byte i / 8; each such row a whole number of bytes, rest bits of any value. */
  const uint8_t* codes;
  const int32_t* bias; /* one a class */
} rp_model;

/* Input `index` of the image. The first matrix asks for all inputs in order, once for each group of
 * 128 units and each weight bit, so that an image may stay in flash or in a sensor's memory. */
typedef uint8_t (*rp_read)(void* context, uint16_t index);

/* Bytes of a buffer for layers of at most `width` units whose counters have `planes` bits. The
 * planes are bits of the largest sum: of 255 * n_features * (2^weight_bits - 1) for the first
 * matrix, of n_inputs * (2^weight_bits - 1) for a later one; the most of all matrices count. */
#define RP_ROW_SIZE(width) ((((size_t)(width) - 1u) / 128u + 1u) * 16u)
#define RP_BUFFER_SIZE(width, planes, n_matrices) \
  (33u * (size_t)(planes) + ((n_matrices) > 1 ? 2u : 1u) * RP_ROW_SIZE(width) + 3u)

/* RP_OK if the model can be run in a buffer of so many bytes; nothing else of the model's values
 * needs to be trusted. Every function below calls it first. */
rp_status rp_check_model(const rp_model* model, size_t buffer_size);

/* Bytes that rp_propagate and rp_classify need as a buffer, of any alignment; 0 for a model that
 * cannot be run. */
size_t rp_buffer_size(const rp_model* model);

/* Sends an image through all matrices. *bits points to the output bits, in the buffer: unit i is
 * bit i % 8 of byte i / 8, and the bits past the last unit are zero. */
rp_status rp_propagate(const rp_model* model, rp_read read, void* context, void* buffer,
                       size_t buffer_size, const uint8_t** bits);

/* Class of an image: the first of the largest scores. scores, one a class, may be null. The output
 * bits are left at *bits, as rp_propagate does, unless bits is null. */
rp_status rp_classify(const rp_model* model, rp_read read, void* context, void* buffer,
                      size_t buffer_size, int32_t* scores, uint16_t* label, const uint8_t** bits);

/* The same for an image in memory. */
rp_status rp_classify_bytes(const rp_model* model, const uint8_t* image, void* buffer,
                            size_t buffer_size, int32_t* scores, uint16_t* label,
                            const uint8_t** bits);

/* What a desktop computed: n_samples images and their output bits (rows of (units + 7) / 8 bytes),
 * scores and labels. All tables are RP_TABLE. */
typedef struct rp_expected {
  uint16_t n_samples;
  const uint8_t* images;
  const uint8_t* bits;
  const int32_t* scores;
  const uint16_t* labels;
} rp_expected;

/* RP_OK if every bit, score and label is the expected one. scores: room for one a class. */
rp_status rp_self_test(const rp_model* model, const rp_expected* expected, void* buffer,
                       size_t buffer_size, int32_t* scores);

#ifdef __cplusplus
}
#endif

#endif
