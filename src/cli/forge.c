/* SPDX-License-Identifier: Apache-2.0 */
/* forge.c - `fathom forge`: a model of random weights in the shape of a real one. */
#include "cli/command.h"
#include "cli/forge/file.h"
#include "cli/forge/vocabulary.h"
#include "cli/terminal.h"

#define NOT_GIVEN UINT64_MAX /* a count that the command line does not give */

struct forge {
    int preset; /* enum preset, or -1 */
    int layout; /* enum layout */
    const char *mix;
    const char *out;
    const char *vocabulary_from;
    uint64_t n_dense, n_moe, n_vocabulary, seed;
};

static const struct option_choice preset_choices[] = {
    {"r1", PRESET_R1}, {"v2-lite", PRESET_V2_LITE}, {"tiny", PRESET_TINY}, {0}};
static const struct option_choice layout_choices[] = {{"new", LAYOUT_NEW}, {"old", LAYOUT_OLD}, {0}};

static const struct option forge_options[] = {
    {"preset", 0, NULL, INTO_CHOICE(struct forge, preset), .choices = preset_choices,
     .help = "the model whose shape is taken; tiny is a few megabytes of R1's kind"},
    {"mix", 0, "MIX", INTO_TEXT(struct forge, mix),
     .help =
         "formats of the weights: f32, f16, bf16, q8_0, q4_0, legacy, q4_k_m, q3_k_m, q2_k_xl, iq3, iq2_xxs, "
         "iq1_m or iq1_s; by default q2_k_xl"},
    {"output", 'o', "FILE", INTO_TEXT(struct forge, out), .help = "the file to write"},
    {"dense", 0, "N", INTO_COUNT(struct forge, n_dense), .high = 512,
     .help = "dense layers; by default as many as the model has"},
    {"moe", 0, "N", INTO_COUNT(struct forge, n_moe), .high = 512,
     .help = "layers with experts; by default as many as the model has"},
    {"vocab", 0, "N", INTO_COUNT(struct forge, n_vocabulary), .low = FORGE_LEAST_VOCABULARY,
     .high = FORGE_MOST_VOCABULARY, .help = "size of the vocabulary; by default the model's"},
    {"vocab-from", 0, "FILE", INTO_TEXT(struct forge, vocabulary_from),
     .help = "take vocabulary and chat template from this .gguf file"},
    {"layout", 0, NULL, INTO_CHOICE(struct forge, layout), .choices = layout_choices,
     .help = "new, the default, has keys and values apart, as files since April 2025; old has them in one "
             "tensor"},
    {"seed", 0, "N", INTO_COUNT(struct forge, seed),
     .help = "another seed gives other weights; by default 1"},
    {0},
};

static const struct option_group forge_groups[] = {{"Options", forge_options, 0}, {0}};

static const struct example forge_examples[] = {
    {"forge --preset tiny -o tiny.gguf", "something to try every command with"},
    {"forge --preset r1 --mix UD-Q2_K_XL --dense 1 --moe 2 -o slice.gguf",
     "three layers of DeepSeek-R1 in their real size, to time them on this machine"},
    {0},
};

const struct help forge_help = {
    .synopsis = "--preset r1|v2-lite|tiny [--mix MIX] [--dense N] [--moe N] -o OUT.gguf",
    .description =
        "Writes a model of random weights that has the shape, the formats and the names of a real one. Its "
        "answers "
        "mean nothing, but it loads, computes and takes memory like the model whose shape it has.\n\n"
        "Its own vocabulary has one token for each byte and the special tokens of DeepSeek-R1.",
    .groups = forge_groups,
    .examples = forge_examples,
};

static bool choose_model(const struct forge *forge, const struct mix *mix, struct forge_model *model)
{
    *model = (struct forge_model){.layout = (enum layout)forge->layout, .mix = mix};
    struct geometry *g = &model->geometry;
    *g = preset_geometry((enum preset)forge->preset);
    uint32_t n_moe = g->n_layers - g->n_dense_layers;
    if (forge->n_dense != NOT_GIVEN)
        g->n_dense_layers = (uint32_t)forge->n_dense;
    if (forge->n_moe != NOT_GIVEN)
        n_moe = (uint32_t)forge->n_moe;
    g->n_layers = g->n_dense_layers + n_moe;
    if (forge->n_vocabulary != NOT_GIVEN)
        g->n_vocabulary = (uint32_t)forge->n_vocabulary;
    forge_model_rename(model, preset_name((enum preset)forge->preset));
    return g->n_layers > 0;
}

/* The mix asked for; NULL: there is none, and that has been said. */
static const struct mix *choose_mix(const char *name)
{
    const struct mix *mix = mix_find(name);
    if (mix != NULL)
        return mix;
    struct buffer list = {0};
    mix_list(&list);
    command_misused("forge", "--mix %s: expected one of %s", name, buffer_text(&list));
    buffer_release(&list);
    return NULL;
}

int command_forge(int argc, char **argv)
{
    struct forge forge = {.preset = -1,
                          .layout = LAYOUT_NEW,
                          .mix = "q2_k_xl",
                          .n_dense = NOT_GIVEN,
                          .n_moe = NOT_GIVEN,
                          .n_vocabulary = NOT_GIVEN,
                          .seed = 1};
    int status;
    if (!command_begin(argc, argv, &forge, &status))
        return status;
    if (forge.preset < 0)
        return command_misused("forge", "no shape given: add --preset r1, v2-lite or tiny");
    if (forge.out == NULL)
        return command_misused("forge", "no file given: add -o OUT.gguf");
    if (forge.n_vocabulary != NOT_GIVEN && forge.vocabulary_from != NULL)
        return command_misused("forge", "--vocab and --vocab-from exclude each other");
    const struct mix *mix = choose_mix(forge.mix);
    if (mix == NULL)
        return STATUS_USAGE;
    struct forge_model model;
    if (!choose_model(&forge, mix, &model))
        return command_misused("forge", "--dense 0 --moe 0: a model has at least one layer");

    interrupt_catch();
    struct error err;
    struct forge_file file = {forge.out, forge.vocabulary_from, forge.seed};
    if (!forge_file_write(&file, &model, &err))
        return command_failed("forge", err.text);
    return STATUS_DONE;
}
