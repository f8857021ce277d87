/* SPDX-License-Identifier: Apache-2.0 */
/* host.c - requests to a host, and its lists. */
#include "cli/pull/host.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "cli/terminal.h"
#include "fathom.h"

#define CONNECT_SECONDS 20L
/* A connection that brings nothing for so long is dead: slow hosts send something. */
#define SILENT_SECONDS  30L
#define MOST_REDIRECTS  8L
#define LONGEST_WAIT    30.0 /* seconds between two attempts */
#define LONGEST_ASKED   300.0
#define LIST_LIMIT      ((size_t)64 << 20) /* bytes of one page; a file takes some 300 */
#define MOST_PAGES      1000
#define MOST_FILE_BYTES ((json_int_t)1 << 50) /* a thousand times what any file has today */

bool host_init(struct host *host, struct error *err)
{
    if (strncmp(host->endpoint, "http://", 7) != 0 && strncmp(host->endpoint, "https://", 8) != 0)
        return fail(err, "the endpoint '%s' must begin with https:// or http://", host->endpoint);
    return curl_global_init(CURL_GLOBAL_DEFAULT) == 0 || fail(err, "libcurl does not start");
}

bool host_is_plain(const struct host *host)
{
    return strncmp(host->endpoint, "https://", 8) != 0;
}

void host_release(void)
{
    curl_global_cleanup();
}

/* ---- addresses ---- */

static void append_endpoint(const struct host *host, struct buffer *url)
{
    size_t n = strlen(host->endpoint);
    while (n > 0 && host->endpoint[n - 1] == '/')
        n--;
    buffer_append(url, host->endpoint, n);
}

/* Everything but what RFC 3986 calls unreserved, and the slashes between folders, as %XX. */
static void append_escaped(struct buffer *url, const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    for (; *path != '\0'; path++)
        if (strchr(plain, *path) != NULL)
            buffer_append(url, path, 1);
        else
            buffer_append_format(url, "%%%02X", (unsigned char)*path);
}

bool host_file_url(const struct host *host, const char *repo, const char *path, struct buffer *url,
                   struct error *err)
{
    append_endpoint(host, url);
    buffer_append_format(url, "/%s/resolve/main/", repo);
    append_escaped(url, path);
    return buffer_ok(url, err);
}

/* ---- requests ---- */

/* libcurl asks now and then, also while nothing comes. */
static int ask_to_stop(void *unused, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)unused, (void)a, (void)b, (void)c, (void)d;
    return interrupted() ? 1 : 0;
}

/* What is asked for over TLS comes over TLS, wherever it is kept. */
static void allow_http_only(const struct host *host, CURL *easy)
{
    bool secure = !host_is_plain(host);
#if LIBCURL_VERSION_NUM >= 0x075500 /* 7.85 has names, and calls the bits deprecated */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS,
                     (long)(secure ? CURLPROTO_HTTPS : CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

void host_prepare(const struct host *host, CURL *easy, const char *url)
{
    char agent[64];
    snprintf(agent, sizeof agent, "fathom/%s", fathom_version());
    curl_easy_reset(easy);
    allow_http_only(host, easy);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, agent);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, MOST_REDIRECTS);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, SILENT_SECONDS);
    /* Over HTTP/2 all pieces would share one connection, and its speed. */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, ask_to_stop);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    if (host->token != NULL) { /* libcurl leaves it out where a redirection leads to another host */
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, host->token);
    }
}

static enum host_outcome judge_status(long status, struct error *err)
{
    switch (status) {
    case 401:
        fail(err, "the host wants a token (401): set HF_TOKEN to yours, and look at the name again, since "
                  "Hugging Face says the same of what does not exist");
        return HOST_REFUSED;
    case 403:
        fail(err, "the host refuses access (403): accept the conditions on the repository's page, and set "
                  "HF_TOKEN to a token of the same account");
        return HOST_REFUSED;
    case 404:
        fail(err, "the host has no such thing (404)");
        return HOST_REFUSED;
    case 416:
        fail(err, "the file is shorter on the host now (416)");
        return HOST_REFUSED;
    case 408:
    case 429:
        fail(err, "the host asks to wait (%ld)", status);
        return HOST_BROKEN;
    default:
        fail(err, "the host answers with status %ld", status);
        return status >= 500 ? HOST_BROKEN : HOST_REFUSED;
    }
}

