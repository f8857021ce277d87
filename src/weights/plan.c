/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c - homes, memory and context. What a step takes is asked of the backend; speed is plan_forecast.c's.
 */
#include "weights/plan.h"

#include <stdarg.h>
#include <stdio.h>

#include "backend/cpu/cpu.h"
#include "base/amount.h"
#include "base/bytes.h"
#include "base/memory.h"
#include "weights/plan_forecast.h"

/* Left to others of what is available. 6% is what a cache on this machine's memory must leave alone (grown
 * beyond, it collapses); below 1 GiB a desktop has no air, above 16 GiB nobody needs it. */
#define RESERVE_SHARE 0.06
#define RESERVE_LEAST ((uint64_t)1 << 30)
#define RESERVE_MOST  ((uint64_t)16 << 30)

/* A default below this would only disappoint; who asks for less gets it. */
#define LEAST_CONTEXT 512

/* Rows of a step: 64 tokens an expert in R1, whose weights are then read and unpacked once for all of them,
 * 1.34 times as fast as 16 (fathom bench -p 2048 --chunk N, two layers of q2_k_xl, two cores of an Intel
 * Xeon); fewer where their buffers (1.6 GiB for R1) would take more than this share of memory. */
#define CHUNK_MOST  2048
#define CHUNK_LEAST 512
#define CHUNK_SHARE 10

/* DeepSeek-R1's vocabulary of 129280 tokens and 127741 merges takes 6.2 MB (mallinfo2 around
 * vocabulary_open()). */
#define WORD_BYTES 48

struct planner {
    struct plan *plan;
    const struct plan_request *request;
    const struct geometry *geometry;
    const struct gguf *file;
};

struct plan_machine plan_machine_of(const struct topology *topology, size_t n_threads)
{
    struct plan_machine machine = {
        .n_threads = (uint32_t)(n_threads > 0 ? n_threads : topology_default_threads(topology)),
        .n_nodes = (uint32_t)min_size(max_size(topology->n_nodes, 1), PLAN_MOST_NODES),
        .memory_bytes = topology->memory_bytes,
        .available_bytes = topology->available_bytes,
        .lock_bytes = UINT64_MAX,
    };
    for (size_t i = 0; i < min_size(topology->n_nodes, PLAN_MOST_NODES); i++)
        machine.node_bytes[i] = topology->nodes[i].memory_bytes;
    return machine;
}

/* ---- budget and sizes ---- */

static bool set_budget(struct planner *planner, struct error *err)
{
    const struct plan_machine *machine = planner->request->machine;
    uint64_t ram = planner->request->ram_bytes;
    if (ram > machine->memory_bytes)
        return fail(err, "--ram %s: this machine has %s", amount_bytes(ram).text,
                    amount_bytes(machine->memory_bytes).text);
    if (ram > 0) {
        planner->plan->budget_bytes = ram;
        return true;
    }
    uint64_t reserve = (uint64_t)(RESERVE_SHARE * (double)machine->memory_bytes);
    reserve = min_size(max_size(reserve, RESERVE_LEAST), RESERVE_MOST);
    planner->plan->reserve_bytes = min_size(reserve, machine->available_bytes / 2);
    planner->plan->budget_bytes = machine->available_bytes - planner->plan->reserve_bytes;
    return true;
}

static uint64_t footprint(const struct planner *planner, uint32_t chunk_tokens)
{
    const struct plan_request *request = planner->request;
    const struct cpu_options options = {.geometry = planner->geometry,
                                        .exact = request->exact,
                                        .int8_experts = catalog_experts_take_int8(request->catalog),
                                        .max_rows = chunk_tokens};
    return cpu_footprint(&options, request->machine->n_threads);
}

/* Of memory that is installed, or that --ram gives: what happens to be available must not change results, and
 * chunks do, within rounding. */
static uint32_t choose_chunk(const struct planner *planner)
{
    const struct plan_request *request = planner->request;
    if (request->chunk_tokens > 0)
        return request->chunk_tokens;
    uint64_t memory = request->ram_bytes > 0 ? request->ram_bytes : request->machine->memory_bytes;
    uint32_t chunk = CHUNK_MOST;
    while (chunk > CHUNK_LEAST && footprint(planner, chunk) > memory / CHUNK_SHARE)
        chunk /= 2;
    return chunk;
}

