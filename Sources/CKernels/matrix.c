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

MULTIVERSION
void dtrain_to_bf16(int64_t n, const float *restrict values, uint16_t *restrict rounded) {
    for (int64_t i = 0; i < n; i++) rounded[i] = bf16(values[i]);
}

MULTIVERSION
void dtrain_round_to_bf16(int64_t n, const float *values, float *rounded) {
#pragma clang loop vectorize(assume_safety)
    for (int64_t i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)bf16(values[i]) << 16;
        memcpy(rounded + i, &bits, sizeof bits);
    }
}

MULTIVERSION
void dtrain_pack(int64_t rows, int64_t columns, const float *restrict matrix, float *restrict packed) {
    const int64_t stored = (rows + 15) / 16 * 16;
    for (int64_t column = 0; column < columns; column += 64) {
        const int64_t width = columns - column < 64 ? columns - column : 64;
        for (int64_t i = 0; i < stored; i++, packed += 64) {
            const float *from = matrix + i * columns + column;
            if (i < rows && width == 64) {
                memcpy(packed, from, 64 * sizeof(float));
            } else {
                memset(packed, 0, 64 * sizeof(float));
                if (i < rows) memcpy(packed, from, (size_t)width * sizeof(float));
            }
        }
    }
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

enum { BLOCK = 12, STRIP = 16 };

// A strip of rows at a time: it is read in whole lines and stays in the cache while its blocks are written.
MULTIVERSION
void dtrain_block_columns(int64_t rows, int64_t columns, const float *restrict matrix, float *restrict blocks) {
    for (int64_t first = 0; first < rows; first += STRIP) {
        const int64_t end = first + STRIP < rows ? first + STRIP : rows;
        for (int64_t column = 0; column < columns; column += BLOCK) {
            const float *restrict from = matrix + column;
            float *restrict to = blocks + column * rows;
            if (column + BLOCK <= columns) {
                for (int64_t i = first; i < end; i++)
                    memcpy(to + i * BLOCK, from + i * columns, BLOCK * sizeof(float));
            } else {
                for (int64_t i = first; i < end; i++)
                    memcpy(to + i * BLOCK, from + i * columns, (size_t)(columns - column) * sizeof(float));
            }
        }
    }
}

INLINE void block_pair(int64_t width, const float *restrict first, const float *restrict second, uint32_t *restrict to) {
    for (int64_t j = 0; j < width; j++)
        to[j] = (uint32_t)bf16(first[j]) | (second ? (uint32_t)bf16(second[j]) << 16 : 0);
}

MULTIVERSION
void dtrain_block_columns_to_bf16(
    int64_t rows, int64_t columns, const float *restrict matrix, uint32_t *restrict blocks) {
    const int64_t pairs = (rows + 1) / 2;
    for (int64_t first = 0; first < pairs; first += STRIP / 2) {
        const int64_t end = first + STRIP / 2 < pairs ? first + STRIP / 2 : pairs;
        for (int64_t column = 0; column < columns; column += BLOCK) {
            const int64_t width = columns - column < BLOCK ? columns - column : BLOCK;
            for (int64_t i = first; i < end; i++) {
                const float *even = matrix + 2 * i * columns + column;
                const float *odd = 2 * i + 1 < rows ? even + columns : 0;
                uint32_t *to = blocks + column * pairs + i * BLOCK;
                if (width == BLOCK && odd) {
                    block_pair(BLOCK, even, odd, to);
                } else {
                    block_pair(width, even, odd, to);
                }
            }
        }
    }
}

// Squares of 16 x 16: whole cache lines are read and written.
MULTIVERSION
void dtrain_transpose(
    int64_t rows, int64_t columns, const float *restrict matrix, int64_t stride, float *restrict transposed) {
    for (int64_t i = 0; i < rows; i += 16) {
        for (int64_t j = 0; j < columns; j += 16) {
            const float *restrict from = matrix + i * columns + j;
            float *restrict to = transposed + j * stride + i;
            if (i + 16 <= rows && j + 16 <= columns) {
                for (int b = 0; b < 16; b++)
                    for (int a = 0; a < 16; a++) to[b * stride + a] = from[a * columns + b];
            } else {
                for (int64_t b = 0; b < columns - j && b < 16; b++)
                    for (int64_t a = 0; a < rows - i && a < 16; a++) to[b * stride + a] = from[a * columns + b];
            }
        }
    }
}
