// The vectorized loops of dtrain, each compiled for several instruction sets (see
// InstructionSets.h).
//
// Nothing here allocates or fails. Ranges never overlap, except where documented as "in place". An
// element's value depends only on its own inputs, never on how a range is split.
#ifndef DTRAIN_CKERNELS_H
#define DTRAIN_CKERNELS_H

#include "InstructionSets.h"
#include "Products.h"

#include <stdint.h>

// Hints to the CPU that this thread is spinning.
static inline void dtrain_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// Sets this thread to treat denormal inputs and results as 0. Returns the previous setting.
static inline uint64_t dtrain_flush_denormals(void);

// Restores a setting returned by dtrain_flush_denormals.
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

// The number of units in a panel.
enum { DTRAIN_PANEL = 128 };

// A recurrent cell's record of the tokens of a micro-batch: one value per unit in each of the
// cell's groups.
//
// Groups follow each other. Within a group, columns are divided into panels of DTRAIN_PANEL units;
// the last may be narrower. A panel is a [rows][width] matrix with a row for each token, a
// contiguous operand of the weight gradient's product. The backward pass replaces the values with
// the gradients that the weight gradients are summed from.
typedef struct {
    float *values;  // start of the micro-batch's record; NULL: nothing is kept
    int64_t rows;   // number of rows of the micro-batch's panels
    int64_t row;    // row of this token
    float *hidden;  // [H]: the state after the token
    float *memory;  // [H]: the memory after the token; unused by cells without one
} dtrain_record;

// The forward pass of one row at one time step. H units, G gates.
typedef struct {
    int64_t units;               // H
    int64_t first;               // the call computes the units first <= j < end
    int64_t end;
    const float *input;          // [G*H]: x * W
    const float *recurrent;      // [G*H]: h * U
    const float *bias;           // [rows of the cell's bias][G*H]
    const float *hidden_before;  // [H]: the state before the token
    float *hidden;               // [H]: receives the state after it
    float *memory;               // [H]: the second state, updated in place, if the cell has one
    dtrain_record record;
} dtrain_forward_row;

// The backward pass of one row at one time step. Cells without a memory don't use its pointers.
//
// hidden_gradient: the new state's gradient; replaced by the part of the old state's that
//   doesn't pass through h * U.
// memory_gradient: the new memory's gradient; replaced by the old memory's.
// input_gradient: NULL if it isn't needed; unused by cells with the same gradient for both
//   products.
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

// Keras's GRU with reset_after; bias [2][3H]. Forward groups: z, r, candidate, recurrent part of
// the candidate. Backward groups: the gradients of z, r, recurrent part of the candidate, input of
// the candidate.
void dtrain_gru_forward(const dtrain_forward_row *row);
void dtrain_gru_backward(const dtrain_backward_row *row);

// Keras's LSTM; bias [4H]. Forward groups: i, f, candidate, o. Backward groups: their gradients.
void dtrain_lstm_forward(const dtrain_forward_row *row);
void dtrain_lstm_backward(const dtrain_backward_row *row);

// Keras's SimpleRNN; bias [H]. Forward group: h'. Backward group: the gradient of tanh's argument.
void dtrain_simple_rnn_forward(const dtrain_forward_row *row);
void dtrain_simple_rnn_backward(const dtrain_backward_row *row);

// The normalization of one row's softmax. Together with the logits it suffices for the gradient.
typedef struct {
    float largest;  // logit, bias included
    float factor;   // scale / the sum of exp(logit - largest)
} dtrain_softmax;

// Computes the softmax cross-entropy of one row of logits. Returns the loss in nats.
//
// logits: [n] without bias; bias: [n]; target: an index < n.
// gradient: [n], receives (softmax - onehot) * scale; may be the logits themselves, or NULL.
// softmax: receives the normalization, or NULL.
double dtrain_softmax_cross_entropy(
    const float *logits, const float *bias, int64_t n, int64_t target, float scale, float *gradient,
    dtrain_softmax *softmax);

// Replaces n of a row's logits (without bias) with the gradient that dtrain_softmax_cross_entropy
// computes for them.
//
// bias: [n]; target: an index relative to the first of these logits, possibly out of range.
void dtrain_softmax_gradient(
    float *logits, const float *bias, int64_t n, int64_t target, float scale, dtrain_softmax softmax);

// weights[j] = exp((logits[j] + bias[j] - largest) * inverse_temperature) for first <= j < n, with
// the largest logit of this range; weights below `first` are 0. weights may be the logits
// themselves. Returns the sum of the weights.
float dtrain_sampling_weights(
    const float *logits, const float *bias, int64_t n, int64_t first, float inverse_temperature, float *weights);

