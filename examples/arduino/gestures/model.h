/* 192 -> 64, step, seed 0, readout of 4-bit codes.
 * Written by randprop; include it in one file. */
#if defined(MODEL_H) && MODEL_H != 0xAA7AC7B3u
#error "two models of one name in one file: export each with a name of its own"
#endif
#ifndef MODEL_H
#define MODEL_H 0xAA7AC7B3u

#include "randprop_micro.h"

#if defined(__AVR__) && 848 > 32767
#error "an AVR reads tables of at most 32,767 bytes: export fewer bits, classes or units"
#endif

#define MODEL_N_FEATURES 192u
#define MODEL_N_CLASSES 4u
#define MODEL_OUTPUT_BYTES 64u /* of what the last stage puts out */
#define MODEL_HOLDS_SAMPLE 1 /* whether the buffer holds a sample */
#define MODEL_PUSHES 64u        /* of rp_push, that fill a window */
#define MODEL_PUSH_BYTES 3u
#if defined(RP_FIXED_BUFFER)
#define MODEL_BUFFER_SIZE RP_FIXED_BUFFER
#elif defined(RP_BYTE_LANES)
#define MODEL_BUFFER_SIZE 343u
#else
#define MODEL_BUFFER_SIZE 343u
#endif
/* By label, for an array of strings. */
#define MODEL_CLASS_NAMES {"circle", "nod", "rest", "shake"}

/* A runtime for this model alone may need none of these numbers. */
#if defined(RP_FIXED_STAGES)
#define MODEL_STAGES NULL
#else
static const rp_stage model_stages[1] RP_TABLE = {
    {RP_FEW, 1u, 8u, 1u, 64u, 1u, 64u, 3u, 1u, 9u, 1u, 1u, 0u, 0u, 1u, 0u, 1u, 56u, 1u, 1u, 0x00000000u, 0x00000000u, 0x00000200u, 0x00000240u}};
#define MODEL_STAGES model_stages
#endif
static const uint8_t model_units[704] RP_TABLE = {
    6, 13, 18, 23, 1, 14, 20, 22, 11, 17, 19, 20,
    5, 12, 18, 21, 3, 4, 9, 11, 2, 14, 19, 22,
    5, 6, 7, 10, 1, 19, 25, 26, 14, 15, 20, 21,
    1, 6, 23, 25, 1, 3, 8, 26, 19, 21, 22, 23,
    2, 3, 4, 11, 1, 6, 22, 26, 2, 8, 19, 24,
    7, 9, 11, 16, 0, 3, 4, 19, 5, 7, 15, 26,
    8, 12, 15, 19, 4, 21, 23, 25, 9, 16, 18, 22,
    2, 4, 11, 19, 8, 10, 14, 21, 2, 3, 18, 20,
    4, 9, 10, 13, 5, 8, 15, 23, 2, 5, 13, 19,
    3, 6, 12, 23, 1, 12, 15, 18, 4, 5, 21, 26,
    0, 8, 10, 13, 9, 17, 18, 22, 0, 9, 10, 15,
    8, 12, 14, 19, 3, 4, 16, 23, 2, 18, 19, 24,
    16, 17, 18, 20, 1, 2, 23, 26, 7, 10, 13, 16,
    2, 4, 11, 12, 2, 3, 10, 14, 0, 4, 15, 21,
    8, 11, 16, 19, 9, 13, 15, 17, 3, 11, 13, 17,
    14, 15, 16, 22, 7, 14, 20, 25, 5, 10, 11, 21,
    8, 13, 17, 25, 5, 11, 12, 19, 0, 4, 23, 25,
    3, 17, 19, 24, 4, 8, 14, 24, 12, 13, 19, 25,
    7, 8, 9, 21, 4, 18, 20, 23, 3, 9, 14, 24,
    6, 11, 15, 26, 6, 12, 15, 22, 13, 21, 23, 24,
    0, 1, 15, 24, 2, 11, 12, 13, 9, 17, 23, 25,
    3, 4, 6, 26, 14, 17, 19, 26, 0, 3, 16, 25,
    5, 12, 18, 21, 7, 16, 17, 20, 4, 13, 16, 24,
    0, 3, 11, 15, 4, 15, 16, 17, 5, 18, 23, 26,
    12, 15, 22, 26, 2, 18, 23, 24, 0, 3, 4, 16,
    7, 8, 14, 24, 2, 9, 11, 13, 5, 7, 10, 24,
    0, 10, 20, 23, 4, 7, 13, 22, 0, 2, 16, 26,
    15, 18, 19, 20, 8, 13, 24, 25, 1, 5, 21, 23,
    5, 6, 18, 21, 10, 13, 19, 22, 0, 5, 6, 7,
    4, 15, 23, 26, 3, 5, 14, 23, 2, 4, 8, 11,
    12, 21, 23, 26, 0, 6, 8, 14, 4, 7, 9, 10,
    11, 12, 19, 21, 5, 12, 23, 26, 6, 11, 17, 20,
    5, 9, 11, 26, 2, 4, 16, 23, 6, 11, 21, 23,
    13, 16, 20, 24, 1, 22, 25, 26, 0, 7, 14, 19,
    6, 11, 14, 17, 1, 3, 13, 25, 4, 12, 16, 21,
    3, 13, 15, 26, 4, 20, 24, 26, 1, 9, 21, 25,
    5, 15, 19, 21, 0, 9, 16, 25, 1, 3, 12, 13,
    0, 4, 14, 16, 4, 7, 18, 20, 6, 14, 16, 26,
    2, 12, 16, 21, 0, 7, 8, 20, 4, 11, 17, 23,
    1, 13, 22, 24, 1, 2, 19, 24, 6, 7, 8, 14,
    6, 10, 17, 22, 1, 16, 18, 26, 0, 11, 18, 20,
    4, 13, 14, 23, 0, 8, 16, 19, 1, 7, 11, 15,
    16, 19, 20, 25, 2, 4, 12, 23, 1, 2, 0, 1,
    2, 1, 0, 2, 0, 0, 2, 1, 1, 1, 0, 0,
    1, 0, 1, 1, 0, 0, 1, 2, 2, 1, 0, 1,
    2, 0, 2, 1, 1, 1, 1, 0, 1, 1, 2, 1,
    2, 1, 1, 0, 1, 0, 0, 1, 2, 0, 1, 2,
    2, 0, 0, 2, 1, 0, 1, 1, 0, 2, 1, 1,
    23, 0, 200, 255, 56, 0, 254, 255, 182, 255, 39, 0,
    234, 255, 112, 0, 13, 0, 182, 255, 51, 0, 240, 255,
    33, 255, 16, 0, 214, 255, 128, 0, 7, 0, 102, 255,
    56, 0, 231, 255, 147, 0, 12, 0, 198, 255, 56, 0,
    246, 255, 146, 255, 45, 0, 221, 255, 161, 0, 10, 0,
    155, 255, 85, 0, 231, 255, 204, 254, 13, 0, 218, 255,
    117, 0, 1, 0, 115, 255, 32, 0, 228, 255, 133, 0,
    25, 0, 161, 255, 69, 0, 244, 255, 43, 255, 29, 0,
    222, 255, 76, 0, 0, 0, 170, 255, 57, 0, 230, 255,
    7, 1, 19, 0, 212, 255, 114, 0, 248, 255, 119, 255,
    30, 0, 237, 255, 144, 0, 4, 0};

