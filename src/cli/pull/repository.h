/* SPDX-License-Identifier: Apache-2.0 */
/* repository.h - models by the names that people share them under, ORG/NAME:QUANT, and which files of a
 * repository such a name means. The same rules choose among what a host lists and what a folder holds. */
#ifndef FATHOM_CLI_PULL_REPOSITORY_H
#define FATHOM_CLI_PULL_REPOSITORY_H

#include <stdint.h>

#include "base/buffer.h"
#include "cli/pull/checksum.h"

#define REPOSITORY_NAME_BYTES 192 /* both parts may have 96 characters on Hugging Face's host */

struct repository {
    char name[REPOSITORY_NAME_BYTES + 1]; /* "unsloth/DeepSeek-R1-GGUF" */
    const char *quant;                    /* "UD-Q2_K_XL", in the text that was read; NULL: none */
};

/* False: `given` is no such name, nor could be. */
bool repository_read(struct repository *repository, const char *given);

struct repository_file {
    char *path; /* owned; below the repository's top, and never out of it */
    uint64_t n_bytes;
    struct checksum sum; /* what the host says its SHA-256 is; or empty */
    char version[72];    /* another text for other contents; "" where the host tells none */
    bool chosen;
};

struct repository_files {
    struct repository_file *items; /* [n_items] owned; by model and shard after repository_sort() */
    size_t n_items, capacity;
};

/* Takes a copy of `path`; a path that leads out of a folder is an error. The new file, or NULL. */
struct repository_file *repository_add(struct repository_files *files, const char *path, struct error *err);
/* Adds every file below `folder`, followed as deep as repositories go. */
bool repository_add_folder(struct repository_files *files, const char *folder, struct error *err);
void repository_sort(struct repository_files *files);
void repository_release(struct repository_files *files);

/* Chooses the files of the one model that `quant` names: in any case, a whole part between '-', '.' or '/' of
 * its path; or without it the only model there is. `include`, a pattern of the shell's over paths, keeps
 * those that match it, and without `quant` chooses files of every kind. NULL: not given. Returns how many
 * models were meant, before `include`: one is what is wanted. With `include` alone none are. A model that is
 * there more than once, in one file and in shards, is one: the first whole cut of it is meant. */
size_t repository_choose(struct repository_files *files, const char *quant, const char *include);
/* The chosen model's shards are all there. */
bool repository_is_whole(const struct repository_files *files, struct error *err);

/* Appends what there is to choose from: "UD-Q2_K_XL, Q4_K_M", or a line each with its size. */
void repository_list(const struct repository_files *files, struct buffer *list);
void repository_table(const struct repository_files *files, struct buffer *table);

#endif
