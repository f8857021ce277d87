/* SPDX-License-Identifier: Apache-2.0 */
/* show.c - the page that people read: where weights lie, what that takes, how fast it will go and
 * why. */
#include "cli/plan/view.h"

#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "cli/help.h"

#define WORDS_COLUMN 17 /* where sentences begin */

/* Bytes that are divided by a rate are shown in powers of ten, as rates are: the reader can divide then. */
struct gigabytes {
    char text[32];
};

static struct gigabytes gigabytes(double n_bytes)
{
    struct gigabytes amount;
    if (n_bytes < 0.995e9)
        snprintf(amount.text, sizeof amount.text, "%.0f MB", n_bytes / 1e6);
    else
        snprintf(amount.text, sizeof amount.text, "%s GB", amount_rate(n_bytes / 1e9).text);
    return amount;
}

static void heading(struct buffer *page, bool colour, const char *left, const char *right)
{
    buffer_append_format(page, "\n%s  %-*s%s%s\n", colour ? "\033[1m" : "", right[0] != '\0' ? 17 : 0, left,
                         right, colour ? "\033[0m" : "");
}

/* "  limit          memory is the limit ...", wrapped. */
static void sentence(struct buffer *page, const char *label, const char *text)
{
    buffer_append_format(page, "  %-15s", label);
    help_wrap(page, text, WORDS_COLUMN, WORDS_COLUMN);
}

/* ---- weights ---- */

static const char *const home_words[HOME_KINDS] = {"mapped", "copied", "locked"};

/* "copied", or "mapped 60%, copied 40%". */
static void append_homes(struct buffer *page, const struct plan_part *part)
{
    const char *between = "";
    for (enum home_kind kind = 0; kind < HOME_KINDS; kind++) {
        if (part->home_bytes[kind] == 0)
            continue;
        buffer_append_format(page, "%s%s", between, home_words[kind]);
        if (part->home_bytes[kind] < part->n_bytes)
            buffer_append_format(page, " %.0f%%",
                                 100 * (double)part->home_bytes[kind] / (double)part->n_bytes);
        between = ", ";
    }
    buffer_append_text(page, "\n");
}

static void show_part(struct buffer *page, const char *name, const struct plan_part *part)
{
    buffer_append_format(page, "  %-17s%10s  %10s  ", name, amount_bytes(part->n_bytes).text,
                         amount_bytes(part->token_bytes).text);
    append_homes(page, part);
}

static void show_weights(const struct plan *plan, bool colour, struct buffer *page)
{
    heading(page, colour, "weights", "      size     a token  home");
    for (enum part part = 0; part < PART_COUNT; part++)
        if (plan->parts[part].n_tensors > 0)
            show_part(page, part_name(part), &plan->parts[part]);
    show_part(page, "all", &plan->all);
}

/* ---- memory ---- */

static void show_size(struct buffer *page, const char *name, uint64_t n_bytes)
{
    buffer_append_format(page, "  %-17s%10s", name, amount_bytes(n_bytes).text);
}

static void show_held_weights(const struct plan *plan, struct buffer *page)
{
    uint64_t kept = plan->all.n_bytes - plan->mapped_bytes;
    if (kept > 0) {
        show_size(page, "weights", kept);
        buffer_append_text(page, "  kept in memory\n");
    }
    if (plan->mapped_bytes == 0)
        return;
    uint64_t room = plan->budget_bytes - plan->needed_bytes;
    show_size(page, "weights, mapped", room < plan->mapped_bytes ? room : plan->mapped_bytes);
    if (plan->exceeds_memory)
        buffer_append_format(page, "  at a time, of %s\n", amount_bytes(plan->mapped_bytes).text);
    else
        buffer_append_text(page, "  in the system's cache\n");
}

static void show_memory(const struct plan_view *view, bool colour, struct buffer *page)
{
    const struct plan *plan = view->plan;
    heading(page, colour, "memory", "      size");
    show_held_weights(plan, page);
    show_size(page, "cache", plan->cache_bytes);
    buffer_append_format(page, "  %u tokens in %s", plan->n_context, view->cache_name);
    if (plan->most_context > plan->n_context)
        buffer_append_format(page, "; up to %u fit (-c)", plan->most_context);
    buffer_append_text(page, "\n");
    show_size(page, "buffers", plan->step_bytes);
    buffer_append_format(page, "  chunks of %u tokens, %u %s\n", plan->forecast.chunk_tokens,
                         view->machine->n_threads, view->machine->n_threads == 1 ? "thread" : "threads");
    show_size(page, "vocabulary", plan->words_bytes);
    buffer_append_text(page, "\n");
    if (plan->reserve_bytes > 0) {
        show_size(page, "kept free", plan->reserve_bytes);
        buffer_append_format(page, "  of %s available\n", amount_bytes(view->machine->available_bytes).text);
    }
}

/* ---- speed ---- */

