#include "CKernels.h"

#include <string.h>

#if defined(__x86_64__)

#include "tile.h"

// Rows of A are copied with a gap of a cache line: at a stride of 4 KiB they would all fall into one set of the L1 cache.
enum { PANEL = 64, A_STRIDE = TILE_DEPTH + 16 };

DEFINE_TILE(tile_fp32, ISA_FP32, MADD_FP32, A_STRIDE, 1, PANEL, PANEL)
DEFINE_TILE(tile_bf16, ISA_BF16, MADD_BF16, A_STRIDE, 1, PANEL, PANEL)
DEFINE_TILE(tile_expanded, ISA_FP32, MADD_EXPANDED, A_STRIDE, 2, PANEL, PANEL)
DEFINE_STRIP(strip_fp32, ISA_FP32, MADD_FP32, 1, PANEL)
DEFINE_STRIP(strip_bf16, ISA_BF16, MADD_BF16, 1, PANEL)
DEFINE_STRIP(strip_expanded, ISA_FP32, MADD_EXPANDED, 2, PANEL)

// A product in steps: `per_step` elements of four bytes of A and a line of B's panels each.
typedef struct {
    dtrain_packed_product p;
    int64_t steps;
    int64_t per_step;
    void (*tile)(int64_t, const tile *);
    void (*strip)(int64_t, const tile *, int64_t);
} plan;

// The columns of the index-th piece of `width` columns, of `pieces`.
TILE_INLINE int64_t piece(const dtrain_packed_product *p, int64_t index, int64_t pieces, int64_t width) {
    const int64_t place = (p->backwards ? pieces - 1 - index : index) * width;
    return p->first + place / p->columns * p->group_stride + place % p->columns;
}

// Where packed columns start: [columns / PANEL][steps][PANEL].
TILE_INLINE const float *panel(const plan *q, int64_t first, int64_t column) {
    return (const float *)q->p.packed + (column / PANEL * q->steps + first) * PANEL + column % PANEL;
}

// One row after another of a panel, for rows so few that the sums of all its columns fit the registers.
TILE_INLINE void product_in_strips(const plan *q) {
    const dtrain_packed_product *p = &q->p;
    const int64_t pieces = p->columns / PANEL * p->groups;
    for (int64_t i = 0; i < pieces; i++) {
        const int64_t column = piece(p, i, pieces, PANEL);
        const tile t = {
            .a = p->a, .b = panel(q, 0, column), .depth = q->steps, .c = p->c + column, .c_stride = p->c_stride,
            .accumulate = p->accumulate};
        q->strip(p->rows, &t, q->steps * q->per_step);
    }
}

TILE_INLINE void product_in_tiles(const plan *q) {
    const dtrain_packed_product *p = &q->p;
    const int64_t blocks = (p->rows + TILE_ROWS - 1) / TILE_ROWS, pieces = p->columns / TILE_COLUMNS * p->groups;
    const int64_t most = TILE_DEPTH / q->per_step, a_stride = q->steps * q->per_step;
    for (int64_t first = 0; first < q->steps; first += most) {
        const int64_t depth = q->steps - first < most ? q->steps - first : most;
        for (int64_t i = 0; i < p->rows; i++)
            memcpy(
                p->scratch + i * A_STRIDE, (const float *)p->a + i * a_stride + first * q->per_step,
                (size_t)(depth * q->per_step) * sizeof(float));
        for (int64_t i = 0; i < pieces; i++) {
            const int64_t column = piece(p, i, pieces, TILE_COLUMNS);
            const int64_t last = i + 1 == pieces;
            const int64_t next_first = !last || first + depth >= q->steps ? first : first + depth;
            const float *next = panel(q, next_first, piece(p, last ? 0 : i + 1, pieces, TILE_COLUMNS));
            for (int64_t block = 0; block < blocks; block++) {
                const int64_t row = p->rows * block / blocks;
                const tile t = {
                    .a = p->scratch + row * A_STRIDE, .depth = depth, .b = panel(q, first, column),
                    .next = next + (block & 1) * 16,
                    .c = p->c + row * p->c_stride + column, .c_stride = p->c_stride,
                    .accumulate = p->accumulate || first};
                q->tile(p->rows * (block + 1) / blocks - row, &t);
            }
        }
    }
}

TILE_INLINE void product(plan q) {
    if (q.p.rows <= STRIP_ROWS) {
        product_in_strips(&q);
    } else {
        product_in_tiles(&q);
    }
}

int64_t dtrain_packed_product_scratch(int64_t rows) { return rows * A_STRIDE; }

void dtrain_packed_product_fp32(dtrain_packed_product p) {
    product((plan){.p = p, .steps = p.depth, .per_step = 1, .tile = tile_fp32, .strip = strip_fp32});
}

void dtrain_packed_product_bf16(dtrain_packed_product p) {
    product((plan){.p = p, .steps = p.depth / 2, .per_step = 1, .tile = tile_bf16, .strip = strip_bf16});
}

void dtrain_packed_product_expanded(dtrain_packed_product p) {
    product((plan){.p = p, .steps = p.depth / 2, .per_step = 2, .tile = tile_expanded, .strip = strip_expanded});
}
#endif
