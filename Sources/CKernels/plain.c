// The baseline of the architecture: on x86-64 without fused multiply-add, so with different bits;
// on ARM64 with it.
#include "Loops/list.h"

#include <math.h>
#include <string.h>

#define VECTOR 4
#if defined(__FP_FAST_FMAF) || defined(__aarch64__)
#define FMA
#endif
#include "Loops/all.h"

const loop_table dtrain_plain_loops = LOOP_TABLE;
