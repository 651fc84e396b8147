// AVX-512: vectors of 64 bytes, 32 registers.
#if defined(__x86_64__)

#include "Loops/list.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

#define VECTOR 16
#define FMA
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"))), apply_to = function)
#include "Loops/all.h"
#pragma clang attribute pop

const loop_table dtrain_avx512_loops = LOOP_TABLE;

#endif
