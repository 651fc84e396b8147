#include "CKernels.h"

#include <string.h>

#if defined(__x86_64__)

#include "tile_avx512.h"

// Rows of A are copied with a gap of a cache line: at a stride of 4 KiB they would all fall into
// one set of the L1 cache.
enum { BLOCK_COLUMNS = DTRAIN_BLOCK_COLUMNS, A_STRIDE = TILE_STEPS + LINE };

// For each kind of operand: tiles of two lines of columns and of one, strips of a column block and
// of one line.
#define DEFINE_LOOPS(kind, isa, madd, per_step)                                                     \
    DEFINE_TILE(tile_##kind, isa, madd, 2, A_STRIDE, per_step, BLOCK_COLUMNS, BLOCK_COLUMNS)        \
    DEFINE_TILE(narrow_tile_##kind, isa, madd, 1, A_STRIDE, per_step, BLOCK_COLUMNS, BLOCK_COLUMNS) \
    DEFINE_STRIP(strip_##kind, isa, madd, 4, per_step, BLOCK_COLUMNS)                               \
    DEFINE_STRIP(narrow_strip_##kind, isa, madd, 1, per_step, BLOCK_COLUMNS)

DEFINE_LOOPS(fp32, ISA_FP32, MADD_FP32, 1)
DEFINE_LOOPS(bf16, ISA_BF16, MADD_BF16, 1)
DEFINE_LOOPS(expanded, ISA_FP32, MADD_EXPANDED, 2)

// A product in steps: `per_step` elements of four bytes of A and a row of B's column blocks each.
typedef struct {
    dtrain_packed_product p;
    int64_t steps;
    int64_t per_step;
    int64_t row_bytes;  // of A
    void (*tile)(int64_t, const tile *);
    void (*narrow_tile)(int64_t, const tile *);
    void (*strip)(int64_t, const tile *, int64_t);
    void (*narrow_strip)(int64_t, const tile *, int64_t);
} plan;

// The columns that one tile or strip computes.
typedef struct {
    int64_t column;
    int64_t width;
} piece;

TILE_INLINE int64_t pieces(const dtrain_packed_product *p, int64_t width) {
    return dtrain_groups(p->columns, width) * p->groups;
}

// The index-th of `count` pieces of `width` columns; the matrix's last one may be narrower.
TILE_INLINE piece piece_at(const dtrain_packed_product *p, int64_t index, int64_t count, int64_t width) {
    const int64_t in_group = count / p->groups, place = p->backwards ? count - 1 - index : index;
    const int64_t column = place % in_group * width, rest = p->columns - column;
    return (piece){p->first + place / in_group * p->group_stride + column, rest < width ? rest : width};
}

// Where packed columns start, from step `first` on.
TILE_INLINE const float *packed_at(const plan *q, int64_t first, int64_t column) {
    const int64_t stored = dtrain_groups(q->steps, DTRAIN_BLOCK_STEPS) * DTRAIN_BLOCK_STEPS;
    const int64_t block_start = (column / BLOCK_COLUMNS * stored + first) * BLOCK_COLUMNS;
    return (const float *)q->p.packed + block_start + column % BLOCK_COLUMNS;
}

TILE_INLINE void copy(int64_t rows, int64_t width, const float *from, int64_t from_stride, float *to, int64_t to_stride) {
    for (int64_t i = 0; i < rows; i++)
        memcpy(to + i * to_stride, from + i * from_stride, (size_t)width * sizeof(float));
}

// The same tile on a copy of C, for one that extends past C's last column.
TILE_INLINE tile at_edge(int64_t rows, int64_t width, const tile *t, float *edge) {
    tile moved = *t;
    moved.c = edge;
    moved.c_stride = BLOCK_COLUMNS;
    if (t->accumulate) copy(rows, width, t->c, t->c_stride, edge, BLOCK_COLUMNS);
    return moved;
}

TILE_INLINE void run_tile(const plan *q, int64_t rows, int64_t width, const tile *t) {
    if (width == TILE_COLUMNS) {
        q->tile(rows, t);
    } else {
        float edge[TILE_ROWS * BLOCK_COLUMNS] = {0};
        const tile moved = at_edge(rows, width, t, edge);
        (width > LINE ? q->tile : q->narrow_tile)(rows, &moved);
        copy(rows, width, edge, BLOCK_COLUMNS, t->c, t->c_stride);
    }
}

TILE_INLINE void run_strip(const plan *q, int64_t rows, int64_t width, const tile *t) {
    const int64_t a_row = q->steps * q->per_step;
    if (width == BLOCK_COLUMNS) {
        q->strip(rows, t, a_row);
    } else {
        float edge[STRIP_ROWS * BLOCK_COLUMNS] = {0};
        const tile moved = at_edge(rows, width, t, edge);
        (width > LINE ? q->strip : q->narrow_strip)(rows, &moved, a_row);
        copy(rows, width, edge, BLOCK_COLUMNS, t->c, t->c_stride);
    }
}

// Column block by column block, for rows so few that the sums of a column block fit the registers.
TILE_INLINE void product_in_strips(const plan *q) {
    const dtrain_packed_product *p = &q->p;
    const int64_t count = pieces(p, BLOCK_COLUMNS);
    for (int64_t i = 0; i < count; i++) {
        const piece at = piece_at(p, i, count, BLOCK_COLUMNS);
        const tile t = {
            .a = p->a, .b = packed_at(q, 0, at.column), .depth = q->steps, .c = p->c + at.column, .c_stride = p->c_stride,
            .accumulate = p->accumulate};
        run_strip(q, p->rows, at.width, &t);
    }
}

// Copies A's columns of `depth` steps; the rest of half a step becomes 0.
TILE_INLINE void copy_a(const plan *q, int64_t first, int64_t depth) {
    const int64_t step = q->per_step * (int64_t)sizeof(float);
    const int64_t rest = q->row_bytes - first * step, wanted = depth * step, found = rest < wanted ? rest : wanted;
    for (int64_t i = 0; i < q->p.rows; i++) {
        char *to = (char *)(q->p.scratch + i * A_STRIDE);
        memcpy(to, (const char *)q->p.a + i * q->row_bytes + first * step, (size_t)found);
        if (found < wanted) memset(to + found, 0, (size_t)(wanted - found));
    }
}

TILE_INLINE void product_in_tiles(const plan *q) {
    const dtrain_packed_product *p = &q->p;
    const int64_t bands = dtrain_groups(p->rows, TILE_ROWS), count = pieces(p, TILE_COLUMNS);
    const int64_t most_steps = TILE_STEPS / q->per_step;
    for (int64_t first = 0; first < q->steps; first += most_steps) {
        const int64_t depth = q->steps - first < most_steps ? q->steps - first : most_steps;
        copy_a(q, first, depth);
        for (int64_t i = 0; i < count; i++) {
            const piece at = piece_at(p, i, count, TILE_COLUMNS);
            const int64_t last = i + 1 == count;
            const int64_t next_first = !last || first + depth >= q->steps ? first : first + depth;
            const float *next = packed_at(q, next_first, piece_at(p, last ? 0 : i + 1, count, TILE_COLUMNS).column);
            for (int64_t band = 0; band < bands; band++) {
                const int64_t row = p->rows * band / bands;
                const tile t = {
                    .a = p->scratch + row * A_STRIDE, .depth = depth, .b = packed_at(q, first, at.column),
                    .next = next + (band & 1) * LINE,
                    .c = p->c + row * p->c_stride + at.column, .c_stride = p->c_stride,
                    .accumulate = p->accumulate || first};
                run_tile(q, p->rows * (band + 1) / bands - row, at.width, &t);
            }
        }
    }
}

TILE_INLINE void product(plan q) {
    // Strips read A in place, in whole steps.
    if (q.p.rows <= STRIP_ROWS && q.row_bytes == q.steps * q.per_step * (int64_t)sizeof(float)) {
        product_in_strips(&q);
    } else {
        product_in_tiles(&q);
    }
}

#define LOOPS(kind) \
    .tile = tile_##kind, .narrow_tile = narrow_tile_##kind, .strip = strip_##kind, .narrow_strip = narrow_strip_##kind

int64_t dtrain_packed_product_scratch(int64_t rows) { return rows * A_STRIDE; }

void dtrain_packed_product_fp32(dtrain_packed_product p) {
    product((plan){.p = p, .steps = p.depth, .per_step = 1, .row_bytes = p.depth * 4, LOOPS(fp32)});
}

void dtrain_packed_product_bf16(dtrain_packed_product p) {
    product((plan){.p = p, .steps = (p.depth + 1) / 2, .per_step = 1, .row_bytes = p.depth * 2, LOOPS(bf16)});
}

void dtrain_packed_product_expanded(dtrain_packed_product p) {
    product((plan){.p = p, .steps = (p.depth + 1) / 2, .per_step = 2, .row_bytes = p.depth * 4, LOOPS(expanded)});
}
#endif
