// `keep` is a constant in every call, so the loop vectorizes without a branch.
INLINE void lstm_forward_keeping(const dtrain_forward_row *row, const int keep) {
    const dtrain_record record = row->record;
    const int64_t H = row->units, end = row->end, group = record.rows * H;
    for (int64_t first = row->first, width; first < end; first += width) {
        width = panel_part(first, end);
        const float *restrict xi = row->input + first, *restrict xf = xi + H, *restrict xc = xf + H, *restrict xo = xc + H;
        const float *restrict gi = row->recurrent + first, *restrict gf = gi + H, *restrict gc = gf + H, *restrict go = gc + H;
        const float *restrict bi = row->bias + first, *restrict bf = bi + H, *restrict bc = bf + H, *restrict bo = bc + H;
        float *restrict state = row->hidden + first, *restrict cell = row->memory + first;
        float *restrict kept = keep ? record_at(record, H, first) : 0;
        float *restrict kept_state = keep ? record.hidden + first : 0;
        float *restrict kept_cell = keep ? record.memory + first : 0;
#pragma clang loop vectorize(assume_safety)
        for (int64_t j = 0; j < width; j++) {
            float i = sigmoid(xi[j] + gi[j] + bi[j]);
            float f = sigmoid(xf[j] + gf[j] + bf[j]);
            float a = hyperbolic_tangent(xc[j] + gc[j] + bc[j]);
            float o = sigmoid(xo[j] + go[j] + bo[j]);
            if (keep) {
                kept[j] = i;
                kept[group + j] = f;
                kept[2 * group + j] = a;
                kept[3 * group + j] = o;
            }
            float next = FUSED(f, cell[j], i * a);
            const float after = o * hyperbolic_tangent(next);
            cell[j] = next;
            state[j] = after;
            if (keep) {
                kept_state[j] = after;
                kept_cell[j] = next;
            }
        }
    }
}

static void lstm_forward(const dtrain_forward_row *row) {
    if (row->record.values) {
        lstm_forward_keeping(row, 1);
    } else {
        lstm_forward_keeping(row, 0);
    }
}

static void lstm_backward(const dtrain_backward_row *row) {
    const dtrain_record record = row->record;
    const int64_t H = row->units, group = record.rows * H;
    for (int64_t first = row->first, width; first < row->end; first += width) {
        width = panel_part(first, row->end);
        float *restrict i_ = record_at(record, H, first);
        float *restrict f_ = i_ + group, *restrict a_ = f_ + group, *restrict o_ = a_ + group;
        const float *restrict before = row->memory_before + first, *restrict after = record.memory + first;
        float *restrict d_ = row->hidden_gradient + first, *restrict dc_ = row->memory_gradient + first;
        float *restrict gi = row->recurrent_gradient + first, *restrict gf = gi + H;
        float *restrict gc = gf + H, *restrict go = gc + H;
#pragma clang loop vectorize(assume_safety)
        for (int64_t j = 0; j < width; j++) {
            float i = i_[j], f = f_[j], a = a_[j], o = o_[j];
            float t = hyperbolic_tangent(after[j]);
            float d = d_[j];
            float cell = FUSED(d * o, FUSED(-t, t, 1.0f), dc_[j]);
            float di = cell * a * (i * (1.0f - i));
            float df = cell * before[j] * (f * (1.0f - f));
            float da = cell * i * FUSED(-a, a, 1.0f);
            float d_o = d * t * (o * (1.0f - o));
            dc_[j] = cell * f;
            d_[j] = 0.0f;
            gi[j] = di;
            gf[j] = df;
            gc[j] = da;
            go[j] = d_o;
            i_[j] = di;
            f_[j] = df;
            a_[j] = da;
            o_[j] = d_o;
        }
    }
}
