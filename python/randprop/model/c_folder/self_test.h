/* Inputs, and what the model must make of them. Written by randprop. */
#ifndef SELF_TEST_H
#define SELF_TEST_H

#include "randprop_micro.h"

#define SELF_TEST_SAMPLES ${n_tests}u

$images
$bits
$scores
$labels
static const rp_expected self_test = {SELF_TEST_SAMPLES, self_test_images,
                                      self_test_bits, self_test_scores,
                                      self_test_labels};

#endif
