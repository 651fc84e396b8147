#include "CKernels.h"

#if defined(__x86_64__)
#include <cpuid.h>

dtrain_isa dtrain_best_isa(void) {
    // These ask the operating system, too, whether it saves the registers.
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("fma") || !__builtin_cpu_supports("avx")) return DTRAIN_ISA_PLAIN;
    if (!__builtin_cpu_supports("x86-64-v3")) return DTRAIN_ISA_GENERIC;
    if (!__builtin_cpu_supports("x86-64-v4")) return DTRAIN_ISA_AVX2;
    return __builtin_cpu_supports("avx512bf16") ? DTRAIN_ISA_AVX512_BF16 : DTRAIN_ISA_AVX512;
}

// CPUID leaf 7, EDX: AVX512_FP16 came with Sapphire Rapids; Cooper Lake, the one with bf16 before
// it, lacks it.
enum { AVX512_FP16 = 1 << 23 };

int dtrain_has_slow_bf16(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(0, &a, &b, &c, &d)) return 0;
    if (b != signature_INTEL_ebx || c != signature_INTEL_ecx || d != signature_INTEL_edx) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & AVX512_FP16) != 0;
}
#elif defined(__aarch64__)
dtrain_isa dtrain_best_isa(void) { return DTRAIN_ISA_GENERIC; }
int dtrain_has_slow_bf16(void) { return 0; }
#else
dtrain_isa dtrain_best_isa(void) { return DTRAIN_ISA_PLAIN; }
int dtrain_has_slow_bf16(void) { return 0; }
#endif
