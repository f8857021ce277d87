/* SPDX-License-Identifier: Apache-2.0 */
/* setup.h - the options that commands share: which model, how it is computed, how tokens are chosen. */
#ifndef FATHOM_CLI_SETUP_H
#define FATHOM_CLI_SETUP_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "cli/options.h"
#include "fathom.h"

struct source {
    const char *model;
    const char *name; /* what stands in for `model` */
};

extern const struct option source_options[]; /* into struct source */

/* Appends the path of the model's first file. On anything but STATUS_DONE the reason was said. */
int source_locate(const struct source *source, const char *command, struct buffer *path);
/* The same, and where no model is given the one that ships, under its banner. */
int source_locate_or_ship(const struct source *source, const char *command, struct buffer *path);

struct computation { /* zeroed: the defaults */
    uint64_t n_threads;
    uint64_t n_context;
    uint64_t chunk_tokens;
    int cache;     /* enum fathom_cache */
    int attention; /* enum fathom_attention */
    int isa;       /* 0: the best; otherwise 1 + enum isa */
    int load;      /* enum fathom_load */
    uint64_t ram_bytes;
    struct option_list place;
    bool exact;
    bool verbose;
};

extern const struct option computation_options[]; /* into struct computation */

/* The cache's format, never the default, and its name as --kv takes it. */
enum fathom_cache computation_cache(const struct computation *computation);
const char *computation_cache_name(const struct computation *computation);

/* As the library takes them; nobody hears of progress. */
struct fathom_model_options computation_model(const struct computation *computation);
/* Bytes a second that as many threads read from memory, measured in a fifth of a second with 256 MiB or more;
 * 0: they could not, or with --exact, where that says nothing. */
double computation_read_rate(const struct computation *computation);
struct fathom_model *computation_open(const struct computation *computation, const char *path,
                                      struct fathom_error *err);
/* `n_context` positions where -c says nothing; 0: as many as memory was planned for. */
struct fathom_session *computation_session(const struct computation *computation, struct fathom_model *model,
                                           uint32_t n_context, struct fathom_error *err);

extern const struct option_choice think_choices[]; /* 1 + enum fathom_think */

struct sampling {
    double temperature, top_p, min_p;
    uint64_t top_k, seed;
};

extern const struct option sampling_options[]; /* into struct sampling */

struct sampling sampling_defaults(void);                                     /* R1's, with a new seed */
struct fathom_sampling sampling_options_of(const struct sampling *sampling); /* as the library takes them */
struct fathom_sampler *sampling_open(const struct sampling *sampling, uint32_t n_vocabulary,
                                     struct fathom_error *err);
/* Where --temp is not given: 0 for the model that ships, which is small and was measured so; R1's for others.
 * `sampling` came from sampling_defaults(), with a temperature of SAMPLING_BY_MODEL. */
#define SAMPLING_BY_MODEL NAN
void sampling_settle(struct sampling *sampling, const struct source *source);
/* What is in use, on standard error. */
void sampling_say(const struct sampling *sampling, uint32_t n_context);

#endif
