/* Random step networks on a microcontroller: what is drawn comes from a seed and takes no memory.
 *
 * C99, freestanding: no allocation, no floating point, no recursion, no state of its own. The bits
 * and counts behind every stage, the scores and the labels are those of the desktop library.
 *
 * A stage is one of three kinds:
 * - RP_DENSE: every unit looks at every input, by weights of 1, 2, 4 or 8 bits from the seed; 128
 *   units at a time (randprop_dense.h).
 * - RP_FEW: a unit is the difference of a few inputs of a patch; Conv1D, Conv2D and Dense with
 *   fan_in, on bytes (randprop_few.h).
 * - RP_FEW_ROWS: the same for the pixels, 0 or 1, of an image of up to 32 columns: all places of a
 *   row at a time (randprop_rows.h).
 * The bits of a map may be counted in windows. What the last stage gives is read by one sum of
 * codes a class; no feature of it need be kept.
 */
#ifndef RANDPROP_MICRO_H
#define RANDPROP_MICRO_H

#include <stddef.h>
#include <stdint.h>

typedef enum rp_status {
  RP_OK = 0,
  RP_ERROR_NULL = 1,     /* a pointer that must not be null is null */
  RP_ERROR_MODEL = 2,    /* a value of the model is out of range, or contradicts another */
  RP_ERROR_BUFFER = 3,   /* the buffer is smaller than rp_buffer_size() */
  RP_ERROR_SELF_TEST = 4 /* the device computes something else than the desktop */
} rp_status;

enum { RP_STEP = 0, RP_SIGN = 1 };
enum { RP_DENSE = 0, RP_FEW = 1, RP_FEW_ROWS = 2 };

/* On AVR, constant tables stay in flash only where they are told to. */
#if defined(__AVR__)
#include <avr/pgmspace.h>
#define RP_TABLE PROGMEM
#else
#define RP_TABLE
#endif

/* A CPU of 8 bits goes through a row of an image by bytes, others by words. */
#if defined(__AVR__)
#define RP_BYTE_LANES 1
#endif

#include "randprop_config.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RP_NONE 0xFFFFFFFFu /* there is no such table */

/* A stage. Inputs are (height, width, channels), channel fastest; of RP_DENSE, and of a Dense stage
 * of few inputs, (1, 1, n); of a series (1, length, channels). */
typedef struct rp_stage {
  uint8_t kind;
  uint8_t weight_bits; /* RP_DENSE: 1, 2, 4 or 8 */
  uint8_t fan_in;      /* the others: inputs of a unit, the first half, rounded up, added */
  uint8_t tap_bytes;   /* bytes of the number of an input of a patch in `units`: 1, 2; 0: drawn */
  uint16_t n_units;    /* channels of the output */
  uint16_t height, width, channels;
  uint16_t kernel_y, kernel_x, stride_y, stride_x, padding_y, padding_x;
  uint16_t dilation_y, dilation_x; /* dilation_x 0: a power of two of each channel's own */
  uint16_t places_y, places_x;     /* of a patch; the most of any channel */
  uint16_t windows_y, windows_x;   /* of which set bits are counted; 0, 0: bits are put out */
  uint32_t bias;                   /* thresholds are drawn from [-bias, bias] */
  /* Where in the model's `units` tables begin, or RP_NONE; all of them little-endian. */
  uint32_t taps_at;       /* inputs of each unit: (dy * kernel_x + dx) * channels + c */
  uint32_t dilations_at;  /* exponent of each unit's dilation, a byte each */
  uint32_t thresholds_at; /* of each unit: int32 of RP_DENSE, else int16 */
} rp_stage;

/* A network and its readout. The struct itself lies in ordinary memory; the tables that it points
 * to are RP_TABLE. */
