/* SPDX-License-Identifier: Apache-2.0 */
/* places.c - the specification's three variables and what stands in for each; it has relative paths
 * ignored. */
#include "cli/places.h"

#include <stdlib.h>

static const struct {
    const char *variable, *below_home;
} kinds[] = {
    [PLACE_CACHE] = {"XDG_CACHE_HOME", ".cache"},
    [PLACE_STATE] = {"XDG_STATE_HOME", ".local/state"},
    [PLACE_DATA] = {"XDG_DATA_HOME", ".local/share"},
};

bool place_append(enum place_kind kind, struct buffer *path, struct error *err)
{
    const char *chosen = getenv(kinds[kind].variable), *home = getenv("HOME");
    if (chosen != NULL && chosen[0] == '/')
        buffer_append_format(path, "%s/fathom", chosen);
    else if (home != NULL && home[0] == '/')
        buffer_append_format(path, "%s/%s/fathom", home, kinds[kind].below_home);
    else
        return fail(err, "set HOME or %s", kinds[kind].variable);
    return buffer_ok(path, err);
}
