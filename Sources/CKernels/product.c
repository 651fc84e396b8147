#include "CKernels.h"

#include <string.h>

#if defined(__x86_64__)

#include "tile.h"

// Rows of A are copied with a gap of a cache line: at a stride of 4 KiB they would all fall into one set of the L1 cache.
enum { PANEL = 64, A_STRIDE = TILE_DEPTH + 16 };

DEFINE_TILE(tile_fp32, ISA_FP32, MADD_FP32, A_STRIDE, 1, PANEL, PANEL)
DEFINE_TILE(tile_bf16, ISA_BF16, MADD_BF16, A_STRIDE, 1, PANEL, PANEL)

// Where half a panel of packed weights starts: [columns / PANEL][steps][PANEL].
TILE_INLINE const float *half_panel(const float *packed, int64_t steps, int64_t first, int64_t column) {
    return packed + (column / PANEL * steps + first) * PANEL + column % PANEL;
}

TILE_INLINE void product(
    void run(int64_t, tile), int64_t rows, int64_t columns, int64_t steps, const float *a, const float *packed, float *c,
    int accumulate, float *scratch) {
    const int64_t blocks = (rows + TILE_ROWS - 1) / TILE_ROWS;
    for (int64_t first = 0; first < steps; first += TILE_DEPTH) {
        const int64_t depth = steps - first < TILE_DEPTH ? steps - first : TILE_DEPTH;
        for (int64_t i = 0; i < rows; i++)
            memcpy(scratch + i * A_STRIDE, a + i * steps + first, (size_t)depth * sizeof(float));
        for (int64_t column = 0; column < columns; column += TILE_COLUMNS) {
            const int64_t following = column + TILE_COLUMNS < columns ? column + TILE_COLUMNS : 0;
            const int64_t next_first = following || first + depth >= steps ? first : first + depth;
            const float *next = half_panel(packed, steps, next_first, following);
            for (int64_t block = 0; block < blocks; block++) {
                const int64_t row = rows * block / blocks;
                const tile t = {
                    .a = scratch + row * A_STRIDE, .depth = depth,
                    .b = half_panel(packed, steps, first, column), 
                    .next = next + (block & 1) * 16,
                    .c = c + row * columns + column, .c_stride = columns, .accumulate = accumulate || first};
                run(rows * (block + 1) / blocks - row, t);
            }
        }
    }
}

int64_t dtrain_packed_product_scratch(int64_t rows) { return rows * A_STRIDE; }

void dtrain_packed_product_fp32(
    int64_t rows, int64_t columns, int64_t depth, const void *a, const void *packed, float *c, int accumulate,
    float *scratch) {
    product(tile_fp32, rows, columns, depth, a, packed, c, accumulate, scratch);
}

void dtrain_packed_product_bf16(
    int64_t rows, int64_t columns, int64_t depth, const void *a, const void *packed, float *c, int accumulate,
    float *scratch) {
    product(tile_bf16, rows, columns, depth / 2, a, packed, c, accumulate, scratch);
}
#endif
