/* $description, readout of ${code_bits}-bit codes.
 * Written by randprop; include it in one file. */
#ifndef MODEL_H
#define MODEL_H

#include "randprop_micro.h"

#define MODEL_N_FEATURES ${n_features}u
#define MODEL_N_CLASSES ${n_classes}u
#define MODEL_OUTPUT_BYTES ${row_bytes}u /* of the output bits */
#define MODEL_BUFFER_SIZE ${buffer_size}u
/* By label, for an array of strings. */
#define MODEL_CLASS_NAMES {$names}

$widths
/* For each class, for each bit of a code, highest first, one bit a unit. */
$codes
$bias
static const rp_model model = {
    $id, $scalars,
    model_widths, model_codes, model_bias};

#endif
