/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - one pass over a model's shards. Bytes are read and not mapped: a drive that cannot give
 * them is then an error that can be told, where a mapped page would end the process. */
#include "cli/verify/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/pull/checksum.h"
#include "fathom.h"
#include "gguf/locate.h"
#include "quant/scales.h"
#include "weights/catalog.h"

#define READ_BYTES ((size_t)4 << 20)

/* ---- structure ---- */

/* Shards that are not there, by their numbers; false where one is missing. */
static bool check_shards(const char *path, struct error *err)
{
    struct shard_name name;
    struct buffer missing = {0}, shard = {0};
    if (!shard_name_read(&name, path))
        return true;
    size_t n_missing = 0;
    for (uint32_t i = 1; i <= name.n_shards && i <= GGUF_MAX_SHARDS; i++) {
        buffer_clear(&shard);
        shard_name_write(&name, path, i, &shard);
        if (file_kind(buffer_text(&shard)) != FILE_MISSING)
            continue;
        buffer_append_format(&missing, n_missing++ > 0 ? ", %u" : "%u", i);
    }
    if (n_missing > 0)
        fail(err, "of its %u shards these are missing: %s", name.n_shards, buffer_text(&missing));
    buffer_release(&missing);
    buffer_release(&shard);
    return n_missing == 0;
}

static bool check_words(const char *path, struct error *err)
{
    struct fathom_error reason;
    struct fathom_vocabulary *vocabulary = fathom_vocabulary_open(path, &reason);
    fathom_vocabulary_close(vocabulary);
    return vocabulary != NULL || fail(err, "%s", reason.text);
}

static bool check_structure(const char *path, struct file_findings *findings, struct error *err)
{
    struct gguf file = {0};
    struct catalog catalog = {0};
    bool sound = check_shards(path, err) && gguf_open(&file, path, err);
    if (sound) {
        findings->n_shards = file.n_shards;
        findings->n_tensors = file.n_tensors;
        findings->n_bytes = gguf_bytes(&file);
        sound = (file.n_tensors > 0 || fail(err, "%s: holds a vocabulary and no weights", path)) &&
                catalog_read(&catalog, &file, err) && check_words(path, err);
    }
    catalog_release(&catalog);
    gguf_close(&file);
    return sound;
}

void verify_structure(const char *path, struct file_findings *findings)
{
    *findings = (struct file_findings){0};
    check_structure(path, findings, &findings->structure);
}

/* ---- bytes ---- */

/* One shard on its way through memory, from its first byte to its last. */
struct scan {
    const struct gguf *file;
    const struct gguf_shard *shard;
    struct file_findings *findings;
    const struct progress *progress;
    uint64_t n_before; /* bytes of earlier shards */
    int descriptor;
    uint64_t at;
    struct checksum_work *checksum; /* NULL: not known, so only weights are read */
    uint8_t *bytes;                 /* [READ_BYTES] */
};

/* The next n bytes, n <= READ_BYTES. */
static bool read_next(struct scan *scan, size_t n, struct error *err)
{
    for (size_t got = 0; got < n;) {
        ssize_t more = pread(scan->descriptor, scan->bytes + got, n - got, (off_t)(scan->at + got));
        if (more < 0)
            return fail_errno(err, "cannot read at byte %llu", (unsigned long long)(scan->at + got));
        if (more == 0)
            return fail(err, "was cut short while it was read");
        got += (size_t)more;
    }
    scan->at += n;
    if (scan->checksum != NULL && !checksum_add(scan->checksum, scan->bytes, n, err))
        return false;
    return progress_report(scan->progress, scan->n_before + scan->at, scan->findings->n_bytes) ||
           fail(err, "stopped");
}

/* What lies between tensors counts for the checksum alone. */
static bool pass_to(struct scan *scan, uint64_t offset, struct error *err)
{
    while (scan->checksum != NULL && scan->at < offset)
        if (!read_next(scan, (size_t)(offset - scan->at < READ_BYTES ? offset - scan->at : READ_BYTES), err))
            return false;
    scan->at = offset;
    return true;
}

static void note_broken(struct scan *scan, const struct gguf_tensor *tensor, uint64_t block)
{
    struct file_findings *findings = scan->findings;
    if (findings->n_broken++ > 0)
        return;
    fail(&findings->first_broken, "%s: tensor %s, block %llu: its scale is infinite or no number",
         scan->shard->path, tensor->name, (unsigned long long)block);
}