// rounded = x + residual in bf16; residual = the rounding error, for the next call (0 where it
// isn't finite).
void dtrain_round_bf16(int64_t n, const float *x, float *residual, uint16_t *rounded);

// x = values, expanded from bf16.
void dtrain_expand_bf16(int64_t n, const uint16_t *values, float *x);

// sum += addend, expanded from bf16.
void dtrain_add_bf16(int64_t n, const uint16_t *addend, float *sum);

// Returns the sum of the squares of [n] elements, in a fixed order and in double precision. It
// can't overflow, so it is finite exactly if every element is.
double dtrain_squared_norm(int64_t n, const float *values);

// values = scale * values, clamped to [-limit, limit], in place; NaN stays NaN.
void dtrain_clip(int64_t n, float scale, float limit, float *values);

// Keras's Adam on [n] elements, with g = scale * gradient:
// m += (g - m) * (1 - b1); v += (g*g - v) * (1 - b2);
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

// Weight decay, w -= decay * w, followed by Adam.
void dtrain_adamw(
    dtrain_adam_constants constants, float decay, int64_t n, const float *gradient, float *m, float *v, float *weights);

// Keras's RMSprop on [n] elements, with g = scale * gradient: v += (g*g - v) * (1 - rho);
// w -= learning_rate * g / sqrt(v + epsilon).
typedef struct {
    float scale;
    float learning_rate;
    float one_minus_rho;
    float epsilon;
} dtrain_rmsprop_constants;
void dtrain_rmsprop(dtrain_rmsprop_constants constants, int64_t n, const float *gradient, float *v, float *weights);

// Gradient descent with momentum on [n] elements, with g = scale * gradient:
// m = momentum * m - learning_rate * g; w += m.
typedef struct {
    float scale;
    float learning_rate;
    float momentum;
} dtrain_sgd_constants;
void dtrain_sgd(dtrain_sgd_constants constants, int64_t n, const float *gradient, float *m, float *weights);

// mask[j] = 1 for each of [units] units with 16 random bits of at least `threshold`, else 0.
//
// The bits come from Philox4x32-10 with this key. In each chunk of 128 units, unit 16k + i takes
// the k-th 16-bit half (of word k / 2, the lower half first) of the i-th of 16 blocks, with counter
// (16 * chunk + i, sequence, time, 0).
void dtrain_dropout_mask(
    uint32_t key_low, uint32_t key_high, uint32_t sequence, uint32_t time, uint32_t threshold, int64_t units,
    uint8_t *mask);

// passed[j] = mask[j] ? scale * x[j] : 0 for n elements.
void dtrain_dropout(int64_t n, const uint8_t *mask, float scale, const float *x, float *passed);

// sum[j] += mask[j] ? scale * x[j] : 0 for n elements.
void dtrain_dropout_add(int64_t n, const uint8_t *mask, float scale, const float *x, float *sum);

// Returns the natural logarithm of a positive normal number. Infinity, NaN and positive denormals
// are returned unchanged; 0 and negative numbers give NaN.
double dtrain_log(double x);

// Computes the sine and cosine of an angle of `turns` whole turns, 0 <= turns < 2^60.
void dtrain_sine_cosine(double turns, double *sine, double *cosine);

// sum[i] += addend[i] for n elements.
void dtrain_add(int64_t n, const float *addend, float *sum);

// sum[i] = a[i] + b[i] for n elements; sum may be a or b.
void dtrain_add_into(int64_t n, const float *a, const float *b, float *sum);

// sum[r][:] = a[r][:] + b[r][:] for every row r in at least one of the lists.
//
// The lists are in ascending order. A row missing from a matrix's list counts as 0 in that matrix.
// The matrices are [*][columns]. sum may be a or b; its other rows are unchanged.
void dtrain_add_rows(
    int64_t columns, const float *a, const uint16_t *a_rows, int64_t a_count, const float *b, const uint16_t *b_rows,
    int64_t b_count, float *sum);

// sum[j] += matrix[i][j] for all rows of matrix[rows][columns], in the order of the rows.
void dtrain_column_sums(int64_t rows, int64_t columns, const float *matrix, float *sum);

// table[ids[i]][:] += matrix[i][:] for all rows of matrix[rows][columns], in the order of the rows;
// table is [*][columns].
void dtrain_scatter_add(int64_t rows, int64_t columns, const float *matrix, const uint16_t *ids, float *table);

// Returns the sum over i of a[i] * b[i], in a fixed order.
float dtrain_dot(int64_t n, const float *a, const float *b);

// y[i] += factor * x[i].
void dtrain_axpy(int64_t n, float factor, const float *x, float *y);

#endif
