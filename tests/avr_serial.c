/* Runs a program for an ATmega328P in libsimavr. What it sends on its serial port goes to standard
 * output. When it has sent the text of the second argument, the first line of standard input is
 * sent to it, and each other line when it has answered with a line. It never ends by itself.
 *
 * Debian has no header of the library, so that what is used of it stands here.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct avr_t;
struct avr_irq_t;
typedef void (*avr_irq_notify_t)(struct avr_irq_t* irq, uint32_t value, void* param);

int elf_read_firmware(const char* file, void* firmware);
struct avr_t* avr_make_mcu_by_name(const char* name);
int avr_init(struct avr_t* avr);
void avr_load_firmware(struct avr_t* avr, void* firmware);
int avr_run(struct avr_t* avr);
struct avr_irq_t* avr_io_getirq(struct avr_t* avr, uint32_t ctl, int index);
void avr_irq_register_notify(struct avr_irq_t* irq, avr_irq_notify_t notify, void* param);
void avr_raise_irq(struct avr_irq_t* irq, uint32_t value);
int avr_ioctl(struct avr_t* avr, uint32_t ctl, void* param);

#define CODE(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))
enum { INPUT = 0, OUTPUT = 1, RUNNING = 2, SLEEPING = 3 };

static const char* awaited;
static size_t found;

static void on_output(struct avr_irq_t* irq, uint32_t value, void* param) {
  (void)irq;
  (void)param;
  putchar((int)value);
  fflush(stdout);
  if (awaited[found] != '\0') {
    found = (char)value == awaited[found] ? found + 1 : (char)value == awaited[0];
  }
}

int main(int n_arguments, char** arguments) {
  /* Larger than the library's struct; it begins with the name of the chip and its clock. */
  static union {
    uint64_t whole[8192];
    struct {
      char mcu[64];
      uint32_t frequency;
    } known;
  } firmware;
  const uint32_t serial = CODE('u', 'a', 'r', '0');
  uint32_t flags = 0, rest = 0;
  struct avr_t* avr = avr_make_mcu_by_name("atmega328p");
  if (n_arguments != 3 || avr == NULL || elf_read_firmware(arguments[1], &firmware) != 0) {
    return 2;
  }
  awaited = arguments[2];
  strcpy(firmware.known.mcu, "atmega328p");
  firmware.known.frequency = 16000000u;
  avr_init(avr);
  avr_load_firmware(avr, &firmware);
  avr_ioctl(avr, CODE('u', 'a', 's', '0'), &flags); /* no text of its own, no sleep */
  avr_irq_register_notify(avr_io_getirq(avr, serial, OUTPUT), on_output, NULL);
  for (;;) {
    const int state = avr_run(avr);
    if (state != RUNNING && state != SLEEPING) {
      return 3;
    }
    /* At 115,200 baud a byte takes about 1,400 cycles: as many instructions are slow enough. */
    if (awaited[found] == '\0' && ++rest >= 1400u) {
      const int c = getchar();
      rest = 0;
      if (c == EOF || c == '\n') {
        awaited = c == EOF ? "\1" : "\n";
        found = 0;
      }
      if (c != EOF) {
        avr_raise_irq(avr_io_getirq(avr, serial, INPUT), (uint32_t)c);
      }
    }
  }
}
