/// What Swift can't import of the system: functions with variable arguments, and Linux's own.
#pragma once

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Lets the kernel send a signal to this process when its parent dies; kept by `exec`.
static inline int cprocess_die_with_parent(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }

/// A file in memory without a path (memfd_create), closed by `exec`; -1 where there is none.
static inline int cprocess_anonymous_file(const char *name) { return (int)syscall(SYS_memfd_create, name, 1u); }

/// Keeps the calling thread on some processors, a bit each; -1 where the system refuses.
static inline int cprocess_set_affinity(unsigned long bytes, const unsigned long *set) {
    return (int)syscall(SYS_sched_setaffinity, 0, bytes, set);
}
