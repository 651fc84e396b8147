// Each loop of CKernels.h, dispatched to the instruction set in use.
#include "Loops/list.h"

static const loop_table *table(dtrain_isa isa) {
#if defined(__x86_64__)
    if (isa >= DTRAIN_ISA_AVX512) return &dtrain_avx512_loops;
    if (isa == DTRAIN_ISA_AVX2) return &dtrain_avx2_loops;
    if (isa == DTRAIN_ISA_GENERIC) return &dtrain_generic_loops;
#endif
    (void)isa;
    return &dtrain_plain_loops;
}

static dtrain_isa isa_in_use;
static const loop_table *loops;

__attribute__((constructor)) static void choose(void) { dtrain_use_isa(dtrain_best_isa()); }

dtrain_isa dtrain_isa_in_use(void) { return isa_in_use; }

void dtrain_use_isa(dtrain_isa isa) {
    isa_in_use = isa;
    loops = table(isa);
}

int64_t dtrain_packed_product_scratch(int64_t rows) { return rows * (DTRAIN_MAXIMUM_TILE_STEPS + DTRAIN_LINE); }

#define DISPATCH(result, name, parameters, arguments) \
    result dtrain_##name parameters { return loops->name arguments; }
FOR_EACH_LOOP(DISPATCH)
