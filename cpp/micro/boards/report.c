/* Classifies every sample of self_test.h from ordinary memory, as after a camera; or straight from
 * its table where the model's buffer holds it, or with REPORT_STREAM. It reports, a letter and a
 * hexadecimal number a line: the label (l), each score (s), each byte that the last stage puts out
 * (b), ticks (c), those with no output kept; at the end the bytes of stack that were used (k), what
 * rp_self_test finds (t), and z. A status that is not RP_OK is reported as e. With REPORT_SCORES,
 * where RAM has no room for what the last stage puts out, b and t are left out. */
#include "board.h"
#include "model.h"
#include "randprop_micro.h"
#include "self_test.h"

static uint8_t buffer[MODEL_BUFFER_SIZE];
static int32_t scores[MODEL_N_CLASSES];
#if defined(REPORT_SCORES)
static uint8_t* const features = NULL;
#else
static uint8_t features[MODEL_OUTPUT_BYTES];
#endif

static uint8_t read_image(void* context, uint16_t index) {
  const uint8_t* from = (const uint8_t*)context + index;
#if defined(__AVR__)
  return pgm_read_byte(from);
#else
  return *from;
#endif
}

#if !defined(REPORT_STREAM) && !MODEL_HOLDS_SAMPLE
static uint8_t image[MODEL_N_FEATURES];
#endif

int main(void) {
  uint16_t s, i, label;
  rp_status status = RP_OK;
  board_start();
  for (s = 0; s < SELF_TEST_SAMPLES && status == RP_OK; ++s) {
    uint32_t started, ended;
    void* const table = (void*)(uintptr_t)(self_test_inputs + (uint32_t)s * MODEL_N_FEATURES);
#if defined(REPORT_STREAM) || MODEL_HOLDS_SAMPLE
    started = board_ticks();
    status = rp_classify(&model, read_image, table, buffer, sizeof buffer, NULL, &label, NULL);
#else
    for (i = 0; i < MODEL_N_FEATURES; ++i) {
      image[i] = read_image(table, i);
    }
    started = board_ticks();
    status = rp_classify_bytes(&model, image, buffer, sizeof buffer, NULL, &label, NULL);
#endif
    ended = board_ticks();
    if (status == RP_OK) {
      status =
          rp_classify(&model, read_image, table, buffer, sizeof buffer, scores, &label, features);
    }
    board_report('l', label);
    for (i = 0; i < MODEL_N_CLASSES; ++i) {
      board_report('s', (uint32_t)scores[i]);
    }
#if !defined(REPORT_SCORES)
    for (i = 0; i < MODEL_OUTPUT_BYTES; ++i) {
      board_report('b', features[i]);
    }
#endif
    board_report('c', ended - started);
  }
  if (status != RP_OK) {
    board_report('e', (uint32_t)status);
    return 1;
  }
  board_report('k', board_stack_used());
#if !defined(REPORT_SCORES)
  board_report('t',
               (uint32_t)rp_self_test(&model, &self_test, buffer, sizeof buffer, scores, features));
#endif
  board_report('z', 0);
  board_exit(0);
  return 0;
}
