// The instruction sets that the loops are compiled for. In float32 all of them but DTRAIN_ISA_PLAIN compute the same bits.
#ifndef DTRAIN_INSTRUCTION_SETS_H
#define DTRAIN_INSTRUCTION_SETS_H

// In ascending order: a set includes those before it.
typedef enum {
    // Whatever the compiler takes for granted; on x86-64 without fused multiply-add.
    DTRAIN_ISA_PLAIN = 0,
    // The same loops with fused multiply-add; ARM64 has it always.
    DTRAIN_ISA_GENERIC,
    DTRAIN_ISA_AVX2,
    DTRAIN_ISA_AVX512,
    DTRAIN_ISA_AVX512_BF16,
    // AMX-TILE and AMX-BF16, which the operating system must allow besides: see dtrain_request_amx.
    DTRAIN_ISA_AMX,
} dtrain_isa;

// The best set of this CPU and operating system.
dtrain_isa dtrain_best_isa(void);

// Requests the tile registers of AMX from the kernel, for a process on a CPU with AMX. Returns whether it may use them: kernels before
// Linux 5.16 and some sandboxes refuse.
int dtrain_request_amx(void);

// The set in use: the best one until `dtrain_use_isa` says otherwise.
dtrain_isa dtrain_isa_in_use(void);

// Takes the loops of a set, which this CPU must have; while no loop runs.
void dtrain_use_isa(dtrain_isa isa);

#endif
