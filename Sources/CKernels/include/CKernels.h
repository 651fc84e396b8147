// The vectorised loops of dtrain. The element-wise ones are compiled for several x86-64 levels; the best is chosen when the process
// starts.
// Nothing here allocates or fails. All pointers are to float32 unless said otherwise; ranges never overlap except where "in
// place" is said. An element's value depends on its own inputs only, never on how a range is split.
#ifndef DTRAIN_CKERNELS_H
#define DTRAIN_CKERNELS_H

#include "Products.h"

#include <stdint.h>

// Tells the CPU that this thread waits for another one.
static inline void dtrain_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// Units of a panel.
enum { DTRAIN_PANEL = 128 };

// A record keeps, for every token of a micro-batch, one value per unit and gate. Gate groups follow each other; inside a
// group, columns are cut into panels of DTRAIN_PANEL units (the last may be narrower), and a panel is a [rows][width] matrix with
// a row for each token. So a panel is a contiguous operand of the weight gradient's product.
typedef struct {
    float *values;   // start of the micro-batch's record
    int64_t rows;    // rows of the micro-batch's panels
    int64_t row;     // the row of this token
    int64_t units;   // H
    float *hidden;   // [H]: keeps the state after the token
    float *cell;     // [H]: keeps the LSTM's cell after the token
} dtrain_record;

// The units first <= j < end; where a record keeps values, first is at the start of a panel.
typedef struct {
    int64_t first;
    int64_t end;
} dtrain_units;

// GRU, forward, some units of one row (Keras's reset_after form). x: [3H] input product; g: [3H] recurrent product; bias: [2][3H];
// h: [H], updated in place. With record.values set, keeps z, r, candidate and recurrent part of the candidate there,
// and the new state in record.hidden.
void dtrain_gru_forward(
    dtrain_record record, dtrain_units units, const float *x, const float *g, const float *bias, float *h);

// GRU, backward, one row. h_before: [H] state that the row started from; dh: [H] gradient of the new state, replaced in place by the
// part that goes straight to the old state (d * z); dg: [3H] gradient of the recurrent product; dx: [3H] gradient of the input
// product or NULL. The record's values become the gradients dz, dr, d(recurrent part), d(candidate's input).
void dtrain_gru_backward(dtrain_record record, const float *h_before, float *dh, float *dg, float *dx);

// LSTM, forward, some units of one row. x, g: [4H]; bias: [4H]; h, c: [H], updated in place. With record.values set, keeps i, f,
// c~, o there, and the new state and cell in record.hidden and record.cell.
void dtrain_lstm_forward(
    dtrain_record record, dtrain_units units, const float *x, const float *g, const float *bias, float *h, float *c);

// LSTM, backward, one row. c_before, c_after: [H]; dh: [H] gradient of the new state, zeroed in place; dc: [H] gradient of the new
// cell, replaced in place by that of the old one; dg: [4H]. The record's values become di, df, dc~, do.
void dtrain_lstm_backward(
    dtrain_record record, const float *c_before, const float *c_after, float *dh, float *dc, float *dg);

// Softmax cross-entropy of one row of logits. logits: [n] without bias, bias: [n], target: index < n.
// gradient: [n] receives (softmax - onehot) * scale, may be the logits themselves, or is NULL. Returns the loss in nats.
double dtrain_softmax_cross_entropy(
    const float *logits, const float *bias, int64_t n, int64_t target, float scale, float *gradient);

// weights[j] = exp((logits[j] + bias[j] - largest) * inverse_temperature) for n logits, the largest taken over first <= j < n; the
// weights below first are 0; weights may be the logits themselves. Returns the sum of the weights.
float dtrain_sampling_weights(
    const float *logits, const float *bias, int64_t n, int64_t first, float inverse_temperature, float *weights);

// rounded = x + residual in bf16, and residual = what the rounding lost, to be made up for the next time (0 where that isn't finite).
void dtrain_round_bf16(int64_t n, const float *x, float *residual, uint16_t *rounded);

// x = values, which are bf16.
void dtrain_expand_bf16(int64_t n, const uint16_t *values, float *x);

// sum += addend, which is bf16.
void dtrain_add_bf16(int64_t n, const uint16_t *addend, float *sum);

// The sum of the squares of [n] elements, in a fixed order and in double precision, where it can't overflow: it is finite exactly
// when every element is.
double dtrain_squared_norm(int64_t n, const float *values);

// Adam as in Keras, on [n] elements with g the gradient times `scale`: m += (g - m) * (1 - b1); v += (g*g - v) * (1 - b2);
// w -= alpha * m / (sqrt(v) + epsilon).
typedef struct {
    float scale;
    float one_minus_beta1;
    float one_minus_beta2;
    float alpha;
    float epsilon;
} dtrain_adam_constants;
void dtrain_adam(
    dtrain_adam_constants constants, int64_t n, const float *gradient, float *m, float *v, float *weights);

// sum[i] += addend[i] for n elements.
void dtrain_add(int64_t n, const float *addend, float *sum);

// sum[i] = a[i] + b[i] for n elements; sum may be a or b.
void dtrain_add_into(int64_t n, const float *a, const float *b, float *sum);

// sum[j] += the sum over rows of matrix[rows][columns], row after row.
void dtrain_column_sums(int64_t rows, int64_t columns, const float *matrix, float *sum);

// table[ids[i]][:] += matrix[i][:] for all rows of matrix[rows][columns], row after row; table is [*][columns].
void dtrain_scatter_add(int64_t rows, int64_t columns, const float *matrix, const uint16_t *ids, float *table);

// sum over i of a[i] * b[i], in a fixed order.
float dtrain_dot(int64_t n, const float *a, const float *b);

// y[i] += factor * x[i].
void dtrain_axpy(int64_t n, float factor, const float *x, float *y);

#endif
