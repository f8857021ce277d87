/* SPDX-License-Identifier: Apache-2.0 */
/* places.h - the folders that a user's own files lie in, as the XDG Base Directory Specification has them. */
#ifndef FATHOM_CLI_PLACES_H
#define FATHOM_CLI_PLACES_H

#include "base/buffer.h"
#include "base/error.h"

enum place_kind {
    PLACE_CACHE, /* can be made again: $XDG_CACHE_HOME/fathom, or ~/.cache/fathom */
    PLACE_STATE, /* remembered between runs: $XDG_STATE_HOME/fathom, or ~/.local/state/fathom */
    PLACE_DATA   /* kept: $XDG_DATA_HOME/fathom, or ~/.local/share/fathom */
};

/* Appends the folder's path, which need not exist. The error names the variables that would say it. */
bool place_append(enum place_kind kind, struct buffer *path, struct error *err);

#endif
