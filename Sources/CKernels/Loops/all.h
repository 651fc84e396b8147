// The loops for one instruction set.
//
// The including file defines VECTOR, the number of floats per vector, and FMA if the set has fused
// multiply-add. It includes list.h and sets the compiler's target. Afterwards, LOOP_TABLE is the
// table of all loops.

#pragma STDC FP_CONTRACT OFF

#define INLINE static inline __attribute__((always_inline))

// a * b + c, rounded once if the set has fused multiply-add.
#ifdef FMA
#define FUSED(a, b, c) __builtin_fmaf(a, b, c)
#define FUSED_VECTOR(a, b, c) __builtin_elementwise_fma(a, b, c)
#else
#define FUSED(a, b, c) ((a) * (b) + (c))
#define FUSED_VECTOR(a, b, c) ((a) * (b) + (c))
#endif

#include "tile.h"
#include "vector_math.h"

#include "adam.h"
#include "adamw.h"
#include "bf16.h"
#include "dropout.h"
#include "gru.h"
#include "loss.h"
#include "lstm.h"
#include "matrix.h"
#include "norm.h"
#include "pack.h"
#include "rmsprop.h"
#include "sgd.h"
#include "simple_rnn.h"

#include "packed_product.h"
#include "packed_product_fp32.h"
#include "panel_product.h"
#include "panel_product_fp32.h"

#if VECTOR == 16
#include "transpose_avx512.h"
#else
#include "transpose.h"
#endif
