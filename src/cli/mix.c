/* SPDX-License-Identifier: Apache-2.0 */
/* mix.c - the mixes. The K and IQ ones follow what llama.cpp's and Unsloth's files of DeepSeek-R1 do with
 * each role: routed experts small, their down projection a step larger, attention and head larger still. */
#include "cli/mix.h"

#include <ctype.h>
#include <strings.h>

#include "cli/command.h"

enum mix_id {
    MIX_F32,
    MIX_F16,
    MIX_BF16,
    MIX_Q8_0,
    MIX_LEGACY,
    MIX_Q4_0,
    MIX_Q4_K_M,
    MIX_Q3_K_M,
    MIX_Q2_K_XL,
    MIX_IQ1_S,
    MIX_IQ1_M,
    MIX_IQ2_XXS,
    MIX_IQ3,
    MIX_COUNT
};

static const struct mix mixes[MIX_COUNT] = {
    [MIX_F32] = {"f32", FORMAT_F32},          [MIX_F16] = {"f16", FORMAT_F16},
    [MIX_BF16] = {"bf16", FORMAT_BF16},       [MIX_Q8_0] = {"q8_0", FORMAT_Q8_0},
    [MIX_LEGACY] = {"legacy", FORMAT_Q4_0},   [MIX_Q4_0] = {"q4_0", FORMAT_Q4_0},
    [MIX_Q4_K_M] = {"q4_k_m", FORMAT_Q4_K},   [MIX_Q3_K_M] = {"q3_k_m", FORMAT_Q3_K},
    [MIX_Q2_K_XL] = {"q2_k_xl", FORMAT_Q4_K}, [MIX_IQ1_S] = {"iq1_s", FORMAT_Q4_K},
    [MIX_IQ1_M] = {"iq1_m", FORMAT_Q4_K},     [MIX_IQ2_XXS] = {"iq2_xxs", FORMAT_Q4_K},
    [MIX_IQ3] = {"iq3", FORMAT_IQ4_XS},
};

