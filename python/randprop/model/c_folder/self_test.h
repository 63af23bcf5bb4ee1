/* Inputs, and what the model must make of them. Written by randprop. */
#if defined(${P}SELF_TEST_H) && ${P}SELF_TEST_H != $test_mark
#error "one file includes self-tests of two models with the same name: export each with another name"
#endif
#ifndef ${P}SELF_TEST_H
#define ${P}SELF_TEST_H $test_mark

#include "${p}randprop_micro.h"

/* Its instructions reach 64 KB of flash, from the start of which tables are laid. */
#if defined(__AVR__) && $table_number + $test_number > 65000
#error "an AVR reads tables of at most 65,000 bytes: export a smaller self-test"
#endif

#define ${P}SELF_TEST_SAMPLES ${n_tests}u

$inputs_table
$features
$scores
$labels
static const ${p}rp_expected ${p}self_test = {
    ${P}SELF_TEST_SAMPLES, ${row_bytes}u, ${p}self_test_inputs, ${p}self_test_features,
    ${p}self_test_scores, ${p}self_test_labels};

#endif