static void set_sizes(struct planner *planner)
{
    const struct plan_request *request = planner->request;
    struct plan *plan = planner->plan;
    plan->n_sessions = request->n_sessions > 0 ? request->n_sessions : 1;
    plan->cache_token_bytes =
        planner->geometry->n_layers * (uint64_t)cache_row_bytes(planner->geometry, request->cache);
    plan->chunk_tokens = choose_chunk(planner);
    plan->step_bytes = footprint(planner, plan->chunk_tokens);
    plan->words_bytes = (uint64_t)planner->geometry->n_vocabulary * WORD_BYTES;
}

/* ---- homes ---- */

static bool check_home(const struct planner *planner, struct home home, struct error *err)
{
    uint32_t n_nodes = planner->request->machine->n_nodes;
    if (home.kind != HOME_COPY || home.node == HOME_ALL_NODES || home.node < n_nodes)
        return true;
    if (n_nodes == 1)
        return fail(err, "home node%u: this machine has one memory node, node0", home.node);
    return fail(err, "home node%u: this machine has memory nodes 0 to %u", home.node, n_nodes - 1);
}

/* Each tensor that is used gets the home of the first rule that matches it, else `otherwise`. */
static void give_homes(struct planner *planner, struct home otherwise)
{
    const struct plan_rules *rules = planner->request->rules;
    struct plan *plan = planner->plan;
    for (enum part part = 0; part < PART_COUNT; part++)
        plan->parts[part] = (struct plan_part){0};
    plan->all = (struct plan_part){0};
    for (size_t i = 0; i < planner->file->n_tensors; i++) {
        const struct gguf_tensor *tensor = &planner->file->tensors[i];
        enum part part = part_of(planner->request->catalog, i);
        if (part == PART_MTP || part == PART_UNUSED)
            continue;
        size_t rule = rules != NULL ? plan_rules_find(rules, tensor->name) : 0;
        plan->homes[i] = rules != NULL && rule < rules->n_items ? rules->items[rule].home : otherwise;
        struct plan_part *const sums[] = {&plan->parts[part], &plan->all};
        for (size_t s = 0; s < 2; s++) {
            sums[s]->n_tensors++;
            sums[s]->n_bytes += tensor->n_bytes;
            sums[s]->token_bytes += part_token_bytes(planner->request->catalog, tensor, part);
            sums[s]->home_bytes[plan->homes[i].kind] += tensor->n_bytes;
        }
    }
    plan->mapped_bytes = plan->all.home_bytes[HOME_MAP];
}

/* A rule that decides nothing is a slip, and silence about it would cost an evening. */
static bool check_rule(const struct planner *planner, size_t rule, struct error *err)
{
    const struct plan_rules *rules = planner->request->rules;
    const struct plan_rule *mine = &rules->items[rule];
    bool matches = false;
    for (size_t i = 0; i < planner->file->n_tensors; i++) {
        const char *name = planner->file->tensors[i].name;
        enum part part = part_of(planner->request->catalog, i);
        if (part == PART_MTP || part == PART_UNUSED)
            continue;
        if (plan_rules_find(rules, name) == rule)
            return check_home(planner, mine->home, err);
        matches = matches || regexec(&mine->regex, name, 0, NULL, 0) == 0;
    }
    if (matches)
        return fail(err, "rule %s=%s decides nothing: rules before it match the same tensors", mine->text,
                    home_name(mine->home).text);
    return fail(err, "rule %s=%s matches no tensor; fathom inspect --tensors lists their names", mine->text,
                home_name(mine->home).text);
}

static bool check_rules(const struct planner *planner, struct error *err)
{
    const struct plan_rules *rules = planner->request->rules;
    for (size_t i = 0; rules != NULL && i < rules->n_items; i++)
        if (!check_rule(planner, i, err))
            return false;
    return true;
}

static void __attribute__((format(printf, 2, 3))) say_why(struct plan *plan, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(plan->why, sizeof plan->why, format, arguments);
    va_end(arguments);
}

