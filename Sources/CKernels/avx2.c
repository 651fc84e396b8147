// AVX2 and FMA: vectors of 32 bytes, 16 registers.
#if defined(__x86_64__)

#include "Loops/list.h"

#include <math.h>
#include <string.h>

#define VECTOR 8
#define FMA
#pragma clang attribute push(__attribute__((target("arch=x86-64-v3"))), apply_to = function)
#include "Loops/all.h"
#pragma clang attribute pop

const loop_table dtrain_avx2_loops = LOOP_TABLE;

#endif
