/* SPDX-License-Identifier: Apache-2.0 */
/* batch.c - rows of several sessions in one backend step, and the public step made of such.
 *
 * How a session's tokens are cut into portions depends on the session alone,
 * and a portion is never cut to make room for another's: attention chooses
 * its form by the rows of one session, so a cut made for company would be
 * seen in the bits. */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/memory.h"
#include "engine/engine.h"

bool batch_open(struct batch *batch, const struct fathom_model *model, struct error *err)
{
    size_t max_rows = model->backend->max_rows;
    batch->rows = memory_allocate(max_rows, sizeof *batch->rows, "rows", err);
    batch->portions = memory_allocate(max_rows, sizeof *batch->portions, "rows", err);
    return batch->rows != NULL && batch->portions != NULL;
}

void batch_close(struct batch *batch)
{
    memory_free(batch->rows);
    memory_free(batch->portions);
    memory_free(batch->logits);
}

/* ---- one backend step ---- */

static size_t write_rows(const struct portion *portion, struct row *rows)
{
    const struct fathom_session *session = portion->session;
    size_t first = session->cache.n_held, n = portion->n_tokens;
    for (size_t i = 0; i < n; i++) {
        bool last = i + 1 == n;
        rows[i] = (struct row){.token = session->tokens[first + i],
                               .position = (uint32_t)(first + i),
                               .cache = session->cache.bytes,
                               .wants_logits = portion->wanted == WANT_ALL_LOGITS ||
                                               (last && portion->wanted == WANT_LAST_LOGITS)};
    }
    return n;
}

/* Those who wait for a step, and whether it was stopped. */
struct company {
    const struct portion *portions; /* [n] */
    size_t n;
    bool stopped;
};

/* Asked while the step runs. What others have in it is computed again when it is stopped, so that only pays
 * where most of it is for nobody. */
static bool is_for_nobody(void *stopper)
{
    struct company *company = stopper;
    size_t n_rows = 0, n_cancelled = 0;
    for (size_t i = 0; i < company->n; i++) {
        const struct portion *portion = &company->portions[i];
        n_rows += portion->n_tokens;
        n_cancelled += session_cancelled(portion->session) ? portion->n_tokens : 0;
    }
    company->stopped = 2 * n_cancelled > n_rows;
    return company->stopped;
}

enum fathom_outcome batch_run(struct fathom_model *model, const struct portion *portions, size_t n_portions,
                              float *logits, struct error *err)
{
    const struct forward forward = {.backend = model->backend,
                                    .geometry = &model->catalog.geometry,
                                    .weights = &model->weights,
                                    .source = model->plan.mapped_bytes > 0 ? &model->paged.source : NULL};
    size_t n_rows = 0;
    for (size_t i = 0; i < n_portions; i++)
        n_rows += write_rows(&portions[i], model->batch.rows + n_rows);
    struct company company = {.portions = portions, .n = n_portions};
    const struct step step = {.rows = model->batch.rows,
                              .n_rows = n_rows,
                              .attention = model->attention,
                              .logits = logits,
                              .stop = is_for_nobody,
                              .stopper = &company};

    struct step_cost cost = {.before = backend_report(model->backend)};
    uint64_t n_rounds = team_rounds(model->team);
    double start = clock_seconds();
    if (!forward_step(&forward, &step, err))
        return company.stopped ? FATHOM_STOPPED : FATHOM_FAILED;
    cost.seconds = clock_seconds() - start;
    cost.n_rounds = team_rounds(model->team) - n_rounds;
    cost.after = backend_report(model->backend);

    for (size_t i = 0; i < n_portions; i++)
        held_cache_extend(&portions[i].session->cache, portions[i].n_tokens);
    stats_count(model, portions, n_portions, &cost);
    return FATHOM_DONE;
}

/* ---- pieces ---- */

static enum fathom_outcome check_piece(const struct fathom_model *model, const struct fathom_piece *piece,
                                       struct error *err)
{
    const struct fathom_session *session = piece->session;
    size_t room = session->cache.n_positions - session->cache.n_held;
    if (session->model != model)
        fail(err, "a session of another model");
    else if (session->n_target > 0)
        fail(err, "a session that already stands in the step");
    else if (piece->n_tokens == 0)
        fail(err, "no tokens to compute");
    else if (session_check_tokens(session, piece->tokens, piece->n_tokens, err)) {
        if (piece->n_tokens <= room)
            return FATHOM_DONE;
        fail(err, "context full: %zu tokens, room for %zu", session->cache.n_held + piece->n_tokens,
             session->cache.n_positions);
        return FATHOM_CONTEXT_FULL;
    }
    return FATHOM_FAILED;
}

/* Writes the line where this is worse than what came before. */
static enum fathom_outcome worse(enum fathom_outcome before, enum fathom_outcome now,
                                 const struct error *reason, struct error *err)
{
    if (now <= before)
        return before;
    *err = *reason;
    return now;
}

/* Marks every session that is to compute with its target. */
static enum fathom_outcome take_pieces(const struct fathom_model *model, struct fathom_piece *pieces,
                                       size_t n_pieces, struct error *err)
{
    enum fathom_outcome worst = FATHOM_DONE;
    for (size_t i = 0; i < n_pieces; i++) {
        struct fathom_session *session = pieces[i].session;
        struct error reason = {0};
        pieces[i].outcome = check_piece(model, &pieces[i], &reason);
        worst = worse(worst, pieces[i].outcome, &reason, err);
        if (pieces[i].outcome == FATHOM_DONE) {
            size_t n_held = session->cache.n_held;
            memmove(session->tokens + n_held, pieces[i].tokens, pieces[i].n_tokens * sizeof(uint32_t));
            session->n_target = n_held + pieces[i].n_tokens;
        }
    }
    return worst;
}

