/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h - who may use the server: keys from a file, one a line. */
#ifndef FATHOM_SERVER_HTTP_KEYS_H
#define FATHOM_SERVER_HTTP_KEYS_H

#include <stddef.h>

#include "base/error.h"

#define KEY_BYTES 256 /* of a key at most, with its end */

struct keys {
    char (*items)[KEY_BYTES]; /* [n] zeros behind each */
    size_t n;
};

/* Blank lines, and lines that begin with #, are no keys. A file without keys is an error. */
bool keys_read(struct keys *keys, const char *path, struct error *err);
void keys_release(struct keys *keys); /* zeroed is fine */
/* `given` may be NULL. Takes the same time for any key of its length. */
bool keys_match(const struct keys *keys, const char *given);

#endif
