// The register tile of the products with AVX-512: at most 12 rows by 32 columns, 24 vectors of sums.
#ifndef DTRAIN_TILE_H
#define DTRAIN_TILE_H

#include <immintrin.h>
#include <stdint.h>

#define TILE_INLINE static inline __attribute__((always_inline))

// A depth of 1024 keeps a tile's operands in the L1 and L2 caches; B's rows come into the L1 cache TILE_AHEAD steps early.
enum { TILE_ROWS = 12, TILE_COLUMNS = 32, TILE_DEPTH = 1024, TILE_AHEAD = 16 };

typedef struct {
    const float *a;     // as the tile's name says
    const float *b;     // [depth][TILE_COLUMNS]
    int64_t b_stride;  // of B's rows, where it isn't a constant
    int64_t depth;      // steps: floats, or pairs of bf16
    const float *next;  // what is needed soon: a cache line is fetched into the L2 cache at each step
    float *c;  // [rows][TILE_COLUMNS], rows c_stride apart
    int64_t c_stride;
    int accumulate;
} tile;

// c[rows][TILE_COLUMNS] (+)= a * b for a constant number of rows, in the order of the steps. Element (i, k) of A is
// a[i * a_row + k * a_step]: constants, so that they are part of the instructions.
#define DEFINE_TILE(name, isa, madd, a_row, a_step, b_step, next_step)                                                \
    __attribute__((target(isa))) TILE_INLINE void name##_rows(const int rows, tile t) {                               \
        __m512 sum[TILE_ROWS][2];                                                                                     \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) {                                           \
            const float *c = t.c + i * t.c_stride;                                                                    \
            sum[i][0] = t.accumulate ? _mm512_loadu_ps(c) : _mm512_setzero_ps();                                      \
            sum[i][1] = t.accumulate ? _mm512_loadu_ps(c + 16) : _mm512_setzero_ps();                                 \
        }                                                                                                             \
        _Pragma("clang loop unroll_count(4)") for (int64_t k = 0; k < t.depth; k++) {                                 \
            const __m512 b0 = _mm512_loadu_ps(t.b + k * (b_step));                                                    \
            const __m512 b1 = _mm512_loadu_ps(t.b + k * (b_step) + 16);                                               \
            _mm_prefetch((const char *)(t.next + k * (next_step)), _MM_HINT_T1);                                      \
            _mm_prefetch((const char *)(t.b + (k + TILE_AHEAD) * (b_step)), _MM_HINT_T0);                             \
            _mm_prefetch((const char *)(t.b + (k + TILE_AHEAD) * (b_step) + 16), _MM_HINT_T0);                        \
            _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) {                                       \
                const __m512 a = _mm512_set1_ps(t.a[i * (a_row) + k * (a_step)]);                                     \
                sum[i][0] = madd(sum[i][0], a, b0);                                                                   \
                sum[i][1] = madd(sum[i][1], a, b1);                                                                   \
            }                                                                                                         \
        }                                                                                                             \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) {                                           \
            _mm512_storeu_ps(t.c + i * t.c_stride, sum[i][0]);                                                        \
            _mm512_storeu_ps(t.c + i * t.c_stride + 16, sum[i][1]);                                                   \
        }                                                                                                             \
    }                                                                                                                 \
    __attribute__((target(isa))) static void name(int64_t rows, tile t) {                                             \
        switch (rows) {                                                                                               \
        case 1: name##_rows(1, t); break;                                                                             \
        case 2: name##_rows(2, t); break;                                                                             \
        case 3: name##_rows(3, t); break;                                                                             \
        case 4: name##_rows(4, t); break;                                                                             \
        case 5: name##_rows(5, t); break;                                                                             \
        case 6: name##_rows(6, t); break;                                                                             \
        case 7: name##_rows(7, t); break;                                                                             \
        case 8: name##_rows(8, t); break;                                                                             \
        case 9: name##_rows(9, t); break;                                                                             \
        case 10: name##_rows(10, t); break;                                                                           \
        case 11: name##_rows(11, t); break;                                                                           \
        default: name##_rows(12, t); break;                                                                           \
        }                                                                                                             \
    }

#define MADD_FP32(sum, a, b) _mm512_fmadd_ps(a, b, sum)
#define MADD_BF16(sum, a, b) _mm512_dpbf16_ps(sum, (__m512bh)(a), (__m512bh)(b))
#define ISA_FP32 "avx512f"
#define ISA_BF16 "avx512f,avx512bf16"

#endif
