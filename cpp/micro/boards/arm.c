/* Cortex-M under qemu-system-arm: microbit (M0), mps2-an385 (M3), mps2-an386 (M4). Semihosting for
 * text and exit, SysTick for time. */
#include "board.h"

extern uint32_t board_data_start[], board_data_end[], board_data_load[];
extern uint32_t board_bss_start[], board_bss_end[], board_stack_top[];
int main(void);

#define PAINT 0xA5A5A5A5u
#define SYST_CSR (*(volatile uint32_t*)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t*)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t*)0xE000E018u)

static uint32_t semihost(uint32_t operation, const void* argument) {
  register uint32_t r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

/* memset and memcpy would be used before they could run. */
__attribute__((optimize("no-tree-loop-distribute-patterns"))) void board_reset(void) {
  const uint32_t* from = board_data_load;
  uint32_t* to;
  for (to = board_data_start; to < board_data_end; ++to) {
    *to = *from++;
  }
  for (to = board_bss_start; to < board_bss_end; ++to) {
    *to = 0;
  }
  for (to = board_bss_end; to < (uint32_t*)__builtin_frame_address(0) - 16; ++to) {
    *to = PAINT;
  }
  board_exit(main());
}

__attribute__((section(".vectors"), used)) static const void* const vectors[16] = {
    board_stack_top, (const void*)board_reset};

void board_start(void) {
  SYST_RVR = 0x00FFFFFFu;
  SYST_CVR = 0;
  SYST_CSR = 5; /* the processor's clock, no interrupt */
}

/* The timer counts 24 bits down. */
uint32_t board_ticks(void) { return 0x00FFFFFFu - SYST_CVR; }

void board_put(char c) { semihost(0x03u, &c); }

uint32_t board_stack_used(void) {
  const uint32_t* p = board_bss_end;
  while (*p == PAINT) {
    ++p;
  }
  return (uint32_t)((const char*)board_stack_top - (const char*)p);
}

void board_exit(int status) {
  /* ADP_Stopped_ApplicationExit or a run-time error. */
  semihost(0x18u, (const void*)(uintptr_t)(status == 0 ? 0x20026u : 0x20023u));
  for (;;) {
  }
}
