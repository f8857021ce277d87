/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.c - a request's way through the library's callbacks, and its sleep meanwhile. */
#include "server/http/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "server/answer/chunk.h"
#include "server/http/routes.h"

#define BODY_SECONDS      60.0 /* a body that takes longer is not sent in earnest */
#define PING_SECONDS      5.0  /* proxies close what is silent for half a minute or more */
#define PATIENCE_SECONDS  1.0  /* then a stream begins although nothing is decided; at once behind others */
#define LOOK_MILLISECONDS 250  /* how far those two may be missed */
#define BLOCK_BYTES       ((size_t)16 << 10)
#define BODIES_BYTES      ((size_t)64 << 20) /* of all bodies that are being sent */

/* ---- opening and closing ---- */

static void link_in(struct exchange *exchange)
{
    struct front *front = exchange->front;
    exchange->next = front->exchanges;
    if (front->exchanges != NULL)
        front->exchanges->previous = exchange;
    front->exchanges = exchange;
}

static void unlink_from(struct exchange *exchange)
{
    if (exchange->next != NULL)
        exchange->next->previous = exchange->previous;
    if (exchange->previous != NULL)
        exchange->previous->next = exchange->next;
    else
        exchange->front->exchanges = exchange->next;
}

static bool refuse_length(struct exchange *exchange)
{
    return refuse_with(&exchange->refusal, 413, REFUSAL_INVALID, "request_too_large",
                       "a body has %zu bytes at most", REQUEST_BYTES);
}

/* Before the body is sent, where its length was. */
static void check_length(struct exchange *exchange)
{
    const char *length = exchange_header(exchange, "Content-Length");
    if (length != NULL && strtoull(length, NULL, 10) > REQUEST_BYTES)
        refuse_length(exchange);
}

struct exchange *exchange_open(struct front *front, struct MHD_Connection *connection, const char *method,
                               const char *path)
{
    struct exchange *exchange = memory_allocate(1, sizeof *exchange, "a request", NULL);
    if (exchange == NULL)
        return NULL;
    exchange->front = front;
    exchange->connection = connection;
    exchange->socket = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    exchange->caller =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    exchange->method = method;
    exchange->begun = clock_seconds();
    exchange->path = memory_copy_text(path, strlen(path), "a path", NULL);
    link_in(exchange);
    caller_has_asked(exchange->caller);
    if (exchange->path == NULL)
        refuse_with(&exchange->refusal, 503, REFUSAL_UNAVAILABLE, NULL, "no memory");
    else if ((exchange->route = route_find(exchange, &exchange->refusal)) != NULL)
        check_length(exchange);
    return exchange;
}

void exchange_close(struct exchange *exchange)
{
    unlink_from(exchange);
    caller_was_answered(exchange->caller);
    if (exchange->stream != NULL)
        stream_leave(exchange->stream);
    stream_drop(exchange->stream);
    exchange_drop_body(exchange);
    buffer_release(&exchange->ignored);
    memory_free(exchange->path);
    memory_free(exchange);
}

