/* SPDX-License-Identifier: Apache-2.0 */
/* transfers.c - one loop over libcurl's multi interface, on one thread: network, checksums and records in
 * turn, each a few milliseconds at a time.
 *
 * An answer is looked at before its first byte is taken: whether it is the
 * range that was asked for, of a file as long as listed, of the contents that
 * the bytes before were of. What a host sends of something else is never
 * mixed with what is there. */
#include "cli/pull/transfers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

/* Records wait for the drive. They get a twentieth of the time, and a kill costs what lies between two of
 * them. */
#define RECORD_SHARE    20
#define RECORD_LEAST    0.1 /* seconds between them */
#define RECORD_MOST     10.0
#define CHECKS_A_ROUND  16            /* of 64 KiB: a millisecond */
#define WAIT_MS         100           /* for the network, so that Ctrl-C and progress are seen */
#define CONNECTION_STEP (256 * 1024L) /* bytes that libcurl takes at a time; by default 16 KiB */

/* What the head of an answer says, redirections included. */
struct answer {
    char etag[DOWNLOAD_ETAG_BYTES];
    bool etag_is_linked;   /* told by the first host, of the file itself, and not by where it is stored */
    uint64_t first, total; /* Content-Range */
    bool has_range;
};

/* One connection, and the piece it brings. */
struct transfer {
    struct transfers *all;
    CURL *easy;                /* owned */
    struct download *download; /* NULL: idle */
    size_t piece;
    struct answer answer;
    bool judged; /* the answer, and found good */
    bool whole;  /* a file was sent where a range of it was asked for */
    bool wrong;  /* `err` says why nothing will help */
    uint64_t n_came;
    uint64_t n_failures; /* in a row */
    uint64_t n_own;      /* bytes brought, in all */
    uint64_t others;     /* what the others had brought when the row began */
    double rests_until;
    struct error err;
};

struct transfers {
    const struct transfer_job *job;
    CURLM *multi;
    struct transfer items[TRANSFERS_MOST];
    uint64_t total, n_came; /* bytes: of all files; brought by now */
    double record_due;
};

/* ---- answers ---- */

static void read_etag(struct answer *answer, const char *value, size_t n_value, bool linked)
{
    if ((answer->etag_is_linked && !linked) || n_value >= sizeof answer->etag)
        return;
    memcpy(answer->etag, value, n_value);
    answer->etag[n_value] = '\0';
    answer->etag_is_linked = linked;
}

/* libcurl gives header lines of every answer on the way. */
static size_t take_header(char *line, size_t one, size_t n_bytes, void *listener)
{
    struct answer *answer = &((struct transfer *)listener)->answer;
    const char *value;
    size_t n;
    (void)one;
    if (n_bytes > 5 && memcmp(line, "HTTP/", 5) == 0) {
        answer->has_range = false;
        if (!answer->etag_is_linked)
            answer->etag[0] = '\0';
    } else if ((value = host_header(line, n_bytes, "x-linked-etag", &n)) != NULL) {
        read_etag(answer, value, n, true);
    } else if ((value = host_header(line, n_bytes, "etag", &n)) != NULL) {
        read_etag(answer, value, n, false);
    } else if ((value = host_header(line, n_bytes, "content-range", &n)) != NULL) {
        char text[128];
        snprintf(text, sizeof text, "%.*s", n < sizeof text ? (int)n : (int)sizeof text - 1, value);
        answer->has_range =
            sscanf(text, "bytes %" SCNu64 "-%*u/%" SCNu64, &answer->first, &answer->total) == 2;
    }
    return n_bytes;
}

static uint64_t next_byte(const struct transfer *transfer)
{
    const struct download *download = transfer->download;
    return transfer->piece * download->piece_bytes + download->held[transfer->piece];
}

/* The file changed, or what answers is something on the way to it. Where the list has versions, what is held
 * waits for the next run, which compares them. */
static bool changed(struct transfer *transfer, const char *what)
{
    struct download *download = transfer->download;
    download->spoiled = download->file->version[0] == '\0';
    download->etag[0] = '\0';
    download->recorded = false;
    transfer->wrong = true;
    return fail(&transfer->err,
                "the host sends something else now (%s); the same command looks at its list again, and goes "
                "on or begins anew",
                what);
}

/* Whether the answer is what was asked for. */
static bool judge_answer(struct transfer *transfer)
{
    struct download *download = transfer->download;
    const struct answer *answer = &transfer->answer;
    uint64_t n_bytes = download->file->n_bytes;
    curl_off_t length = -1;
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (status == 206 && answer->has_range && answer->total != n_bytes)
        return changed(transfer, "another size");
    if (status != 206 && length >= 0 && (uint64_t)length != n_bytes)
        return changed(transfer, "another size");
    if (answer->etag[0] != '\0' && download->etag[0] != '\0' && strcmp(answer->etag, download->etag) != 0)
        return changed(transfer, "another ETag");
    if (status != 206 && (download->n_pieces > 1 || next_byte(transfer) > 0)) {
        transfer->whole = true;
        return false;
    }
    if (status == 206 && (!answer->has_range || answer->first != next_byte(transfer))) {
        transfer->wrong = true;
        return fail(&transfer->err, "the host sends another range than was asked for");
    }
    if (answer->etag[0] != '\0')
        snprintf(download->etag, sizeof download->etag, "%s", answer->etag);
    return true;
}

