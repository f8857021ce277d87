/* SPDX-License-Identifier: Apache-2.0 */
/* listing.c - what the server says of itself, from one look at the worker. */
#include "server/answer/listing.h"

#include "server/answer/json_writer.h"

static const char *phase_name(const struct worker_view *view)
{
    static const char *const names[] = {
        [WORKER_LOADING] = "loading", [WORKER_READY] = "ok", [WORKER_STOPPED] = "stopping"};
    return names[view->stopping ? WORKER_STOPPED : view->phase];
}

void listing_health(struct buffer *out, const struct listing_facts *facts)
{
    const struct worker_view *view = facts->view;
    buffer_append_format(out, "{\"status\": \"%s\"", phase_name(view));
    if (view->phase == WORKER_LOADING)
        buffer_append_format(out, ", \"percent\": %u", view->percent);
    buffer_append_format(out, ", \"running\": %u, \"waiting\": %u}\n", view->n_running, view->n_waiting);
}

/* ---- models ---- */

/* The lengths are known once the model is loaded; clients pass over what they do not know. */
static void write_model(struct buffer *out, const struct listing_facts *facts, const char *ending)
{
    const struct worker_view *view = facts->view;
    struct buffer id = {0};
    buffer_append_format(&id, "%s%s", facts->model_id, ending);
    buffer_append_text(out, "{\"id\": ");
    json_write_text(out, buffer_text(&id), id.n_bytes);
    buffer_append_format(out, ", \"object\": \"model\", \"created\": %lld, \"owned_by\": \"fathom\"",
                         (long long)facts->created);
    if (view->phase == WORKER_READY)
        buffer_append_format(out,
                             ", \"context_length\": %u, \"max_model_len\": %u, \"meta\": {\"n_ctx\": %u, "
                             "\"n_ctx_train\": %u, \"n_vocab\": %u, \"size\": %llu}",
                             view->info.n_planned, view->info.n_planned, view->info.n_planned,
                             view->info.n_context, view->info.n_vocabulary,
                             (unsigned long long)view->info.weight_bytes);
    buffer_append_text(out, "}");
    buffer_release(&id);
}

void listing_model(struct buffer *out, const struct listing_facts *facts)
{
    write_model(out, facts, facts->quick ? ":quick" : "");
    buffer_append_text(out, "\n");
}

/* The second is the same model with its reasoning closed: for what a front end asks beside a chat. */
void listing_models(struct buffer *out, const struct listing_facts *facts)
{
    buffer_append_text(out, "{\"object\": \"list\", \"data\": [");
    write_model(out, facts, "");
    buffer_append_text(out, ", ");
    write_model(out, facts, ":quick");
    buffer_append_text(out, "]}\n");
}

void listing_props(struct buffer *out, const struct listing_facts *facts)
{
    const struct fathom_sampling *sampling = &facts->defaults->sampling;
    buffer_append_text(out, "{\"model_alias\": ");
    json_write_string(out, facts->model_id);
    buffer_append_format(out,
                         ", \"build_info\": \"fathom %s\", \"default_generation_settings\": {\"params\": {",
                         fathom_version());
    buffer_append_text(out, "\"temperature\": ");
    json_write_number(out, (double)sampling->temperature, 6);
    buffer_append_text(out, ", \"top_p\": ");
    json_write_number(out, (double)sampling->top_p, 6);
    buffer_append_text(out, ", \"min_p\": ");
    json_write_number(out, (double)sampling->min_p, 6);
    buffer_append_format(out, ", \"top_k\": %u}", sampling->top_k);
    if (facts->view->phase == WORKER_READY)
        buffer_append_format(out, ", \"n_ctx\": %u", facts->view->info.n_planned);
    buffer_append_format(out, "}, \"status\": \"%s\"", phase_name(facts->view));
    if (facts->view->phase == WORKER_READY)
        buffer_append_format(out, ", \"exceeds_memory\": %s, \"n_threads\": %u",
                             facts->view->info.exceeds_memory ? "true" : "false",
                             facts->view->info.n_threads);
    buffer_append_text(out, "}\n");
}

/* ---- metrics ---- */

