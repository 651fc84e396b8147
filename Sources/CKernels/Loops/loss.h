static double softmax_cross_entropy(
    const float *logits, const float *bias, int64_t n, int64_t target, float scale, float *gradient,
    dtrain_softmax *softmax) {
    const float at_target = logits[target] + bias[target];
    float largest = logits[0] + bias[0];
    for (int64_t j = 1; j < n; j++) {
        float value = logits[j] + bias[j];
        largest = value > largest ? value : largest;
    }
    // Sixteen partial sums give a fixed order that vectorizes.
    float partial[16] = {0};
    int64_t whole = n / 16 * 16;
    for (int64_t j = 0; j < whole; j += 16) {
        float block[16];
        for (int64_t k = 0; k < 16; k++) block[k] = exp_approximation(logits[j + k] + bias[j + k] - largest);
        for (int64_t k = 0; k < 16; k++) partial[k] += block[k];
        if (gradient) memcpy(gradient + j, block, sizeof block);
    }
    for (int64_t j = whole; j < n; j++) {
        float e = exp_approximation(logits[j] + bias[j] - largest);
        if (gradient) gradient[j] = e;
        partial[j - whole] += e;
    }
    float sum = 0.0f;
    for (int k = 0; k < 16; k++) sum += partial[k];
    const float factor = scale / sum;
    if (softmax) *softmax = (dtrain_softmax){largest, factor};
    if (gradient) {
        for (int64_t j = 0; j < n; j++) gradient[j] *= factor;
        gradient[target] -= scale;
    }
    return dtrain_log((double)sum) + (double)largest - (double)at_target;
}

static void softmax_gradient(
    float *logits, const float *bias, int64_t n, int64_t target, float scale, dtrain_softmax softmax) {
    for (int64_t j = 0; j < n; j++) logits[j] = exp_approximation(logits[j] + bias[j] - softmax.largest) * softmax.factor;
    if (target >= 0 && target < n) logits[target] -= scale;
}

static float sampling_weights(
    const float *logits, const float *bias, int64_t n, int64_t first, float inverse_temperature,
    float *weights) {
    float largest = logits[first] + bias[first];
    for (int64_t j = first; j < n; j++) {
        float value = logits[j] + bias[j];
        largest = value > largest ? value : largest;
    }
    for (int64_t j = 0; j < first; j++) weights[j] = 0.0f;
    for (int64_t j = first; j < n; j++)
        weights[j] = exp_approximation((logits[j] + bias[j] - largest) * inverse_temperature);
    float sum = 0.0f;
    for (int64_t j = first; j < n; j++) sum += weights[j];
    return sum;
}
