/* SPDX-License-Identifier: Apache-2.0 */
/* routes.h - what each path answers, and to whom. */
#ifndef FATHOM_SERVER_HTTP_ROUTES_H
#define FATHOM_SERVER_HTTP_ROUTES_H

#include "server/http/exchange.h"

struct route;

/* From the head of a request. NULL, and refused: there is nothing there, or it is not for this client. */
const struct route *route_find(const struct exchange *exchange, struct refusal *refusal);
/* Whether the request may bring anything that is looked at. */
bool route_reads_body(const struct route *route);
/* Methods of what is at a path, for the header that a refused one gets; NULL: there is nothing. */
const char *route_methods(const char *path);
/* The body is there: answers, or hands the request to the worker and suspends the connection. */
enum MHD_Result route_answer(struct exchange *exchange);

#endif
