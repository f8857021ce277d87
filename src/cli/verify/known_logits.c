/* SPDX-License-Identifier: Apache-2.0 */
/* known_logits.c - reading them; tests/golden/README.md says how such files are made. */
#include "cli/verify/known_logits.h"

#include <jansson.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

#define ENDING     ".gguf"
#define TEXT_LIMIT ((size_t)1 << 22)
#define ROWS_LIMIT ((size_t)1 << 28)
#define MOST_ITEMS ((json_int_t)1 << 24) /* of tokens, rows, words: far more than any such file has */

static bool path_beside(struct buffer *beside, const char *path, const char *ending)
{
    size_t n = strlen(path), n_ending = strlen(ENDING);
    if (n < n_ending || strcmp(path + n - n_ending, ENDING) != 0)
        return false;
    buffer_append(beside, path, n - n_ending);
    buffer_append_text(beside, ending);
    return buffer_ok(beside, NULL);
}

bool known_logits_exist(const char *path)
{
    struct buffer text = {0}, floats = {0};
    bool exist = path_beside(&text, path, ".json") && path_beside(&floats, path, ".logits.f32") &&
                 file_kind(buffer_text(&text)) == FILE_REGULAR &&
                 file_kind(buffer_text(&floats)) == FILE_REGULAR;
    buffer_release(&text);
    buffer_release(&floats);
    return exist;
}

static bool read_count(const json_t *json, const char *key, json_int_t low, size_t *count)
{
    json_int_t value = json_integer_value(json_object_get(json, key));
    *count = (size_t)value;
    return json_is_integer(json_object_get(json, key)) && value >= low && value <= MOST_ITEMS;
}

static bool take_tokens(struct known_logits *known, const json_t *list, struct error *err)
{
    size_t n = json_array_size(list);
    known->tokens.items = memory_allocate(n, sizeof *known->tokens.items, "token ids", err);
    if (known->tokens.items == NULL)
        return false;
    known->tokens.n_items = n;
    for (size_t i = 0; i < n; i++) {
        json_int_t id = json_integer_value(json_array_get(list, i));
        if (id < 0 || (size_t)id >= known->n_vocabulary)
            return fail(err, "token %zu is not of the vocabulary", i + 1);
        known->tokens.items[i] = (uint32_t)id;
    }
    return true;
}

static bool take_json(struct known_logits *known, const json_t *json, struct error *err)
{
    const json_t *tokens = json_object_get(json, "tokens");
    if (!read_count(json, "n_vocab", 1, &known->n_vocabulary) ||
        !read_count(json, "rows", 1, &known->n_rows) ||
        !read_count(json, "first_logits_row", 0, &known->first_row) ||
        known->first_row + known->n_rows > json_array_size(tokens))
        return fail(err, "expected tokens, n_vocab, rows and first_logits_row that fit together");
    return take_tokens(known, tokens, err);
}

static bool read_text(struct known_logits *known, const char *path, struct error *err)
{
    struct buffer text = {0};
    json_error_t reason;
    json_t *json = NULL;
    bool ok = file_read(&text, path, TEXT_LIMIT, err);
    if (ok) {
        json = json_loadb(buffer_text(&text), text.n_bytes, 0, &reason);
        ok = (json != NULL || fail(err, "line %d: %s", reason.line, reason.text)) &&
             take_json(known, json, err);
    }
    json_decref(json);
    buffer_release(&text);
    return ok || fail_in(err, path);
}

static bool read_floats(struct known_logits *known, const char *path, struct error *err)
{
    size_t expected = known->n_rows * known->n_vocabulary * sizeof(float);
    bool ok = file_read(&known->floats, path, ROWS_LIMIT, err) &&
              (known->floats.n_bytes == expected ||
               fail(err, "%zu bytes, expected %zu", known->floats.n_bytes, expected));
    return ok || fail_in(err, path);
}

bool known_logits_read(struct known_logits *known, const char *path, struct error *err)
{
    struct buffer text = {0}, floats = {0};
    *known = (struct known_logits){0};
    bool ok = (path_beside(&text, path, ".json") && path_beside(&floats, path, ".logits.f32")) ||
              fail(err, "%s: is not named like a model", path);
    ok = ok && read_text(known, buffer_text(&text), err) && read_floats(known, buffer_text(&floats), err);
    buffer_release(&text);
    buffer_release(&floats);
    if (!ok)
        known_logits_release(known);
    return ok;
}

void known_logits_release(struct known_logits *known)
{
    ids_release(&known->tokens);
    buffer_release(&known->floats);
    *known = (struct known_logits){0};
}

const float *known_logits_row(const struct known_logits *known, size_t row)
{
    return (const float *)(const void *)known->floats.bytes + row * known->n_vocabulary;
}
