/* Inputs, and what the model must make of them. Written by randprop. */
#if defined(SELF_TEST_H) && SELF_TEST_H != 0xF955401Du
#error "self-tests of two models of one name in one file: export each with a name of its own"
#endif
#ifndef SELF_TEST_H
#define SELF_TEST_H 0xF955401Du

#include "randprop_micro.h"

/* Its instructions reach 64 KB of flash, from the start of which tables are laid. */
#if defined(__AVR__) && 362 + 488 > 65000
#error "an AVR reads tables of at most 65,000 bytes: export a smaller self-test"
#endif

#define SELF_TEST_SAMPLES 4u

static const uint8_t self_test_images[256] RP_TABLE = {
    0, 4, 16, 15, 2, 0, 0, 0, 0, 11, 15, 15,
    7, 0, 0, 0, 0, 9, 10, 6, 14, 0, 0, 0,
    0, 0, 0, 7, 15, 0, 0, 0, 0, 0, 0, 13,
    10, 0, 0, 0, 0, 0, 1, 16, 7, 2, 2, 0,
    0, 1, 12, 16, 15, 16, 15, 0, 0, 4, 16, 16,
    16, 12, 11, 0, 0, 1, 12, 15, 5, 0, 0, 0,
    0, 4, 15, 8, 15, 3, 0, 0, 0, 0, 3, 1,
    14, 4, 0, 0, 0, 0, 4, 14, 16, 1, 0, 0,
    0, 0, 1, 10, 14, 15, 4, 0, 0, 0, 0, 0,
    0, 12, 8, 0, 0, 4, 8, 4, 10, 16, 4, 0,
    0, 2, 12, 16, 13, 6, 0, 0, 0, 0, 0, 12,
    7, 0, 0, 0, 0, 0, 6, 15, 1, 1, 0, 0,
    0, 1, 14, 8, 10, 8, 0, 0, 0, 6, 15, 0,
    13, 12, 6, 0, 0, 14, 15, 12, 16, 16, 9, 0,
    0, 10, 16, 15, 16, 8, 1, 0, 0, 0, 0, 10,
    16, 1, 0, 0, 0, 0, 0, 12, 9, 0, 0, 0,
    0, 2, 6, 10, 12, 1, 0, 0, 0, 14, 13, 10,
    5, 1, 0, 0, 0, 10, 6, 0, 0, 0, 0, 0,
    0, 10, 13, 12, 12, 5, 0, 0, 0, 2, 8, 5,
    7, 14, 8, 0, 0, 0, 0, 0, 0, 5, 12, 0,
    0, 0, 2, 2, 1, 10, 10, 0, 0, 0, 5, 16,
    16, 14, 1, 0};

static const uint8_t self_test_bits[64] RP_TABLE = {
    0xB1, 0x84, 0x55, 0xC8, 0xAB, 0xB2, 0xD8, 0x2C, 0x4A, 0xC2, 0x03, 0xB1,
    0x62, 0x13, 0x37, 0x1E, 0xF1, 0x94, 0x41, 0x48, 0xCD, 0xB3, 0xCA, 0x24,
    0x4A, 0xC2, 0x03, 0x13, 0xE2, 0x07, 0x37, 0x8E, 0xB2, 0x04, 0x71, 0x58,
    0xCB, 0xB6, 0xA2, 0x3D, 0x0F, 0xCB, 0x41, 0x35, 0x63, 0x15, 0x35, 0xCA,
    0xF0, 0xC5, 0x71, 0x5C, 0xC6, 0xB3, 0xCB, 0x24, 0xCA, 0x52, 0x03, 0xB9,
    0x63, 0x37, 0x3D, 0x0A};

static const int32_t self_test_scores[40] RP_TABLE = {
    265, 311, 421, 311, 282, 347, 322, 231, 336, 317, 307, 323,
    379, 395, 294, 353, 298, 261, 366, 359, 325, 353, 343, 311,
    444, 317, 340, 333, 366, 353, 313, 323, 385, 377, 330, 407,
    388, 261, 372, 413};

static const uint16_t self_test_labels[4] RP_TABLE = {
    2, 3, 4, 9};

static const rp_expected self_test = {SELF_TEST_SAMPLES, self_test_images,
                                      self_test_bits, self_test_scores,
                                      self_test_labels};

#endif
