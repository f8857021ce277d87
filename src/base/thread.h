/* SPDX-License-Identifier: Apache-2.0 */
/* thread.h - threads of the program's own, which no signal interrupts: those stay with the first thread. */
#ifndef FATHOM_BASE_THREAD_H
#define FATHOM_BASE_THREAD_H

#include <pthread.h>

/* pthread_create(), with every signal blocked in the new thread. 0, or an errno. */
int thread_start(pthread_t *thread, void *(*run)(void *), void *argument);

#endif
