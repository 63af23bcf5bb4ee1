/* Values of a model: read from its tables, or constants where the runtime is compiled for one. */
#ifndef RANDPROP_VALUES_H
#define RANDPROP_VALUES_H

#include "randprop_micro.h"

/* Tables in flash are read by instructions of their own on AVR. */
#if defined(__AVR__)
#define RP_TABLE8(p) pgm_read_byte(p)
#define RP_TABLE16(p) pgm_read_word(p)
#define RP_TABLE32(p) pgm_read_dword(p)
#else
#define RP_TABLE8(p) (*(p))
#define RP_TABLE16(p) (*(p))
#define RP_TABLE32(p) (*(p))
#endif

/* randprop_config.h defines all of these for one model, each as a constant, or as here where it is
 * not the same for all stages. */
#if !defined(RP_FIXED_ID)
#define RP_SEED_LOW(model) ((model)->seed_low)
#define RP_SEED_HIGH(model) ((model)->seed_high)
#define RP_N_FEATURES(model) ((model)->n_features)
#define RP_N_CLASSES(model) ((model)->n_classes)
#define RP_N_STAGES(model) ((model)->n_stages)
#define RP_ACTIVATION(model) ((model)->activation)
#define RP_CODE_BITS(model) ((model)->code_bits)
#define RP_MULTIPLIER(model) ((model)->multiplier)
#define RP_OFFSET(model) ((model)->offset)
#define RP_KIND(stage) RP_TABLE8(&(stage)->kind)
#define RP_WEIGHT_BITS(stage) RP_TABLE8(&(stage)->weight_bits)
#define RP_FAN_IN(stage) RP_TABLE8(&(stage)->fan_in)
#define RP_TAP_BYTES(stage) RP_TABLE8(&(stage)->tap_bytes)
#define RP_N_UNITS(stage) RP_TABLE16(&(stage)->n_units)
#define RP_HEIGHT(stage) RP_TABLE16(&(stage)->height)
#define RP_WIDTH(stage) RP_TABLE16(&(stage)->width)
#define RP_CHANNELS(stage) RP_TABLE16(&(stage)->channels)
#define RP_KERNEL_Y(stage) RP_TABLE16(&(stage)->kernel_y)
#define RP_KERNEL_X(stage) RP_TABLE16(&(stage)->kernel_x)
#define RP_STRIDE_Y(stage) RP_TABLE16(&(stage)->stride_y)
#define RP_STRIDE_X(stage) RP_TABLE16(&(stage)->stride_x)
#define RP_PADDING_Y(stage) RP_TABLE16(&(stage)->padding_y)
#define RP_PADDING_X(stage) RP_TABLE16(&(stage)->padding_x)
#define RP_DILATION_Y(stage) RP_TABLE16(&(stage)->dilation_y)
#define RP_DILATION_X(stage) RP_TABLE16(&(stage)->dilation_x)
#define RP_PLACES_Y(stage) RP_TABLE16(&(stage)->places_y)
#define RP_PLACES_X(stage) RP_TABLE16(&(stage)->places_x)
#define RP_WINDOWS_Y(stage) RP_TABLE16(&(stage)->windows_y)
#define RP_WINDOWS_X(stage) RP_TABLE16(&(stage)->windows_x)
#define RP_BIAS(stage) RP_TABLE32(&(stage)->bias)
#define RP_TAPS_AT(stage) RP_TABLE32(&(stage)->taps_at)
#define RP_DILATIONS_AT(stage) RP_TABLE32(&(stage)->dilations_at)
#define RP_THRESHOLDS_AT(stage) RP_TABLE32(&(stage)->thresholds_at)
#endif

/* With RP_FIXED_STAGES no value is read from the table of stages, which is left out. */
#if defined(RP_FIXED_STAGES)
#define RP_STAGE(model, m) ((const rp_stage*)(0u * sizeof(model) * sizeof(m)))
#else
#define RP_STAGE(model, m) ((model)->stages + (m))
#endif

/* Sums of codes times features: 16 bits where those of the model need no more. */
#if defined(RP_FIXED_SMALL_SUMS)
typedef uint16_t rp_sum;
#else
typedef uint32_t rp_sum;
#endif

/* What is gone through lane by lane, in words of the CPU. */
#if defined(RP_BYTE_LANES)
typedef uint8_t rp_lane;
#else
typedef uint32_t rp_lane;
#endif

/* ARMv6-M multiplies to 32 bits alone, and has few registers. */
#if defined(__thumb__) && !defined(__thumb2__)
#define RP_ARMV6M 1
#endif

/* Never inlined where size counts more than time, nor where registers are few. */
#if defined(__GNUC__) && (defined(__OPTIMIZE_SIZE__) || defined(RP_ARMV6M))
#define RP_SHARED __attribute__((noinline))
#else
#define RP_SHARED
#endif

/* Bytes that hold so many bits, at least one. */
static uint16_t rp_row_bytes(uint16_t n_bits) { return (uint16_t)(((n_bits - 1u) >> 3) + 1u); }

static uint_fast8_t rp_count(rp_lane bits) {
  uint_fast8_t count = 0;
  for (; bits != 0; bits = (rp_lane)(bits & (bits - 1u))) {
    ++count;
  }
  return count;
}

/* Whether a stage counts bits in windows, and how many numbers it puts out for a unit. */
static uint8_t rp_counts(const rp_stage* stage) { return RP_WINDOWS_Y(stage) != 0; }
static uint16_t rp_outputs_y(const rp_stage* stage) {
  return rp_counts(stage) ? RP_WINDOWS_Y(stage) : RP_PLACES_Y(stage);
}
static uint16_t rp_outputs_x(const rp_stage* stage) {
  return rp_counts(stage) ? RP_WINDOWS_X(stage) : RP_PLACES_X(stage);
}

/* Whether stage m reads bits as -1 and 1. */
static uint8_t rp_reads_signs(const rp_model* model, uint8_t m) {
  return RP_ACTIVATION(model) == RP_SIGN && m != 0 && !rp_counts(RP_STAGE(model, m - 1u));
}

/* Bytes of a row of what an RP_FEW stage reads, between its padding. */
static uint16_t rp_pitch(const rp_stage* stage) {
  return (uint16_t)((RP_WIDTH(stage) + 2u * RP_PADDING_X(stage)) * RP_CHANNELS(stage));
}

static uint16_t rp_padded_height(const rp_stage* stage) {
  return (uint16_t)(RP_HEIGHT(stage) + 2u * RP_PADDING_Y(stage));
}

/* RP_FEW_ROWS by bytes: columns of eight places. */
static uint8_t rp_columns(const rp_stage* stage) {
  return (uint8_t)((RP_PLACES_X(stage) + 7u) >> 3);
}

/* Bytes of all that a stage of few inputs reads, with its padding. */
static uint32_t rp_held(const rp_stage* stage) {
  if (RP_KIND(stage) != RP_FEW_ROWS) {
    return (uint32_t)rp_pitch(stage) * rp_padded_height(stage);
  }
#if defined(RP_BYTE_LANES)
  return (uint32_t)RP_KERNEL_X(stage) * rp_columns(stage) * rp_padded_height(stage);
#else
  return 4u * (uint32_t)rp_padded_height(stage);
#endif
}

#endif
