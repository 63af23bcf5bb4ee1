// Recognises handwritten digits of 8 x 8 pixels on an Arduino Uno, with no weights stored.
//
// The other files of this folder are what
//   randprop export c --dataset digits --stages images --width 192 --bits 2 --out digits
// writes. Open the folder in the Arduino IDE, upload, and look at the serial monitor at 115200 baud.
//
// Send a line of 64 characters, a pixel each, row by row: 0 to 9 and a to g stand for 0, the paper,
// to 16, the ink. It answers with a line, the digit and the microseconds that it took; send the next
// when it has come.

#include "inputs.h"
#include "model.h"
#include "self_test.h"

static uint8_t buffer[MODEL_BUFFER_SIZE];
static int32_t scores[MODEL_N_CLASSES];
static const char* const names[] = MODEL_CLASS_NAMES;

static void answer(rp_read read, void* context) {
  uint16_t label = 0;
  const unsigned long started = micros();
  const rp_status status =
      rp_classify(&model, read, context, buffer, sizeof buffer, scores, &label, NULL);
  const unsigned long took = micros() - started;
  if (status != RP_OK) {
    Serial.print(F("error "));
    Serial.println(static_cast<int>(status));
    return;
  }
  Serial.print(F("looks like a "));
  Serial.print(names[label]);
  Serial.print(F(", in microseconds: "));
  Serial.println(took);
}

// Input `index` of an image of the self-test, which stays in flash.
static uint8_t read_test(void* context, uint16_t index) {
  const uint16_t image = *static_cast<const uint16_t*>(context);
  return pgm_read_byte(self_test_inputs + image * MODEL_N_FEATURES + index);
}

// Pixel `index` of the line that came, as the byte that the model reads.
static uint8_t read_line(void* context, uint16_t index) {
  return model_input_integer(static_cast<const uint8_t*>(context)[index], index);
}

void setup() {
  static uint8_t features[MODEL_OUTPUT_BYTES];
  Serial.begin(115200);
  const rp_status status =
      rp_self_test(&model, &self_test, buffer, sizeof buffer, scores, features);
  Serial.println(status == RP_OK ? F("self-test passed") : F("self-test FAILED"));
  for (uint16_t image = 0; image < SELF_TEST_SAMPLES; ++image) {
    answer(read_test, &image);
  }
  Serial.println(F("send 64 characters of 0 to 9, a to g"));
}

void loop() {
  static uint8_t line[MODEL_N_FEATURES];
  static uint16_t length = 0;
  static bool good = true;
  const int c = Serial.read();
  if (c < 0) return;  // nothing came
  if (c == '\r' || c == '\n') {
    if (length == MODEL_N_FEATURES && good) {
      answer(read_line, line);
    } else if (length != 0) {
      Serial.println(F("not 64 characters of 0 to 9, a to g"));
    }
    length = 0;
    good = true;
    return;
  }
  const bool digit = c >= '0' && c <= '9';
  good = good && (digit || (c >= 'a' && c <= 'g')) && length < MODEL_N_FEATURES;
  if (good) line[length] = digit ? c - '0' : c - 'a' + 10;
  ++length;
}
