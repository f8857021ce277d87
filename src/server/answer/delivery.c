/* SPDX-License-Identifier: Apache-2.0 */
/* delivery.c - the texts of an answer, past its stop strings, into chunks or one object. */
#include "server/answer/delivery.h"

#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/utf8.h"

bool delivery_open(struct delivery *delivery, const struct job *job, struct fathom_error *err)
{
    const struct request *request = &job->request;
    *delivery = (struct delivery){
        .stream = job->stream,
        .streams = request->stream,
        .wants_usage = request->include_usage,
        .head = {.is_chat = request->kind == REQUEST_CHAT,
                 .id = job->id,
                 .created = (int64_t)time(NULL),
                 .promises_usage = request->include_usage},
        .logprobs = {.wanted = request->logprobs, .is_chat = request->kind == REQUEST_CHAT},
    };
    if (request->n_stops > 0)
        delivery->stop = fathom_stop_open(request->stops, request->n_stops, err);
    return request->n_stops == 0 || delivery->stop != NULL;
}

void delivery_close(struct delivery *delivery)
{
    for (size_t i = 0; i < delivery->n_calls; i++) {
        buffer_release(&delivery->calls[i].name);
        buffer_release(&delivery->calls[i].arguments);
    }
    memory_free(delivery->calls);
    fathom_stop_close(delivery->stop);
    logprobs_release(&delivery->logprobs);
    buffer_release(&delivery->reasoning);
    buffer_release(&delivery->content);
    buffer_release(&delivery->out);
    *delivery = (struct delivery){0};
}

void delivery_begin(struct delivery *delivery, const char *model)
{
    delivery->head.model = model;
    if (!delivery->streams)
        return;
    stream_begin(delivery->stream, 200);
    chunk_begin(&delivery->out, &delivery->head);
    delivery_flush(delivery);
}

void delivery_flush(struct delivery *delivery)
{
    if (delivery->streams && (delivery->out.n_bytes > 0 || delivery->out.failed))
        stream_write(delivery->stream, &delivery->out);
    buffer_clear(&delivery->out);
}

/* ---- texts ---- */

/* As JSON carries it: bytes that are no UTF-8, and zeros, become U+FFFD. So this is what the client has. */
static void append_as_sent(struct buffer *out, const char *text, size_t n_bytes)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    for (size_t at = 0, n; at < n_bytes; at += n) {
        bool valid = utf8_decode(text + at, n_bytes - at, &n) != UTF8_INVALID && text[at] != '\0';
        buffer_append(out, valid ? text + at : replacement, valid ? n : strlen(replacement));
    }
}

static void send_content(struct delivery *delivery, const char *text, size_t n_bytes)
{
    if (n_bytes == 0)
        return;
    append_as_sent(&delivery->content, text, n_bytes);
    if (!delivery->streams)
        return;
    chunk_content(&delivery->out, &delivery->head, text, n_bytes, &delivery->logprobs);
    logprobs_clear(&delivery->logprobs);
}

void delivery_take_text(struct delivery *delivery, const char *text, size_t n_bytes)
{
    int found = -1;
    if (delivery->stopped)
        return;
    if (delivery->stop != NULL)
        text = fathom_stop_push(delivery->stop, text, n_bytes, &n_bytes, &found);
    send_content(delivery, text, n_bytes);
    delivery->stopped = found >= 0;
}

/* Content that might have begun a stop string did not: something else follows. */
static void release_held(struct delivery *delivery)
{
    size_t n_bytes;
    if (delivery->stop == NULL || delivery->stopped)
        return;
    const char *text = fathom_stop_finish(delivery->stop, &n_bytes);
    send_content(delivery, text, n_bytes);
}

static void take_reasoning(struct delivery *delivery, const char *text, size_t n_bytes)
{
    buffer_append(&delivery->reasoning, text, n_bytes);
    if (delivery->streams)
        chunk_reasoning(&delivery->out, &delivery->head, text, n_bytes);
}

/* ---- calls ---- */

static void take_call(struct delivery *delivery, const struct fathom_event *event)
{
    release_held(delivery);
    if (delivery->calls == NULL)
        delivery->calls = memory_allocate(DELIVERY_CALLS, sizeof *delivery->calls, "tool calls", NULL);
    if (delivery->calls == NULL || event->call >= DELIVERY_CALLS) {
        delivery->failed = true;
        return;
    }
    struct delivered_call *call = &delivery->calls[event->call];
    delivery->n_calls = event->call + 1;
    id_make(call->id, "call_");
    buffer_append(&call->name, event->text, event->n_bytes);
    if (delivery->streams)
        chunk_call(&delivery->out, &delivery->head, event->call, call->id, buffer_text(&call->name));
}

static void take_arguments(struct delivery *delivery, const struct fathom_event *event)
{
    if (event->call >= delivery->n_calls)
        return;
    append_as_sent(&delivery->calls[event->call].arguments, event->text, event->n_bytes);
    if (delivery->streams)
        chunk_arguments(&delivery->out, &delivery->head, event->call, event->text, event->n_bytes);
}

void delivery_take(struct delivery *delivery, const struct fathom_event *event)
{
    switch (event->kind) {
    case FATHOM_REASONING:
        take_reasoning(delivery, event->text, event->n_bytes);
        return;
    case FATHOM_CONTENT:
        delivery_take_text(delivery, event->text, event->n_bytes);
        return;
    case FATHOM_CALL:
        take_call(delivery, event);
        return;
    case FATHOM_ARGUMENTS:
        take_arguments(delivery, event);
        return;
    case FATHOM_CALL_END:
    case FATHOM_END:
        return;
    }
}

bool delivery_has_failed(const struct delivery *delivery)
{
    const struct logprobs *logprobs = &delivery->logprobs;
    bool failed = delivery->failed || delivery->reasoning.failed || delivery->content.failed ||
                  logprobs->entries.failed || logprobs->numbers.failed || logprobs->tops.failed ||
                  logprobs->offsets.failed;
    for (size_t i = 0; i < delivery->n_calls; i++)
        failed = failed || delivery->calls[i].name.failed || delivery->calls[i].arguments.failed;
    return failed;
}

/* ---- the end ---- */

static void finish_stream(struct delivery *delivery, const struct delivery_end *end)
{
    struct buffer *out = &delivery->out;
    if (delivery->logprobs.wanted && delivery->logprobs.n_entries > 0)
        chunk_content(out, &delivery->head, "", 0, &delivery->logprobs);
    chunk_finish(out, &delivery->head, end->finish, &end->timings);
    if (delivery->wants_usage)
        chunk_usage(out, &delivery->head, &end->usage);
    chunk_done(out);
    delivery_flush(delivery);
}

static void finish_object(struct delivery *delivery, const struct delivery_end *end)
{
    struct answer_call calls[DELIVERY_CALLS];
    for (size_t i = 0; i < delivery->n_calls; i++)
        calls[i] = (struct answer_call){.id = delivery->calls[i].id,
                                        .name = buffer_text(&delivery->calls[i].name),
                                        .arguments = buffer_text(&delivery->calls[i].arguments)};
    const struct answer answer = {
        .reasoning = delivery->reasoning.n_bytes > 0 ? delivery->reasoning.bytes : NULL,
        .reasoning_bytes = delivery->reasoning.n_bytes,
        .content = buffer_text(&delivery->content),
        .content_bytes = delivery->content.n_bytes,
        .calls = calls,
        .n_calls = delivery->n_calls,
        .finish = end->finish,
        .logprobs = delivery->logprobs.wanted ? &delivery->logprobs : NULL,
        .usage = end->usage,
        .timings = end->timings,
    };
    answer_write(&delivery->out, &delivery->head, &answer);
    delivery->out.failed = delivery->out.failed || delivery_has_failed(delivery);
    stream_begin(delivery->stream, 200);
    stream_write(delivery->stream, &delivery->out);
}

void delivery_finish(struct delivery *delivery, const struct delivery_end *end)
{
    release_held(delivery);
    if (delivery->streams)
        finish_stream(delivery, end);
    else
        finish_object(delivery, end);
    stream_end(delivery->stream);
}

void refuse_stream(struct stream *stream, const struct refusal *refusal)
{
    struct buffer out = {0};
    if (stream_begin(stream, refusal->status) == refusal->status) {
        refusal_write(&out, refusal);
    } else {
        chunk_error(&out, refusal);
        chunk_done(&out);
    }
    stream_write(stream, &out);
    stream_end(stream);
    buffer_release(&out);
}
