/* SPDX-License-Identifier: Apache-2.0 */
/* listen.c - the thread that talks to clients: one loop over libmicrohttpd's connections.
 *
 * The loop is ours, not the library's, so that everything about connections
 * happens in one thread. It waits for nothing but poll(): for the library's
 * sockets, for the eventfd that streams write to, and for the sockets of clients
 * that wait for the worker, which the library does not look at meanwhile. */
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "server/http/bind.h"
#include "server/http/exchange.h"
#include "server/server.h"

#define MOST_CONNECTIONS      256u
#define IDLE_SECONDS          60u             /* a connection on which nothing moves is closed */
#define HEADER_BYTES          ((size_t)32768) /* of a request, and what the library keeps beside it */
#define LONGEST_MILLISECONDS  60000u
#define STOPPING_MILLISECONDS 200 /* between looks whether all is over */
#define LAST_SECONDS          5.0 /* for answers that have ended to get to their clients */

struct server {
    struct server_options options;
    struct front front;
    struct MHD_Daemon *daemon;
    int wake; /* eventfd: something other than a socket wants the loop */
    atomic_int n_stops;
    double deadline; /* clock_seconds(): once the server is to stop, that nothing runs any more */
    char url[URL_BYTES];
    struct pollfd watched[2 + MOST_CONNECTIONS];
    struct exchange *waiting[MOST_CONNECTIONS]; /* whose sockets are watched[2...] */
};

/* ---- the library's callbacks ---- */

/* theirs: MHD_AccessHandlerCallback. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **request)
{
    struct server *server = context;
    struct exchange *exchange = *request;
    (void)version;
    if (exchange == NULL) {
        *request = exchange = exchange_open(&server->front, connection, method, path);
        if (exchange == NULL)
            return MHD_NO;
        return exchange->refusal.status != 0 ? exchange_refuse(exchange, &exchange->refusal) : MHD_YES;
    }
    if (*upload_bytes > 0) {
        size_t n_bytes = *upload_bytes;
        *upload_bytes = 0;
        return exchange_take_body(exchange, upload, n_bytes);
    }
    return exchange_go_on(exchange);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code)
{
    (void)context, (void)connection, (void)code;
    if (*request != NULL)
        exchange_close(*request);
    *request = NULL;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **caller,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *server = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        int socket = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        *caller = caller_open(&server->front.callers, socket);
    } else {
        caller_close(&server->front.callers, *caller);
        *caller = NULL;
    }
}

static struct MHD_Daemon *start(struct server *server, int listener)
{
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, server,
                            MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT, MOST_CONNECTIONS,
                            MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            HEADER_BYTES, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
}

/* ---- opening ---- */

static bool open_front(struct server *server, struct error *err)
{
    const struct server_options *options = &server->options;
    server->front = (struct front){
        .model_id = options->worker.schedule.model_id,
        .defaults = &server->options.defaults,
        .strict_model = options->strict_model,
        .chores = options->chores,
        .origins = {options->origins, options->n_origins},
        .callers = {.head_seconds = options->head_seconds > 0 ? options->head_seconds : IDLE_SECONDS},
        .created = (int64_t)time(NULL),
        .wake = server->wake};
    return options->key_file == NULL || keys_read(&server->front.keys, options->key_file, err);
}

static bool open_daemon(struct server *server, struct error *err)
{
    int listener = bind_listen(server->options.host, server->options.port, server->url, err);
    if (listener < 0)
        return false;
    server->daemon = start(server, listener);
    if (server->daemon != NULL)
        return true;
    close(listener);
    return fail(err, "libmicrohttpd does not start");
}

struct server *server_open(const struct server_options *options, struct error *err)
{
    struct server *server = memory_allocate(1, sizeof *server, "a server", err);
    if (server == NULL)
        return NULL;
    server->options = *options;
    server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->wake < 0)
        fail_errno(err, "cannot make an event descriptor");
    else if (open_front(server, err) && open_daemon(server, err))
        server->front.worker = worker_start(&server->options.worker, server->wake, err);
    if (server->front.worker != NULL)
        return server;
    server_close(server);
    return NULL;
}

const char *server_url(const struct server *server)
{
    return server->url;
}