const char *exchange_header(const struct exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

/* ---- answers ---- */

static bool add_headers(const struct exchange *exchange, struct MHD_Response *response, const char *type)
{
    const char *origin = exchange_header(exchange, "Origin");
    bool done = MHD_add_response_header(response, "Content-Type", type) == MHD_YES &&
                MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES;
    if (origins_list(&exchange->front->origins, origin))
        done = done && MHD_add_response_header(response, "Access-Control-Allow-Origin", origin) == MHD_YES &&
               MHD_add_response_header(response, "Access-Control-Expose-Headers",
                                       "X-Request-Id, X-Fathom-Ignored") == MHD_YES &&
               MHD_add_response_header(response, "Vary", "Origin") == MHD_YES;
    if (exchange->id[0] != '\0')
        done = done && MHD_add_response_header(response, "X-Request-Id", exchange->id) == MHD_YES;
    if (exchange->ignored.n_bytes > 0)
        done = done && MHD_add_response_header(response, "X-Fathom-Ignored",
                                               buffer_text(&exchange->ignored)) == MHD_YES;
    return done;
}

enum MHD_Result exchange_queue(struct exchange *exchange, int status, const char *type,
                               struct MHD_Response *response)
{
    if (response == NULL)
        return MHD_NO;
    bool done = add_headers(exchange, response, type);
    if (status == 401)
        done = done && MHD_add_response_header(response, "WWW-Authenticate", "Bearer") == MHD_YES;
    if (status == 405)
        done = done && MHD_add_response_header(response, "Allow", route_methods(exchange->path)) == MHD_YES;
    done = done && MHD_queue_response(exchange->connection, (unsigned)status, response) == MHD_YES;
    MHD_destroy_response(response);
    exchange->answering = done;
    return done ? MHD_YES : MHD_NO;
}

enum MHD_Result exchange_send(struct exchange *exchange, int status, const char *type,
                              const struct buffer *body)
{
    if (body->failed)
        return MHD_NO;
    return exchange_queue(
        exchange, status, type,
        MHD_create_response_from_buffer(body->n_bytes, (void *)buffer_text(body), MHD_RESPMEM_MUST_COPY));
}

/* A line for the log; what the client sent cannot end it. */
static void note_refusal(struct exchange *exchange, const struct refusal *refusal)
{
    struct buffer line = {0};
    buffer_append_format(&line, "%.16s %.100s: refused, %d: %s", exchange->method,
                         exchange->path != NULL ? exchange->path : "", refusal->status, refusal->message);
    for (size_t i = 0; i < line.n_bytes; i++)
        if ((unsigned char)line.bytes[i] < ' ' || line.bytes[i] == 0x7F)
            line.bytes[i] = '?';
    worker_note_refusal(exchange->front->worker, buffer_text(&line));
    buffer_release(&line);
}

enum MHD_Result exchange_refuse(struct exchange *exchange, const struct refusal *refusal)
{
    struct buffer body = {0};
    note_refusal(exchange, refusal);
    refusal_write(&body, refusal);
    buffer_append_text(&body, "\n");
    enum MHD_Result result = exchange_send(exchange, refusal->status, "application/json", &body);
    buffer_release(&body);
    return result;
}

/* A browser keeps this for an hour. Whether the page may ask at all, the other headers say. */
enum MHD_Result exchange_send_preflight(struct exchange *exchange)
{
    const char *wanted = exchange_header(exchange, "Access-Control-Request-Headers");
    const char *const headers[][2] = {
        {"Access-Control-Allow-Methods", "GET, POST"},
        {"Access-Control-Allow-Headers", wanted != NULL ? wanted : "Authorization, Content-Type"},
        {"Access-Control-Max-Age", "3600"},
    };
    struct MHD_Response *response = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    for (size_t i = 0; response != NULL && i < sizeof headers / sizeof *headers; i++)
        if (MHD_add_response_header(response, headers[i][0], headers[i][1]) != MHD_YES) {
            MHD_destroy_response(response);
            response = NULL;
        }
    return exchange_queue(exchange, 204, "text/plain", response);
}

/* ---- what is computed elsewhere ---- */

/* Nothing happens on this connection until it is resumed. Only the library's callbacks may do this. */
static void suspend(struct exchange *exchange)
{
    MHD_suspend_connection(exchange->connection);
    exchange->suspended = true;
}

static void resume(struct exchange *exchange)
{
    if (!exchange->suspended)
        return;
    exchange->suspended = false;
    MHD_resume_connection(exchange->connection);
}

/* The library wants bytes for the client's socket, which has room. */
static ssize_t read_stream(void *context, uint64_t position, char *into, size_t n_most)
{
    struct exchange *exchange = context;
    (void)position;
    if (stream_was_left(exchange->stream))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    const bool ended = stream_state(exchange->stream).ended; /* before the last bytes are read */
    size_t n = stream_read(exchange->stream, into, n_most);
    if (n > 0) {
        exchange->pinged = clock_seconds();
        return (ssize_t)n;
    }
    if (ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    suspend(exchange);
    return 0;
}

static enum MHD_Result answer_whole(struct exchange *exchange, struct stream_state state)
{
    struct buffer body = {0};
    buffer_reserve(&body, state.n_bytes);
    if (!body.failed)
        body.n_bytes = stream_read(exchange->stream, body.bytes, state.n_bytes);
    enum MHD_Result result = exchange_send(exchange, state.status, "application/json", &body);
    buffer_release(&body);
    return result;
}

static enum MHD_Result answer_stream(struct exchange *exchange)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream, exchange, NULL);
    if (response != NULL && (MHD_add_response_header(response, "Cache-Control", "no-store") != MHD_YES ||
                             MHD_add_response_header(response, "X-Accel-Buffering", "no") != MHD_YES)) {
        MHD_destroy_response(response);
        response = NULL;
    }
    return exchange_queue(exchange, 200, "text/event-stream", response);
}

