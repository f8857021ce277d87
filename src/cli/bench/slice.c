/* SPDX-License-Identifier: Apache-2.0 */
/* slice.c - choosing, finding and forging slices. The cache folder is the one place where a benchmark
 * writes, and it removes nothing there but its own unfinished file. */
#include "cli/bench/slice.h"

#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "base/file.h"
#include "cli/forge/file.h"
#include "cli/places.h"

#define SLICE_VOCABULARY 1024 /* a head of rows as long as the whole one's, in less memory */
#define SLICE_SEED       1

static bool count_bytes(const struct forge_model *model, uint64_t *n_bytes, struct error *err)
{
    struct forge_tensors tensors;
    if (!forge_tensors_list(&tensors, model, err))
        return false;
    *n_bytes = 0;
    for (size_t i = 0; i < tensors.n_items; i++)
        *n_bytes += forge_tensor_bytes(&tensors.items[i]);
    forge_tensors_release(&tensors);
    return true;
}

bool bench_slice_choose(struct bench_slice *slice, const struct mix *mix, uint32_t n_dense, uint32_t n_moe,
                        struct error *err)
{
    *slice = (struct bench_slice){
        .model = {.geometry = preset_geometry(PRESET_R1), .layout = LAYOUT_NEW, .mix = mix}};
    struct geometry *g = &slice->model.geometry;
    g->n_dense_layers = n_dense;
    g->n_layers = n_dense + n_moe;
    g->n_vocabulary = SLICE_VOCABULARY;
    forge_model_rename(&slice->model, preset_name(PRESET_R1));
    if (!(place_append(PLACE_CACHE, &slice->path, err) || fail_in(err, "no folder for the forged slice")) ||
        !count_bytes(&slice->model, &slice->n_bytes, err))
        return false;
    buffer_append_format(&slice->path, "/r1-%s-%u+%u.gguf", mix->name, n_dense, n_moe);
    return buffer_ok(&slice->path, err);
}

void bench_slice_release(struct bench_slice *slice)
{
    buffer_release(&slice->path);
    *slice = (struct bench_slice){0};
}

enum found { FOUND_NOTHING, FOUND_SLICE, FOUND_OLDER, FOUND_OTHER };

/* Whether the file is this slice, one that another version forged, or somebody else's. */
static enum found look(const struct bench_slice *slice)
{
    struct gguf file;
    if (file_kind(buffer_text(&slice->path)) == FILE_MISSING)
        return FOUND_NOTHING;
    if (!gguf_open(&file, buffer_text(&slice->path), NULL))
        return FOUND_OTHER;
    struct gguf_text name = {0};
    const struct gguf_key *key = gguf_find_key(&file, "general.name");
    uint64_t n_bytes = 0;
    for (size_t i = 0; i < file.n_tensors; i++)
        n_bytes += file.tensors[i].n_bytes;
    size_t name_bytes = strlen(slice->model.name);
    enum found found = FOUND_OTHER;
    if (key != NULL && gguf_key_text(key, &name) && name.n_bytes == name_bytes &&
        memcmp(name.bytes, slice->model.name, name_bytes) == 0)
        found = n_bytes == slice->n_bytes ? FOUND_SLICE : FOUND_OLDER;
    gguf_close(&file);
    return found;
}

bool bench_slice_make(const struct bench_slice *slice, struct error *err)
{
    const char *path = buffer_text(&slice->path);
    switch (look(slice)) {
    case FOUND_SLICE:
        return true;
    case FOUND_OTHER:
        return fail(err, "%s: is there and is no model that bench forged; move it away", path);
    case FOUND_NOTHING:
    case FOUND_OLDER:
        break;
    }
    if (!file_make_folders(path, 0777, err))
        return false;
    fprintf(stderr,
            "forging %s of random weights, once, into %s (below XDG_CACHE_HOME, if you set it);\n"
            "how long that takes is up to the drive, and it stays there until you remove it\n",
            amount_bytes(slice->n_bytes).text, path);
    struct forge_model model = slice->model;
    struct forge_file file = {.path = path, .seed = SLICE_SEED};
    return forge_file_write(&file, &model, err);
}
