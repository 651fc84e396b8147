#include "CKernels.h"

#if defined(__x86_64__)
#include <cpuid.h>

// CPUID leaf 7, EDX: AVX512_FP16 came with Sapphire Rapids; Cooper Lake, the one with bf16 before
// it, lacks it.
enum { AVX512_FP16 = 1 << 23 };

int dtrain_has_slow_bf16(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(0, &a, &b, &c, &d)) return 0;
    if (b != signature_INTEL_ebx || c != signature_INTEL_ecx || d != signature_INTEL_edx) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & AVX512_FP16) != 0;
}
#else
int dtrain_has_slow_bf16(void) { return 0; }
#endif
