/* SPDX-License-Identifier: Apache-2.0 */
/* routes.h - what each path answers. */
#ifndef FATHOM_SERVER_ROUTES_H
#define FATHOM_SERVER_ROUTES_H

#include <microhttpd.h>
#include <stdbool.h>

/* Queues the answer to a request whose body was read; false: there is no memory for it. */
bool route_answer(struct MHD_Connection *connection, const char *method, const char *path);

#endif
