/* SPDX-License-Identifier: Apache-2.0 */
/* scripted.c - a vocabulary of bytes, R1's control tokens and a script's texts; embeddings that are axes; and
 * an output matrix with the script's logits. */
#include "server/scripted.h"

#include <math.h>

#include "base/file.h"
#include "check.h"
#include "text/small_vocabulary.h"
#include "weights/model_image.h"

#define TEMPLATE "tests/golden/deepseek-r1-chat-template.jinja"
#define BYTES    256
#define TEXTS    64

/* Ids: control tokens, bytes, texts. */
struct words {
    const char *texts[TEXTS];
    size_t n_texts;
};

static uint32_t id_of(struct words *words, const char *text)
{
    for (uint32_t i = 0; i < SMALL_SPECIALS; i++)
        if (strcmp(small_specials[i], text) == 0)
            return i;
    if (strlen(text) == 1)
        return (uint32_t)(SMALL_SPECIALS + (unsigned char)text[0]);
    for (size_t i = 0; i < words->n_texts; i++)
        if (strcmp(words->texts[i], text) == 0)
            return (uint32_t)(SMALL_SPECIALS + BYTES + i);
    assert_true(words->n_texts < TEXTS);
    words->texts[words->n_texts++] = text;
    return (uint32_t)(SMALL_SPECIALS + BYTES + words->n_texts - 1);
}

static void read_script(struct words *words, const struct scripted_step *steps, size_t n_steps)
{
    for (size_t i = 0; i < n_steps; i++) {
        id_of(words, steps[i].from);
        id_of(words, steps[i].to);
    }
}

unsigned scripted_token(const struct scripted_step *steps, size_t n_steps, const char *text)
{
    struct words words = {0};
    read_script(&words, steps, n_steps);
    return id_of(&words, text);
}

static uint32_t count_tokens(const struct words *words)
{
    return (uint32_t)(SMALL_SPECIALS + BYTES + words->n_texts);
}

/* A text as vocabularies have it: a letter for each byte. */
static void put_letters(struct image *image, struct small_vocabulary *small, const char *bytes,
                        size_t n_bytes)
{
    struct buffer letters = {0};
    for (size_t i = 0; i < n_bytes; i++) {
        const struct text letter = small_letter(small, (unsigned char)bytes[i]);
        buffer_append(&letters, letter.bytes, letter.n_bytes);
    }
    image_put_text(&image->keys, buffer_text(&letters));
    buffer_release(&letters);
}

static void put_vocabulary(struct image *image, const struct words *words)
{
    static struct small_vocabulary small;
    struct buffer chat_template = {0};
    struct error err = {0};
    if (!file_read(&chat_template, TEMPLATE, 65536, &err))
        fail_msg("%s", err.text);
    image_text(image, "tokenizer.ggml.model", "gpt2");
    image_text(image, "tokenizer.ggml.pre", "deepseek-v3");
    image_array(image, "tokenizer.ggml.tokens", GGUF_TEXT, count_tokens(words));
    for (size_t i = 0; i < SMALL_SPECIALS; i++)
        image_put_text(&image->keys, small_specials[i]);
    for (int byte = 0; byte < BYTES; byte++)
        put_letters(image, &small, &(char){(char)byte}, 1);
    for (size_t i = 0; i < words->n_texts; i++)
        put_letters(image, &small, words->texts[i], strlen(words->texts[i]));
    image_array(image, "tokenizer.ggml.token_type", GGUF_I32, count_tokens(words));
    for (size_t i = 0; i < count_tokens(words); i++)
        image_put(&image->keys, i < SMALL_SPECIALS ? TOKEN_CONTROL : TOKEN_NORMAL, 4);
    image_array(image, "tokenizer.ggml.merges", GGUF_TEXT, 0);
    image_u32(image, "tokenizer.ggml.bos_token_id", 0);
    image_u32(image, "tokenizer.ggml.eos_token_id", 1);
    image_number(image, "tokenizer.ggml.add_bos_token", GGUF_BOOL, 1, 1);
    image_text(image, "tokenizer.chat_template", buffer_text(&chat_template));
    buffer_release(&chat_template);
}

/* A tensor's floats, to be written. */
static float *floats_of(const struct gguf *file, const char *name)
{
    for (size_t i = 0; i < file->n_tensors; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return (float *)(uintptr_t)file->tensors[i].bytes; /* the image's own */
    fail_msg("no tensor %s", name);
    return NULL;
}

static void fill(const struct gguf *file, struct words *words, uint32_t n_hidden,
                 const struct scripted_step *steps, size_t n_steps)
{
    for (size_t i = 0; i < file->n_tensors; i++)
        memset((void *)(uintptr_t)file->tensors[i].bytes, 0, file->tensors[i].n_bytes);
    float *embedding = floats_of(file, "token_embd.weight"), *output = floats_of(file, "output.weight");
    float *norm = floats_of(file, "output_norm.weight");
    /* an axis that is normalized has the length of the root of the number of axes */
    for (uint32_t i = 0; i < n_hidden; i++)
        norm[i] = 1 / sqrtf((float)n_hidden);
    for (uint32_t token = 0; token < count_tokens(words); token++)
        embedding[(size_t)token * n_hidden + token] = 1;
    for (size_t i = 0; i < n_steps; i++)
        output[(size_t)id_of(words, steps[i].to) * n_hidden + id_of(words, steps[i].from)] = steps[i].logit;
}

const char *scripted_write(struct scratch *scratch, const struct scripted_step *steps, size_t n_steps)
{
    struct words words = {0};
    struct model model = model_small(LAYOUT_NEW);
    struct gguf file;
    struct error err = {0};
    read_script(&words, steps, n_steps);
    model.vocabulary = count_tokens(&words);
    model.hidden = (uint32_t)round_up(model.vocabulary, 32);
    model.format = FORMAT_F32;
    struct image image = model_image(&model);
    put_vocabulary(&image, &words);
    struct buffer bytes = image_finish(&image);
    if (!gguf_open_bytes(&file, bytes.bytes, bytes.n_bytes, "SCRIPTED", &err))
        fail_msg("%s", err.text);
    fill(&file, &words, model.hidden, steps, n_steps);
    gguf_close(&file);
    const char *path = scratch_write(scratch, "scripted.gguf", bytes.bytes, bytes.n_bytes);
    buffer_release(&bytes);
    return path;
}
