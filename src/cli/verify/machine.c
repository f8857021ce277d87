/* SPDX-License-Identifier: Apache-2.0 */
/* machine.c - the same tokens, computed in every way that this machine can. */
#include "cli/verify/machine.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "cli/setup.h"
#include "cli/terminal.h"

/* What the golden models are held to (docs/formats.md): int8 activations cost up to this, and a wrong lane,
 * sign or row costs a hundred times as much. --exact differs by the rounding of float32 sums. */
#define FAST_BOUND  1.5e-2
#define EXACT_BOUND 1e-8

/* What one way gives. */
struct run {
    const struct known_logits *known;
    float *logits; /* [n_rows][n_vocabulary] */
};

static bool take_row(void *listener, size_t position, const float *logits)
{
    struct run *run = listener;
    const struct known_logits *known = run->known;
    if (position >= known->first_row && position < known->first_row + known->n_rows)
        memcpy(run->logits + (position - known->first_row) * known->n_vocabulary, logits,
               known->n_vocabulary * sizeof *logits);
    return true;
}

static bool compute_session(struct fathom_model *model, const struct computation *computation,
                            struct run *run, struct fathom_error *err)
{
    const struct ids *tokens = &run->known->tokens;
    struct fathom_session *session = computation_session(computation, model, (uint32_t)tokens->n_items, err);
    const struct fathom_logits_listener listener = {take_row, run};
    bool ok =
        session != NULL && fathom_session_hold(session, tokens->items, tokens->n_items, NULL, &listener, err);
    fathom_session_close(session);
    return ok;
}

static bool compute(const char *path, const struct computation *computation, struct run *run,
                    unsigned *n_threads, struct error *err)
{
    struct fathom_error reason;
    struct fathom_model *model = computation_open(computation, path, &reason);
    bool ok = model != NULL;
    if (ok && fathom_model_info(model).n_vocabulary != run->known->n_vocabulary) {
        fathom_model_close(model);
        return fail(err, "%s: its vocabulary is not that of the known logits", path);
    }
    if (ok) {
        *n_threads = fathom_model_info(model).n_threads;
        ok = compute_session(model, computation, run, &reason);
    }
    fathom_model_close(model);
    return ok || fail(err, "%s", reason.text);
}

static double error_of(const struct run *run)
{
    double error = 0, power = 0;
    for (size_t row = 0; row < run->known->n_rows; row++) {
        const float *want = known_logits_row(run->known, row),
                    *got = run->logits + row * run->known->n_vocabulary;
        for (size_t i = 0; i < run->known->n_vocabulary; i++) {
            double d = (double)got[i] - (double)want[i];
            error += d * d;
            power += (double)want[i] * (double)want[i];
        }
    }
    return error / power;
}

static bool try_way(const char *path, struct computation computation, const struct known_logits *known,
                    struct machine_findings *findings, struct error *err)
{
    struct way_finding *way = &findings->ways[findings->n_ways];
    size_t n = known->n_rows * known->n_vocabulary;
    struct run run = {known, memory_allocate(n, sizeof(float), "logits", err)};
    struct run single = {known, memory_allocate(n, sizeof(float), "logits", err)};
    unsigned one;
    computation.n_context = known->tokens.n_items;
    bool ok = run.logits != NULL && single.logits != NULL &&
              compute(path, &computation, &run, &findings->n_threads, err);
    computation.n_threads = 1;
    ok = ok && compute(path, &computation, &single, &one, err);
    if (ok) {
        way->error = error_of(&run);
        way->same_bits = memcmp(run.logits, single.logits, n * sizeof(float)) == 0;
        findings->n_ways++;
    }
    memory_free(run.logits);
    memory_free(single.logits);
    return ok && (!interrupted() || fail(err, "stopped"));
}

bool verify_machine(const char *path, const struct known_logits *known, struct machine_findings *findings,
                    struct error *err)
{
    *findings = (struct machine_findings){0};
    for (enum isa isa = 0; isa < ISA_COUNT; isa++) {
        if (!isa_available(isa))
            continue;
        findings->ways[findings->n_ways] =
            (struct way_finding){.name = isa_name(isa), .used = isa_name(isa_used(isa)), .bound = FAST_BOUND};
        if (!try_way(path, (struct computation){.isa = 1 + (int)isa}, known, findings, err))
            return fail_in(err, isa_name(isa));
    }
    findings->ways[findings->n_ways] =
        (struct way_finding){.name = "exact", .used = "exact", .bound = EXACT_BOUND};
    return try_way(path, (struct computation){.exact = true}, known, findings, err) || fail_in(err, "exact");
}

bool way_is_right(const struct way_finding *way)
{
    return way->error <= way->bound && way->same_bits; /* no number is within no bound */
}
