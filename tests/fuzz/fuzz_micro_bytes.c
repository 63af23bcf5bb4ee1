/* fuzz_micro.c for CPUs that go through the rows of an image by bytes. */
#define RP_BYTE_LANES 1
#include "fuzz_micro.c"
