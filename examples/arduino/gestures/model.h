/* 192 -> 32, step, seed 0, readout of 4-bit codes.
 * Written by randprop; include it in one file. */
#if defined(MODEL_H) && MODEL_H != 0xB2A7F994u
#error "one file includes two models with the same name: export each with another name"
#endif
#ifndef MODEL_H
#define MODEL_H 0xB2A7F994u

#include "randprop_micro.h"

#if defined(__AVR__) && 432 > 32767
#error "an AVR reads tables of at most 32,767 bytes: export fewer bits, classes or units"
#endif

#define MODEL_N_FEATURES 192u
#define MODEL_N_CLASSES 4u
#define MODEL_OUTPUT_BYTES 32u /* of what the last stage puts out */
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
    {RP_FEW, 1u, 8u, 1u, 32u, 1u, 64u, 3u, 1u, 9u, 1u, 1u, 0u, 0u, 1u, 0u, 1u, 56u, 1u, 1u, 0x00000000u, 0x00000000u, 0x00000100u, 0x00000120u}};
#define MODEL_STAGES model_stages
#endif
static const uint8_t model_units[352] RP_TABLE = {
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
    3, 4, 6, 26, 1, 2, 0, 1, 2, 1, 0, 2,
    0, 0, 2, 1, 1, 1, 0, 0, 1, 0, 1, 1,
    0, 0, 1, 2, 2, 1, 0, 1, 2, 0, 2, 1,
    23, 0, 200, 255, 56, 0, 254, 255, 182, 255, 39, 0,
    234, 255, 112, 0, 13, 0, 182, 255, 51, 0, 240, 255,
    33, 255, 16, 0, 214, 255, 128, 0, 7, 0, 102, 255,
    56, 0, 231, 255, 147, 0, 12, 0, 198, 255, 56, 0,
    246, 255, 146, 255, 45, 0, 221, 255, 161, 0, 10, 0,
    155, 255, 85, 0};

static const uint8_t model_codes[64] RP_TABLE = {
    0x88, 0x67, 0x96, 0x78, 0x72, 0xF5, 0x86, 0x98, 0x59, 0xB6, 0x8C, 0x46,
    0x58, 0x79, 0x79, 0x4A, 0x79, 0x77, 0x7A, 0x57, 0x59, 0x97, 0x69, 0x68,
    0x76, 0xB7, 0xA7, 0x67, 0xA5, 0x5A, 0x4A, 0x69, 0x88, 0x67, 0xA8, 0x57,
    0xC7, 0x65, 0x68, 0x98, 0x86, 0x6A, 0x87, 0x96, 0xA3, 0x89, 0xA7, 0x78,
    0x77, 0x87, 0x5A, 0x96, 0x98, 0x94, 0x4B, 0x6A, 0x74, 0x9A, 0x79, 0x96,
    0xB2, 0x88, 0x78, 0x78};

static const int32_t model_bias[4] RP_TABLE = {
    -29, -23, 38, 25};

static const rp_model model = {
    0xD5212ECFu, 0x00000000u, 0x00000000u, 192u, 4u, 1u, 0u, 4u, 1u, 8u,
    MODEL_STAGES, model_units, model_codes, model_bias};

#endif
