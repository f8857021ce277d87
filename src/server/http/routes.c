/* SPDX-License-Identifier: Apache-2.0 */
/* routes.c - the table of paths; who may walk them; and the way of a body to the worker. */
#include "server/http/routes.h"

#include <string.h>

#include "server/answer/listing.h"
#include "server/page/page.h"

struct route {
    const char *method, *path; /* a path that ends in "*" stands for any end */
    enum MHD_Result (*answer)(struct exchange *exchange);
    bool open; /* needs no key: supervisors ask for it, and browsers that have none yet */
};

/* ---- what is known at once ---- */

/* The part of the path that the route's "*" stands for. */
static const char *path_end(const struct exchange *exchange)
{
    return exchange->path + strlen(exchange->route->path) - 1;
}

typedef void listing(struct buffer *out, const struct listing_facts *facts);

static enum MHD_Result send_listing(struct exchange *exchange, listing *write, const char *type)
{
    const struct worker_view view = worker_view(exchange->front->worker);
    const struct listing_facts facts = {.model_id = exchange->front->model_id,
                                        .quick = strstr(path_end(exchange), ":quick") != NULL,
                                        .created = exchange->front->created,
                                        .view = &view,
                                        .defaults = exchange->front->defaults};
    struct buffer body = {0};
    write(&body, &facts);
    enum MHD_Result result = exchange_send(exchange, 200, type, &body);
    buffer_release(&body);
    return result;
}

static enum MHD_Result answer_health(struct exchange *exchange)
{
    return send_listing(exchange, listing_health, "application/json");
}

static enum MHD_Result answer_models(struct exchange *exchange)
{
    return send_listing(exchange, listing_models, "application/json");
}

static enum MHD_Result answer_props(struct exchange *exchange)
{
    return send_listing(exchange, listing_props, "application/json");
}

static enum MHD_Result answer_metrics(struct exchange *exchange)
{
    return send_listing(exchange, listing_metrics, "text/plain; version=0.0.4");
}

static bool names_model(const struct front *front, const char *name)
{
    const size_t n = strlen(front->model_id);
    return strncmp(name, front->model_id, n) == 0 && (name[n] == '\0' || strcmp(name + n, ":quick") == 0);
}

static enum MHD_Result refuse_model(struct exchange *exchange, const char *name)
{
    struct refusal refusal = {0};
    refuse_with(&refusal, 404, REFUSAL_INVALID, "model_not_found", "no model '%.100s' is served, only '%s'",
                name, exchange->front->model_id);
    return exchange_refuse(exchange, &refusal);
}

static enum MHD_Result answer_model(struct exchange *exchange)
{
    if (!names_model(exchange->front, path_end(exchange)))
        return refuse_model(exchange, path_end(exchange));
    return send_listing(exchange, listing_model, "application/json");
}

/* ---- what is computed ---- */

static enum MHD_Result refuse_stopped(struct exchange *exchange)
{
    struct refusal refusal = {0};
    refuse_with(&refusal, 503, REFUSAL_UNAVAILABLE, "stopped", "the server is stopping");
    return exchange_refuse(exchange, &refusal);
}

/* The request goes to the worker, and the exchange waits for the stream. */
static enum MHD_Result submit(struct exchange *exchange, struct request *request)
{
    const struct front *front = exchange->front;
    exchange->streams = request->stream;
    buffer_append(&exchange->ignored, buffer_text(&request->ignored), request->ignored.n_bytes);
    if (!front->chores)
        request->chore = CHORE_NONE;
    exchange->stream = stream_create(front->wake, NULL);
    struct job *job = exchange->stream != NULL ? job_create(request, exchange->stream, NULL) : NULL;
    if (job == NULL) {
        request_release(request);
        return MHD_NO;
    }
    memcpy(exchange->id, job->id, sizeof exchange->id);
    if (worker_submit(front->worker, job))
        return exchange_go_on(exchange);
    job_free(job);
    return refuse_stopped(exchange);
}

static enum MHD_Result answer_request(struct exchange *exchange, enum request_kind kind)
{
    const struct front *front = exchange->front;
    struct request request = {0};
    struct refusal refusal = {0};
    if (front->stopping)
        return refuse_stopped(exchange);
    bool parsed = request_parse(&request, kind, buffer_text(&exchange->body), exchange->body.n_bytes,
                                front->defaults, &refusal);
    exchange_drop_body(exchange);
    if (!parsed)
        return exchange_refuse(exchange, &refusal);
    if (front->strict_model && request.model != NULL && strcmp(request.model, front->model_id) != 0) {
        enum MHD_Result result = refuse_model(exchange, request.model);
        request_release(&request);
        return result;
    }
    return submit(exchange, &request);
}

static enum MHD_Result answer_chat(struct exchange *exchange)
{
    return answer_request(exchange, REQUEST_CHAT);
}