static const uint8_t model_codes[128] RP_TABLE = {
    0x88, 0x67, 0x86, 0x78, 0x52, 0xF4, 0x85, 0x98, 0x5A, 0x96, 0x8E, 0x35,
    0x47, 0x9A, 0x85, 0x4C, 0x7A, 0x76, 0x9A, 0x18, 0x68, 0xA7, 0x79, 0x76,
    0xC3, 0xC5, 0xB8, 0x47, 0xB5, 0x3B, 0x68, 0x2C, 0x8A, 0x58, 0x9A, 0x65,
    0xE9, 0x42, 0x66, 0xB7, 0x88, 0x3A, 0x98, 0x76, 0xA2, 0xB8, 0x89, 0x58,
    0x85, 0x98, 0x59, 0xB5, 0xBA, 0x72, 0x49, 0x4D, 0x45, 0x9C, 0x68, 0xA6,
    0xB2, 0x98, 0x5A, 0x69, 0x68, 0x6A, 0x84, 0x8B, 0x5A, 0x95, 0x83, 0xB8,
    0x37, 0xBA, 0x78, 0x5A, 0xA1, 0xB9, 0xA4, 0x98, 0x88, 0x68, 0x82, 0xC8,
    0x7A, 0x94, 0x4F, 0x48, 0xF7, 0x07, 0x5B, 0x49, 0x78, 0x87, 0xD1, 0xE3,
    0x49, 0x89, 0x4B, 0x97, 0x88, 0x78, 0x7A, 0x65, 0x68, 0x98, 0x66, 0x8A,
    0x56, 0xF6, 0x77, 0xB6, 0xB4, 0x3C, 0x76, 0xB7, 0x79, 0x86, 0x49, 0xD3,
    0x48, 0xC6, 0x87, 0x69, 0x8E, 0x44, 0x78, 0x95};

static const int32_t model_bias[4] RP_TABLE = {
    145, 3, 41, -163};

static const rp_model model = {
    0xC6B4BE3Bu, 0x00000000u, 0x00000000u, 192u, 4u, 1u, 0u, 4u, 1u, 8u,
    MODEL_STAGES, model_units, model_codes, model_bias};

#endif
