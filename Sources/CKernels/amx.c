// Products of bf16 operands with the tiles of Intel AMX (AMX-TILE, AMX-BF16). Call
// dtrain_request_amx first: the kernel must grant permission.
#if defined(__x86_64__)

#include "CKernels.h"

#include <immintrin.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("arch=x86-64-v4,amx-tile,amx-bf16"))), apply_to = function)

// The operand of LDTILECFG. The instructions name the tile registers themselves.
typedef struct {
    uint8_t palette;
    uint8_t start_row;
    uint8_t reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tiles;
_Static_assert(sizeof(tiles) == 64, "LDTILECFG reads 64 bytes");

// Each product configures the tiles and releases them, so the kernel has no tile state to save
// between products.
static void open_tiles(tiles *t) {
    *t = (tiles){.palette = 1};
    for (int i = 0; i < 8; i++) {
        t->row_bytes[i] = 2 * DTRAIN_TILE_DEPTH;
        t->rows[i] = DTRAIN_TILE_ROWS;
    }
    _tile_loadconfig(t);
}

#define OPEN_TILES(t) open_tiles(t)
#define CLOSE_TILES(t) ((void)(t), _tile_release())
#define ZERO_TILE(t, tile) ((void)(t), _tile_zero(tile))
#define LOAD_TILE(t, tile, from, stride) ((void)(t), _tile_loadd(tile, from, stride))
#define STORE_TILE(t, tile, to, stride) ((void)(t), _tile_stored(tile, to, stride))
#define MULTIPLY_TILES(t, sums, a, b) ((void)(t), _tile_dpbf16ps(sums, a, b))

#include "Loops/amx.h"

void dtrain_packed_product_amx(dtrain_packed_product product) { packed_product(product); }

void dtrain_panel_product_amx(
    int64_t rows, int64_t columns, int64_t depth, const void *a, int64_t stored, const void *packed,
    const dtrain_fold *fold) {
    panel_product(rows, columns, depth, a, stored, packed, fold);
}

#pragma clang attribute pop

#endif
