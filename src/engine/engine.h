/* SPDX-License-Identifier: Apache-2.0 */
/* engine.h - what the public nouns are made of; seen by engine/ alone. */
#ifndef FATHOM_ENGINE_ENGINE_H
#define FATHOM_ENGINE_ENGINE_H

#include <stdatomic.h>

#include "backend/cpu/cpu.h"
#include "base/error.h"
#include "base/meter.h"
#include "fathom.h"
#include "gguf/gguf.h"
#include "machine/team.h"
#include "model/cache.h"
#include "model/forward.h"
#include "text/vocabulary.h"
#include "weights/paged.h"
#include "weights/plan.h"
#include "weights/read_ahead.h"
#include "weights/settle.h"
#include "weights/weigh.h"

struct fathom_vocabulary {
    struct vocabulary *words;          /* owned */
    _Atomic(struct token_tree *) tree; /* owned; for constraints, NULL until the first */
};

/* What fathom_stats is made of, of a model or a session. */
struct meters {
    struct meter prompt_tokens, prompt_time;
    struct meter generated_tokens, generated_time;
    struct meter steps, rounds, experts;
    struct meter read_bytes[FATHOM_PARTS];
    struct meter cache_bytes;   /* of positions held now */
    struct meter session_bytes; /* taken by open sessions besides */
};

/* The rows of a backend step, and its logits where several sessions take part. */
struct batch {
    struct row *rows;         /* [backend->max_rows] */
    struct portion *portions; /* [backend->max_rows] */
    float *logits;            /* [n_logits][n_vocabulary] */
    _Atomic size_t n_logits;  /* as many as ever were needed */
};

struct fathom_model {
    struct gguf file;
    struct catalog catalog;
    struct fathom_vocabulary vocabulary;
    char *name;
    struct topology topology;
    struct plan plan;
    struct team *team;
    struct settled settled;
    struct backend *backend;
    struct resident weights;
    struct read_ahead read_ahead; /* where the plan says that it does */
    struct paged paged;           /* where the plan leaves weights mapped */
    bool exact;
    enum cache_format cache; /* of sessions that ask for none */
    enum attention_form attention;
    struct batch batch;
    struct meters meters;
    struct weighed weighed; /* the weights */
};

/* Of its backend, but for what only a backend that is made needs: rope, team, instruction set. */
struct cpu_options model_cpu_options(const struct fathom_model *model);

struct fathom_session {
    struct fathom_model *model; /* borrowed */
    struct held_cache cache;
    size_t position_bytes; /* of one position in the cache */
    uint32_t *tokens;      /* [cache.n_positions] the first cache.n_held are held */
    size_t n_target;       /* tokens to hold when the call under way is done; 0: there is none */
    float *logits;         /* [n_vocabulary] behind the last token held */
    float *all_logits;     /* [max_rows][n_vocabulary] for a listener; NULL until there is one */
    bool has_logits;
    atomic_bool cancelled; /* by any thread */
    struct meters meters;
};

/* ---- batch.c: one backend step ---- */

enum wanted { WANT_NO_LOGITS, WANT_LAST_LOGITS, WANT_ALL_LOGITS };

/* Rows of one session in a step: those of session->tokens behind the ones held. */
struct portion {
    struct fathom_session *session;
    size_t n_tokens;
    enum wanted wanted;
    bool generated; /* counted so, else as a prompt */
};

bool batch_open(struct batch *batch, const struct fathom_model *model, struct error *err);
void batch_close(struct batch *batch); /* zeroed is fine */
/* Computes the portions, max_rows at most, and extends their sessions. logits: [wanted][n_vocabulary].
 * Stopped: sessions with most of the rows were cancelled, and nothing is extended. */
enum fathom_outcome batch_run(struct fathom_model *model, const struct portion *portions, size_t n_portions,
                              float *logits, struct error *err);

/* ---- session.c ---- */

/* False, with the line written: an id that the model has not. */
bool session_check_tokens(const struct fathom_session *session, const uint32_t *tokens, size_t n_tokens,
                          struct error *err);

static inline bool session_cancelled(const struct fathom_session *session)
{
    return atomic_load_explicit(&session->cancelled, memory_order_relaxed);
}

/* ---- stats.c ---- */

/* What a step took, for those who took part. */
struct step_cost {
    double seconds;
    uint64_t n_rounds;
    struct backend_report before, after;
};

/* The portions are held already. */
void stats_count(struct fathom_model *model, const struct portion *portions, size_t n_portions,
                 const struct step_cost *cost);

/* ---- model.c ---- */

enum cache_format cache_format_of(const struct fathom_model *model, enum fathom_cache cache);

/* Hands an inner error to the caller, as FATHOM_FAILED; `err` may be NULL. Returns false. */
bool public_fail(struct fathom_error *err, const struct error *inner);
/* The same with why. Returns whether the outcome is FATHOM_DONE, and only then leaves `err` alone. */
bool public_outcome(struct fathom_error *err, const struct error *inner, enum fathom_outcome outcome);

#endif
