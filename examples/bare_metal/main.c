/* Checks the device, then classifies the images of the self-test and reports label by label. */
#include "board.h"
#include "model.h"
#include "randprop_micro.h"
#include "self_test.h"

static uint8_t buffer[MODEL_BUFFER_SIZE];
static int32_t scores[MODEL_N_CLASSES];

int main(void) {
  uint16_t i;
  board_start();
  board_report('t', (uint32_t)rp_self_test(&model, &self_test, buffer, sizeof buffer, scores));
  for (i = 0; i < SELF_TEST_SAMPLES; ++i) {
    uint16_t label = 0;
    const rp_status status =
        rp_classify_bytes(&model, self_test_images + (uint32_t)i * MODEL_N_FEATURES, buffer,
                          sizeof buffer, scores, &label, NULL);
    if (status != RP_OK) {
      return (int)status;
    }
    board_report('l', label);
  }
  board_exit(0);
  return 0;
}