void server_close(struct server *server)
{
    if (server == NULL)
        return;
    worker_free(server->front.worker);
    for (struct exchange *at = server->front.exchanges; at != NULL; at = at->next)
        if (at->suspended)
            exchange_leave(at); /* the library wants nothing suspended when it stops */
    if (server->daemon != NULL)
        MHD_stop_daemon(server->daemon);
    keys_release(&server->front.keys);
    if (server->wake >= 0)
        close(server->wake);
    memory_free(server);
}

/* ---- the loop ---- */

/* The earlier of two times to wait for, in milliseconds; -1: for ever. */
static int earlier(int a, int b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Until the library has something to do by itself. */
static int library_milliseconds(struct server *server)
{
    MHD_UNSIGNED_LONG_LONG left;
    if (MHD_get_timeout(server->daemon, &left) != MHD_YES)
        return -1;
    return (int)(left < LONGEST_MILLISECONDS ? left : LONGEST_MILLISECONDS);
}

/* Looks after those who wait, and lists their sockets. Returns milliseconds until it is to be done again. */
static int look_around(struct server *server, size_t *n_waiting)
{
    int left =
        earlier(server->front.stopping ? STOPPING_MILLISECONDS : -1, callers_look(&server->front.callers));
    *n_waiting = 0;
    for (struct exchange *at = server->front.exchanges; at != NULL; at = at->next) {
        left = earlier(left, exchange_look(at));
        if (!at->suspended || *n_waiting == MOST_CONNECTIONS)
            continue;
        server->waiting[*n_waiting] = at;
        server->watched[2 + (*n_waiting)++] = (struct pollfd){.fd = at->socket, .events = POLLRDHUP};
    }
    return left;
}

static bool wait_for_news(struct server *server, int epoll, struct error *err)
{
    size_t n_waiting;
    int left = look_around(server, &n_waiting);
    eventfd_t count;
    server->watched[0] = (struct pollfd){.fd = epoll, .events = POLLIN};
    server->watched[1] = (struct pollfd){.fd = server->wake, .events = POLLIN};
    if (poll(server->watched, 2 + n_waiting, earlier(left, library_milliseconds(server))) < 0)
        return errno == EINTR || fail_errno(err, "cannot wait for clients");
    if (server->watched[1].revents != 0)
        eventfd_read(server->wake, &count);
    for (size_t i = 0; i < n_waiting; i++)
        if ((server->watched[2 + i].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0)
            exchange_leave(server->waiting[i]);
    return true;
}

/* The socket closes, so that others are refused by the system and may try elsewhere. */
static void begin_to_stop(struct server *server)
{
    server->front.stopping = true;
    int listener = MHD_quiesce_daemon(server->daemon);
    if (listener >= 0)
        close(listener);
    server->deadline = clock_seconds() + server->options.grace_seconds;
    worker_stop(server->front.worker, server->options.grace_seconds);
}

/* A piece of a long prompt is not waited for. */
static void stop_at_once(struct server *server)
{
    worker_stop(server->front.worker, 0);
    for (struct exchange *at = server->front.exchanges; at != NULL; at = at->next)
        if (at->stream != NULL)
            stream_interrupt(at->stream);
}

/* Nothing is computed any more, and what was has been sent. */
static bool is_over(struct server *server, double *stopped)
{
    const double now = clock_seconds();
    if (worker_view(server->front.worker).phase != WORKER_STOPPED)
        return false;
    *stopped = *stopped > 0 ? *stopped : now;
    for (const struct exchange *at = server->front.exchanges; at != NULL; at = at->next)
        if (at->stream != NULL && now - *stopped < LAST_SECONDS)
            return false;
    return true;
}

bool server_run(struct server *server, struct error *err)
{
    const int epoll = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    double stopped = 0;
    while (!is_over(server, &stopped)) {
        if (!wait_for_news(server, epoll, err))
            return false;
        if (MHD_run(server->daemon) != MHD_YES)
            return fail(err, "libmicrohttpd stopped serving");
        const int n_stops = atomic_load(&server->n_stops);
        if (n_stops > 0 && !server->front.stopping)
            begin_to_stop(server);
        if (n_stops > 1 || (server->front.stopping && clock_seconds() >= server->deadline))
            stop_at_once(server);
    }
    const char *failure = worker_view(server->front.worker).failure;
    return failure == NULL || fail(err, "%s", failure);
}

void server_stop(struct server *server)
{
    int reason = errno;
    atomic_fetch_add(&server->n_stops, 1);
    eventfd_write(server->wake, 1);
    errno = reason;
}
