/// MPI for Swift: `static inline` accessors only (see README.md).
///
/// Every function returns MPI's own code. Handles are wrapped in structs, so that Open MPI
/// (pointers) and MPICH (integers) look the same to Swift. The constants are cast macros that Swift
/// can't import.
#pragma once

#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

typedef struct { MPI_Comm value; } cmpi_comm;
typedef struct { MPI_Win value; } cmpi_window;
typedef struct { MPI_Request value; } cmpi_request;

enum {
    CMPI_SUCCESS = MPI_SUCCESS,
    CMPI_MAX_TEXT = MPI_MAX_LIBRARY_VERSION_STRING > MPI_MAX_ERROR_STRING ? MPI_MAX_LIBRARY_VERSION_STRING
                                                                         : MPI_MAX_ERROR_STRING
};

// Environment.

static inline int cmpi_thread_single(void) { return MPI_THREAD_SINGLE; }
static inline int cmpi_thread_funneled(void) { return MPI_THREAD_FUNNELED; }
static inline int cmpi_thread_serialized(void) { return MPI_THREAD_SERIALIZED; }
static inline int cmpi_thread_multiple(void) { return MPI_THREAD_MULTIPLE; }
static inline int cmpi_init_thread(int required, int *provided) {
    return MPI_Init_thread(0, 0, required, provided);
}
static inline int cmpi_initialized(int *flag) { return MPI_Initialized(flag); }
static inline int cmpi_finalized(int *flag) { return MPI_Finalized(flag); }
static inline int cmpi_finalize(void) { return MPI_Finalize(); }
static inline int cmpi_abort(cmpi_comm comm, int code) { return MPI_Abort(comm.value, code); }
static inline int cmpi_library_version(char *text, int *count) { return MPI_Get_library_version(text, count); }
static inline int cmpi_processor_name(char *text, int *count) { return MPI_Get_processor_name(text, count); }

// Errors.

static inline int cmpi_error_class(int code, int *error_class) { return MPI_Error_class(code, error_class); }
static inline int cmpi_error_string(int code, char *text, int *count) {
    return MPI_Error_string(code, text, count);
}
static inline int cmpi_return_errors(cmpi_comm comm) {
    return MPI_Comm_set_errhandler(comm.value, MPI_ERRORS_RETURN);
}

// Communicators.

static inline cmpi_comm cmpi_comm_world(void) { cmpi_comm comm = {MPI_COMM_WORLD}; return comm; }
static inline cmpi_comm cmpi_comm_null(void) { cmpi_comm comm = {MPI_COMM_NULL}; return comm; }
static inline int cmpi_comm_rank(cmpi_comm comm, int *rank) { return MPI_Comm_rank(comm.value, rank); }
static inline int cmpi_comm_size(cmpi_comm comm, int *size) { return MPI_Comm_size(comm.value, size); }
static inline int cmpi_comm_split_shared(cmpi_comm comm, int key, cmpi_comm *node) {
    return MPI_Comm_split_type(comm.value, MPI_COMM_TYPE_SHARED, key, MPI_INFO_NULL, &node->value);
}
static inline int cmpi_comm_dup(cmpi_comm comm, cmpi_comm *copy) { return MPI_Comm_dup(comm.value, &copy->value); }
static inline int cmpi_comm_free(cmpi_comm *comm) { return MPI_Comm_free(&comm->value); }

// Collectives.

static inline int cmpi_barrier(cmpi_comm comm) { return MPI_Barrier(comm.value); }
static inline int cmpi_bcast_bytes(void *bytes, int count, int root, cmpi_comm comm) {
    return MPI_Bcast(bytes, count, MPI_BYTE, root, comm.value);
}
static inline int cmpi_allgather_bytes(const void *own, int count, void *all, cmpi_comm comm) {
    return MPI_Allgather(own, count, MPI_BYTE, all, count, MPI_BYTE, comm.value);
}
static inline int cmpi_allgatherv_bytes(
    const void *own, int count, void *all, const int *counts, const int *displacements, cmpi_comm comm) {
    return MPI_Allgatherv(own, count, MPI_BYTE, all, counts, displacements, MPI_BYTE, comm.value);
}
static inline int cmpi_allreduce_sum_floats_in_place(float *values, int count, cmpi_comm comm) {
    return MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_FLOAT, MPI_SUM, comm.value);
}

// Nonblocking collectives.

static inline cmpi_request cmpi_request_null(void) { cmpi_request request = {MPI_REQUEST_NULL}; return request; }
static inline int cmpi_ibarrier(cmpi_comm comm, cmpi_request *request) {
    return MPI_Ibarrier(comm.value, &request->value);
}
static inline int cmpi_ialltoallv_bytes(
    const void *send, const int *send_counts, const int *send_displacements, void *receive,
    const int *receive_counts, const int *receive_displacements, cmpi_comm comm, cmpi_request *request) {
    return MPI_Ialltoallv(
        send, send_counts, send_displacements, MPI_BYTE, receive, receive_counts, receive_displacements, MPI_BYTE,
        comm.value, &request->value);
}
static inline int cmpi_iallgatherv_bytes_in_place(
    void *all, const int *counts, const int *displacements, cmpi_comm comm, cmpi_request *request) {
    return MPI_Iallgatherv(
        MPI_IN_PLACE, 0, MPI_BYTE, all, counts, displacements, MPI_BYTE, comm.value, &request->value);
}
static inline int cmpi_test(cmpi_request *request, int *flag) {
    return MPI_Test(&request->value, flag, MPI_STATUS_IGNORE);
}

// Memory shared by the ranks of one host.

static inline int cmpi_window_allocate_shared(int bytes, cmpi_comm node, void **own, cmpi_window *window) {
    return MPI_Win_allocate_shared(bytes, 1, MPI_INFO_NULL, node.value, own, &window->value);
}
static inline int cmpi_window_of_rank(cmpi_window window, int rank, void **base) {
    MPI_Aint bytes;
    int unit;
    return MPI_Win_shared_query(window.value, rank, &bytes, &unit, base);
}
static inline int cmpi_window_free(cmpi_window *window) { return MPI_Win_free(&window->value); }
