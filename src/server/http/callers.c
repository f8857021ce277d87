/* SPDX-License-Identifier: Apache-2.0 */
/* callers.c - the list, and its clock. */
#include "server/http/callers.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "base/memory.h"

struct caller *caller_open(struct callers *callers, int socket)
{
    struct caller *caller = memory_allocate(1, sizeof *caller, "a connection", NULL);
    if (caller == NULL)
        return NULL;
    *caller = (struct caller){.next = callers->first, .socket = socket, .since = clock_seconds()};
    if (callers->first != NULL)
        callers->first->previous = caller;
    callers->first = caller;
    return caller;
}

void caller_close(struct callers *callers, struct caller *caller)
{
    if (caller == NULL)
        return;
    if (caller->next != NULL)
        caller->next->previous = caller->previous;
    if (caller->previous != NULL)
        caller->previous->next = caller->next;
    else
        callers->first = caller->next;
    memory_free(caller);
}

void caller_has_asked(struct caller *caller)
{
    if (caller != NULL)
        caller->since = 0;
}

void caller_was_answered(struct caller *caller)
{
    if (caller != NULL)
        caller->since = clock_seconds();
}

int callers_look(struct callers *callers)
{
    const double now = clock_seconds();
    double soonest = -1;
    for (struct caller *caller = callers->first; caller != NULL; caller = caller->next) {
        const double left = caller->since + callers->head_seconds - now;
        if (caller->since == 0)
            continue;
        if (left <= 0) {
            shutdown(caller->socket, SHUT_RDWR);
            caller->since = 0; /* the library closes it now */
        } else if (soonest < 0 || left < soonest) {
            soonest = left;
        }
    }
    return soonest < 0 ? -1 : 1 + (int)(1000 * soonest);
}
