// Matrix products and the packing of their operands; included by CKernels.h.
#ifndef DTRAIN_PRODUCTS_H
#define DTRAIN_PRODUCTS_H

#include <stdint.h>

// Sizes. A step of a product's depth is one float32 of each operand, or one pair of bf16.
enum {
    // The number of floats in a cache line, which is also one AVX-512 vector.
    DTRAIN_LINE = 16,

    // A block of packed weights: steps by columns. Packed weights consist of whole blocks, with the
    // blocks of the same columns together (a column block): [column blocks][steps, rounded up to
    // whole blocks][DTRAIN_BLOCK_COLUMNS]. Elements outside the matrix are 0.
    DTRAIN_BLOCK_STEPS = 16,
    DTRAIN_BLOCK_COLUMNS = 64,

    // The number of units stored together in packed states: the rows of the largest register tile.
    DTRAIN_STATE_GROUP = 12,

    // The maximum number of steps that a product takes at a time; their operands fit the L1 and L2
    // caches.
    DTRAIN_MAXIMUM_TILE_STEPS = 1024,

    // A tile of AMX's operand A in bf16: rows by depth.
    DTRAIN_TILE_ROWS = 16,
    DTRAIN_TILE_DEPTH = 32,
};

// Returns the number of groups of `size` elements that hold `count` elements; the last group may be
// incomplete.
static inline __attribute__((always_inline)) int64_t dtrain_groups(int64_t count, int64_t size) {
    return (count + (size - 1)) / size;
}

// Rounding.

// rounded[i] = values[i] in bf16, to nearest even; NaN stays NaN.
void dtrain_to_bf16(int64_t n, const float *values, uint16_t *rounded);

// A matrix in tiles is [bands of DTRAIN_TILE_ROWS rows][tiles of DTRAIN_TILE_DEPTH columns]
// [DTRAIN_TILE_ROWS][DTRAIN_TILE_DEPTH] in bf16; elements outside the matrix are 0.

// Rounds n values into a row of a matrix in tiles, from column `first` on. row: the row's address
// in the first tile of its band.
void dtrain_to_bf16_tiles(int64_t first, int64_t n, const float *values, uint16_t *row);

// rounded[i] = values[i] rounded as by dtrain_to_bf16, in float32; rounded may be the values
// themselves.
void dtrain_round_to_bf16(int64_t n, const float *values, float *rounded);

// Returns whether one bf16 multiply-add of the CPU takes longer than two in float32. This holds for
// Intel's CPUs since Sapphire Rapids, which start one VDPBF16PS or four FMAs in two cycles, because
// their bf16 unit is AMX.
int dtrain_has_slow_bf16(void);

// Packing of weights.

// Packs matrix[rows][columns], with rows `stride` apart, in blocks; a step is a row.
void dtrain_pack(int64_t rows, int64_t columns, const float *matrix, int64_t stride, float *packed);

// The same in bf16; a step is a pair of rows, with the first in the lower half.
void dtrain_pack_bf16_pairs(int64_t rows, int64_t columns, const float *matrix, int64_t stride, uint32_t *packed);

// The same two packings of the transpose of matrix[columns][rows].
void dtrain_pack_transposed(int64_t rows, int64_t columns, const float *matrix, int64_t stride, float *packed);
void dtrain_pack_transposed_bf16_pairs(
    int64_t rows, int64_t columns, const float *matrix, int64_t stride, uint32_t *packed);

// Packing of the states of a micro-batch.

// packed[ceil(units / DTRAIN_STATE_GROUP)][tokens][DTRAIN_STATE_GROUP] = states[tokens][units];
// elements beyond the last unit are unchanged.
void dtrain_pack_states(int64_t tokens, int64_t units, const float *states, float *packed);

// The same in bf16, with two tokens per pair, the first in the lower half; a missing last token is
// 0.
void dtrain_pack_states_bf16_pairs(int64_t tokens, int64_t units, const float *states, uint32_t *packed);

// Packs the transpose in tiles: rows are units, columns are tokens.
void dtrain_pack_states_bf16_tiles(int64_t tokens, int64_t units, const float *states, uint32_t *packed);

