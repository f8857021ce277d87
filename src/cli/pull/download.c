/* SPDX-License-Identifier: Apache-2.0 */
/* download.c - NAME.part and its record.
 *
 * The checksum follows the bytes in their order, reading them back while they
 * are still in memory, so that little is left to do when the last has come. */
#include "cli/pull/download.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"

#define RECORD_VERSION 1
#define RECORD_LIMIT   ((size_t)1 << 20)
/* A piece is a request, which costs a redirection or two: long ones. But all connections shall have work to
 * the end of a small file. */
#define PIECE_LEAST ((uint64_t)1 << 20)
#define PIECE_MOST  ((uint64_t)64 << 20)
#define CHECK_BYTES ((size_t)1 << 16)

struct download download_none(void)
{
    return (struct download){.descriptor = -1};
}

bool download_is_finished(const struct download *download)
{
    return download->descriptor < 0;
}

uint64_t download_room(const struct download *download)
{
    struct stat status;
    if (download_is_finished(download) || fstat(download->descriptor, &status) != 0)
        return download->n_held;
    uint64_t there = (uint64_t)status.st_blocks * 512; /* whatever the file system's own blocks are */
    there = there < download->file->n_bytes ? there : download->file->n_bytes;
    return there > download->n_held ? there : download->n_held;
}

uint64_t download_piece_end(const struct download *download, size_t piece)
{
    uint64_t end = (piece + 1) * download->piece_bytes;
    return end < download->file->n_bytes ? end : download->file->n_bytes;
}

/* ---- pieces ---- */

static bool cut_into_pieces(struct download *download, uint64_t piece_bytes, struct error *err)
{
    uint64_t n_pieces = (download->file->n_bytes + piece_bytes - 1) / piece_bytes;
    memory_free(download->held);
    download->held = memory_allocate(n_pieces, sizeof *download->held, "pieces of a file", err);
    download->piece_bytes = piece_bytes;
    download->n_pieces = download->held != NULL ? n_pieces : 0;
    download->n_held = 0;
    return download->held != NULL;
}

static uint64_t good_piece(uint64_t n_bytes, size_t n_at_once)
{
    uint64_t piece = n_bytes / (4 * n_at_once);
    piece = piece < PIECE_LEAST ? PIECE_LEAST : piece > PIECE_MOST ? PIECE_MOST : piece;
    return round_up(piece, PIECE_LEAST);
}

static bool begin_checksum(struct download *download, struct error *err)
{
    checksum_free(download->checksum);
    download->checksum = NULL;
    download->n_checked = 0;
    if (download->file->sum.text[0] == '\0')
        return true;
    download->checksum = checksum_begin(err);
    return download->checksum != NULL;
}

bool download_begin_anew(struct download *download, bool in_one, struct error *err)
{
    uint64_t n_bytes = download->file->n_bytes;
    download->etag[0] = '\0';
    download->unranged = in_one;
    download->recorded = false;
    unlink(buffer_text(&download->record_path)); /* first: a record never claims what is gone */
    if (ftruncate(download->descriptor, 0) != 0)
        return fail_errno(err, "cannot empty the partial file");
    return cut_into_pieces(download, in_one && n_bytes > 0 ? n_bytes : download->piece_bytes, err) &&
           begin_checksum(download, err);
}

/* ---- the record ---- */

static json_t *record_to_json(const struct download *download)
{
    json_t *held = json_array();
    for (size_t i = 0; i < download->n_pieces; i++)
        json_array_append_new(held, json_integer((json_int_t)download->held[i]));
    return json_pack("{s:i, s:s, s:I, s:s, s:I, s:b, s:o}", "fathom_pull", RECORD_VERSION, "version",
                     download->file->version, "size", (json_int_t)download->file->n_bytes, "etag",
                     download->etag, "piece", (json_int_t)download->piece_bytes, "unranged",
                     (int)download->unranged, "held", held);
}

static int append_text(const char *bytes, size_t n_bytes, void *buffer)
{
    buffer_append(buffer, bytes, n_bytes);
    return 0;
}

/* The system tells of lost bytes once: asked again, it would say that all is well. */
static bool sync_bytes(struct download *download, int (*sync)(int), struct error *err)
{
    if (sync(download->descriptor) == 0)
        return true;
    download->unwritable = true;
    return fail_errno(err, "cannot write to disk");
}

