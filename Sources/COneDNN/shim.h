// What Swift can't import of oneDNN's C API, and the one place that knows the difference between API v2 and v3.
// Matrices only: every descriptor is two-dimensional. Every function returns oneDNN's status.
#ifndef DTRAIN_ONEDNN_SHIM_H
#define DTRAIN_ONEDNN_SHIM_H

#include <dnnl.h>
#include <stdbool.h>
#include <stddef.h>

// libgomp's own; clang has no omp.h on its path. Affects the calling thread only.
void omp_set_num_threads(int count);

// A descriptor: a struct in API v2, a handle to destroy in v3.
typedef struct {
    dnnl_memory_desc_t value;
} dtrain_md;

static inline dnnl_status_t dtrain_md_strided(
    dtrain_md *md, dnnl_data_type_t type, dnnl_dim_t rows, dnnl_dim_t columns, dnnl_dim_t row_stride,
    dnnl_dim_t column_stride) {
    dnnl_dims_t dims = {rows, columns}, strides = {row_stride, column_stride};
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_memory_desc_create_with_strides(&md->value, 2, dims, type, strides);
#else
    return dnnl_memory_desc_init_by_strides(&md->value, 2, dims, type, strides);
#endif
}

// A matrix in whatever layout the product likes best.
static inline dnnl_status_t dtrain_md_any(dtrain_md *md, dnnl_data_type_t type, dnnl_dim_t rows, dnnl_dim_t columns) {
    dnnl_dims_t dims = {rows, columns};
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_memory_desc_create_with_tag(&md->value, 2, dims, type, dnnl_format_tag_any);
#else
    return dnnl_memory_desc_init_by_tag(&md->value, 2, dims, type, dnnl_format_tag_any);
#endif
}

static inline void dtrain_md_destroy(dtrain_md *md) {
#if DNNL_VERSION_MAJOR >= 3
    dnnl_memory_desc_destroy(md->value);
#else
    (void)md;
#endif
}

#if DNNL_VERSION_MAJOR >= 3
#define DTRAIN_MD(md) ((md)->value)
#else
#define DTRAIN_MD(md) (&(md)->value)
#endif

static inline size_t dtrain_md_size(const dtrain_md *md) { return dnnl_memory_desc_get_size(DTRAIN_MD(md)); }

static inline dnnl_status_t dtrain_memory(dnnl_memory_t *memory, const dtrain_md *md, dnnl_engine_t engine) {
    return dnnl_memory_create(memory, DTRAIN_MD(md), engine, DNNL_MEMORY_NONE);
}

// Attributes of every product: scratchpad from the caller (a primitive is shared by threads), sum with the destination if asked.
static inline dnnl_status_t dtrain_attributes(dnnl_primitive_attr_t *attributes, bool accumulate) {
    dnnl_status_t status = dnnl_primitive_attr_create(attributes);
    if (status != dnnl_success) return status;
    status = dnnl_primitive_attr_set_scratchpad_mode(*attributes, dnnl_scratchpad_mode_user);
    if (status != dnnl_success || !accumulate) return status;
    dnnl_post_ops_t operations;
    status = dnnl_post_ops_create(&operations);
    if (status != dnnl_success) return status;
#if DNNL_VERSION_MAJOR >= 3
    status = dnnl_post_ops_append_sum(operations, 1.0f, 0, dnnl_data_type_undef);
#else
    status = dnnl_post_ops_append_sum(operations, 1.0f);
#endif
    if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(*attributes, operations);
    dnnl_post_ops_destroy(operations);
    return status;
}

static inline dnnl_status_t dtrain_matmul_descriptor(
    dnnl_primitive_desc_t *descriptor, const dtrain_md *source, const dtrain_md *weights, const dtrain_md *destination,
    dnnl_primitive_attr_t attributes, dnnl_engine_t engine) {
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_matmul_primitive_desc_create(
        descriptor, engine, source->value, weights->value, NULL, destination->value, attributes);
#else
    dnnl_matmul_desc_t operation;
    dnnl_status_t status =
        dnnl_matmul_desc_init(&operation, &source->value, &weights->value, NULL, &destination->value);
    if (status != dnnl_success) return status;
    return dnnl_primitive_desc_create(descriptor, &operation, attributes, engine, NULL);
#endif
}

static inline dnnl_status_t dtrain_reorder_descriptor(
    dnnl_primitive_desc_t *descriptor, const dtrain_md *from, const dtrain_md *to, dnnl_primitive_attr_t attributes,
    dnnl_engine_t engine) {
    return dnnl_reorder_primitive_desc_create(descriptor, DTRAIN_MD(from), engine, DTRAIN_MD(to), engine, attributes);
}

// The layout that a primitive has settled on.
static inline dnnl_status_t dtrain_queried_md(dtrain_md *md, const_dnnl_primitive_desc_t descriptor, dnnl_query_t what) {
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_memory_desc_clone(&md->value, dnnl_primitive_desc_query_md(descriptor, what, 0));
#else
    const dnnl_memory_desc_t *queried = dnnl_primitive_desc_query_md(descriptor, what, 0);
    if (!queried) return dnnl_unimplemented;
    md->value = *queried;
    return dnnl_success;
#endif
}

#endif
