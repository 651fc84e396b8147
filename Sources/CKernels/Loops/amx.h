// Products of bf16 operands in tiles; Products.h specifies them.
//
// The including file defines `tiles`, a thread's tile registers, and their operations: OPEN_TILES,
// CLOSE_TILES, ZERO_TILE, LOAD_TILE, STORE_TILE and MULTIPLY_TILES. Tile numbers are constants: 0
// to 3 hold sums, 4 and 5 hold A, 6 and 7 hold B. This file defines `packed_product` and
// `panel_product`.
//
// A sum starts with the first tile of the depth and adds one tile after another, so its bits depend
// only on the row of A and the column of B.

#pragma STDC FP_CONTRACT OFF

#define INLINE static inline __attribute__((always_inline))

enum {
    // Rows of A and columns of B in a tile.
    SIDE = DTRAIN_TILE_ROWS,
    // A block of sums has at most two by two tiles, so each loaded tile is multiplied twice.
    BLOCK_SIDE = 2 * SIDE,
    LINE_BYTES = 64,
    // A's tiles are contiguous.
    A_STRIDE = LINE_BYTES,
    A_STEP = SIDE * A_STRIDE,
    // B's tiles are squares of packed weights.
    B_STRIDE = DTRAIN_BLOCK_COLUMNS * 4,
    B_STEP = DTRAIN_BLOCK_STEPS * B_STRIDE,
};
_Static_assert(DTRAIN_BLOCK_STEPS == SIDE && 2 * DTRAIN_BLOCK_STEPS == DTRAIN_TILE_DEPTH, "B's tiles are squares of pairs");
_Static_assert(2 * DTRAIN_TILE_DEPTH == LINE_BYTES, "a row of a tile is a cache line");

// The layout of tiles in memory, constant in a product: bytes between a tile's rows, and between
// tiles.
typedef struct {
    int stride;
    int step;
} spacing;

// A block of sums: at most two bands of A's rows by two times SIDE columns of B.
typedef struct {
    const char *a[2];
    const char *b[2];
    int64_t steps;  // tiles of the depth
    // Tiles needed next; NULL: none. Each step fetches two of them into the L2 cache.
    const char *next[2];
    float *c;  // rows c_stride apart
    int64_t c_stride;
    int accumulate;
} block;

INLINE void fetch_to_l2(const void *line) { __builtin_prefetch(line, 0, 2); }

INLINE void fetch_tile(const char *tile, const int stride) {
    for (int i = 0; i < SIDE; i++) fetch_to_l2(tile + i * stride);
}

INLINE void start_sums(tiles *t, const int high, const int wide, const block *q) {
    const int64_t stride = q->c_stride * 4;
    if (q->accumulate) {
        LOAD_TILE(t, 0, q->c, stride);
        if (wide) LOAD_TILE(t, 1, q->c + SIDE, stride);
        if (high) LOAD_TILE(t, 2, q->c + SIDE * q->c_stride, stride);
        if (high && wide) LOAD_TILE(t, 3, q->c + SIDE * q->c_stride + SIDE, stride);
    } else {
        ZERO_TILE(t, 0);
        ZERO_TILE(t, 1);
        ZERO_TILE(t, 2);
        ZERO_TILE(t, 3);
    }
}

INLINE void store_sums(tiles *t, const int high, const int wide, const block *q) {
    const int64_t stride = q->c_stride * 4;
    STORE_TILE(t, 0, q->c, stride);
    if (wide) STORE_TILE(t, 1, q->c + SIDE, stride);
    if (high) STORE_TILE(t, 2, q->c + SIDE * q->c_stride, stride);
    if (high && wide) STORE_TILE(t, 3, q->c + SIDE * q->c_stride + SIDE, stride);
}

// Computes a block of one or two bands of rows by one or two tiles of columns.
INLINE void multiply_block(tiles *t, const int high, const int wide, const spacing next, const block *given) {
    const block q = *given;
    start_sums(t, high, wide, &q);
    for (int64_t k = 0; k < q.steps; k++) {
        LOAD_TILE(t, 4, q.a[0] + k * A_STEP, A_STRIDE);
        if (high) LOAD_TILE(t, 5, q.a[1] + k * A_STEP, A_STRIDE);
        LOAD_TILE(t, 6, q.b[0] + k * B_STEP, B_STRIDE);
        if (wide) LOAD_TILE(t, 7, q.b[1] + k * B_STEP, B_STRIDE);
        if (q.next[0]) {
            fetch_tile(q.next[0] + k * next.step, next.stride);
            fetch_tile(q.next[1] + k * next.step, next.stride);
        }
        MULTIPLY_TILES(t, 0, 4, 6);
        if (wide) MULTIPLY_TILES(t, 1, 4, 7);
        if (high) MULTIPLY_TILES(t, 2, 5, 6);
        if (high && wide) MULTIPLY_TILES(t, 3, 5, 7);
    }
    store_sums(t, high, wide, &q);
}

