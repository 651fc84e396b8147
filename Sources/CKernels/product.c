#include "CKernels.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

// A tile of C is at most 12 rows by half a packed panel: 24 vectors of sums. A depth of 1024 keeps the tile's operands in the L1 and
// L2 caches. Rows of A are copied with a gap of a cache line: at a stride of 4 KiB they would all fall into one set of the L1 cache.
enum { PANEL = 64, HALF = 32, MOST_ROWS = 12, DEPTH = 1024, A_STRIDE = DEPTH + 16 };

typedef struct {
    const float *a;  // [rows][depth], rows a_stride apart
    int64_t a_stride;
    const float *b;  // [depth][HALF], rows b_stride apart
    int64_t b_stride;
    int64_t depth;      // steps: floats, or pairs of bf16
    const float *next;  // what is needed soon: a cache line is fetched into the L2 cache at each step, next_stride apart
    int64_t next_stride;
    float *c;  // [rows][HALF], rows c_stride apart
    int64_t c_stride;
    int accumulate;
} tile;

// c[rows][HALF] (+)= a * b, for a constant number of rows, in the order of the steps.
#define DEFINE_TILE(name, isa, madd)                                                                      \
    __attribute__((target(isa))) INLINE void name##_rows(const int rows, tile t) {                        \
        __m512 sum[MOST_ROWS][2];                                                                         \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) {                               \
            const float *c = t.c + i * t.c_stride;                                                        \
            sum[i][0] = t.accumulate ? _mm512_loadu_ps(c) : _mm512_setzero_ps();                          \
            sum[i][1] = t.accumulate ? _mm512_loadu_ps(c + 16) : _mm512_setzero_ps();                     \
        }                                                                                                 \
        for (int64_t k = 0; k < t.depth; k++) {                                                           \
            const __m512 b0 = _mm512_loadu_ps(t.b + k * t.b_stride);                                      \
            const __m512 b1 = _mm512_loadu_ps(t.b + k * t.b_stride + 16);                                 \
            _mm_prefetch((const char *)(t.next + k * t.next_stride), _MM_HINT_T1);                        \
            _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) {                           \
                const __m512 a = _mm512_set1_ps(t.a[i * t.a_stride + k]);                                 \
                sum[i][0] = madd(sum[i][0], a, b0);                                                       \
                sum[i][1] = madd(sum[i][1], a, b1);                                                       \
            }                                                                                             \
        }                                                                                                 \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) {                               \
            _mm512_storeu_ps(t.c + i * t.c_stride, sum[i][0]);                                            \
            _mm512_storeu_ps(t.c + i * t.c_stride + 16, sum[i][1]);                                       \
        }                                                                                                 \
    }                                                                                                     \
    __attribute__((target(isa))) static void name(int64_t rows, tile t) {                                 \
        switch (rows) {                                                                                   \
        case 1: name##_rows(1, t); break;                                                                 \
        case 2: name##_rows(2, t); break;                                                                 \
        case 3: name##_rows(3, t); break;                                                                 \
        case 4: name##_rows(4, t); break;                                                                 \
        case 5: name##_rows(5, t); break;                                                                 \
        case 6: name##_rows(6, t); break;                                                                 \
        case 7: name##_rows(7, t); break;                                                                 \
        case 8: name##_rows(8, t); break;                                                                 \
        case 9: name##_rows(9, t); break;                                                                 \
        case 10: name##_rows(10, t); break;                                                               \
        case 11: name##_rows(11, t); break;                                                               \
        default: name##_rows(12, t); break;                                                               \
        }                                                                                                 \
    }

#define MADD_FP32(sum, a, b) _mm512_fmadd_ps(a, b, sum)
#define MADD_BF16(sum, a, b) _mm512_dpbf16_ps(sum, (__m512bh)(a), (__m512bh)(b))
DEFINE_TILE(tile_fp32, "avx512f", MADD_FP32)
DEFINE_TILE(tile_bf16, "avx512f,avx512bf16", MADD_BF16)

