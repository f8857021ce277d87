/* SPDX-License-Identifier: Apache-2.0 */
/* transfers.h - files fetched piece by piece over several connections at once, until all are whole, Ctrl-C is
 * typed, or it is plain that they will not come. */
#ifndef FATHOM_CLI_PULL_TRANSFERS_H
#define FATHOM_CLI_PULL_TRANSFERS_H

#include "base/progress.h"
#include "cli/pull/download.h"
#include "cli/pull/host.h"

#define TRANSFERS_MOST 64 /* connections */

struct transfer_job {
    const struct host *host;
    const char *repo;
    struct download *downloads; /* [n_downloads] opened */
    size_t n_downloads;
    size_t n_connections; /* 1 to TRANSFERS_MOST */
    const struct progress *progress;
    void (*finished)(void *listener, const struct download *download); /* told of each file; or NULL */
    void *listener;
};

/* True: all files lie finished. Otherwise what came is recorded, and the error says why it ends. */
bool transfers_run(const struct transfer_job *job, struct error *err);

#endif
