/* SPDX-License-Identifier: Apache-2.0 */
/* setup.c - the options that commands share, and what they become in the library's terms. */
#include "cli/setup.h"

#include <float.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/amount.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/pull/store.h"
#include "cli/shipped.h"
#include "cli/terminal.h"
#include "gguf/gguf.h"
#include "kernel/kernel.h"
#include "weights/plan_measure.h"

#define R1_TEMPERATURE 0.6  /* both recommended on DeepSeek-R1's model card, "Usage */
#define R1_TOP_P       0.95 /* Recommendations" */

const struct option source_options[] = {
    {"model", 'm', "MODEL", INTO_TEXT(struct source, model),
     .help = "a .gguf file, any shard of a split one, a folder that holds one model, or REPO:QUANT that "
             "'fathom pull' fetched"},
    {"model-name", 0, "MODEL", INTO_TEXT(struct source, name),
     .help = "the same, as other programs spell it; -m comes first where both are given"},
    {0},
};

static bool is_file_name(const char *given)
{
    static const char ending[] = ".gguf";
    size_t n = strlen(given), n_ending = sizeof ending - 1;
    return n >= n_ending && strcmp(given + n - n_ending, ending) == 0;
}

/* A path comes first: whoever has a folder of that name means it. */
static enum gguf_location locate(const char *given, struct buffer *path, struct error *err)
{
    struct repository repository;
    if (file_kind(given) == FILE_MISSING && !is_file_name(given) && repository_read(&repository, given))
        return store_locate(&repository, path, err);
    return gguf_locate(given, path, err);
}

int source_locate(const struct source *source, const char *command, struct buffer *path)
{
    const char *given = source->model != NULL ? source->model : source->name;
    if (given == NULL)
        return command_misused(command, "no model given: add -m FILE.gguf");
    struct error err;
    switch (locate(given, path, &err)) {
    case GGUF_LOCATED:
        if (buffer_ok(path, &err))
            return STATUS_DONE;
        break;
    case GGUF_SEVERAL:
        return command_misused(command, "%s", err.text);
    case GGUF_NOT_FOUND:
        break;
    }
    return command_failed(command, err.text);
}

int source_locate_or_ship(const struct source *source, const char *command, struct buffer *path)
{
    if (source->model != NULL || source->name != NULL)
        return source_locate(source, command, path);
    struct error err;
    if (!shipped_find(path, &err))
        return command_misused(command, "no model given, and %s: add -m FILE.gguf", err.text);
    shipped_say();
    return STATUS_DONE;
}

static const struct option_choice caches[] = {
    {"f16", FATHOM_CACHE_F16},
    {"f32", FATHOM_CACHE_F32},
    {"q8_0", FATHOM_CACHE_Q8_0},
    {"q4_0", FATHOM_CACHE_Q4_0},
    {0},
};

static const struct option_choice attentions[] = {
    {"auto", FATHOM_ATTENTION_AUTO},
    {"absorbed", FATHOM_ATTENTION_ABSORBED},
    {"expanded", FATHOM_ATTENTION_EXPANDED},
    {0},
};

static const struct option_choice isas[] = {
    {"generic", 1 + ISA_GENERIC},
    {"avx2", 1 + ISA_AVX2},
    {"avxvnni", 1 + ISA_AVX_VNNI},
    {"avx512", 1 + ISA_AVX512},
    {"avx512vbmi", 1 + ISA_AVX512_VBMI},
    {"amx", 1 + ISA_AMX},
    {0},
};

static const struct option_choice loads[] = {{"auto", FATHOM_LOAD_AUTO},
                                             {"map", FATHOM_LOAD_MAP},
                                             {"copy", FATHOM_LOAD_COPY},
                                             {"lock", FATHOM_LOAD_LOCK},
                                             {0}};

