/* SPDX-License-Identifier: Apache-2.0 */
/* model_host.c - HTTP/1.1 by hand, since what is tested is mostly what no proper server would do: lie about
 * lengths, stop in the middle, forget ranges. Every answer closes its connection. */
#include "cli/model_host.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "cli/pull/checksum.h"

#define REQUEST_BYTES 8192
#define SEND_BYTES    16384

struct visit {
    struct model_host *host;
    int socket, port; /* 0: list, 1: bytes */
    char request[REQUEST_BYTES + 1];
};

static void check(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        abort();
    }
}

/* ---- answers ---- */

static bool send_all(int socket, const void *bytes, size_t n_bytes)
{
    for (const char *at = bytes; n_bytes > 0;) {
        ssize_t n = send(socket, at, n_bytes, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += n, n_bytes -= (size_t)n;
    }
    return true;
}

static void __attribute__((format(printf, 2, 3))) say(const struct visit *visit, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    send_all(visit->socket, text, (size_t)n);
}

static void refuse(const struct visit *visit, int status)
{
    say(visit, "HTTP/1.1 %d Refused\r\nRetry-After: 0\r\nContent-Length: 5\r\nConnection: close\r\n\r\nsorry",
        status);
}

static const char *header(const struct visit *visit, const char *name)
{
    const char *at = strcasestr(visit->request, name);
    return at != NULL ? at + strlen(name) : NULL;
}

/* GET /api/models/REPO/tree/main?recursive=true[&cursor=N] */
static void answer_list(struct visit *visit)
{
    struct model_host *host = visit->host;
    const char *cursor = strstr(visit->request, "cursor=");
    size_t first = cursor != NULL ? strtoul(cursor + 7, NULL, 10) : 0, last = first + host->page_files;
    static const char folder[] = "{\"type\":\"directory\",\"path\":\"folder\",\"oid\":\"1\",\"size\":0}";
    char text[8192];
    int n = snprintf(text, sizeof text, "[%s", folder);
    last = last < host->n_files ? last : host->n_files;
    for (size_t i = first; i < last; i++) {
        const struct hosted_file *file = &host->files[i];
        n += snprintf(text + n, sizeof text - (size_t)n,
                      ",{\"type\":\"file\",\"path\":\"%s\",\"size\":%" PRIu64 ",\"oid\":\"%016" PRIx64 "\"",
                      file->path, file->listed_bytes, file->listed_bytes);
        if (file->sum[0] != '\0')
            n += snprintf(text + n, sizeof text - (size_t)n, ",\"lfs\":{\"oid\":\"%s\",\"size\":%" PRIu64 "}",
                          file->sum, file->listed_bytes);
        n += snprintf(text + n, sizeof text - (size_t)n, file->sum[0] != '\0' ? "}" : ",\"lfs\":null}");
    }
    n += snprintf(text + n, sizeof text - (size_t)n, "]");
    say(visit, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", n);
    if (last < host->n_files) /* with another host's name in it, as a mirror passes it on */
        say(visit,
            "Link: <https://elsewhere.invalid/api/proxy/api/models/org/model/tree/main?cursor=%zu>; "
            "rel=\"next\"\r\n",
            last);
    say(visit, "Connection: close\r\n\r\n%s", text);
}

/* What of the file is sent: the request's range, or all of it. */
static void choose_range(const struct visit *visit, uint64_t n_bytes, uint64_t *first, uint64_t *end)
{
    const char *range = header(visit, "\r\nrange: bytes=");
    *first = 0, *end = n_bytes;
    if (range != NULL && visit->host->faults.n_whole > 0) {
        visit->host->faults.n_whole--;
    } else if (range != NULL && !visit->host->faults.no_ranges) {
        unsigned long long a = 0, b = 0;
        sscanf(range, "%llu-%llu", &a, &b);
        *first = a, *end = b + 1 < n_bytes ? b + 1 : n_bytes;
    }
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/* The body, with what is to go wrong in it. The lock is held but while bytes are on their way. */
static void send_body(struct visit *visit, const struct hosted_file *file, uint64_t first, uint64_t end)
{
    struct model_host *host = visit->host;
    bool cut = host->faults.n_cuts > 0;
    host->faults.n_cuts -= cut;
    char piece[SEND_BYTES];
    for (uint64_t at = first; at < end;) {
        while (host->faults.stall_bytes > 0 && at - first >= host->faults.stall_bytes && !host->closing)
            pthread_cond_wait(&host->lifted, &host->lock);
        uint64_t n = end - at < SEND_BYTES ? end - at : SEND_BYTES;
        if (cut && at - first + n > host->faults.cut_bytes)
            n = host->faults.cut_bytes - (at - first);
        memcpy(piece, file->bytes + at, n);
        if (host->faults.flips && at <= file->n_bytes / 2 && file->n_bytes / 2 < at + n)
            piece[file->n_bytes / 2 - at] ^= 1;
        host->n_sent += n;
        pthread_mutex_unlock(&host->lock);
        bool sent = send_all(visit->socket, piece, n);
        pthread_mutex_lock(&host->lock);
        at += n;
        if (!sent || host->closing || (cut && at - first >= host->faults.cut_bytes))
            return;
    }
}

static void answer_bytes(struct visit *visit, struct hosted_file *file)
{
    struct model_host *host = visit->host;
    struct host_faults *faults = &host->faults;
    uint64_t first, end, n_bytes = file->n_bytes, told = n_bytes + faults->more_bytes;
    if (faults->file_status != 0) {
        int status = faults->file_status;
        if (faults->n_refusals > 0 && --faults->n_refusals == 0)
            faults->file_status = 0;
        refuse(visit, status);
        return;
    }
    if (faults->most_together > 0 && host->n_now >= faults->most_together) {
        refuse(visit, 429);
        return;
    }
    host->n_answers++;
    host->n_now++;
    host->n_together = host->n_now > host->n_together ? host->n_now : host->n_together;
    int delay_ms = faults->delay_ms;
    pthread_mutex_unlock(&host->lock);
    pause_ms(delay_ms);
    pthread_mutex_lock(&host->lock);
    choose_range(visit, n_bytes, &first, &end);
    bool ranged = first > 0 || end < n_bytes;
    say(visit, "HTTP/1.1 %s\r\nETag: \"%.16s-%d\"\r\nContent-Length: %" PRIu64 "\r\n",
        ranged ? "206 Partial Content" : "200 OK", file->sum, faults->etag_changes ? host->n_answers : 0,
        ranged ? end - first : told);
    if (ranged)
        say(visit, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", first, end - 1, told);
    say(visit, "Connection: close\r\n\r\n");
    send_body(visit, file, first, end);
    host->n_now -= host->n_now > 0; /* counts may have begun anew meanwhile */
}

/* ---- requests ---- */

static struct hosted_file *find_file(struct model_host *host, const char *path)
{
    for (size_t i = 0; i < host->n_files; i++) {
        size_t n = strlen(host->files[i].path);
        if (strncmp(path, host->files[i].path, n) == 0 && path[n] == ' ')
            return &host->files[i];
    }
    return NULL;
}

static void answer(struct visit *visit)
{
    struct model_host *host = visit->host;
    const char *token = header(visit, "\r\nauthorization: Bearer ");
    const char *resolve = strstr(visit->request, "/org/model/resolve/main/");
    if (visit->port == 1) {
        struct hosted_file *file = find_file(host, visit->request + strlen("GET /"));
        host->token_leaked = host->token_leaked || token != NULL;
        file != NULL ? answer_bytes(visit, file) : refuse(visit, 404);
        return;
    }
    if (host->faults.wants_token && (token == NULL || strncmp(token, "secret\r", 7) != 0)) {
        refuse(visit, 401);
    } else if (strncmp(visit->request, "GET /api/models/org/model/tree/main?", 36) == 0) {
        host->faults.list_status != 0 ? refuse(visit, host->faults.list_status) : answer_list(visit);
    } else if (resolve != NULL) {
        const char *path = resolve + strlen("/org/model/resolve/main/");
        struct hosted_file *file = find_file(host, path);
        if (file == NULL)
            refuse(visit, 404);
        else if (host->faults.plain)
            answer_bytes(visit, file);
        else
            say(visit,
                "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/%s\r\nX-Linked-ETag: \"%s\"\r\n"
                "ETag: \"%d\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                host->ports[1], file->path, file->sum, host->n_answers);
    } else {
        refuse(visit, 404);
    }
}

static void *receive(void *argument)
{
    struct visit *visit = argument;
    size_t n = 0;
    while (n < REQUEST_BYTES) {
        ssize_t more = recv(visit->socket, visit->request + n, REQUEST_BYTES - n, 0);
        if (more <= 0)
            break;
        n += (size_t)more;
        visit->request[n] = '\0';
        if (strstr(visit->request, "\r\n\r\n") != NULL)
            break;
    }
    pthread_mutex_lock(&visit->host->lock);
    if (n > 0 && !visit->host->closing)
        answer(visit);
    visit->host->n_open--;
    pthread_cond_broadcast(&visit->host->lifted);
    pthread_mutex_unlock(&visit->host->lock);
    shutdown(visit->socket, SHUT_RDWR);
    close(visit->socket);
    free(visit);
    return NULL;
}

struct door {
    struct model_host *host;
    int port;
};

static void *listen_at(void *argument)
{
    struct door door = *(struct door *)argument;
    free(argument);
    for (;;) {
        int socket = accept(door.host->listeners[door.port], NULL, NULL);
        if (socket < 0)
            return NULL;
        struct visit *visit = calloc(1, sizeof *visit);
        check(visit != NULL, "visit");
        *visit = (struct visit){.host = door.host, .socket = socket, .port = door.port};
        pthread_mutex_lock(&door.host->lock);
        door.host->n_open++;
        pthread_mutex_unlock(&door.host->lock);
        pthread_t thread;
        check(pthread_create(&thread, NULL, receive, visit) == 0, "thread");
        pthread_detach(thread);
    }
}

void model_host_open(struct model_host *host)
{
    *host = (struct model_host){.page_files = MODEL_HOST_FILES};
    pthread_mutex_init(&host->lock, NULL);
    pthread_cond_init(&host->lifted, NULL);
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n_bytes = sizeof address;
        host->listeners[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        check(host->listeners[i] >= 0, "socket");
        check(bind(host->listeners[i], (struct sockaddr *)&address, sizeof address) == 0, "bind");
        check(listen(host->listeners[i], 64) == 0, "listen");
        check(getsockname(host->listeners[i], (struct sockaddr *)&address, &n_bytes) == 0, "getsockname");
        host->ports[i] = ntohs(address.sin_port);
        struct door *door = malloc(sizeof *door);
        check(door != NULL, "door");
        *door = (struct door){host, i};
        check(pthread_create(&host->threads[i], NULL, listen_at, door) == 0, "thread");
    }
}

static void fill(struct hosted_file *file, size_t n_bytes, uint64_t seed, bool listed)
{
    struct random random = random_seeded(seed);
    struct checksum sum = {""};
    struct checksum_work *work = checksum_begin(NULL);
    free(file->bytes);
    file->bytes = malloc(n_bytes + 1);
    check(file->bytes != NULL, "bytes");
    random_bytes(&random, file->bytes, n_bytes);
    file->n_bytes = file->listed_bytes = n_bytes;
    checksum_add(work, file->bytes, n_bytes, NULL);
    checksum_end(work, &sum, NULL);
    checksum_free(work);
    snprintf(file->sum, sizeof file->sum, "%s", listed ? sum.text : "");
}

void model_host_add(struct model_host *host, const char *path, size_t n_bytes, uint64_t seed, bool listed)
{
    pthread_mutex_lock(&host->lock);
    struct hosted_file *file = &host->files[host->n_files++];
    snprintf(file->path, sizeof file->path, "%s", path);
    fill(file, n_bytes, seed, listed);
    pthread_mutex_unlock(&host->lock);
}

void model_host_change(struct model_host *host, size_t file, size_t n_bytes, uint64_t seed)
{
    pthread_mutex_lock(&host->lock);
    fill(&host->files[file], n_bytes, seed, host->files[file].sum[0] != '\0');
    pthread_mutex_unlock(&host->lock);
}

void model_host_set(struct model_host *host, struct host_faults faults)
{
    pthread_mutex_lock(&host->lock);
    host->faults = faults;
    host->n_answers = host->n_together = host->n_now = 0;
    host->n_sent = 0;
    host->token_leaked = false;
    pthread_cond_broadcast(&host->lifted);
    pthread_mutex_unlock(&host->lock);
}

void model_host_close(struct model_host *host)
{
    pthread_mutex_lock(&host->lock);
    host->closing = true;
    pthread_cond_broadcast(&host->lifted);
    pthread_mutex_unlock(&host->lock);
    for (int i = 0; i < 2; i++) {
        shutdown(host->listeners[i], SHUT_RDWR); /* wakes accept() */
        close(host->listeners[i]);
        pthread_join(host->threads[i], NULL);
    }
    pthread_mutex_lock(&host->lock);
    while (host->n_open > 0)
        pthread_cond_wait(&host->lifted, &host->lock);
    pthread_mutex_unlock(&host->lock);
    for (size_t i = 0; i < MODEL_HOST_FILES; i++) /* also those that a test took off the list */
        free(host->files[i].bytes);
    pthread_cond_destroy(&host->lifted);
    pthread_mutex_destroy(&host->lock);
}
