/* SPDX-License-Identifier: Apache-2.0 */
/* locate.h - how shards are named, NAME-00002-of-00005.gguf, which is what gguf-split of llama.cpp writes. */
#ifndef FATHOM_GGUF_LOCATE_H
#define FATHOM_GGUF_LOCATE_H

#include "gguf/gguf.h"

struct shard_name {
    size_t stem_bytes; /* of the path, up to the number's dash */
    uint32_t number;   /* 1 .. n_shards */
    uint32_t n_shards;
};

bool shard_name_read(struct shard_name *name, const char *path); /* false: not the name of a shard */
/* Appends the path of shard `number` beside the one that `name` was read from. */
void shard_name_write(const struct shard_name *name, const char *path, uint32_t number, struct buffer *out);

#endif
