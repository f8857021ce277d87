/* SPDX-License-Identifier: Apache-2.0 */
/* read_ahead.h - a mapped file that memory holds is read from disk while the first tokens are computed.
 *
 * Computing waits for no part of it: what it touches first is read by the
 * fault, as ever. But faults read little at a time, one after the other for
 * each thread; threads that do nothing else keep the drive busy, and leave
 * every page mapped, in huge ones where the file system has large folios (XFS,
 * and ext4 of Linux 6.16). */
#ifndef FATHOM_WEIGHTS_READ_AHEAD_H
#define FATHOM_WEIGHTS_READ_AHEAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "gguf/gguf.h"

#define READ_AHEAD_THREADS 4
/* Below it nothing is read ahead: less than a tenth of a second of any drive. */
#define READ_AHEAD_LEAST_BYTES ((uint64_t)64 << 20)

/* Zeroed: nothing under way. */
struct read_ahead {
    const struct gguf *file;
    size_t n_pieces;
    atomic_size_t next, n_done; /* pieces */
    atomic_bool stop;
    pthread_t threads[READ_AHEAD_THREADS];
    size_t n_threads;
};

/* All shards from the first byte on. `file` stays open until read_ahead_stop(). Whatever goes wrong is only
 * slower. */
void read_ahead_start(struct read_ahead *ahead, const struct gguf *file);
bool read_ahead_is_done(const struct read_ahead *ahead);
/* Waits for no more than a few MB. */
void read_ahead_stop(struct read_ahead *ahead);

#endif
