/* SPDX-License-Identifier: Apache-2.0 */
/* logprobs.c - both shapes of log probabilities, as text that grows by an entry a token. */
#include "server/answer/logprobs.h"

#include <string.h>

#include "server/answer/json_writer.h"

#define IMPOSSIBLE (-9999.0) /* what OpenAI's API says where the logarithm is minus infinity */

static void write_logprob(struct buffer *out, float logprob)
{
    json_write_number(out, logprob < (float)IMPOSSIBLE ? IMPOSSIBLE : (double)logprob, 6);
}

static const char *text_of_token(const struct fathom_vocabulary *vocabulary, uint32_t token, size_t *n_bytes)
{
    const char *text = fathom_token_text(vocabulary, token, n_bytes);
    *n_bytes = text != NULL ? *n_bytes : 0;
    return text != NULL ? text : "";
}

/* {"token":" sea","logprob":-0.25,"bytes":[32,115,101,97] without the last brace. */
static void open_entry(struct buffer *out, const struct fathom_vocabulary *vocabulary,
                       struct fathom_logprob entry)
{
    size_t n_bytes;
    const char *text = text_of_token(vocabulary, entry.token, &n_bytes);
    buffer_append_text(out, "{\"token\":");
    json_write_text(out, text, n_bytes);
    buffer_append_text(out, ",\"logprob\":");
    write_logprob(out, entry.logprob);
    buffer_append_text(out, ",\"bytes\":[");
    for (size_t i = 0; i < n_bytes; i++)
        buffer_append_format(out, i > 0 ? ",%u" : "%u", (unsigned)(unsigned char)text[i]);
    buffer_append_text(out, "]");
}

static void add_chat_entry(struct logprobs *logprobs, const struct fathom_vocabulary *vocabulary,
                           struct fathom_logprob picked, const struct fathom_logprob *top, size_t n_top)
{
    struct buffer *out = &logprobs->entries;
    open_entry(out, vocabulary, picked);
    buffer_append_text(out, ",\"top_logprobs\":[");
    for (size_t i = 0; i < n_top; i++) {
        buffer_append_text(out, i > 0 ? "," : "");
        open_entry(out, vocabulary, top[i]);
        buffer_append_text(out, "}");
    }
    buffer_append_text(out, "]}");
}

/* An object of the likeliest tokens' texts, and the picked one's. Several are sent as the same text, where
 * they are no whole characters: the likeliest of those stands for all, since no key may come twice. */
static void write_top(struct buffer *out, const struct fathom_vocabulary *vocabulary,
                      struct fathom_logprob picked, const struct fathom_logprob *top, size_t n_top)
{
    struct buffer keys = {0};
    size_t ends[FATHOM_MOST_LOGPROBS + 2] = {0}, n = 0;
    buffer_append_text(out, "{");
    for (size_t i = 0; i <= n_top; i++) {
        const struct fathom_logprob *entry = i < n_top ? &top[i] : &picked;
        size_t n_bytes, same = 0;
        const char *text = text_of_token(vocabulary, entry->token, &n_bytes);
        json_write_text(&keys, text, n_bytes);
        const size_t begin = ends[n], n_key = keys.n_bytes - begin;
        while (same < n && (ends[same + 1] - ends[same] != n_key ||
                            memcmp(keys.bytes + ends[same], keys.bytes + begin, n_key) != 0))
            same++;
        if (keys.failed || same < n) {
            keys.n_bytes = begin;
            continue;
        }
        buffer_append_text(out, n > 0 ? "," : "");
        buffer_append(out, keys.bytes + begin, n_key);
        buffer_append_text(out, ":");
        write_logprob(out, entry->logprob);
        ends[++n] = keys.n_bytes;
    }
    buffer_append_text(out, "}");
    buffer_release(&keys);
}

static void add_completion_entry(struct logprobs *logprobs, const struct fathom_vocabulary *vocabulary,
                                 struct fathom_logprob picked, const struct fathom_logprob *top, size_t n_top)
{
    size_t n_bytes;
    const char *text = text_of_token(vocabulary, picked.token, &n_bytes);
    json_write_text(&logprobs->entries, text, n_bytes);
    write_logprob(&logprobs->numbers, picked.logprob);
    write_top(&logprobs->tops, vocabulary, picked, top, n_top);
    buffer_append_format(&logprobs->offsets, "%zu", logprobs->n_characters);
    for (size_t i = 0; i < n_bytes; i++) /* as many as have begun */
        logprobs->n_characters += ((unsigned char)text[i] & 0xC0) != 0x80;
}

void logprobs_add(struct logprobs *logprobs, const struct fathom_vocabulary *vocabulary,
                  struct fathom_logprob picked, const struct fathom_logprob *top, size_t n_top)
{
    struct buffer *lists[] = {&logprobs->entries, &logprobs->numbers, &logprobs->tops, &logprobs->offsets};
    for (size_t i = 0; i < (logprobs->is_chat ? 1 : 4); i++)
        buffer_append_text(lists[i], logprobs->n_entries > 0 ? "," : "");
    if (logprobs->is_chat)
        add_chat_entry(logprobs, vocabulary, picked, top, n_top);
    else
        add_completion_entry(logprobs, vocabulary, picked, top, n_top);
    logprobs->n_entries++;
}

void logprobs_clear(struct logprobs *logprobs)
{
    buffer_clear(&logprobs->entries);
    buffer_clear(&logprobs->numbers);
    buffer_clear(&logprobs->tops);
    buffer_clear(&logprobs->offsets);
    logprobs->n_entries = 0;
}

void logprobs_release(struct logprobs *logprobs)
{
    buffer_release(&logprobs->entries);
    buffer_release(&logprobs->numbers);
    buffer_release(&logprobs->tops);
    buffer_release(&logprobs->offsets);
}

static void write_list(struct buffer *out, const char *before, const struct buffer *list)
{
    buffer_append_text(out, before);
    buffer_append(out, buffer_text(list), list->n_bytes);
    buffer_append_text(out, "]");
}

void logprobs_write(struct buffer *out, const struct logprobs *logprobs)
{
    if (logprobs == NULL || !logprobs->wanted) {
        buffer_append_text(out, "null");
        return;
    }
    if (logprobs->is_chat) {
        write_list(out, "{\"content\":[", &logprobs->entries);
    } else {
        write_list(out, "{\"tokens\":[", &logprobs->entries);
        write_list(out, ",\"token_logprobs\":[", &logprobs->numbers);
        write_list(out, ",\"top_logprobs\":[", &logprobs->tops);
        write_list(out, ",\"text_offset\":[", &logprobs->offsets);
    }
    buffer_append_text(out, "}");
}