static void append_speed(struct buffer *page, const struct plan_speed *speed)
{
    if (speed->high > speed->low * 1.02)
        buffer_append_format(page, "%s to %s", amount_rate(speed->low).text, amount_rate(speed->high).text);
    else
        buffer_append_text(page, amount_rate(speed->low).text);
}

void plan_sentence(const struct plan_view *view, struct buffer *page)
{
    const struct plan_forecast *forecast = &view->plan->forecast;
    const struct plan_machine *machine = view->machine;
    struct gigabytes token = gigabytes((double)view->plan->all.token_bytes);
    switch (forecast->first.limit) {
    case PLAN_BY_MEMORY:
        buffer_append_format(page, "memory is the limit: a token reads %s, at %s/s", token.text,
                             gigabytes(machine->read_rate).text);
        break;
    case PLAN_BY_CORES:
        buffer_append_format(page,
                             "the cores are the limit: %u threads multiply the %s of a token slower than "
                             "memory brings them at %s/s",
                             machine->n_threads, token.text, gigabytes(machine->read_rate).text);
        break;
    case PLAN_BY_DRIVE:
        buffer_append_format(page, "the drive is the limit: %s to %s of a token's %s come from it, at %s/s",
                             gigabytes((double)forecast->drive_low_bytes).text,
                             gigabytes((double)forecast->drive_high_bytes).text, token.text,
                             gigabytes(machine->drive_rate).text);
        break;
    case PLAN_BY_ATTENTION: /* at the start of a context there is nothing to attend to */
    case PLAN_LIMITS:
        break;
    }
    if (forecast->last.limit == PLAN_BY_ATTENTION)
        buffer_append_format(page, "; attention over the whole context then takes %.0f%% of the time",
                             100 * forecast->last.seconds[PLAN_BY_ATTENTION] * forecast->last.low);
}

static void show_no_forecast(const struct plan_view *view, struct buffer *page)
{
    const struct plan_forecast *forecast = &view->plan->forecast;
    struct buffer text = {0};
    if (view->machine->read_rate > 0 && forecast->drive_high_bytes > 0)
        buffer_append_format(&text, "none: %s to %s a token come from a drive whose rate is not known%s%s",
                             gigabytes((double)forecast->drive_low_bytes).text,
                             gigabytes((double)forecast->drive_high_bytes).text,
                             view->drive_silence != NULL ? ": " : "",
                             view->drive_silence != NULL ? view->drive_silence : "");
    else if (view->machine->read_rate > 0)
        buffer_append_text(&text, "none for --exact");
    else
        buffer_append_text(&text, "none: no rates were measured");
    sentence(page, "speed", buffer_text(&text));
    buffer_release(&text);
}

static void show_forecast(const struct plan_view *view, bool colour, struct buffer *page)
{
    const struct plan_forecast *forecast = &view->plan->forecast;
    heading(page, colour, "forecast", "");
    if (!forecast->known) {
        show_no_forecast(view, page);
        return;
    }
    struct buffer text = {0};
    append_speed(&text, &forecast->first);
    buffer_append_text(&text, " tokens a second at the start, ");
    append_speed(&text, &forecast->last);
    buffer_append_format(&text, " with %u tokens held", view->plan->n_context);
    sentence(page, "answer", buffer_text(&text));
    buffer_clear(&text);
    append_speed(&text, &forecast->chunk);
    buffer_append_format(&text, " tokens a second in the first %u%s", forecast->chunk_tokens,
                         view->machine->rates.n_products == 0 ? ", if the cores keep up" : "");
    sentence(page, "prompt", buffer_text(&text));
    buffer_clear(&text);
    plan_sentence(view, &text);
    sentence(page, "limit", buffer_text(&text));
    buffer_release(&text);
    if (view->plan->exceeds_memory)
        sentence(page, "the range",
                 "depends on how unevenly the model chooses its experts, which nobody knows before");
}

static void show_title(const struct plan_view *view, bool colour, struct buffer *page)
{
    const struct gguf *file = view->file;
    struct gguf_text name = {"a model without a name", strlen("a model without a name")};
    gguf_read_text(file, "general.name", &name, NULL);
    buffer_append_text(page, colour ? "\033[1m" : "");
    /* its author does not get to write to the terminal */
    for (size_t i = 0; i < name.n_bytes && i < 100; i++)
        buffer_append(page,
                      (unsigned char)name.bytes[i] < 0x20 || name.bytes[i] == 0x7F ? "?" : &name.bytes[i], 1);
    buffer_append_format(page, "%s  %s in %zu %s\n", colour ? "\033[0m" : "",
                         amount_bytes(gguf_bytes(file)).text, file->n_shards,
                         file->n_shards == 1 ? "file" : "files");
}

void plan_show(const struct plan_view *view, bool colour, struct buffer *page)
{
    show_title(view, colour, page);
    show_weights(view->plan, colour, page);
    show_memory(view, colour, page);
    show_forecast(view, colour, page);
    sentence(page, "homes", view->plan->why);
}