enum host_outcome host_judge(CURL *easy, CURLcode code, struct error *err)
{
    long status = 0;
    char *address = NULL;
    CURLU *url = curl_url();
    char *name = NULL;
    curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &address);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (url != NULL && address != NULL && curl_url_set(url, CURLUPART_URL, address, 0) == CURLUE_OK)
        curl_url_get(url, CURLUPART_HOST, &name, 0);
    enum host_outcome outcome = HOST_REFUSED;
    switch (code) {
    case CURLE_OK:
        outcome = HOST_DONE;
        break;
    case CURLE_ABORTED_BY_CALLBACK:
        fail(err, "stopped");
        outcome = HOST_STOPPED;
        break;
    case CURLE_HTTP_RETURNED_ERROR:
        outcome = judge_status(status, err);
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        fail(err, "cannot reach %s: is there a network? (%s)", name != NULL ? name : "the host",
             curl_easy_strerror(code));
        outcome = HOST_UNREACHABLE;
        break;
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
        outcome = HOST_BROKEN;
        /* fallthrough */
    default:
        fail(err, "%s: %s", name != NULL ? name : "the host", curl_easy_strerror(code));
    }
    curl_free(name);
    curl_url_cleanup(url);
    return outcome;
}

double host_patience(uint64_t n_failures, double asked)
{
    double seconds = 0.25;
    for (uint64_t i = 1; i < n_failures && seconds < LONGEST_WAIT; i++)
        seconds *= 2;
    seconds = seconds < LONGEST_WAIT ? seconds : LONGEST_WAIT;
    return asked > seconds ? (asked < LONGEST_ASKED ? asked : LONGEST_ASKED) : seconds;
}

const char *host_header(const char *line, size_t n_bytes, const char *name, size_t *n_value)
{
    size_t n_name = strlen(name);
    if (n_bytes <= n_name || strncasecmp(line, name, n_name) != 0 || line[n_name] != ':')
        return NULL;
    const char *value = line + n_name + 1, *end = line + n_bytes;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
        end--;
    *n_value = (size_t)(end - value);
    return value;
}

/* ---- lists ---- */

struct page {
    struct buffer text;
    struct buffer next; /* what the next page's address has behind the endpoint; empty: this is the last */
};

static size_t take_page(char *bytes, size_t one, size_t n_bytes, void *listener)
{
    struct page *page = listener;
    (void)one;
    if (page->text.n_bytes + n_bytes > LIST_LIMIT)
        return 0;
    buffer_append(&page->text, bytes, n_bytes);
    return page->text.failed ? 0 : n_bytes;
}

/* Link: <https://host/api/models/...?cursor=...>; rel="next". Mirrors pass it on with the first host's name
 * in it: what counts is the part behind that, so a list never leads to another host. */
static size_t take_header(char *line, size_t one, size_t n_bytes, void *listener)
{
    struct page *page = listener;
    size_t n_value;
    (void)one;
    const char *value = host_header(line, n_bytes, "link", &n_value);
    if (value == NULL)
        return n_bytes;
    const char *open = memchr(value, '<', n_value);
    const char *close = open != NULL ? memchr(open, '>', n_value - (size_t)(open - value)) : NULL;
    const char *api =
        close != NULL ? memmem(open, (size_t)(close - open), "/api/models/", strlen("/api/models/")) : NULL;
    if (api != NULL && memmem(close, n_value - (size_t)(close - value), "next", 4) != NULL)
        buffer_append(&page->next, api, (size_t)(close - api));
    return n_bytes;
}

