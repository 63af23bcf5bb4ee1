// Class means of features, kept as integers, and exact squared distances to them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "randprop/bit_matrix.hpp"
#include "randprop/threads.hpp"

namespace randprop {

// The largest number of samples in one class: keeps every part of the distances in 128 bits.
constexpr std::int64_t max_class_samples = std::int64_t{1} << 34;
// The most bytes of a row that distances are computed for.
constexpr std::size_t max_byte_features = static_cast<std::size_t>(
    std::min(std::uint64_t{1} << 34, std::uint64_t{std::numeric_limits<std::size_t>::max()}));

// Adds each row to counts[class, feature] and 1 to n_samples[class], both row-major and int64.
// codes[s] in [0, n_classes) is the class of row s. Throws std::invalid_argument on a code out of
// range, and where n_samples would leave [0, max_class_samples] or a count [0, max_class_samples],
// of bytes 255 times that; nothing is changed then.
void add_class_counts(BitView x, const std::int32_t* codes, std::size_t n_classes,
                      std::int64_t* counts, std::int64_t* n_samples,
                      const RunOptions& options = {});
void add_class_counts(ByteView x, const std::int32_t* codes, std::size_t n_classes,
                      std::int64_t* counts, std::int64_t* n_samples,
                      const RunOptions& options = {});

// distances[s, c] = the correctly rounded float64 of
// (n^2 sum of x^2 - 2 n sum over i of x_i counts[c, i] + sum of counts[c]^2) / n^2,
// n = n_samples[c]; infinity for a class without samples. Throws std::invalid_argument when a
// count lies outside [0, n], for bytes [0, 255 n], n outside [0, max_class_samples], or rows have
// more than max_byte_features bytes.
void centroid_distances(BitView x, const std::int64_t* counts, const std::int64_t* n_samples,
                        std::size_t n_classes, double* distances, const RunOptions& options = {});
void centroid_distances(ByteView x, const std::int64_t* counts, const std::int64_t* n_samples,
                        std::size_t n_classes, double* distances, const RunOptions& options = {});

}  // namespace randprop
