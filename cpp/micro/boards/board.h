/* What a program on an emulated board needs: text out, time, the stack's high-water mark, an end.
 * Startup code included; the files beside this one implement it for Cortex-M (arm.c), for 32-bit
 * RISC-V (rv32.c) and for AVR (avr.c). */
#ifndef RANDPROP_BOARD_H
#define RANDPROP_BOARD_H

#include <stdint.h>

void board_start(void);
void board_put(char c);

/* A line of a letter and a number of eight hexadecimal digits. */
static inline void board_report(char kind, uint32_t value) {
  uint8_t shift = 32;
  board_put(kind);
  board_put(' ');
  while (shift != 0) {
    shift = (uint8_t)(shift - 4u);
    board_put("0123456789abcdef"[(value >> shift) & 15u]);
  }
  board_put('\n');
}

/* Ticks since some moment: 24 bits on Cortex-M, 32 elsewhere. A tick is an instruction on RISC-V,
 * 256 cycles on AVR, a cycle of the timer on Cortex-M. */
uint32_t board_ticks(void);

/* Bytes of stack that were ever used. */
uint32_t board_stack_used(void);

/* Ends the emulation; on a real board, waits for ever. */
void board_exit(int status);

#endif
