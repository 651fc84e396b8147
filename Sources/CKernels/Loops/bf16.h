INLINE float expanded(uint16_t value) {
    uint32_t bits = (uint32_t)value << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void round_bf16(int64_t n, const float *restrict x, float *restrict residual, uint16_t *restrict rounded) {
    for (int64_t i = 0; i < n; i++) {
        float wanted = x[i] + residual[i];
        uint16_t sent = bf16(wanted);
        float rest = wanted - expanded(sent);
        rounded[i] = sent;
        // An infinite or NaN residual must not be carried over.
        residual[i] = fabsf(rest) < INFINITY ? rest : 0.0f;
    }
}

static void expand_bf16(int64_t n, const uint16_t *restrict values, float *restrict x) {
    for (int64_t i = 0; i < n; i++) x[i] = expanded(values[i]);
}

static void add_bf16(int64_t n, const uint16_t *restrict addend, float *restrict sum) {
    for (int64_t i = 0; i < n; i++) sum[i] += expanded(addend[i]);
}

static void to_bf16(int64_t n, const float *restrict values, uint16_t *restrict rounded) {
    for (int64_t i = 0; i < n; i++) rounded[i] = bf16(values[i]);
}

static void to_bf16_tiles(int64_t first, int64_t n, const float *restrict values, uint16_t *restrict row) {
    const int64_t end = first + n;
    while (first < end) {
        const int64_t place = first % DTRAIN_TILE_DEPTH, room = DTRAIN_TILE_DEPTH - place;
        const int64_t count = end - first < room ? end - first : room;
        uint16_t *restrict to = row + first / DTRAIN_TILE_DEPTH * DTRAIN_TILE_ROWS * DTRAIN_TILE_DEPTH + place;
        if (count == DTRAIN_TILE_DEPTH) {
            for (int i = 0; i < DTRAIN_TILE_DEPTH; i++) to[i] = bf16(values[i]);
        } else {
            for (int64_t i = 0; i < count; i++) to[i] = bf16(values[i]);
        }
        values += count;
        first += count;
    }
}

static void round_to_bf16(int64_t n, const float *values, float *rounded) {
#pragma clang loop vectorize(assume_safety)
    for (int64_t i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)bf16(values[i]) << 16;
        memcpy(rounded + i, &bits, sizeof bits);
    }
}
