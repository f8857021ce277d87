/* SPDX-License-Identifier: Apache-2.0 */
/* thread.h - threads that compute, read and serve; signals go to the program's other threads. */
#ifndef FATHOM_BASE_THREAD_H
#define FATHOM_BASE_THREAD_H

#include <pthread.h>

/* pthread_create(), with every signal blocked in the new thread but those that a fault raises. 0, or an error
 * number. */
int thread_start(pthread_t *thread, void *(*run)(void *), void *argument);

#endif
