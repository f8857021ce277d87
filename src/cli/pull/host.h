/* SPDX-License-Identifier: Apache-2.0 */
/* host.h - a host that serves models as Hugging Face's does: what it lists, and what its answers mean.
 *
 * GET ENDPOINT/api/models/REPO/tree/main?recursive=true lists a repository,
 * page by page; ENDPOINT/REPO/resolve/main/PATH has a file's bytes, usually by
 * way of another host, which the token is never sent to. */
#ifndef FATHOM_CLI_PULL_HOST_H
#define FATHOM_CLI_PULL_HOST_H

#include <curl/curl.h>

#include "cli/pull/repository.h"

struct host {
    const char *endpoint; /* "https://huggingface.co" */
    const char *token;    /* NULL: none */
    uint64_t n_retries;   /* after failures that may pass */
};

bool host_init(struct host *host,
               struct error *err); /* once, before anything else here; checks the endpoint */
void host_release(void);
bool host_is_plain(const struct host *host); /* http: whoever is on the way reads, and writes */

/* Appends the address of a file. */
bool host_file_url(const struct host *host, const char *repo, const char *path, struct buffer *url,
                   struct error *err);
/* What every request shares: the address, redirects, the token, when to give up, Ctrl-C. */
void host_prepare(const struct host *host, CURL *easy, const char *url);

/* What a finished request came to. */
enum host_outcome {
    HOST_DONE,
    HOST_BROKEN,      /* may go better in a moment */
    HOST_UNREACHABLE, /* the same, and nothing was ever heard */
    HOST_REFUSED,     /* will not */
    HOST_STOPPED      /* by Ctrl-C */
};

/* `err` is written where the outcome is not HOST_DONE. */
enum host_outcome host_judge(CURL *easy, CURLcode code, struct error *err);
/* Seconds to wait after so many failures in a row; `asked` of the host itself, or 0. */
double host_patience(uint64_t n_failures, double asked);
/* The value of a header line where it is of that name, without white space around it; NULL: it is another. */
const char *host_header(const char *line, size_t n_bytes, const char *name, size_t *n_value);

/* Adds all files of a repository. Errors name it. */
bool host_list(const struct host *host, const char *repo, struct repository_files *files, struct error *err);

#endif
