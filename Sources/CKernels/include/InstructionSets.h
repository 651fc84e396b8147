// The instruction sets that the loops are compiled for. In float32, all except DTRAIN_ISA_PLAIN
// compute the same bits.
#ifndef DTRAIN_INSTRUCTION_SETS_H
#define DTRAIN_INSTRUCTION_SETS_H

// In ascending order; each set includes the earlier ones.
typedef enum {
    // The compiler's baseline; on x86-64 without fused multiply-add.
    DTRAIN_ISA_PLAIN = 0,
    // The same loops with fused multiply-add, which every ARM64 CPU has.
    DTRAIN_ISA_GENERIC,
    DTRAIN_ISA_AVX2,
    DTRAIN_ISA_AVX512,
    DTRAIN_ISA_AVX512_BF16,
    // AMX-TILE and AMX-BF16, which also need the kernel's permission: see dtrain_request_amx.
    DTRAIN_ISA_AMX,
} dtrain_isa;

// Returns the best set of this CPU and operating system.
dtrain_isa dtrain_best_isa(void);

// Requests permission from the kernel to use the tile registers of AMX, on a CPU with AMX. Returns
// whether the process may use them; kernels before Linux 5.16 and some sandboxes refuse.
int dtrain_request_amx(void);

// Returns the set in use, which is the best one unless `dtrain_use_isa` has set another.
dtrain_isa dtrain_isa_in_use(void);

// Switches to the loops of a set that this CPU has; call it while no loop runs.
void dtrain_use_isa(dtrain_isa isa);

#endif
