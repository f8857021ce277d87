/* SPDX-License-Identifier: Apache-2.0 */
/* shipped.c - finding what was installed with this program, wherever that was: from the place of the program
 * itself, so that a folder that was moved still works. */
#include "cli/shipped.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

#define MODEL_NAME "minnow.gguf"

/* From the program's folder: an installation's PREFIX/bin, and the folder of a build. */
static const char *const places[] = {"../share/fathom/" MODEL_NAME, MODEL_NAME};

/* The folder of the running program, or NULL; the caller frees it. */
static char *program_folder(struct error *err)
{
    char path[PATH_MAX];
    ssize_t n_bytes = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n_bytes < 0) {
        fail_errno(err, "cannot tell where this program lies");
        return NULL;
    }
    path[n_bytes] = '\0';
    return file_folder(path, err);
}

bool shipped_find(struct buffer *path, struct error *err)
{
    char *folder = program_folder(err);
    if (folder == NULL)
        return false;
    bool found = false;
    for (size_t i = 0; !found && i < sizeof places / sizeof *places; i++) {
        struct buffer place = {0};
        buffer_append_format(&place, "%s/%s", folder, places[i]);
        found = file_kind(buffer_text(&place)) == FILE_REGULAR;
        if (found)
            buffer_append_text(path, buffer_text(&place));
        buffer_release(&place);
    }
    memory_free(folder);
    return found ? buffer_ok(path, err) : fail(err, MODEL_NAME ", which ships with Fathom, is not installed");
}

void shipped_say(void)
{
    fputs("Minnow speaks: a demonstration of a few megabytes, not DeepSeek-R1; -m MODEL takes a real model\n",
          stderr);
}
