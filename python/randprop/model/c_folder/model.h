/* $description, readout of ${code_bits}-bit codes.
 * Written by randprop; include it in one file. */
#if defined(${P}MODEL_H) && ${P}MODEL_H != $mark
#error "two models of one name in one file: export each with a name of its own"
#endif
#ifndef ${P}MODEL_H
#define ${P}MODEL_H $mark

#include "${p}randprop_micro.h"

#if defined(__AVR__) && $table_number > 32767
#error "an AVR reads tables of at most 32,767 bytes: export fewer bits, classes or units"
#endif

#define ${P}MODEL_N_FEATURES ${n_features}u
#define ${P}MODEL_N_CLASSES ${n_classes}u
#define ${P}MODEL_OUTPUT_BYTES ${row_bytes}u /* of the output bits */
#define ${P}MODEL_BUFFER_SIZE ${buffer_size}u
/* By label, for an array of strings. */
#define ${P}MODEL_CLASS_NAMES {$names}

$widths
/* For each class, for each bit of a code, highest first, one bit a unit. */
$codes
$bias
static const ${p}rp_model ${p}model = {
    $id, $scalars,
    ${p}model_widths, ${p}model_codes, ${p}model_bias};

#endif
