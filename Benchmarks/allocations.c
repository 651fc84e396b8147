// Counts heap allocations by calling module; preloaded into dtrain by benchmark.py.
//
//   cc -O2 -shared -fPIC Benchmarks/allocations.c -o allocations.so -ldl
//   LD_PRELOAD=./allocations.so dtrain ...      prints, when the process ends: allocations COUNT MODULE
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

enum { MODULES = 64 };
static struct {
    _Atomic(void *) base;
    const char *name;
    atomic_long count;
} modules[MODULES];
static _Thread_local int busy;

// An allocation counts for the module that called malloc, even if that is operator new or Swift's allocator.
static void count(void *caller) {
    if (busy) return;
    busy = 1;
    Dl_info info;
    if (dladdr(caller, &info) && info.dli_fbase) {
        for (int i = 0; i < MODULES; i++) {
            void *expected = NULL;
            if (atomic_compare_exchange_strong(&modules[i].base, &expected, info.dli_fbase)) modules[i].name = info.dli_fname;
            if (atomic_load(&modules[i].base) == info.dli_fbase) {
                atomic_fetch_add(&modules[i].count, 1);
                break;
            }
        }
    }
    busy = 0;
}

void *malloc(size_t size) {
    count(__builtin_return_address(0));
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
    count(__builtin_return_address(0));
    return __libc_calloc(n, size);
}

void *realloc(void *pointer, size_t size) {
    count(__builtin_return_address(0));
    return __libc_realloc(pointer, size);
}

__attribute__((destructor)) static void report(void) {
    busy = 1;
    for (int i = 0; i < MODULES && modules[i].base; i++) {
        const char *slash = modules[i].name ? strrchr(modules[i].name, '/') : NULL;
        fprintf(stderr, "allocations %ld %s\n", atomic_load(&modules[i].count), slash ? slash + 1 : modules[i].name);
    }
}
