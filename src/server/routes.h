/* SPDX-License-Identifier: Apache-2.0 */
/* routes.h - what each path answers, and to whom. */
#ifndef FATHOM_SERVER_ROUTES_H
#define FATHOM_SERVER_ROUTES_H

#include "server/exchange.h"

struct route;

/* From the head of a request. NULL, and refused: there is nothing there, or it is not for this client. */
const struct route *route_find(const struct exchange *exchange, struct refusal *refusal);
/* The body is there: answers, or hands the request to the worker and suspends the connection. */
enum MHD_Result route_answer(struct exchange *exchange);

#endif
