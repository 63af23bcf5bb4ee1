"""Mistakes that somebody could make, each of which a test must notice.

A mutation replaces one piece of text, which stands in its file exactly once, by another. `tests`
are Python test files that judge it; the C++ tests judge every mutation of ``cpp/`` first. A
mutation that changes nothing which could be seen is `equivalent`, with the reason: it is applied
all the same, and must survive.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["MUTATIONS", "Mutation"]


class Mutation(NamedTuple):
    """One mistake."""

    file: str
    name: str
    old: str
    new: str
    tests: str = ""
    equivalent: str = ""


CORE = "test_bits.py test_network.py test_readouts.py test_ridge.py"

MUTATIONS = [
    # --- kernels -----------------------------------------------------------------------------
    Mutation(
        "cpp/kernels/plain_loops.hpp",
        "Philox with nine rounds",
        "for (int round = 0; round < 10; ++round) {",
        "for (int round = 0; round < 9; ++round) {",
    ),
    Mutation(
        "cpp/kernels/plain_loops.hpp",
        "Philox keys not advanced together",
        "k1 += 0xBB67AE85;",
        "k1 += 0xBB67AE84;",
    ),
    Mutation(
        "cpp/kernels/plain_loops.hpp",
        "transposition with a wrong mask",
        "transpose_step<4>(block, 0x0F0F0F0F0F0F0F0FU);",
        "transpose_step<4>(block, 0x0F0F0F0F0F0F0F07U);",
    ),
    Mutation(
        "cpp/kernels/plain_loops.hpp",
        "the last bytes of a row read as 7",
        "n_bytes - start < 8 ? n_bytes - start : 8);",
        "n_bytes - start < 8 ? n_bytes - start : 7);",
    ),
    Mutation(
        "cpp/kernels/plain_loops.hpp",
        "popcount without its last word",
        "for (size_t w = 0; w < n_words; ++w) sum += popcount_word(words[w]);",
        "for (size_t w = 0; w + 1 < n_words; ++w) sum += popcount_word(words[w]);",
    ),
    Mutation(
        "cpp/kernels/plain_loops.hpp",
        "Hamming distance by AND",
        "sum += popcount_word(a[w] ^ b[w]);",
        "sum += popcount_word(a[w] & b[w]);",
    ),
    Mutation(
        "cpp/kernels/plain_loops.hpp",
        "a carry of the column counters lost",
        "const uint64_t out = (a.word[i] & b.word[i]) | (half & c.word[i]);",
        "const uint64_t out = a.word[i] & b.word[i];",
    ),
    Mutation(
        "cpp/kernels/plain_loops.hpp",
        "column counters flushed after they overflowed",
        "((size_t{1} << kCountPlanes) - 1) / kRows * kRows;",
        "((size_t{1} << kCountPlanes) + 6) / kRows * kRows;",
    ),
    Mutation(
        "cpp/kernels/plain_loops.hpp",
        "the rows of the last seven not cleared",
        "          __builtin_memset(&row[r], 0, sizeof(row[r]));",
        "",
    ),
    Mutation(
        "cpp/kernels/plain_loops.hpp",
        "look-up tables without the fourth input",
        "const uint64_t with = without + 0x0101010101010101U * (quad >> 24);",
        "const uint64_t with = without + 0x0101010101010101U * (quad >> 25);",
    ),
    Mutation(
        "cpp/kernels/popcount_tiles.hpp",
        "bit-planes in the wrong order",
        "(block.n_planes - 1 - q) * plane_words;",
        "q * plane_words;",
    ),
    Mutation(
        "cpp/kernels/popcount_tiles.hpp",
        "the last run of words dropped",
        "const size_t stop = n_words - start < V::kRun ? n_words : start + V::kRun;",
        "const size_t stop = n_words - start < V::kRun ? n_words - 1 : start + V::kRun;",
    ),
    Mutation(
        "cpp/kernels/popcount_tiles.hpp",
        "rest rows of a block not computed",
        "for (; row < block.n_rows; ++row) popcount_tile<1, kGroups>(block, row, group, output);",
        "for (; row + 1 < block.n_rows; ++row) popcount_tile<1, kGroups>(block, row, group, output);",
    ),
    Mutation(
        "cpp/kernels/scalar.cpp",
        "scalar threshold with >= for >",
        "static_cast<unsigned>(four > row_term + unit_terms[i]) << i;",
        "static_cast<unsigned>(four >= row_term + unit_terms[i]) << i;",
    ),
    Mutation(
        "cpp/kernels/avx2.cpp",
        "AVX2 byte counters run one word too long",
        "static constexpr size_t kRun = 31;",
        "static constexpr size_t kRun = 32;",
    ),
    Mutation(
        "cpp/kernels/avx2.cpp",
        "16-bit sums of AVX2 run over",
        "constexpr size_t kRun = 127;",
        "constexpr size_t kRun = 130;",
    ),
    Mutation(
        "cpp/kernels/avx2.cpp",
        "AVX2 sums not added to those of the pass before",
        "const bool add = block.accumulate || start != 0;",
        "const bool add = start != 0;",
    ),
    Mutation(
        "cpp/kernels/avx2.cpp",
        "AVX2 sums of pairs in another order",
        "_mm256_permute4x64_epi64(pairs, 0xD8)",
        "_mm256_permute4x64_epi64(pairs, 0xE4)",
    ),
    Mutation(
        "cpp/kernels/avx512.cpp",
        "AVX-512 threshold with >= for >",
        "return _mm512_cmpgt_epi64_mask(_mm512_slli_epi64(sum, 2), bound);",
        "return _mm512_cmpge_epi64_mask(_mm512_slli_epi64(sum, 2), bound);",
    ),
    Mutation(
        "cpp/kernels/avx512.cpp",
        "AVX-512 tail mask one byte short",
        "(__mmask64{1} << left) - 1;",
        "(__mmask64{1} << (left - 1)) - 1;",
    ),
    Mutation(
        "cpp/kernels/avx512.cpp",
        "five rest rows computed as four",
        "dot_tile<5>(block, row);",
        "dot_tile<4>(block, row);",
    ),
    Mutation(
        "cpp/kernels/avx512.cpp",
        "tables of AVX-512 with inputs swapped",
        "{0xAAAAAAAAAAAAAAAA, 0xCCCCCCCCCCCCCCCC, 0xF0F0F0F0F0F0F0F0};",
        "{0xCCCCCCCCCCCCCCCC, 0xAAAAAAAAAAAAAAAA, 0xF0F0F0F0F0F0F0F0};",
    ),
    Mutation(
        "cpp/kernels/lut_tiles.hpp",
        "byte sums of look-ups widened one too late",
        "const size_t run = 255 / (T::kInputs * ((1U << nibble_bits) - 1));",
        "const size_t run = 255 / (T::kInputs * ((1U << nibble_bits) - 1)) + 1;",
    ),
    Mutation(
        "cpp/kernels/lut_tiles.hpp",
        "nibbles of look-ups in the wrong order",
        "static_cast<unsigned>((n_nibbles - 1 - nibble) * kNibbleBits);",
        "static_cast<unsigned>(nibble * kNibbleBits);",
    ),
    Mutation(
        "cpp/kernels/lut_tiles.hpp",
        "units past the last not masked",
        "unit + u >= block.n_units",
        "unit + u > block.n_units",
    ),
    Mutation(
        "cpp/kernels/amx.cpp",
        "AMX: inputs of the second rows not advanced",
        "_tile_loadd(5, x_next + 4 * quad, block.x_stride);",
        "_tile_loadd(5, x_next, block.x_stride);",
    ),
    Mutation(
        "cpp/kernels/amx.cpp",
        "AMX: rest rows written over the first",
        "rest.sums += row * kPanelUnits;",
        "",
    ),
    # --- dispatch and threads ----------------------------------------------------------------
    Mutation(
        "cpp/kernels/dispatch.cpp",
        "an unsupported level is given out",
        "if (level.supported) return level.kernels;",
        "return level.kernels;",
    ),
    Mutation(
        "cpp/kernels/dispatch.cpp",
        "the level of the environment is ignored",
        "if (wanted != nullptr && *wanted != '\\0') {",
        "if (wanted == nullptr) {",
    ),
    Mutation(
        "cpp/kernels/dispatch.cpp",
        "AVX-512 without the operating system's leave",
        "const bool os_avx512 = (xcr0_low & 0xE6U) == 0xE6U;",
        "const bool os_avx512 = (xcr0_low & 0xE6U) != 0;",
        equivalent="seen only where the kernel does not save the state of AVX-512, which no test "
        "can bring about; read by eye",
    ),
    Mutation(
        "cpp/src/threads.cpp",
        "a chunk past the last is worked on",
        "if (chunk >= n_chunks) return;",
        "if (chunk > n_chunks) return;",
    ),
    Mutation(
        "cpp/src/threads.cpp",
        "an exception of a worker is lost",
        "if (run.error) std::rethrow_exception(run.error);",
        "",
    ),
    Mutation(
        "cpp/src/threads.cpp",
        "Ctrl-C is not asked for",
        "if ((*worker.interrupted)()) throw Interrupted();",
        "(*worker.interrupted)();",
    ),
    Mutation(
        "cpp/src/network.cpp",
        "prepared weights published without an order",
        "layout.compare_exchange_strong(kept, made.get(), std::memory_order_acq_rel)",
        "layout.compare_exchange_strong(kept, made.get(), std::memory_order_relaxed)",
        equivalent="x86-64 publishes stores in order whatever is asked for; the thread sanitizer "
        "(.ci/sanitize) reports it",
    ),
    Mutation(
        "cpp/src/propagate.cpp",
        "blocks of rows overlap the end",
        "return {row0, std::min(rows, n_rows - row0), word0, std::min(word0 + words, n_words)};",
        "return {row0, rows, word0, std::min(word0 + words, n_words)};",
    ),
    # --- weights and packed bits --------------------------------------------------------------
    Mutation(
        "cpp/src/prepared.cpp",
        "the second half of a Philox block taken for the first",
        "const std::uint32_t* low = random + 2 * half * kernels::kBatchInputs;",
        "const std::uint32_t* low = random;",
    ),
    Mutation(
        "cpp/src/prepared.cpp",
        "inputs past the last have weights",
        "block[i] = i < present ?",
        "block[i] = i <= present ?",
    ),
    Mutation(
        "cpp/src/prepared.cpp",
        "the sign term of a unit is off",
        "terms[block * block_units + unit] = sums[unit] - offset;",
        "terms[block * block_units + unit] = sums[unit] + offset;",
    ),
    Mutation(
        "cpp/src/prepared.cpp",
        "units of padding may be set",
        "terms.wide[unit] = unit < m.n_units ? values[unit] : never;",
        "terms.wide[unit] = unit < m.n_units ? values[unit] : -never;",
    ),
    Mutation(
        "cpp/src/runs.hpp",
        "the tail of the last word is left as it was",
        "out.row(block.row0 + r)[block.word1 - 1] = 0;",
        ";",
    ),
    Mutation(
        "cpp/src/runs.hpp",
        "24-bit sums carried at 8 bits of 9",
        "total = 256 * total + sums_",
        "total = 512 * total + sums_",
    ),
    Mutation(
        "cpp/src/bit_matrix.cpp",
        "a size that overflows is allocated",
        "n_samples > std::numeric_limits<std::size_t>::max() / n_words",
        "n_samples > std::numeric_limits<std::size_t>::max()",
    ),
    Mutation(
        "cpp/src/convolve.cpp",
        "patches start a padding late",
        "(y + g_.conv.padding) * row_words_,",
        "y * row_words_,",
        tests="test_conv.py",
    ),
    # --- readouts ----------------------------------------------------------------------------
    Mutation(
        "cpp/src/centroids.cpp",
        "ties of the last bit rounded up",
        "if (half && (sticky || (bits & 1) != 0)) ++bits;",
        "if (half) ++bits;",
        tests=CORE,
    ),
    Mutation(
        "cpp/src/centroids.cpp",
        "the sticky bit forgets the remainder",
        "bool sticky = rest != 0;",
        "bool sticky = false;",
        tests=CORE,
    ),
    Mutation(
        "cpp/src/centroids.cpp",
        "a code that is too large is counted",
        "codes[s] < 0 || static_cast<std::size_t>(codes[s]) >= n_classes",
        "codes[s] < 0 || static_cast<std::size_t>(codes[s]) > n_classes",
        tests=CORE,
    ),
    Mutation(
        "cpp/src/centroids.cpp",
        "more counts than samples are taken",
        "if (count < 0 || count > n) {",
        "if (count < 0) {",
        tests=CORE,
    ),
    Mutation(
        "cpp/src/centroids.cpp",
        "distances lose the factor 2",
        "n * n * ones + squares[c] - 2 * n * inner;",
        "n * n * ones + squares[c] - n * inner;",
    ),
    Mutation(
        "cpp/src/neighbors.cpp",
        "ties of neighbours to the highest index",
        "if (!(found < heap.front())) return;",
        "if (heap.front() < Neighbor{distance, 0}) return;",
        tests=CORE,
    ),
    Mutation(
        "cpp/src/neighbors.cpp",
        "the bound of neighbours one too tight",
        "row_terms_[q] = 2 * (ones_[q] - worst);",
        "row_terms_[q] = 2 * (ones_[q] - worst + 1);",
        tests=CORE,
    ),
    Mutation(
        "cpp/src/gram.cpp",
        "the Gram matrix is not made symmetric",
        "for (std::size_t j = 0; j < i; ++j) gram[i * n + j] = gram[j * n + i];",
        "for (std::size_t j = 0; j + 1 < i; ++j) gram[i * n + j] = gram[j * n + i];",
        tests=CORE,
    ),
    Mutation(
        "cpp/src/gram.cpp",
        "coefficients' shift comes back once too rarely",
        "sums[o] + low * ones + bias[o];",
        "sums[o] + low * (ones - 1) + bias[o];",
        tests=CORE,
    ),
    Mutation(
        "python/randprop/readouts.py",
        "classes without vectors are near",
        "cosines[:, self.n_samples_ == 0] = -np.inf",
        "cosines[:, self.n_samples_ == 0] = 0",
        tests="test_readouts.py test_model_files.py",
    ),
    Mutation(
        "python/randprop/readouts.py",
        "class means rounded up at the half",
        "codes = (2 * top * self.counts_ + n - 1) // (2 * n)",
        "codes = (2 * top * self.counts_ + n) // (2 * n)",
        tests="test_quantized.py",
    ),
    Mutation(
        "python/randprop/readouts.py",
        "merging forgets the samples of the other",
        "n_samples[rows] += other.n_samples_",
        "n_samples[rows] = other.n_samples_",
        tests="test_readouts.py",
    ),
    Mutation(
        "python/randprop/ridge.py",
        "ridge keeps the solution of another alpha",
        "if self._solution is None or self._solution[0] != alpha:",
        "if self._solution is None:",
        tests="test_ridge.py",
    ),
    # --- readers -----------------------------------------------------------------------------
    Mutation(
        "cpp/src/model_file.cpp",
        "arrays may reach past the file",
        'const std::size_t last = offsets[1].as_size("data_offsets", size);',
        'const std::size_t last = offsets[1].as_size("data_offsets", size + 8);',
    ),
    Mutation(
        "cpp/src/model_file.cpp",
        "the sum of a model is not compared",
        "if (text.substr(0, space) != sum.hex()) {",
        "if (text.substr(0, space).empty()) {",
    ),
    Mutation(
        "cpp/src/model_file.cpp",
        "a header longer than the file is read",
        "header_size > largest_header || header_size > size - 8",
        "header_size > largest_header || header_size > size",
    ),
    Mutation(
        "python/randprop/model_files.py",
        "more counts than samples are loaded",
        "if (counts > n_samples[:, None]).any():",
        "if (counts > n_samples[:, None] + 1).any():",
        tests="test_model_files.py",
    ),
    Mutation(
        "python/randprop/model_files.py",
        "a newer format is read as if it were known",
        "if not isinstance(version, int) or version > FORMAT_VERSION:",
        "if not isinstance(version, int) or version > FORMAT_VERSION + 1:",
        tests="test_model_files.py",
    ),
    Mutation(
        "python/randprop/datasets/_idx.py",
        "IDX: any type is taken for bytes",
        "if kind != _UNSIGNED_BYTE:",
        "if kind == 0:",
        tests="test_datasets.py",
    ),
    Mutation(
        "python/randprop/datasets/_idx.py",
        "IDX: members may state another length",
        "if len(part) != sizes[i]:",
        "if len(part) < sizes[i]:",
        tests="test_datasets.py",
        equivalent="zlib compares the length that a member states with what came before this line "
        "does, which stands for lengths beyond 32 bits that the limit on sizes excludes",
    ),
    Mutation(
        "python/randprop/datasets/_idx.py",
        "IDX: bytes too many are left out",
        "if len(content) != expected:",
        "if len(content) < expected:",
        tests="test_datasets.py",
    ),
    Mutation(
        "python/randprop/datasets/_cifar.py",
        "CIFAR: label 10 is taken",
        "if labels.max() > 9:",
        "if labels.max() > 10:",
        tests="test_datasets.py",
    ),
    Mutation(
        "python/randprop/datasets/_fetch.py",
        "a download is kept whatever its sum",
        "if digest.hexdigest() != sha256:",
        "if not digest.hexdigest():",
        tests="test_datasets.py",
    ),
    Mutation(
        "python/randprop/datasets/_fetch.py",
        "a failed download is left behind",
        "Path(temporary).unlink(missing_ok=True)",
        "pass",
        tests="test_datasets.py",
    ),
    Mutation(
        "python/randprop/_store.py",
        "a store of other data is used",
        "if found != digest:",
        "if not found:",
        tests="test_sweeps.py",
    ),
    Mutation(
        "python/randprop/bits.py",
        "bits past the last are not looked for",
        "if tail and np.any(words[:, -1] >> np.uint64(tail)):",
        "if tail and np.any(words[:, -1] >> np.uint64(tail) >> np.uint64(1)):",
        tests="test_bits.py",
    ),
    # --- the microcontroller runtime -----------------------------------------------------------
    Mutation(
        "cpp/micro/randprop_micro.c",
        "micro: counters add without their carries",
        "*b++ = (x & y) | (s & half);",
        "*b++ = x & y;",
        tests="test_micro.py",
    ),
    Mutation(
        "cpp/micro/randprop_micro.c",
        "micro: a waiting carry is forgotten",
        "const rp_lane y = *waiting++ != 0 ? plane[RP_GROUP_BYTES / sizeof(rp_lane)] : 0u;",
        "const rp_lane y = *waiting++ == 2 ? plane[RP_GROUP_BYTES / sizeof(rp_lane)] : 0u;",
        tests="test_micro.py",
    ),
    Mutation(
        "cpp/micro/randprop_micro.c",
        "micro: >= for > in the threshold",
        "rp_lane carry = 0, above = 0;",
        "rp_lane carry = 0, above = (rp_lane)~(rp_lane)0;",
        tests="test_micro.py",
    ),
    Mutation(
        "cpp/micro/randprop_micro.c",
        "micro: inputs of 255 taken for 256",
        "x = (uint8_t)-x;",
        "x = (uint8_t)(-x & ~1u);",
        tests="test_micro.py",
    ),
    Mutation(
        "cpp/micro/randprop_micro.c",
        "micro: sign read as 0 and 1",
        "is_signed = RP_ACTIVATION(model) == RP_SIGN ? 1u : 0u;",
        "is_signed = 0u;",
        tests="test_micro.py",
    ),
    Mutation(
        "cpp/micro/randprop_micro.c",
        "micro: units past the last stay set",
        "*row = (uint8_t)(*row & (0xFFu >> (left & 7u)));",
        "*row = (uint8_t)(*row & (0x1FFu >> (left & 7u)));",
        tests="test_micro.py",
    ),
    Mutation(
        "cpp/micro/randprop_micro.c",
        "micro: ties to the last class",
        "if (c == 0 || score > best) {",
        "if (c == 0 || score >= best) {",
        tests="test_micro.py",
    ),
    Mutation(
        "cpp/micro/randprop_micro.c",
        "micro: rows of the hidden layers share a buffer",
        "in = out + (RP_N_MATRICES(model) > 1u ? RP_ROW_SIZE(widest) : 0u);",
        "in = out;",
        tests="test_micro.py",
    ),
    Mutation(
        "cpp/micro/randprop_micro.c",
        "micro: a model with an offset beyond its codes",
        "if (model->offset > largest) return RP_ERROR_MODEL;",
        "",
        tests="test_micro.py",
    ),
    Mutation(
        "cpp/micro/randprop_micro.c",
        "micro: a plane too few for the largest sum",
        "for (; largest != 0; largest >>= 1) ++length;",
        "for (; largest > 1; largest >>= 1) ++length;",
        tests="test_micro.py",
    ),
    Mutation(
        "cpp/micro/randprop_micro.c",
        "micro: the first Philox round skipped for later inputs",
        "block[0] = start[0] ^ k;",
        "block[0] = start[0] ^ (k & 0x7Fu);",
        tests="test_micro.py",
    ),
]
