/* Checks that this device computes what the desktop did, then classifies one image.
 *
 *   cc -std=c99 -Os example.c ${p}randprop_micro.c && ./a.out; echo $$?
 *
 * ends with 0 if all is well. Written by randprop; an export replaces it, so copy what you change.
 * In an Arduino sketch, whose setup() and loop() are the program, nothing of it is compiled.
 */
#include "${p}randprop_micro.h"

#ifndef ARDUINO
#include "${p}model.h"
#include "${p}self_test.h"

/* Everything that the runtime writes to; nothing is allocated. */
static uint8_t buffer[${P}MODEL_BUFFER_SIZE];
static int32_t scores[${P}MODEL_N_CLASSES];
static uint8_t features[${P}MODEL_OUTPUT_BYTES]; /* the self-test alone needs it */

/* Your sensor, flash chip or camera: input `index` of the sample, 0 to $top. They are asked for in
 * order, $asked. */
static uint8_t read_input(void* context, uint16_t index) {
  (void)context;
  return index % 5u == 0 ? (uint8_t)(${top}u & (7u * index)) : 0;
}

int main(void) {
  uint16_t label = 0;
  ${p}rp_status status =
      ${p}rp_self_test(&${p}model, &${p}self_test, buffer, sizeof buffer, scores, features);
  if (status != ${P}RP_OK) return (int)status;
  status = ${p}rp_classify(&${p}model, read_input, NULL, buffer, sizeof buffer, scores, &label,
                         NULL);
  /* label counts from 0 in the order of ${P}MODEL_CLASS_NAMES. */
  return (int)status;
}
#endif
