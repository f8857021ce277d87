/* SPDX-License-Identifier: Apache-2.0 */
/* output.c - a file that appears whole or not at all.
 *
 * The partial file is locked while it is open, so that a second writer of the
 * same path is refused instead of mixing its bytes with the first one's. It
 * is renamed or removed before the lock is dropped. */
#include "base/output.h"

#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/memory.h"

#define SUFFIX ".partial"

/* An empty file of our own at `path`, or -1. Nothing is cut before the lock is held. */
static int open_emptied(const char *path, struct error *err)
{
    int descriptor = file_open_locked(path, err);
    if (descriptor >= 0 && ftruncate(descriptor, 0) != 0) {
        fail_errno(err, "cannot empty the partial file");
        close(descriptor);
        return -1;
    }
    return descriptor;
}

bool output_open(struct output *output, const char *path, struct error *err)
{
    *output = (struct output){0};

    enum file_kind kind = file_kind(path);
    if (kind == FILE_FOLDER)
        return fail(err, "is a folder, not a file");
    if (kind == FILE_OTHER)
        return fail(err, "is not a regular file");

    size_t path_bytes = strlen(path);
    output->path = memory_copy_text(path, path_bytes, "a path", err);
    output->partial = memory_allocate(path_bytes + sizeof SUFFIX, 1, "a path", err);
    if (output->path == NULL || output->partial == NULL)
        goto failed;
    memcpy(output->partial, path, path_bytes);
    memcpy(output->partial + path_bytes, SUFFIX, sizeof SUFFIX);

    int descriptor = open_emptied(output->partial, err);
    if (descriptor < 0)
        goto failed;
    output->file = fdopen(descriptor, "wb");
    if (output->file == NULL) {
        fail_errno(err, "cannot open the partial file");
        unlink(output->partial);
        close(descriptor);
        goto failed;
    }
    return true;

failed: /* there is no file of ours to remove */
    memory_free(output->path);
    memory_free(output->partial);
    *output = (struct output){0};
    return false;
}

bool output_write(struct output *output, const void *bytes, size_t n_bytes, struct error *err)
{
    if (n_bytes > 0 && fwrite(bytes, 1, n_bytes, output->file) != n_bytes)
        return fail_errno(err, "cannot write after %llu bytes", (unsigned long long)output->n_bytes);
    output->n_bytes += n_bytes;
    return true;
}

bool output_fill(struct output *output, uint8_t value, size_t n_bytes, struct error *err)
{
    uint8_t piece[4096];
    memset(piece, value, min_size(n_bytes, sizeof piece));
    while (n_bytes > 0) {
        size_t n = min_size(n_bytes, sizeof piece);
        if (!output_write(output, piece, n, err))
            return false;
        n_bytes -= n;
    }
    return true;
}

bool output_commit(struct output *output, struct error *err)
{
    if (ferror(output->file))
        return fail(err, "an earlier write failed");
    if (fflush(output->file) != 0 || fsync(fileno(output->file)) != 0)
        return fail_errno(err, "cannot write to disk");
    if (rename(output->partial, output->path) != 0)
        return fail_errno(err, "cannot rename the partial file");
    file_sync_folder(output->path);
    fclose(output->file); /* flushed and synced: nothing is left that could fail */
    memory_free(output->path);
    memory_free(output->partial);
    *output = (struct output){.n_bytes = output->n_bytes};
    return true;
}

void output_discard(struct output *output)
{
    if (output->file != NULL) {
        unlink(output->partial);
        fclose(output->file);
    }
    memory_free(output->path);
    memory_free(output->partial);
    *output = (struct output){0};
}