// The destination of a panel product's sums. Each sum is added to the same element of every addend
// in turn, and the result is stored in `out`; all are [rows][columns] without gaps. Meanwhile,
// `upcoming_count` floats from `upcoming` on, which are needed next, are prefetched into the L2
// cache.
typedef struct {
    const float *const *addends;
    int64_t count;
    float *out;
    const float *upcoming;
    int64_t upcoming_count;
} dtrain_fold;

// C = A * B, or C += A * B, with packed weights B, for some of the columns.
//
// The columns are `groups` groups of `columns` columns each, the first from column `first` on, the
// others `group_stride` apart. All of these are multiples of DTRAIN_LINE, except that `columns` of
// a single group may end with the matrix. Multiples of DTRAIN_BLOCK_COLUMNS are faster for few
// rows, multiples of two lines for many. A is [rows][depth] without gaps; C's rows are `c_stride`
// apart. A row's bits depend only on that row of A and on B.
//
// `backwards` starts with the last columns, which the previous product read last and left in the
// core's cache.
typedef struct {
    int64_t rows;
    int64_t first;
    int64_t columns;
    int64_t groups;
    int64_t group_stride;
    int64_t depth;
    const void *a;
    const void *packed;
    float *c;
    int64_t c_stride;
    int accumulate;
    int backwards;
    float *scratch;  // dtrain_packed_product_scratch(rows) floats
} dtrain_packed_product;

int64_t dtrain_packed_product_scratch(int64_t rows);

// A in float32; B packed by dtrain_pack.
void dtrain_packed_product_fp32(dtrain_packed_product product);

// A in bf16; B packed by dtrain_pack_bf16_pairs. Needs AVX512_BF16.
void dtrain_packed_product_bf16(dtrain_packed_product product);

// A in tiles of bf16; B packed by dtrain_pack_bf16_pairs. All column counts except `columns` of a
// single group are multiples of DTRAIN_TILE_ROWS; no scratch is used.
//
// The sums are those of TDPBF16PS: for each tile of the depth, the even and the odd products are
// summed separately from 0 with fused multiply-add, the two sums are added, then the result is
// added to c; denormals are flushed. The first function needs AMX and dtrain_request_amx. The
// second one runs anywhere, slowly, and flushes denormals if the thread does.
void dtrain_packed_product_amx(dtrain_packed_product product);
void dtrain_packed_product_amx_emulated(dtrain_packed_product product);

// The same B with A in float32. B is expanded to float32 in registers, so the bits are those of
// dtrain_packed_product_fp32.
void dtrain_packed_product_expanded(dtrain_packed_product product);

// A * B for many rows A[rows][depth] and a panel B[depth][columns] that fits the L2 cache; 0 if the
// depth is 0.
//
// A is packed by dtrain_pack_states from `stored` >= depth states. B is in float32, with rows
// `stride` apart; up to DTRAIN_LINE - 1 floats after its end are read, too.
void dtrain_panel_product_fp32(
    int64_t rows, int64_t columns, int64_t depth, const void *a, int64_t stored, const void *panel, int64_t stride,
    const dtrain_fold *fold);

// The same with A from dtrain_pack_states_bf16_pairs and B from dtrain_pack_bf16_pairs. Needs
// AVX512_BF16.
void dtrain_panel_product_bf16(
    int64_t rows, int64_t columns, int64_t depth, const void *a, int64_t stored, const void *packed, const dtrain_fold *fold);

// The same with A from dtrain_pack_states_bf16_tiles and the sums of dtrain_packed_product_amx. A's
// states from `depth` to the end of a tile are multiplied by zeros of B, so they must be finite.
void dtrain_panel_product_amx(
    int64_t rows, int64_t columns, int64_t depth, const void *a, int64_t stored, const void *packed, const dtrain_fold *fold);
void dtrain_panel_product_amx_emulated(
    int64_t rows, int64_t columns, int64_t depth, const void *a, int64_t stored, const void *packed, const dtrain_fold *fold);

#endif
