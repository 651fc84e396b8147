static double squared_norm(int64_t n, const float *values) {
    enum { lanes = 32 };
    double sums[lanes] = {0};
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes)
        for (int lane = 0; lane < lanes; lane++) {
            double value = values[i + lane];
            sums[lane] += value * value;
        }
    for (int lane = 0; i < n; i++, lane++) {
        double value = values[i];
        sums[lane] += value * value;
    }
    double sum = 0;
    for (int lane = 0; lane < lanes; lane++) sum += sums[lane];
    return sum;
}

static void clip(int64_t n, float scale, float limit, float *values) {
    for (int64_t i = 0; i < n; i++) {
        float value = values[i] * scale;
        value = value > limit ? limit : value;
        values[i] = value < -limit ? -limit : value;
    }
}
