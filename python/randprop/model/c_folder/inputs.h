/* Features as the bytes that the model reads, the same as on the desktop. Written by randprop;
 * include it in one file, that of ${p}model.h. */
#if defined(${P}INPUTS_H) && ${P}INPUTS_H != $mark
#error "inputs of two models of one name in one file: export each with a name of its own"
#endif
#ifndef ${P}INPUTS_H
#define ${P}INPUTS_H $mark

#include <float.h>

#include "${p}model.h"

#if ${P}MODEL_H != $mark
#error "${p}inputs.h and ${p}model.h are of different exports"
#endif

#if defined(__AVR__)
/* Its double is a float: integers alone are mapped. */
#elif DBL_MANT_DIG != 53 || (defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 2) || \
    defined(__FAST_MATH__)
#error "the desktop's bytes need doubles of 64 bits, each result rounded to one"
#else
/* ${p}model_input(x, index): the byte of feature `index`. */
$input_code
#endif
$integer_code

#endif
