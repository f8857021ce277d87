/* SPDX-License-Identifier: Apache-2.0 */
/* listen.c - the thread that talks to clients: one loop over libmicrohttpd's connections.
 *
 * The loop is ours, not the library's, so that everything about connections
 * happens in one thread. It must not wait for anything but poll(). */
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "server/bind.h"
#include "server/routes.h"
#include "server/server.h"

#define MOST_CONNECTIONS 256u
#define IDLE_SECONDS     60u             /* a connection on which nothing moves is closed */
#define HEADER_BYTES     ((size_t)32768) /* of a request, and what the library keeps beside it */

struct server {
    struct MHD_Daemon *daemon;
    int wake; /* eventfd: something other than a socket wants the loop */
    volatile bool stopping;
    char url[URL_BYTES];
};

/* theirs: MHD_AccessHandlerCallback. */
static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **request)
{
    (void)version, (void)upload;
    if (*request == NULL) { /* the head was read, the body comes now */
        *request = context;
        return MHD_YES;
    }
    if (*upload_bytes > 0) {
        *upload_bytes = 0;
        return MHD_YES;
    }
    return route_answer(connection, method, path) ? MHD_YES : MHD_NO;
}

static struct MHD_Daemon *start(struct server *server, int listener)
{
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, answer, server,
                            MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT, MOST_CONNECTIONS,
                            MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            HEADER_BYTES, MHD_OPTION_END);
}

struct server *server_open(const struct server_options *options, struct error *err)
{
    struct server *server = memory_allocate(1, sizeof *server, "a server", err);
    if (server == NULL)
        return NULL;
    server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->wake < 0) {
        fail_errno(err, "cannot make an event descriptor");
        goto failed;
    }
    int listener = bind_listen(options->host, options->port, server->url, err);
    if (listener < 0)
        goto failed;
    server->daemon = start(server, listener);
    if (server->daemon == NULL) {
        fail(err, "libmicrohttpd does not start");
        close(listener);
        goto failed;
    }
    return server;

failed:
    server_close(server);
    return NULL;
}

const char *server_url(const struct server *server)
{
    return server->url;
}

/* Milliseconds for poll(): until the library has something to do by itself; -1: it has not. */
static int milliseconds_left(struct server *server)
{
    MHD_UNSIGNED_LONG_LONG left;
    if (MHD_get_timeout(server->daemon, &left) != MHD_YES)
        return -1;
    return left < 1000000 ? (int)left : 1000000;
}

bool server_run(struct server *server, struct error *err)
{
    int epoll = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    struct pollfd watched[] = {{.fd = epoll, .events = POLLIN}, {.fd = server->wake, .events = POLLIN}};
    while (!server->stopping) {
        if (poll(watched, 2, milliseconds_left(server)) < 0 && errno != EINTR)
            return fail_errno(err, "cannot wait for clients");
        if (MHD_run(server->daemon) != MHD_YES)
            return fail(err, "libmicrohttpd stopped serving");
    }
    return true;
}

void server_stop(struct server *server)
{
    int reason = errno;
    const uint64_t one = 1;
    server->stopping = true;
    if (write(server->wake, &one, sizeof one) < 0)
        errno = reason; /* it is awake already */
}

void server_close(struct server *server)
{
    if (server == NULL)
        return;
    if (server->daemon != NULL)
        MHD_stop_daemon(server->daemon);
    if (server->wake >= 0)
        close(server->wake);
    memory_free(server);
}
