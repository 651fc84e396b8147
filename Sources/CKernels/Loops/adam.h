static void adam(
    dtrain_adam_constants constants, int64_t n, const float *restrict gradient, float *restrict m, float *restrict v,
    float *restrict weights) {
    const float a = constants.one_minus_beta1, b = constants.one_minus_beta2;
    const float scale = constants.scale, alpha = constants.alpha, epsilon = constants.epsilon;
    for (int64_t i = 0; i < n; i++) {
        float g = gradient[i] * scale;
        float first = FUSED(g - m[i], a, m[i]);
        float second = FUSED(FUSED(g, g, -v[i]), b, v[i]);
        m[i] = first;
        v[i] = second;
        // Not sqrtf, which may set errno and so prevents vectorization.
        weights[i] -= first * alpha / (__builtin_elementwise_sqrt(second) + epsilon);
    }
}
