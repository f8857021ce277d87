/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h - what will lie where, what that takes, and how fast it will go, before anything is loaded: a pure
 * function of the catalog, a machine and budgets.
 *
 * A machine is numbers, whether they were read here, in a file or invented. A
 * plan that exists can be carried out as far as those numbers are true; what
 * cannot fit is refused with one sentence. */
#ifndef FATHOM_WEIGHTS_PLAN_H
#define FATHOM_WEIGHTS_PLAN_H

#include "backend/backend.h"
#include "backend/cpu/rates.h"
#include "machine/topology.h"
#include "weights/part.h"
#include "weights/plan_rules.h"

/* ---- what is asked ---- */

#define PLAN_MOST_NODES 64   /* more are left out */
#define PLAN_MOST_CHUNK 4096 /* rows: longer chunks save nothing and take memory in proportion */

struct plan_machine {
    uint32_t n_threads; /* that compute */
    uint32_t n_nodes;
    uint64_t node_bytes[PLAN_MOST_NODES]; /* installed on each; 0: not known */
    uint64_t memory_bytes;                /* installed, or granted */
    uint64_t available_bytes;
    uint64_t lock_bytes;    /* that may be locked; UINT64_MAX: any number */
    double read_rate;       /* bytes a second from memory, all threads; 0: not measured, and no forecast */
    double drive_rate;      /* bytes a second from the model's drive; 0: not measured */
    struct cpu_rates rates; /* each 0: not measured */
};

/* The rate that comes nearest to rows of n_columns in a format; NULL: none in that format. */
const struct cpu_rate *plan_rate_find(const struct plan_machine *machine, enum format format,
                                      uint64_t n_columns);

/* A machine without rates. n_threads 0: topology_default_threads(). */
struct plan_machine plan_machine_of(const struct topology *topology, size_t n_threads);

/* Where weights go that no rule speaks of. AUTO: copied and spread where several memory nodes would otherwise
 * be read unevenly and it fits, else mapped. */
enum plan_load { PLAN_LOAD_AUTO, PLAN_LOAD_MAP, PLAN_LOAD_COPY, PLAN_LOAD_LOCK };

#define PLAN_USUAL_CONTEXT 32768 /* tokens at most where nobody asked */

struct plan_request {
    const struct catalog *catalog;
    const struct gguf *file; /* that the catalog was read from */
    const struct plan_machine *machine;
    const struct plan_rules *rules; /* NULL: none */
    enum plan_load load;
    enum cache_format cache;
    uint64_t ram_bytes;    /* of memory for the model in all; 0: what is available, less a reserve */
    uint32_t n_context;    /* tokens; 0: the largest power of two that fits, PLAN_USUAL_CONTEXT at most */
    uint32_t n_sessions;   /* of that context; 0: 1 */
    uint32_t chunk_tokens; /* rows of a step, PLAN_MOST_CHUNK at most; 0: chosen, by memory alone */
    bool exact;
};

/* ---- what is answered ---- */

/* What a part of the model takes. */
struct plan_part {
    size_t n_tensors;
    uint64_t n_bytes;
    uint64_t token_bytes; /* read for one token */
    uint64_t home_bytes[HOME_KINDS];
};

/* What takes the largest share of a time. */
enum plan_limit { PLAN_BY_MEMORY, PLAN_BY_CORES, PLAN_BY_ATTENTION, PLAN_BY_DRIVE, PLAN_LIMITS };

struct plan_speed {
    double low, high; /* tokens a second; apart only where a drive is read. 0: not known */
    enum plan_limit limit;
    double seconds[PLAN_LIMITS]; /* a token of decoding, or a chunk of a prompt: what each costs, at `low` */
};

struct plan_forecast {
    bool known;                                 /* the machine's rates were */
    struct plan_speed first;                    /* decoding at the start of the context */
    struct plan_speed last;                     /* and at its end */
    struct plan_speed chunk;                    /* a prompt's first chunk */
    uint32_t chunk_tokens;                      /* in it */
    uint64_t drive_low_bytes, drive_high_bytes; /* a token reads from the drive */
};

struct plan {
    struct home *homes; /* [file->n_tensors] owned; of tensors that are used */
    struct plan_part parts[PART_COUNT], all;

    uint32_t n_context;
    uint32_t most_context; /* that would fit, the model's own at most; n_context is at most that */
    uint32_t n_sessions;   /* of that context, whose caches fit together */
    uint64_t cache_token_bytes;
    uint64_t cache_bytes;  /* of all sessions, at n_context */
    uint32_t chunk_tokens; /* rows of a step at most */
    uint64_t step_bytes;   /* buffers of one */
    uint64_t words_bytes;  /* the vocabulary */

    uint64_t reserve_bytes; /* of what is available, left to others */
    uint64_t budget_bytes;  /* for everything above */
    uint64_t needed_bytes;  /* everything but mapped weights */
    uint64_t mapped_bytes;  /* weights that lie in the system's cache, as far as there is room */
    bool exceeds_memory;    /* the budget does not hold the mapped weights */
    bool drop_source;       /* the system's cache has no room for the file beside its copy */
    char why[160];          /* why these homes: "mapped: ..." */

    struct plan_forecast forecast;
};

/* False: the line says what does not fit or makes no sense, and what would help. */
bool plan_make(struct plan *plan, const struct plan_request *request, struct error *err);
void plan_release(struct plan *plan); /* zeroed or failed is fine */

#endif
