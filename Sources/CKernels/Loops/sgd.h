static void sgd(
    dtrain_sgd_constants constants, int64_t n, const float *restrict gradient, float *restrict m,
    float *restrict weights) {
    const float scale = constants.scale, rate = constants.learning_rate, momentum = constants.momentum;
    for (int64_t i = 0; i < n; i++) {
        float velocity = momentum * m[i] - rate * (gradient[i] * scale);
        m[i] = velocity;
        weights[i] += velocity;
    }
}
