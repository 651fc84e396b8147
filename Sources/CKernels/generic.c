// Fused multiply-add with vectors of 16 bytes, for CPUs without AVX2 and as a reference for the
// other instruction sets.
#if defined(__x86_64__)

#include "Loops/list.h"

#include <math.h>
#include <string.h>

#define VECTOR 4
#define FMA
#pragma clang attribute push(__attribute__((target("avx,fma"))), apply_to = function)
#include "Loops/all.h"
#pragma clang attribute pop

const loop_table dtrain_generic_loops = LOOP_TABLE;

#endif
