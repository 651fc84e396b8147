// The register tile of the AVX-512 products: at most TILE_ROWS rows by TILE_COLUMNS columns of
// sums.
#ifndef DTRAIN_TILE_AVX512_H
#define DTRAIN_TILE_AVX512_H

#include "CKernels.h"

#include <immintrin.h>
#include <stdint.h>

#define TILE_INLINE static inline __attribute__((always_inline))

enum {
    LINE = DTRAIN_LINE,
    TILE_ROWS = DTRAIN_TILE_ROWS,
    TILE_COLUMNS = DTRAIN_TILE_COLUMNS,
    TILE_STEPS = DTRAIN_TILE_STEPS,
};
_Static_assert(TILE_ROWS == 12, "DEFINE_TILE has a case for each number of rows");

// Steps by which a tile's rows of B are fetched into the L1 cache in advance.
enum { TILE_AHEAD = 16 };

// A strip has so few rows that the sums of a whole column block fit the registers. It reads B as
// fast as it arrives, with 8 KiB in flight.
enum { STRIP_ROWS = 5, STRIP_AHEAD = 32 };
_Static_assert(STRIP_ROWS == 5, "DEFINE_STRIP has a case for each number of rows");

typedef struct {
    const float *a;     // [rows][steps] or [steps][rows], see the tile's definition
    const float *b;     // [steps][columns]
    int64_t b_stride;   // between B's rows, where it isn't a constant
    int64_t depth;      // steps
    const float *next;  // needed soon: a cache line of it is fetched into the L2 cache at each step
    float *c;           // [rows][columns], rows c_stride apart
    int64_t c_stride;
    int accumulate;
} tile;

// The bf16 in the lower or upper halves of 32 bits, as float32.
__attribute__((target("avx512f"))) TILE_INLINE __m512 lower_half(__m512 pairs) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(pairs), 16));
}
__attribute__((target("avx512f"))) TILE_INLINE __m512 upper_half(__m512 pairs) {
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(pairs), _mm512_set1_epi32((int)0xffff0000)));
}

// c[rows][LINE * vectors] (+)= a * b for a constant number of rows and vectors, in the order of the
// steps. Element (i, k) of A is a[i * a_row + k * a_step]; these are constants, which become part
// of the instructions. The copy of the tile can't alias C.
#define DEFINE_TILE(name, isa, madd, vectors, a_row, a_step, b_step, next_step)                                       \
    __attribute__((target(isa))) TILE_INLINE void name##_rows(const int rows, const tile *given) {                    \
        const tile t = *given;                                                                                        \
        __m512 sum[TILE_ROWS][vectors];                                                                               \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) {                                           \
            _Pragma("clang loop unroll(full)") for (int j = 0; j < vectors; j++) sum[i][j] =                          \
                t.accumulate ? _mm512_loadu_ps(t.c + i * t.c_stride + LINE * j) : _mm512_setzero_ps();                \
        }                                                                                                             \
        _Pragma("clang loop unroll_count(4)") for (int64_t k = 0; k < t.depth; k++) {                                 \
            __m512 b[vectors];                                                                                        \
            _Pragma("clang loop unroll(full)") for (int j = 0; j < vectors; j++) b[j] =                               \
                _mm512_loadu_ps(t.b + k * (b_step) + LINE * j);                                                       \
            _mm_prefetch((const char *)(t.next + k * (next_step)), _MM_HINT_T1);                                      \
            _Pragma("clang loop unroll(full)") for (int j = 0; j < vectors; j++)                                      \
                _mm_prefetch((const char *)(t.b + (k + TILE_AHEAD) * (b_step) + LINE * j), _MM_HINT_T0);              \
            _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) {                                       \
                const float *a = t.a + i * (a_row) + k * (a_step);                                                    \
                _Pragma("clang loop unroll(full)") for (int j = 0; j < vectors; j++)                                  \
                    sum[i][j] = madd(sum[i][j], a, b[j]);                                                             \
            }                                                                                                         \
        }                                                                                                             \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) {                                           \
            _Pragma("clang loop unroll(full)") for (int j = 0; j < vectors; j++)                                      \
                _mm512_storeu_ps(t.c + i * t.c_stride + LINE * j, sum[i][j]);                                         \
        }                                                                                                             \
    }                                                                                                                 \
    __attribute__((target(isa))) static void name(int64_t rows, const tile *t) {                                      \
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
        default: name##_rows(TILE_ROWS, t); break;                                                                    \
        }                                                                                                             \
    }

// The same for at most STRIP_ROWS rows; reads a column block of B once, in the order of memory.
#define DEFINE_STRIP(name, isa, madd, vectors, a_step, b_step)                                                        \
    __attribute__((target(isa))) TILE_INLINE void name##_rows(const int rows, const tile *given, int64_t a_row) {     \
        const tile t = *given;                                                                                        \
        __m512 sum[STRIP_ROWS][vectors];                                                                              \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) {                                           \
            _Pragma("clang loop unroll(full)") for (int j = 0; j < vectors; j++) sum[i][j] =                          \
                t.accumulate ? _mm512_loadu_ps(t.c + i * t.c_stride + LINE * j) : _mm512_setzero_ps();                \
        }                                                                                                             \
        _Pragma("clang loop unroll_count(2)") for (int64_t k = 0; k < t.depth; k++) {                                 \
            _Pragma("clang loop unroll(full)") for (int j = 0; j < vectors; j++) {                                    \
                const float *line = t.b + k * (b_step) + LINE * j;                                                    \
                _mm_prefetch((const char *)(line + STRIP_AHEAD * (b_step)), _MM_HINT_T0);                             \
                const __m512 b = _mm512_loadu_ps(line);                                                               \
                _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++)                                     \
                    sum[i][j] = madd(sum[i][j], t.a + i * a_row + k * (a_step), b);                                   \
            }                                                                                                         \
        }                                                                                                             \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) {                                           \
            _Pragma("clang loop unroll(full)") for (int j = 0; j < vectors; j++)                                      \
                _mm512_storeu_ps(t.c + i * t.c_stride + LINE * j, sum[i][j]);                                         \
        }                                                                                                             \
    }                                                                                                                 \
    __attribute__((target(isa))) static void name(int64_t rows, const tile *t, int64_t a_row) {                       \
        switch (rows) {                                                                                               \
        case 1: name##_rows(1, t, a_row); break;                                                                      \
        case 2: name##_rows(2, t, a_row); break;                                                                      \
        case 3: name##_rows(3, t, a_row); break;                                                                      \
        case 4: name##_rows(4, t, a_row); break;                                                                      \
        default: name##_rows(STRIP_ROWS, t, a_row); break;                                                            \
        }                                                                                                             \
    }

// Adds the products of one step to `sum`: of float32 numbers, of pairs of bf16, or of two float32
// numbers and a pair of bf16 that is expanded to float32.
#define MADD_FP32(sum, a, b) _mm512_fmadd_ps(_mm512_set1_ps(*(a)), b, sum)
#define MADD_BF16(sum, a, b) _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_ps(*(a)), (__m512bh)(b))
#define MADD_EXPANDED(sum, a, b)                                                                                      \
    _mm512_fmadd_ps(_mm512_set1_ps((a)[1]), upper_half(b), _mm512_fmadd_ps(_mm512_set1_ps(*(a)), lower_half(b), sum))
#define ISA_FP32 "avx512f"
#define ISA_BF16 "avx512f,avx512bf16"

#endif
