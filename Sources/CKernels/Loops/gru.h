// `keep` is a constant in every call, so the loop vectorizes without a branch.
INLINE void gru_forward_keeping(const dtrain_forward_row *row, const int keep) {
    const dtrain_record record = row->record;
    const int64_t H = row->units, end = row->end, group = record.rows * H;
    for (int64_t first = row->first, width; first < end; first += width) {
        width = panel_part(first, end);
        const float *restrict xz = row->input + first, *restrict xr = xz + H, *restrict xh = xr + H;
        const float *restrict gz = row->recurrent + first, *restrict gr = gz + H, *restrict gh = gr + H;
        const float *restrict bz = row->bias + first, *restrict br = bz + H, *restrict bh = br + H;
        const float *restrict cz = bh + H, *restrict cr = cz + H, *restrict ch = cr + H;
        const float *restrict before = row->hidden_before + first;
        float *restrict state = row->hidden + first;
        float *restrict kept = keep ? record_at(record, H, first) : 0;
        float *restrict kept_state = keep ? record.hidden + first : 0;
#pragma clang loop vectorize(assume_safety)
        for (int64_t j = 0; j < width; j++) {
            float z = sigmoid(xz[j] + bz[j] + (gz[j] + cz[j]));
            float r = sigmoid(xr[j] + br[j] + (gr[j] + cr[j]));
            float q = gh[j] + ch[j];
            float a = hyperbolic_tangent(FUSED(r, q, xh[j] + bh[j]));
            if (keep) {
                kept[j] = z;
                kept[group + j] = r;
                kept[2 * group + j] = a;
                kept[3 * group + j] = q;
            }
            const float next = FUSED(z, before[j], (1.0f - z) * a);
            state[j] = next;
            if (keep) kept_state[j] = next;
        }
    }
}

static void gru_forward(const dtrain_forward_row *row) {
    if (row->record.values) {
        gru_forward_keeping(row, 1);
    } else {
        gru_forward_keeping(row, 0);
    }
}

static void gru_backward(const dtrain_backward_row *row) {
    const dtrain_record record = row->record;
    const int64_t H = row->units, group = record.rows * H;
    for (int64_t first = row->first, width; first < row->end; first += width) {
        width = panel_part(first, row->end);
        float *restrict z_ = record_at(record, H, first);
        float *restrict r_ = z_ + group, *restrict a_ = r_ + group, *restrict q_ = a_ + group;
        const float *restrict before = row->hidden_before + first;
        float *restrict d_ = row->hidden_gradient + first;
        float *restrict gz = row->recurrent_gradient + first, *restrict gr = gz + H, *restrict gh = gr + H;
#pragma clang loop vectorize(assume_safety)
        for (int64_t j = 0; j < width; j++) {
            float d = d_[j], z = z_[j], r = r_[j], a = a_[j];
            float da = d * (1.0f - z) * FUSED(-a, a, 1.0f);
            float dz = d * (before[j] - a) * (z * (1.0f - z));
            float dq = da * r;
            float dr = da * q_[j] * (r * (1.0f - r));
            d_[j] = d * z;
            gz[j] = dz;
            gr[j] = dr;
            gh[j] = dq;
            z_[j] = dz;
            r_[j] = dr;
            a_[j] = dq;
            q_[j] = da;
        }
        if (row->input_gradient) {
            float *x = row->input_gradient + first;
            memcpy(x, gz, sizeof(float) * (size_t)width);
            memcpy(x + H, gr, sizeof(float) * (size_t)width);
            memcpy(x + 2 * H, q_, sizeof(float) * (size_t)width);
        }
    }
}
