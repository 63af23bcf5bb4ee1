/* Checks the device, classifies the images of the self-test, a label (l) each, then lets them pass
 * by row after row, as from a camera that scans: a decision (d) every half image. */
#include "board.h"
#include "model.h"
#include "randprop_micro.h"
#include "self_test.h"

static uint8_t buffer[MODEL_BUFFER_SIZE];
static int32_t scores[MODEL_N_CLASSES];
static uint8_t features[MODEL_OUTPUT_BYTES];

int main(void) {
  rp_stream stream;
  rp_status status;
  uint16_t i, label = 0;
  board_start();
  status = rp_self_test(&model, &self_test, buffer, sizeof buffer, scores, features);
  board_report('t', (uint32_t)status);
  for (i = 0; i < SELF_TEST_SAMPLES && status == RP_OK; ++i) {
    status = rp_classify_bytes(&model, self_test_inputs + (uint32_t)i * MODEL_N_FEATURES, buffer,
                               sizeof buffer, scores, &label, NULL);
    board_report('l', label);
  }
  if (status == RP_OK) {
    status = rp_start(&stream, &model, MODEL_PUSHES / 2u, buffer, sizeof buffer);
  }
  for (i = 0; i < SELF_TEST_SAMPLES * MODEL_PUSHES && status == RP_OK; ++i) {
    status = rp_push(&stream, self_test_inputs + (uint32_t)i * MODEL_PUSH_BYTES, scores, &label);
    if (label != RP_NO_LABEL) {
      board_report('d', label);
    }
  }
  board_report('z', (uint32_t)status);
  board_exit((int)status);
  return 0;
}
