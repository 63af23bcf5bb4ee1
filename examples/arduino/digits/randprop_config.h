/* What the runtime is compiled for: the model of model.h alone. Written by randprop. */
#ifndef RANDPROP_CONFIG_H
#define RANDPROP_CONFIG_H

#define RP_FIXED_ID 0xA949B5D9u
#define RP_SEED_LOW(model) ((uint32_t)(0x00000000u + 0u * sizeof(model)))
#define RP_SEED_HIGH(model) ((uint32_t)(0x00000000u + 0u * sizeof(model)))
#define RP_N_FEATURES(model) ((uint16_t)(64u + 0u * sizeof(model)))
#define RP_N_CLASSES(model) ((uint16_t)(10u + 0u * sizeof(model)))
#define RP_N_STAGES(model) ((uint8_t)(1u + 0u * sizeof(model)))
#define RP_ACTIVATION(model) ((uint8_t)(0u + 0u * sizeof(model)))
#define RP_CODE_BITS(model) ((uint8_t)(2u + 0u * sizeof(model)))
#define RP_MULTIPLIER(model) ((uint16_t)(1u + 0u * sizeof(model)))
#define RP_OFFSET(model) ((uint16_t)(2u + 0u * sizeof(model)))
#define RP_KIND(stage) ((uint8_t)(1u + 0u * sizeof(stage)))
#define RP_WEIGHT_BITS(stage) ((uint8_t)(1u + 0u * sizeof(stage)))
#define RP_FAN_IN(stage) ((uint8_t)(4u + 0u * sizeof(stage)))
#define RP_TAP_BYTES(stage) ((uint8_t)(1u + 0u * sizeof(stage)))
#define RP_N_UNITS(stage) ((uint16_t)(21u + 0u * sizeof(stage)))
#define RP_HEIGHT(stage) ((uint16_t)(8u + 0u * sizeof(stage)))
#define RP_WIDTH(stage) ((uint16_t)(8u + 0u * sizeof(stage)))
#define RP_CHANNELS(stage) ((uint16_t)(1u + 0u * sizeof(stage)))
#define RP_KERNEL_Y(stage) ((uint16_t)(3u + 0u * sizeof(stage)))
#define RP_KERNEL_X(stage) ((uint16_t)(3u + 0u * sizeof(stage)))
#define RP_STRIDE_Y(stage) ((uint16_t)(1u + 0u * sizeof(stage)))
#define RP_STRIDE_X(stage) ((uint16_t)(1u + 0u * sizeof(stage)))
#define RP_PADDING_Y(stage) ((uint16_t)(0u + 0u * sizeof(stage)))
#define RP_PADDING_X(stage) ((uint16_t)(0u + 0u * sizeof(stage)))
#define RP_DILATION_Y(stage) ((uint16_t)(1u + 0u * sizeof(stage)))
#define RP_DILATION_X(stage) ((uint16_t)(1u + 0u * sizeof(stage)))
#define RP_PLACES_Y(stage) ((uint16_t)(6u + 0u * sizeof(stage)))
#define RP_PLACES_X(stage) ((uint16_t)(6u + 0u * sizeof(stage)))
#define RP_WINDOWS_Y(stage) ((uint16_t)(3u + 0u * sizeof(stage)))
#define RP_WINDOWS_X(stage) ((uint16_t)(3u + 0u * sizeof(stage)))
#define RP_BIAS(stage) ((uint32_t)(0x00000000u + 0u * sizeof(stage)))
#define RP_TAPS_AT(stage) ((uint32_t)(0x00000000u + 0u * sizeof(stage)))
#define RP_DILATIONS_AT(stage) ((uint32_t)(0xFFFFFFFFu + 0u * sizeof(stage)))
#define RP_THRESHOLDS_AT(stage) ((uint32_t)(0x00000054u + 0u * sizeof(stage)))
#define RP_FIXED_STAGES 1
#define RP_FIXED_SMALL_SUMS 1
#if !defined(RP_BYTE_LANES) && defined(__GNUC__) && \
    __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define RP_FIXED_PAIRS 5u
#endif
#define RP_FIXED_NIBBLES 5
#define RP_FIXED_WHOLE_CODES 1
#if defined(RP_BYTE_LANES)
#define RP_FIXED_WORK 28u
#define RP_FIXED_SUMS 20u
#define RP_FIXED_INPUTS 64u
#define RP_FIXED_ODD 0u
#define RP_FIXED_BUFFER 115u
#else
#define RP_FIXED_WORK 28u
#define RP_FIXED_SUMS 20u
#define RP_FIXED_INPUTS 64u
#define RP_FIXED_ODD 0u
#define RP_FIXED_BUFFER 115u
#endif

#endif
