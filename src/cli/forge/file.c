/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - keys, vocabulary, tensors and weights, in the order of the file. */
#include "cli/forge/file.h"

#include <stdio.h>

#include "base/amount.h"
#include "base/file.h"
#include "cli/forge/vocabulary.h"
#include "cli/forge/weights.h"
#include "cli/terminal.h"

/* All keys; the vocabulary's size is known only when the file that it comes from is open. */
static bool write_keys(const struct forge_file *file, struct gguf_writer *writer, struct forge_model *model,
                       struct error *err)
{
    if (file->vocabulary_from == NULL) {
        forge_model_write_keys(writer, model);
        forge_vocabulary_write(writer, model->geometry.n_vocabulary);
        return true;
    }
    struct gguf other;
    if (!gguf_open(&other, file->vocabulary_from, err))
        return false;
    bool ok = forge_vocabulary_count(&other, &model->geometry.n_vocabulary, err);
    if (ok) {
        forge_model_write_keys(writer, model);
        forge_vocabulary_copy(writer, &other);
    }
    gguf_close(&other);
    return ok;
}

static bool write_infos(struct gguf_writer *writer, const struct forge_tensors *tensors, struct error *err)
{
    for (size_t i = 0; i < tensors->n_items; i++) {
        const struct forge_tensor *tensor = &tensors->items[i];
        const struct role_shape *shape = &tensor->shape;
        const uint64_t dimensions[] = {shape->n_columns, shape->n_rows, shape->n_matrices};
        char name[GGUF_NAME_BYTES];
        role_tensor_name(tensor->role, tensor->layer, name, sizeof name);
        uint32_t n_dimensions = shape->n_matrices > 1 ? 3 : shape->n_rows > 1 ? 2 : 1;
        if (!gguf_write_tensor(writer, name, n_dimensions, dimensions, tensor->format, err))
            return false;
    }
    return true;
}

static bool check_space(const char *path, uint64_t n_bytes, struct error *err)
{
    uint64_t n_free;
    if (!file_free_space(path, &n_free, err))
        return fail_in(err, path);
    if (n_free < n_bytes)
        return fail(err, "%s: needs %s, and %s are free there", path, amount_bytes(n_bytes).text,
                    amount_bytes(n_free).text);
    return true;
}

/* Everything before the weights. */
static bool begin_file(const struct forge_file *file, struct forge_model *model, struct gguf_writer *writer,
                       struct forge_tensors *tensors, struct error *err)
{
    return write_keys(file, writer, model, err) && forge_tensors_list(tensors, model, err) &&
           write_infos(writer, tensors, err) && check_space(file->path, gguf_writer_size(writer), err) &&
           gguf_writer_start(writer, err);
}

bool forge_file_write(const struct forge_file *file, struct forge_model *model, struct error *err)
{
    struct gguf_writer writer = {0};
    struct forge_weights weights = {0};
    struct forge_tensors tensors = {0};
    struct bar bar = bar_begin("forge", BAR_BYTES);
    struct progress progress = {bar_report, &bar};
    bool ok = gguf_writer_open(&writer, file->path, err) && begin_file(file, model, &writer, &tensors, err) &&
              forge_weights_init(&weights, file->seed, err) &&
              forge_weights_write(&weights, &tensors, &writer, &progress, err) &&
              gguf_writer_commit(&writer, err);
    bar_end(&bar);
    if (ok)
        fprintf(stderr, "%s: %s, %s\n", file->path, model->name, amount_bytes(writer.output.n_bytes).text);
    gguf_writer_discard(&writer);
    forge_weights_release(&weights);
    forge_tensors_release(&tensors);
    return ok;
}

bool forge_file_imagine(const struct forge_model *model, struct mapping *hole, struct gguf *file,
                        struct error *err)
{
    struct gguf_writer writer = {0}; /* nothing is written with it */
    struct forge_tensors tensors;
    struct buffer head = {0};
    *hole = (struct mapping){0};
    *file = (struct gguf){0};
    if (!forge_tensors_list(&tensors, model, err))
        return false;
    forge_model_write_keys(&writer, model);
    bool ok = write_infos(&writer, &tensors, err) && gguf_writer_head(&writer, &head, err) &&
              mapping_make_hole(hole, head.bytes, head.n_bytes, gguf_writer_size(&writer), err) &&
              gguf_open_bytes(file, hole->bytes, hole->n_bytes, model->name, err);
    buffer_release(&head);
    gguf_writer_discard(&writer);
    forge_tensors_release(&tensors);
    return ok;
}

bool forge_file_imagine_r1(const struct mix *mix, struct mapping *hole, struct gguf *file, struct error *err)
{
    struct forge_model model = {.geometry = preset_geometry(PRESET_R1), .layout = LAYOUT_NEW, .mix = mix};
    snprintf(model.name, sizeof model.name, "%s %s", preset_name(PRESET_R1), mix->name);
    return forge_file_imagine(&model, hole, file, err);
}
