/* SPDX-License-Identifier: Apache-2.0 */
/* vocabulary_open.c - a vocabulary from the keys of a GGUF file: the only reader that knows how they are
 * called. What the values mean is checked where the vocabulary is built. */
#include "base/memory.h"
#include "gguf/gguf.h"
#include "text/vocabulary.h"

/* What the source points to while the vocabulary is built. */
struct arrays {
    struct text *tokens;
    struct text *merges;
    int32_t *types;
};

static bool check_model(const struct gguf *file, struct error *err)
{
    char excerpt[TEXT_EXCERPT_BYTES];
    struct gguf_text model = {0};
    if (!gguf_read_text(file, "tokenizer.ggml.model", &model, err))
        return false;
    if (gguf_text_is(model, "gpt2"))
        return true;
    if (model.n_bytes == 0)
        return fail(err, "the file has no vocabulary (tokenizer.ggml.model is missing)");
    return fail(err, "the vocabulary is of the kind \"%s\", only gpt2 (byte-level pairs) is built",
                text_excerpt((struct text){model.bytes, model.n_bytes}, excerpt));
}

static bool read_texts(const struct gguf *file, const char *name, struct text **texts, size_t *n,
                       struct error *err)
{
    struct gguf_texts items;
    if (!gguf_read_texts(file, name, &items, err))
        return false;
    *texts = memory_allocate(items.n_left, sizeof **texts, name, err);
    if (*texts == NULL)
        return false;
    *n = 0;
    for (struct gguf_text item; gguf_texts_next(&items, &item);)
        (*texts)[(*n)++] = (struct text){item.bytes, item.n_bytes};
    return true;
}

static bool read_types(const struct gguf *file, size_t n_tokens, int32_t **types, struct error *err)
{
    const char *name = "tokenizer.ggml.token_type";
    const struct gguf_key *key = gguf_find_key(file, name);
    if (key == NULL)
        return fail(err, "%s is missing: control tokens cannot be told from text", name);
    if (key->type != GGUF_ARRAY || key->n_items != n_tokens)
        return fail(err, "%s has %llu items for %zu tokens", name, (unsigned long long)key->n_items,
                    n_tokens);
    *types = memory_allocate(n_tokens, sizeof **types, name, err);
    if (*types == NULL)
        return false;
    for (size_t i = 0; i < n_tokens; i++) {
        int64_t type;
        if (!gguf_item_i64(key, i, &type) || type < INT32_MIN || type > INT32_MAX)
            return fail(err, "%s: item %zu is no token type", name, i);
        (*types)[i] = (int32_t)type;
    }
    return true;
}

static bool read_small_keys(const struct gguf *file, struct vocabulary_source *source, struct error *err)
{
    struct gguf_text pre = {0}, chat_template = {0};
    if (!gguf_read_text(file, "tokenizer.ggml.pre", &pre, err) ||
        !gguf_read_text(file, "tokenizer.chat_template", &chat_template, err) ||
        !gguf_read_u32(file, "tokenizer.ggml.bos_token_id", &source->bos, err) ||
        !gguf_read_u32(file, "tokenizer.ggml.eos_token_id", &source->eos, err) ||
        !gguf_read_bool(file, "tokenizer.ggml.add_bos_token", &source->add_bos, err))
        return false;
    source->pre = (struct text){pre.bytes, pre.n_bytes};
    source->chat_template = (struct text){chat_template.bytes, chat_template.n_bytes};
    return true;
}

bool vocabulary_open(struct vocabulary **vocabulary, const struct gguf *file, struct error *err)
{
    *vocabulary = NULL;
    struct arrays arrays = {0};
    struct vocabulary_source source = {.bos = TOKEN_NONE, .eos = TOKEN_NONE};
    bool done = check_model(file, err) && read_small_keys(file, &source, err) &&
                read_texts(file, "tokenizer.ggml.tokens", &arrays.tokens, &source.n_tokens, err) &&
                read_texts(file, "tokenizer.ggml.merges", &arrays.merges, &source.n_merges, err) &&
                read_types(file, source.n_tokens, &arrays.types, err);
    if (done) {
        source.tokens = arrays.tokens;
        source.merges = arrays.merges;
        source.types = arrays.types;
        done = vocabulary_create(vocabulary, &source, err);
    }
    memory_free(arrays.tokens);
    memory_free(arrays.merges);
    memory_free(arrays.types);
    return done || fail_in(err, gguf_path(file));
}
