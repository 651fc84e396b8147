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

// One square of 16 x 16: whole cache lines are read and written.
INLINE void transpose_tile(const float *matrix, int64_t columns, int64_t stride, float *transposed) {
    float tile[16][16];
    for (int i = 0; i < 16; i++) memcpy(tile[i], matrix + i * columns, sizeof tile[i]);
    for (int j = 0; j < 16; j++)
        for (int i = 0; i < 16; i++) transposed[j * stride + i] = tile[i][j];
}

MULTIVERSION
void dtrain_transpose(int64_t rows, int64_t columns, const float *restrict matrix, int64_t stride, float *restrict transposed) {
    for (int64_t i = 0; i < rows; i += 16) {
        for (int64_t j = 0; j < columns; j += 16) {
            if (i + 16 <= rows && j + 16 <= columns) {
                transpose_tile(matrix + i * columns + j, columns, stride, transposed + j * stride + i);
                continue;
            }
            for (int64_t a = i; a < rows && a < i + 16; a++)
                for (int64_t b = j; b < columns && b < j + 16; b++) transposed[b * stride + a] = matrix[a * columns + b];
        }
    }
}