// Where half a panel of packed weights starts: [columns / PANEL][steps][PANEL].
INLINE const float *half_panel(const float *packed, int64_t steps, int64_t first, int64_t column) {
    return packed + (column / PANEL * steps + first) * PANEL + column % PANEL;
}

INLINE void product(
    void run(int64_t, tile), int64_t rows, int64_t columns, int64_t steps, const float *a, const float *packed, float *c,
    int accumulate, float *scratch) {
    const int64_t blocks = (rows + MOST_ROWS - 1) / MOST_ROWS;
    for (int64_t first = 0; first < steps; first += DEPTH) {
        const int64_t depth = steps - first < DEPTH ? steps - first : DEPTH;
        for (int64_t i = 0; i < rows; i++)
            memcpy(scratch + i * A_STRIDE, a + i * steps + first, (size_t)depth * sizeof(float));
        for (int64_t column = 0; column < columns; column += HALF) {
            const int64_t following = column + HALF < columns ? column + HALF : 0;
            const int64_t next_first = following || first + depth >= steps ? first : first + depth;
            const float *next = half_panel(packed, steps, next_first, following);
            for (int64_t block = 0; block < blocks; block++) {
                const int64_t row = rows * block / blocks;
                const tile t = {
                    .a = scratch + row * A_STRIDE, .a_stride = A_STRIDE, .depth = depth,
                    .b = half_panel(packed, steps, first, column), .b_stride = PANEL,
                    .next = next + (block & 1) * 16, .next_stride = PANEL,
                    .c = c + row * columns + column, .c_stride = columns, .accumulate = accumulate || first};
                run(rows * (block + 1) / blocks - row, t);
            }
        }
    }
}

int64_t dtrain_packed_product_scratch(int64_t rows) { return rows * A_STRIDE; }

void dtrain_packed_product_fp32(
    int64_t rows, int64_t columns, int64_t depth, const void *a, const void *packed, float *c, int accumulate,
    float *scratch) {
    product(tile_fp32, rows, columns, depth, a, packed, c, accumulate, scratch);
}

void dtrain_packed_product_bf16(
    int64_t rows, int64_t columns, int64_t depth, const void *a, const void *packed, float *c, int accumulate,
    float *scratch) {
    product(tile_bf16, rows, columns, depth / 2, a, packed, c, accumulate, scratch);
}

// C = A * B where B, a panel, stays in the L2 cache while A streams by: the rows of A in the outer loop, and those that come next are
// fetched meanwhile (past the last ones that fetches nothing).
INLINE void panel_product(
    void run(int64_t, tile), int64_t rows, int64_t columns, int64_t steps, const float *a, const float *b, int64_t b_stride,
    float *c) {
    const int64_t b_panel = (steps + 15) / 16 * 16 * b_stride;
    for (int64_t first = 0; first < steps; first += DEPTH) {
        const int64_t depth = steps - first < DEPTH ? steps - first : DEPTH;
        for (int64_t row = 0; row < rows; row += MOST_ROWS) {
            for (int64_t column = 0; column < columns; column += HALF) {
                const int64_t next_row = row + MOST_ROWS + column / HALF * 4;
                const tile t = {
                    .a = a + row * steps + first, .a_stride = steps, .depth = depth,
                    .b = b + column / b_stride * b_panel + first * b_stride + column % b_stride, .b_stride = b_stride,
                    .next = a + next_row * steps + first, .next_stride = 16,
                    .c = c + row * columns + column, .c_stride = columns, .accumulate = first > 0};
                run(rows - row < MOST_ROWS ? rows - row : MOST_ROWS, t);
            }
        }
    }
}

void dtrain_panel_product_fp32(
    int64_t rows, int64_t columns, int64_t depth, const void *a, const void *panel, float *c) {
    panel_product(tile_fp32, rows, columns, depth, a, panel, columns, c);
}

void dtrain_panel_product_bf16(
    int64_t rows, int64_t columns, int64_t depth, const void *a, const void *packed, float *c) {
    panel_product(tile_bf16, rows, columns, depth / 2, a, packed, PANEL, c);
}
#endif