bool download_record(struct download *download, struct error *err)
{
    if (!download_is_finished(download) && download->spoiled)
        return download_begin_anew(download, false, err);
    if (download_is_finished(download) || download->recorded || download->unwritable)
        return true;
    struct buffer text = {0};
    struct output output = {0};
    json_t *json = record_to_json(download);
    bool made = json != NULL && json_dump_callback(json, append_text, &text, JSON_COMPACT) == 0;
    bool ok = (made && buffer_ok(&text, NULL)) || fail(err, "no memory for the record of what is here");
    ok = ok && sync_bytes(download, fdatasync, err);
    ok = ok && output_open(&output, buffer_text(&download->record_path), err) &&
         output_write(&output, text.bytes, text.n_bytes, err) && output_commit(&output, err);
    output_discard(&output);
    json_decref(json);
    buffer_release(&text);
    download->recorded = ok;
    return ok || fail_in(err, buffer_text(&download->path));
}

/* Whether the record is of these contents, and can be believed. */
static bool take_record(struct download *download, const json_t *json)
{
    const char *version = json_string_value(json_object_get(json, "version"));
    const char *etag = json_string_value(json_object_get(json, "etag"));
    const json_t *held = json_object_get(json, "held");
    json_int_t piece = json_integer_value(json_object_get(json, "piece"));
    uint64_t n_bytes = download->file->n_bytes, there, end = 0;
    if (json_integer_value(json_object_get(json, "fathom_pull")) != RECORD_VERSION || version == NULL ||
        etag == NULL || strcmp(version, download->file->version) != 0 || piece <= 0 ||
        (uint64_t)json_integer_value(json_object_get(json, "size")) != n_bytes ||
        strlen(etag) >= sizeof download->etag ||
        !file_size(buffer_text(&download->part_path), &there, NULL) || there > n_bytes ||
        n_bytes / (uint64_t)piece >= json_array_size(held) + 1 ||
        !cut_into_pieces(download, (uint64_t)piece, NULL) || json_array_size(held) != download->n_pieces)
        return false;
    for (size_t i = 0; i < download->n_pieces; i++) {
        json_int_t n = json_integer_value(json_array_get(held, i));
        if (n < 0 || (uint64_t)n > download_piece_end(download, i) - i * download->piece_bytes)
            return false;
        end = n > 0 ? i * download->piece_bytes + (uint64_t)n : end;
        download->held[i] = (uint64_t)n;
        download->n_held += (uint64_t)n;
    }
    snprintf(download->etag, sizeof download->etag, "%s", etag);
    download->unranged = json_is_true(json_object_get(json, "unranged"));
    return end <= there;
}

/* Sets `recorded` where there is something to go on with. False: there may be, but it cannot be read now. */
static bool read_record(struct download *download, struct error *err)
{
    struct buffer text = {0};
    const char *path = buffer_text(&download->record_path);
    if (file_kind(path) == FILE_MISSING)
        return true;
    bool ok = file_read(&text, path, RECORD_LIMIT, err) || fail_in(err, path);
    json_t *json = ok ? json_loadb(buffer_text(&text), text.n_bytes, 0, NULL) : NULL;
    download->recorded = json != NULL && take_record(download, json);
    download->begun_anew = ok && !download->recorded;
    json_decref(json);
    buffer_release(&text);
    return ok;
}

/* ---- beginning ---- */

static bool name_files(struct download *download, const char *folder, struct error *err)
{
    buffer_append_format(&download->path, "%s/%s", folder, download->file->path);
    buffer_append_format(&download->part_path, "%s.part", buffer_text(&download->path));
    buffer_append_format(&download->record_path, "%s.json", buffer_text(&download->part_path));
    return buffer_ok(&download->path, err) && buffer_ok(&download->part_path, err) &&
           buffer_ok(&download->record_path, err);
}

/* Under its own name a file is whole: pull gives it that name last. Whose checksum was never noted came from
 * elsewhere, and is compared by whoever asks for that. */
static bool lies_finished(const struct download *download)
{
    const char *path = buffer_text(&download->path);
    uint64_t n_bytes;
    if (file_kind(path) != FILE_REGULAR || !file_size(path, &n_bytes, NULL) ||
        n_bytes != download->file->n_bytes)
        return false;
    struct checksum known = checksum_known(path);
    return download->file->sum.text[0] == '\0' || checksum_same(&known, &download->file->sum);
}

