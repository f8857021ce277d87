/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h - blocks of memory that go together, as all texts of one request do. */
#ifndef FATHOM_SERVER_REQUEST_ARENA_H
#define FATHOM_SERVER_REQUEST_ARENA_H

#include <stddef.h>

/* Zeroed: empty. */
struct arena {
    struct arena_block *newest; /* each knows the one before it */
};

void *arena_allocate(struct arena *arena, size_t n, size_t item_bytes);  /* zeroed; NULL: no memory */
char *arena_copy(struct arena *arena, const char *text, size_t n_bytes); /* terminated; NULL: no memory */
void arena_release(struct arena *arena);

#endif
