// Tells the gestures of an accelerometer on an Arduino Uno, reading by reading, with no weights
// stored.
//
// The other files of this folder are what
//   python examples/python/gestures.py gestures
// writes; recorded.h is a recording that formulas made. Open the folder in the Arduino IDE, upload,
// and look at the serial monitor at 115200 baud: after the first 64 readings a decision comes every
// 16 of them. For a sensor of yours, change read_sensor.

#include "inputs.h"
#include "model.h"
#include "recorded.h"
#include "self_test.h"

static const uint16_t HOP = 16;            // readings from one decision to the next
static const unsigned long PERIOD = 20000;  // microseconds from one reading to the next

static uint8_t buffer[MODEL_BUFFER_SIZE];
static int32_t scores[MODEL_N_CLASSES];
static const char* const names[] = MODEL_CLASS_NAMES;
static rp_stream stream;
static uint16_t moment = 0;

// Three axes, in thousandths of g.
static void read_sensor(int16_t axes[MODEL_PUSH_BYTES]) {
  for (uint8_t axis = 0; axis < MODEL_PUSH_BYTES; ++axis) {
    axes[axis] = static_cast<int16_t>(pgm_read_word(recorded + moment * MODEL_PUSH_BYTES + axis));
  }
}

void setup() {
  static uint8_t features[MODEL_OUTPUT_BYTES];
  Serial.begin(115200);
  rp_status status = rp_self_test(&model, &self_test, buffer, sizeof buffer, scores, features);
  Serial.println(status == RP_OK ? F("self-test passed") : F("self-test FAILED"));
  rp_start(&stream, &model, HOP, buffer, sizeof buffer);
}

void loop() {
  static unsigned long due = micros();
  if (static_cast<long>(micros() - due) < 0) return;
  due += PERIOD;

  int16_t axes[MODEL_PUSH_BYTES];
  uint8_t values[MODEL_PUSH_BYTES];
  read_sensor(axes);
  for (uint8_t axis = 0; axis < MODEL_PUSH_BYTES; ++axis) {
    values[axis] = model_input_integer(axes[axis], axis);
  }
  uint16_t label = RP_NO_LABEL;
  const unsigned long started = micros();
  const rp_status status = rp_push(&stream, values, scores, &label);
  const unsigned long took = micros() - started;
  if (status != RP_OK) {
    Serial.print(F("error "));
    Serial.println(static_cast<int>(status));
  } else if (label != RP_NO_LABEL) {
    Serial.print(F("looks like "));
    Serial.print(names[label]);
    Serial.print(F(", in microseconds: "));
    Serial.println(took);
  }
  if (++moment == RECORDED_MOMENTS) {
    moment = 0;  // the recording again, with an empty window
    rp_start(&stream, &model, HOP, buffer, sizeof buffer);
  }
}
