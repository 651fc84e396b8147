// A * B of packed states and a panel, see Products.h; the sums are folded as they leave the
// registers.

// Adds the addends to a vector of a finished tile's row, one after another, and stores the result.
INLINE void finish_vector(const float *sums, int64_t offset, const dtrain_fold *fold) {
    vector sum = load(sums);
    for (int64_t i = 0; i < fold->count; i++) sum = load(fold->addends[i] + offset) + sum;
    store(fold->out + offset, sum);
}

INLINE void finish_number(const float *sums, int64_t offset, const dtrain_fold *fold) {
    float sum = *sums;
    for (int64_t i = 0; i < fold->count; i++) sum = fold->addends[i][offset] + sum;
    fold->out[offset] = sum;
}

static void finish(
    const float *sums, int64_t rows, int64_t row, int64_t column, int64_t columns, const dtrain_fold *fold) {
    const int64_t width = columns - column < TILE_COLUMNS ? columns - column : TILE_COLUMNS;
    for (int64_t i = 0; i < rows; i++) {
        const int64_t offset = (row + i) * columns + column;
        int64_t j = 0;
        for (; j + VECTOR <= width; j += VECTOR) finish_vector(sums + i * TILE_COLUMNS + j, offset + j, fold);
        for (; j < width; j++) finish_number(sums + i * TILE_COLUMNS + j, offset + j, fold);
    }
}

// Prefetches the lines that `finish` will access into the L2 cache.
INLINE void prefetch_fold(int64_t rows, int64_t row, int64_t column, int64_t columns, const dtrain_fold *fold) {
    for (int64_t i = 0; i < rows; i++) {
        const int64_t offset = (row + i) * columns + column;
        for (int64_t k = 0; k < fold->count; k++) {
            fetch_to_l2(fold->addends[k] + offset);
            fetch_to_l2(fold->addends[k] + offset + LINE);
        }
        const float *out = fold->out + offset;
        fetch_to_l2(out);
        fetch_to_l2(out + LINE);
    }
}

// The lines that tiles prefetch for the next product.
typedef struct {
    const float *position;
    const float *end;
} lines;

INLINE const float *take(lines *ahead, int64_t depth, const float *otherwise) {
    if (ahead->position >= ahead->end) return otherwise;
    const float *start = ahead->position;
    ahead->position += depth / EVEN_STEPS * LINE;
    return start;
}

// B stays in the L2 cache while the rows of A stream by. The tile of the first columns, or the
// first tiles of a group of rows, prefetch the next group; past the last one this has no effect.
// The other tiles of the last rows prefetch the data of the next product. A tile's sums stay in the
// L1 cache until its last step.
//
// B is [column blocks][block_steps][block_columns].
INLINE void panel_product(
    void run(int64_t, const tile *), void narrow(int64_t, const tile *), int64_t rows, int64_t columns, int64_t steps,
    const float *a, int64_t a_steps, const float *b, int64_t block_columns, int64_t block_steps, const dtrain_fold *fold) {
    _Alignas(64) float sums[TILE_ROWS * TILE_COLUMNS] = {0};
    lines ahead = {fold->upcoming, fold->upcoming + fold->upcoming_count};
    // Prefetched late, so it doesn't evict data still in use.
    const int64_t tiles = dtrain_groups(columns, TILE_COLUMNS);
    const int64_t late = rows - (fold->upcoming_count / LINE / ((steps / EVEN_STEPS) * tiles + 1) + 2) * STATE_GROUP;
    for (int64_t row = 0; row < rows; row += TILE_ROWS) {
        const float *group = a + row / STATE_GROUP * STATE_GROUP * a_steps + row % STATE_GROUP;
        const int64_t height = rows - row < TILE_ROWS ? rows - row : TILE_ROWS;
        for (int64_t column = 0; column < columns; column += TILE_COLUMNS) {
            const float *from = b + column / block_columns * block_columns * block_steps + column % block_columns;
            const int is_spare = TILE_ROWS == STATE_GROUP ? column > 0 : row % STATE_GROUP > 0;
            prefetch_fold(height, row, column, columns, fold);
            for (int64_t first = 0; first < steps; first += TILE_STEPS) {
                const int64_t depth = steps - first < TILE_STEPS ? steps - first : TILE_STEPS;
                const float *next =
                    group + (a_steps + first) * STATE_GROUP + even_line(column / TILE_COLUMNS, depth) * LINE;
                const tile t = {
                    .a = group + first * STATE_GROUP, .b = from + first * block_columns, .b_stride = block_columns, .depth = depth,
                    .next = is_spare && row >= late ? take(&ahead, depth, next) : next, .c = sums, .c_stride = TILE_COLUMNS,
                    .accumulate = first > 0};
                (columns - column > VECTOR ? run : narrow)(height, &t);
            }
            finish(sums, height, row, column, columns, fold);
        }
    }
}

