/* SPDX-License-Identifier: Apache-2.0 */
/* origins.c - comparing origins. A page of the server's own has the address that the request went to; but a
 * name may be made to point here by whoever owns it, so only localhost and addresses in figures count. */
#include "server/http/origins.h"

#include <string.h>

bool origins_list(const struct origins *origins, const char *origin)
{
    for (size_t i = 0; origin != NULL && i < origins->n; i++)
        if (strcmp(origins->items[i], origin) == 0)
            return true;
    return false;
}

static bool is_fixed(const char *host)
{
    size_t n = strcspn(host, ":");
    if (host[0] == '[')
        return true;
    return (n == 9 && memcmp(host, "localhost", 9) == 0) || (n > 0 && strspn(host, "0123456789.") == n);
}

bool origins_admit(const struct origins *origins, const char *origin, const char *host)
{
    static const char scheme[] = "http://";
    if (origin == NULL || origins_list(origins, origin))
        return true;
    return host != NULL && strncmp(origin, scheme, strlen(scheme)) == 0 &&
           strcmp(origin + strlen(scheme), host) == 0 && is_fixed(host);
}
