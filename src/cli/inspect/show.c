/* SPDX-License-Identifier: Apache-2.0 */
/* show.c - the table that people read. Texts of the file are shown with their control characters
 * replaced: whoever made the file does not get to write to the terminal. */
#include "cli/inspect/model.h"

#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "base/utf8.h"

#define TEMPLATE_CHARACTERS 60 /* enough to tell templates apart */
#define NAME_CHARACTERS     120

/* "37.2 M": a count of weights or tokens. */
struct count {
    char text[16];
};

static struct count count_of(uint64_t n)
{
    struct count count;
    if (n >= 999950000)
        snprintf(count.text, sizeof count.text, "%.1f B", (double)n / 1e9);
    else if (n >= 999950)
        snprintf(count.text, sizeof count.text, "%.1f M", (double)n / 1e6);
    else
        snprintf(count.text, sizeof count.text, "%llu", (unsigned long long)n);
    return count;
}

static void append_printable(struct buffer *page, struct gguf_text text, size_t n_characters)
{
    size_t at = 0;
    for (size_t used; at < text.n_bytes && n_characters > 0; at += used, n_characters--) {
        uint32_t c = utf8_decode(text.bytes + at, text.n_bytes - at, &used);
        if (c == '\n' || c == '\t')
            buffer_append_text(page, " ");
        else if (c == UTF8_INVALID || c < 0x20 || (c >= 0x7F && c < 0xA0))
            buffer_append_text(page, "?");
        else
            buffer_append(page, text.bytes + at, used);
    }
    if (at < text.n_bytes)
        buffer_append_text(page, "...");
}

static struct gguf_text text_of(const struct gguf *file, const char *key, const char *absent)
{
    struct gguf_text text = {absent, strlen(absent)};
    gguf_read_text(file, key, &text, NULL); /* where it is no text: as if it were absent */
    return text;
}

static void label(struct buffer *page, const char *name)
{
    buffer_append_format(page, "  %-12s", name);
}

static void show_files(const struct inspection *inspection, struct buffer *page)
{
    const struct gguf *file = &inspection->file;
    for (size_t i = 0; i < file->n_shards; i++) {
        const struct gguf_shard *shard = &file->shards[i];
        label(page, i > 0 ? "" : file->n_shards > 1 ? "files" : "file");
        append_printable(page, (struct gguf_text){shard->path, strlen(shard->path)}, SIZE_MAX);
        buffer_append_format(page, "  %s, %zu tensors\n", amount_bytes(shard->map.n_bytes).text,
                             shard->n_tensors);
    }
}

static void show_attention(const struct inspection *inspection, struct buffer *page)
{
    const struct geometry *g = &inspection->geometry;
    label(page, "attention");
    buffer_append_format(page, "%u heads of %u + %u rotary, values of %u\n", g->n_heads, g->head_plain,
                         g->head_rotary, g->head_value);
    label(page, "ranks");
    buffer_append_format(page, "latent %u", g->latent_rank);
    if (g->query_rank > 0)
        buffer_append_format(page, ", query %u", g->query_rank);
    if (inspection->catalog.layers != NULL)
        buffer_append_text(page, inspection->catalog.layers[0][ROLE_KEY_VALUE_UP] != NULL
                                     ? "; old layout (attn_kv_b)"
                                     : "; new layout (attn_k_b and attn_v_b)");
    buffer_append_text(page, "\n");
}

static void show_experts(const struct geometry *g, struct buffer *page)
{
    if (g->n_experts == 0)
        return;
    label(page, "experts");
    buffer_append_format(page, "%u of width %u, %u used a token", g->n_experts, g->n_expert_ff,
                         g->n_experts_used);
    if (g->n_groups > 1)
        buffer_append_format(page, " from %u of %u groups", g->n_groups_used, g->n_groups);
    if (g->n_shared_ff > 0)
        buffer_append_format(page, "; shared: width %u", g->n_shared_ff);
    buffer_append_text(page, "\n");
    label(page, "router");
    buffer_append_format(page, "%s%s, scale %g\n", g->gating == GATING_SIGMOID ? "sigmoid" : "softmax",
                         g->normalize_weights ? ", weights normalized" : "", (double)g->expert_scale);
}

static void show_geometry(const struct inspection *inspection, struct buffer *page)
{
    const struct geometry *g = &inspection->geometry;
    label(page, "layers");
    buffer_append_format(page, "%u dense of width %u, ", g->n_dense_layers, g->n_dense_ff);
    buffer_append_format(page, "%u with experts; hidden size %u\n", g->n_layers - g->n_dense_layers,
                         g->n_hidden);
    show_attention(inspection, page);
    show_experts(g, page);
    label(page, "context");
    buffer_append_format(page, "%u tokens, rotary base %g", g->n_context, (double)g->rope_theta);
    if (g->yarn)
        buffer_append_format(page, ", YaRN %g over %u, log multiplier %g", (double)g->yarn_factor,
                             g->yarn_original_context, (double)g->yarn_log_multiplier);
    buffer_append_text(page, "\n");
    label(page, "cache");
    static const enum format formats[] = {FORMAT_F32, FORMAT_F16, FORMAT_Q8_0, FORMAT_Q4_0};
    static const char *const names[] = {"f32", "f16", "q8_0", "q4_0"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        buffer_append_format(page, "%s%s in %s", i > 0 ? ", " : "",
                             amount_bytes(inspection_cache_bytes(inspection, formats[i])).text, names[i]);
    buffer_append_text(page, " a token\n");
}

static void show_token(const struct gguf *file, const char *key, const char *name, struct buffer *page)
{
    const struct gguf_key *id = gguf_find_key(file, key);
    uint64_t value;
    if (id != NULL && gguf_key_u64(id, &value))
        buffer_append_format(page, ", %s %llu", name, (unsigned long long)value);
}

static void show_words(const struct gguf *file, struct buffer *page)
{
    const struct gguf_key *tokens = gguf_find_key(file, "tokenizer.ggml.tokens");
    const struct gguf_key *merges = gguf_find_key(file, "tokenizer.ggml.merges");
    label(page, "vocabulary");
    if (tokens == NULL) {
        buffer_append_text(page, "none\n");
    } else {
        buffer_append_format(page, "%llu tokens", (unsigned long long)tokens->n_items);
        buffer_append_format(page, ", %llu merges, ",
                             merges != NULL ? (unsigned long long)merges->n_items : 0);
        append_printable(page, text_of(file, "tokenizer.ggml.model", "no model"), NAME_CHARACTERS);
        buffer_append_text(page, " / ");
        append_printable(page, text_of(file, "tokenizer.ggml.pre", "no pre-tokenizer"), NAME_CHARACTERS);
        show_token(file, "tokenizer.ggml.bos_token_id", "begin", page);
        show_token(file, "tokenizer.ggml.eos_token_id", "end", page);
        buffer_append_text(page, "\n");
    }
    struct gguf_text chat = text_of(file, "tokenizer.chat_template", "");
    label(page, "template");
    if (chat.n_bytes > 0) {
        buffer_append_format(page, "%zu bytes: ", chat.n_bytes);
        append_printable(page, chat, TEMPLATE_CHARACTERS);
        buffer_append_text(page, "\n");
    } else {
        buffer_append_text(page, "none\n");
    }
}

/* "Q2_K 66%, Q3_K 34%", the largest first. */
static void append_formats(struct buffer *page, const struct part_sum *sum)
{
    bool shown[FORMAT_COUNT] = {false};
    for (size_t n = 0; n < FORMAT_COUNT; n++) {
        size_t largest = FORMAT_COUNT;
        for (size_t f = 0; f < FORMAT_COUNT; f++)
            if (!shown[f] && sum->format_bytes[f] > 0 &&
                (largest == FORMAT_COUNT || sum->format_bytes[f] > sum->format_bytes[largest]))
                largest = f;
        if (largest == FORMAT_COUNT)
            break;
        shown[largest] = true;
        buffer_append_format(page, "%s%s", n > 0 ? ", " : "", format_info((enum format)largest)->name);
        double percent = 100.0 * (double)sum->format_bytes[largest] / (double)sum->n_bytes;
        if (percent < 0.5)
            buffer_append_text(page, " <1%");
        else if (percent < 100)
            buffer_append_format(page, " %.0f%%", percent);
    }
    buffer_append_text(page, "\n");
}

static void show_sum(struct buffer *page, const char *name, const struct part_sum *sum)
{
    buffer_append_format(page, "  %-16s%8zu  %9s  %10s  %5.2f  %10s  ", name, sum->n_tensors,
                         count_of(sum->n_weights).text, amount_bytes(sum->n_bytes).text,
                         8 * (double)sum->n_bytes / (double)sum->n_weights,
                         amount_bytes(sum->token_bytes).text);
    append_formats(page, sum);
}

static void show_parts(const struct inspection *inspection, bool colour, struct buffer *page)
{
    buffer_append_format(page, "\n%s  %-16s%8s  %9s  %10s  %5s  %10s  %s%s\n", colour ? "\033[1m" : "",
                         "part", "tensors", "weights", "size", "bits", "a token", "formats",
                         colour ? "\033[0m" : "");
    for (enum part part = 0; part < PART_COUNT; part++)
        if (inspection->parts[part].n_tensors > 0)
            show_sum(page, part_name(part), &inspection->parts[part]);
    show_sum(page, "all", &inspection->all);
}

static void show_unused(const struct inspection *inspection, struct buffer *page)
{
    if (inspection->parts[PART_UNUSED].n_tensors == 0)
        return;
    buffer_append_text(page, "\n  not used:");
    for (size_t i = 0; i < inspection->file.n_tensors; i++)
        if (part_of(&inspection->catalog, i) == PART_UNUSED)
            buffer_append_format(page, " %s", inspection->file.tensors[i].name);
    buffer_append_text(page, "\n");
}

static void show_tensors(const struct inspection *inspection, bool colour, struct buffer *page)
{
    buffer_append_format(page, "\n%s  %-36s  %-22s  %-8s  %10s  %5s  %s%s\n", colour ? "\033[1m" : "",
                         "tensor", "shape", "format", "size", "shard", "part", colour ? "\033[0m" : "");
    for (size_t i = 0; i < inspection->file.n_tensors; i++) {
        const struct gguf_tensor *tensor = &inspection->file.tensors[i];
        char shape[96];
        int at = 0;
        for (uint32_t d = 0; d < tensor->n_dimensions; d++)
            at += snprintf(shape + at, sizeof shape - (size_t)at, "%s%llu", d > 0 ? " x " : "",
                           (unsigned long long)tensor->dimensions[d]);
        buffer_append_format(page, "  %-36s  %-22s  %-8s  %10s  %5u  %s\n", tensor->name, shape,
                             format_info(tensor->format)->name, amount_bytes(tensor->n_bytes).text,
                             tensor->shard + 1, part_name(part_of(&inspection->catalog, i)));
    }
}

void inspection_show(const struct inspection *inspection, bool tensors, bool colour, struct buffer *page)
{
    const struct gguf *file = &inspection->file;
    if (colour)
        buffer_append_text(page, "\033[1m");
    append_printable(page, text_of(file, "general.name", "a model without a name"), NAME_CHARACTERS);
    if (colour)
        buffer_append_text(page, "\033[0m");
    buffer_append_text(page, "  (");
    append_printable(page, text_of(file, "general.architecture", "no architecture"), NAME_CHARACTERS);
    buffer_append_format(page, ", GGUF %u%s)\n", file->shards[0].version,
                         file->n_tensors == 0 ? ", a vocabulary without weights" : "");
    show_files(inspection, page);
    if (inspection->has_geometry)
        show_geometry(inspection, page);
    show_words(file, page);
    if (file->n_tensors == 0)
        return;
    show_parts(inspection, colour, page);
    show_unused(inspection, page);
    if (tensors)
        show_tensors(inspection, colour, page);
}
