// Units that look at few inputs, 64 samples side by side: a column of bytes for each input, so that
// one addition serves 64 samples whatever the stride, dilation or position.
//
// Included inside the anonymous namespace of a kernel file; see kernels.hpp for the contracts.

// Sums of +1 and -1 inputs at one position. Pairs, since there are as many of each, or one more +1.
template <typename Sum>
inline void few_sums(const FewInputsBlock& block, size_t position, Sum* sums) {
  const uint8_t* patch = block.x + kFewSamples * block.positions[position];
  const uint32_t* minus = block.taps + block.n_plus;
  for (size_t s = 0; s < kFewSamples; ++s) {
    sums[s] = 0;
  }
  for (size_t j = 0; j < block.n_minus; ++j) {
    const uint8_t* a = patch + kFewSamples * block.taps[j];
    const uint8_t* b = patch + kFewSamples * minus[j];
    for (size_t s = 0; s < kFewSamples; ++s) {
      sums[s] = static_cast<Sum>(sums[s] + a[s] - b[s]);
    }
  }
  for (size_t j = block.n_minus; j < block.n_plus; ++j) {
    const uint8_t* a = patch + kFewSamples * block.taps[j];
    for (size_t s = 0; s < kFewSamples; ++s) {
      sums[s] = static_cast<Sum>(sums[s] + a[s]);
    }
  }
}

template <typename Sum>
inline void few_masks_of(const FewInputsBlock& block, uint64_t* masks, size_t stride) {
  const auto threshold = static_cast<Sum>(block.threshold);
  for (size_t p = 0; p < block.n_positions; ++p) {
    Sum sums[kFewSamples];
    few_sums(block, p, sums);
    uint8_t above[kFewSamples];
    for (size_t s = 0; s < kFewSamples; ++s) {
      above[s] = sums[s] > threshold;
    }
    uint64_t mask = 0;
    for (size_t byte = 0; byte < 8; ++byte) {
      uint64_t bits;
      __builtin_memcpy(&bits, above + 8 * byte, 8);
      // The lowest bits of 8 bytes, byte i to bit i of the highest byte.
      mask |= (bits * 0x0102040810204080U) >> 56 << (8 * byte);
    }
    masks[p * stride] = mask;
  }
}

template <typename Sum>
inline void few_counts_of(const FewInputsBlock& block, uint32_t* counts) {
  constexpr size_t kRun = 255;
  const auto threshold = static_cast<Sum>(block.threshold);
  for (size_t start = 0; start < block.n_positions; start += kRun) {
    const size_t stop = block.n_positions - start < kRun ? block.n_positions : start + kRun;
    uint8_t above[kFewSamples] = {};
    for (size_t p = start; p < stop; ++p) {
      Sum sums[kFewSamples];
      few_sums(block, p, sums);
      for (size_t s = 0; s < kFewSamples; ++s) {
        above[s] = static_cast<uint8_t>(above[s] + (sums[s] > threshold));
      }
    }
    for (size_t s = 0; s < kFewSamples; ++s) {
      counts[s] += above[s];
    }
  }
}

// Sums of so many inputs stay in 16 bits: 128 * 255 on either side.
constexpr size_t kNarrowInputs = 256;

inline void few_masks(const FewInputsBlock& block, uint64_t* masks, size_t stride) {
  if (block.n_plus + block.n_minus <= kNarrowInputs) {
    few_masks_of<int16_t>(block, masks, stride);
  } else {
    few_masks_of<int32_t>(block, masks, stride);
  }
}

inline void few_counts(const FewInputsBlock& block, uint32_t* counts) {
  if (block.n_plus + block.n_minus <= kNarrowInputs) {
    few_counts_of<int16_t>(block, counts);
  } else {
    few_counts_of<int32_t>(block, counts);
  }
}
