// The products of amx.c with emulated tiles and an emulated TDPBF16PS: the same loops and the same
// bits, on any CPU.
#include "CKernels.h"

#include <string.h>

#pragma STDC FP_CONTRACT OFF

enum { TILES = 8, ROWS = DTRAIN_TILE_ROWS };

typedef float vector __attribute__((ext_vector_type(DTRAIN_TILE_ROWS)));
typedef uint32_t words __attribute__((ext_vector_type(DTRAIN_TILE_ROWS)));

// A tile register: rows of sums, or of bf16 pairs with the first number in the lower half.
typedef union {
    vector sums[ROWS];
    words pairs[ROWS];
} tile;

typedef struct {
    tile tile[TILES];
    void (*multiply)(tile *sums, const tile *a, const tile *b);
} tiles;

// TDPBF16PS: sums the products of the even and of the odd numbers separately, each from 0 with
// fused multiply-add, then adds the two sums, then adds the result to the accumulator. The
// instruction always flushes denormals. This emulation does if the thread does, which holds for all
// workers.
static inline __attribute__((always_inline)) void multiply_tiles(tile *sums, const tile *a, const tile *b) {
    vector even_b[ROWS], odd_b[ROWS];
    for (int k = 0; k < ROWS; k++) {
        even_b[k] = __builtin_bit_cast(vector, b->pairs[k] << 16);
        odd_b[k] = __builtin_bit_cast(vector, b->pairs[k] & 0xffff0000u);
    }
    for (int i = 0; i < ROWS; i++) {
        const vector even_a = __builtin_bit_cast(vector, a->pairs[i] << 16);
        const vector odd_a = __builtin_bit_cast(vector, a->pairs[i] & 0xffff0000u);
        vector even = 0.0f, odd = 0.0f;
        for (int k = 0; k < ROWS; k++) {
            even = __builtin_elementwise_fma((vector)even_a[k], even_b[k], even);
            odd = __builtin_elementwise_fma((vector)odd_a[k], odd_b[k], odd);
        }
        sums->sums[i] += even + odd;
    }
}

// On x86-64 without fused multiply-add, each one is a call to fmaf: the same bits, slowly.
static void multiply_anywhere(tile *sums, const tile *a, const tile *b) { multiply_tiles(sums, a, b); }

#if defined(__x86_64__)
__attribute__((target("avx,fma"))) static void multiply_fused(tile *sums, const tile *a, const tile *b) {
    multiply_tiles(sums, a, b);
}
#endif

static void open_tiles(tiles *t) {
    t->multiply = multiply_anywhere;
#if defined(__x86_64__)
    if (dtrain_best_isa() >= DTRAIN_ISA_GENERIC) t->multiply = multiply_fused;
#endif
}

static void load_tile(tile *to, const void *from, int64_t stride) {
    for (int i = 0; i < ROWS; i++) memcpy(&to->pairs[i], (const char *)from + i * stride, sizeof to->pairs[i]);
}

static void store_tile(const tile *from, void *to, int64_t stride) {
    for (int i = 0; i < ROWS; i++) memcpy((char *)to + i * stride, &from->pairs[i], sizeof from->pairs[i]);
}

#define OPEN_TILES(t) open_tiles(t)
#define CLOSE_TILES(t) (void)(t)
#define ZERO_TILE(t, number) memset(&(t)->tile[number], 0, sizeof(tile))
#define LOAD_TILE(t, number, from, stride) load_tile(&(t)->tile[number], from, stride)
#define STORE_TILE(t, number, to, stride) store_tile(&(t)->tile[number], to, stride)
#define MULTIPLY_TILES(t, sums, a, b) (t)->multiply(&(t)->tile[sums], &(t)->tile[a], &(t)->tile[b])

#include "Loops/amx.h"

void dtrain_packed_product_amx_emulated(dtrain_packed_product product) { packed_product(product); }

void dtrain_panel_product_amx_emulated(
    int64_t rows, int64_t columns, int64_t depth, const void *a, int64_t stored, const void *packed,
    const dtrain_fold *fold) {
    panel_product(rows, columns, depth, a, stored, packed, fold);
}
