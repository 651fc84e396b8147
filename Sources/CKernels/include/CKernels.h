// The vectorised loops of dtrain. The element-wise ones are compiled for several x86-64 levels; the best is chosen when the process
// starts.
// Nothing here allocates or fails. All pointers are to float32 unless said otherwise; ranges never overlap except where "in
// place" is said. An element's value depends on its own inputs only, never on how a range is split.
#ifndef DTRAIN_CKERNELS_H
#define DTRAIN_CKERNELS_H

#include <stdint.h>

// Tells the CPU that this thread waits for another one.
static inline void dtrain_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

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
    int64_t units;           // H
    int64_t first;           // the call computes the units first <= j < end
    int64_t end;             // with a record, first is the start of a panel
    const float *input;      // [G*H]: x * W
    const float *recurrent;  // [G*H]: h * U
    const float *bias;       // [rows of the cell's bias][G*H]
    float *hidden;           // [H]: the state, updated in place
    float *memory;           // [H]: the second state, updated in place; unused by cells without one
    dtrain_record record;
} dtrain_forward_row;

// One row at one time step, backward, all units. Cells without a memory leave its pointers unused.
//
// hidden_gradient: of the new state; replaced by the part that reaches the old state without h * U.
// memory_gradient: of the new memory; replaced by that of the old one.
// input_gradient: NULL where it isn't needed; unused by cells with one gradient for both products.
typedef struct {
    int64_t units;               // H
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

#if defined(__x86_64__)
// C[rows][:] = A[rows][depth] * B, or C += A * B, for some columns: groups of `columns` columns, the first of which begins at column
// `first` and each other one `group_stride` later; all of these are multiples of 64, but for `columns` where a single group ends with
// the matrix. A has no gaps, C's rows are c_stride apart.
// A row's bits depend on that row of A and on B alone. scratch: dtrain_packed_product_scratch(rows) floats.
//
// `backwards` begins with the last columns: what was read last by the product before is then still in the core's cache.
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
    float *scratch;
} dtrain_packed_product;

// In place of oneDNN's products where there is AVX-512: these fetch the weights ahead, which matters when few rows use them and all
// of them come from the shared cache or from memory.
int64_t dtrain_packed_product_scratch(int64_t rows);

// A in float32; B as oneDNN's layout BA16a64b: [ceil(columns / 64)][depth, in blocks of 16][64], 0 outside the matrix.
void dtrain_packed_product_fp32(dtrain_packed_product product);

// A in bf16; B as BA16a64b2a: the same with pairs of rows. Needs AVX512_BF16.
void dtrain_packed_product_bf16(dtrain_packed_product product);

// The same B, but A in float32, and so are the products and their order: the bits are those of float32 operands of these values.
void dtrain_packed_product_expanded(dtrain_packed_product product);

// What becomes of a product's sums: each is added to the same element of every addend in turn ([rows][columns], without gaps), and goes
// to out, laid out alike. Meanwhile upcoming_count floats from upcoming on are fetched into the L2 cache: what will be needed next.
typedef struct {
    const float *const *addends;
    int64_t count;
    float *out;
    const float *upcoming;
    int64_t upcoming_count;
} dtrain_fold;

// A[rows][depth] * B for many rows and a panel B that fits the L2 cache; A as dtrain_block_columns (bf16: dtrain_block_columns_to_bf16)
// leaves it of stored >= depth rows, of which the first are read; without any the product is 0. float32: B is [depth][columns], its
// rows `stride` apart, and 15 floats behind it are read, too. bf16: B as dtrain_pack_bf16_pairs leaves it. Needs AVX-512 (bf16:
// AVX512_BF16).
void dtrain_panel_product_fp32(
    int64_t rows, int64_t columns, int64_t depth, const void *a, int64_t stored, const void *panel, int64_t stride,
    const dtrain_fold *fold);
void dtrain_panel_product_bf16(
    int64_t rows, int64_t columns, int64_t depth, const void *a, int64_t stored, const void *packed, const dtrain_fold *fold);
#endif

// sum[i] += addend[i] for n elements.
void dtrain_add(int64_t n, const float *addend, float *sum);

// sum[i] = a[i] + b[i] for n elements; sum may be a or b.
void dtrain_add_into(int64_t n, const float *a, const float *b, float *sum);

// sum[j] += the sum over rows of matrix[rows][columns], row after row.
void dtrain_column_sums(int64_t rows, int64_t columns, const float *matrix, float *sum);

// table[ids[i]][:] += matrix[i][:] for all rows of matrix[rows][columns], row after row; table is [*][columns].
void dtrain_scatter_add(int64_t rows, int64_t columns, const float *matrix, const uint16_t *ids, float *table);

// transposed[columns][rows] = matrix[rows][columns]; a row of the result starts every `stride` floats.
void dtrain_transpose(int64_t rows, int64_t columns, const float *matrix, int64_t stride, float *transposed);

// blocks[ceil(columns / 12)][rows][12] = matrix[rows][columns] in blocks of columns; the last may be partly unwritten.
void dtrain_block_columns(int64_t rows, int64_t columns, const float *matrix, float *blocks);

// The same with the result in bf16, two rows at a time: blocks[ceil(columns / 12)][ceil(rows / 2)][12], a pair's first row in the lower
// half; beyond the last row is 0.
void dtrain_block_columns_to_bf16(int64_t rows, int64_t columns, const float *matrix, uint32_t *blocks);

// matrix[rows][columns] in bf16, packed as oneDNN's layout BA16a64b2a: for each 64 columns, for each 32 rows, 16 pairs of rows, a
// pair's two values of a column side by side. packed holds whole blocks; what lies outside the matrix becomes 0.
void dtrain_pack_bf16_pairs(int64_t rows, int64_t columns, const float *matrix, uint32_t *packed);

// matrix[rows][columns] packed as BA16a64b: for each 64 columns, for each 16 rows, a line of 64 a row; 0 outside the matrix.
void dtrain_pack(int64_t rows, int64_t columns, const float *matrix, float *packed);

#if defined(__x86_64__)
// The same two packings, of the transpose of matrix[columns][rows]. They need AVX-512.
void dtrain_pack_transposed(int64_t rows, int64_t columns, const float *matrix, float *packed);
void dtrain_pack_transposed_bf16_pairs(int64_t rows, int64_t columns, const float *matrix, uint32_t *packed);
#endif

// rounded[i] = values[i] in bf16, to nearest even; NaN stays NaN.
void dtrain_to_bf16(int64_t n, const float *values, uint16_t *rounded);

// The same with the result in float32; rounded may be the values themselves.
void dtrain_round_to_bf16(int64_t n, const float *values, float *rounded);

// Whether the CPU is of a type whose bf16 instructions are slower than two float32 ones: Intel's since Sapphire Rapids, which
// start one VDPBF16PS in two cycles and four FMAs, being made for AMX.
int dtrain_has_slow_bf16(void);

// sum over i of a[i] * b[i], in a fixed order.
float dtrain_dot(int64_t n, const float *a, const float *b);

// y[i] += factor * x[i].
void dtrain_axpy(int64_t n, float factor, const float *x, float *y);

#endif
