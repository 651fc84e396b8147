// The read bandwidth of one core from its caches, in GB/s, for repeatedly read arrays of several sizes.
//
//   cc -O2 -pthread Benchmarks/bandwidth.c -o bandwidth && ./bandwidth KIBIBYTES...
#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 5, VECTORS = 8 };

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

// Sums an array `times` times, with enough independent sums to hide the latency of additions; returns GB/s.
__attribute__((target("avx2"))) static double rate(const float *array, size_t count, long times) {
    __m256 sums[VECTORS];
    for (int j = 0; j < VECTORS; j++) sums[j] = _mm256_setzero_ps();
    const double start = seconds();
    for (long i = 0; i < times; i++) {
        for (size_t k = 0; k + 8 * VECTORS <= count; k += 8 * VECTORS) {
#pragma GCC unroll 8
            for (int j = 0; j < VECTORS; j++) sums[j] = _mm256_add_ps(sums[j], _mm256_loadu_ps(array + k + 8 * j));
        }
        __asm__ volatile("" : "+v"(sums[0]), "+v"(sums[1]), "+v"(sums[2]), "+v"(sums[3]));
    }
    const double end = seconds();
    __asm__ volatile("" : "+v"(sums[4]), "+v"(sums[5]), "+v"(sums[6]), "+v"(sums[7]));
    return (double)count * sizeof(float) * (double)times / (end - start) * 1e-9;
}

int main(int count, char **arguments) {
    if (count < 2 || !__builtin_cpu_supports("avx2")) return 64;
    for (int i = 1; i < count; i++) {
        const size_t bytes = (size_t)atol(arguments[i]) * 1024;
        float *array = aligned_alloc(1 << 21, (bytes + (1 << 21) - 1) >> 21 << 21);
        if (!bytes || !array) return 64;
        memset(array, 0, bytes);
        double best = 0;
        for (int round = 0; round < ROUNDS; round++) {
            const double found = rate(array, bytes / sizeof(float), (long)((1ul << 31) / bytes) + 1);
            if (found > best) best = found;
        }
        printf("%s %.1f\n", arguments[i], best);
        free(array);
    }
    return 0;
}
