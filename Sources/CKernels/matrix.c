#include "CKernels.h"
#include "vector_math.h"

MULTIVERSION
void dtrain_add(int64_t n, const float *restrict addend, float *restrict sum) {
    for (int64_t i = 0; i < n; i++) sum[i] += addend[i];
}

MULTIVERSION
void dtrain_axpy(int64_t n, float factor, const float *restrict x, float *restrict y) {
    for (int64_t i = 0; i < n; i++) y[i] += factor * x[i];
}

MULTIVERSION
float dtrain_dot(int64_t n, const float *restrict a, const float *restrict b) {
    float partial[32] = {0};
    int64_t whole = n / 32 * 32;
    for (int64_t i = 0; i < whole; i += 32)
        for (int64_t k = 0; k < 32; k++) partial[k] += a[i + k] * b[i + k];
    for (int64_t i = whole; i < n; i++) partial[i - whole] += a[i] * b[i];
    float sum = 0.0f;
    for (int k = 0; k < 32; k++) sum += partial[k];
    return sum;
}

MULTIVERSION
void dtrain_column_sums(int64_t rows, int64_t columns, const float *restrict matrix, float *restrict sum) {
    for (int64_t i = 0; i < rows; i++) {
        const float *restrict row = matrix + i * columns;
        for (int64_t j = 0; j < columns; j++) sum[j] += row[j];
    }
}

MULTIVERSION
void dtrain_scatter_add(
    int64_t rows, int64_t columns, const float *restrict matrix, const uint16_t *restrict ids, float *restrict table) {
    for (int64_t i = 0; i < rows; i++) {
        const float *restrict row = matrix + i * columns;
        float *restrict sum = table + (int64_t)ids[i] * columns;
        for (int64_t j = 0; j < columns; j++) sum[j] += row[j];
    }
}

MULTIVERSION
void dtrain_to_bf16(int64_t n, const float *restrict values, uint16_t *restrict rounded) {
    for (int64_t i = 0; i < n; i++) rounded[i] = bf16(values[i]);
}

INLINE void pack_pair(int64_t width, const float *restrict first, const float *restrict second, uint32_t *restrict pair) {
    if (width == 64 && second) {
        for (int j = 0; j < 64; j++) pair[j] = (uint32_t)bf16(first[j]) | (uint32_t)bf16(second[j]) << 16;
        return;
    }
    for (int64_t j = 0; j < 64; j++) {
        uint32_t low = first && j < width ? bf16(first[j]) : 0;
        uint32_t high = second && j < width ? bf16(second[j]) : 0;
        pair[j] = low | high << 16;
    }
}

MULTIVERSION
void dtrain_pack_bf16_pairs(
    int64_t rows, int64_t columns, const float *restrict matrix, uint32_t *restrict packed) {
    const int64_t pairs = (rows + 31) / 32 * 16;
    for (int64_t column = 0; column < columns; column += 64) {
        const int64_t width = columns - column < 64 ? columns - column : 64;
        for (int64_t i = 0; i < pairs; i++, packed += 64) {
            const float *first = 2 * i < rows ? matrix + 2 * i * columns + column : 0;
            const float *second = 2 * i + 1 < rows ? matrix + (2 * i + 1) * columns + column : 0;
            pack_pair(width, first, second, packed);
        }
    }
}

INLINE float same(float x) { return x; }

// Squares of 16 x 16: whole cache lines are read and written.
#define DEFINE_TRANSPOSE(name, type, convert)                                                                          \
    MULTIVERSION                                                                                                       \
    void name(int64_t rows, int64_t columns, const float *restrict matrix, int64_t stride, type *restrict transposed) { \
        for (int64_t i = 0; i < rows; i += 16) {                                                                       \
            for (int64_t j = 0; j < columns; j += 16) {                                                                \
                const float *restrict from = matrix + i * columns + j;                                                 \
                type *restrict to = transposed + j * stride + i;                                                       \
                if (i + 16 <= rows && j + 16 <= columns) {                                                             \
                    for (int b = 0; b < 16; b++)                                                                       \
                        for (int a = 0; a < 16; a++) to[b * stride + a] = convert(from[a * columns + b]);              \
                } else {                                                                                               \
                    for (int64_t b = 0; b < columns - j && b < 16; b++)                                                \
                        for (int64_t a = 0; a < rows - i && a < 16; a++)                                               \
                            to[b * stride + a] = convert(from[a * columns + b]);                                       \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

DEFINE_TRANSPOSE(dtrain_transpose, float, same)
DEFINE_TRANSPOSE(dtrain_transpose_to_bf16, uint16_t, bf16)
