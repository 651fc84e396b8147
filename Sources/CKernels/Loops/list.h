// The loops compiled for each instruction set, as X(result, name, parameters, arguments).
// CKernels.h documents them.
#ifndef DTRAIN_LOOPS_LIST_H
#define DTRAIN_LOOPS_LIST_H

#include "CKernels.h"

#define FOR_EACH_LOOP(X)                                                                                              \
    X(void, gru_forward, (const dtrain_forward_row *row), (row))                                                      \
    X(void, gru_backward, (const dtrain_backward_row *row), (row))                                                    \
    X(void, lstm_forward, (const dtrain_forward_row *row), (row))                                                     \
    X(void, lstm_backward, (const dtrain_backward_row *row), (row))                                                   \
    X(void, simple_rnn_forward, (const dtrain_forward_row *row), (row))                                               \
    X(void, simple_rnn_backward, (const dtrain_backward_row *row), (row))                                             \
    X(double, softmax_cross_entropy,                                                                                  \
      (const float *logits, const float *bias, int64_t n, int64_t target, float scale, float *gradient,               \
       dtrain_softmax *softmax),                                                                                      \
      (logits, bias, n, target, scale, gradient, softmax))                                                            \
    X(void, softmax_gradient,                                                                                         \
      (float *logits, const float *bias, int64_t n, int64_t target, float scale, dtrain_softmax softmax),             \
      (logits, bias, n, target, scale, softmax))                                                                      \
    X(float, sampling_weights,                                                                                        \
      (const float *logits, const float *bias, int64_t n, int64_t first, float inverse_temperature, float *weights),  \
      (logits, bias, n, first, inverse_temperature, weights))                                                         \
    X(void, round_bf16, (int64_t n, const float *x, float *residual, uint16_t *rounded), (n, x, residual, rounded))   \
    X(void, expand_bf16, (int64_t n, const uint16_t *values, float *x), (n, values, x))                               \
    X(void, add_bf16, (int64_t n, const uint16_t *addend, float *sum), (n, addend, sum))                              \
    X(void, to_bf16, (int64_t n, const float *values, uint16_t *rounded), (n, values, rounded))                       \
    X(void, to_bf16_tiles, (int64_t first, int64_t n, const float *values, uint16_t *row), (first, n, values, row))   \
    X(void, round_to_bf16, (int64_t n, const float *values, float *rounded), (n, values, rounded))                    \
    X(double, squared_norm, (int64_t n, const float *values), (n, values))                                            \
    X(void, clip, (int64_t n, float scale, float limit, float *values), (n, scale, limit, values))                    \
    X(void, adam,                                                                                                     \
      (dtrain_adam_constants constants, int64_t n, const float *gradient, float *m, float *v, float *weights),        \
      (constants, n, gradient, m, v, weights))                                                                        \
    X(void, adamw,                                                                                                    \
      (dtrain_adam_constants constants, float decay, int64_t n, const float *gradient, float *m, float *v,            \
       float *weights),                                                                                               \
      (constants, decay, n, gradient, m, v, weights))                                                                 \
    X(void, rmsprop,                                                                                                  \
      (dtrain_rmsprop_constants constants, int64_t n, const float *gradient, float *v, float *weights),               \
      (constants, n, gradient, v, weights))                                                                           \
    X(void, sgd, (dtrain_sgd_constants constants, int64_t n, const float *gradient, float *m, float *weights),        \
      (constants, n, gradient, m, weights))                                                                           \
    X(void, add, (int64_t n, const float *addend, float *sum), (n, addend, sum))                                      \
    X(void, add_into, (int64_t n, const float *a, const float *b, float *sum), (n, a, b, sum))                        \
    X(void, add_rows,                                                                                                 \
      (int64_t columns, const float *a, const uint16_t *a_rows, int64_t a_count, const float *b,                      \
       const uint16_t *b_rows, int64_t b_count, float *sum),                                                          \
      (columns, a, a_rows, a_count, b, b_rows, b_count, sum))                                                         \
    X(void, column_sums, (int64_t rows, int64_t columns, const float *matrix, float *sum), (rows, columns, matrix, sum)) \
    X(void, scatter_add,                                                                                              \
      (int64_t rows, int64_t columns, const float *matrix, const uint16_t *ids, float *table),                        \
      (rows, columns, matrix, ids, table))                                                                            \
    X(void, dropout_mask,                                                                                             \
      (uint32_t key_low, uint32_t key_high, uint32_t sequence, uint32_t time, uint32_t threshold, int64_t units,      \
       uint8_t *mask),                                                                                                \
      (key_low, key_high, sequence, time, threshold, units, mask))                                                    \
    X(void, dropout, (int64_t n, const uint8_t *mask, float scale, const float *x, float *passed),                    \
      (n, mask, scale, x, passed))                                                                                    \
    X(void, dropout_add, (int64_t n, const uint8_t *mask, float scale, const float *x, float *sum),                   \
      (n, mask, scale, x, sum))                                                                                       \
    X(float, dot, (int64_t n, const float *a, const float *b), (n, a, b))                                             \
    X(void, axpy, (int64_t n, float factor, const float *x, float *y), (n, factor, x, y))                             \
    X(void, pack, (int64_t rows, int64_t columns, const float *matrix, int64_t stride, float *packed),                \
      (rows, columns, matrix, stride, packed))                                                                        \
    X(void, pack_transposed, (int64_t rows, int64_t columns, const float *matrix, int64_t stride, float *packed),     \
      (rows, columns, matrix, stride, packed))                                                                        \
    X(void, pack_bf16_pairs, (int64_t rows, int64_t columns, const float *matrix, int64_t stride, uint32_t *packed),  \
      (rows, columns, matrix, stride, packed))                                                                              \
    X(void, pack_transposed_bf16_pairs,                                                                               \
      (int64_t rows, int64_t columns, const float *matrix, int64_t stride, uint32_t *packed),                         \
      (rows, columns, matrix, stride, packed))                                                                        \
    X(void, pack_states, (int64_t tokens, int64_t units, const float *states, float *packed),                         \
      (tokens, units, states, packed))                                                                                \
    X(void, pack_states_bf16_pairs, (int64_t tokens, int64_t units, const float *states, uint32_t *packed),           \
      (tokens, units, states, packed))                                                                                \
    X(void, pack_states_bf16_tiles, (int64_t tokens, int64_t units, const float *states, uint32_t *packed),           \
      (tokens, units, states, packed))                                                                                \
    X(void, packed_product_fp32, (dtrain_packed_product product), (product))                                          \
    X(void, packed_product_expanded, (dtrain_packed_product product), (product))                                      \
    X(void, panel_product_fp32,                                                                                       \
      (int64_t rows, int64_t columns, int64_t depth, const void *a, int64_t stored, const void *panel, int64_t stride, \
       const dtrain_fold *fold),                                                                                      \
      (rows, columns, depth, a, stored, panel, stride, fold))

// The loops of one instruction set.
typedef struct {
#define FIELD(result, name, parameters, arguments) result (*name) parameters;
    FOR_EACH_LOOP(FIELD)
#undef FIELD
} loop_table;

// The loop_table of the static functions with these names.
#define LOOP_ENTRY(result, name, parameters, arguments) .name = name,
#define LOOP_TABLE {FOR_EACH_LOOP(LOOP_ENTRY)}

extern const loop_table dtrain_plain_loops;
#if defined(__x86_64__)
extern const loop_table dtrain_generic_loops;
extern const loop_table dtrain_avx2_loops;
extern const loop_table dtrain_avx512_loops;
#endif

#endif
