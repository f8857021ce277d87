/* SPDX-License-Identifier: Apache-2.0 */
/* read_ahead.h - mapped weights that memory holds are read from disk while the first tokens are computed.
 *
 * Whoever computes still reads what it touches first, by a fault. But faults
 * read little at a time, one after the other for each thread; threads that do
 * nothing else keep the drive busy, and leave every page mapped, in huge ones
 * where the file system has large folios (XFS, and ext4 of Linux 6.16). */
#ifndef FATHOM_WEIGHTS_READ_AHEAD_H
#define FATHOM_WEIGHTS_READ_AHEAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/progress.h"
#include "weights/plan.h"

/* One, two and four read 6.1 GiB from a drive of 1.5 GB/s in 5.3, 4.3 and 4.1 s (a Xeon, two cores). */
#define READ_AHEAD_THREADS 4
/* Below it nothing is read ahead: less than a tenth of a second of an NVMe drive. */
#define READ_AHEAD_LEAST_BYTES ((uint64_t)64 << 20)

/* Zeroed: nothing under way. */
struct read_ahead {
    struct stretch *stretches; /* owned; of the mapped file, as they are read */
    size_t n_stretches;
    size_t n_pieces;
    atomic_size_t next, n_done; /* pieces */
    atomic_size_t n_reading;    /* threads that have not ended */
    atomic_bool stop;
    pthread_t threads[READ_AHEAD_THREADS];
    size_t n_threads;
};

/* The tensors that the plan leaves mapped: those that every token wants in the file's order, then experts.
 * `file` stays open until read_ahead_stop(). Where it cannot be done, it is not: that is slower, and nothing
 * else. */
void read_ahead_start(struct read_ahead *ahead, const struct gguf *file, const struct catalog *catalog,
                      const struct plan *plan);
/* Until all is read, or what is left cannot be. `progress` is told bytes, in whole pieces; false: it stopped
 * the wait. */
bool read_ahead_wait(const struct read_ahead *ahead, const struct progress *progress);
/* Waits for the pieces in hand, a huge page or two for each thread. */
void read_ahead_stop(struct read_ahead *ahead);

#endif
