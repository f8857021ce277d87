/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - a forged model as a file, which appears whole or not at all. */
#ifndef FATHOM_CLI_FORGE_FILE_H
#define FATHOM_CLI_FORGE_FILE_H

#include "cli/forge/model.h"

struct forge_file {
    const char *path;
    const char *vocabulary_from; /* a .gguf file whose vocabulary is taken; NULL: forged like the weights */
    uint64_t seed;
};

/* Checks the free space before it writes; shows progress, and says on stderr what was made. The model gets
 * the number of words that `vocabulary_from` has. */
bool forge_file_write(const struct forge_file *file, struct forge_model *model, struct error *err);

/* What the file would begin with, over a hole where its weights would be: for plans of a model that is too
 * large to be forged. Opens `file` over `hole`, which the caller closes after it. */
bool forge_file_imagine(const struct forge_model *model, struct mapping *hole, struct gguf *file,
                        struct error *err);
/* DeepSeek-R1, in this mix of formats. */
bool forge_file_imagine_r1(const struct mix *mix, struct mapping *hole, struct gguf *file, struct error *err);

#endif
