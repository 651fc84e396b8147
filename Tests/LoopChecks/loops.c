// Runs every loop of CKernels on fixed inputs and prints a checksum of its results. The output is
// the same on every instruction set with fused multiply-add. scripts/test-arm64 compares x86-64
// with ARM64.
//
// usage: loops [INSTRUCTION SET]    a number of dtrain_isa; by default the CPU's best
#include "CKernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

// Numbers uniform in [-1, 1), each a multiple of 2^-23.
static float number(void) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (float)(int32_t)(state >> 40) * 0x1p-23f - 1.0f;
}

// Allocates `count` floats plus the padding that the products read after them.
static float *room(int64_t count) {
    float *numbers = aligned_alloc(64, ((size_t)count * sizeof(float) + 1024 + 63) / 64 * 64);
    if (!numbers) abort();
    memset(numbers, 0, (size_t)count * sizeof(float) + 1024);
    return numbers;
}

static float *numbers(int64_t count, float scale) {
    float *values = room(count);
    for (int64_t i = 0; i < count; i++) values[i] = number() * scale;
    return values;
}

// The FNV-1a hash of all results of a loop.
static uint64_t hash;

static void add(const void *bytes, int64_t count) {
    const unsigned char *from = bytes;
    for (int64_t i = 0; i < count; i++) hash = (hash ^ from[i]) * UINT64_C(1099511628211);
}

static void begin(void) { hash = UINT64_C(14695981039346656037); }

static void show(const char *name) { printf("%-24s %016llx\n", name, (unsigned long long)hash); }

static const int64_t row_counts[] = {1, 2, 3, 5, 6, 7, 13, 32};
static const int64_t depths[] = {1, 2, 15, 17, 64, 1100};
static const int64_t column_counts[] = {1, 7, 16, 17, 63, 64, 66, 130};
#define COUNT(list) (sizeof(list) / sizeof(*(list)))

typedef void (*weight_product)(dtrain_packed_product);

static void check_weights(const char *name, weight_product multiply, int pairs) {
    begin();
    for (size_t r = 0; r < COUNT(row_counts); r++)
        for (size_t d = 0; d < COUNT(depths); d++)
            for (size_t k = 0; k < COUNT(column_counts); k++) {
                const int64_t rows = row_counts[r], depth = depths[d], columns = column_counts[k];
                const int64_t steps = dtrain_groups(pairs ? dtrain_groups(depth, 2) : depth, DTRAIN_BLOCK_STEPS) * DTRAIN_BLOCK_STEPS;
                const int64_t words = steps * dtrain_groups(columns, DTRAIN_BLOCK_COLUMNS) * DTRAIN_BLOCK_COLUMNS;
                float *a = numbers(rows * depth, 1), *b = numbers(depth * columns, 1), *c = numbers(rows * columns, 1);
                float *packed = room(words), *scratch = room(dtrain_packed_product_scratch(rows));
                const int turned = (int)(r & 1);
                if (pairs && turned) dtrain_pack_transposed_bf16_pairs(depth, columns, b, depth, (uint32_t *)packed);
                if (pairs && !turned) dtrain_pack_bf16_pairs(depth, columns, b, columns, (uint32_t *)packed);
                if (!pairs && turned) dtrain_pack_transposed(depth, columns, b, depth, packed);
                if (!pairs && !turned) dtrain_pack(depth, columns, b, columns, packed);
                add(packed, words * 4);
                multiply((dtrain_packed_product){
                    .rows = rows, .columns = columns, .groups = 1, .depth = depth, .a = a, .packed = packed, .c = c,
                    .c_stride = columns, .accumulate = (int)(d & 1), .backwards = (int)(k & 1), .scratch = scratch});
                add(c, rows * columns * 4);
                free(a), free(b), free(c), free(packed), free(scratch);
            }
    show(name);
}