bool download_open(struct download *download, const char *folder, const struct repository_file *file,
                   size_t n_at_once, struct error *err)
{
    *download = download_none();
    download->file = file;
    if (!name_files(download, folder, err))
        return false;
    const char *path = buffer_text(&download->path);
    if (lies_finished(download)) {
        download->n_held = file->n_bytes;
        return true;
    }
    if (!file_make_folders(path, 0777, err))
        return false;
    download->descriptor = file_open_locked(buffer_text(&download->part_path), err);
    if (download->descriptor < 0)
        return fail_in(err, path);
    if (!read_record(download, err)) {
        close(download->descriptor); /* and what there is stays */
        download->descriptor = -1;
        return false;
    }
    if (download->recorded)
        return begin_checksum(download, err);
    download->piece_bytes = good_piece(file->n_bytes, n_at_once);
    return download_begin_anew(download, false, err) || fail_in(err, path);
}

/* ---- bytes ---- */

bool download_write(struct download *download, size_t piece, const void *bytes, size_t n_bytes,
                    struct error *err)
{
    const char *at = bytes;
    download->recorded = false;
    while (n_bytes > 0) {
        uint64_t offset = piece * download->piece_bytes + download->held[piece];
        ssize_t n = pwrite(download->descriptor, at, n_bytes, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(err, "cannot write after %llu bytes", (unsigned long long)download->n_held);
        at += n, n_bytes -= (size_t)n;
        download->held[piece] += (uint64_t)n;
        download->n_held += (uint64_t)n;
    }
    return true;
}

/* How far the file is there without a gap, as seen from what was checked. */
static uint64_t checkable_end(const struct download *download)
{
    size_t piece = (size_t)(download->n_checked / download->piece_bytes);
    return piece < download->n_pieces ? piece * download->piece_bytes + download->held[piece]
                                      : download->n_checked;
}

bool download_can_check(const struct download *download)
{
    return !download_is_finished(download) && download->checksum != NULL &&
           download->n_checked < checkable_end(download);
}

bool download_check(struct download *download, struct error *err)
{
    char bytes[CHECK_BYTES];
    size_t n = min_size((size_t)(checkable_end(download) - download->n_checked), sizeof bytes);
    ssize_t n_read = pread(download->descriptor, bytes, n, (off_t)download->n_checked);
    bool ok = n_read > 0 && checksum_add(download->checksum, bytes, (size_t)n_read, err);
    if (n_read < 0)
        fail_errno(err, "cannot read back what was written");
    else if (n_read == 0)
        fail(err, "was cut short while it was being fetched");
    if (ok)
        download->n_checked += (uint64_t)n_read;
    return ok || fail_in(err, buffer_text(&download->path));
}

bool download_is_whole(const struct download *download)
{
    return download->n_held == download->file->n_bytes &&
           (download->checksum == NULL || download->n_checked == download->file->n_bytes);
}

/* ---- the end ---- */

static bool compare_checksum(struct download *download, struct error *err)
{
    struct checksum sum = {0};
    if (download->checksum == NULL)
        return true;
    if (!checksum_end(download->checksum, &sum, err))
        return false;
    if (checksum_same(&sum, &download->file->sum))
        return true;
    download->spoiled = true;
    return fail(err,
                "has SHA-256 %.12s..., where the host lists %.12s...: damaged on the way, or changed there; "
                "the same command fetches it anew",
                sum.text, download->file->sum.text);
}

bool download_finish(struct download *download, struct error *err)
{
    const char *path = buffer_text(&download->path);
    bool ok = compare_checksum(download, err);
    ok = ok && sync_bytes(download, fsync, err);
    if (ok)
        checksum_forget(path); /* a note that lies there is of what had this name before */
    if (ok && rename(buffer_text(&download->part_path), path) != 0)
        ok = fail_errno(err, "cannot rename the partial file");
    if (!ok)
        return fail_in(err, path);
    unlink(buffer_text(&download->record_path));
    file_sync_folder(path);
    close(download->descriptor);
    download->descriptor = -1;
    return download->file->sum.text[0] == '\0' || checksum_note(path, &download->file->sum, err);
}

void download_close(struct download *download)
{
    if (download->descriptor >= 0 && download->n_held == 0) {
        unlink(buffer_text(&download->record_path));
        unlink(buffer_text(&download->part_path));
    }
    if (download->descriptor >= 0)
        close(download->descriptor);
    checksum_free(download->checksum);
    memory_free(download->held);
    buffer_release(&download->path);
    buffer_release(&download->part_path);
    buffer_release(&download->record_path);
    *download = download_none();
}
