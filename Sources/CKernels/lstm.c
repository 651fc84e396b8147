#include "CKernels.h"
#include "vector_math.h"

// `keep` is a constant at every call, so that the loop vectorises without a branch in it.
INLINE void lstm_forward(
    dtrain_record record, dtrain_units units, const float *x, const float *g, const float *bias, float *h, float *c,
    const int keep) {
    const int64_t H = record.units, group = record.rows * H;
    for (int64_t first = units.first; first < units.end; first += DTRAIN_PANEL) {
        const int64_t width = panel_width(first, units.end);
        const float *restrict xi = x + first, *restrict xf = xi + H, *restrict xc = xf + H, *restrict xo = xc + H;
        const float *restrict gi = g + first, *restrict gf = gi + H, *restrict gc = gf + H, *restrict go = gc + H;
        const float *restrict bi = bias + first, *restrict bf = bi + H, *restrict bc = bf + H, *restrict bo = bc + H;
        float *restrict state = h + first, *restrict cell = c + first;
        float *restrict kept = keep ? record.values + record.rows * first + record.row * width : 0;
        float *restrict kept_state = keep ? record.hidden + first : 0, *restrict kept_cell = keep ? record.cell + first : 0;
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
            float next = f * cell[j] + i * a;
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

MULTIVERSION
void dtrain_lstm_forward(
    dtrain_record record, dtrain_units units, const float *x, const float *g, const float *bias, float *h, float *c) {
    if (record.values) {
        lstm_forward(record, units, x, g, bias, h, c, 1);
    } else {
        lstm_forward(record, units, x, g, bias, h, c, 0);
    }
}

MULTIVERSION
void dtrain_lstm_backward(
    dtrain_record record, const float *c_before, const float *c_after, float *dh, float *dc, float *dg) {
    const int64_t H = record.units, group = record.rows * H;
    for (int64_t first = 0; first < H; first += DTRAIN_PANEL) {
        const int64_t width = panel_width(first, H);
        float *restrict i_ = record.values + record.rows * first + record.row * width;
        float *restrict f_ = i_ + group, *restrict a_ = f_ + group, *restrict o_ = a_ + group;
        const float *restrict before = c_before + first, *restrict after = c_after + first;
        float *restrict d_ = dh + first, *restrict dc_ = dc + first;
        float *restrict gi = dg + first, *restrict gf = gi + H, *restrict gc = gf + H, *restrict go = gc + H;
#pragma clang loop vectorize(assume_safety)
        for (int64_t j = 0; j < width; j++) {
            float i = i_[j], f = f_[j], a = a_[j], o = o_[j];
            float t = hyperbolic_tangent(after[j]);
            float d = d_[j];
            float cell = dc_[j] + d * o * (1.0f - t * t);
            float di = cell * a * (i * (1.0f - i));
            float df = cell * before[j] * (f * (1.0f - f));
            float da = cell * i * (1.0f - a * a);
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
