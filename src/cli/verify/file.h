/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - a model file read from end to end, and what is wrong with it.
 *
 * What is wrong with the file is a finding; failing is for what keeps it from
 * being read. */
#ifndef FATHOM_CLI_VERIFY_FILE_H
#define FATHOM_CLI_VERIFY_FILE_H

#include "base/buffer.h"
#include "base/progress.h"

struct file_findings {
    size_t n_shards;
    uint64_t n_bytes; /* of all shards */
    size_t n_tensors;
    uint64_t n_blocks;
    size_t n_sums;          /* shards whose SHA-256 is known */
    size_t n_wrong_sums;    /* and is another */
    uint64_t n_broken;      /* blocks that hold no numbers, as far as they were counted */
    struct error structure; /* "": every part is there, of the expected shape and in its place */
    struct error first_sum; /* the first wrong one, and the first broken block: "" where there is none */
    struct error first_broken;
    struct buffer damaged; /* the files that have either: "A, B" */
};

/* `path`: as gguf_locate() gives it. Shards, shapes and vocabulary: quick. */
void verify_structure(const char *path, struct file_findings *findings);
/* All bytes: SHA-256 where it is known, and every scale. `findings` of a sound structure. */
bool verify_bytes(const char *path, struct file_findings *findings, const struct progress *progress,
                  struct error *err);
bool file_is_sound(const struct file_findings *findings);
void file_findings_release(struct file_findings *findings);

#endif
