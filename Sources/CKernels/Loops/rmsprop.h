static void rmsprop(
    dtrain_rmsprop_constants constants, int64_t n, const float *restrict gradient, float *restrict v,
    float *restrict weights) {
    const float scale = constants.scale, rate = constants.learning_rate;
    const float a = constants.one_minus_rho, epsilon = constants.epsilon;
    for (int64_t i = 0; i < n; i++) {
        float g = gradient[i] * scale;
        float square = FUSED(FUSED(g, g, -v[i]), a, v[i]);
        v[i] = square;
        weights[i] -= rate * g / __builtin_elementwise_sqrt(square + epsilon);
    }
}