static size_t take_bytes(char *bytes, size_t one, size_t n_bytes, void *listener)
{
    struct transfer *transfer = listener;
    (void)one;
    if (!transfer->judged && !judge_answer(transfer))
        return 0;
    transfer->judged = true;
    if (n_bytes > download_piece_end(transfer->download, transfer->piece) - next_byte(transfer)) {
        transfer->wrong = true;
        fail(&transfer->err, "the host sends more than the file is long");
        return 0;
    }
    if (!download_write(transfer->download, transfer->piece, bytes, n_bytes, &transfer->err)) {
        transfer->wrong = true;
        return 0;
    }
    transfer->n_came += n_bytes;
    transfer->n_own += n_bytes;
    transfer->all->n_came += n_bytes;
    return n_bytes;
}

/* ---- pieces ---- */

static bool is_taken(const struct transfers *all, const struct download *download, size_t piece)
{
    for (size_t i = 0; i < all->job->n_connections; i++)
        if (all->items[i].download == download && all->items[i].piece == piece)
            return true;
    return false;
}

/* The first piece that lacks something and that nobody brings. */
static bool find_piece(const struct transfers *all, struct download **download, size_t *piece)
{
    for (size_t i = 0; i < all->job->n_downloads; i++) {
        struct download *d = &all->job->downloads[i];
        for (size_t p = 0; !download_is_finished(d) && p < d->n_pieces; p++)
            if (p * d->piece_bytes + d->held[p] < download_piece_end(d, p) && !is_taken(all, d, p)) {
                *download = d;
                *piece = p;
                return true;
            }
    }
    return false;
}

static bool begin(struct transfer *transfer, struct error *err)
{
    const struct transfer_job *job = transfer->all->job;
    struct download *download = transfer->download;
    struct buffer url = {0};
    char range[64];
    uint64_t first = next_byte(transfer), end = download_piece_end(download, transfer->piece);
    transfer->answer = (struct answer){0};
    transfer->judged = transfer->whole = transfer->wrong = false;
    transfer->n_came = 0;
    if (!host_file_url(job->host, job->repo, download->file->path, &url, err)) {
        buffer_release(&url);
        return false;
    }
    host_prepare(job->host, transfer->easy, buffer_text(&url));
    buffer_release(&url);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(transfer->easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_BUFFERSIZE, CONNECTION_STEP);
    snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, first, end - 1);
    if (first > 0 || end < download->file->n_bytes)
        curl_easy_setopt(transfer->easy, CURLOPT_RANGE, range);
    if (curl_multi_add_handle(transfer->all->multi, transfer->easy) == CURLM_OK)
        return true;
    transfer->download = NULL;
    return fail(err, "libcurl takes no more transfers");
}

static void end(struct transfer *transfer)
{
    curl_multi_remove_handle(transfer->all->multi, transfer->easy);
    transfer->download = NULL;
}

static bool begin_pieces(struct transfers *all, struct error *err)
{
    double now = clock_seconds();
    for (size_t i = 0; i < all->job->n_connections; i++) {
        struct transfer *transfer = &all->items[i];
        struct download *download;
        if (transfer->download != NULL || now < transfer->rests_until)
            continue;
        if (!find_piece(all, &download, &transfer->piece))
            return true;
        transfer->download = download;
        if (!begin(transfer, err))
            return false;
    }
    return true;
}

/* ---- endings ---- */

/* From here on the file comes in one piece from its beginning, since the host knows no ranges. */
static bool take_whole(struct transfers *all, struct download *download, struct error *err)
{
    for (size_t i = 0; i < all->job->n_connections; i++)
        if (all->items[i].download == download)
            end(&all->items[i]);
    return download_begin_anew(download, true, err) || fail_in(err, buffer_text(&download->path));
}

/* Nothing is there that a host which forgets ranges now and then should cost. */
static bool believes_whole(const struct transfer *transfer)
{
    const struct download *download = transfer->download;
    return download->n_held == 0 || download->n_pieces == 1 ||
           transfer->n_failures >= transfer->all->job->host->n_retries;
}

/* A host may let only some of the connections in: no failure counts as the last while others bring bytes. */
static bool gives_up(struct transfer *transfer)
{
    uint64_t others = transfer->all->n_came - transfer->n_own;
    if (transfer->n_failures <= 1)
        transfer->others = others;
    if (transfer->n_failures <= transfer->all->job->host->n_retries)
        return false;
    if (transfer->others == others)
        return true;
    transfer->others = others;
    transfer->n_failures--;
    return false;
}

