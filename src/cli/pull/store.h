/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - models that were fetched, found by name: those of `fathom pull` in Fathom's folder for data, and
 * those of the huggingface_hub program in its cache. */
#ifndef FATHOM_CLI_PULL_STORE_H
#define FATHOM_CLI_PULL_STORE_H

#include "cli/pull/repository.h"
#include "gguf/gguf.h"

/* Appends the folder that pull puts a repository's files into: $XDG_DATA_HOME/fathom/models/ORG/NAME. */
bool store_folder(const struct repository *repository, struct buffer *folder, struct error *err);

/* Appends the path of the model's first file. GGUF_SEVERAL: the name leaves a choice, which the error
 * lists. */
enum gguf_location store_locate(const struct repository *repository, struct buffer *path, struct error *err);

#endif