const struct option computation_options[] = {
    {"threads", 't', "N", INTO_COUNT(struct computation, n_threads), .low = 1, .high = 4096,
     .help = "threads to compute with; by default one for each core that this process may use"},
    {"ctx-size", 'c', "N", INTO_COUNT(struct computation, n_context), .low = 1, .high = 1 << 24,
     .help = "tokens that the context holds, prompt and answer together; by default the largest power of two "
             "that fits in memory, 32768 at most"},
    {"kv", 0, NULL, INTO_CHOICE(struct computation, cache), .choices = caches,
     .help = "number format of the attention cache; by default f16, and f32 with --exact. q8_0 takes about "
             "half the "
             "memory, q4_0 a quarter, and both answer a little otherwise"},
    {"load", 0, NULL, INTO_CHOICE(struct computation, load), .choices = loads,
     .help = "where weights lie: map, in the file's pages, read as they are touched; copy, in huge pages of "
             "their own; lock, in the file's pages, read at once and kept; auto, the default, copies where "
             "several memory nodes have room, else maps"},
    {"ram", 0, "SIZE", INTO_SIZE(struct computation, ram_bytes), .low = 1 << 20,
     .help = "memory that the model may take; by default what is available, less a reserve"},
    {"place", 0, "REGEX=HOME", INTO_LIST(struct computation, place),
     .help = "home of the tensors whose names match: map, copy, node0 (node1, ...) or lock; of several rules "
             "the first that matches decides; also a file of such lines"},
    {"isa", 0, NULL, INTO_CHOICE(struct computation, isa), .choices = isas,
     .help = "highest instruction set to use; by default the best that this machine has"},
    {"chunk", 0, "N", INTO_COUNT(struct computation, chunk_tokens), .low = 1, .high = PLAN_MOST_CHUNK,
     .help = "tokens of a prompt computed together; by default 2048, or as few as 512 where "
             "memory is short; a server takes 512"},
    {"attention", 0, NULL, INTO_CHOICE(struct computation, attention), .choices = attentions,
     .help = "form of attention; auto, the default, takes the cheaper one for the number of tokens"},
    {"exact", 0, NULL, INTO_FLAG(struct computation, exact),
     .help =
         "float activations on decoded weights and a float32 cache: slow, the measure of everything else"},
    {"verbose", 0, NULL, INTO_FLAG(struct computation, verbose),
     .help = "say on standard error what is used"},
    {0},
};

static void say_model(const struct fathom_model *model)
{
    struct fathom_model_info info = fathom_model_info(model);
    fprintf(stderr, "model '%s': %s of weights, vocabulary of %u, made for %u tokens\n", info.name,
            amount_bytes(info.weight_bytes).text, info.n_vocabulary, info.n_context);
    fprintf(stderr, "%u threads, %s, %s of cache a token\n", info.n_threads, info.isa,
            amount_bytes(info.cache_bytes_token).text);
}

enum fathom_cache computation_cache(const struct computation *computation)
{
    if (computation->cache != FATHOM_CACHE_DEFAULT)
        return (enum fathom_cache)computation->cache;
    return computation->exact ? FATHOM_CACHE_F32 : FATHOM_CACHE_F16;
}

const char *computation_cache_name(const struct computation *computation)
{
    const struct option_choice *choice = caches;
    while (choice->value != (int)computation_cache(computation))
        choice++;
    return choice->name;
}

struct fathom_model_options computation_model(const struct computation *computation)
{
    return (struct fathom_model_options){
        .n_threads = (uint32_t)computation->n_threads,
        .isa = computation->isa == 0 ? NULL : isa_name((enum isa)(computation->isa - 1)),
        .exact = computation->exact,
        .attention = (enum fathom_attention)computation->attention,
        .chunk_tokens = (uint32_t)computation->chunk_tokens,
        .n_context = (uint32_t)computation->n_context,
        .cache = (enum fathom_cache)computation->cache,
        .ram_bytes = computation->ram_bytes,
        .load = (enum fathom_load)computation->load,
        .place = computation->place.items,
        .n_place = computation->place.n_items,
    };
}

double computation_read_rate(const struct computation *computation)
{
    struct plan_machine machine = {0};
    struct topology topology;
    if (computation->exact || !topology_read(&topology, NULL, NULL))
        return 0;
    struct team *team = team_create(&topology, computation->n_threads, NULL);
    if (team == NULL || !plan_measure_memory(&machine, team, NULL))
        machine.read_rate = 0;
    team_free(team);
    topology_release(&topology);
    return machine.read_rate;
}

