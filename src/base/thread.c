/* SPDX-License-Identifier: Apache-2.0 */
/* thread.c - the new thread inherits the mask of the one that starts it.
 *
 * Signals that a fault raises stay: a crash handler, a sanitizer's too, gets them in the thread at fault. */
#include "base/thread.h"

#include <signal.h>

int thread_start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    sigset_t others, before;
    sigfillset(&others);
    const int of_faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    for (size_t i = 0; i < sizeof of_faults / sizeof *of_faults; i++)
        sigdelset(&others, of_faults[i]);
    pthread_sigmask(SIG_SETMASK, &others, &before);
    int result = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}
