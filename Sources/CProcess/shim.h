/// System calls that Swift can't import: functions with variable arguments, and Linux-specific
/// ones.
#pragma once

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Requests a signal from the kernel when this process's parent dies; kept across `exec`.
static inline int cprocess_die_with_parent(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }

/// Creates a file in memory without a path (memfd_create), closed by `exec`; returns its
/// descriptor, or -1 on failure.
static inline int cprocess_anonymous_file(const char *name) { return (int)syscall(SYS_memfd_create, name, 1u); }

/// Binds the calling thread to the processors with a bit in `set`; returns -1 if the system
/// refuses.
static inline int cprocess_set_affinity(unsigned long bytes, const unsigned long *set) {
    return (int)syscall(SYS_sched_setaffinity, 0, bytes, set);
}
