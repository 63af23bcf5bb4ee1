"""The prose of an exported folder: an example program and its README."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from randprop.model.export_c import Layout

__all__ = ["example_c", "readme"]


def example_c() -> str:
    """Return a program that checks the device, then classifies one image."""
    return """\
/* Checks that this device computes what the desktop did, then classifies one image.
 *
 *   cc -std=c99 -Os example.c randprop_micro.c && ./a.out; echo $?
 *
 * ends with 0 if all is well.
 */
#include "model.h"
#include "randprop_micro.h"
#include "self_test.h"

/* Everything that the runtime writes to; nothing is allocated. */
static uint8_t buffer[MODEL_BUFFER_SIZE];
static int32_t scores[MODEL_N_CLASSES];

/* Your sensor, flash chip or camera: input `index` of the image, 0 to 255. The inputs are asked for
 * in order, once for each 128 units and weight bit. */
static uint8_t read_input(void* context, uint16_t index) {
  (void)context;
  return index % 5u == 0 ? (uint8_t)(7u * index) : 0;
}

int main(void) {
  uint16_t label = 0;
  rp_status status = rp_self_test(&model, &self_test, buffer, sizeof buffer, scores);
  if (status != RP_OK) return (int)status;
  status = rp_classify(&model, read_input, NULL, buffer, sizeof buffer, scores, &label, NULL);
  /* label counts from 0 in the order of MODEL_CLASS_NAMES. */
  return (int)status;
}
"""


def readme(layout: Layout, n_tests: int) -> str:
    """Return what a folder holds, what it needs, and how to use it."""
    network, quantized = layout.network, layout.quantized
    sizes = " -> ".join(map(str, (network.n_features, *network.widths)))
    test_bytes = n_tests * (network.n_features + layout.row_bytes + 4 * len(quantized.classes_) + 2)
    return f"""\
# A randprop model for a microcontroller

Network {sizes}, {network.weight_bits}-bit weights drawn from seed {network.seed}, activation
{network.activation}; {len(quantized.classes_)} classes, readout of {quantized.bits}-bit codes. The
weights are computed when they are needed and take no memory.

| what | bytes |
|---|---:|
| flash, tables of the model | {layout.table_bytes:,} |
| RAM, buffer that you give (`MODEL_BUFFER_SIZE`) | {layout.buffer_size:,} |
| RAM, one score a class, if you want them | {4 * len(quantized.classes_):,} |
| RAM, the image, if you hold it ({network.n_features} inputs) | {network.n_features:,} |
| flash, self-test of {n_tests} inputs, if it is linked | {test_bytes:,} |

The code is added to this, for a network of one matrix at -Os some 1.2 KB on Cortex-M, 1.3 to 1.8 KB
on RISC-V, 2.5 KB on AVR; with it go 160 to 320 bytes of stack. `size` of your build has the last
word.

- `randprop_micro.c`, `randprop_micro.h`: the runtime, C99 and nothing else (AVR: avr-libc).
- `randprop_config.h`: makes the runtime that of this model alone, which saves flash and time. For
  several models in one program, replace it by an empty file: the runtime then runs any.
- `model.h`: the tables. Include it in one file.
- `self_test.h`: {n_tests} inputs with their bits, scores and labels; `rp_self_test()` checks them.
- `example.c`: all of it in use; compiles as it stands.

{_inputs(layout)}

Every output bit, score and label is the one that randprop computes on the desktop, where
`QuantizedReadout` gives the same scores.
"""


def _inputs(layout: Layout) -> str:
    low, high = layout.input_range
    if (low, high) == (0.0, 255.0):
        return "The inputs are the features as they come: integers from 0 to 255."
    return f"""\
The inputs are features mapped to bytes, which is for you to do on the device: x becomes the integer
nearest to 255 (x - ({low!r})) / ({high!r} - ({low!r})), those outside become 0 or 255."""
