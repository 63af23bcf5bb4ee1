/* Features as the bytes that the model reads, the same as on the desktop. Written by randprop;
 * include it in one file, that of ${p}model.h. */
#if defined(${P}INPUTS_H) && ${P}INPUTS_H != $mark
#error "one file includes inputs of two models with the same name: export each with another name"
#endif
#ifndef ${P}INPUTS_H
#define ${P}INPUTS_H $mark

#include <float.h>

#include "${p}model.h"

#if ${P}MODEL_H != $mark
#error "${p}inputs.h and ${p}model.h come from different exports"
#endif

#if defined(__AVR__)
/* Its double is a float: integers alone are mapped. */
#elif DBL_MANT_DIG != 53 || (defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 2) || \
    defined(__FAST_MATH__)
#error "the bytes of the desktop need a double of 64 bits, without extra precision or fast math"
#else
/* ${p}model_input(x, index): the byte of feature `index`. */
$input_code
#endif
$integer_code

#endif
