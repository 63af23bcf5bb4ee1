/* 32-bit RISC-V under qemu-system-riscv32 -M virt: UART for text, the test device for the exit,
 * the counter of retired instructions for time. */
#include "board.h"

extern uint32_t board_bss_start[], board_bss_end[], board_stack_top[];
int main(void);

#define PAINT 0xA5A5A5A5u
#define UART (*(volatile uint8_t*)0x10000000u)
#define FINISHER (*(volatile uint32_t*)0x00100000u)

__attribute__((naked, section(".start"), used)) void board_reset(void) {
  __asm__ volatile(
      ".option push\n"
      ".option norelax\n"
      "la gp, __global_pointer$\n"
      ".option pop\n"
      "la sp, board_stack_top\n"
      "j board_begin\n");
}

__attribute__((optimize("no-tree-loop-distribute-patterns"), used)) void board_begin(void) {
  uint32_t* to;
  for (to = board_bss_start; to < board_bss_end; ++to) {
    *to = 0;
  }
  for (to = board_bss_end; to < (uint32_t*)__builtin_frame_address(0) - 16; ++to) {
    *to = PAINT;
  }
  board_exit(main());
}

void board_start(void) {}

uint32_t board_ticks(void) {
  uint32_t count;
  __asm__ volatile(
      ".option push\n"
      ".option arch, +zicsr\n"
      "csrr %0, minstret\n"
      ".option pop\n"
      : "=r"(count));
  return count;
}

void board_put(char c) { UART = (uint8_t)c; }

uint32_t board_stack_used(void) {
  const uint32_t* p = board_bss_end;
  while (*p == PAINT) {
    ++p;
  }
  return (uint32_t)((const char*)board_stack_top - (const char*)p);
}

void board_exit(int status) {
  FINISHER = status == 0 ? 0x5555u : ((uint32_t)status << 16 | 0x3333u);
  for (;;) {
  }
}
