/* SPDX-License-Identifier: Apache-2.0 */
/* mapping.h - a whole file as read-only memory; pages come from disk when they are touched.
 *
 * The kernel raises SIGBUS where a mapped file is cut short by somebody else
 * while in use; nothing here can prevent that. */
#ifndef FATHOM_BASE_MAPPING_H
#define FATHOM_BASE_MAPPING_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct mapping {
    const uint8_t *bytes; /* NULL for an empty file */
    size_t n_bytes;
};

/* A regular file only; a folder, a pipe or a device is an error that says so. */
bool mapping_open(struct mapping *mapping, const char *path, struct error *err);
/* The bytes of `head`, and zeros behind them up to n_bytes, which take no memory: what a large file would
 * look like to who reads its beginning. n_head <= n_bytes. */
bool mapping_make_hole(struct mapping *mapping, const void *head, size_t n_head, uint64_t n_bytes,
                       struct error *err);
void mapping_close(struct mapping *mapping);

#endif