static void check_panels(void) {
    begin();
    for (size_t r = 0; r < COUNT(row_counts); r++)
        for (size_t d = 0; d < COUNT(depths); d++)
            for (size_t k = 0; k < COUNT(column_counts); k++) {
                const int64_t units = row_counts[r] * 3, tokens = depths[d], columns = column_counts[k];
                if (columns > DTRAIN_PANEL) continue;
                const int64_t words = dtrain_groups(units, DTRAIN_STATE_GROUP) * DTRAIN_STATE_GROUP * tokens;
                float *states = numbers(tokens * units, 1), *panel = numbers(tokens * columns, 1), *packed = room(words);
                float *first = numbers(units * columns, 1), *second = numbers(units * columns, 1), *out = room(units * columns);
                const float *addends[] = {first, second};
                dtrain_pack_states(tokens, units, states, packed);
                const dtrain_fold fold = {.addends = addends, .count = (int64_t)(k % 3), .out = out, .upcoming = out};
                dtrain_panel_product_fp32(units, columns, tokens, packed, tokens, panel, columns, &fold);
                add(out, units * columns * 4);
                free(states), free(panel), free(packed), free(first), free(second), free(out);
            }
    show("panel_product_fp32");
}

typedef struct {
    const char *name;
    int64_t gates;
    void (*forward)(const dtrain_forward_row *);
    void (*backward)(const dtrain_backward_row *);
} cell;

static const cell cells[] = {
    {"gru", 3, dtrain_gru_forward, dtrain_gru_backward},
    {"lstm", 4, dtrain_lstm_forward, dtrain_lstm_backward},
    {"simple_rnn", 1, dtrain_simple_rnn_forward, dtrain_simple_rnn_backward},
};

static void check_cell(const cell *cell) {
    static const int64_t sizes[] = {1, 7, 16, 31, 128, 129, 330};
    begin();
    for (size_t s = 0; s < COUNT(sizes); s++)
        for (int i = 0; i < 8; i++) {
            // Some gates saturate.
            const float scale = i < 4 ? 2 : 40;
            const int64_t units = sizes[s], width = cell->gates * units;
            float *input = numbers(width, scale), *recurrent = numbers(width, scale), *bias = numbers(2 * width, 1);
            float *hidden = numbers(units, 1), *memory = numbers(units, 1), *kept = room(4 * units), *after = room(units);
            float *cell_after = room(units), *d = numbers(units, 1), *dc = numbers(units, 1), *gradient = room(width);
            float *before = numbers(units, 1), *cell_before = numbers(units, 1), *below = room(width);
            const dtrain_record record = {.values = kept, .rows = 1, .hidden = after, .memory = cell_after};
            float *hidden_after = room(units);
            cell->forward(&(dtrain_forward_row){
                .units = units, .end = units, .input = input, .recurrent = recurrent, .bias = bias, .hidden_before = hidden,
                .hidden = hidden_after, .memory = memory, .record = record});
            add(hidden_after, units * 4), add(memory, units * 4), add(kept, 4 * units * 4);
            cell->backward(&(dtrain_backward_row){
                .units = units, .end = units, .hidden_before = before, .memory_before = cell_before, .hidden_gradient = d,
                .memory_gradient = dc, .recurrent_gradient = gradient, .input_gradient = below, .record = record});
            add(d, units * 4), add(dc, units * 4), add(gradient, width * 4), add(kept, 4 * units * 4), add(below, width * 4);
            float *all[] = {input, recurrent, bias, hidden, hidden_after, memory, kept, after, cell_after, d, dc, gradient, before, cell_before, below};
            for (size_t k = 0; k < COUNT(all); k++) free(all[k]);
        }
    show(cell->name);
}

static void check_loss(void) {
    begin();
    for (int64_t n = 1; n < 300; n += 13) {
        float *logits = numbers(n, 30), *bias = numbers(n, 1), *gradient = room(n), *weights = room(n);
        dtrain_softmax softmax;
        const double loss = dtrain_softmax_cross_entropy(logits, bias, n, n / 2, 0.01f, gradient, &softmax);
        const float sum = dtrain_sampling_weights(logits, bias, n, n > 1, 1.25f, weights);
        add(&loss, sizeof loss), add(gradient, n * 4), add(&sum, sizeof sum), add(weights, n * 4);
        dtrain_softmax_gradient(logits, bias, n, n / 2, 0.01f, softmax);
        add(logits, n * 4);
        free(logits), free(bias), free(gradient), free(weights);
    }
    show("loss, sampling");
}

