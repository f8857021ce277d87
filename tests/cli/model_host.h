/* SPDX-License-Identifier: Apache-2.0 */
/* model_host.h - a host of models on this machine's loopback, with Hugging Face's interface and, on request,
 * every fault that a network has: a thread for each connection, two ports. The first port lists and
 * redirects, the second has the bytes, as on the real one. */
#ifndef FATHOM_TESTS_CLI_MODEL_HOST_H
#define FATHOM_TESTS_CLI_MODEL_HOST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_HOST_FILES 12

struct hosted_file {
    char path[96];
    char *bytes; /* owned */
    size_t n_bytes;
    uint64_t listed_bytes; /* what the list says */
    char sum[65];          /* "": a small file, of which the list tells no SHA-256 */
};

/* What goes wrong. Zeroed: nothing. A count is of answers with bytes, and goes down to 0. */
struct host_faults {
    int list_status, file_status; /* instead of 200; file_status for n_refusals answers, or always where 0 */
    int n_refusals;
    int n_cuts; /* answers that end after cut_bytes */
    size_t cut_bytes;
    size_t stall_bytes;  /* every answer stops after so many, for as long as nobody lifts it; 0: none */
    int delay_ms;        /* before each answer with bytes */
    int most_together;   /* answers with bytes at the same time; 429 beyond; 0: any number */
    bool no_ranges;      /* all answers are whole files */
    int n_whole;         /* answers that are whole files, until there are ranges again */
    bool flips;          /* one bit of every file is wrong */
    bool etag_changes;   /* from answer to answer */
    bool plain;          /* no redirection, and no ETag but that of the answer with bytes */
    uint64_t more_bytes; /* the answer's size is so much more than the listed one */
    bool wants_token;    /* "secret" */
};

struct model_host {
    pthread_mutex_t lock; /* over all below */
    pthread_cond_t lifted;
    int listeners[2]; /* [list, bytes] */
    int ports[2];
    pthread_t threads[2];
    struct hosted_file files[MODEL_HOST_FILES];
    size_t n_files;
    size_t page_files; /* files a page of the list */
    struct host_faults faults;
    bool closing;
    int n_open;
    /* what was seen */
    int n_answers;  /* with bytes */
    int n_together; /* such answers at the same time, at most */
    int n_now;
    size_t n_sent;
    bool token_leaked; /* to the second port */
};

void model_host_open(struct model_host *host);
/* Adds a file of n_bytes that follow from the seed; `listed`: the list tells its SHA-256. */
void model_host_add(struct model_host *host, const char *path, size_t n_bytes, uint64_t seed, bool listed);
/* Other contents under a path that is there. */
void model_host_change(struct model_host *host, size_t file, size_t n_bytes, uint64_t seed);
/* Faults from now on, and counts from zero; answers that stall go on. */
void model_host_set(struct model_host *host, struct host_faults faults);
void model_host_close(struct model_host *host);

#endif
