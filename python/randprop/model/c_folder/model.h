/* $description, readout of ${code_bits}-bit codes.
 * Written by randprop; include it in one file. */
#if defined(${P}MODEL_H) && ${P}MODEL_H != $mark
#error "one file includes two models with the same name: export each with another name"
#endif
#ifndef ${P}MODEL_H
#define ${P}MODEL_H $mark

#include "${p}randprop_micro.h"

#if defined(__AVR__) && $table_number > 32767
#error "an AVR reads tables of at most 32,767 bytes: export fewer bits, classes or units"
#endif

#define ${P}MODEL_N_FEATURES ${n_features}u
#define ${P}MODEL_N_CLASSES ${n_classes}u
#define ${P}MODEL_OUTPUT_BYTES ${row_bytes}u /* of what the last stage puts out */
#define ${P}MODEL_HOLDS_SAMPLE $holds_sample /* whether the buffer holds a sample */
#define ${P}MODEL_PUSHES ${n_pushes}u        /* of ${p}rp_push, that fill a window */
#define ${P}MODEL_PUSH_BYTES ${push_bytes}u
#if defined(${P}RP_FIXED_BUFFER)
#define ${P}MODEL_BUFFER_SIZE ${P}RP_FIXED_BUFFER
#elif defined(${P}RP_BYTE_LANES)
#define ${P}MODEL_BUFFER_SIZE ${buffer_by_bytes}u
#else
#define ${P}MODEL_BUFFER_SIZE ${buffer_by_words}u
#endif
/* By label, for an array of strings. */
#define ${P}MODEL_CLASS_NAMES {$names}

/* A runtime for this model alone may need none of these numbers. */
#if defined(${P}RP_FIXED_STAGES)
#define ${P}MODEL_STAGES NULL
#else
static const ${p}rp_stage ${p}model_stages[$n_stages] ${P}RP_TABLE = {
    $stages};
#define ${P}MODEL_STAGES ${p}model_stages
#endif
$units
$codes
$bias
static const ${p}rp_model ${p}model = {
    $id, $scalars,
    ${P}MODEL_STAGES, $units_pointer, ${p}model_codes, ${p}model_bias};

#endif
