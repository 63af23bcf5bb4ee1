/* Features as the bytes that the model reads, the same as on the desktop. Written by randprop;
 * include it in one file, that of model.h. */
#if defined(INPUTS_H) && INPUTS_H != 0x1536FA52u
#error "one file includes inputs of two models with the same name: export each with another name"
#endif
#ifndef INPUTS_H
#define INPUTS_H 0x1536FA52u

#include <float.h>

#include "model.h"

#if MODEL_H != 0x1536FA52u
#error "inputs.h and model.h come from different exports"
#endif

#if defined(__AVR__)
/* Its double is a float: integers alone are mapped. */
#elif DBL_MANT_DIG != 53 || (defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 2) || \
    defined(__FAST_MATH__)
#error "the bytes of the desktop need a double of 64 bits, without extra precision or fast math"
#else
/* model_input(x, index): the byte of feature `index`. */
static const double model_low[1] = {
    0.0};
static const double model_scale[1] = {
    15.9375};

static inline uint8_t model_input(double x, uint16_t index) {
  const uint16_t group = (uint16_t)(index % 1u);
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

/* The same of an integer x, such as a sensor gives; no floating point. */
static inline uint8_t model_input_integer(int32_t x, uint16_t index) {
  (void)index;
  uint32_t above, byte;
  if (x <= (int32_t)0) return 0;
  if (x >= (int32_t)16) return 255;
  above = (uint32_t)x - (uint32_t)(int32_t)0;
  byte = (267386879u * above + 8388616u) >> 24u;
  return (uint8_t)byte;
}

#endif