/* The piece still computes; several pieces of one session are refused, so the target is its own. */
static bool unfinished(const struct fathom_piece *piece)
{
    return piece->outcome == FATHOM_DONE && piece->session->n_target > 0;
}

static void finish(struct fathom_piece *piece, enum fathom_outcome outcome)
{
    piece->outcome = outcome;
    piece->session->n_target = 0;
}

/* Unfinished pieces that fit, each with its next chunk whole; a small one may pass a large one that waits. */
static size_t next_portions(struct fathom_model *model, struct fathom_piece *pieces, size_t n_pieces,
                            size_t *n_wanted)
{
    struct portion *portions = model->batch.portions;
    size_t max_rows = model->backend->max_rows, n_rows = 0, n = 0;
    *n_wanted = 0;
    for (size_t i = 0; i < n_pieces; i++) {
        if (!unfinished(&pieces[i]))
            continue;
        struct fathom_session *session = pieces[i].session;
        if (session_cancelled(session)) {
            finish(&pieces[i], FATHOM_STOPPED);
            continue;
        }
        size_t n_left = session->n_target - session->cache.n_held;
        size_t n_tokens = min_size(n_left, max_rows);
        if (n_tokens > max_rows - n_rows)
            continue;
        n_rows += n_tokens;
        session->has_logits = false;
        portions[n++] = (struct portion){.session = session,
                                         .n_tokens = n_tokens,
                                         .wanted = n_tokens == n_left ? WANT_LAST_LOGITS : WANT_NO_LOGITS,
                                         .generated = pieces[i].n_tokens == 1};
        *n_wanted += n_tokens == n_left;
    }
    return n;
}

/* To each its own, in the order of the rows. */
static void hand_out_logits(const struct fathom_model *model, size_t n_portions, const float *logits)
{
    size_t n_vocabulary = model->catalog.geometry.n_vocabulary;
    for (size_t i = 0; i < n_portions; i++) {
        const struct portion *portion = &model->batch.portions[i];
        if (portion->wanted == WANT_NO_LOGITS)
            continue;
        assert(logits != NULL); /* the step had room for every row that wants them */
        memcpy(portion->session->logits, logits, n_vocabulary * sizeof(float));
        portion->session->has_logits = true;
        logits += n_vocabulary;
    }
}

static enum fathom_outcome run_pieces(struct fathom_model *model, struct fathom_piece *pieces,
                                      size_t n_pieces, struct error *err)
{
    size_t n_portions, n_wanted;
    while ((n_portions = next_portions(model, pieces, n_pieces, &n_wanted)) > 0) {
        float *logits = n_wanted > 0 ? model->batch.logits : NULL;
        enum fathom_outcome ran = batch_run(model, model->batch.portions, n_portions, logits, err);
        if (ran == FATHOM_FAILED)
            return FATHOM_FAILED;
        if (ran == FATHOM_STOPPED)
            continue; /* those who were cancelled are left out now */
        hand_out_logits(model, n_portions, logits);
        for (size_t i = 0; i < n_pieces; i++)
            if (unfinished(&pieces[i]) && pieces[i].session->cache.n_held == pieces[i].session->n_target)
                finish(&pieces[i], FATHOM_DONE);
    }
    for (size_t i = 0; i < n_pieces; i++)
        if (pieces[i].outcome == FATHOM_STOPPED)
            return fail(err, "stopped"), FATHOM_STOPPED;
    return FATHOM_DONE;
}

/* Room for the logits of one step. */
static bool reserve_logits(struct fathom_model *model, size_t n_pieces, struct error *err)
{
    struct batch *batch = &model->batch;
    size_t n = min_size(n_pieces, model->backend->max_rows);
    if (n <= batch->n_logits)
        return true;
    memory_free(batch->logits);
    batch->n_logits = 0;
    batch->logits = memory_allocate(n, model->catalog.geometry.n_vocabulary * sizeof(float), "logits", err);
    if (batch->logits == NULL)
        return false;
    batch->n_logits = n;
    return true;
}

static enum fathom_outcome step(struct fathom_piece *pieces, size_t n_pieces, struct error *err)
{
    if (n_pieces == 0)
        return fail(err, "no pieces to compute"), FATHOM_FAILED;
    struct fathom_model *model = pieces[0].session->model;
    struct error reason = {0};
    enum fathom_outcome worst = take_pieces(model, pieces, n_pieces, err);
    if (worst != FATHOM_FAILED) {
        enum fathom_outcome ran = reserve_logits(model, n_pieces, &reason)
                                      ? run_pieces(model, pieces, n_pieces, &reason)
                                      : FATHOM_FAILED;
        worst = worse(worst, ran, &reason, err);
    }
    for (size_t i = 0; i < n_pieces; i++)
        if (unfinished(&pieces[i]))
            finish(&pieces[i], FATHOM_FAILED);
    return worst;
}

bool fathom_step(struct fathom_piece *pieces, size_t n_pieces, struct fathom_error *err)
{
    struct error inner = {0};
    return public_outcome(err, &inner, step(pieces, n_pieces, &inner));
}
