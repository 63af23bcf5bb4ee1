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

/* Bytes as features, copied: what a network or a readout of raw input reads. */
RP_API rp_features* rp_features_of_bytes(const uint8_t* x, uint32_t n_samples, uint32_t n_features);
/* Bits that say whether a byte is above a level. */
RP_API rp_features* rp_features_of_bits(const uint8_t* x, uint32_t n_samples, uint32_t n_features,
                                        uint32_t level);
/* Features through stages first to last - 1, of which there must be one: bytes or bits where first
 * is 0, else bits. */
RP_API rp_features* rp_propagate(const rp_network* network, const rp_features* x, uint32_t first,
                                 uint32_t last);
RP_API void rp_features_free(rp_features* features);
/* Bits or bytes of a row, and whether they are bytes. Rows of bits are whole 64-bit words. */
RP_API uint32_t rp_features_width(const rp_features* features);
RP_API int rp_features_are_bytes(const rp_features* features);
RP_API const uint8_t* rp_features_row(const rp_features* features, uint32_t sample);

enum rp_kind { RP_CLASS_MEANS, RP_RIDGE, RP_DISCRIMINANT, RP_NEIGHBORS };

/* A readout of `width` bits or bytes without samples. */
RP_API rp_readout* rp_readout_new(int kind, uint32_t width, int reads_bytes, uint32_t n_classes);
RP_API void rp_readout_free(rp_readout* readout);
/* codes: classes from 0 on. Memory of neighbours grows with the samples, that of others does not.
 */
RP_API int rp_readout_add(rp_readout* readout, const rp_features* features, const int32_t* codes);
/* What ridge and discriminant need before they predict, and after each addition. alpha: above 0,
 * as in their Python classes. Others have nothing to solve. */
RP_API int rp_readout_solve(rp_readout* readout, double alpha);
/* Of what was added: sums of features by class and samples by class; of ridge and discriminant
 * the sums of products of features and, where solved, coefficients by class and intercepts. Null
 * where the kind has none. They hold until the readout changes. */
RP_API const int64_t* rp_readout_counts(const rp_readout* readout);
RP_API const int64_t* rp_readout_n_samples(const rp_readout* readout);
RP_API const int64_t* rp_readout_gram(const rp_readout* readout);
RP_API const double* rp_readout_coef(const rp_readout* readout);
RP_API const double* rp_readout_intercept(const rp_readout* readout);
/* The class of each row; of those equally good, the first. Of neighbours that of the nearest. */
RP_API int rp_predict(const rp_readout* readout, const rp_features* features, int32_t* codes);
/* scores[row, class]: the larger, the better; of class means minus the squared distance. Neighbours
 * have none. */
RP_API int rp_scores(const rp_readout* readout, const rp_features* features, double* scores);

#ifdef __cplusplus
}
#endif

#endif /* RANDPROP_WASM_H */
