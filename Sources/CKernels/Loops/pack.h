// Packing of weights and states.

static void pack(
    int64_t rows, int64_t columns, const float *restrict matrix, int64_t stride, float *restrict packed) {
    const int64_t stored = dtrain_groups(rows, DTRAIN_BLOCK_STEPS) * DTRAIN_BLOCK_STEPS;
    for (int64_t column = 0; column < columns; column += BLOCK_COLUMNS) {
        const int64_t width = columns - column < BLOCK_COLUMNS ? columns - column : BLOCK_COLUMNS;
        for (int64_t i = 0; i < stored; i++, packed += BLOCK_COLUMNS) {
            const float *from = matrix + i * stride + column;
            if (i < rows && width == BLOCK_COLUMNS) {
                memcpy(packed, from, BLOCK_COLUMNS * sizeof(float));
            } else {
                memset(packed, 0, BLOCK_COLUMNS * sizeof(float));
                if (i < rows) memcpy(packed, from, (size_t)width * sizeof(float));
            }
        }
    }
}

INLINE void pack_pair(int64_t width, const float *restrict first, const float *restrict second, uint32_t *restrict pair) {
    if (width == BLOCK_COLUMNS && second) {
        for (int j = 0; j < BLOCK_COLUMNS; j++) pair[j] = (uint32_t)bf16(first[j]) | (uint32_t)bf16(second[j]) << 16;
        return;
    }
    for (int64_t j = 0; j < BLOCK_COLUMNS; j++) {
        uint32_t low = first && j < width ? bf16(first[j]) : 0;
        uint32_t high = second && j < width ? bf16(second[j]) : 0;
        pair[j] = low | high << 16;
    }
}

static void pack_bf16_pairs(
    int64_t rows, int64_t columns, const float *restrict matrix, int64_t stride, uint32_t *restrict packed) {
    const int64_t pairs = dtrain_groups(rows, 2 * DTRAIN_BLOCK_STEPS) * DTRAIN_BLOCK_STEPS;
    for (int64_t column = 0; column < columns; column += BLOCK_COLUMNS) {
        const int64_t width = columns - column < BLOCK_COLUMNS ? columns - column : BLOCK_COLUMNS;
        for (int64_t i = 0; i < pairs; i++, packed += BLOCK_COLUMNS) {
            const float *first = 2 * i < rows ? matrix + 2 * i * stride + column : 0;
            const float *second = 2 * i + 1 < rows ? matrix + (2 * i + 1) * stride + column : 0;
            pack_pair(width, first, second, packed);
        }
    }
}

// Tokens packed together. They are read in whole cache lines and stay in the cache while their
// groups of units are written.
enum { TOKENS = 16 };

static void pack_states(int64_t tokens, int64_t units, const float *restrict states, float *restrict packed) {
    for (int64_t first = 0; first < tokens; first += TOKENS) {
        const int64_t end = first + TOKENS < tokens ? first + TOKENS : tokens;
        for (int64_t unit = 0; unit < units; unit += STATE_GROUP) {
            const float *restrict from = states + unit;
            float *restrict to = packed + unit * tokens;
            if (unit + STATE_GROUP <= units) {
                for (int64_t i = first; i < end; i++)
                    memcpy(to + i * STATE_GROUP, from + i * units, STATE_GROUP * sizeof(float));
            } else {
                for (int64_t i = first; i < end; i++)
                    memcpy(to + i * STATE_GROUP, from + i * units, (size_t)(units - unit) * sizeof(float));
            }
        }
    }
}

INLINE void pack_state_pair(
    int64_t width, const float *restrict first, const float *restrict second, uint32_t *restrict to) {
    for (int64_t j = 0; j < width; j++)
        to[j] = (uint32_t)bf16(first[j]) | (second ? (uint32_t)bf16(second[j]) << 16 : 0);
}

static void pack_states_bf16_pairs(
    int64_t tokens, int64_t units, const float *restrict states, uint32_t *restrict packed) {
    const int64_t pairs = (tokens + 1) / 2;
    for (int64_t first = 0; first < pairs; first += TOKENS / 2) {
        const int64_t end = first + TOKENS / 2 < pairs ? first + TOKENS / 2 : pairs;
        for (int64_t unit = 0; unit < units; unit += STATE_GROUP) {
            const int64_t width = units - unit < STATE_GROUP ? units - unit : STATE_GROUP;
            for (int64_t i = first; i < end; i++) {
                const float *even = states + 2 * i * units + unit;
                const float *odd = 2 * i + 1 < tokens ? even + units : 0;
                uint32_t *to = packed + unit * pairs + i * STATE_GROUP;
                if (width == STATE_GROUP && odd) {
                    pack_state_pair(STATE_GROUP, even, odd, to);
                } else {
                    pack_state_pair(width, even, odd, to);
                }
            }
        }
    }
}