static bool wait_seconds(double seconds)
{
    for (; seconds > 0 && !interrupted(); seconds -= 0.1)
        nanosleep(&(struct timespec){.tv_nsec = seconds < 0.1 ? (long)(seconds * 1e9) : 100000000}, NULL);
    return !interrupted();
}

static bool fetch_page(const struct host *host, CURL *easy, const char *url, struct page *page,
                       struct error *err)
{
    for (uint64_t n_failures = 0;;) {
        buffer_clear(&page->text);
        buffer_clear(&page->next);
        host_prepare(host, easy, url);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_page);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, page);
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, page);
        enum host_outcome outcome = host_judge(easy, curl_easy_perform(easy), err);
        if (outcome == HOST_DONE)
            return buffer_ok(&page->text, err) && buffer_ok(&page->next, err);
        curl_off_t asked = 0;
        curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &asked);
        if (outcome != HOST_BROKEN || ++n_failures > host->n_retries ||
            !wait_seconds(host_patience(n_failures, (double)asked)))
            return false;
    }
}

static bool add_file(struct repository_files *files, const json_t *entry, struct error *err)
{
    const char *path = json_string_value(json_object_get(entry, "path"));
    const json_t *large = json_object_get(entry, "lfs"); /* may be null */
    const json_t *told = json_is_object(large) ? large : entry;
    const json_t *size = json_object_get(told, "size");
    const char *oid = json_string_value(json_object_get(told, "oid"));
    if (path == NULL || !json_is_integer(size) || json_integer_value(size) < 0 ||
        json_integer_value(size) > MOST_FILE_BYTES)
        return fail(err, "the host's list is not one: a file has no path or no size");
    struct repository_file *file = repository_add(files, path, err);
    if (file == NULL)
        return false;
    file->n_bytes = (uint64_t)json_integer_value(size);
    snprintf(file->version, sizeof file->version, "%s", oid != NULL ? oid : "");
    if (told == large && oid != NULL) /* the name of a large file is the SHA-256 of its bytes */
        checksum_read(&file->sum, strncmp(oid, "sha256:", 7) == 0 ? oid + 7 : oid);
    return true;
}

static bool add_page(struct repository_files *files, const struct buffer *text, struct error *err)
{
    json_error_t reason;
    json_t *list = json_loadb(buffer_text(text), text->n_bytes, 0, &reason);
    bool ok = json_is_array(list) || fail(err, "the host's list is not one: is this the address of a host "
                                               "with Hugging Face's interface?");
    for (size_t i = 0; ok && i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const char *type = json_string_value(json_object_get(entry, "type"));
        if (type != NULL && strcmp(type, "file") == 0)
            ok = add_file(files, entry, err);
    }
    json_decref(list);
    return ok;
}

bool host_list(const struct host *host, const char *repo, struct repository_files *files, struct error *err)
{
    struct page page = {0};
    struct buffer url = {0};
    CURL *easy = curl_easy_init();
    bool ok = easy != NULL || fail(err, "no memory for a request");
    append_endpoint(host, &url);
    buffer_append_format(&url, "/api/models/%s/tree/main?recursive=true", repo);
    for (int n_pages = 1; ok && url.n_bytes > 0; n_pages++) {
        ok = buffer_ok(&url, err) && fetch_page(host, easy, buffer_text(&url), &page, err) &&
             add_page(files, &page.text, err) &&
             (n_pages < MOST_PAGES || fail(err, "the host's list does not end"));
        buffer_clear(&url);
        if (ok && page.next.n_bytes > 0) {
            append_endpoint(host, &url);
            buffer_append_text(&url, buffer_text(&page.next));
        }
    }
    repository_sort(files);
    curl_easy_cleanup(easy);
    buffer_release(&page.text);
    buffer_release(&page.next);
    buffer_release(&url);
    return ok || fail_in(err, repo);
}
