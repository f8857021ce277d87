/* SPDX-License-Identifier: Apache-2.0 */
/* checksum.h - SHA-256 of files that are gigabytes long, and the note beside a file that says what it must
 * be: NAME.sha256, as sha256sum writes and reads it. */
#ifndef FATHOM_CLI_PULL_CHECKSUM_H
#define FATHOM_CLI_PULL_CHECKSUM_H

#include <stddef.h>

#include "base/error.h"
#include "base/progress.h"

/* In hexadecimal, small letters; "" where it is not known. */
struct checksum {
    char text[65];
};

/* From 64 hexadecimal digits that `text` begins with, in either case; false: it does not. */
bool checksum_read(struct checksum *sum, const char *text);
bool checksum_same(const struct checksum *a, const struct checksum *b);

/* One in the making. */
struct checksum_work; /* NULL: none */

struct checksum_work *checksum_begin(struct error *err);
bool checksum_add(struct checksum_work *work, const void *bytes, size_t n_bytes, struct error *err);
bool checksum_end(struct checksum_work *work, struct checksum *sum, struct error *err); /* once */
void checksum_free(struct checksum_work *work);                                         /* NULL is fine */

/* Of a whole file. `progress` counts bytes, and may be NULL. Errors name the file. */
bool checksum_file(const char *path, struct checksum *sum, const struct progress *progress,
                   struct error *err);

/* What `path` is known to have to be: from the note beside it, or, where it is a link into a cache of the
 * huggingface_hub program, from the name of the file there. Empty: nothing is known. */
struct checksum checksum_known(const char *path);
/* Writes the note beside `path`. Errors name the file. */
bool checksum_note(const char *path, const struct checksum *sum, struct error *err);
void checksum_forget(const char *path); /* takes the note away */

#endif
