/* SPDX-License-Identifier: Apache-2.0 */
/* callers.h - connections that are open, and how long each may take to say what it wants.
 *
 * The library closes a connection on which nothing moves, but one that sends a
 * byte now and then would hold its place for ever. Only heads of requests are
 * timed here; bodies and answers have limits of their own. */
#ifndef FATHOM_SERVER_HTTP_CALLERS_H
#define FATHOM_SERVER_HTTP_CALLERS_H

#include <stdbool.h>
#include <stddef.h>

struct caller {
    struct caller *next, *previous;
    int socket;
    double since; /* clock_seconds(): it has asked for nothing since; 0: it has, and is being answered */
};

struct callers {
    struct caller *first;
    double head_seconds; /* that a head may take, from the connection's beginning or the last answer's end */
};

/* A new connection. NULL: no memory, and it is not timed. */
struct caller *caller_open(struct callers *callers, int socket);
void caller_close(struct callers *callers, struct caller *caller); /* NULL is fine */
void caller_has_asked(struct caller *caller);                      /* NULL is fine */
void caller_was_answered(struct caller *caller);                   /* NULL is fine */

/* Shuts the sockets of those who took too long, so that the library closes them. Returns milliseconds until
 * it is to be called again; -1: it need not. */
int callers_look(struct callers *callers);

#endif
