// Products of bf16 operands with AVX512_BF16.
#if defined(__x86_64__)

#include "CKernels.h"

#include <immintrin.h>
#include <string.h>

#define VECTOR 16
#define INLINE static inline __attribute__((always_inline))
#define FUSED_VECTOR(a, b, c) __builtin_elementwise_fma(a, b, c)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bf16"))), apply_to = function)

#include "Loops/tile.h"

// Adds the products of a bf16 pair to `sum`.
#define MADD_BF16(sum, a, b) (vector) _mm512_dpbf16_ps((__m512)(sum), (__m512bh)_mm512_set1_ps(*(a)), (__m512bh)(b))

#include "Loops/packed_product.h"
#include "Loops/panel_product.h"

DEFINE_LOOPS(bf16, MADD_BF16, 1)
DEFINE_TILE(panel_tile, MADD_BF16, 2, 1, STATE_GROUP, BLOCK_COLUMNS, LINE, EAGER)
DEFINE_TILE(narrow_panel_tile, MADD_BF16, 1, 1, STATE_GROUP, BLOCK_COLUMNS, LINE, EAGER)

void dtrain_packed_product_bf16(dtrain_packed_product p) {
    packed_product((plan){.p = p, .steps = (p.depth + 1) / 2, .per_step = 1, .row_bytes = p.depth * 2, LOOPS(bf16)});
}

void dtrain_panel_product_bf16(
    int64_t rows, int64_t columns, int64_t depth, const void *a, int64_t stored, const void *packed,
    const dtrain_fold *fold) {
    panel_product(
        panel_tile, narrow_panel_tile, rows, columns, (depth + 1) / 2, a, (stored + 1) / 2, packed, BLOCK_COLUMNS,
        dtrain_groups(depth, 2 * DTRAIN_BLOCK_STEPS) * DTRAIN_BLOCK_STEPS, fold);
}

#pragma clang attribute pop

#endif
