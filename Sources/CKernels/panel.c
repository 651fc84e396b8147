#include "CKernels.h"

#if defined(__x86_64__)

#include "tile.h"

enum { PANEL = 64, LINE = 16 };

DEFINE_TILE(tile_fp32, ISA_FP32, MADD_FP32, 2, 1, TILE_ROWS, t.b_stride, LINE)
DEFINE_TILE(tile_bf16, ISA_BF16, MADD_BF16, 2, 1, TILE_ROWS, PANEL, LINE)
DEFINE_TILE(narrow_tile_fp32, ISA_FP32, MADD_FP32, 1, 1, TILE_ROWS, t.b_stride, LINE)
DEFINE_TILE(narrow_tile_bf16, ISA_BF16, MADD_BF16, 1, 1, TILE_ROWS, PANEL, LINE)

// One row of a finished tile: the tile's sums, added to the addends one after another, go to their place.
__attribute__((target("avx512f"))) TILE_INLINE void finish_half(
    const float *sums, int64_t offset, const dtrain_fold *fold, float *out, __mmask16 columns) {
    __m512 sum = _mm512_maskz_loadu_ps(columns, sums);
    for (int64_t i = 0; i < fold->count; i++)
        sum = _mm512_add_ps(_mm512_maskz_loadu_ps(columns, fold->addends[i] + offset), sum);
    _mm512_mask_storeu_ps(out, columns, sum);
}

__attribute__((target("avx512f"))) static void finish(
    const float *sums, int64_t rows, int64_t row, int64_t column, int64_t columns, const dtrain_fold *fold) {
    const int64_t width = columns - column < TILE_COLUMNS ? columns - column : TILE_COLUMNS;
    const uint32_t mask = (uint32_t)((UINT64_C(1) << width) - 1);
    for (int64_t i = 0; i < rows; i++) {
        const int64_t offset = (row + i) * columns + column;
        float *out = fold->out + offset;
        finish_half(sums + i * TILE_COLUMNS, offset, fold, out, (__mmask16)mask);
        finish_half(sums + i * TILE_COLUMNS + 16, offset + 16, fold, out + 16, (__mmask16)(mask >> 16));
    }
}

// Brings the lines that `finish` will touch into the L2 cache.
TILE_INLINE void announce(int64_t rows, int64_t row, int64_t column, int64_t columns, const dtrain_fold *fold) {
    for (int64_t i = 0; i < rows; i++) {
        const int64_t offset = (row + i) * columns + column;
        for (int64_t k = 0; k < fold->count; k++) {
            _mm_prefetch((const char *)(fold->addends[k] + offset), _MM_HINT_T1);
            _mm_prefetch((const char *)(fold->addends[k] + offset + LINE), _MM_HINT_T1);
        }
        const float *out = fold->out + offset;
        _mm_prefetch((const char *)out, _MM_HINT_T1);
        _mm_prefetch((const char *)(out + LINE), _MM_HINT_T1);
    }
}

// What a tile fetches, a line at each step: with the first columns the next block of A, with the others of the last rows what comes
// after this product.
typedef struct {
    const float *position;
    const float *end;
} lines;

TILE_INLINE const float *take(lines *ahead, int64_t depth, const float *otherwise) {
    if (ahead->position >= ahead->end) return otherwise;
    const float *start = ahead->position;
    ahead->position += depth * LINE;
    return start;
}

// A panel stays in the L2 cache while the blocks of A stream by; a block is fetched while the one before it is used (past the last
// one that fetches nothing). A tile's sums stay in the L1 cache until its last step.
TILE_INLINE void product(
    void run(int64_t, const tile *), void narrow(int64_t, const tile *), int64_t rows, int64_t columns, int64_t steps,
    const float *a, int64_t a_steps, const float *b, int64_t panel_width, int64_t panel_steps, const dtrain_fold *fold) {
    _Alignas(64) float sums[TILE_ROWS * TILE_COLUMNS] = {0};
    lines ahead = {fold->upcoming, fold->upcoming + fold->upcoming_count};
    // Fetched late, so that it doesn't drive out what is still in use.
    const int64_t tiles = (columns + TILE_COLUMNS - 1) / TILE_COLUMNS;
    const int64_t late = rows - (fold->upcoming_count / LINE / (steps * tiles + 1) + 2) * TILE_ROWS;
    for (int64_t row = 0; row < rows; row += TILE_ROWS, a += a_steps * TILE_ROWS) {
        const int64_t height = rows - row < TILE_ROWS ? rows - row : TILE_ROWS;
        for (int64_t column = 0; column < columns; column += TILE_COLUMNS) {
            const float *panel = b + column / panel_width * panel_width * panel_steps + column % panel_width;
            announce(height, row, column, columns, fold);
            for (int64_t first = 0; first < steps; first += TILE_DEPTH) {
                const int64_t depth = steps - first < TILE_DEPTH ? steps - first : TILE_DEPTH;
                const float *next = a + (a_steps + first) * TILE_ROWS;
                const tile t = {
                    .a = a + first * TILE_ROWS, .b = panel + first * panel_width, .b_stride = panel_width, .depth = depth,
                    .next = column && row >= late ? take(&ahead, depth, next) : next, .c = sums, .c_stride = TILE_COLUMNS,
                    .accumulate = first > 0};
                (columns - column > LINE ? run : narrow)(height, &t);
            }
            finish(sums, height, row, column, columns, fold);
        }
    }
}

void dtrain_panel_product_fp32(
    int64_t rows, int64_t columns, int64_t depth, const void *a, int64_t stored, const void *panel, int64_t stride,
    const dtrain_fold *fold) {
    product(tile_fp32, narrow_tile_fp32, rows, columns, depth, a, stored, panel, stride, 0, fold);
}

void dtrain_panel_product_bf16(
    int64_t rows, int64_t columns, int64_t depth, const void *a, int64_t stored, const void *packed,
    const dtrain_fold *fold) {
    product(
        tile_bf16, narrow_tile_bf16, rows, columns, (depth + 1) / 2, a, (stored + 1) / 2, packed, PANEL,
        (depth + 31) / 32 * 16, fold);
}
#endif
