// Element-wise sums and products of vectors and matrices.

static void add(int64_t n, const float *restrict addend, float *restrict sum) {
    for (int64_t i = 0; i < n; i++) sum[i] += addend[i];
}

static void add_into(int64_t n, const float *a, const float *b, float *sum) {
#pragma clang loop vectorize(assume_safety)
    for (int64_t i = 0; i < n; i++) sum[i] = a[i] + b[i];
}

static void add_zero(int64_t n, const float *a, float *sum) {
#pragma clang loop vectorize(assume_safety)
    for (int64_t i = 0; i < n; i++) sum[i] = a[i] + 0.0f;
}

static void add_rows(
    int64_t columns, const float *a, const uint16_t *a_rows, int64_t a_count, const float *b, const uint16_t *b_rows,
    int64_t b_count, float *sum) {
    for (int64_t i = 0, k = 0; i < a_count || k < b_count;) {
        // At the end of a list, use a value above all rows.
        const int32_t of_a = i < a_count ? a_rows[i] : INT32_MAX, of_b = k < b_count ? b_rows[k] : INT32_MAX;
        const int64_t start = (of_a < of_b ? of_a : of_b) * columns;
        if (of_a == of_b)
            add_into(columns, a + start, b + start, sum + start);
        else
            add_zero(columns, (of_a < of_b ? a : b) + start, sum + start);
        i += of_a <= of_b;
        k += of_b <= of_a;
    }
}

static void axpy(int64_t n, float factor, const float *restrict x, float *restrict y) {
    for (int64_t i = 0; i < n; i++) y[i] = FUSED(factor, x[i], y[i]);
}

static float dot(int64_t n, const float *restrict a, const float *restrict b) {
    float partial[32] = {0};
    int64_t whole = n / 32 * 32;
    for (int64_t i = 0; i < whole; i += 32)
        for (int64_t k = 0; k < 32; k++) partial[k] = FUSED(a[i + k], b[i + k], partial[k]);
    for (int64_t i = whole; i < n; i++) partial[i - whole] = FUSED(a[i], b[i], partial[i - whole]);
    float sum = 0.0f;
    for (int k = 0; k < 32; k++) sum += partial[k];
    return sum;
}

static void column_sums(int64_t rows, int64_t columns, const float *restrict matrix, float *restrict sum) {
    for (int64_t i = 0; i < rows; i++) {
        const float *restrict row = matrix + i * columns;
        for (int64_t j = 0; j < columns; j++) sum[j] += row[j];
    }
}

static void scatter_add(
    int64_t rows, int64_t columns, const float *restrict matrix, const uint16_t *restrict ids, float *restrict table) {
    for (int64_t i = 0; i < rows; i++) {
        const float *restrict row = matrix + i * columns;
        float *restrict sum = table + (int64_t)ids[i] * columns;
        for (int64_t j = 0; j < columns; j++) sum[j] += row[j];
    }
}