INLINE void multiply(tiles *t, int64_t rows, int64_t width, const spacing next, const block *q) {
    switch ((rows > SIDE) << 1 | (width > SIDE)) {
    case 0: multiply_block(t, 0, 0, next, q); break;
    case 1: multiply_block(t, 0, 1, next, q); break;
    case 2: multiply_block(t, 1, 0, next, q); break;
    default: multiply_block(t, 1, 1, next, q); break;
    }
}

// Multiply a block and fetch tiles of B, or of A.
static void multiply_fetching_b(tiles *t, int64_t rows, int64_t width, const block *q) {
    multiply(t, rows, width, (spacing){B_STRIDE, B_STEP}, q);
}
static void multiply_fetching_a(tiles *t, int64_t rows, int64_t width, const block *q) {
    multiply(t, rows, width, (spacing){A_STRIDE, A_STEP}, q);
}

INLINE void copy(int64_t rows, int64_t width, const float *from, int64_t from_stride, float *to, int64_t to_stride) {
    for (int64_t i = 0; i < rows; i++)
        memcpy(to + i * to_stride, from + i * from_stride, (size_t)width * sizeof(float));
}

// Computes a block that extends past C's last row or column, in a copy of C.
INLINE void multiply_at_edge(tiles *t, int64_t rows, int64_t width, const block *q) {
    _Alignas(64) float edge[BLOCK_SIDE * BLOCK_SIDE] = {0};
    block moved = *q;
    moved.c = edge;
    moved.c_stride = BLOCK_SIDE;
    if (q->accumulate) copy(rows, width, q->c, q->c_stride, edge, BLOCK_SIDE);
    multiply_fetching_b(t, rows, width, &moved);
    copy(rows, width, edge, BLOCK_SIDE, q->c, q->c_stride);
}

// The columns of one block.
typedef struct {
    int64_t column;
    int64_t width;
} piece;

// Returns the index-th of `count` pieces; a group's last piece may be narrower.
INLINE piece piece_at(const dtrain_packed_product *p, int64_t index, int64_t count) {
    const int64_t in_group = count / p->groups, place = p->backwards ? count - 1 - index : index;
    const int64_t column = place % in_group * BLOCK_SIDE, rest = p->columns - column;
    return (piece){p->first + place / in_group * p->group_stride + column, rest < BLOCK_SIDE ? rest : BLOCK_SIDE};
}

// Returns B's first tile at `column`, a multiple of SIDE.
INLINE const char *columns_at(const void *packed, int64_t steps, int64_t column) {
    return (const char *)packed + column / DTRAIN_BLOCK_COLUMNS * steps * B_STEP + column % DTRAIN_BLOCK_COLUMNS * 4;
}

INLINE void set_columns(const char *tiles[2], const void *packed, int64_t steps, int64_t column) {
    tiles[0] = columns_at(packed, steps, column);
    tiles[1] = columns_at(packed, steps, column + SIDE);
}

// Computes one piece of columns after another, with all rows. The first rows of a piece fetch the
// next piece. In the last piece they fetch nothing, because the next product starts with the same
// columns.
INLINE void packed_product(dtrain_packed_product p) {
    tiles t;
    OPEN_TILES(&t);
    const int64_t steps = dtrain_groups(p.depth, DTRAIN_TILE_DEPTH), band = steps * A_STEP;
    const int64_t count = dtrain_groups(p.columns, BLOCK_SIDE) * p.groups;
    for (int64_t i = 0; i < count; i++) {
        const piece at = piece_at(&p, i, count);
        for (int64_t row = 0; row < p.rows; row += BLOCK_SIDE) {
            const int64_t rows = p.rows - row < BLOCK_SIDE ? p.rows - row : BLOCK_SIDE;
            const char *a = (const char *)p.a + row / SIDE * band;
            block q = {
                .a = {a, a + band}, .steps = steps, .c = p.c + row * p.c_stride + at.column, .c_stride = p.c_stride,
                .accumulate = p.accumulate};
            set_columns(q.b, p.packed, steps, at.column);
            if (row == 0 && i + 1 < count) set_columns(q.next, p.packed, steps, piece_at(&p, i + 1, count).column);
            if (rows % SIDE == 0 && at.width % SIDE == 0) {
                multiply_fetching_b(&t, rows, at.width, &q);
            } else {
                multiply_at_edge(&t, rows, at.width, &q);
            }
        }
    }
    CLOSE_TILES(&t);
}

