// The machine's peak of fused multiply-adds, in GFLOP/s over all threads: float32 with the CPU's widest vectors and
// with AVX2, and bf16 pairs into float32 if the CPU has such instructions. Uses independent accumulators in registers
// only.
//
//   cc -O2 -pthread Benchmarks/peak.c -o peak && ./peak THREADS
#include <immintrin.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

// Enough accumulators to hide the latency of two units. AVX2 has 16 registers, and two hold the factors.
enum { ACCUMULATORS = 16, ACCUMULATORS_AVX2 = 12, ROUNDS = 5 };
static const long iterations = 10000000;

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

// Keeps four accumulators in registers, so the compiler can neither fold nor drop the loop.
#define KEEP4(a, i) __asm__ volatile("" : "+v"(a[i]), "+v"(a[i + 1]), "+v"(a[i + 2]), "+v"(a[i + 3]))
#define KEEP(a) KEEP4(a, 0); KEEP4(a, 4); KEEP4(a, 8); KEEP4(a, 12)

__attribute__((target("avx512f"))) static double fp32_avx512(void) {
    __m512 a[ACCUMULATORS], x = _mm512_set1_ps(1.0001f), y = _mm512_set1_ps(1e-4f);
#pragma GCC unroll 16
    for (int j = 0; j < ACCUMULATORS; j++) a[j] = _mm512_set1_ps(j);
    double start = seconds();
    for (long i = 0; i < iterations; i++) {
#pragma GCC unroll 16
        for (int j = 0; j < ACCUMULATORS; j++) a[j] = _mm512_fmadd_ps(a[j], x, y);
        KEEP(a);
    }
    return iterations * ACCUMULATORS * 16 * 2.0 / (seconds() - start) * 1e-9;
}

__attribute__((target("avx512f,avx512bf16"))) static double bf16_avx512(void) {
    __m512 a[ACCUMULATORS];
    __m512bh x = (__m512bh)_mm512_set1_epi32(0x3f803f80), y = x;
#pragma GCC unroll 16
    for (int j = 0; j < ACCUMULATORS; j++) a[j] = _mm512_setzero_ps();
    double start = seconds();
    for (long i = 0; i < iterations; i++) {
#pragma GCC unroll 16
        for (int j = 0; j < ACCUMULATORS; j++) a[j] = _mm512_dpbf16_ps(a[j], x, y);
        KEEP(a);
    }
    return iterations * ACCUMULATORS * 16 * 4.0 / (seconds() - start) * 1e-9;
}

__attribute__((target("avx2,fma"))) static double fp32_avx2(void) {
    __m256 a[ACCUMULATORS_AVX2], x = _mm256_set1_ps(1.0001f), y = _mm256_set1_ps(1e-4f);
#pragma GCC unroll 16
    for (int j = 0; j < ACCUMULATORS_AVX2; j++) a[j] = _mm256_set1_ps(j);
    double start = seconds();
    for (long i = 0; i < iterations; i++) {
#pragma GCC unroll 16
        for (int j = 0; j < ACCUMULATORS_AVX2; j++) a[j] = _mm256_fmadd_ps(a[j], x, y);
        KEEP4(a, 0);
        KEEP4(a, 4);
        KEEP4(a, 8);
    }
    return iterations * ACCUMULATORS_AVX2 * 8 * 2.0 / (seconds() - start) * 1e-9;
}

struct work {
    double (*run)(void);
    double rate;
};

static void *best(void *argument) {
    struct work *work = argument;
    for (int i = 0; i < ROUNDS; i++) {
        double rate = work->run();
        if (rate > work->rate) work->rate = rate;
    }
    return NULL;
}

// Runs all threads at once; returns the sum of each thread's best rate.
static double measure(double (*run)(void), int threads) {
    pthread_t ids[threads];
    struct work works[threads];
    double sum = 0;
    for (int i = 0; i < threads; i++) {
        works[i] = (struct work){run, 0};
        if (pthread_create(&ids[i], NULL, best, &works[i])) exit(1);
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        sum += works[i].rate;
    }
    return sum;
}

int main(int count, char **arguments) {
    int threads = count > 1 ? atoi(arguments[1]) : 1;
    if (threads < 1 || threads > 1024) return 64;
    int avx512 = __builtin_cpu_supports("avx512f");
    const double avx2 = measure(fp32_avx2, threads);
    printf("fp32 %.1f\navx2 %.1f\n", avx512 ? measure(fp32_avx512, threads) : avx2, avx2);
    if (__builtin_cpu_supports("avx512bf16")) printf("bf16 %.1f\n", measure(bf16_avx512, threads));
    return 0;
}
