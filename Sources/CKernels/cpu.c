#include "CKernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

// CPUID leaf 7, EDX. AVX512_FP16 exists since Sapphire Rapids; Cooper Lake, the earlier CPU with
// bf16, lacks it.
enum { AMX_BF16 = 1 << 22, AVX512_FP16 = 1 << 23, AMX_TILE = 1 << 24 };

// XCR0: the operating system saves the tiles' configuration and contents.
enum { TILE_CONFIGURATION = 1 << 17, TILE_DATA = 1 << 18 };

__attribute__((target("xsave"))) static int saves_tiles(void) {
    const unsigned long long wanted = TILE_CONFIGURATION | TILE_DATA;
    return (_xgetbv(0) & wanted) == wanted;
}

static int has_amx(void) {
    unsigned a, b, c, d;
    const unsigned wanted = AMX_TILE | AMX_BF16;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & wanted) == wanted;
}

dtrain_isa dtrain_best_isa(void) {
    // These functions also check that the operating system saves the registers.
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("fma") || !__builtin_cpu_supports("avx")) return DTRAIN_ISA_PLAIN;
    if (!__builtin_cpu_supports("x86-64-v3")) return DTRAIN_ISA_GENERIC;
    if (!__builtin_cpu_supports("x86-64-v4")) return DTRAIN_ISA_AVX2;
    if (!__builtin_cpu_supports("avx512bf16")) return DTRAIN_ISA_AVX512;
    return has_amx() ? DTRAIN_ISA_AMX : DTRAIN_ISA_AVX512_BF16;
}

int dtrain_request_amx(void) {
    // ARCH_REQ_XCOMP_PERM of asm/prctl.h, which kernel headers before 5.16 lack, and the state
    // component of the tiles' contents.
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA_COMPONENT = 18 };
    return saves_tiles() && syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA_COMPONENT) == 0;
}

int dtrain_has_slow_bf16(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(0, &a, &b, &c, &d)) return 0;
    if (b != signature_INTEL_ebx || c != signature_INTEL_ecx || d != signature_INTEL_edx) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & AVX512_FP16) != 0;
}
#elif defined(__aarch64__)
dtrain_isa dtrain_best_isa(void) { return DTRAIN_ISA_GENERIC; }
int dtrain_request_amx(void) { return 0; }
int dtrain_has_slow_bf16(void) { return 0; }
#else
dtrain_isa dtrain_best_isa(void) { return DTRAIN_ISA_PLAIN; }
int dtrain_request_amx(void) { return 0; }
int dtrain_has_slow_bf16(void) { return 0; }
#endif
