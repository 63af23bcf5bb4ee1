/* The smallest program that classifies: an image in RAM, or one input after the other from a
 * function where the model's buffer holds them, or with BARE_STREAM; and one label out. With
 * BARE_EMPTY the same without the runtime; what the linker makes of the two differs by what the
 * runtime costs. */
#include "board.h"
#if !defined(BARE_EMPTY)
#include "model.h"
#include "randprop_micro.h"

static uint8_t buffer[MODEL_BUFFER_SIZE];
#if MODEL_HOLDS_SAMPLE && !defined(BARE_STREAM)
#define BARE_STREAM 1
#endif

static uint8_t stroke(uint16_t index) { return index % 5u == 0 ? (uint8_t)(7u * index) : 0; }

#if defined(BARE_STREAM)
static uint8_t read_input(void* context, uint16_t index) {
  (void)context;
  return stroke(index);
}
#else
static uint8_t image[MODEL_N_FEATURES];
#endif
#endif

int main(void) {
  uint16_t label = 0;
  uint8_t status = 0;
  board_start();
#if defined(BARE_EMPTY)
#elif defined(BARE_STREAM)
  status =
      (uint8_t)rp_classify(&model, read_input, NULL, buffer, sizeof buffer, NULL, &label, NULL);
#else
  {
    uint16_t i;
    for (i = 0; i < MODEL_N_FEATURES; ++i) {
      image[i] = stroke(i);
    }
  }
  status = (uint8_t)rp_classify_bytes(&model, image, buffer, sizeof buffer, NULL, &label, NULL);
#endif
  board_report('l', label);
  board_report('e', status);
  board_report('k', board_stack_used());
  board_report('z', 0);
  board_exit(0);
  return 0;
}