typedef struct rp_model {
  uint32_t id; /* looked at only by a runtime that is compiled for one model */
  uint32_t seed_low;
  uint32_t seed_high;
  uint16_t n_features; /* inputs of the first stage, 8 bits each; at least 1 */
  uint16_t n_classes;  /* at least 1 */
  uint8_t n_stages;    /* at least 1 */
  uint8_t activation;  /* RP_STEP or RP_SIGN: how a later stage reads a bit */
  uint8_t code_bits;   /* bits of a code of the readout: 1 to 8 */
  uint16_t multiplier; /* score = multiplier * sum of (code - offset) * feature + bias */
  uint16_t offset;
  const rp_stage* stages; /* may be null in a runtime for one model that has RP_FIXED_STAGES */
  const uint8_t* units;   /* tables of the stages; may be null if there are none */
  /* Behind a last stage RP_DENSE: for each class, for each bit of a code, highest first, that bit
   * of every unit's code, unit i at bit i % 8 of byte i / 8, each such row a whole number of bytes,
   * rest bits of any value. Behind another: for each unit, window y, window x the codes of all
   * classes, code_bits each, lowest bit first, one after the other without a gap. */
  const uint8_t* codes;
  const int32_t* bias; /* one a class */
} rp_model;

/* Input `index` of a sample. All are asked for in order: once where the first stage has few inputs
 * a unit, and else once for each group of 128 units and each weight bit, so that an image may stay
 * in flash or in a sensor's memory. RP_FEW_ROWS reads what is not 0 as 1. */
typedef uint8_t (*rp_read)(void* context, uint16_t index);

/* RP_OK if the model can be run in a buffer of so many bytes; nothing else of the model's values
 * needs to be trusted. Every function below calls it first. */
rp_status rp_check_model(const rp_model* model, size_t buffer_size);

/* Bytes that the functions below need as a buffer, of any alignment; 0 for a model that cannot be
 * run. Where the first stage has few inputs a unit, the sample is held in it. */
size_t rp_buffer_size(const rp_model* model);

/* Class of a sample: the first of the largest scores. scores, one a class, may be null. features
 * may be null, or have room for what the last stage puts out, in the desktop's order: bytes, or
 * bits, of which i is bit i % 8 of byte i / 8 and those past the last are zero. */
rp_status rp_classify(const rp_model* model, rp_read read, void* context, void* buffer,
                      size_t buffer_size, int32_t* scores, uint16_t* label, uint8_t* features);

/* The same for a sample in memory. */
rp_status rp_classify_bytes(const rp_model* model, const uint8_t* sample, void* buffer,
                            size_t buffer_size, int32_t* scores, uint16_t* label,
                            uint8_t* features);

/* A window that moves over what comes: rows of an image, one after the other, or the values of all
 * channels of a series at one time. The buffer holds the window and nothing before it. */
typedef struct rp_stream {
  const rp_model* model;
  void* buffer;
  size_t buffer_size;
  uint16_t hop;  /* pushes from one decision to the next */
  uint16_t at;   /* place of the next */
  uint16_t wait; /* pushes until the next decision */
} rp_stream;

/* Bytes of the bits of an RP_DENSE stage: whole groups of 128. */
#define RP_ROW_SIZE(width) ((((uint32_t)(width) - 1u) / 128u + 1u) * 16u)

#define RP_NO_LABEL 0xFFFFu

/* Begins with an empty window. The first stage must have few inputs a unit. The first decision
 * comes when the window is full; hop is at least 1 and at most a window, which an image of its own
 * is. */
rp_status rp_start(rp_stream* stream, const rp_model* model, uint16_t hop, void* buffer,
                   size_t buffer_size);

/* Takes width * channels bytes of an image, or channels of a series. *label is a class where a
 * decision was due, and else RP_NO_LABEL. scores may be null. */
rp_status rp_push(rp_stream* stream, const uint8_t* values, int32_t* scores, uint16_t* label);

/* What a desktop computed: n_samples inputs and what the last stage made of them (rows of
 * `row_bytes`), scores and labels. All tables are RP_TABLE. */
typedef struct rp_expected {
  uint16_t n_samples;
  uint16_t row_bytes;
  const uint8_t* inputs;
  const uint8_t* features;
  const int32_t* scores;
  const uint16_t* labels;
} rp_expected;

/* RP_OK if every feature, score and label is the expected one. scores: room for one a class;
 * features: room for row_bytes. */
rp_status rp_self_test(const rp_model* model, const rp_expected* expected, void* buffer,
                       size_t buffer_size, int32_t* scores, uint8_t* features);

#ifdef __cplusplus
}
#endif

#endif
