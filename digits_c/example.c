/* Checks that this device computes what the desktop did, then classifies one image.
 *
 *   cc -std=c99 -Os example.c randprop_micro.c && ./a.out; echo $?
 *
 * ends with 0 if all is well. Written by randprop; an export replaces it, so copy what you change.
 * In an Arduino sketch, whose setup() and loop() are the program, nothing of it is compiled.
 */
#include "randprop_micro.h"

#ifndef ARDUINO
#include "model.h"
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
  rp_status status =
      rp_self_test(&model, &self_test, buffer, sizeof buffer, scores);
  if (status != RP_OK) return (int)status;
  status = rp_classify(&model, read_input, NULL, buffer, sizeof buffer, scores, &label, NULL);
  /* label counts from 0 in the order of MODEL_CLASS_NAMES. */
  return (int)status;
}
#endif
