// Recognises handwritten digits of 8 x 8 pixels on an Arduino Uno, with no weights stored.
//
// The other files of this folder are what
//   randprop export c --dataset digits --width 128 --bits 2 --out digits
// writes. Open the folder in the Arduino IDE, upload, and look at the serial monitor at 115200 baud.

#include "model.h"
#include "self_test.h"

static uint8_t buffer[MODEL_BUFFER_SIZE];
static int32_t scores[MODEL_N_CLASSES];
static const char* const names[] = MODEL_CLASS_NAMES;

// Input `index` of image `context` of the self-test, which stays in flash. Yours may come from a
// sensor: the inputs are asked for in order, once for each 128 units and weight bit.
static uint8_t read_input(void* context, uint16_t index) {
  const uint16_t image = *static_cast<const uint16_t*>(context);
  return pgm_read_byte(self_test_images + image * MODEL_N_FEATURES + index);
}

void setup() {
  Serial.begin(115200);
  const rp_status status = rp_self_test(&model, &self_test, buffer, sizeof buffer, scores);
  Serial.println(status == RP_OK ? F("self-test passed") : F("self-test FAILED"));
}

void loop() {
  static uint16_t image = 0;
  uint16_t label = 0;
  const unsigned long started = micros();
  const rp_status status =
      rp_classify(&model, read_input, &image, buffer, sizeof buffer, scores, &label, NULL);
  const unsigned long took = micros() - started;
  if (status == RP_OK) {
    Serial.print(F("looks like a "));
    Serial.print(names[label]);
    Serial.print(F(", in microseconds: "));
    Serial.println(took);
  }
  image = (image + 1) % SELF_TEST_SAMPLES;
  delay(1000);
}
