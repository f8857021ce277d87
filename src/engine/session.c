/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - one conversation: a list of tokens, and a cache that holds exactly those.
 *
 * Invariant: the cache's first n_held positions were computed from the first
 * n_held tokens. Nothing allocates while tokens are computed. */
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "base/progress.h"
#include "engine/engine.h"

/* Counts what the session takes besides its cache, in its own statistics and the model's. */
static void count_memory(struct fathom_session *session, size_t n_bytes)
{
    meter_add(&session->meters.session_bytes, n_bytes);
    meter_add(&session->model->meters.session_bytes, n_bytes);
}

static bool open_session(struct fathom_session *session, const struct fathom_session_options *options,
                         struct error *err)
{
    struct fathom_model *model = session->model;
    const struct geometry *geometry = &model->catalog.geometry;
    const enum cache_format format = cache_format_of(model, options->cache);
    uint32_t n_context = options->n_context;
    if (n_context == 0)
        n_context = model->plan.n_context;
    if (n_context > geometry->n_context)
        return fail(err, "a context of %u tokens, but the model was made for %u", n_context,
                    geometry->n_context);
    session->position_bytes = model->backend->cache_position_bytes(model->backend, format);
    session->tokens = memory_allocate(n_context, sizeof(uint32_t), "tokens", err);
    session->logits = memory_allocate(geometry->n_vocabulary, sizeof(float), "logits", err);
    if (session->tokens == NULL || session->logits == NULL ||
        !held_cache_open(&session->cache, model->backend, format, n_context, err))
        return false;
    count_memory(session, n_context * sizeof(uint32_t) + geometry->n_vocabulary * sizeof(float));
    return true;
}

struct fathom_session *fathom_session_open(struct fathom_model *model,
                                           const struct fathom_session_options *options,
                                           struct fathom_error *err)
{
    static const struct fathom_session_options defaults = {0};
    struct error inner = {0};
    struct fathom_session *session = memory_allocate(1, sizeof *session, "a session", &inner);
    if (session != NULL) {
        session->model = model;
        if (open_session(session, options != NULL ? options : &defaults, &inner))
            return session;
    }
    fathom_session_close(session);
    public_fail(err, &inner);
    return NULL;
}

void fathom_session_close(struct fathom_session *session)
{
    if (session == NULL)
        return;
    meter_take(&session->model->meters.cache_bytes, meter_total(&session->meters.cache_bytes));
    meter_take(&session->model->meters.session_bytes, meter_total(&session->meters.session_bytes));
    held_cache_close(&session->cache);
    memory_free(session->tokens);
    memory_free(session->logits);
    memory_free(session->all_logits);
    memory_free(session);
}

uint32_t fathom_session_context(const struct fathom_session *session)
{
    return (uint32_t)session->cache.n_positions;
}

const uint32_t *fathom_session_tokens(const struct fathom_session *session, size_t *n_tokens)
{
    *n_tokens = session->cache.n_held;
    return session->tokens;
}

uint32_t fathom_session_room(const struct fathom_session *session)
{
    return (uint32_t)(session->cache.n_positions - session->cache.n_held);
}

void fathom_session_cancel(struct fathom_session *session, bool cancelled)
{
    atomic_store_explicit(&session->cancelled, cancelled, memory_order_relaxed);
}

const float *fathom_session_logits(const struct fathom_session *session)
{
    return session->has_logits ? session->logits : NULL;
}

/* Forgets all but the first n tokens, n at most those held, and the logits behind others. */
static void keep(struct fathom_session *session, size_t n)
{
    size_t n_bytes = (session->cache.n_held - n) * session->position_bytes;
    if (n_bytes == 0)
        return;
    held_cache_truncate(&session->cache, n);
    meter_take(&session->meters.cache_bytes, n_bytes);
    meter_take(&session->model->meters.cache_bytes, n_bytes);
    session->has_logits = false;
}

void fathom_session_rewind(struct fathom_session *session, size_t n_tokens)
{
    keep(session, min_size(n_tokens, session->cache.n_held));
}

/* ---- computing ---- */

static bool hear(struct fathom_session *session, size_t n, const struct fathom_logits_listener *listener)
{
    size_t n_vocabulary = session->model->catalog.geometry.n_vocabulary;
    size_t first = session->cache.n_held - n;
    for (size_t i = 0; i < n; i++)
        if (!listener->take(listener->listener, first + i, session->all_logits + i * n_vocabulary))
            return false;
    return true;
}

static enum fathom_outcome stopped(struct error *err)
{
    fail(err, "stopped");
    return FATHOM_STOPPED;
}

