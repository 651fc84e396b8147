// Products with packed weights that sum float32 products.

DEFINE_LOOPS(fp32, MADD_FP32, 1)
DEFINE_LOOPS(expanded, MADD_EXPANDED, 2)

static void packed_product_fp32(dtrain_packed_product p) {
    packed_product((plan){.p = p, .steps = p.depth, .per_step = 1, .row_bytes = p.depth * 4, LOOPS(fp32)});
}

static void packed_product_expanded(dtrain_packed_product p) {
    packed_product((plan){.p = p, .steps = (p.depth + 1) / 2, .per_step = 2, .row_bytes = p.depth * 4, LOOPS(expanded)});
}
