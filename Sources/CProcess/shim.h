/// What Swift can't import of the system: functions with variable arguments.
#pragma once

#include <sys/prctl.h>

/// Lets the kernel send a signal to this process when its parent dies; kept by `exec`.
static inline int cprocess_die_with_parent(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }
