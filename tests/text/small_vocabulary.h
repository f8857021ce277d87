/* SPDX-License-Identifier: Apache-2.0 */
/* small_vocabulary.h - a vocabulary made of arrays: the 256 bytes, a few merges, and R1's special
 * tokens. Its fields may be changed before it is built, which is how what must be refused is made. */
#ifndef FATHOM_TESTS_TEXT_SMALL_VOCABULARY_H
#define FATHOM_TESTS_TEXT_SMALL_VOCABULARY_H

#include "base/utf8.h"
#include "text/vocabulary.h"

#define SMALL_MERGES   8
#define SMALL_SPECIALS 15
#define SMALL_MERGED   256 /* the id of the first merge's result */
#define SMALL_CONTROL  (SMALL_MERGED + SMALL_MERGES)
#define SMALL_TOKENS   (SMALL_CONTROL + SMALL_SPECIALS)

struct small_vocabulary {
    char letters[256][4];
    struct text tokens[SMALL_TOKENS]; /* the bytes in order, then what merges make, then special ones */
    int32_t types[SMALL_TOKENS];
    struct text merges[SMALL_MERGES];
    struct vocabulary_source source;
};

/* The letter of a byte, told the other way round than the code under test does it. */
static inline struct text small_letter(struct small_vocabulary *small, int byte)
{
    uint32_t hidden = 0;
    for (int before = 0; before < byte; before++)
        hidden += before <= 32 || (before >= 127 && before <= 160) || before == 173;
    bool is_hidden = byte <= 32 || (byte >= 127 && byte <= 160) || byte == 173;
    size_t n_bytes = utf8_encode(is_hidden ? 0x100 + hidden : (uint32_t)byte, small->letters[byte]);
    return (struct text){small->letters[byte], n_bytes};
}

/* R1's control tokens, which templates place. */
static const char *const small_specials[SMALL_SPECIALS] = {
    "<｜begin▁of▁sentence｜>",
    "<｜end▁of▁sentence｜>",
    "<｜User｜>",
    "<｜Assistant｜>",
    "<think>",
    "</think>",
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁calls▁end｜>",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁outputs▁begin｜>",
    "<｜tool▁outputs▁end｜>",
    "<｜tool▁output▁begin｜>",
    "<｜tool▁output▁end｜>",
    "<｜tool▁sep｜>",
};

/* Fills `small`, which must stay where it is: its source points into it. */
static inline void small_vocabulary_fill(struct small_vocabulary *small)
{
    static const char *const results[SMALL_MERGES] = {"he",      "ll", "hell", "hello",
                                                      "\u0120a", "ab", "bc",   "\u0120\u0120"};
    static const char *const merges[SMALL_MERGES] = {"h e",      "l l", "he ll", "hell o",
                                                     "\u0120 a", "a b", "b c",   "\u0120 \u0120"};
    for (int i = 0; i < SMALL_TOKENS; i++)
        small->types[i] = i < SMALL_CONTROL ? TOKEN_NORMAL : TOKEN_CONTROL;
    for (int i = 0; i < 256; i++)
        small->tokens[i] = small_letter(small, i);
    for (int i = 0; i < SMALL_MERGES; i++) {
        small->tokens[SMALL_MERGED + i] = text_of(results[i]);
        small->merges[i] = text_of(merges[i]);
    }
    for (int i = 0; i < SMALL_SPECIALS; i++)
        small->tokens[SMALL_CONTROL + i] = text_of(small_specials[i]);
    small->source = (struct vocabulary_source){
        .tokens = small->tokens,
        .types = small->types,
        .n_tokens = SMALL_TOKENS,
        .merges = small->merges,
        .n_merges = SMALL_MERGES,
        .pre = TEXT("deepseek-v3"),
        .bos = SMALL_CONTROL,
        .eos = SMALL_CONTROL + 1,
        .add_bos = true,
    };
}

/* The same one at every call, for programs that ask thousands of times; never freed. NULL: out of memory. */
static inline const struct vocabulary *small_vocabulary_shared(void)
{
    static struct vocabulary *shared;
    struct small_vocabulary small;
    struct error err;
    if (shared == NULL) {
        small_vocabulary_fill(&small);
        vocabulary_create(&shared, &small.source, &err);
    }
    return shared;
}

#endif
