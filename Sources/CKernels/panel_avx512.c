#include "CKernels.h"

#if defined(__x86_64__)

#include "tile_avx512.h"

enum { BLOCK_COLUMNS = DTRAIN_BLOCK_COLUMNS };

DEFINE_TILE(tile_fp32, ISA_FP32, MADD_FP32, 2, 1, TILE_ROWS, t.b_stride, LINE)
DEFINE_TILE(tile_bf16, ISA_BF16, MADD_BF16, 2, 1, TILE_ROWS, BLOCK_COLUMNS, LINE)
DEFINE_TILE(narrow_tile_fp32, ISA_FP32, MADD_FP32, 1, 1, TILE_ROWS, t.b_stride, LINE)
DEFINE_TILE(narrow_tile_bf16, ISA_BF16, MADD_BF16, 1, 1, TILE_ROWS, BLOCK_COLUMNS, LINE)

// Half a row of a finished tile: adds the addends to the sums one after another and stores the
// result.
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
        finish_half(sums + i * TILE_COLUMNS + LINE, offset + LINE, fold, out + LINE, (__mmask16)(mask >> LINE));
    }
}

// Fetches the lines that `finish` will touch into the L2 cache.
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

// What the tiles fetch for the next product, a line at each step.
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

// B stays in the L2 cache while groups of TILE_ROWS rows of A stream by. The tile of the first
// columns fetches the next group (a prefetch past the last one has no effect), the other tiles of
// the last rows fetch what comes after this product. A tile's sums stay in the L1 cache until its
// last step.
//
// B is [column blocks][block_steps][block_columns].
TILE_INLINE void product(
    void run(int64_t, const tile *), void narrow(int64_t, const tile *), int64_t rows, int64_t columns, int64_t steps,
    const float *a, int64_t a_steps, const float *b, int64_t block_columns, int64_t block_steps, const dtrain_fold *fold) {
    _Alignas(64) float sums[TILE_ROWS * TILE_COLUMNS] = {0};
    lines ahead = {fold->upcoming, fold->upcoming + fold->upcoming_count};
    // Fetched late, to keep what is still in use in the cache.
    const int64_t tiles = dtrain_groups(columns, TILE_COLUMNS);
    const int64_t late = rows - (fold->upcoming_count / LINE / (steps * tiles + 1) + 2) * TILE_ROWS;
    for (int64_t row = 0; row < rows; row += TILE_ROWS, a += a_steps * TILE_ROWS) {
        const int64_t height = rows - row < TILE_ROWS ? rows - row : TILE_ROWS;
        for (int64_t column = 0; column < columns; column += TILE_COLUMNS) {
            const float *from = b + column / block_columns * block_columns * block_steps + column % block_columns;
            announce(height, row, column, columns, fold);
            for (int64_t first = 0; first < steps; first += TILE_STEPS) {
                const int64_t depth = steps - first < TILE_STEPS ? steps - first : TILE_STEPS;
                const float *next = a + (a_steps + first) * TILE_ROWS;
                const tile t = {
                    .a = a + first * TILE_ROWS, .b = from + first * block_columns, .b_stride = block_columns, .depth = depth,
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
        tile_bf16, narrow_tile_bf16, rows, columns, (depth + 1) / 2, a, (stored + 1) / 2, packed, BLOCK_COLUMNS,
        dtrain_groups(depth, 2 * DTRAIN_BLOCK_STEPS) * DTRAIN_BLOCK_STEPS, fold);
}
#endif