static enum MHD_Result answer_completion(struct exchange *exchange)
{
    return answer_request(exchange, REQUEST_COMPLETION);
}

static enum MHD_Result answer_tokenize(struct exchange *exchange)
{
    return answer_request(exchange, REQUEST_TOKENIZE);
}

/* POST /v1/requests/ID/answer: no more reasoning, please. */
static enum MHD_Result answer_now(struct exchange *exchange)
{
    const char *end = path_end(exchange);
    size_t n = strcspn(end, "/");
    struct refusal refusal = {0};
    for (struct exchange *other = exchange->front->exchanges; other != NULL; other = other->next) {
        if (other->stream == NULL || strlen(other->id) != n || memcmp(other->id, end, n) != 0 ||
            strcmp(end + n, "/answer") != 0)
            continue;
        struct buffer body = {0};
        stream_ask_to_answer(other->stream);
        buffer_append_format(&body, "{\"id\": \"%s\", \"answering\": true}\n", other->id);
        enum MHD_Result result = exchange_send(exchange, 200, "application/json", &body);
        buffer_release(&body);
        return result;
    }
    refuse_with(&refusal, 404, REFUSAL_INVALID, "not_found", "no such request is running");
    return exchange_refuse(exchange, &refusal);
}

/* ---- the table ---- */

static const struct route routes[] = {
    {"GET", "/", page_answer, true},
    {"GET", "/page/*", page_answer, true},
    {"GET", "/health", answer_health, true},
    {"GET", "/v1/models", answer_models},
    {"GET", "/v1/models/*", answer_model},
    {"GET", "/metrics", answer_metrics},
    {"GET", "/props", answer_props},
    {"POST", "/v1/chat/completions", answer_chat},
    {"POST", "/v1/completions", answer_completion},
    {"POST", "/v1/tokenize", answer_tokenize},
    {"POST", "/v1/requests/*", answer_now},
};
static const size_t n_routes = sizeof routes / sizeof *routes;

/* What a browser asks before it sends a page's request. */
static const struct route preflight = {"OPTIONS", "*", exchange_send_preflight, true};

static bool leads_to(const struct route *route, const char *path)
{
    size_t n = strlen(route->path) - 1;
    if (route->path[n] == '*')
        return strncmp(path, route->path, n) == 0;
    return strcmp(path, route->path) == 0;
}

static bool has_method(const struct route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static bool has_key(const struct exchange *exchange)
{
    static const char scheme[] = "Bearer ";
    const char *given = exchange_header(exchange, "Authorization");
    if (exchange->front->keys.n == 0)
        return true;
    if (given != NULL && strncasecmp(given, scheme, strlen(scheme)) == 0)
        given += strlen(scheme) + strspn(given + strlen(scheme), " ");
    return keys_match(&exchange->front->keys, given);
}

static bool admits(const struct exchange *exchange, const struct route *route, struct refusal *refusal)
{
    const char *origin = exchange_header(exchange, "Origin");
    if (!origins_admit(&exchange->front->origins, origin, exchange_header(exchange, "Host")))
        return refuse_with(refusal, 403, REFUSAL_INVALID, "origin_not_allowed",
                           "pages of %.100s may not use this server; fathom serve --cors-origin lists those "
                           "that may",
                           origin);
    return route->open || has_key(exchange) ||
           refuse_with(refusal, 401, REFUSAL_KEY, "invalid_api_key",
                       "this server wants an API key, as 'Authorization: Bearer KEY'");
}

const struct route *route_find(const struct exchange *exchange, struct refusal *refusal)
{
    bool known = false;
    if (strcmp(exchange->method, "OPTIONS") == 0)
        return admits(exchange, &preflight, refusal) ? &preflight : NULL;
    for (size_t i = 0; i < n_routes; i++) {
        if (!leads_to(&routes[i], exchange->path))
            continue;
        if (has_method(&routes[i], exchange->method))
            return admits(exchange, &routes[i], refusal) ? &routes[i] : NULL;
        known = true;
    }
    if (known)
        refuse_with(refusal, 405, REFUSAL_INVALID, "method_not_allowed", "%.100s is not for %.16s",
                    exchange->path, exchange->method);
    else
        refuse_with(refusal, 404, REFUSAL_INVALID, "not_found", "there is nothing at %.100s", exchange->path);
    return NULL;
}

bool route_reads_body(const struct route *route)
{
    return strcmp(route->method, "POST") == 0 && route->answer != answer_now;
}

const char *route_methods(const char *path)
{
    for (size_t i = 0; i < n_routes; i++)
        if (leads_to(&routes[i], path))
            return strcmp(routes[i].method, "GET") == 0 ? "GET, HEAD, OPTIONS" : "POST, OPTIONS";
    return NULL;
}

enum MHD_Result route_answer(struct exchange *exchange)
{
    return exchange->route->answer(exchange);
}
