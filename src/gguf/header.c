/* SPDX-License-Identifier: Apache-2.0 */
/* header.c - reading the keys and tensor headers of one shard.
 *
 * Every count is compared with the bytes that are left before anything is
 * allocated for it, and every loop over a count ends where the file does, so
 * a damaged file costs no more memory or time than its own size allows. */
#include "gguf/header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "base/utf8.h"

/* The shortest that a file can hold: a key is the length and one letter of a name, a type and a byte; a
 * tensor is the length and one letter of a name, the number of dimensions, one of them, a format and an
 * offset. */
#define LEAST_KEY_BYTES    (8 + 1 + 4 + 1)
#define LEAST_TENSOR_BYTES (8 + 1 + 4 + 8 + 4 + 8)

/* Beside the file's size: space for all is taken before the first is read. R1 has 1025 and some 50. */
#define MOST_TENSORS (1u << 20)
#define MOST_KEYS    (1u << 16)

#define MAX_KEY_NAME_BYTES 65535     /* GGUF specification: 2^16 - 1 */
#define MAX_ARRAY_DEPTH    4         /* no known file nests arrays at all; the specification allows it */
#define MAX_ALIGNMENT      (1 << 20) /* far above any page; a larger one is damage */

/* Bytes of a value; 0 where they depend on the value. */
static const uint8_t type_bytes[GGUF_TYPE_COUNT] = {
    [GGUF_U8] = 1,  [GGUF_I8] = 1,   [GGUF_U16] = 2, [GGUF_I16] = 2, [GGUF_U32] = 4, [GGUF_I32] = 4,
    [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
};

static bool starts_with(const struct mapping *map, const char *text)
{
    size_t n_bytes = strlen(text);
    return map->n_bytes >= n_bytes && memcmp(map->bytes, text, n_bytes) == 0;
}

/* What people take for a model file, by its first bytes. */
static bool fail_foreign(const struct mapping *map, struct error *err)
{
    static const struct {
        const char *start, *meaning;
    } known[] = {
        {"lmgg", "a GGML file from before GGUF; download a newer conversion"},
        {"fmgg", "a GGML file from before GGUF; download a newer conversion"},
        {"tjgg", "a GGML file from before GGUF; download a newer conversion"},
        {"version https://git-lfs", "a Git LFS pointer; the model itself was not downloaded"},
        {"<", "a web page; the download went wrong"},
        {"PK\x03\x04", "a zip archive, perhaps PyTorch weights"},
    };
    if (map->n_bytes == 0)
        return fail(err, "is empty");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (starts_with(map, known[i].start))
            return fail(err, "not a GGUF file but %s", known[i].meaning);
    return fail(err, "not a GGUF file");
}

static bool read_start(struct gguf_shard *shard, struct reader *r, uint64_t *n_keys, struct error *err)
{
    if (!starts_with(&shard->map, GGUF_MAGIC))
        return fail_foreign(&shard->map, err);
    read_u32(r);
    shard->version = read_u32(r);
    uint64_t n_tensors = read_u64(r);
    *n_keys = read_u64(r);
    if (r->overrun)
        return fail(err, "cut short in its first 24 bytes");
    if ((shard->version & 0xFFFF) == 0 && shard->version != 0)
        return fail(err, "big-endian GGUF; download the little-endian file");
    if (shard->version < 2 || shard->version > GGUF_VERSION)
        return fail(err, "GGUF version %u, expected 2 or 3", shard->version);
    if (n_tensors > reader_left(r) / LEAST_TENSOR_BYTES || *n_keys > reader_left(r) / LEAST_KEY_BYTES)
        return fail(err, "claims %llu tensors and %llu keys, more than its %zu bytes can hold",
                    (unsigned long long)n_tensors, (unsigned long long)*n_keys, shard->map.n_bytes);
    if (n_tensors > MOST_TENSORS || *n_keys > MOST_KEYS)
        return fail(err, "claims %llu tensors and %llu keys, and no model has so many",
                    (unsigned long long)n_tensors, (unsigned long long)*n_keys);
    shard->n_tensors = n_tensors;
    return true;
}

static struct gguf_text read_text(struct reader *r)
{
    uint64_t n_bytes = read_u64(r);
    const uint8_t *bytes = read_bytes(r, n_bytes);
    return bytes != NULL ? (struct gguf_text){(const char *)bytes, n_bytes} : (struct gguf_text){"", 0};
}

/* Names go to terminals and error lines: no control characters, of either of Unicode's two ranges. */
static bool printable(struct gguf_text text)
{
    for (size_t at = 0, used; at < text.n_bytes; at += used) {
        uint32_t c = utf8_decode(text.bytes + at, text.n_bytes - at, &used);
        if (c == UTF8_INVALID || c < 0x20 || (c >= 0x7F && c < 0xA0))
            return false;
    }
    return text.n_bytes > 0;
}

/* Moves past n items of a type. Running out of bytes shows in r->overrun. */
static bool skip_items(struct reader *r, enum gguf_type type, uint64_t n, unsigned depth, struct error *err)
{
    if (type_bytes[type] > 0) {
        read_bytes(r, n <= reader_left(r) ? n * type_bytes[type] : UINT64_MAX);
        return true;
    }
    for (uint64_t i = 0; i < n && !r->overrun; i++) {
        if (type == GGUF_TEXT) {
            read_bytes(r, read_u64(r));
            continue;
        }
        uint32_t item_type = read_u32(r);
        uint64_t n_items = read_u64(r);
        if (item_type >= GGUF_TYPE_COUNT)
            return fail(err, "array of unknown type %u", item_type);
        if (depth == MAX_ARRAY_DEPTH)
            return fail(err, "arrays nested more than %u deep", MAX_ARRAY_DEPTH);
        if (!skip_items(r, item_type, n_items, depth + 1, err))
            return false;
    }
    return true;
}

static bool read_value(struct gguf_key *key, struct reader *r, struct error *err)
{
    uint32_t type = read_u32(r);
    uint32_t item_type = type;
    key->n_items = 1;
    if (type == GGUF_ARRAY) {
        item_type = read_u32(r);
        key->n_items = read_u64(r);
    }
    if (type >= GGUF_TYPE_COUNT)
        return fail(err, "unknown type %u", type);
    if (item_type >= GGUF_TYPE_COUNT)
        return fail(err, "array of unknown type %u", item_type);
    key->type = type;
    key->item_type = item_type;
    size_t start = r->at;
    key->value = r->bytes + start;
    if (!skip_items(r, item_type, key->n_items, 1, err))
        return false;
    key->n_bytes = r->at - start;
    return true;
}

static bool read_key(struct gguf_keys *keys, struct reader *r, size_t place, struct error *err)
{
    struct gguf_key *key = &keys->items[place];
    key->name = read_text(r);
    if (r->overrun)
        return fail(err, "cut short in the name of key %zu", place);
    if (key->name.n_bytes > MAX_KEY_NAME_BYTES || !printable(key->name))
        return fail(err, "the name of key %zu is damaged", place);

    int name_bytes = (int)key->name.n_bytes;
    if (!read_value(key, r, err)) {
        char where[128];
        snprintf(where, sizeof where, "key %.*s", name_bytes, key->name.bytes);
        return fail_in(err, where);
    }
    if (r->overrun)
        return fail(err, "cut short in key %.*s", name_bytes, key->name.bytes);
    if (index_add(&keys->index, key->name.bytes, key->name.n_bytes, (uint32_t)place) != place)
        return fail(err, "key %.*s stands twice", name_bytes, key->name.bytes);
    return true;
}

static bool read_alignment(struct gguf_shard *shard, struct error *err)
{
    shard->alignment = GGUF_ALIGNMENT;
    uint32_t place = index_find(&shard->keys.index, GGUF_KEY_ALIGNMENT, strlen(GGUF_KEY_ALIGNMENT));
    if (place == INDEX_NONE)
        return true;
    uint64_t alignment;
    if (!gguf_key_u64(&shard->keys.items[place], &alignment))
        return fail(err, "key " GGUF_KEY_ALIGNMENT " is not a whole number");
    /* The specification asks for a multiple of 8; readers everywhere expect a power of two. */
    if (alignment < 8 || alignment > MAX_ALIGNMENT || (alignment & (alignment - 1)) != 0)
        return fail(err, "key " GGUF_KEY_ALIGNMENT ": %llu, expected a power of two from 8 to %d",
                    (unsigned long long)alignment, MAX_ALIGNMENT);
    shard->alignment = (uint32_t)alignment;
    return true;
}

bool header_read_keys(struct gguf_shard *shard, struct error *err)
{
    struct reader r = reader_over(shard->map.bytes, shard->map.n_bytes);
    uint64_t n_keys = 0;
    if (!read_start(shard, &r, &n_keys, err))
        return false;
    struct gguf_keys *keys = &shard->keys;
    keys->items = memory_allocate(n_keys, sizeof *keys->items, "keys", err);
    if (keys->items == NULL || !index_init(&keys->index, n_keys, err))
        return false;
    keys->n_items = n_keys;
    for (size_t i = 0; i < n_keys; i++)
        if (!read_key(keys, &r, i, err))
            return false;
    shard->infos_offset = r.at;
    return read_alignment(shard, err);
}

void header_release_keys(struct gguf_keys *keys)
{
    memory_free(keys->items);
    index_release(&keys->index);
    *keys = (struct gguf_keys){0};
}

static bool read_format(struct gguf_tensor *tensor, uint32_t id, struct error *err)
{
    if (format_by_id(id, &tensor->format))
        return true;
    const char *foreign = format_foreign_name(id);
    if (foreign != NULL)
        return fail(err, "format %s is not supported", foreign);
    return fail(err, "unknown format %u", id);
}

/* Bytes of the tensor from its dimensions; an error where they are not possible. */
static bool measure(struct gguf_tensor *tensor, struct error *err)
{
    uint64_t n_values = 1;
    for (uint32_t i = 0; i < GGUF_MAX_DIMENSIONS; i++) {
        if (tensor->dimensions[i] == 0)
            return fail(err, "dimension %u is zero", i);
        if (__builtin_mul_overflow(n_values, tensor->dimensions[i], &n_values) || n_values > INT64_MAX)
            return fail(err, "its dimensions multiply beyond 2^63");
    }
    const struct format_info *format = format_info(tensor->format);
    if (tensor->dimensions[0] % format->block_values != 0)
        return fail(err, "rows of %llu values are not whole blocks of %s, which hold %u",
                    (unsigned long long)tensor->dimensions[0], format->name, format->block_values);
    if (__builtin_mul_overflow(n_values / format->block_values, (uint64_t)format->block_bytes,
                               &tensor->n_bytes))
        return fail(err, "its dimensions multiply beyond 2^63");
    return true;
}

static bool read_tensor(struct gguf_tensor *tensor, struct reader *r, size_t place, struct error *err)
{
    struct gguf_text name = read_text(r);
    if (r->overrun)
        return fail(err, "cut short in the name of tensor %zu", place);
    if (name.n_bytes >= GGUF_NAME_BYTES || !printable(name))
        return fail(err, "the name of tensor %zu is damaged", place);
    memcpy(tensor->name, name.bytes, name.n_bytes);
    tensor->name[name.n_bytes] = '\0';

    tensor->n_dimensions = read_u32(r);
    if (!r->overrun && (tensor->n_dimensions == 0 || tensor->n_dimensions > GGUF_MAX_DIMENSIONS))
        return fail(err, "tensor %s: %u dimensions, expected 1 to 4", tensor->name, tensor->n_dimensions);
    for (uint32_t i = 0; i < GGUF_MAX_DIMENSIONS; i++)
        tensor->dimensions[i] = i < tensor->n_dimensions && !r->overrun ? read_u64(r) : 1;
    uint32_t format_id = read_u32(r);
    tensor->offset = read_u64(r);
    if (r->overrun)
        return fail(err, "cut short in the header of tensor %s", tensor->name);
    if (!read_format(tensor, format_id, err) || !measure(tensor, err)) {
        char where[GGUF_NAME_BYTES + 8];
        snprintf(where, sizeof where, "tensor %s", tensor->name);
        return fail_in(err, where);
    }
    return true;
}

/* Turns the offset in the header, which counts from the data section, into one in the file, and checks it. */
static bool place_tensor(const struct gguf_shard *shard, struct gguf_tensor *tensor, struct error *err)
{
    if (tensor->offset % shard->alignment != 0)
        return fail(err, "tensor %s: offset %llu is not a multiple of %u", tensor->name,
                    (unsigned long long)tensor->offset, shard->alignment);
    uint64_t end;
    if (__builtin_add_overflow(tensor->offset, shard->data_offset, &tensor->offset) ||
        __builtin_add_overflow(tensor->offset, tensor->n_bytes, &end))
        return fail(err, "tensor %s: lies beyond 2^64 bytes", tensor->name);
    if (end > shard->map.n_bytes)
        return fail(err, "tensor %s: ends at byte %llu, but the file has only %zu (an incomplete download?)",
                    tensor->name, (unsigned long long)end, shard->map.n_bytes);
    tensor->bytes = shard->map.bytes + tensor->offset;
    return true;
}

static int compare_offsets(const void *a, const void *b)
{
    const struct gguf_tensor *const *left = a, *const *right = b;
    return ((*left)->offset > (*right)->offset) - ((*left)->offset < (*right)->offset);
}

static bool check_overlaps(const struct gguf_tensor *tensors, size_t n_tensors, struct error *err)
{
    const struct gguf_tensor **order = memory_allocate(n_tensors, sizeof *order, "a list of tensors", err);
    if (order == NULL)
        return false;
    for (size_t i = 0; i < n_tensors; i++)
        order[i] = &tensors[i];
    if (n_tensors > 0)
        qsort(order, n_tensors, sizeof *order, compare_offsets);
    bool apart = true;
    for (size_t i = 1; i < n_tensors && apart; i++)
        if (order[i - 1]->offset + order[i - 1]->n_bytes > order[i]->offset)
            apart = fail(err, "tensor %s: overlaps tensor %s", order[i]->name, order[i - 1]->name);
    memory_free(order);
    return apart;
}

bool header_read_tensors(struct gguf_shard *shard, struct gguf_tensor *tensors, struct error *err)
{
    struct reader r = reader_over(shard->map.bytes, shard->map.n_bytes);
    read_bytes(&r, shard->infos_offset);
    for (size_t i = 0; i < shard->n_tensors; i++)
        if (!read_tensor(&tensors[i], &r, i, err))
            return false;
    shard->data_offset = round_up(r.at, shard->alignment);
    for (size_t i = 0; i < shard->n_tensors; i++)
        if (!place_tensor(shard, &tensors[i], err))
            return false;
    return check_overlaps(tensors, shard->n_tensors, err);
}
