/* SPDX-License-Identifier: Apache-2.0 */
/* thread.c - the new thread inherits the mask of the one that starts it.
 *
 * Signals that a fault raises stay: a crash handler, a sanitizer's too, gets them in the thread at fault. */
#include "base/thread.h"

#include <signal.h>

/* The largest frame, a product's in tiles, takes a third of it; some systems give less than that. */
#define LEAST_STACK_BYTES ((size_t)1 << 20)

int thread_start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    sigset_t others, before;
    sigfillset(&others);
    const int of_faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    for (size_t i = 0; i < sizeof of_faults / sizeof *of_faults; i++)
        sigdelset(&others, of_faults[i]);
    pthread_attr_t attributes;
    size_t stack_bytes = 0;
    int result = pthread_attr_init(&attributes);
    if (result != 0)
        return result;
    pthread_attr_getstacksize(&attributes, &stack_bytes);
    if (stack_bytes < LEAST_STACK_BYTES)
        pthread_attr_setstacksize(&attributes, LEAST_STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &others, &before);
    result = pthread_create(thread, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return result;
}
