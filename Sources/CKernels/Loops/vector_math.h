// Branch-free functions that vectorize, shared by the loops.
//
// Contraction is off, so each product and sum is rounded separately except in FUSED. An element has
// the same bits on every instruction set with fused multiply-add.
#ifndef DTRAIN_VECTOR_MATH_H
#define DTRAIN_VECTOR_MATH_H

#define INLINE static inline __attribute__((always_inline))

// Returns the number of units from `first` on that lie in one panel (see dtrain_record) and before
// unit `end`.
INLINE int64_t panel_part(int64_t first, int64_t end) {
    const int64_t behind = (first / DTRAIN_PANEL + 1) * DTRAIN_PANEL;
    return (behind < end ? behind : end) - first;
}

// Returns the address of a unit's value in the first group of a record of H units.
INLINE float *record_at(dtrain_record record, int64_t H, int64_t unit) {
    const int64_t start = unit / DTRAIN_PANEL * DTRAIN_PANEL, rest = H - start;
    const int64_t width = rest < DTRAIN_PANEL ? rest : DTRAIN_PANEL;
    return record.values + record.rows * start + record.row * width + (unit - start);
}

// Returns exp(x) for x clamped to [-87, 88], with a relative error below 2e-7. Uses Cody-Waite
// reduction and the polynomial of Cephes' expf.
INLINE float exp_approximation(float x) {
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    const float rounding = 12582912.0f;  // 1.5 * 2^23: adding it rounds to the nearest integer
    float shifted = FUSED(x, 1.44269504088896341f, rounding);
    float n = shifted - rounding;
    float r = FUSED(n, -0.693359375f, x);
    r = FUSED(n, 2.12194440e-4f, r);
    float p = 1.9875691500e-4f;
    p = FUSED(p, r, 1.3981999507e-3f);
    p = FUSED(p, r, 8.3334519073e-3f);
    p = FUSED(p, r, 4.1665795894e-2f);
    p = FUSED(p, r, 1.6666665459e-1f);
    p = FUSED(p, r, 5.0000001201e-1f);
    p = FUSED(p * r, r, r) + 1.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 23) + 0x3f800000u;
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

// Rounds to bf16, to nearest even; NaN stays NaN.
INLINE uint16_t bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    uint32_t quiet = (bits >> 16) | 0x40u;
    return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

INLINE float sigmoid(float x) { return 1.0f / (1.0f + exp_approximation(-x)); }

INLINE float hyperbolic_tangent(float x) {
    float magnitude = x < 0.0f ? -x : x;
    float e = exp_approximation(-2.0f * magnitude);
    float t = (1.0f - e) / (1.0f + e);
    return x < 0.0f ? -t : t;
}

#endif
