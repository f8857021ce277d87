/* SPDX-License-Identifier: Apache-2.0 */
/* bind.c - finding an address to listen on, and saying why there is none. */
#include "server/http/bind.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEND_BYTES          131072 /* that the kernel keeps for a client that does not read */
#define WAITING_CONNECTIONS 128    /* listen(2): what the kernel accepts for us while we are busy */

static int open_socket(const struct addrinfo *address)
{
    int listener = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int yes = 1, send_bytes = SEND_BYTES;
    if (listener < 0)
        return -1;
    /* A server that is started again need not wait until the last one's connections are forgotten. */
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes); /* connections inherit it */
    if (bind(listener, address->ai_addr, address->ai_addrlen) == 0 &&
        listen(listener, WAITING_CONNECTIONS) == 0)
        return listener;
    int reason = errno;
    close(listener);
    errno = reason;
    return -1;
}

/* A name may have addresses of both kinds, "localhost" has: clients try both, some IPv4 alone. -1: none. */
static int open_any(const struct addrinfo *found, bool ipv4)
{
    int listener = -1;
    for (const struct addrinfo *at = found; at != NULL && listener < 0; at = at->ai_next)
        if ((at->ai_family == AF_INET) == ipv4)
            listener = open_socket(at);
    return listener;
}

static uint16_t port_of(int listener)
{
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } address;
    socklen_t n_bytes = sizeof address;
    memset(&address, 0, sizeof address);
    getsockname(listener, &address.any, &n_bytes);
    return ntohs(address.any.sa_family == AF_INET6 ? address.ipv6.sin6_port : address.ipv4.sin_port);
}

int bind_listen(const char *host, uint16_t port, char url[URL_BYTES], struct error *err)
{
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    int status = getaddrinfo(host, service, &wanted, &found);
    if (status != 0) {
        fail(err, "cannot listen on %s: %s", host, gai_strerror(status));
        return -1;
    }
    errno = 0;
    int listener = open_any(found, true);
    if (listener < 0 && errno != EADDRINUSE) /* who has the port has the clients that try IPv4 first */
        listener = open_any(found, false);
    if (listener < 0)
        fail_errno(err, "cannot listen on %s, port %u", host, port);
    freeaddrinfo(found);
    if (listener >= 0)
        snprintf(url, URL_BYTES, strchr(host, ':') != NULL ? "http://[%s]:%u" : "http://%s:%u", host,
                 port_of(listener));
    return listener;
}