// Adds the addends to a block's sums, one after another, and stores the results.
INLINE void finish(
    float *restrict sums, int64_t rows, int64_t width, int64_t offset, int64_t columns, const dtrain_fold *fold) {
    for (int64_t i = 0; i < rows; i++, offset += columns, sums += BLOCK_SIDE) {
        for (int64_t k = 0; k < fold->count; k++) {
            const float *restrict addend = fold->addends[k] + offset;
            for (int64_t j = 0; j < width; j++) sums[j] = addend[j] + sums[j];
        }
        memcpy(fold->out + offset, sums, (size_t)width * sizeof(float));
    }
}

// Prefetches the lines that `finish` will access into the L2 cache.
INLINE void prefetch_fold(int64_t rows, int64_t offset, int64_t columns, const dtrain_fold *fold) {
    for (int64_t i = 0; i < rows; i++, offset += columns) {
        for (int64_t k = 0; k < fold->count; k++) {
            fetch_to_l2(fold->addends[k] + offset);
            fetch_to_l2(fold->addends[k] + offset + DTRAIN_LINE);
        }
        fetch_to_l2(fold->out + offset);
        fetch_to_l2(fold->out + offset + DTRAIN_LINE);
    }
}

// The lines that blocks prefetch for the next product.
typedef struct {
    const char *position;
    const char *end;
} lines;

// Assigns a block its share of these lines: as many as two rows of A's tiles.
INLINE void take(lines *ahead, block *q) {
    if (ahead->position >= ahead->end) return;
    q->next[0] = ahead->position;
    q->next[1] = ahead->position + q->steps * A_STEP;
    ahead->position += 2 * q->steps * A_STEP;
}

// B stays in the L2 cache while the rows of A stream by, two bands at a time with all columns. The
// first columns of two bands prefetch the next bands; past the last one this has no effect. The
// other columns of the last rows prefetch the data of the next product.
INLINE void panel_product(
    int64_t rows, int64_t columns, int64_t depth, const void *a, int64_t stored, const void *packed, const dtrain_fold *fold) {
    tiles t;
    OPEN_TILES(&t);
    _Alignas(64) float sums[BLOCK_SIDE * BLOCK_SIDE];
    const int64_t steps = dtrain_groups(depth, DTRAIN_TILE_DEPTH), band = dtrain_groups(stored, DTRAIN_TILE_DEPTH) * A_STEP;
    lines ahead = {(const char *)fold->upcoming, (const char *)(fold->upcoming + fold->upcoming_count)};
    // Prefetched late, so it doesn't evict data still in use.
    const int64_t spare = (dtrain_groups(columns, BLOCK_SIDE) - 1) * steps * 2 * A_STEP;
    const int64_t late = rows - (spare ? fold->upcoming_count * 4 / spare + 1 : 0) * BLOCK_SIDE;
    for (int64_t row = 0; row < rows; row += BLOCK_SIDE) {
        const int64_t height = rows - row < BLOCK_SIDE ? rows - row : BLOCK_SIDE;
        const char *from = (const char *)a + row / SIDE * band;
        for (int64_t column = 0; column < columns; column += BLOCK_SIDE) {
            const int64_t width = columns - column < BLOCK_SIDE ? columns - column : BLOCK_SIDE;
            block q = {.a = {from, from + band}, .steps = steps, .c = sums, .c_stride = BLOCK_SIDE};
            set_columns(q.b, packed, steps, column);
            if (column == 0) {
                q.next[0] = from + 2 * band;
                q.next[1] = from + 3 * band;
            } else if (row >= late) {
                take(&ahead, &q);
            }
            prefetch_fold(height, row * columns + column, columns, fold);
            multiply_fetching_a(&t, height, width, &q);
            finish(sums, height, width, row * columns + column, columns, fold);
        }
    }
    CLOSE_TILES(&t);
}
