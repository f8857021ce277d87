/* SPDX-License-Identifier: Apache-2.0 */
/* stream.c - bytes from one thread to another. The lock is held for copies of a few kilobytes only. */
#include "server/compute/stream.h"

#include <string.h>
#include <sys/eventfd.h>

#include "base/bytes.h"
#include "base/memory.h"

struct stream *stream_create(int wake, struct error *err)
{
    struct stream *stream = memory_allocate(1, sizeof *stream, "a stream", err);
    if (stream == NULL)
        return NULL;
    stream->wake = wake;
    atomic_init(&stream->n_holders, 1);
    pthread_mutex_init(&stream->lock, NULL);
    return stream;
}

void stream_hold(struct stream *stream)
{
    atomic_fetch_add(&stream->n_holders, 1);
}

void stream_drop(struct stream *stream)
{
    if (stream == NULL || atomic_fetch_sub(&stream->n_holders, 1) > 1)
        return;
    pthread_mutex_destroy(&stream->lock);
    buffer_release(&stream->bytes);
    memory_free(stream);
}

/* Unlocks, and has the reader look. */
static void unlock_and_wake(struct stream *stream)
{
    pthread_mutex_unlock(&stream->lock);
    eventfd_write(stream->wake, 1); /* fails only where the counter is full: then it is awake */
}

/* Who leaves before the lock is taken is seen here, and who leaves behind it sees the session. */
void stream_attach(struct stream *stream, struct fathom_session *session)
{
    pthread_mutex_lock(&stream->lock);
    if (stream->session != NULL)
        fathom_session_cancel(stream->session, false);
    stream->session = session;
    if (session != NULL)
        fathom_session_cancel(session, stream_was_left(stream));
    pthread_mutex_unlock(&stream->lock);
}

int stream_begin(struct stream *stream, int status)
{
    pthread_mutex_lock(&stream->lock);
    if (stream->status == 0)
        stream->status = status;
    status = stream->status;
    unlock_and_wake(stream);
    return status;
}

void stream_write(struct stream *stream, const struct buffer *bytes)
{
    pthread_mutex_lock(&stream->lock);
    buffer_append(&stream->bytes, buffer_text(bytes), bytes->n_bytes);
    if (bytes->failed || stream->bytes.failed)
        atomic_store(&stream->left, true); /* an answer with a hole is none */
    unlock_and_wake(stream);
}

void stream_end(struct stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    stream->ended = true;
    unlock_and_wake(stream);
}

size_t stream_unread(struct stream *stream)
{
    return stream_state(stream).n_bytes;
}

struct stream_state stream_state(struct stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    struct stream_state state = {
        .status = stream->status, .n_bytes = stream->bytes.n_bytes - stream->n_taken, .ended = stream->ended};
    pthread_mutex_unlock(&stream->lock);
    return state;
}

/* Once half of what is there was taken, so that no more bytes are moved than taken. */
static void forget_taken(struct stream *stream)
{
    size_t n_left = stream->bytes.n_bytes - stream->n_taken;
    if (n_left > 0)
        memmove(stream->bytes.bytes, stream->bytes.bytes + stream->n_taken, n_left);
    else
        buffer_clear(&stream->bytes);
    stream->bytes.n_bytes = n_left; /* the next append ends the text anew */
    stream->n_taken = 0;
}

size_t stream_read(struct stream *stream, char *into, size_t n_most)
{
    pthread_mutex_lock(&stream->lock);
    size_t n = min_size(stream->bytes.n_bytes - stream->n_taken, n_most);
    if (n > 0)
        memcpy(into, stream->bytes.bytes + stream->n_taken, n);
    stream->n_taken += n;
    if (2 * stream->n_taken >= stream->bytes.n_bytes)
        forget_taken(stream);
    pthread_mutex_unlock(&stream->lock);
    return n;
}

void stream_interrupt(struct stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    if (stream->session != NULL)
        fathom_session_cancel(stream->session, true);
    pthread_mutex_unlock(&stream->lock);
}

void stream_leave(struct stream *stream)
{
    atomic_store(&stream->left, true);
    stream_interrupt(stream);
}

void stream_ask_to_answer(struct stream *stream)
{
    atomic_store(&stream->answer_now, true);
}