static const struct {
    enum mix_id mix;
    enum role role;
    enum format format;
} exceptions[] = {
    {MIX_LEGACY, ROLE_EXPERT_GATE, FORMAT_Q5_0},
    {MIX_LEGACY, ROLE_EXPERT_UP, FORMAT_Q5_0},
    {MIX_LEGACY, ROLE_EXPERT_DOWN, FORMAT_Q4_1},
    {MIX_LEGACY, ROLE_ATTENTION_OUTPUT, FORMAT_Q5_1},
    {MIX_LEGACY, ROLE_OUTPUT, FORMAT_Q8_0},

    {MIX_Q4_K_M, ROLE_EXPERT_DOWN, FORMAT_Q6_K},
    {MIX_Q4_K_M, ROLE_DENSE_DOWN, FORMAT_Q6_K},
    {MIX_Q4_K_M, ROLE_SHARED_DOWN, FORMAT_Q6_K},
    {MIX_Q4_K_M, ROLE_OUTPUT, FORMAT_Q6_K},

    {MIX_Q3_K_M, ROLE_EXPERT_DOWN, FORMAT_Q4_K},
    {MIX_Q3_K_M, ROLE_DENSE_DOWN, FORMAT_Q5_K},
    {MIX_Q3_K_M, ROLE_ATTENTION_OUTPUT, FORMAT_Q4_K},
    {MIX_Q3_K_M, ROLE_OUTPUT, FORMAT_Q6_K},

    {MIX_Q2_K_XL, ROLE_EXPERT_GATE, FORMAT_Q2_K},
    {MIX_Q2_K_XL, ROLE_EXPERT_UP, FORMAT_Q2_K},
    {MIX_Q2_K_XL, ROLE_EXPERT_DOWN, FORMAT_Q3_K},
    {MIX_Q2_K_XL, ROLE_LATENT_DOWN, FORMAT_Q6_K},
    {MIX_Q2_K_XL, ROLE_KEY_VALUE_UP, FORMAT_Q6_K},
    {MIX_Q2_K_XL, ROLE_KEY_UP, FORMAT_Q8_0},
    {MIX_Q2_K_XL, ROLE_VALUE_UP, FORMAT_Q6_K},
    {MIX_Q2_K_XL, ROLE_SHARED_DOWN, FORMAT_Q6_K},
    {MIX_Q2_K_XL, ROLE_OUTPUT, FORMAT_Q6_K},

    {MIX_IQ1_S, ROLE_EXPERT_GATE, FORMAT_IQ1_S},
    {MIX_IQ1_S, ROLE_EXPERT_UP, FORMAT_IQ1_S},
    {MIX_IQ1_S, ROLE_EXPERT_DOWN, FORMAT_IQ2_XXS},
    {MIX_IQ1_S, ROLE_DENSE_DOWN, FORMAT_Q6_K},
    {MIX_IQ1_S, ROLE_SHARED_DOWN, FORMAT_Q6_K},
    {MIX_IQ1_S, ROLE_ATTENTION_OUTPUT, FORMAT_Q5_K},
    {MIX_IQ1_S, ROLE_OUTPUT, FORMAT_Q6_K},

    {MIX_IQ1_M, ROLE_EXPERT_GATE, FORMAT_IQ1_M},
    {MIX_IQ1_M, ROLE_EXPERT_UP, FORMAT_IQ1_M},
    {MIX_IQ1_M, ROLE_EXPERT_DOWN, FORMAT_IQ2_XS},
    {MIX_IQ1_M, ROLE_DENSE_DOWN, FORMAT_Q6_K},
    {MIX_IQ1_M, ROLE_OUTPUT, FORMAT_Q6_K},

    {MIX_IQ2_XXS, ROLE_EXPERT_GATE, FORMAT_IQ2_XXS},
    {MIX_IQ2_XXS, ROLE_EXPERT_UP, FORMAT_IQ2_XXS},
    {MIX_IQ2_XXS, ROLE_EXPERT_DOWN, FORMAT_IQ2_S},
    {MIX_IQ2_XXS, ROLE_DENSE_DOWN, FORMAT_IQ3_S},
    {MIX_IQ2_XXS, ROLE_OUTPUT, FORMAT_Q6_K},

    {MIX_IQ3, ROLE_EXPERT_GATE, FORMAT_IQ3_XXS},
    {MIX_IQ3, ROLE_EXPERT_UP, FORMAT_IQ3_XXS},
    {MIX_IQ3, ROLE_EXPERT_DOWN, FORMAT_IQ3_S},
    {MIX_IQ3, ROLE_ATTENTION_OUTPUT, FORMAT_IQ4_NL},
    {MIX_IQ3, ROLE_OUTPUT, FORMAT_Q6_K},
};

/* Unsloth marks its own blends, which no other here shares a name with. */
static const char prefix[] = "UD-";

static bool same_name(const char *typed, const char *name)
{
    for (; *typed != '\0' && *name != '\0'; typed++, name++)
        if ((*typed == '-' ? '_' : tolower((unsigned char)*typed)) != *name)
            return false;
    return *typed == *name;
}

const struct mix *mix_find(const char *name)
{
    if (strncasecmp(name, prefix, sizeof prefix - 1) == 0)
        name += sizeof prefix - 1;
    for (size_t i = 0; i < MIX_COUNT; i++)
        if (same_name(name, mixes[i].name))
            return &mixes[i];
    return NULL;
}

void mix_list(struct buffer *list)
{
    for (size_t i = 0; i < MIX_COUNT; i++)
        buffer_append_format(list, "%s%s", i == 0 ? "" : ", ", mixes[i].name);
}

const struct mix *mix_choose(const char *command, const char *name)
{
    const struct mix *mix = mix_find(name);
    if (mix != NULL)
        return mix;
    struct buffer list = {0};
    mix_list(&list);
    command_misused(command, "--mix %s: expected one of %s", name, buffer_text(&list));
    buffer_release(&list);
    return NULL;
}

enum format mix_format(const struct mix *mix, enum role role, uint64_t n_columns)
{
    if (role_is_float(role))
        return FORMAT_F32;
    enum format format = mix->format;
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++)
        if (&mixes[exceptions[i].mix] == mix && exceptions[i].role == role)
            format = exceptions[i].format;
    if (n_columns % format_info(format)->block_values != 0)
        format = FORMAT_Q8_0;
    return n_columns % format_info(format)->block_values != 0 ? FORMAT_F16 : format;
}
