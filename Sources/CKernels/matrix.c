#include "CKernels.h"
#include "vector_math.h"

MULTIVERSION
void dtrain_add(int64_t n, const float *restrict addend, float *restrict sum) {
    for (int64_t i = 0; i < n; i++) sum[i] += addend[i];
}

MULTIVERSION
void dtrain_add_into(int64_t n, const float *a, const float *b, float *sum) {
#pragma clang loop vectorize(assume_safety)
    for (int64_t i = 0; i < n; i++) sum[i] = a[i] + b[i];
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

// In squares of SIDE x SIDE numbers: whole cache lines are read and written.
enum { SIDE = DTRAIN_LINE };

MULTIVERSION
void dtrain_transpose(
    int64_t rows, int64_t columns, const float *restrict matrix, int64_t stride, float *restrict transposed) {
    for (int64_t i = 0; i < rows; i += SIDE) {
        for (int64_t j = 0; j < columns; j += SIDE) {
            const float *restrict from = matrix + i * columns + j;
            float *restrict to = transposed + j * stride + i;
            if (i + SIDE <= rows && j + SIDE <= columns) {
                for (int b = 0; b < SIDE; b++)
                    for (int a = 0; a < SIDE; a++) to[b * stride + a] = from[a * columns + b];
            } else {
                for (int64_t b = 0; b < columns - j && b < SIDE; b++)
                    for (int64_t a = 0; a < rows - i && a < SIDE; a++) to[b * stride + a] = from[a * columns + b];
            }
        }
    }
}
