/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - the file system: kind, size, free space, the names in a folder, a small file's text; folders made.
 *
 * Errors here and in mapping.h and output.h do not name the path that was
 * given: the caller adds it, with fail_in(). */
#ifndef FATHOM_BASE_FILE_H
#define FATHOM_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum file_kind { FILE_MISSING, FILE_REGULAR, FILE_FOLDER, FILE_OTHER };

enum file_kind file_kind(const char *path);
bool file_size(const char *path, uint64_t *n_bytes, struct error *err);
/* The folder that holds `path`: "." without a slash. The caller frees it with memory_free(). */
char *file_folder(const char *path, struct error *err);
/* Makes the folders above the last '/' of `path` that are not there, with these rights less the umask's. The
 * error names the folder. */
bool file_make_folders(const char *path, unsigned rights, struct error *err);
/* Opens `path`, made if it is not there, to read and write, locked until it is closed: a second process that
 * asks for it is refused. Links are not followed. -1: the error says why. */
int file_open_locked(const char *path, struct error *err);
/* Puts the names in the folder that holds `path` on disk, where its file system can: a rename is safe from a
 * power cut then. */
void file_sync_folder(const char *path);
/* Bytes that this user may still write on the file system which holds `path` (or its folder, if path is
 * missing). */
bool file_free_space(const char *path, uint64_t *n_bytes, struct error *err);
/* Appends the whole file, or standard input where path is "-"; at most `limit` bytes, more is an error.
 * On failure what was read so far stays appended. */
bool file_read(struct buffer *into, const char *path, size_t limit, struct error *err);

struct file_names {
    char **names; /* sorted by strcmp, without "." and ".."; no folder before them */
    size_t n_names;
};

bool file_names_read(struct file_names *names, const char *folder, struct error *err);
void file_names_release(struct file_names *names);

#endif
