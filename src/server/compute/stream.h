/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h - what two threads share of one request: bytes on their way to a client, and whether it is there.
 *
 * One thread computes and writes, the other talks to the client and reads.
 * Neither ever waits for the other: a writer that finds the stream full goes on
 * with other requests, a reader that finds it empty with other clients. Each
 * holds the stream, and the last one to drop it frees it. */
#ifndef FATHOM_SERVER_COMPUTE_STREAM_H
#define FATHOM_SERVER_COMPUTE_STREAM_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buffer.h"
#include "fathom.h"

struct stream {
    atomic_int n_holders;
    atomic_bool left;       /* nobody reads any more */
    atomic_bool answer_now; /* the client wants no more reasoning */
    int wake;               /* an eventfd that the reader waits for */
    pthread_mutex_t lock;   /* of what follows */
    struct buffer bytes;    /* [n_taken, n_bytes) are still to be sent */
    size_t n_taken;
    int status;                     /* of HTTP; 0: not decided yet */
    bool ended;                     /* nothing more is written */
    struct fathom_session *session; /* that computes for it; NULL: none does now */
};

/* With one holder. `wake` outlives it. */
struct stream *stream_create(int wake, struct error *err);
void stream_hold(struct stream *stream);
void stream_drop(struct stream *stream); /* NULL is fine */

/* ---- who computes ---- */

/* From now on what this session computes stops when the client leaves, in the middle of a piece too. NULL: it
 * is free for others, and outlives this call. */
void stream_attach(struct stream *stream, struct fathom_session *session);
/* Decides the status, once: returns the one that holds. Bytes are let through from here on. */
int stream_begin(struct stream *stream, int status);
void stream_write(struct stream *stream, const struct buffer *bytes);
void stream_end(struct stream *stream);
size_t stream_unread(struct stream *stream); /* bytes */

static inline bool stream_was_left(struct stream *stream)
{
    return atomic_load_explicit(&stream->left, memory_order_relaxed);
}

/* True once for every time that the client asked. */
static inline bool stream_takes_answer_now(struct stream *stream)
{
    return atomic_load_explicit(&stream->answer_now, memory_order_relaxed) &&
           atomic_exchange(&stream->answer_now, false);
}

/* ---- who talks to the client ---- */

struct stream_state {
    int status;
    size_t n_bytes; /* that can be read now */
    bool ended;     /* and after those there are none */
};
struct stream_state stream_state(struct stream *stream);
size_t stream_read(struct stream *stream, char *into, size_t n_most);
void stream_ask_to_answer(struct stream *stream);
void stream_leave(struct stream *stream);
/* What is computed for it stops as if the client had left; but it is there, and waits to be told why. */
void stream_interrupt(struct stream *stream);

#endif
