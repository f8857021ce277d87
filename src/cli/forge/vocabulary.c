/* SPDX-License-Identifier: Apache-2.0 */
/* vocabulary.c - writing a vocabulary into a file's keys. */
#include "cli/forge/vocabulary.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define TOKENIZER_KEYS "tokenizer."
#define KEY(suffix)    TOKENIZER_KEYS "ggml." suffix

/* Ids of tokenizer.ggml.token_type (llama.cpp, llama_token_type). */
enum token_type { TOKEN_NORMAL = 1, TOKEN_CONTROL = 3, TOKEN_USER_DEFINED = 4, TOKEN_UNUSED = 5 };

struct special {
    const char *spelling;
    enum token_type type;
};

/* DeepSeek-R1's tokenizer.json. In front of all tokens: */
static const struct special front[] = {
    {"<｜begin▁of▁sentence｜>", TOKEN_CONTROL},
    {"<｜end▁of▁sentence｜>", TOKEN_CONTROL},
    {"<｜▁pad▁｜>", TOKEN_CONTROL},
};
#define ID_BEGIN 0
#define ID_END   1

/* and these together, from R1's id 128798 on. */
#define BACK_ID 128798
static const struct special back[] = {
    {"<think>", TOKEN_USER_DEFINED},
    {"</think>", TOKEN_USER_DEFINED},
    {"<｜fim▁hole｜>", TOKEN_USER_DEFINED},
    {"<｜fim▁begin｜>", TOKEN_USER_DEFINED},
    {"<｜fim▁end｜>", TOKEN_USER_DEFINED},
    {"<｜User｜>", TOKEN_USER_DEFINED},
    {"<｜Assistant｜>", TOKEN_USER_DEFINED},
    {"<|EOT|>", TOKEN_CONTROL},
    {"<｜tool▁calls▁begin｜>", TOKEN_USER_DEFINED},
    {"<｜tool▁calls▁end｜>", TOKEN_USER_DEFINED},
    {"<｜tool▁call▁begin｜>", TOKEN_USER_DEFINED},
    {"<｜tool▁call▁end｜>", TOKEN_USER_DEFINED},
    {"<｜tool▁outputs▁begin｜>", TOKEN_USER_DEFINED},
    {"<｜tool▁outputs▁end｜>", TOKEN_USER_DEFINED},
    {"<｜tool▁output▁begin｜>", TOKEN_USER_DEFINED},
    {"<｜tool▁output▁end｜>", TOKEN_USER_DEFINED},
    {"<｜tool▁sep｜>", TOKEN_USER_DEFINED},
};

#define N_FRONT (sizeof front / sizeof *front)
#define N_BACK  (sizeof back / sizeof *back)
#define N_BYTES 256
_Static_assert(N_FRONT + N_BACK + N_BYTES == FORGE_LEAST_VOCABULARY, "the least vocabulary holds them all");

/* GPT-2's alphabet: each byte as one printable character, itself in Latin-1 where that can be seen, and else
 * the next free one from U+0100 on (OpenAI's encoder.py, bytes_to_unicode). */
static void byte_letters(uint32_t letters[N_BYTES])
{
    uint32_t next = 0x100;
    for (uint32_t byte = 0; byte < N_BYTES; byte++) {
        bool visible = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
        letters[byte] = visible ? byte : next++;
    }
}

struct token {
    char text[64];
    size_t n_bytes;
    enum token_type type;
};

static struct token token_at(uint32_t id, uint32_t n_tokens, const uint32_t letters[N_BYTES])
{
    /* a vocabulary of R1's size has R1's ids */
    uint32_t first_back = n_tokens >= BACK_ID + N_BACK ? BACK_ID : N_FRONT + N_BYTES;
    struct token token = {.type = TOKEN_NORMAL};
    const struct special *special = NULL;
    if (id < N_FRONT)
        special = &front[id];
    else if (id >= first_back && id < first_back + N_BACK)
        special = &back[id - first_back];

    if (special != NULL) {
        token.n_bytes = (size_t)snprintf(token.text, sizeof token.text, "%s", special->spelling);
        token.type = special->type;
    } else if (id < N_FRONT + N_BYTES) {
        token.n_bytes = utf8_encode(letters[id - N_FRONT], token.text);
    } else {
        token.n_bytes = (size_t)snprintf(token.text, sizeof token.text, "[PAD%u]", id);
        token.type = TOKEN_UNUSED;
    }
    return token;
}

void forge_vocabulary_write(struct gguf_writer *writer, uint32_t n_tokens)
{
    uint32_t letters[N_BYTES];
    byte_letters(letters);
    gguf_write_text(writer, KEY("model"), "gpt2");
    gguf_write_text(writer, KEY("pre"), "deepseek-v3");
    gguf_write_array(writer, KEY("tokens"), GGUF_TEXT, n_tokens);
    for (uint32_t id = 0; id < n_tokens; id++) {
        struct token token = token_at(id, n_tokens, letters);
        gguf_write_item_text(writer, token.text, token.n_bytes);
    }
    gguf_write_array(writer, KEY("token_type"), GGUF_I32, n_tokens);
    for (uint32_t id = 0; id < n_tokens; id++)
        gguf_write_item_i32(writer, (int32_t)token_at(id, n_tokens, letters).type);
    gguf_write_array(writer, KEY("merges"), GGUF_TEXT, 0);
    gguf_write_u32(writer, KEY("bos_token_id"), ID_BEGIN);
    gguf_write_u32(writer, KEY("eos_token_id"), ID_END);
    gguf_write_u32(writer, KEY("padding_token_id"), ID_END);
    gguf_write_bool(writer, KEY("add_bos_token"), true);
    gguf_write_bool(writer, KEY("add_eos_token"), false);
    gguf_write_text(writer, TOKENIZER_KEYS "chat_template", forge_chat_template);
}

bool forge_vocabulary_count(const struct gguf *file, uint32_t *n_tokens, struct error *err)
{
    struct gguf_texts tokens;
    if (!gguf_read_texts(file, KEY("tokens"), &tokens, err))
        return fail_in(err, gguf_path(file));
    if (tokens.n_left == 0 || tokens.n_left > FORGE_MOST_VOCABULARY)
        return fail(err, "%s: a vocabulary of %llu tokens", gguf_path(file),
                    (unsigned long long)tokens.n_left);
    *n_tokens = (uint32_t)tokens.n_left;
    return true;
}

void forge_vocabulary_copy(struct gguf_writer *writer, const struct gguf *file)
{
    const struct gguf_keys *keys = &file->shards[0].keys;
    for (size_t i = 0; i < keys->n_items; i++) {
        struct gguf_text name = keys->items[i].name;
        if (name.n_bytes > strlen(TOKENIZER_KEYS) &&
            memcmp(name.bytes, TOKENIZER_KEYS, strlen(TOKENIZER_KEYS)) == 0)
            gguf_write_key(writer, &keys->items[i]);
    }
}
