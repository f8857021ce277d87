/* SPDX-License-Identifier: Apache-2.0 */
/* writer.c - writing GGUF. Keys and tensor headers wait in memory, since the header counts them; weights
 * never do. */
#include "gguf/writer.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "gguf/header.h"

static void put_u32(struct buffer *buffer, uint32_t value)
{
    buffer_append(buffer, &value, sizeof value);
}

static void put_u64(struct buffer *buffer, uint64_t value)
{
    buffer_append(buffer, &value, sizeof value);
}

static void put_text(struct buffer *buffer, const char *text, size_t n_bytes)
{
    put_u64(buffer, n_bytes);
    buffer_append(buffer, text, n_bytes);
}

bool gguf_writer_open(struct gguf_writer *writer, const char *path, struct error *err)
{
    *writer = (struct gguf_writer){0};
    return output_open(&writer->output, path, err) || fail_in(err, path);
}

static void begin_key(struct gguf_writer *writer, const char *name, size_t name_bytes, enum gguf_type type)
{
    put_text(&writer->keys, name, name_bytes);
    put_u32(&writer->keys, type);
    writer->n_keys++;
}

void gguf_write_u32(struct gguf_writer *writer, const char *name, uint32_t value)
{
    begin_key(writer, name, strlen(name), GGUF_U32);
    put_u32(&writer->keys, value);
}

void gguf_write_float(struct gguf_writer *writer, const char *name, float value)
{
    begin_key(writer, name, strlen(name), GGUF_F32);
    buffer_append(&writer->keys, &value, sizeof value);
}

void gguf_write_bool(struct gguf_writer *writer, const char *name, bool value)
{
    begin_key(writer, name, strlen(name), GGUF_BOOL);
    buffer_append(&writer->keys, &(uint8_t){value}, 1);
}

void gguf_write_text(struct gguf_writer *writer, const char *name, const char *text)
{
    begin_key(writer, name, strlen(name), GGUF_TEXT);
    put_text(&writer->keys, text, strlen(text));
}

void gguf_write_array(struct gguf_writer *writer, const char *name, enum gguf_type item_type,
                      uint64_t n_items)
{
    begin_key(writer, name, strlen(name), GGUF_ARRAY);
    put_u32(&writer->keys, item_type);
    put_u64(&writer->keys, n_items);
}

void gguf_write_item_text(struct gguf_writer *writer, const char *text, size_t n_bytes)
{
    put_text(&writer->keys, text, n_bytes);
}

void gguf_write_item_i32(struct gguf_writer *writer, int32_t value)
{
    buffer_append(&writer->keys, &value, sizeof value);
}

void gguf_write_item_float(struct gguf_writer *writer, float value)
{
    buffer_append(&writer->keys, &value, sizeof value);
}

void gguf_write_key(struct gguf_writer *writer, const struct gguf_key *key)
{
    begin_key(writer, key->name.bytes, key->name.n_bytes, key->type);
    if (key->type == GGUF_ARRAY) {
        put_u32(&writer->keys, key->item_type);
        put_u64(&writer->keys, key->n_items);
    }
    buffer_append(&writer->keys, key->value, key->n_bytes);
}

static bool append_size(struct gguf_writer *writer, uint64_t n_bytes, struct error *err)
{
    if (writer->n_tensors == writer->sizes_capacity) {
        size_t capacity = max_size(2 * writer->sizes_capacity, 64);
        uint64_t *sizes =
            memory_grow(writer->sizes, writer->n_tensors, capacity, sizeof *sizes, "tensor sizes", err);
        writer->sizes = sizes;
        writer->sizes_capacity = sizes != NULL ? capacity : 0;
        if (sizes == NULL) {
            writer->n_tensors = 0;
            return false;
        }
    }
    writer->sizes[writer->n_tensors++] = n_bytes;
    return true;
}

