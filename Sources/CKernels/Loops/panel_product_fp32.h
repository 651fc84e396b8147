// Panel products that sum float32 products over the states of a micro-batch.

DEFINE_TILE(panel_tile, MADD_FP32, 2, 1, STATE_GROUP, t->b_stride, LINE, EVEN_STEPS)
DEFINE_TILE(narrow_panel_tile, MADD_FP32, 1, 1, STATE_GROUP, t->b_stride, LINE, EVEN_STEPS)

static void panel_product_fp32(
    int64_t rows, int64_t columns, int64_t depth, const void *a, int64_t stored, const void *panel, int64_t stride,
    const dtrain_fold *fold) {
    panel_product(panel_tile, narrow_panel_tile, rows, columns, depth, a, stored, panel, stride, 0, fold);
}
