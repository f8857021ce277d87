/* SPDX-License-Identifier: Apache-2.0 */
/* panel.c - pairs of panels times tokens by VPDPBUSD, for every format alike. */
#include "kernel/avx512/panel_multiply.h"

/* Fours of columns, one after the other: a panel's vector times four values of a token, broadcast. */
INLINE void add_fours(struct kind k, const struct sides *sides, size_t group, __m512i sums[PAIR][MOST_TOKENS])
{
    size_t n = (size_t)k.group / 4;
    UNROLL
    for (size_t i = 0; i < n; i++) {
        __m512i codes[PAIR];
        UNROLL
        for (size_t j = 0; j < k.n_panels; j++)
            codes[j] = _mm512_load_si512(sides->pair->panels[j]->codes[group * n + i]);
        UNROLL
        for (size_t t = 0; t < k.n_tokens; t++) {
            uint32_t four = load_u32((const uint8_t *)sides->tokens[t].values + 4 * (group * n + i));
            UNROLL
            for (size_t j = 0; j < k.n_panels; j++)
                sums[j][t] = _mm512_dpbusd_epi32(sums[j][t], codes[j], _mm512_set1_epi32((int)four));
        }
    }
}

/* A function for each number of tokens, of one kind of format. */
#define MULTIPLY(name, N, ...)                                                                             \
    static void name##_##N(const struct pair *pair, const struct token *tokens, const struct place *place, \
                           struct ahead_rows *ahead)                                                       \
    {                                                                                                      \
        multiply_tokens((struct kind){.n_panels = PAIR, .n_tokens = N, __VA_ARGS__},                       \
                        &(struct sides){pair, tokens, ahead, NULL}, place, add_fours);                     \
    }
#define MULTIPLY_EACH(name, ...)                                                           \
    MULTIPLY(name, 1, __VA_ARGS__)                                                         \
    MULTIPLY(name, 2, __VA_ARGS__)                                                         \
    MULTIPLY(name, 3, __VA_ARGS__)                                                         \
    MULTIPLY(name, 4, __VA_ARGS__)                                                         \
    MULTIPLY(name, 5, __VA_ARGS__)                                                         \
    MULTIPLY(name, 6, __VA_ARGS__)                                                         \
    MULTIPLY(name, 7, __VA_ARGS__)                                                         \
    MULTIPLY(name, 8, __VA_ARGS__)                                                         \
    static multiply_fn *const name[PASS_TOKENS] = {name##_1, name##_2, name##_3, name##_4, \
                                                   name##_5, name##_6, name##_7, name##_8};

typedef void multiply_fn(const struct pair *pair, const struct token *tokens, const struct place *place,
                         struct ahead_rows *ahead);

MULTIPLY_EACH(of_16, .group = 16)
MULTIPLY_EACH(of_32, .group = 32)
MULTIPLY_EACH(of_32_minima_of_32, .group = 32, .minimum = 32)
MULTIPLY_EACH(flat, .group = 32, .flat = true)
MULTIPLY_EACH(flat_minima_of_16, .group = 32, .minimum = 16, .flat = true)

static multiply_fn *const *functions_for(const struct panel_format *f)
{
    if (f->group == 16)
        return of_16;
    if (f->flat)
        return f->minimum == 0 ? flat : flat_minima_of_16;
    return f->minimum == 0 ? of_32 : of_32_minima_of_32;
}

/* In two passes, of as many tokens each: the sums of few would wait for themselves. */
void avx512_multiply_pair(const struct panel_format *f, const struct pair *pair, const struct token *tokens,
                          size_t n, const struct place *place, struct ahead_rows *ahead)
{
    multiply_fn *const *functions = functions_for(f);
    size_t half = n > PASS_TOKENS ? (n + 1) / 2 : n;
    functions[half - 1](pair, tokens, place, ahead);
    if (half < n)
        functions[n - half - 1](pair, tokens + half, place, ahead);
}

/* Those of the next two passes, where all that are left pass in as many each: 17 as 6, 6 and 5. */
static size_t tokens_at_once(size_t n_left)
{
    size_t n_passes = (n_left + PASS_TOKENS - 1) / PASS_TOKENS;
    return min_size(n_left, 2 * ((n_left + n_passes - 1) / n_passes));
}

void avx512_panel_product(const struct panel_format *f, const struct product *p)
{
    avx512_walk_panels(f, p, &(struct multiply){avx512_multiply_pair, tokens_at_once});
}
