// The vectorised loops of dtrain, each compiled for several instruction sets (see InstructionSets.h).
// Nothing here allocates or fails. All pointers are to float32 unless said otherwise; ranges never overlap except where "in
// place" is said. An element's value depends on its own inputs only, never on how a range is split.
#ifndef DTRAIN_CKERNELS_H
#define DTRAIN_CKERNELS_H

#include "InstructionSets.h"
#include "Products.h"

#include <stdint.h>

// Tells the CPU that this thread waits for another one.
static inline void dtrain_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// Makes this thread take and give denormal numbers as 0. Returns the setting before.
static inline uint64_t dtrain_flush_denormals(void);

// Restores what dtrain_flush_denormals has returned.
static inline void dtrain_set_float_control(uint64_t control);

#if defined(__x86_64__)
// MXCSR: flush to zero, and denormals are zeros.
enum { DTRAIN_FLUSH = 1 << 15 | 1 << 6 };
static inline uint64_t dtrain_flush_denormals(void) {
    const unsigned control = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(control | DTRAIN_FLUSH);
    return control;
}
static inline void dtrain_set_float_control(uint64_t control) { __builtin_ia32_ldmxcsr((unsigned)control); }
#elif defined(__aarch64__)
// FPCR: flush to zero, inputs and results.
static inline uint64_t dtrain_flush_denormals(void) {
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    __asm__ volatile("msr fpcr, %0" : : "r"(control | UINT64_C(1) << 24));
    return control;
}
static inline void dtrain_set_float_control(uint64_t control) { __asm__ volatile("msr fpcr, %0" : : "r"(control)); }
#else
static inline uint64_t dtrain_flush_denormals(void) { return 0; }
static inline void dtrain_set_float_control(uint64_t control) { (void)control; }
#endif

// Units of a panel.
enum { DTRAIN_PANEL = 128 };

// What a recurrent cell keeps of every token of a micro-batch: one value per unit in each of the
// cell's groups. Groups follow each other; inside a group, columns are cut into panels of
// DTRAIN_PANEL units (the last may be narrower), and a panel is a [rows][width] matrix with a row
// for each token: a contiguous operand of the weight gradient's product.
//
// The backward pass replaces the values by the gradients that the weight gradients are summed from.
typedef struct {
    float *values;  // start of the micro-batch's record; NULL: nothing is kept
    int64_t rows;   // rows of the micro-batch's panels
    int64_t row;    // row of this token
    float *hidden;  // [H]: the state after the token
    float *memory;  // [H]: the memory after the token; unused by cells without one
} dtrain_record;

// One row at one time step, forward. H units, G gates.
typedef struct {
    int64_t units;               // H
    int64_t first;               // the call computes the units first <= j < end
    int64_t end;
    const float *input;          // [G*H]: x * W
    const float *recurrent;      // [G*H]: h * U
    const float *bias;           // [rows of the cell's bias][G*H]
    const float *hidden_before;  // [H]: the state before the token
    float *hidden;               // [H]: receives the state after it
    float *memory;               // [H]: the second state, updated in place; unused by cells without one
    dtrain_record record;
} dtrain_forward_row;

// One row at one time step, backward. Cells without a memory leave its pointers unused.
//
// hidden_gradient: of the new state; replaced by the part that reaches the old state without h * U.
// memory_gradient: of the new memory; replaced by that of the old one.
// input_gradient: NULL where it isn't needed; unused by cells with one gradient for both products.
typedef struct {
    int64_t units;               // H
    int64_t first;               // the call computes the units first <= j < end
    int64_t end;
    const float *hidden_before;  // [H]: the state before the token
    const float *memory_before;  // [H]: the memory before the token
    float *hidden_gradient;      // [H], in place
    float *memory_gradient;      // [H], in place
    float *recurrent_gradient;   // [G*H]: receives the gradient of h * U
    float *input_gradient;       // [G*H]: receives the gradient of x * W
    dtrain_record record;        // values become gradients
} dtrain_backward_row;

// Keras's GRU with reset_after; bias [2][3H]. Groups: z, r, candidate, recurrent part of the
// candidate; then the gradients of z, r, recurrent part of the candidate, input of the candidate.
void dtrain_gru_forward(const dtrain_forward_row *row);
void dtrain_gru_backward(const dtrain_backward_row *row);

// Keras's LSTM; bias [4H]. Groups: i, f, candidate, o; then their gradients.
void dtrain_lstm_forward(const dtrain_forward_row *row);
void dtrain_lstm_backward(const dtrain_backward_row *row);

// Keras's SimpleRNN; bias [H]. Group: h'; then the gradient of tanh's argument.
void dtrain_simple_rnn_forward(const dtrain_forward_row *row);
void dtrain_simple_rnn_backward(const dtrain_backward_row *row);

