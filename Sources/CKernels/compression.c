#include "CKernels.h"
#include "vector_math.h"

#include <math.h>

// To the nearest bf16, ties to even; NaN stays NaN.
INLINE uint16_t round_to_bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t rounded = (bits + 0x7FFFu + (bits >> 16 & 1)) >> 16;
    uint32_t quiet = bits >> 16 | 0x40u;
    return (uint16_t)((bits & 0x7FFFFFFFu) > 0x7F800000u ? quiet : rounded);
}

INLINE float expand_bf16(uint16_t value) {
    uint32_t bits = (uint32_t)value << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

MULTIVERSION
void dtrain_round_bf16(int64_t n, const float *restrict x, float *restrict residual, uint16_t *restrict rounded) {
    for (int64_t i = 0; i < n; i++) {
        float wanted = x[i] + residual[i];
        uint16_t sent = round_to_bf16(wanted);
        float rest = wanted - expand_bf16(sent);
        rounded[i] = sent;
        // What isn't finite has no rest that could be made up for.
        residual[i] = fabsf(rest) < INFINITY ? rest : 0.0f;
    }
}

MULTIVERSION
void dtrain_expand_bf16(int64_t n, const uint16_t *restrict values, float *restrict x) {
    for (int64_t i = 0; i < n; i++) x[i] = expand_bf16(values[i]);
}

MULTIVERSION
void dtrain_add_bf16(int64_t n, const uint16_t *restrict addend, float *restrict sum) {
    for (int64_t i = 0; i < n; i++) sum[i] += expand_bf16(addend[i]);
}
