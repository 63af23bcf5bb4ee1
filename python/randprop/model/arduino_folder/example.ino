// Classifies the inputs of the self-test on the board: upload it, and open the serial monitor at
// 115200 baud.
//
// Written by randprop; an export replaces it, so save what you change under another name.

#include <${p}model.h>
#include <${p}self_test.h>

static uint8_t buffer[${P}MODEL_BUFFER_SIZE];
static int32_t scores[${P}MODEL_N_CLASSES];
static uint8_t features[${P}MODEL_OUTPUT_BYTES];
static const char* const names[] = ${P}MODEL_CLASS_NAMES;

// Input `index` of image `context` of the self-test, which stays in flash. Yours may come from a
// sensor: the inputs are asked for in order, $asked.
static uint8_t read_input(void* context, uint16_t index) {
  const uint16_t image = *static_cast<const uint16_t*>(context);
  return pgm_read_byte(${p}self_test_inputs + (uint32_t)image * ${P}MODEL_N_FEATURES + index);
}

void setup() {
  Serial.begin(115200);
  const ${p}rp_status status =
      ${p}rp_self_test(&${p}model, &${p}self_test, buffer, sizeof buffer, scores,
                       features);
  Serial.println(status == ${P}RP_OK ? F("self-test passed") : F("self-test FAILED"));
}

void loop() {
  static uint16_t image = 0;
  uint16_t label = 0;
  const unsigned long started = micros();
  const ${p}rp_status status = ${p}rp_classify(&${p}model, read_input, &image, buffer,
                                               sizeof buffer, scores, &label, NULL);
  const unsigned long took = micros() - started;
  if (status == ${P}RP_OK) {
    Serial.print(F("looks like "));
    Serial.print(names[label]);
    Serial.print(F(", in microseconds: "));
    Serial.println(took);
  } else {
    Serial.print(F("error "));
    Serial.println(static_cast<int>(status));
  }
  image = (image + 1) % ${P}SELF_TEST_SAMPLES;
  delay(1000);
}