static void check_vectors(void) {
    begin();
    for (int64_t n = 1; n < 300; n += 7) {
        float *x = numbers(n, 1), *m = numbers(n, 1), *v = room(n), *weights = numbers(n, 1), *rest = numbers(n, 0.001f);
        uint16_t *rounded = (uint16_t *)room(n);
        for (int64_t i = 0; i < n; i++) v[i] = x[i] * x[i];
        const dtrain_adam_constants adam = {0.7f, 0.1f, 0.001f, 0.01f, 1e-7f};
        dtrain_adam(adam, n, x, m, v, weights);
        dtrain_sgd((dtrain_sgd_constants){0.7f, 0.1f, 0.9f}, n, x, m, weights);
        dtrain_adamw(adam, 0.003f, n, x, m, v, weights);
        dtrain_rmsprop((dtrain_rmsprop_constants){0.7f, 0.1f, 0.05f, 1e-7f}, n, x, v, weights);
        dtrain_axpy(n, 0.3f, x, weights);
        dtrain_round_bf16(n, x, rest, rounded);
        dtrain_add_bf16(n, rounded, weights);
        dtrain_round_to_bf16(n, x, x);
        dtrain_clip(n, 1.5f, 0.75f, m);
        dtrain_add(n, m, weights);
        dtrain_add_into(n, m, v, v);
        const float dot = dtrain_dot(n, m, weights);
        const double norm = dtrain_squared_norm(n, weights);
        add(x, n * 4), add(m, n * 4), add(v, n * 4), add(weights, n * 4), add(rest, n * 4), add(rounded, n * 2);
        add(&dot, sizeof dot), add(&norm, sizeof norm);
        free(x), free(m), free(v), free(weights), free(rest), free(rounded);
    }
    show("vectors");
}

// Sums by character and by column.
static void check_rows(void) {
    static const uint16_t ids[] = {4, 0, 4, 2, 4, 0, 2}, left[] = {0, 2, 4}, right[] = {1, 2, 5};
    begin();
    for (int64_t n = 1; n < 140; n += 9) {
        float *matrix = numbers(7 * n, 1), *table = room(6 * n), *other = numbers(6 * n, 1), *sum = room(6 * n), *columns = room(n);
        dtrain_scatter_add(7, n, matrix, ids, table);
        dtrain_column_sums(7, n, matrix, columns);
        dtrain_add_rows(n, table, left, COUNT(left), other, right, COUNT(right), sum);
        add(table, 6 * n * 4), add(columns, n * 4), add(sum, 6 * n * 4);
        free(matrix), free(table), free(other), free(sum), free(columns);
    }
    show("rows");
}

static void check_elementary(void) {
    begin();
    for (int i = 0; i < 20000; i++) {
        const double x = 1e-6 + (1.0 + number()) * (i & 1 ? 1 : 1e6), log = dtrain_log(x);
        double sine, cosine;
        dtrain_sine_cosine((1.0 + number()) / 2, &sine, &cosine);
        add(&log, sizeof log), add(&sine, sizeof sine), add(&cosine, sizeof cosine);
    }
    show("elementary functions");
}

int main(int count, char **arguments) {
    const int isa = count > 1 ? atoi(arguments[1]) : (int)dtrain_best_isa();
    if (isa < 0 || isa > (int)dtrain_best_isa()) {
        fprintf(stderr, "error: this CPU has sets 0 to %d, not %d\n", (int)dtrain_best_isa(), isa);
        return 64;
    }
    dtrain_use_isa((dtrain_isa)isa);
    dtrain_flush_denormals();
    check_weights("packed_product_fp32", dtrain_packed_product_fp32, 0);
    check_weights("packed_product_expanded", dtrain_packed_product_expanded, 1);
    check_panels();
    for (size_t i = 0; i < COUNT(cells); i++) check_cell(&cells[i]);
    check_loss();
    check_vectors();
    check_rows();
    check_elementary();
    return 0;
}
