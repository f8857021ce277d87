/* SPDX-License-Identifier: Apache-2.0 */
/* page.c - the page's files over HTTP. The headers let it load and ask nothing but this server, and let no
 * text that a model writes become a program or a frame of another site. */
#include "server/page/page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TAG_BYTES 20 /* an ETag: 16 figures in quotes, and a zero */

/* Trusted types: not even the page's own scripts may make elements of text. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

static const struct page_file *find(const char *path)
{
    for (size_t i = 0; i < n_page_files; i++)
        if (strcmp(page_files[i].path, path) == 0)
            return &page_files[i];
    return NULL;
}

/* FNV-1a: another build's file is another, and nobody gains by one that only looks the same. */
static void write_tag(char tag[TAG_BYTES], const struct page_file *file)
{
    uint64_t sum = 0xcbf29ce484222325;
    for (const char *at = file->bytes; at < file->end; at++)
        sum = (sum ^ (unsigned char)*at) * 0x100000001b3;
    snprintf(tag, TAG_BYTES, "\"%016" PRIx64 "\"", sum);
}

/* A browser asks each time, since another program may have the port tomorrow; mostly it is told to keep what
 * it has. */
static bool add_headers(struct MHD_Response *response, const char *tag)
{
    const char *const headers[][2] = {
        {"Content-Security-Policy", policy},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cache-Control", "no-cache"},
        {"ETag", tag},
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        if (MHD_add_response_header(response, headers[i][0], headers[i][1]) != MHD_YES)
            return false;
    return true;
}

enum MHD_Result page_answer(struct exchange *exchange)
{
    const struct page_file *file = find(exchange->path);
    const char *held = exchange_header(exchange, "If-None-Match");
    struct refusal refusal = {0};
    char tag[TAG_BYTES];
    if (file == NULL) {
        refuse_with(&refusal, 404, REFUSAL_INVALID, "not_found", "there is nothing at %.100s",
                    exchange->path);
        return exchange_refuse(exchange, &refusal);
    }
    write_tag(tag, file);
    const bool is_held = held != NULL && strstr(held, tag) != NULL;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        is_held ? 0 : (size_t)(file->end - file->bytes), (void *)file->bytes, MHD_RESPMEM_PERSISTENT);
    if (response != NULL && !add_headers(response, tag)) {
        MHD_destroy_response(response);
        response = NULL;
    }
    return exchange_queue(exchange, is_held ? 304 : 200, file->type, response);
}
