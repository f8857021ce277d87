/* SPDX-License-Identifier: Apache-2.0 */
/* spelling.c - two lists, and the distance between two words. */
#include "cli/spelling.h"

#include <stdint.h>
#include <string.h>

#define LONGEST_WORD \
    32 /* more is no slip of an option's or a command's name, the longest of which has 20 letters */

/* Names that KTransformers (gguf_path to force_think) and llama.cpp (the rest) use. */
static const struct alias aliases[] = {
    {"gguf-path", "model", NULL},
    {"cpu-infer", "threads", NULL},
    {"cache-lens", "ctx-size", NULL},
    {"total-context", "ctx-size", NULL},
    {"temperature", "temp", NULL},
    {"force-think", "think", "force"},
    {"cache-q4", "kv", "q4_0"},
    {"ctx", "ctx-size", NULL},
    {"n-predict", "max-new-tokens", NULL},
};

static const struct {
    const char *typed, *says;
} refusals[] = {
    {"gpu", "not built yet; everything runs on the CPU"},
    {"no-graph", "not built yet; everything runs on the CPU"},
    {"model-path", "a GGUF file holds its own configuration and tokenizer; give that file with -m"},
    {"optimize-config-path", "there are no rule files; leave it out, a GGUF file given with -m is enough"},
};

const struct alias *alias_at(size_t i)
{
    return i < sizeof aliases / sizeof *aliases ? &aliases[i] : NULL;
}

const struct alias *alias_find(const char *typed)
{
    const struct alias *alias;
    for (size_t i = 0; (alias = alias_at(i)) != NULL; i++)
        if (strcmp(alias->typed, typed) == 0)
            return alias;
    return NULL;
}

const char *option_refusal(const char *typed)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (strcmp(refusals[i].typed, typed) == 0)
            return refusals[i].says;
    return NULL;
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Letters to insert, drop or change to make one word of the other (Levenshtein); two neighbours swapped
 * count as one change. Both words have LONGEST_WORD letters at most. */
static size_t distance(const char *a, size_t a_letters, const char *b, size_t b_letters)
{
    size_t rows[3][LONGEST_WORD + 1]; /* [row of a, modulo 3][letters of b] */
    for (size_t j = 0; j <= b_letters; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_letters; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_letters; j++) {
            row[j] = smallest(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two_above[j - 2] + 1 < row[j])
                row[j] = two_above[j - 2] + 1;
        }
    }
    return rows[a_letters % 3][b_letters];
}

struct nearest nearest_to(const char *word)
{
    return (struct nearest){.word = word, .distance = SIZE_MAX};
}

void nearest_consider(struct nearest *nearest, const char *candidate)
{
    size_t word_letters = strlen(nearest->word), letters = strlen(candidate);
    if (word_letters > LONGEST_WORD || letters > LONGEST_WORD)
        return;
    size_t d = distance(nearest->word, word_letters, candidate, letters);
    if (d <= (word_letters + 2) / 3 && d < letters && d < nearest->distance) {
        nearest->candidate = candidate;
        nearest->distance = d;
    }
}
