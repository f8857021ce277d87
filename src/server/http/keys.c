/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c - reading keys, and comparing them without telling how much of one was right. */
#include "server/http/keys.h"

#include <string.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/memory.h"

#define FILE_BYTES ((size_t)1 << 20)
#define BLANKS     " \t\r"

/* A line without the blanks around it; returns its bytes. */
static size_t trim(const char **line, size_t n_bytes)
{
    while (n_bytes > 0 && strchr(BLANKS, **line) != NULL) {
        (*line)++;
        n_bytes--;
    }
    while (n_bytes > 0 && strchr(BLANKS, (*line)[n_bytes - 1]) != NULL)
        n_bytes--;
    return n_bytes;
}

/* Counts the keys, and copies them where there is room. */
static bool read_lines(struct keys *keys, const char *text, struct error *err)
{
    size_t number = 1;
    keys->n = 0;
    for (const char *at = text; *at != '\0'; number++) {
        const char *line = at;
        size_t n_line = strcspn(at, "\n"), n_bytes = trim(&line, n_line);
        at += n_line + (at[n_line] == '\n');
        if (n_bytes == 0 || line[0] == '#')
            continue;
        if (n_bytes >= KEY_BYTES)
            return fail(err, "line %zu: a key of %zu bytes, at most %d", number, n_bytes, KEY_BYTES - 1);
        if (keys->items != NULL)
            memcpy(keys->items[keys->n], line, n_bytes);
        keys->n++;
    }
    return keys->n > 0 || fail(err, "there is no key in it");
}

bool keys_read(struct keys *keys, const char *path, struct error *err)
{
    struct buffer text = {0};
    *keys = (struct keys){0};
    bool done = file_read(&text, path, FILE_BYTES, err) && buffer_ok(&text, err);
    if (done && strlen(buffer_text(&text)) != text.n_bytes)
        done = fail(err, "it holds a zero byte");
    done = done && read_lines(keys, buffer_text(&text), err);
    if (done)
        keys->items = memory_allocate(keys->n, KEY_BYTES, "keys", err);
    done = done && keys->items != NULL && read_lines(keys, buffer_text(&text), err);
    if (text.bytes != NULL)
        explicit_bzero(text.bytes, text.n_bytes);
    buffer_release(&text);
    if (done)
        return true;
    keys_release(keys);
    return fail_in(err, path);
}

void keys_release(struct keys *keys)
{
    if (keys->items != NULL)
        explicit_bzero(keys->items, keys->n * KEY_BYTES);
    memory_free(keys->items);
    *keys = (struct keys){0};
}

bool keys_match(const struct keys *keys, const char *given)
{
    char padded[KEY_BYTES] = {0};
    size_t n_given = given != NULL ? strlen(given) : 0;
    bool found = false;
    memcpy(padded, n_given > 0 ? given : "", min_size(n_given, KEY_BYTES - 1));
    for (size_t i = 0; i < keys->n; i++) {
        unsigned char differs = n_given >= KEY_BYTES;
        for (size_t k = 0; k < KEY_BYTES; k++)
            differs |= (unsigned char)(padded[k] ^ keys->items[i][k]);
        found |= differs == 0;
    }
    return found && n_given > 0;
}
