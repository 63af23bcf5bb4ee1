/* What the runtime is compiled for: the model of model.h alone. Written by randprop. */
#ifndef RANDPROP_CONFIG_H
#define RANDPROP_CONFIG_H

#define RP_FIXED_ID 0x5EB56BE9u
#define RP_FIXED_SEED_LOW ((uint32_t)0x00000000u)
#define RP_FIXED_SEED_HIGH ((uint32_t)0x00000000u)
#define RP_FIXED_N_FEATURES ((uint16_t)784u)
#define RP_FIXED_N_CLASSES ((uint16_t)10u)
#define RP_FIXED_N_MATRICES ((uint8_t)1u)
#define RP_FIXED_WEIGHT_BITS ((uint8_t)1u)
#define RP_FIXED_ACTIVATION ((uint8_t)0u)
#define RP_FIXED_CODE_BITS ((uint8_t)2u)
#define RP_FIXED_MULTIPLIER ((uint16_t)6u)
#define RP_FIXED_OFFSET ((uint16_t)0u)
#define RP_FIXED_WIDEST ((uint16_t)784u)
#define RP_FIXED_PLANES ((uint8_t)18u)
#define RP_FIXED_WIDTH ((uint16_t)784u)

#endif
