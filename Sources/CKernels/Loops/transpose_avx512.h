// Packing of transposed weights, and of transposed states in tiles, with transposes in registers.

enum { SIDE = DTRAIN_LINE };
_Static_assert(DTRAIN_BLOCK_STEPS == SIDE, "a block is a row of squares");

// Transposes a square of SIDE x SIDE 32-bit numbers: interleaves pairs of rows, then fours, then
// moves whole quarters.
INLINE void transpose_square(__m512 square[SIDE]) {
    __m512 pairs[SIDE], fours[SIDE];
    for (int i = 0; i < SIDE; i += 2) {
        pairs[i] = _mm512_unpacklo_ps(square[i], square[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_ps(square[i], square[i + 1]);
    }
    for (int i = 0; i < SIDE; i += 4) {
        for (int k = 0; k < 2; k++) {
            const __m512d low = _mm512_castps_pd(pairs[i + k]), high = _mm512_castps_pd(pairs[i + k + 2]);
            fours[i + 2 * k] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
            fours[i + 2 * k + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
        }
    }
    // fours[4 * b + j] holds the columns j, 4 + j, 8 + j and 12 + j of rows 4b to 4b + 3, a quarter
    // each.
    for (int j = 0; j < 4; j++) {
        const __m512 a = _mm512_shuffle_f32x4(fours[j], fours[4 + j], 0x88);
        const __m512 b = _mm512_shuffle_f32x4(fours[j], fours[4 + j], 0xdd);
        const __m512 c = _mm512_shuffle_f32x4(fours[8 + j], fours[12 + j], 0x88);
        const __m512 d = _mm512_shuffle_f32x4(fours[8 + j], fours[12 + j], 0xdd);
        square[j] = _mm512_shuffle_f32x4(a, c, 0x88);
        square[4 + j] = _mm512_shuffle_f32x4(b, d, 0x88);
        square[8 + j] = _mm512_shuffle_f32x4(a, c, 0xdd);
        square[12 + j] = _mm512_shuffle_f32x4(b, d, 0xdd);
    }
}

// Loads at most SIDE numbers, followed by zeros.
INLINE __m512 load_some(const float *from, int64_t count) {
    if (count >= SIDE) return _mm512_loadu_ps(from);
    return count > 0 ? _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), from) : _mm512_setzero_ps();
}

// Rounds to bf16 in the upper halves, with the same bits as `bf16`.
INLINE __m512i round_upper(__m512 values) {
    const __m512i bits = _mm512_castps_si512(values);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
    const __mmask16 nan = _mm512_cmp_ps_mask(values, values, _CMP_UNORD_Q);
    return _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
}

// Rounds two vectors to bf16 pairs, one number of each vector, the first in the lower half.
INLINE __m512 round_both(__m512 first, __m512 second) {
    const __m512i low = _mm512_srli_epi32(round_upper(first), 16), upper = _mm512_set1_epi32((int)0xffff0000);
    return _mm512_castsi512_ps(_mm512_or_si512(low, _mm512_and_si512(round_upper(second), upper)));
}

// Rounds two vectors of consecutive numbers to bf16 pairs, the even ones in the lower halves.
INLINE __m512 round_pairs(__m512 first, __m512 second) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return round_both(
        _mm512_permutex2var_ps(first, even, second),
        _mm512_permutex2var_ps(first, _mm512_add_epi32(even, _mm512_set1_epi32(1)), second));
}

// Packs one column of squares after another, so that few rows of the matrix are read at a time.
INLINE void pack_transposed_steps(
    int64_t rows, int64_t columns, const float *matrix, int64_t stride, float *packed, const int per_step) {
    const int64_t steps = dtrain_groups(rows, per_step * SIDE) * SIDE;
    const int64_t stored = dtrain_groups(columns, BLOCK_COLUMNS) * BLOCK_COLUMNS;
    for (int64_t column = 0; column < stored; column += SIDE) {
        float *to = packed + column / BLOCK_COLUMNS * BLOCK_COLUMNS * steps + column % BLOCK_COLUMNS;
        for (int64_t step = 0; step < steps; step += SIDE, to += SIDE * BLOCK_COLUMNS) {
            __m512 square[SIDE];
            for (int i = 0; i < SIDE; i++) {
                const int64_t row = step * per_step, rest = column + i < columns ? rows - row : 0;
                const float *from = matrix + (column + i) * stride + row;
                square[i] = per_step == 1
                    ? load_some(from, rest)
                    : round_pairs(load_some(from, rest), load_some(from + SIDE, rest - SIDE));
            }
            transpose_square(square);
            for (int i = 0; i < SIDE; i++) _mm512_storeu_ps(to + i * BLOCK_COLUMNS, square[i]);
        }
    }
}

static void pack_transposed(int64_t rows, int64_t columns, const float *matrix, int64_t stride, float *packed) {
    pack_transposed_steps(rows, columns, matrix, stride, packed, 1);
}

static void pack_transposed_bf16_pairs(
    int64_t rows, int64_t columns, const float *matrix, int64_t stride, uint32_t *packed) {
    pack_transposed_steps(rows, columns, matrix, stride, (float *)packed, 2);
}

// A tile is a square: SIDE units by SIDE pairs of tokens.
static void pack_states_bf16_tiles(int64_t tokens, int64_t units, const float *states, uint32_t *packed) {
    for (int64_t unit = 0; unit < units; unit += SIDE) {
        for (int64_t token = 0; token < tokens; token += 2 * SIDE, packed += SIDE * SIDE) {
            __m512 square[SIDE];
            for (int k = 0; k < SIDE; k++) {
                const int64_t first = token + 2 * k, rest = units - unit;
                const float *from = states + first * units + unit;
                square[k] = round_both(
                    load_some(from, first < tokens ? rest : 0), load_some(from + units, first + 1 < tokens ? rest : 0));
            }
            transpose_square(square);
            for (int i = 0; i < SIDE; i++) _mm512_storeu_ps(packed + i * SIDE, square[i]);
        }
    }
}
