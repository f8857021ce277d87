/* SPDX-License-Identifier: Apache-2.0 */
/* store.c - the folders that a fetched model may lie in, asked one after the other. */
#include "cli/pull/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/places.h"

#define COMMIT_LIMIT 256 /* bytes of a branch's file; a commit has 40 digits */

bool store_folder(const struct repository *repository, struct buffer *folder, struct error *err)
{
    if (!place_append(PLACE_DATA, folder, err))
        return fail_in(err, "no folder for models");
    buffer_append_format(folder, "/models/%s", repository->name);
    return buffer_ok(folder, err);
}

/* ---- one folder ---- */

/* GGUF_NOT_FOUND with no error text: nothing of the repository lies here. */
static enum gguf_location look_in(const char *folder, const struct repository *repository,
                                  struct buffer *path, struct error *err)
{
    struct repository_files files = {0};
    struct buffer list = {0};
    enum gguf_location location = GGUF_NOT_FOUND;
    if (file_kind(folder) != FILE_FOLDER)
        return GGUF_NOT_FOUND;
    if (!repository_add_folder(&files, folder, err))
        goto done;
    repository_sort(&files);
    size_t n_models = repository_choose(&files, repository->quant, NULL);
    repository_list(&files, &list);
    if (n_models == 1 && repository_is_whole(&files, err)) {
        location = GGUF_LOCATED;
        for (size_t i = 0; i < files.n_items && path->n_bytes == 0; i++)
            if (files.items[i].chosen)
                buffer_append_format(path, "%s/%s", folder, files.items[i].path);
    } else if (n_models > 1) {
        location = GGUF_SEVERAL;
        fail(err, "%s has several models here, name one behind a colon: %s", repository->name,
             buffer_text(&list));
    } else if (n_models == 0 && list.n_bytes > 0) {
        fail(err, "%s has no such model here, but %s", repository->name, buffer_text(&list));
    }

done:
    repository_release(&files);
    buffer_release(&list);
    return location;
}

/* ---- the cache of huggingface_hub: HUB/models--ORG--NAME/snapshots/COMMIT/PATH ---- */

/* Its environment variables, in its order. */
static bool append_hub(struct buffer *path)
{
    static const struct {
        const char *variable, *below;
    } places[] = {{"HF_HUB_CACHE", ""},
                  {"HUGGINGFACE_HUB_CACHE", ""},
                  {"HF_HOME", "/hub"},
                  {"XDG_CACHE_HOME", "/huggingface/hub"},
                  {"HOME", "/.cache/huggingface/hub"}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *value = getenv(places[i].variable);
        if (value != NULL && value[0] != '\0') {
            buffer_append_format(path, "%s%s", value, places[i].below);
            return buffer_ok(path, NULL);
        }
    }
    return false;
}

static void append_hub_folder(const struct repository *repository, struct buffer *folder)
{
    const char *slash = strchr(repository->name, '/');
    buffer_append_format(folder, "/models--%.*s--%s", (int)(slash - repository->name), repository->name,
                         slash + 1);
}

/* The commit that the branch `main` was at when it was fetched last; "" where that is not known. */
static void read_main(const char *folder, struct buffer *commit)
{
    struct buffer path = {0};
    buffer_append_format(&path, "%s/refs/main", folder);
    if (buffer_ok(&path, NULL) && file_kind(buffer_text(&path)) == FILE_REGULAR)
        file_read(commit, buffer_text(&path), COMMIT_LIMIT, NULL);
    size_t n = strcspn(buffer_text(commit), " \r\n");
    if (n < commit->n_bytes)
        commit->bytes[commit->n_bytes = n] = '\0';
    buffer_release(&path);
}

/* The last commit first: older ones may be all that holds a model that was fetched long ago. */
static enum gguf_location look_in_hub(const struct repository *repository, struct buffer *path,
                                      struct error *err)
{
    struct buffer hub = {0}, commit = {0}, folder = {0};
    struct file_names commits = {0};
    enum gguf_location location = GGUF_NOT_FOUND;
    if (!append_hub(&hub))
        goto done;
    append_hub_folder(repository, &hub);
    if (!buffer_ok(&hub, NULL))
        goto done;
    read_main(buffer_text(&hub), &commit);
    buffer_append_text(&hub, "/snapshots");
    if (commit.n_bytes > 0) {
        buffer_append_format(&folder, "%s/%s", buffer_text(&hub), buffer_text(&commit));
        location = look_in(buffer_text(&folder), repository, path, err);
    }
    if (location == GGUF_NOT_FOUND && !file_names_read(&commits, buffer_text(&hub), NULL))
        goto done;
    for (size_t i = 0; location == GGUF_NOT_FOUND && i < commits.n_names; i++) {
        buffer_clear(&folder);
        buffer_append_format(&folder, "%s/%s", buffer_text(&hub), commits.names[i]);
        location = look_in(buffer_text(&folder), repository, path, err);
    }

done:
    file_names_release(&commits);
    buffer_release(&hub);
    buffer_release(&commit);
    buffer_release(&folder);
    return location;
}

/* ---- all of them ---- */

enum gguf_location store_locate(const struct repository *repository, struct buffer *path, struct error *err)
{
    struct buffer folder = {0};
    struct error why = {""};
    enum gguf_location location = GGUF_NOT_FOUND;
    if (store_folder(repository, &folder, NULL))
        location = look_in(buffer_text(&folder), repository, path, &why);
    if (location == GGUF_NOT_FOUND)
        location = look_in_hub(repository, path, &why);
    buffer_release(&folder);
    if (location == GGUF_LOCATED)
        return buffer_ok(path, err) ? GGUF_LOCATED : GGUF_NOT_FOUND;
    const char *colon = repository->quant != NULL ? ":" : "", *quant = repository->quant;
    if (location == GGUF_SEVERAL)
        fail(err, "%s", why.text);
    else if (why.text[0] != '\0')
        fail(err, "%s; 'fathom pull %s%s%s' fetches what is missing", why.text, repository->name, colon,
             quant != NULL ? quant : "");
    else
        fail(err, "%s%s%s: no such file or folder, and no model that was fetched; 'fathom pull' does that",
             repository->name, colon, quant != NULL ? quant : "");
    return location;
}
