// The run is a row of a tensor or less, so the second pass finds it in the cache, and Adam is one loop.
static void adamw(
    dtrain_adam_constants constants, float decay, int64_t n, const float *restrict gradient, float *restrict m,
    float *restrict v, float *restrict weights) {
    for (int64_t i = 0; i < n; i++) weights[i] = FUSED(-decay, weights[i], weights[i]);
    adam(constants, n, gradient, m, v, weights);
}