static void metric(struct buffer *out, const char *name, const char *kind, const char *help, double value)
{
    buffer_append_format(out, "# HELP fathom_%s %s\n# TYPE fathom_%s %s\nfathom_%s ", name, help, name, kind,
                         name);
    json_write_number(out, value, 15);
    buffer_append_text(out, "\n");
}

static void write_reading(struct buffer *out, const struct fathom_stats *stats)
{
    buffer_append_text(out,
                       "# HELP fathom_read_bytes_total Bytes that steps had to read, by part of the model.\n"
                       "# TYPE fathom_read_bytes_total counter\n");
    for (int part = 0; part < FATHOM_PARTS; part++)
        buffer_append_format(out, "fathom_read_bytes_total{part=\"%s\"} %llu\n",
                             fathom_part_name((enum fathom_part)part),
                             (unsigned long long)stats->read_bytes[part]);
}

void listing_metrics(struct buffer *out, const struct listing_facts *facts)
{
    const struct worker_view *view = facts->view;
    const struct tally *tally = view->tally;
    const struct fathom_stats *stats = &view->stats;
    metric(out, "loaded", "gauge", "1 once the model is loaded.", view->phase == WORKER_READY);
    metric(out, "requests_running", "gauge", "Requests being computed.", view->n_running);
    metric(out, "requests_waiting", "gauge", "Requests that wait for their turn.", view->n_waiting);
    metric(out, "held_tokens", "gauge", "Tokens held, in all conversations.", (double)view->n_held);
    metric(out, "idle_pending", "gauge", "Conversations whose next turn is yet to be begun ahead.",
           view->n_ahead);
    metric(out, "requests_total", "counter", "Requests taken up.", (double)meter_total(&tally->requests));
    metric(out, "answered_total", "counter", "Answered to their end.", (double)meter_total(&tally->answered));
    metric(out, "cancelled_total", "counter", "Left by their clients.",
           (double)meter_total(&tally->cancelled));
    metric(out, "refused_total", "counter", "Refused, or failed.", (double)meter_total(&tally->refused));
    metric(out, "prompt_tokens_total", "counter", "Tokens of prompts that were computed for requests.",
           (double)meter_total(&tally->prompt_tokens));
    metric(out, "cached_tokens_total", "counter", "Tokens of prompts that were held already.",
           (double)meter_total(&tally->cached_tokens));
    metric(out, "generated_tokens_total", "counter", "Tokens of answers.",
           (double)meter_total(&tally->generated_tokens));
    metric(out, "prompt_seconds_total", "counter", "Time of steps, the prompts' share.",
           stats->prompt_seconds);
    metric(out, "generated_seconds_total", "counter", "Time of steps, the answers' share.",
           stats->generated_seconds);
    metric(out, "computed_tokens_total", "counter", "Tokens of prompts computed, ahead of requests too.",
           (double)stats->n_prompt_tokens);
    metric(out, "cache_bytes", "gauge", "Memory of the positions held.", (double)stats->cache_bytes);
    metric(out, "weight_bytes", "gauge", "Memory of the weights.",
           (double)(stats->mapped_bytes + stats->copied_bytes));
    metric(out, "buffer_bytes", "gauge", "Memory for the rows of a step.", (double)stats->buffer_bytes);
    write_reading(out, stats);
}

/* ---- tokens ---- */

void listing_tokens(struct buffer *out, const struct fathom_vocabulary *vocabulary,
                    const struct wording *tokens, bool with_pieces)
{
    buffer_append_text(out, "{\"tokens\": [");
    for (size_t i = 0; i < tokens->n; i++) {
        size_t n_bytes;
        const char *text = fathom_token_text(vocabulary, tokens->ids[i], &n_bytes);
        buffer_append_text(out, i > 0 ? ", " : "");
        if (with_pieces)
            buffer_append_format(out, "{\"id\": %u, \"piece\": ", tokens->ids[i]);
        else
            buffer_append_format(out, "%u", tokens->ids[i]);
        if (with_pieces) {
            json_write_text(out, text, n_bytes);
            buffer_append_text(out, "}");
        }
    }
    buffer_append_format(out, "], \"count\": %zu}\n", tokens->n);
}