// What is left of the softmax of one row: with the logits enough for its gradient.
typedef struct {
    float largest;  // logit, bias included
    float factor;   // scale / the sum of exp(logit - largest)
} dtrain_softmax;

// Softmax cross-entropy of one row of logits. logits: [n] without bias, bias: [n], target: index < n.
// gradient: [n] receives (softmax - onehot) * scale, may be the logits themselves, or is NULL. softmax receives what remains of it,
// or is NULL. Returns the loss in nats.
double dtrain_softmax_cross_entropy(
    const float *logits, const float *bias, int64_t n, int64_t target, float scale, float *gradient,
    dtrain_softmax *softmax);

// Replaces some of a row's logits without bias by the gradient that dtrain_softmax_cross_entropy has computed for them. bias: [n],
// target: counted from the first of them, perhaps outside.
void dtrain_softmax_gradient(
    float *logits, const float *bias, int64_t n, int64_t target, float scale, dtrain_softmax softmax);

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

// values = scale * values, each limited to [-limit, limit]; NaN stays NaN. In place.
void dtrain_clip(int64_t n, float scale, float limit, float *values);

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

// The weights' decay, w -= decay * w, then Adam.
void dtrain_adamw(
    dtrain_adam_constants constants, float decay, int64_t n, const float *gradient, float *m, float *v, float *weights);

// RMSprop as in Keras, on [n] elements with g the gradient times `scale`: v += (g*g - v) * (1 - rho);
// w -= learning_rate * g / sqrt(v + epsilon).
typedef struct {
    float scale;
    float learning_rate;
    float one_minus_rho;
    float epsilon;
} dtrain_rmsprop_constants;
void dtrain_rmsprop(dtrain_rmsprop_constants constants, int64_t n, const float *gradient, float *v, float *weights);

// Gradient descent with momentum, on [n] elements with g the gradient times `scale`:
// m = momentum * m - learning_rate * g; w += m.
typedef struct {
    float scale;
    float learning_rate;
    float momentum;
} dtrain_sgd_constants;
void dtrain_sgd(dtrain_sgd_constants constants, int64_t n, const float *gradient, float *m, float *weights);

// mask[j] = 1 for each of [units] units whose 16 random bits aren't below `threshold`, else 0. The bits are those of Philox4x32-10
// with this key: of each 128 units, unit 16k + i has half k (of word k / 2, the lower first) of the i-th of 16 blocks, whose counters
// are (16 * chunk + i, sequence, time, 0).
void dtrain_dropout_mask(
    uint32_t key_low, uint32_t key_high, uint32_t sequence, uint32_t time, uint32_t threshold, int64_t units,
    uint8_t *mask);

// passed[j] = mask[j] ? scale * x[j] : 0 for n elements.
void dtrain_dropout(int64_t n, const uint8_t *mask, float scale, const float *x, float *passed);

// sum[j] += mask[j] ? scale * x[j] : 0 for n elements.
void dtrain_dropout_add(int64_t n, const uint8_t *mask, float scale, const float *x, float *sum);

// The natural logarithm of a normal positive number; infinity and NaN stay what they are, other numbers give NaN.
double dtrain_log(double x);

// Sine and cosine of `turns` whole turns, 0 <= turns < 2^60.
void dtrain_sine_cosine(double turns, double *sine, double *cosine);

// sum[i] += addend[i] for n elements.
void dtrain_add(int64_t n, const float *addend, float *sum);

// sum[i] = a[i] + b[i] for n elements; sum may be a or b.
void dtrain_add_into(int64_t n, const float *a, const float *b, float *sum);

// sum[r][:] = a[r][:] + b[r][:] for every row r in one of the lists, which are in ascending order; a row that isn't in a matrix's
// list counts as 0 there. The matrices are [*][columns]; sum may be a or b, and its other rows stay as they are.
void dtrain_add_rows(
    int64_t columns, const float *a, const uint16_t *a_rows, int64_t a_count, const float *b, const uint16_t *b_rows,
    int64_t b_count, float *sum);

// sum[j] += the sum over rows of matrix[rows][columns], row after row.
void dtrain_column_sums(int64_t rows, int64_t columns, const float *matrix, float *sum);

// table[ids[i]][:] += matrix[i][:] for all rows of matrix[rows][columns], row after row; table is [*][columns].
void dtrain_scatter_add(int64_t rows, int64_t columns, const float *matrix, const uint16_t *ids, float *table);

// sum over i of a[i] * b[i], in a fixed order.
float dtrain_dot(int64_t n, const float *a, const float *b);

// y[i] += factor * x[i].
void dtrain_axpy(int64_t n, float factor, const float *x, float *y);

#endif
