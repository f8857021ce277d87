/* SPDX-License-Identifier: Apache-2.0 */
/* origins.h - which web pages may use the server.
 *
 * A page that anybody opens can send requests to this machine, with its
 * owner's browser for a messenger. So a request that names the page it comes
 * from is refused unless that page was listed, or is the server's own. */
#ifndef FATHOM_SERVER_HTTP_ORIGINS_H
#define FATHOM_SERVER_HTTP_ORIGINS_H

#include <stdbool.h>
#include <stddef.h>

struct origins {
    const char *const *items; /* [n] "https://chat.example.org", compared whole */
    size_t n;
};

/* May the page read answers? (CORS) */
bool origins_list(const struct origins *origins, const char *origin);
/* May a request with these headers, each perhaps NULL, be answered at all? */
bool origins_admit(const struct origins *origins, const char *origin, const char *host);

#endif