static void add_to_body(struct exchange *exchange, const char *bytes, size_t n_bytes)
{
    struct front *front = exchange->front;
    if (n_bytes > REQUEST_BYTES - exchange->body.n_bytes) {
        refuse_length(exchange);
        return;
    }
    if (n_bytes <= BODIES_BYTES - front->body_bytes)
        buffer_append(&exchange->body, bytes, n_bytes);
    else
        exchange->body.failed = true;
    if (exchange->body.failed)
        refuse_with(&exchange->refusal, 503, REFUSAL_UNAVAILABLE, "no_memory",
                    "there is no memory for this request now");
    else
        front->body_bytes += n_bytes;
}

void exchange_drop_body(struct exchange *exchange)
{
    exchange->front->body_bytes -= exchange->body.n_bytes;
    buffer_release(&exchange->body);
}

enum MHD_Result exchange_take_body(struct exchange *exchange, const char *bytes, size_t n_bytes)
{
    if (clock_seconds() - exchange->begun > BODY_SECONDS)
        return MHD_NO;
    if (exchange->refusal.status == 0 && route_reads_body(exchange->route))
        add_to_body(exchange, bytes, n_bytes);
    if (exchange->refusal.status != 0)
        exchange_drop_body(exchange);
    return MHD_YES;
}

enum MHD_Result exchange_go_on(struct exchange *exchange)
{
    if (exchange->stream == NULL && exchange->refusal.status == 0)
        return route_answer(exchange);
    if (exchange->refusal.status != 0)
        return exchange_refuse(exchange, &exchange->refusal);
    if (stream_was_left(exchange->stream))
        return MHD_NO;
    const struct stream_state state = stream_state(exchange->stream);
    if (exchange->streams && state.status == 200)
        return answer_stream(exchange);
    if (state.ended)
        return answer_whole(exchange, state);
    suspend(exchange);
    return MHD_YES;
}

/* ---- between the library's turns ---- */

static bool has_news(const struct exchange *exchange, struct stream_state state)
{
    if (stream_was_left(exchange->stream) || state.ended)
        return true;
    return exchange->answering ? state.n_bytes > 0 : exchange->streams && state.status != 0;
}

/* "loading 42%" */
static void ping(struct exchange *exchange)
{
    const struct worker_view view = worker_view(exchange->front->worker);
    struct buffer text = {0}, out = {0};
    if (view.phase == WORKER_LOADING)
        buffer_append_format(&text, "loading %u%%", view.percent);
    else
        buffer_append_format(&text, "working, %u waiting", view.n_waiting);
    chunk_ping(&out, buffer_text(&text));
    if (stream_begin(exchange->stream, 200) == 200) /* it may have been refused a moment ago */
        stream_write(exchange->stream, &out);
    buffer_release(&text);
    buffer_release(&out);
}

/* Its client is to see life: at once, where it waits for another chat to end. */
static bool is_to_ping(const struct exchange *exchange, double now)
{
    if (exchange->pinged > 0)
        return now >= exchange->pinged + PING_SECONDS;
    return now >= exchange->begun + PATIENCE_SECONDS ||
           (!exchange->answering && worker_is_full(exchange->front->worker));
}

int exchange_look(struct exchange *exchange)
{
    if (!exchange->suspended)
        return -1;
    const double now = clock_seconds();
    bool news = has_news(exchange, stream_state(exchange->stream));
    if (!news && exchange->streams && is_to_ping(exchange, now)) {
        ping(exchange);
        exchange->pinged = now;
        news = has_news(exchange, stream_state(exchange->stream));
    }
    if (news) {
        resume(exchange);
        return 0;
    }
    return exchange->streams ? LOOK_MILLISECONDS : -1;
}

void exchange_leave(struct exchange *exchange)
{
    stream_leave(exchange->stream);
    resume(exchange);
}
