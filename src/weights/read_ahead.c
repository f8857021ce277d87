/* SPDX-License-Identifier: Apache-2.0 */
/* read_ahead.c - threads that take pieces of the file in order. */
#include "weights/read_ahead.h"

#include <signal.h>

#include "base/bytes.h"
#include "machine/pages.h"

#define PIECE_BYTES PAGES_HUGE_BYTES /* no page is read twice, and each read is long */

static size_t pieces_of(const struct gguf_shard *shard)
{
    return (shard->map.n_bytes + PIECE_BYTES - 1) / PIECE_BYTES;
}

static void read_piece(const struct gguf *file, size_t piece)
{
    const struct gguf_shard *shard = file->shards;
    for (; piece >= pieces_of(shard); shard++)
        piece -= pieces_of(shard);
    size_t begin = piece * PIECE_BYTES;
    pages_read(shard->map.bytes + begin, min_size(PIECE_BYTES, shard->map.n_bytes - begin));
}

static void *read_pieces(void *argument)
{
    struct read_ahead *ahead = argument;
    size_t piece;
    while (!atomic_load(&ahead->stop) && (piece = atomic_fetch_add(&ahead->next, 1)) < ahead->n_pieces) {
        read_piece(ahead->file, piece);
        atomic_fetch_add(&ahead->n_done, 1);
    }
    return NULL;
}

/* Signals stay with the program's own threads. */
static void start_threads(struct read_ahead *ahead)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (ahead->n_threads < READ_AHEAD_THREADS &&
           pthread_create(&ahead->threads[ahead->n_threads], NULL, read_pieces, ahead) == 0)
        ahead->n_threads++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void read_ahead_start(struct read_ahead *ahead, const struct gguf *file)
{
    uint64_t n_bytes = 0;
    ahead->file = file;
    for (size_t i = 0; i < file->n_shards; i++) {
        const struct mapping *map = &file->shards[i].map;
        n_bytes += map->n_bytes;
        ahead->n_pieces += pieces_of(&file->shards[i]);
        pages_want_huge(map->bytes, map->n_bytes);
    }
    if (n_bytes >= READ_AHEAD_LEAST_BYTES)
        start_threads(ahead);
}

bool read_ahead_is_done(const struct read_ahead *ahead)
{
    return atomic_load(&ahead->n_done) == ahead->n_pieces;
}

void read_ahead_stop(struct read_ahead *ahead)
{
    atomic_store(&ahead->stop, true);
    while (ahead->n_threads > 0)
        pthread_join(ahead->threads[--ahead->n_threads], NULL);
}