/* The next chunk of session->tokens, which is the last one where `last`. */
static enum fathom_outcome compute(struct fathom_session *session, struct portion portion, bool last,
                                   const struct fathom_logits_listener *listener, struct error *err)
{
    size_t n_vocabulary = session->model->catalog.geometry.n_vocabulary, n = portion.n_tokens;
    float *logits = NULL;
    if (listener != NULL) {
        portion.wanted = WANT_ALL_LOGITS;
        logits = session->all_logits;
    } else if (last) {
        portion.wanted = WANT_LAST_LOGITS;
        logits = session->logits;
    }
    session->has_logits = false;
    enum fathom_outcome ran = batch_run(session->model, &portion, 1, logits, err);
    if (ran != FATHOM_DONE)
        return ran;
    if (listener != NULL && !hear(session, n, listener))
        return stopped(err);
    if (listener != NULL)
        memcpy(session->logits, session->all_logits + (n - 1) * n_vocabulary, n_vocabulary * sizeof(float));
    session->has_logits = logits != NULL;
    return FATHOM_DONE;
}

/* Computes up to n_tokens in chunks. */
static enum fathom_outcome extend(struct fathom_session *session, size_t n_tokens, bool generated,
                                  const struct progress *progress,
                                  const struct fathom_logits_listener *listener, struct error *err)
{
    size_t start = session->cache.n_held, max_rows = session->model->backend->max_rows;
    while (session->cache.n_held < n_tokens) {
        size_t n_left = n_tokens - session->cache.n_held, n = min_size(n_left, max_rows);
        if (!progress_report(progress, session->cache.n_held - start, n_tokens - start) ||
            session_cancelled(session))
            return stopped(err);
        const struct portion portion = {.session = session, .n_tokens = n, .generated = generated};
        enum fathom_outcome outcome = compute(session, portion, n == n_left, listener, err);
        if (outcome != FATHOM_DONE)
            return outcome;
    }
    progress_report(progress, n_tokens - start, n_tokens - start);
    return FATHOM_DONE;
}

bool session_check_tokens(const struct fathom_session *session, const uint32_t *tokens, size_t n_tokens,
                          struct error *err)
{
    uint32_t n_vocabulary = session->model->catalog.geometry.n_vocabulary;
    for (size_t i = 0; i < n_tokens; i++)
        if (tokens[i] >= n_vocabulary)
            return fail(err, "token %u at place %zu: the model has %u", tokens[i], i, n_vocabulary);
    return true;
}

static bool reserve_all_logits(struct fathom_session *session, struct error *err)
{
    size_t n_rows = session->model->backend->max_rows;
    size_t row_bytes = session->model->catalog.geometry.n_vocabulary * sizeof(float);
    if (session->all_logits != NULL)
        return true;
    session->all_logits = memory_allocate(n_rows, row_bytes, "logits", err);
    if (session->all_logits == NULL)
        return false;
    count_memory(session, n_rows * row_bytes);
    return true;
}

static enum fathom_outcome hold(struct fathom_session *session, const uint32_t *tokens, size_t n_tokens,
                                const struct progress *progress,
                                const struct fathom_logits_listener *listener, struct error *err)
{
    if (n_tokens == 0)
        return fail(err, "no tokens to hold"), FATHOM_FAILED;
    if (n_tokens > session->cache.n_positions) {
        fail(err, "context full: %zu tokens, room for %zu", n_tokens, session->cache.n_positions);
        return FATHOM_CONTEXT_FULL;
    }
    if (!session_check_tokens(session, tokens, n_tokens, err) ||
        (listener != NULL && !reserve_all_logits(session, err)))
        return FATHOM_FAILED;
    size_t common = 0;
    while (listener == NULL && common < n_tokens && common < session->cache.n_held &&
           session->tokens[common] == tokens[common])
        common++;
    if (common == n_tokens && common == session->cache.n_held && session->has_logits)
        return FATHOM_DONE;
    keep(session, min_size(common, n_tokens - 1)); /* the last one again where only its logits are missing */
    memmove(session->tokens, tokens, n_tokens * sizeof *tokens); /* perhaps a part of the list itself */
    return extend(session, n_tokens, false, progress, listener, err);
}

bool fathom_session_hold(struct fathom_session *session, const uint32_t *tokens, size_t n_tokens,
                         const struct fathom_progress *progress,
                         const struct fathom_logits_listener *listener, struct fathom_error *err)
{
    struct error inner = {0};
    struct progress inside = {0};
    if (progress != NULL)
        inside = (struct progress){progress->report, progress->listener};
    return public_outcome(err, &inner, hold(session, tokens, n_tokens, &inside, listener, &inner));
}

static enum fathom_outcome push(struct fathom_session *session, uint32_t token, struct error *err)
{
    size_t n_held = session->cache.n_held;
    if (n_held == session->cache.n_positions) {
        fail(err, "context full: room for %zu tokens", n_held);
        return FATHOM_CONTEXT_FULL;
    }
    if (token >= session->model->catalog.geometry.n_vocabulary) {
        fail(err, "token %u: the model has %u", token, session->model->catalog.geometry.n_vocabulary);
        return FATHOM_FAILED;
    }
    session->tokens[n_held] = token;
    return extend(session, n_held + 1, true, NULL, NULL, err);
}

bool fathom_session_push(struct fathom_session *session, uint32_t token, struct fathom_error *err)
{
    struct error inner = {0};
    return public_outcome(err, &inner, push(session, token, &inner));
}
