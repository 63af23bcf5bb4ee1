/* ATmega328P and ATmega2560, on simavr or for real: UART 0 for text, timer 1 for time. avr-libc
 * brings the startup code. */
#include "board.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>

#define PAINT 0xA5u

extern uint8_t _end;
static volatile uint16_t overflows;

/* Before main, and before its stack is used: .init3 runs with the stack pointer set. */
__attribute__((naked, used, section(".init3"))) static void paint_stack(void) {
  uint8_t* p = &_end;
  while (p < (uint8_t*)SP) {
    *p++ = PAINT;
  }
}

ISR(TIMER1_OVF_vect) { ++overflows; }

void board_start(void) {
  UCSR0B = 1 << TXEN0;
  TCCR1A = 0;
  TCCR1B = 1 << CS12; /* clock / 256 */
  TIMSK1 = 1 << TOIE1;
  sei();
}

uint32_t board_ticks(void) {
  uint16_t high, low;
  do {
    high = overflows;
    low = TCNT1;
  } while (high != overflows);
  return (uint32_t)high << 16 | low;
}

void board_put(char c) {
  while ((UCSR0A & (1 << UDRE0)) == 0) {
  }
  UDR0 = (uint8_t)c;
}

uint32_t board_stack_used(void) {
  const uint8_t* p = &_end;
  while (*p == PAINT) {
    ++p;
  }
  return (uint32_t)(RAMEND - (uint16_t)p + 1u);
}

void board_exit(int status) {
  (void)status;
  /* simavr ends where the CPU sleeps with interrupts off. */
  cli();
  sleep_mode();
  for (;;) {
  }
}
