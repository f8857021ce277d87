/* SPDX-License-Identifier: Apache-2.0 */
/* writer.h - a GGUF file written front to back: keys, tensor headers, then the weights as a stream.
 *
 * The order of calls is the order of the file: keys and tensors in any order,
 * gguf_writer_start(), then each tensor's bytes in the order in which the
 * tensors were added, in pieces of any size; padding is the writer's. The
 * file appears whole, at commit, or not at all. Version 3, little-endian. */
#ifndef FATHOM_GGUF_WRITER_H
#define FATHOM_GGUF_WRITER_H

#include "base/output.h"
#include "gguf/gguf.h"

struct gguf_writer {
    struct output output;
    struct buffer keys;  /* as they will be in the file */
    struct buffer infos; /* tensor headers, likewise */
    uint64_t n_keys;
    uint64_t n_tensors;
    uint64_t *sizes; /* [n_tensors] owned: bytes of each tensor */
    size_t sizes_capacity;
    uint64_t planned_bytes; /* of the data section so far, padding included */
    uint64_t data_offset;   /* after start: where it begins */
    size_t tensor;          /* after start: the one being written */
    uint64_t tensor_bytes;  /* written of it */
};

bool gguf_writer_open(struct gguf_writer *writer, const char *path, struct error *err);

/* Keys. A failed allocation is reported by gguf_writer_start(); writing one twice is the caller's mistake. */
void gguf_write_u32(struct gguf_writer *writer, const char *name, uint32_t value);
void gguf_write_float(struct gguf_writer *writer, const char *name, float value);
void gguf_write_bool(struct gguf_writer *writer, const char *name, bool value);
void gguf_write_text(struct gguf_writer *writer, const char *name, const char *text);
/* An array's head; exactly n_items items must follow. */
void gguf_write_array(struct gguf_writer *writer, const char *name, enum gguf_type item_type,
                      uint64_t n_items);
void gguf_write_item_text(struct gguf_writer *writer, const char *text, size_t n_bytes);
void gguf_write_item_i32(struct gguf_writer *writer, int32_t value);
void gguf_write_item_float(struct gguf_writer *writer, float value);
void gguf_write_key(struct gguf_writer *writer,
                    const struct gguf_key *key); /* a copy of any key of another file */

/* dimensions: fastest first, whole blocks of the format in the first. */
bool gguf_write_tensor(struct gguf_writer *writer, const char *name, uint32_t n_dimensions,
                       const uint64_t *dimensions, enum format format, struct error *err);
/* Appends header, keys and tensor headers, as they will be in the file. Needs no open file. */
bool gguf_writer_head(const struct gguf_writer *writer, struct buffer *head, struct error *err);
uint64_t gguf_writer_size(const struct gguf_writer *writer); /* of the whole file, as far as it is known */

bool gguf_writer_start(struct gguf_writer *writer,
                       struct error *err); /* header, keys and tensor headers go out */
bool gguf_write_data(struct gguf_writer *writer, const void *bytes, size_t n_bytes, struct error *err);
bool gguf_writer_commit(struct gguf_writer *writer,
                        struct error *err); /* an error where a tensor's bytes are missing */
void gguf_writer_discard(
    struct gguf_writer *writer); /* removes the partial file; safe after commit and on a zeroed one */

#endif