/* Of all sessions, with n tokens each. */
static uint64_t cache_bytes(const struct plan *plan, uint64_t n_context)
{
    return plan->cache_token_bytes * n_context * plan->n_sessions;
}

/* Everything that cannot be dropped, caches of n tokens among it. */
static uint64_t needed_bytes(const struct plan *plan, uint64_t n_context)
{
    return plan->all.home_bytes[HOME_COPY] + plan->all.home_bytes[HOME_LOCK] + cache_bytes(plan, n_context) +
           plan->step_bytes + plan->words_bytes;
}

static uint32_t wanted_context(const struct planner *planner)
{
    uint32_t asked = planner->request->n_context, most = planner->geometry->n_context;
    return asked > 0 ? asked : (uint32_t)min_size(most, PLAN_USUAL_CONTEXT);
}

static void choose_homes(struct planner *planner)
{
    static const struct home mapped = {HOME_MAP, 0}, copied = {HOME_COPY, HOME_ALL_NODES},
                             locked = {HOME_LOCK, 0};
    struct plan *plan = planner->plan;
    uint32_t n_nodes = planner->request->machine->n_nodes;
    switch (planner->request->load) {
    case PLAN_LOAD_COPY:
        give_homes(planner, copied);
        say_why(plan,
                n_nodes > 1 ? "copied into huge pages spread over %u memory nodes, as asked"
                            : "copied into huge pages, as asked",
                n_nodes);
        return;
    case PLAN_LOAD_LOCK:
        give_homes(planner, locked);
        say_why(plan, "mapped and locked in memory, as asked");
        return;
    case PLAN_LOAD_AUTO:
        give_homes(planner, copied);
        if (n_nodes > 1 && needed_bytes(plan, wanted_context(planner)) <= plan->budget_bytes) {
            say_why(plan,
                    "copied: mapped pages would lie on whichever of the %u memory nodes read them first",
                    n_nodes);
            return;
        }
        break;
    case PLAN_LOAD_MAP:
        break;
    }
    give_homes(planner, mapped);
    say_why(plan, planner->request->load == PLAN_LOAD_MAP
                      ? "mapped, as asked"
                      : "mapped: it starts at once, and other programs share the pages");
}

static bool check_nodes(const struct planner *planner, struct error *err)
{
    const struct plan_machine *machine = planner->request->machine;
    uint64_t n_bytes[PLAN_MOST_NODES] = {0};
    for (size_t i = 0; i < planner->file->n_tensors; i++) {
        struct home home = planner->plan->homes[i];
        if (home.kind == HOME_COPY && home.node != HOME_ALL_NODES)
            n_bytes[home.node] += planner->file->tensors[i].n_bytes;
    }
    for (uint32_t i = 0; i < machine->n_nodes; i++)
        if (machine->node_bytes[i] > 0 && n_bytes[i] > machine->node_bytes[i])
            return fail(err, "%s of weights do not fit memory node %u, which has %s; home copy spreads them",
                        amount_bytes(n_bytes[i]).text, i, amount_bytes(machine->node_bytes[i]).text);
    return true;
}

static bool check_lock(const struct planner *planner, struct error *err)
{
    uint64_t n_bytes = planner->plan->all.home_bytes[HOME_LOCK],
             limit = planner->request->machine->lock_bytes;
    return n_bytes <= limit ||
           fail(err,
                "%s of weights are to be locked in memory, and the limit is %s; 'ulimit -l unlimited' or "
                "LimitMEMLOCK=infinity lifts it",
                amount_bytes(n_bytes).text, amount_bytes(limit).text);
}

/* ---- context ---- */

/* Weights that every token reads should stay beside the cache, even where they could be dropped. */
static uint64_t held_bytes(const struct plan *plan)
{
    uint64_t n = 0;
    for (enum part part = 0; part < PART_COUNT; part++)
        if (part != PART_ROUTED)
            n += plan->parts[part].home_bytes[HOME_MAP];
    return n;
}

static uint64_t tokens_beside(const struct plan *plan, uint64_t other_bytes)
{
    return plan->budget_bytes > other_bytes ? (plan->budget_bytes - other_bytes) / cache_bytes(plan, 1) : 0;
}

