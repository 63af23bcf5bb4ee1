// Class means of bit vectors, kept as integers, and exact squared distances to them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "randprop/bit_matrix.hpp"
#include "randprop/threads.hpp"

namespace randprop {

// The largest number of samples in one class: keeps every sum of the distances in 64 bits.
constexpr std::int64_t max_class_samples = std::int64_t{1} << 34;

// Adds each row of bits to counts[class, bit] and n_samples[class], both row-major and int64.
// codes[s] in [0, n_classes) is the class of row s. Throws std::invalid_argument on a code out of
// range, before anything is changed.
void add_class_counts(BitView bits, const std::int32_t* codes, std::size_t n_classes,
                      std::int64_t* counts, std::int64_t* n_samples,
                      const RunOptions& options = {});

// distances[s, c] = the correctly rounded float64 of
// (n^2 popcount(x) - 2 n sum over set bits i of counts[c, i] + sum counts[c]^2) / n^2,
// n = n_samples[c]; infinity for a class without samples. Throws std::invalid_argument when a
// count lies outside [0, n] or n outside [0, max_class_samples].
void centroid_distances(BitView bits, const std::int64_t* counts, const std::int64_t* n_samples,
                        std::size_t n_classes, double* distances, const RunOptions& options = {});

}  // namespace randprop
