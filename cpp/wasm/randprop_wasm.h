/* The core for a web page: networks and readouts by functions of numbers and pointers.
 *
 * What returns a pointer returns null where it failed, what returns an int -1; rp_error() then says
 * why. Arrays are the caller's: rows without gaps, in memory of malloc and free, which the module
 * exports. What a function made goes by the function of its kind that ends in _free. */
#ifndef RANDPROP_WASM_H
#define RANDPROP_WASM_H

#include <stdint.h>

#define RP_API __attribute__((used)) /* exported by the module */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rp_network rp_network;
typedef struct rp_features rp_features;
typedef struct rp_readout rp_readout;

/* Of the last call that failed; empty before the first. */
RP_API const char* rp_error(void);

enum rp_map { RP_DENSE, RP_CONV2D, RP_CONV1D };

/* See Stage, Dense, Conv2D and Conv1D of randprop/network.hpp. Of a Conv1D, pool_x alone counts. */
typedef struct {
  uint32_t map; /* rp_map */
  uint32_t units;
  uint32_t kernel, stride, padding, dilation; /* not of a dense one */
  uint32_t pool_y, pool_x;                    /* 0: the bits */
  uint32_t weight_bits;
  uint32_t fan_in; /* 0: all inputs */
  uint32_t bias;
} rp_stage;

/* is_sign: bits are read as -1 and +1. image: height, width, channels; zeros where there is none.
 */
RP_API rp_network* rp_network_new(uint32_t n_features, const rp_stage* stages, uint32_t n_stages,
                                  int is_sign, uint32_t seed_low, uint32_t seed_high,
                                  const uint32_t* image);
RP_API void rp_network_free(rp_network* network);

/* Bytes through the first n_stages stages, of which there must be one. */
RP_API rp_features* rp_propagate(const rp_network* network, const uint8_t* x, uint32_t n_samples,
                                 uint32_t n_features, uint32_t n_stages);
/* Bytes as features themselves, copied: what a readout of raw input reads. */
RP_API rp_features* rp_features_of_bytes(const uint8_t* x, uint32_t n_samples, uint32_t n_features);
RP_API void rp_features_free(rp_features* features);
/* Bits or bytes of a row, and whether they are bytes. Rows of bits are whole 64-bit words. */
RP_API uint32_t rp_features_width(const rp_features* features);
RP_API int rp_features_are_bytes(const rp_features* features);
RP_API const uint8_t* rp_features_row(const rp_features* features, uint32_t sample);

enum rp_kind { RP_CLASS_MEANS, RP_RIDGE, RP_DISCRIMINANT };

/* codes: classes from 0 on. alpha: of ridge and discriminant, above 0, as in their Python classes;
 * class means have none. */
RP_API rp_readout* rp_fit(int kind, const rp_features* features, const int32_t* codes,
                          uint32_t n_classes, double alpha);
RP_API void rp_readout_free(rp_readout* readout);
/* The class of each row; of those equally good, the first. */
RP_API int rp_predict(const rp_readout* readout, const rp_features* features, int32_t* codes);
/* Right predictions of all. */
RP_API double rp_accuracy(const rp_readout* readout, const rp_features* features,
                          const int32_t* codes);

#ifdef __cplusplus
}
#endif

#endif /* RANDPROP_WASM_H */
