// Packing of transposed weights, and of transposed states in tiles.

enum { SIDE = DTRAIN_LINE };
_Static_assert(DTRAIN_BLOCK_STEPS == SIDE, "a block is a row of squares");

// Returns the bits of the step that starts at `from`, with 0 beyond the last row.
INLINE uint32_t step_bits(const float *from, int64_t rest, const int per_step) {
    if (per_step == 2) return (rest > 0 ? bf16(from[0]) : 0u) | (rest > 1 ? (uint32_t)bf16(from[1]) << 16 : 0u);
    uint32_t bits = 0;
    if (rest > 0) memcpy(&bits, from, sizeof bits);
    return bits;
}

// Packs square by square, so that whole cache lines are read and written.
INLINE void pack_transposed_steps(
    int64_t rows, int64_t columns, const float *restrict matrix, int64_t stride, uint32_t *restrict packed,
    const int per_step) {
    const int64_t steps = dtrain_groups(rows, per_step * SIDE) * SIDE;
    const int64_t stored = dtrain_groups(columns, BLOCK_COLUMNS) * BLOCK_COLUMNS;
    for (int64_t column = 0; column < stored; column += SIDE) {
        uint32_t *restrict to = packed + column / BLOCK_COLUMNS * BLOCK_COLUMNS * steps + column % BLOCK_COLUMNS;
        for (int64_t step = 0; step < steps; step += SIDE, to += SIDE * BLOCK_COLUMNS) {
            const int64_t row = step * per_step;
            const float *restrict from = matrix + column * stride + row;
            if (column + SIDE <= columns && row + SIDE * per_step <= rows) {
                for (int k = 0; k < SIDE; k++)
                    for (int i = 0; i < SIDE; i++)
                        to[k * BLOCK_COLUMNS + i] = step_bits(from + i * stride + k * per_step, per_step, per_step);
            } else {
                for (int k = 0; k < SIDE; k++)
                    for (int i = 0; i < SIDE; i++)
                        to[k * BLOCK_COLUMNS + i] = step_bits(
                            from + i * stride + k * per_step, column + i < columns ? rows - row - k * per_step : 0, per_step);
            }
        }
    }
}

static void pack_transposed(int64_t rows, int64_t columns, const float *matrix, int64_t stride, float *packed) {
    pack_transposed_steps(rows, columns, matrix, stride, (uint32_t *)packed, 1);
}

static void pack_transposed_bf16_pairs(
    int64_t rows, int64_t columns, const float *matrix, int64_t stride, uint32_t *packed) {
    pack_transposed_steps(rows, columns, matrix, stride, packed, 2);
}

// A tile is a square: SIDE units by SIDE pairs of tokens.
static void pack_states_bf16_tiles(int64_t tokens, int64_t units, const float *restrict states, uint32_t *restrict packed) {
    for (int64_t unit = 0; unit < units; unit += SIDE) {
        for (int64_t token = 0; token < tokens; token += 2 * SIDE, packed += SIDE * SIDE) {
            for (int i = 0; i < SIDE; i++) {
                for (int k = 0; k < SIDE; k++) {
                    const int64_t first = token + 2 * k, rest = unit + i < units ? tokens - first : 0;
                    const float *from = states + first * units + unit + i;
                    packed[i * SIDE + k] =
                        (rest > 0 ? bf16(from[0]) : 0u) | (rest > 1 ? (uint32_t)bf16(from[units]) << 16 : 0u);
                }
            }
        }
    }
}
