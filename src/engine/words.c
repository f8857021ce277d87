/* SPDX-License-Identifier: Apache-2.0 */
/* words.c - the public face of text/: vocabularies, tokens, streamed text. */
#include "engine/words.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "engine/constraint/token_tree.h"
#include "text/text_stream.h"
#include "text/tokenizer.h"

struct fathom_vocabulary *fathom_vocabulary_open(const char *path, struct fathom_error *err)
{
    struct error inner = {0};
    struct gguf file = {0};
    struct fathom_vocabulary *vocabulary = memory_allocate(1, sizeof *vocabulary, "a vocabulary", &inner);
    bool opened = vocabulary != NULL && gguf_open(&file, path, &inner) &&
                  vocabulary_open(&vocabulary->words, &file, &inner);
    gguf_close(&file);
    if (opened)
        return vocabulary;
    fathom_vocabulary_close(vocabulary);
    public_fail(err, &inner);
    return NULL;
}

void fathom_vocabulary_close(struct fathom_vocabulary *vocabulary)
{
    if (vocabulary == NULL)
        return;
    token_tree_free(vocabulary->tree);
    vocabulary_free(vocabulary->words);
    memory_free(vocabulary);
}

uint32_t fathom_vocabulary_size(const struct fathom_vocabulary *vocabulary)
{
    return vocabulary->words->n_tokens;
}

const char *fathom_token_text(const struct fathom_vocabulary *vocabulary, uint32_t token, size_t *n_bytes)
{
    struct text text = vocabulary_text(vocabulary->words, token);
    *n_bytes = text.n_bytes;
    return text.bytes;
}

bool fathom_token_is_control(const struct fathom_vocabulary *vocabulary, uint32_t token)
{
    return vocabulary_is_special(vocabulary->words, token);
}

bool fathom_token_ends_answer(const struct fathom_vocabulary *vocabulary, uint32_t token)
{
    return token == vocabulary->words->eos;
}

/* ---- tokens ---- */

void fathom_tokens_release(struct fathom_tokens *tokens)
{
    memory_free(tokens->ids);
    *tokens = (struct fathom_tokens){0};
}

void tokens_hand_over(struct fathom_tokens *to, struct tokens *from)
{
    fathom_tokens_release(to);
    *to = (struct fathom_tokens){from->ids, from->n};
    *from = (struct tokens){0};
}

static bool tokenize(const struct vocabulary *words, struct text text, unsigned flags, struct tokens *out,
                     struct error *err)
{
    struct tokenizer tokenizer = {0};
    if ((flags & FATHOM_ADD_BEGIN) != 0 && words->add_bos && words->bos != TOKEN_NONE)
        tokens_append_one(out, words->bos);
    bool done = tokenizer_init(&tokenizer, words, err) &&
                tokenizer_encode(&tokenizer, text,
                                 (flags & FATHOM_PARSE_SPECIAL) != 0 ? SPECIALS_PARSED : SPECIALS_ARE_TEXT,
                                 out, err) &&
                tokens_ok(out, err);
    tokenizer_release(&tokenizer);
    return done;
}

bool fathom_tokenize(const struct fathom_vocabulary *vocabulary, const char *text, size_t n_bytes,
                     unsigned flags, struct fathom_tokens *tokens, struct fathom_error *err)
{
    struct error inner = {0};
    struct tokens out = {0};
    bool done = tokenize(vocabulary->words, (struct text){text, n_bytes}, flags, &out, &inner);
    if (done)
        tokens_hand_over(tokens, &out);
    tokens_release(&out);
    return done || public_fail(err, &inner);
}

/* ---- streamed text ---- */

struct fathom_text_stream {
    struct text_stream stream;
    struct buffer shown; /* what the last call returned */
};

/* Bytes that one push can release: the longest token, behind up to three that wait. */
static size_t most_shown(const struct vocabulary *words)
{
    size_t longest = 0;
    for (uint32_t i = 0; i < words->n_tokens; i++)
        longest = max_size(longest, vocabulary_text(words, i).n_bytes);
    return longest + 3;
}

struct fathom_text_stream *fathom_text_stream_open(const struct fathom_vocabulary *vocabulary,
                                                   struct fathom_error *err)
{
    struct error inner = {0};
    struct fathom_text_stream *stream = memory_allocate(1, sizeof *stream, "a text stream", &inner);
    if (stream != NULL) {
        stream->stream = text_stream_over(vocabulary->words);
        buffer_reserve(&stream->shown, most_shown(vocabulary->words));
        if (buffer_ok(&stream->shown, &inner))
            return stream;
    }
    fathom_text_stream_close(stream);
    public_fail(err, &inner);
    return NULL;
}

const char *fathom_text_stream_push(struct fathom_text_stream *stream, uint32_t token, size_t *n_bytes)
{
    buffer_clear(&stream->shown);
    text_stream_push(&stream->stream, token, &stream->shown, NULL);
    *n_bytes = stream->shown.n_bytes;
    return buffer_text(&stream->shown);
}

const char *fathom_text_stream_finish(struct fathom_text_stream *stream, size_t *n_bytes)
{
    buffer_clear(&stream->shown);
    text_stream_finish(&stream->stream, &stream->shown, NULL);
    *n_bytes = stream->shown.n_bytes;
    return buffer_text(&stream->shown);
}

void fathom_text_stream_close(struct fathom_text_stream *stream)
{
    if (stream == NULL)
        return;
    buffer_release(&stream->shown);
    memory_free(stream);
}
