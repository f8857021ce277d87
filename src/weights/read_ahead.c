/* SPDX-License-Identifier: Apache-2.0 */
/* read_ahead.c - threads that take pieces of the mapped tensors, one after the other.
 *
 * A piece is a whole huge page of the address space, so that no two threads
 * read the same one; where a tensor begins or ends within it, what lies beside
 * comes along. Nothing is known here of what the bytes mean. */
#include "weights/read_ahead.h"

#include <time.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "base/thread.h"
#include "machine/pages.h"
#include "weights/part.h"

#define PIECE_BYTES PAGES_HUGE_BYTES
#define LOOK_NS     10000000 /* between two looks at how far the threads are */

/* Bytes of the mapped file that are wanted together. */
struct stretch {
    const uint8_t *bytes;
    size_t n_bytes;
    uint32_t shard;
    size_t first_piece;
};

/* ---- what is wanted ---- */

static bool is_wanted(const struct catalog *catalog, const struct plan *plan, size_t tensor, bool routed)
{
    enum part part = part_of(catalog, tensor);
    return plan->homes[tensor].kind == HOME_MAP && part != PART_MTP && part != PART_UNUSED &&
           (part == PART_ROUTED) == routed;
}

/* Tensors stand one behind the other in a shard, with a little alignment or a small one between them. */
static bool goes_on(const struct stretch *stretch, const struct gguf_tensor *tensor)
{
    const uint8_t *end = stretch->bytes + stretch->n_bytes;
    return tensor->shard == stretch->shard && tensor->bytes >= end && tensor->bytes < end + PIECE_BYTES;
}

static void add_tensor(struct read_ahead *ahead, const struct gguf_tensor *tensor)
{
    struct stretch *last = ahead->n_stretches > 0 ? &ahead->stretches[ahead->n_stretches - 1] : NULL;
    if (last != NULL && goes_on(last, tensor))
        last->n_bytes = (size_t)(tensor->bytes + tensor->n_bytes - last->bytes);
    else
        ahead->stretches[ahead->n_stretches++] =
            (struct stretch){.bytes = tensor->bytes, .n_bytes = tensor->n_bytes, .shard = tensor->shard};
}

static size_t pieces_of(const struct stretch *stretch)
{
    size_t inside = (uintptr_t)stretch->bytes % PIECE_BYTES;
    return (inside + stretch->n_bytes + PIECE_BYTES - 1) / PIECE_BYTES;
}

/* ---- reading ---- */

static bool read_piece(const struct read_ahead *ahead, size_t piece)
{
    const struct stretch *stretch = ahead->stretches;
    while (piece >= stretch->first_piece + pieces_of(stretch))
        stretch++;
    size_t inside = (uintptr_t)stretch->bytes % PIECE_BYTES,
           at = (piece - stretch->first_piece) * PIECE_BYTES;
    size_t begin = at > inside ? at - inside : 0, end = min_size(at + PIECE_BYTES - inside, stretch->n_bytes);
    return pages_read(stretch->bytes + begin, end - begin);
}

static void *read_pieces(void *argument)
{
    struct read_ahead *ahead = argument;
    size_t piece;
    while (!atomic_load(&ahead->stop) && (piece = atomic_fetch_add(&ahead->next, 1)) < ahead->n_pieces) {
        if (!read_piece(ahead, piece))
            break;
        atomic_fetch_add(&ahead->n_done, 1);
    }
    atomic_fetch_sub(&ahead->n_reading, 1);
    return NULL;
}

static void start_threads(struct read_ahead *ahead)
{
    while (ahead->n_threads < READ_AHEAD_THREADS) {
        atomic_fetch_add(&ahead->n_reading, 1);
        if (thread_start(&ahead->threads[ahead->n_threads], read_pieces, ahead) != 0) {
            atomic_fetch_sub(&ahead->n_reading, 1);
            break;
        }
        ahead->n_threads++;
    }
}

void read_ahead_start(struct read_ahead *ahead, const struct gguf *file, const struct catalog *catalog,
                      const struct plan *plan)
{
    uint64_t n_bytes = 0;
    *ahead = (struct read_ahead){0};
    if (file->borrowed)
        return;
    ahead->stretches = memory_allocate(file->n_tensors, sizeof *ahead->stretches, "weights", NULL);
    if (ahead->stretches == NULL)
        return;
    for (int routed = 0; routed < 2; routed++) /* what every token wants comes first */
        for (size_t i = 0; i < file->n_tensors; i++)
            if (is_wanted(catalog, plan, i, routed))
                add_tensor(ahead, &file->tensors[i]);
    for (size_t i = 0; i < ahead->n_stretches; i++) {
        struct stretch *stretch = &ahead->stretches[i];
        stretch->first_piece = ahead->n_pieces;
        ahead->n_pieces += pieces_of(stretch);
        n_bytes += stretch->n_bytes;
        pages_want_huge(stretch->bytes, stretch->n_bytes);
    }
    if (n_bytes >= READ_AHEAD_LEAST_BYTES)
        start_threads(ahead);
}

bool read_ahead_wait(const struct read_ahead *ahead, const struct progress *progress)
{
    while (atomic_load(&ahead->n_reading) > 0) {
        if (!progress_report(progress, atomic_load(&ahead->n_done) * PIECE_BYTES,
                             ahead->n_pieces * PIECE_BYTES))
            return false;
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
    }
    return true;
}

void read_ahead_stop(struct read_ahead *ahead)
{
    atomic_store(&ahead->stop, true);
    while (ahead->n_threads > 0)
        pthread_join(ahead->threads[--ahead->n_threads], NULL);
    memory_free(ahead->stretches);
    ahead->stretches = NULL;
}