/* False: nothing more is to be hoped for. */
static bool conclude(struct transfer *transfer, CURLcode code, struct error *err)
{
    struct download *download = transfer->download;
    struct error reason;
    enum host_outcome outcome = host_judge(transfer->easy, code, &reason);
    curl_off_t asked = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &asked);
    bool lacks = next_byte(transfer) < download_piece_end(download, transfer->piece);
    if (transfer->whole && believes_whole(transfer))
        return take_whole(transfer->all, download, err);
    end(transfer);
    if (!lacks) { /* whatever became of the connection then */
        transfer->n_failures = 0;
        return true;
    }
    if (transfer->wrong) {
        *err = transfer->err;
        return fail_in(err, download->file->path);
    }
    if (transfer->whole)
        outcome = HOST_BROKEN;
    if (outcome == HOST_DONE) /* without a length an answer may end anywhere */
        fail(&reason, "the host ended its answer too early");
    if (outcome == HOST_REFUSED || outcome == HOST_STOPPED) {
        *err = reason;
        return fail_in(err, download->file->path);
    }
    transfer->n_failures = transfer->n_came > 0 && !download->unranged ? 1 : transfer->n_failures + 1;
    if (download->unranged && !download_begin_anew(download, true, err))
        return false;
    if (gives_up(transfer)) {
        *err = reason;
        return fail_in(err, download->file->path);
    }
    transfer->rests_until = clock_seconds() + host_patience(transfer->n_failures, (double)asked);
    return true;
}

static bool conclude_all(struct transfers *all, struct error *err)
{
    int n_left;
    const CURLMsg *message;
    while ((message = curl_multi_info_read(all->multi, &n_left)) != NULL) {
        struct transfer *transfer = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        if (transfer->download != NULL && !conclude(transfer, code, err))
            return false;
    }
    return true;
}

/* ---- files ---- */

static bool check_and_finish(struct transfers *all, bool *busy, struct error *err)
{
    const struct transfer_job *job = all->job;
    *busy = false;
    for (size_t i = 0; i < job->n_downloads; i++) {
        struct download *download = &job->downloads[i];
        for (int n = 0; n < CHECKS_A_ROUND && download_can_check(download); n++)
            if (!download_check(download, err))
                return false;
        *busy = *busy || download_can_check(download);
        if (download_is_finished(download) || !download_is_whole(download))
            continue;
        if (!download_finish(download, err))
            return false;
        if (job->finished != NULL)
            job->finished(job->listener, download);
    }
    return true;
}

static bool record_all(struct transfers *all, struct error *err)
{
    double begun = clock_seconds();
    bool ok = true;
    for (size_t i = 0; i < all->job->n_downloads; i++)
        ok = download_record(&all->job->downloads[i], ok ? err : NULL) && ok;
    double now = clock_seconds(), rest = RECORD_SHARE * (now - begun);
    all->record_due = now + (rest < RECORD_LEAST ? RECORD_LEAST : rest > RECORD_MOST ? RECORD_MOST : rest);
    return ok;
}

static bool all_finished(const struct transfer_job *job)
{
    for (size_t i = 0; i < job->n_downloads; i++)
        if (!download_is_finished(&job->downloads[i]))
            return false;
    return true;
}

static bool report(const struct transfers *all, struct error *err)
{
    uint64_t n_held = 0;
    for (size_t i = 0; i < all->job->n_downloads; i++)
        n_held += all->job->downloads[i].n_held;
    return progress_report(all->job->progress, n_held, all->total) || fail(err, "stopped");
}

static bool go_round(struct transfers *all, struct error *err)
{
    int n_running;
    bool busy;
    if (!begin_pieces(all, err))
        return false;
    if (curl_multi_perform(all->multi, &n_running) != CURLM_OK)
        return fail(err, "libcurl fails");
    if (!conclude_all(all, err) || !check_and_finish(all, &busy, err) || !report(all, err))
        return false;
    if (clock_seconds() >= all->record_due && !record_all(all, err))
        return false;
    if (!all_finished(all->job))
        curl_multi_poll(all->multi, NULL, 0, busy ? 0 : WAIT_MS, NULL);
    return true;
}

bool transfers_run(const struct transfer_job *job, struct error *err)
{
    struct transfers *all = memory_allocate(1, sizeof *all, "transfers", err);
    if (all == NULL)
        return false;
    all->job = job;
    all->multi = curl_multi_init();
    bool ok = all->multi != NULL || fail(err, "no memory for transfers");
    for (size_t i = 0; i < job->n_downloads; i++)
        all->total += job->downloads[i].file->n_bytes;
    for (size_t i = 0; ok && i < job->n_connections; i++) {
        all->items[i].all = all;
        all->items[i].easy = curl_easy_init();
        ok = all->items[i].easy != NULL || fail(err, "no memory for a transfer");
    }
    while (ok && !all_finished(job))
        ok = go_round(all, err);
    record_all(all, ok ? err : NULL);

    for (size_t i = 0; i < job->n_connections; i++) {
        if (all->items[i].download != NULL)
            end(&all->items[i]);
        curl_easy_cleanup(all->items[i].easy);
    }
    curl_multi_cleanup(all->multi);
    memory_free(all);
    return ok;
}
