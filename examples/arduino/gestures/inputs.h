/* Features as the bytes that the model reads, the same as on the desktop. Written by randprop;
 * include it in one file, that of model.h. */
#if defined(INPUTS_H) && INPUTS_H != 0xB2A7F994u
#error "one file includes inputs of two models with the same name: export each with another name"
#endif
#ifndef INPUTS_H
#define INPUTS_H 0xB2A7F994u

#include <float.h>

#include "model.h"

#if MODEL_H != 0xB2A7F994u
#error "inputs.h and model.h come from different exports"
#endif

#if defined(__AVR__)
/* Its double is a float: integers alone are mapped. */
#elif DBL_MANT_DIG != 53 || (defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 2) || \
    defined(__FAST_MATH__)
#error "the bytes of the desktop need a double of 64 bits, without extra precision or fast math"
#else
/* model_input(x, index): the byte of feature `index`. */
static const double model_low[3] = {
    -867.0, -871.0, 163.0};
static const double model_scale[3] = {
    0.14912280701754385, 0.14488636363636365, 0.15097690941385436};

static inline uint8_t model_input(double x, uint16_t index) {
  const uint16_t group = (uint16_t)(index % 3u);
  const double level = (x - model_low[group]) * model_scale[group];
  uint8_t whole;
  double half;
  if (!(level > 0.0)) return 0; /* not a number, too */
  if (level >= 255.0) return 255;
  whole = (uint8_t)level;
  half = (double)whole + 0.5;
  /* Half to even; compared, not subtracted, which a compiler might fuse with the product. */
  if (level > half || (!(level < half) && whole % 2u != 0)) ++whole;
  return whole;
}
#endif
#if defined(__AVR__) /* which reads its flash by instructions of their own */
#define MODEL_READ8(p) pgm_read_byte(p)
#define MODEL_READ32(p) pgm_read_dword(p)
#else
#define MODEL_READ8(p) (*(p))
#define MODEL_READ32(p) (*(p))
#endif
static const int32_t model_integer_low[3] RP_TABLE = {
    -864, -868, 166};
static const int32_t model_integer_high[3] RP_TABLE = {
    840, 886, 1849};
static const uint32_t model_integer_rate[3] RP_TABLE = {
    2501865u, 2430789u, 2532971u};
static const uint32_t model_integer_start[3] RP_TABLE = {
    15895040u, 15682271u, 15974371u};
static const uint8_t model_integer_shift[3] RP_TABLE = {
    24u, 24u, 24u};
static const uint8_t model_integer_late[96] RP_TABLE = {
    0x00, 0x02, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00,
    0x00, 0x80, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x08, 0x00,
    0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};

/* The same of an integer x, such as a sensor gives; no floating point. */
static inline uint8_t model_input_integer(int32_t x, uint16_t index) {
  const uint16_t group = (uint16_t)(index % 3u);
  const int32_t low = (int32_t)MODEL_READ32(model_integer_low + group);
  uint32_t above, byte, before;
  if (x <= low) return 0;
  if (x >= (int32_t)MODEL_READ32(model_integer_high + group)) return 255;
  above = (uint32_t)x - (uint32_t)low;
  byte = (MODEL_READ32(model_integer_rate + group) * above + MODEL_READ32(model_integer_start + group)) >> MODEL_READ8(model_integer_shift + group);
  /* Some bytes begin one integer later. */
  before = (MODEL_READ32(model_integer_rate + group) * (above - 1u) + MODEL_READ32(model_integer_start + group)) >> MODEL_READ8(model_integer_shift + group);
  for (; byte != before; --byte) {
    if (((uint32_t)MODEL_READ8(model_integer_late + 32u * group + (byte >> 3)) >> (byte & 7u) & 1u) == 0) break;
  }
  return (uint8_t)byte;
}

#endif
