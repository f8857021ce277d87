/* SPDX-License-Identifier: Apache-2.0 */
/* work.c - from options to a request, from this machine to its rates, and from both to a plan. */
#include "cli/plan/work.h"

#include "machine/pages.h"
#include "machine/probe.h"
#include "weights/plan_measure.h"

#define DRIVE_SECONDS 0.5

enum cache_format plan_cache_of(const struct computation *computation)
{
    static const enum cache_format formats[] = {[FATHOM_CACHE_F16] = CACHE_F16,
                                                [FATHOM_CACHE_F32] = CACHE_F32,
                                                [FATHOM_CACHE_Q8_0] = CACHE_Q8_0,
                                                [FATHOM_CACHE_Q4_0] = CACHE_Q4_0};
    return formats[computation_cache(computation)];
}

static bool read_rules(struct plan_work *work, const struct option_list *place, struct error *err)
{
    for (size_t i = 0; i < place->n_items; i++)
        if (!plan_rules_add(&work->rules, place->items[i], err))
            return fail_in(err, "--place");
    return true;
}

bool plan_work_take(struct plan_work *work, const struct computation *computation, struct error *err)
{
    if (!catalog_read(&work->catalog, &work->file, err) || !read_rules(work, &computation->place, err))
        return false;
    work->isa = computation->isa == 0 ? isa_best() : (enum isa)(computation->isa - 1);
    work->machine.n_threads = (uint32_t)computation->n_threads;
    work->request = (struct plan_request){.catalog = &work->catalog,
                                          .file = &work->file,
                                          .machine = &work->machine,
                                          .rules = &work->rules,
                                          .load = (enum plan_load)computation->load,
                                          .cache = plan_cache_of(computation),
                                          .ram_bytes = computation->ram_bytes,
                                          .n_context = (uint32_t)computation->n_context,
                                          .chunk_tokens = (uint32_t)computation->chunk_tokens,
                                          .exact = computation->exact};
    return true;
}

bool plan_work_open(struct plan_work *work, const struct computation *computation, const char *path,
                    struct error *err)
{
    return gguf_open(&work->file, path, err) && plan_work_take(work, computation, err);
}

void plan_work_close(struct plan_work *work)
{
    plan_release(&work->plan);
    plan_rules_release(&work->rules);
    catalog_release(&work->catalog);
    gguf_close(&work->file);
}

/* ---- the machine ---- */

bool plan_work_see_machine(struct plan_work *work, struct error *err)
{
    struct topology topology;
    if (!topology_read(&topology, NULL, err))
        return false;
    work->machine = plan_machine_of(&topology, work->machine.n_threads);
    work->machine.lock_bytes = pages_lock_limit();
    topology_release(&topology);
    return true;
}

/* A plan without rates says where weights lie, and so on what pages rates are to be measured. */
bool plan_work_measure(struct plan_work *work, struct error *err)
{
    struct topology topology;
    if (!plan_work_make(work, err) || !topology_read(&topology, NULL, err))
        return false;
    struct cpu_shapes shapes = plan_shapes_of(&work->file, &work->catalog);
    shapes.small_pages = work->plan.mapped_bytes > work->plan.all.n_bytes / 2;
    struct team *team = team_create(&topology, work->machine.n_threads, err);
    bool ok = team != NULL && plan_measure(&work->machine, team, isa_name(work->isa), &shapes, err);
    team_free(team);
    topology_release(&topology);
    return ok;
}

/* ---- the plan ---- */

bool plan_work_make(struct plan_work *work, struct error *err)
{
    plan_release(&work->plan);
    return plan_make(&work->plan, &work->request, err);
}

/* The drive is asked only where a token will wait for it. */
bool plan_work_make_with_drive(struct plan_work *work, const char *path, struct error *err)
{
    if (!plan_work_make(work, err))
        return false;
    if (!work->plan.exceeds_memory)
        return true;
    if (!probe_drive(path, DRIVE_SECONDS, &work->machine.drive_rate, &work->drive_silence)) {
        work->machine.drive_rate = 0;
        return true;
    }
    return plan_work_make(work, err);
}
