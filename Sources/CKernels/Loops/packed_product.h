// C = A * B with packed weights B; see dtrain_packed_product.

// Copied rows of A have a gap of a cache line; at a stride of 4 KiB they would share one set of the
// L1 cache.
enum { A_STRIDE = TILE_STEPS + LINE };

// For each kind of operand: tiles of two vectors of columns for many rows and for few, tiles of one
// vector, strips of several rows, of one row, and of one vector.
#define DEFINE_PACKED_TILE(name, madd, vectors, per_step, every) \
    DEFINE_TILE(name, madd, vectors, A_STRIDE, per_step, BLOCK_COLUMNS, BLOCK_COLUMNS, every)
#define DEFINE_LOOPS(kind, madd, per_step)                                         \
    DEFINE_PACKED_TILE(tile_##kind, madd, 2, per_step, EVEN_STEPS)                 \
    DEFINE_EAGER_TILE(eager_tile_##kind, madd, 2, per_step, EAGER)                 \
    DEFINE_PACKED_TILE(narrow_tile_##kind, madd, 1, per_step, EAGER)               \
    DEFINE_STRIP(strip_##kind, madd, STRIP_VECTORS, per_step, BLOCK_COLUMNS)       \
    DEFINE_ROW(row_##kind, madd, ROW_VECTORS, per_step, BLOCK_COLUMNS)             \
    DEFINE_STRIP(narrow_strip_##kind, madd, 1, per_step, BLOCK_COLUMNS)
#if VECTOR == 16
// With AVX-512, all tiles are eager.
#define DEFINE_EAGER_TILE(name, madd, vectors, per_step, every)
#define EAGER_TILE(kind) tile_##kind
#else
#define DEFINE_EAGER_TILE DEFINE_PACKED_TILE
#define EAGER_TILE(kind) eager_tile_##kind
#endif

// A product in steps. Each step takes `per_step` four-byte elements of A and one row of B's column
// blocks.
typedef struct {
    dtrain_packed_product p;
    int64_t steps;
    int64_t per_step;
    int64_t row_bytes;  // of A
    void (*tile)(int64_t, const tile *);
    void (*eager_tile)(int64_t, const tile *);
    void (*narrow_tile)(int64_t, const tile *);
    void (*strip)(int64_t, const tile *, int64_t);
    void (*row)(int64_t, const tile *, int64_t);
    void (*narrow_strip)(int64_t, const tile *, int64_t);
} plan;

// The columns that one tile or strip computes.
typedef struct {
    int64_t column;
    int64_t width;
} piece;

// Returns the width of pieces: `width` columns, or one vector if groups don't start and end at
// multiples of `width`. No piece crosses a column block.
INLINE int64_t piece_width(const dtrain_packed_product *p, int64_t width) {
    const int64_t ends = p->groups > 1 ? p->columns | p->group_stride : 0;
    return (p->first | ends) % width == 0 ? width : VECTOR;
}

INLINE int64_t pieces(const dtrain_packed_product *p, int64_t width) {
    return dtrain_groups(p->columns, width) * p->groups;
}

// Returns the index-th of `count` pieces of `width` columns; the matrix's last piece may be
// narrower.
INLINE piece piece_at(const dtrain_packed_product *p, int64_t index, int64_t count, int64_t width) {
    const int64_t in_group = count / p->groups, place = p->backwards ? count - 1 - index : index;
    const int64_t column = place % in_group * width, rest = p->columns - column;
    return (piece){p->first + place / in_group * p->group_stride + column, rest < width ? rest : width};
}

// Returns the start of packed columns, from step `first` on.
INLINE const float *packed_at(const plan *q, int64_t first, int64_t column) {
    const int64_t stored = dtrain_groups(q->steps, DTRAIN_BLOCK_STEPS) * DTRAIN_BLOCK_STEPS;
    const int64_t block_start = (column / BLOCK_COLUMNS * stored + first) * BLOCK_COLUMNS;
    return (const float *)q->p.packed + block_start + column % BLOCK_COLUMNS;
}

INLINE void copy(int64_t rows, int64_t width, const float *from, int64_t from_stride, float *to, int64_t to_stride) {
    for (int64_t i = 0; i < rows; i++)
        memcpy(to + i * to_stride, from + i * from_stride, (size_t)width * sizeof(float));
}

// Returns the same tile on a copy of C, for a tile that extends past C's last column.
INLINE tile at_edge(int64_t rows, int64_t width, const tile *t, float *edge) {
    tile moved = *t;
    moved.c = edge;
    moved.c_stride = BLOCK_COLUMNS;
    if (t->accumulate) copy(rows, width, t->c, t->c_stride, edge, BLOCK_COLUMNS);
    return moved;
}

INLINE void run_tile(const plan *q, int64_t rows, int64_t width, int is_eager, const tile *t) {
    if (width == TILE_COLUMNS) {
        (is_eager ? q->eager_tile : q->tile)(rows, t);
    } else if (width == VECTOR) {
        q->narrow_tile(rows, t);
    } else {
        float edge[TILE_ROWS * BLOCK_COLUMNS] = {0};
        const tile moved = at_edge(rows, width, t, edge);
        (width > VECTOR ? q->eager_tile : q->narrow_tile)(rows, &moved);
        copy(rows, width, edge, BLOCK_COLUMNS, t->c, t->c_stride);
    }
}

INLINE void run_strip(const plan *q, int64_t rows, int64_t width, int64_t whole, const tile *t) {
    const int64_t a_row = q->steps * q->per_step;
    void (*const strip)(int64_t, const tile *, int64_t) = rows == 1 ? q->row : q->strip;
    if (width == whole) {
        strip(rows, t, a_row);
    } else if (width == VECTOR) {
        q->narrow_strip(rows, t, a_row);
    } else {
        float edge[STRIP_ROWS * BLOCK_COLUMNS] = {0};
        const tile moved = at_edge(rows, width, t, edge);
        (width > VECTOR ? strip : q->narrow_strip)(rows, &moved, a_row);
        copy(rows, width, edge, BLOCK_COLUMNS, t->c, t->c_stride);
    }
}

// Computes the product in strips, for so few rows that the sums of many columns fit the registers.
INLINE void product_in_strips(const plan *q) {
    const dtrain_packed_product *p = &q->p;
    const int64_t whole = (p->rows == 1 ? ROW_VECTORS : STRIP_VECTORS) * VECTOR, width = piece_width(p, whole);
    const int64_t count = pieces(p, width);
    for (int64_t i = 0; i < count; i++) {
        const piece at = piece_at(p, i, count, width);
        const tile t = {
            .a = p->a, .b = packed_at(q, 0, at.column), .depth = q->steps, .c = p->c + at.column, .c_stride = p->c_stride,
            .accumulate = p->accumulate};
        run_strip(q, p->rows, at.width, whole, &t);
    }
}

// Copies `depth` steps of A's columns; the second half of an incomplete last step becomes 0.
INLINE void copy_a(const plan *q, int64_t first, int64_t depth) {
    const int64_t step = q->per_step * (int64_t)sizeof(float);
    const int64_t rest = q->row_bytes - first * step, wanted = depth * step, found = rest < wanted ? rest : wanted;
    for (int64_t i = 0; i < q->p.rows; i++) {
        char *to = (char *)(q->p.scratch + i * A_STRIDE);
        memcpy(to, (const char *)q->p.a + i * q->row_bytes + first * step, (size_t)found);
        if (found < wanted) memset(to + found, 0, (size_t)(wanted - found));
    }
}

INLINE void product_in_tiles(const plan *q) {
    const dtrain_packed_product *p = &q->p;
    const int64_t width = piece_width(p, TILE_COLUMNS), count = pieces(p, width);
    const int64_t bands = dtrain_groups(p->rows, TILE_ROWS);
    const int64_t most_steps = TILE_STEPS / q->per_step;
    const int is_eager = bands < EVEN_STEPS;
    for (int64_t first = 0; first < q->steps; first += most_steps) {
        const int64_t depth = q->steps - first < most_steps ? q->steps - first : most_steps;
        copy_a(q, first, depth);
        for (int64_t i = 0; i < count; i++) {
            const piece at = piece_at(p, i, count, width);
            const int64_t last = i + 1 == count;
            const int64_t next_first = !last || first + depth >= q->steps ? first : first + depth;
            const float *next = packed_at(q, next_first, piece_at(p, last ? 0 : i + 1, count, width).column);
            for (int64_t band = 0; band < bands; band++) {
                const int64_t row = p->rows * band / bands;
                const tile t = {
                    .a = p->scratch + row * A_STRIDE, .depth = depth, .b = packed_at(q, first, at.column),
                    .next = next + (TILE_COLUMNS > LINE ? (band & 1) * LINE : is_eager ? 0 : even_line(band, depth) * BLOCK_COLUMNS),
                    .c = p->c + row * p->c_stride + at.column, .c_stride = p->c_stride,
                    .accumulate = p->accumulate || first};
                run_tile(q, p->rows * (band + 1) / bands - row, at.width, is_eager, &t);
            }
        }
    }
}

INLINE void packed_product(plan q) {
    // Strips read A in place, which needs whole steps.
    if (q.p.rows <= STRIP_ROWS && q.row_bytes == q.steps * q.per_step * (int64_t)sizeof(float)) {
        product_in_strips(&q);
    } else {
        product_in_tiles(&q);
    }
}

#define LOOPS(kind)                                                                             \
    .tile = tile_##kind, .eager_tile = EAGER_TILE(kind), .narrow_tile = narrow_tile_##kind, .strip = strip_##kind, \
    .row = row_##kind, .narrow_strip = narrow_strip_##kind