bool gguf_write_tensor(struct gguf_writer *writer, const char *name, uint32_t n_dimensions,
                       const uint64_t *dimensions, enum format format, struct error *err)
{
    assert(n_dimensions >= 1 && n_dimensions <= GGUF_MAX_DIMENSIONS);
    if (strlen(name) >= GGUF_NAME_BYTES)
        return fail(err, "tensor %s: a name may have %d bytes", name, GGUF_NAME_BYTES - 1);
    put_text(&writer->infos, name, strlen(name));
    put_u32(&writer->infos, n_dimensions);
    uint64_t n_bytes = format_row_bytes(format, dimensions[0]);
    for (uint32_t i = 0; i < n_dimensions; i++) {
        put_u64(&writer->infos, dimensions[i]);
        if (i > 0 && __builtin_mul_overflow(n_bytes, dimensions[i], &n_bytes))
            return fail(err, "tensor %s: larger than 2^64 bytes", name);
    }
    put_u32(&writer->infos, format_info(format)->gguf_id);
    put_u64(&writer->infos, writer->planned_bytes);
    writer->planned_bytes = round_up(writer->planned_bytes + n_bytes, GGUF_ALIGNMENT);
    return append_size(writer, n_bytes, err);
}

#define HEADER_BYTES (4 + 4 + 8 + 8) /* magic, version, tensors, keys */

uint64_t gguf_writer_size(const struct gguf_writer *writer)
{
    uint64_t header = HEADER_BYTES + writer->keys.n_bytes + writer->infos.n_bytes;
    return round_up(header, GGUF_ALIGNMENT) + writer->planned_bytes;
}

bool gguf_writer_head(const struct gguf_writer *writer, struct buffer *head, struct error *err)
{
    if (!buffer_ok(&writer->keys, err) || !buffer_ok(&writer->infos, err))
        return false;
    buffer_append_text(head, GGUF_MAGIC);
    put_u32(head, GGUF_VERSION);
    put_u64(head, writer->n_tensors);
    put_u64(head, writer->n_keys);
    buffer_append(head, writer->keys.bytes, writer->keys.n_bytes);
    buffer_append(head, writer->infos.bytes, writer->infos.n_bytes);
    return buffer_ok(head, err);
}

bool gguf_writer_start(struct gguf_writer *writer, struct error *err)
{
    struct buffer head = {0};
    struct output *output = &writer->output;
    bool ok = gguf_writer_head(writer, &head, err) && output_write(output, head.bytes, head.n_bytes, err);
    buffer_release(&head);
    if (ok) {
        writer->data_offset = round_up(output->n_bytes, GGUF_ALIGNMENT);
        ok = output_fill(output, 0, writer->data_offset - output->n_bytes, err);
    }
    return ok || fail_in(err, output->path);
}

/* Ends the current tensor, padded as its successor's offset says. */
static bool finish_tensor(struct gguf_writer *writer, struct error *err)
{
    uint64_t n_bytes = writer->sizes[writer->tensor];
    writer->tensor++;
    writer->tensor_bytes = 0;
    return output_fill(&writer->output, 0, round_up(n_bytes, GGUF_ALIGNMENT) - n_bytes, err);
}

bool gguf_write_data(struct gguf_writer *writer, const void *bytes, size_t n_bytes, struct error *err)
{
    const uint8_t *at = bytes;
    while (n_bytes > 0) {
        assert(writer->tensor < writer->n_tensors);
        size_t n = min_size(n_bytes, writer->sizes[writer->tensor] - writer->tensor_bytes);
        if (!output_write(&writer->output, at, n, err))
            return fail_in(err, writer->output.path);
        at += n;
        n_bytes -= n;
        writer->tensor_bytes += n;
        if (writer->tensor_bytes == writer->sizes[writer->tensor] && !finish_tensor(writer, err))
            return fail_in(err, writer->output.path);
    }
    return true;
}

bool gguf_writer_commit(struct gguf_writer *writer, struct error *err)
{
    if (writer->tensor != writer->n_tensors)
        return fail(err, "%s: %zu of %llu tensors were written", writer->output.path, writer->tensor,
                    (unsigned long long)writer->n_tensors);
    return output_commit(&writer->output, err) || fail_in(err, writer->output.path);
}

void gguf_writer_discard(struct gguf_writer *writer)
{
    output_discard(&writer->output);
    buffer_release(&writer->keys);
    buffer_release(&writer->infos);
    memory_free(writer->sizes);
    *writer = (struct gguf_writer){0};
}
