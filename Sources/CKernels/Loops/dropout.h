// Dropout: masks from Philox4x32-10, and their application.

enum { DROPOUT_LANES = 16, DROPOUT_CHUNK = 8 * DROPOUT_LANES };

static void dropout_mask(
    uint32_t key_low, uint32_t key_high, uint32_t sequence, uint32_t time, uint32_t threshold, int64_t units,
    uint8_t *restrict mask) {
    for (int64_t first = 0; first < units; first += DROPOUT_CHUNK) {
        uint32_t a[DROPOUT_LANES], b[DROPOUT_LANES], c[DROPOUT_LANES], d[DROPOUT_LANES];
        uint32_t left = key_low, right = key_high;
        for (int i = 0; i < DROPOUT_LANES; i++) {
            a[i] = (uint32_t)(first / DROPOUT_CHUNK * DROPOUT_LANES + i);
            b[i] = sequence;
            c[i] = time;
            d[i] = 0;
        }
        for (int round = 0; round < 10; round++) {
            for (int i = 0; i < DROPOUT_LANES; i++) {
                const uint64_t one = (uint64_t)a[i] * 0xD2511F53u, other = (uint64_t)c[i] * 0xCD9E8D57u;
                a[i] = (uint32_t)(other >> 32) ^ b[i] ^ left;
                b[i] = (uint32_t)other;
                c[i] = (uint32_t)(one >> 32) ^ d[i] ^ right;
                d[i] = (uint32_t)one;
            }
            left += 0x9E3779B9u;
            right += 0xBB67AE85u;
        }
        const uint32_t *words[] = {a, b, c, d};
        uint8_t passes[DROPOUT_CHUNK];
        for (int word = 0; word < 4; word++) {
            uint8_t *low = passes + 2 * word * DROPOUT_LANES, *high = low + DROPOUT_LANES;
            for (int i = 0; i < DROPOUT_LANES; i++) low[i] = (words[word][i] & 0xffff) >= threshold;
            for (int i = 0; i < DROPOUT_LANES; i++) high[i] = words[word][i] >> 16 >= threshold;
        }
        const int64_t left_over = units - first;
        memcpy(mask + first, passes, (size_t)(left_over < DROPOUT_CHUNK ? left_over : DROPOUT_CHUNK));
    }
}

static void dropout(
    int64_t n, const uint8_t *restrict mask, float scale, const float *restrict x, float *restrict passed) {
    for (int64_t j = 0; j < n; j++) {
        const float scaled = x[j] * scale;
        passed[j] = mask[j] ? scaled : 0.0f;
    }
}

static void dropout_add(
    int64_t n, const uint8_t *restrict mask, float scale, const float *restrict x, float *restrict sum) {
    for (int64_t j = 0; j < n; j++) {
        const float scaled = x[j] * scale;
        sum[j] += mask[j] ? scaled : 0.0f;
    }
}