static uint32_t largest_power(uint64_t n)
{
    uint32_t power = 1;
    while (power <= n / 2)
        power *= 2;
    return n > 0 ? power : 0;
}

/* The one sentence of a model that does not fit. */
static bool fail_memory(const struct plan *plan, uint32_t n_context, struct error *err)
{
    uint64_t kept = plan->all.home_bytes[HOME_COPY] + plan->all.home_bytes[HOME_LOCK];
    uint64_t needed = needed_bytes(plan, n_context);
    char weights[64] = "", sessions[16] = "", help[96] = "use a smaller --chunk, or make memory free";
    if (kept > 0)
        snprintf(weights, sizeof weights, "%s of weights, ", amount_bytes(kept).text);
    if (plan->n_sessions > 1)
        snprintf(sessions, sizeof sessions, "%u x ", plan->n_sessions);
    if (kept > plan->budget_bytes)
        snprintf(help, sizeof help, "--load map reads from disk what memory does not hold");
    else if (plan->most_context > 0)
        snprintf(help, sizeof help, "a context of %u tokens fits (-c %u)", plan->most_context,
                 plan->most_context);
    else if (kept > 0)
        snprintf(help, sizeof help, "--load map leaves the weights on disk");
    return fail(err,
                "needs %s of memory (%s%s of cache for %s%u tokens, %s of buffers), %s more than the %s "
                "that may be used; %s",
                amount_bytes(needed).text, weights, amount_bytes(cache_bytes(plan, n_context)).text, sessions,
                n_context, amount_bytes(plan->step_bytes + plan->words_bytes).text,
                amount_bytes(needed - plan->budget_bytes).text, amount_bytes(plan->budget_bytes).text, help);
}

static bool set_context(struct planner *planner, struct error *err)
{
    struct plan *plan = planner->plan;
    uint32_t asked = planner->request->n_context, most = planner->geometry->n_context;
    uint64_t fits = tokens_beside(plan, needed_bytes(plan, 0));
    uint64_t fits_well = tokens_beside(plan, needed_bytes(plan, 0) + held_bytes(plan));
    if (asked > most)
        return fail(err, "a context of %u tokens, but the model was made for %u", asked, most);
    plan->most_context = (uint32_t)min_size(fits, most);
    plan->n_context = asked;
    if (asked == 0) {
        uint32_t usual = wanted_context(planner);
        uint64_t room = fits_well >= LEAST_CONTEXT ? fits_well : fits;
        plan->n_context = room >= usual ? usual : largest_power(room);
    }
    uint32_t least = asked > 0 ? asked : (uint32_t)min_size(most, LEAST_CONTEXT);
    if (plan->most_context < least)
        return fail_memory(plan, least, err);
    plan->cache_bytes = cache_bytes(plan, plan->n_context);
    plan->needed_bytes = needed_bytes(plan, plan->n_context);
    plan->exceeds_memory = plan->mapped_bytes > plan->budget_bytes - plan->needed_bytes;
    plan->drop_source = plan->needed_bytes + plan->all.home_bytes[HOME_COPY] > plan->budget_bytes;
    return true;
}

bool plan_make(struct plan *plan, const struct plan_request *request, struct error *err)
{
    *plan = (struct plan){0}; /* plan_release() is safe from here on */

    struct planner planner = {plan, request, &request->catalog->geometry, request->file};
    if (request->chunk_tokens > PLAN_MOST_CHUNK)
        return fail(err, "a chunk of %u tokens, at most %d", request->chunk_tokens, PLAN_MOST_CHUNK);
    plan->homes = memory_allocate(request->file->n_tensors, sizeof *plan->homes, "a plan", err);
    if (plan->homes == NULL || !set_budget(&planner, err) || !check_rules(&planner, err))
        goto failed;
    set_sizes(&planner);
    choose_homes(&planner);
    if (!check_nodes(&planner, err) || !check_lock(&planner, err) || !set_context(&planner, err))
        goto failed;
    plan_forecast_make(plan, request);
    return true;

failed:
    plan_release(plan);
    return fail_in(err, gguf_path(request->file));
}

void plan_release(struct plan *plan)
{
    memory_free(plan->homes);
    *plan = (struct plan){0};
}
