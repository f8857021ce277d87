/* SPDX-License-Identifier: Apache-2.0 */
/* model.c - adding a model up by its parts. */
#include "cli/inspect/model.h"

#include "base/bytes.h"
#include "weights/config.h"

static void add(struct part_sum *sum, const struct gguf_tensor *tensor, uint64_t read_bytes)
{
    sum->n_tensors++;
    sum->n_weights +=
        tensor->dimensions[0] * tensor->dimensions[1] * tensor->dimensions[2] * tensor->dimensions[3];
    sum->n_bytes += tensor->n_bytes;
    sum->token_bytes += read_bytes;
    sum->format_bytes[tensor->format] += tensor->n_bytes;
}

bool inspection_open(struct inspection *inspection, const char *path, struct error *err)
{
    *inspection = (struct inspection){0}; /* inspection_close() is safe from here on */

    if (!gguf_open(&inspection->file, path, err))
        return false;
    if (inspection->file.n_tensors == 0) {
        inspection->has_geometry = config_read(&inspection->geometry, &inspection->file, NULL);
        return true;
    }
    if (!catalog_read(&inspection->catalog, &inspection->file, err)) {
        inspection_close(inspection);
        return false;
    }
    inspection->geometry = inspection->catalog.geometry;
    inspection->has_geometry = true;
    for (size_t i = 0; i < inspection->file.n_tensors; i++) {
        const struct gguf_tensor *tensor = &inspection->file.tensors[i];
        enum part part = part_of(&inspection->catalog, i);
        uint64_t read_bytes = part_token_bytes(&inspection->catalog, tensor, part);
        add(&inspection->parts[part], tensor, read_bytes);
        add(&inspection->all, tensor, read_bytes);
    }
    return true;
}

void inspection_close(struct inspection *inspection)
{
    catalog_release(&inspection->catalog);
    gguf_close(&inspection->file);
    *inspection = (struct inspection){0};
}

uint64_t inspection_cache_bytes(const struct inspection *inspection, enum format format)
{
    size_t values = round_up(geometry_cache_values(&inspection->geometry), format_info(format)->block_values);
    return (uint64_t)inspection->geometry.n_layers * format_row_bytes(format, values);
}
