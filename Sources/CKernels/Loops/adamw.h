// The run is at most one row of a tensor, so the second pass, by the loop of Adam, finds it in the
// cache.
static void adamw(
    dtrain_adam_constants constants, float decay, int64_t n, const float *restrict gradient, float *restrict m,
    float *restrict v, float *restrict weights) {
    for (int64_t i = 0; i < n; i++) weights[i] = FUSED(-decay, weights[i], weights[i]);
    adam(constants, n, gradient, m, v, weights);
}