struct fathom_model *computation_open(const struct computation *computation, const char *path,
                                      struct fathom_error *err)
{
    struct bar bar = bar_begin("weights", BAR_BYTES);
    struct fathom_model_options options = computation_model(computation);
    options.progress = (struct fathom_progress){bar_report, &bar};
    interrupt_catch(); /* copying takes a minute or two */
    struct fathom_model *model = fathom_model_open(path, &options, err);
    bar_end(&bar);
    if (model != NULL && computation->verbose)
        say_model(model);
    if (model != NULL && (computation->verbose || terminal_is(stderr)) &&
        fathom_model_info(model).exceeds_memory)
        fputs(
            "memory does not hold all weights: experts are read from disk as they are chosen; 'fathom plan' "
            "says what that costs\n",
            stderr);
    return model;
}

struct fathom_session *computation_session(const struct computation *computation, struct fathom_model *model,
                                           uint32_t n_context, struct fathom_error *err)
{
    struct fathom_session_options options = {
        .n_context = computation->n_context > 0 ? (uint32_t)computation->n_context : n_context,
        .cache = (enum fathom_cache)computation->cache,
    };
    return fathom_session_open(model, &options, err);
}

/* ---- sampling ---- */

const struct option_choice think_choices[] = {
    {"auto", 1 + FATHOM_THINK_AUTO},
    {"force", 1 + FATHOM_THINK_FORCE},
    {"off", 1 + FATHOM_THINK_OFF},
    {0},
};

const struct option sampling_options[] = {
    {"temp", 0, "T", INTO_NUMBER(struct sampling, temperature), .high = 100,
     .help = "how bold the choice of tokens is; 0 takes the likeliest each time; by default 0.6, and 0 for "
             "Minnow"},
    {"top-p", 0, "P", INTO_NUMBER(struct sampling, top_p), .high = 1,
     .help = "choose among the likeliest tokens that together have probability P; by default 0.95"},
    {"top-k", 0, "K", INTO_COUNT(struct sampling, top_k), .high = UINT32_MAX,
     .help = "choose among the K likeliest tokens; by default 0, all of them"},
    {"min-p", 0, "P", INTO_NUMBER(struct sampling, min_p), .high = 1,
     .help = "leave out tokens less than P times as likely as the likeliest; by default 0"},
    {"seed", 0, "S", INTO_COUNT(struct sampling, seed),
     .help = "start of the random choices, to have the same answer again; by default a new one, which "
             "--verbose prints"},
    {0},
};

/* Short enough to be typed again. */
static uint64_t new_seed(void)
{
    uint32_t seed;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return (uint64_t)(clock_seconds() * 1e6);
    return seed;
}

struct sampling sampling_defaults(void)
{
    return (struct sampling){.temperature = R1_TEMPERATURE, .top_p = R1_TOP_P, .seed = new_seed()};
}

void sampling_settle(struct sampling *sampling, const struct source *source)
{
    if (isnan(sampling->temperature))
        sampling->temperature = source->model == NULL && source->name == NULL ? 0 : R1_TEMPERATURE;
}

struct fathom_sampling sampling_options_of(const struct sampling *sampling)
{
    return (struct fathom_sampling){
        .temperature = (float)sampling->temperature,
        .top_k = (uint32_t)sampling->top_k,
        .top_p = sampling->top_p > 0 ? (float)sampling->top_p : FLT_MIN, /* 0 is no limit there */
        .min_p = (float)sampling->min_p,
        .seed = sampling->seed,
    };
}

struct fathom_sampler *sampling_open(const struct sampling *sampling, uint32_t n_vocabulary,
                                     struct fathom_error *err)
{
    const struct fathom_sampling options = sampling_options_of(sampling);
    return fathom_sampler_open(n_vocabulary, &options, err);
}

void sampling_say(const struct sampling *sampling, uint32_t n_context)
{
    fprintf(stderr, "context of %u tokens; temperature %g, top-p %g, top-k %llu, min-p %g, seed %llu\n",
            n_context, sampling->temperature, sampling->top_p, (unsigned long long)sampling->top_k,
            sampling->min_p, (unsigned long long)sampling->seed);
}
