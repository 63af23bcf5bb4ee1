/* The smallest program that classifies: an image in RAM, one label out. With BARE_EMPTY the same
 * without the runtime; what the linker makes of the two differs by what the runtime costs. */
#include "board.h"
#if !defined(BARE_EMPTY)
#include "model.h"
#include "randprop_micro.h"

static uint8_t image[MODEL_N_FEATURES];
static uint8_t buffer[MODEL_BUFFER_SIZE];
#endif

int main(void) {
  uint16_t label = 0;
  uint8_t status = 0;
  board_start();
#if !defined(BARE_EMPTY)
  {
    uint16_t i;
    for (i = 0; i < MODEL_N_FEATURES; ++i) image[i] = i % 5u == 0 ? (uint8_t)(7u * i) : 0;
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