static bool scan_tensor(struct scan *scan, const struct gguf_tensor *tensor, struct error *err)
{
    size_t block_bytes = format_info(tensor->format)->block_bytes, most = READ_BYTES / block_bytes;
    uint64_t n_blocks = tensor->n_bytes / block_bytes;
    for (uint64_t first = 0; first < n_blocks;) {
        size_t n = (size_t)(n_blocks - first < most ? n_blocks - first : most);
        if (!read_next(scan, n * block_bytes, err))
            return false;
        for (size_t i = 0;
             (i += scales_find_broken(tensor->format, scan->bytes + i * block_bytes, n - i)) < n; i++)
            note_broken(scan, tensor, first + i);
        first += n;
    }
    scan->findings->n_blocks += n_blocks;
    return true;
}

static int compare_offsets(const void *a, const void *b)
{
    uint64_t left = (*(const struct gguf_tensor *const *)a)->offset;
    uint64_t right = (*(const struct gguf_tensor *const *)b)->offset;
    return (left > right) - (left < right);
}

static bool scan_tensors(struct scan *scan, struct error *err)
{
    const struct gguf_shard *shard = scan->shard;
    const struct gguf_tensor **order = memory_allocate(shard->n_tensors, sizeof *order, "tensors", err);
    if (order == NULL)
        return false;
    for (size_t i = 0; i < shard->n_tensors; i++)
        order[i] = &scan->file->tensors[shard->first_tensor + i];
    qsort(order, shard->n_tensors, sizeof *order, compare_offsets);
    bool ok = true;
    for (size_t i = 0; ok && i < shard->n_tensors; i++)
        ok = pass_to(scan, order[i]->offset, err) && scan_tensor(scan, order[i], err);
    memory_free(order);
    return ok && pass_to(scan, shard->map.n_bytes, err);
}

static bool compare_sum(struct scan *scan, const struct checksum *known, struct error *err)
{
    struct checksum sum;
    struct file_findings *findings = scan->findings;
    if (scan->checksum == NULL)
        return true;
    if (!checksum_end(scan->checksum, &sum, err))
        return false;
    findings->n_sums++;
    if (!checksum_same(&sum, known) && findings->n_wrong_sums++ == 0)
        fail(&findings->first_sum, "%s: has SHA-256 %.12s..., expected %.12s...", scan->shard->path, sum.text,
             known->text);
    return true;
}

static bool scan_shard(struct scan *scan, struct error *err)
{
    struct file_findings *findings = scan->findings;
    struct checksum known = checksum_known(scan->shard->path);
    bool is_known = known.text[0] != '\0';
    uint64_t n_before = findings->n_broken + findings->n_wrong_sums;
    scan->at = 0;
    scan->checksum = is_known ? checksum_begin(err) : NULL;
    scan->descriptor = open(scan->shard->path, O_RDONLY | O_CLOEXEC);
    bool ok =
        (!is_known || scan->checksum != NULL) && (scan->descriptor >= 0 || fail_errno(err, "cannot open"));
    if (ok)
        posix_fadvise(scan->descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
    ok = ok && scan_tensors(scan, err) && compare_sum(scan, &known, err);
    if (ok && findings->n_broken + findings->n_wrong_sums > n_before)
        buffer_append_format(&findings->damaged, "%s%s", findings->damaged.n_bytes > 0 ? ", " : "",
                             scan->shard->path);
    if (scan->descriptor >= 0)
        close(scan->descriptor);
    checksum_free(scan->checksum);
    scan->n_before += scan->shard->map.n_bytes;
    return ok || fail_in(err, scan->shard->path);
}

bool verify_bytes(const char *path, struct file_findings *findings, const struct progress *progress,
                  struct error *err)
{
    struct gguf file;
    if (!gguf_open(&file, path, err))
        return false;
    struct scan scan = {.file = &file, .findings = findings, .progress = progress};
    scan.bytes = memory_allocate(READ_BYTES, 1, "weights to look at", err);
    bool ok = scan.bytes != NULL;
    for (size_t i = 0; ok && i < file.n_shards; i++) {
        scan.shard = &file.shards[i];
        ok = scan_shard(&scan, err);
    }
    memory_free(scan.bytes);
    gguf_close(&file);
    return ok;
}

void file_findings_release(struct file_findings *findings)
{
    buffer_release(&findings->damaged);
}

bool file_is_sound(const struct file_findings *findings)
{
    return findings->structure.text[0] == '\0' && findings->n_wrong_sums == 0 && findings->n_broken == 0;
}
