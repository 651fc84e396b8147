// `keep` is a constant in every call, so the loop vectorizes without a branch.
INLINE void simple_rnn_forward_keeping(const dtrain_forward_row *row, const int keep) {
    const dtrain_record record = row->record;
    const int64_t H = row->units, end = row->end;
    for (int64_t first = row->first, width; first < end; first += width) {
        width = panel_part(first, end);
        const float *restrict x = row->input + first, *restrict g = row->recurrent + first, *restrict b = row->bias + first;
        float *restrict state = row->hidden + first;
        float *restrict kept = keep ? record_at(record, H, first) : 0;
        float *restrict kept_state = keep ? record.hidden + first : 0;
#pragma clang loop vectorize(assume_safety)
        for (int64_t j = 0; j < width; j++) {
            const float next = hyperbolic_tangent(x[j] + b[j] + g[j]);
            state[j] = next;
            if (keep) {
                kept[j] = next;
                kept_state[j] = next;
            }
        }
    }
}

static void simple_rnn_forward(const dtrain_forward_row *row) {
    if (row->record.values) {
        simple_rnn_forward_keeping(row, 1);
    } else {
        simple_rnn_forward_keeping(row, 0);
    }
}

static void simple_rnn_backward(const dtrain_backward_row *row) {
    const dtrain_record record = row->record;
    const int64_t H = row->units;
    for (int64_t first = row->first, width; first < row->end; first += width) {
        width = panel_part(first, row->end);
        float *restrict h_ = record_at(record, H, first);
        float *restrict d_ = row->hidden_gradient + first, *restrict g_ = row->recurrent_gradient + first;
#pragma clang loop vectorize(assume_safety)
        for (int64_t j = 0; j < width; j++) {
            const float h = h_[j];
            const float da = d_[j] * FUSED(-h, h, 1.0f);
            d_[j] = 0.0f;
            g_[j] = da;
            h_[j] = da;
        }
    }
}
