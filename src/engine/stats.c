/* SPDX-License-Identifier: Apache-2.0 */
/* stats.c - what steps took, counted as they end, and the snapshot of it.
 *
 * Bytes of weights follow from what a step is: it reads every weight but the
 * routed experts, of which the backend says how many rows agreed on. Counting
 * costs some additions a step and never touches what is computed. */
#include "engine/engine.h"

/* Parts of weights stand in both lists at the same place; caches come behind. */
_Static_assert((int)FATHOM_PART_ATTENTION == PART_ATTENTION && (int)FATHOM_PART_DENSE == PART_DENSE &&
                   (int)FATHOM_PART_SHARED == PART_SHARED && (int)FATHOM_PART_ROUTED == PART_ROUTED &&
                   (int)FATHOM_PART_ROUTER == PART_ROUTER && (int)FATHOM_PART_EMBEDDING == PART_EMBEDDING &&
                   (int)FATHOM_PART_HEAD == PART_HEAD,
               "one order of parts, inside and outside");

const char *fathom_part_name(enum fathom_part part)
{
    return part == FATHOM_PART_CACHE ? "cache" : part_name((enum part)part);
}

/* ---- what a step reads ---- */

struct step_rows {
    size_t n, n_generated;
    bool want_logits; /* some of them */
};

static struct step_rows count_rows(const struct portion *portions, size_t n_portions)
{
    struct step_rows rows = {0};
    for (size_t i = 0; i < n_portions; i++) {
        rows.n += portions[i].n_tokens;
        rows.n_generated += portions[i].generated ? portions[i].n_tokens : 0;
        rows.want_logits |= portions[i].wanted != WANT_NO_LOGITS;
    }
    return rows;
}

static uint64_t read_of_part(const struct fathom_model *model, size_t part, const struct step_rows *rows,
                             const struct step_cost *cost)
{
    switch ((enum fathom_part)part) {
    case FATHOM_PART_ROUTED:
        return cost->after.expert_bytes - cost->before.expert_bytes;
    case FATHOM_PART_EMBEDDING:
        return rows->n * model->weighed.embedding_row_bytes;
    case FATHOM_PART_HEAD:
        return rows->want_logits ? model->weighed.part_bytes[PART_HEAD] : 0;
    default:
        return model->weighed.part_bytes[part];
    }
}

/* ---- counting ---- */

static void count_shared(struct meters *meters, const struct step_cost *cost,
                         const uint64_t read_bytes[FATHOM_PARTS])
{
    meter_add(&meters->steps, 1);
    meter_add(&meters->rounds, cost->n_rounds);
    meter_add(&meters->experts, cost->after.n_experts - cost->before.n_experts);
    for (size_t part = 0; part < FATHOM_PART_CACHE; part++)
        meter_add(&meters->read_bytes[part], read_bytes[part]);
}

/* The session holds the portion already. */
static void count_portion(struct meters *meters, const struct portion *portion)
{
    const struct fathom_session *session = portion->session;
    meter_add(portion->generated ? &meters->generated_tokens : &meters->prompt_tokens, portion->n_tokens);
    meter_add(&meters->read_bytes[FATHOM_PART_CACHE], session->cache.n_held * session->position_bytes);
    meter_add(&meters->cache_bytes, portion->n_tokens * session->position_bytes);
}

void stats_count(struct fathom_model *model, const struct portion *portions, size_t n_portions,
                 const struct step_cost *cost)
{
    const struct step_rows rows = count_rows(portions, n_portions);
    uint64_t read_bytes[FATHOM_PARTS] = {0};
    for (size_t part = 0; part < FATHOM_PART_CACHE; part++)
        read_bytes[part] = read_of_part(model, part, &rows, cost);

    double generated_seconds = cost->seconds * (double)rows.n_generated / (double)rows.n;
    meter_add_seconds(&model->meters.generated_time, generated_seconds);
    meter_add_seconds(&model->meters.prompt_time, cost->seconds - generated_seconds);
    count_shared(&model->meters, cost, read_bytes);
    for (size_t i = 0; i < n_portions; i++) {
        struct meters *own = &portions[i].session->meters;
        meter_add_seconds(portions[i].generated ? &own->generated_time : &own->prompt_time, cost->seconds);
        count_shared(own, cost, read_bytes);
        count_portion(own, &portions[i]);
        count_portion(&model->meters, &portions[i]);
    }
}

/* ---- snapshots ---- */

static struct fathom_stats snapshot(const struct meters *meters)
{
    struct fathom_stats stats = {
        .n_prompt_tokens = meter_total(&meters->prompt_tokens),
        .n_generated_tokens = meter_total(&meters->generated_tokens),
        .prompt_seconds = meter_seconds(&meters->prompt_time),
        .generated_seconds = meter_seconds(&meters->generated_time),
        .n_steps = meter_total(&meters->steps),
        .n_rounds = meter_total(&meters->rounds),
        .n_experts = meter_total(&meters->experts),
        .cache_bytes = meter_total(&meters->cache_bytes),
        .buffer_bytes = meter_total(&meters->session_bytes),
    };
    for (size_t part = 0; part < FATHOM_PARTS; part++)
        stats.read_bytes[part] = meter_total(&meters->read_bytes[part]);
    return stats;
}

struct fathom_stats fathom_model_stats(const struct fathom_model *model)
{
    const struct geometry *geometry = &model->catalog.geometry;
    size_t max_rows = model->backend->max_rows;
    struct fathom_stats stats = snapshot(&model->meters);
    stats.copied_bytes = model->weighed.copied_bytes;
    stats.mapped_bytes = model->weights.n_bytes - model->weighed.copied_bytes;
    const struct cpu_options options = model_cpu_options(model);
    stats.buffer_bytes += cpu_footprint(&options, team_size(model->team));
    stats.buffer_bytes += max_rows * (sizeof(struct row) + sizeof(struct portion));
    stats.buffer_bytes += model->batch.n_logits * geometry->n_vocabulary * sizeof(float);
    return stats;
}

struct fathom_stats fathom_session_stats(const struct fathom_session *session)
{
    return snapshot(&session->meters);
}
