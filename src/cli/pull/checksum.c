/* SPDX-License-Identifier: Apache-2.0 */
/* checksum.c - SHA-256 by libcrypto, which uses the processor's own instructions for it: whole models are
 * read through it, and libcurl has it loaded anyway. */
#include "cli/pull/checksum.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/output.h"

#define HEX_DIGITS 64
#define NOTE_LIMIT 8192 /* bytes of a note: two digits a byte, two spaces, the name */

bool checksum_read(struct checksum *sum, const char *text)
{
    static const char capitals[] = "0123456789ABCDEF", small[] = "0123456789abcdef";
    *sum = (struct checksum){0};
    for (size_t i = 0; i < HEX_DIGITS; i++) {
        const char *at = text[i] != '\0' ? strchr(small, text[i]) : NULL;
        if (at == NULL && text[i] != '\0' && (at = strchr(capitals, text[i])) != NULL)
            at = small + (at - capitals);
        if (at == NULL) {
            *sum = (struct checksum){0};
            return false;
        }
        sum->text[i] = *at;
    }
    return true;
}

bool checksum_same(const struct checksum *a, const struct checksum *b)
{
    return strcmp(a->text, b->text) == 0;
}

/* ---- making one ---- */

static EVP_MD_CTX *context_of(struct checksum_work *work)
{
    return (EVP_MD_CTX *)work;
}

struct checksum_work *checksum_begin(struct error *err)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1)
        return (struct checksum_work *)context;
    EVP_MD_CTX_free(context);
    fail(err, "libcrypto has no SHA-256");
    return NULL;
}

bool checksum_add(struct checksum_work *work, const void *bytes, size_t n_bytes, struct error *err)
{
    return EVP_DigestUpdate(context_of(work), bytes, n_bytes) == 1 || fail(err, "SHA-256 failed");
}

bool checksum_end(struct checksum_work *work, struct checksum *sum, struct error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n_bytes = 0;
    if (EVP_DigestFinal_ex(context_of(work), digest, &n_bytes) != 1 || n_bytes != HEX_DIGITS / 2)
        return fail(err, "SHA-256 failed");
    for (unsigned i = 0; i < n_bytes; i++)
        snprintf(sum->text + 2 * (size_t)i, 3, "%02x", digest[i]);
    return true;
}

void checksum_free(struct checksum_work *work)
{
    EVP_MD_CTX_free(context_of(work));
}

static bool add_file(struct checksum_work *work, int descriptor, uint64_t n_bytes,
                     const struct progress *progress, struct error *err)
{
    char bytes[1 << 16];
    for (uint64_t n_done = 0;;) {
        ssize_t n = read(descriptor, bytes, sizeof bytes);
        if (n < 0)
            return fail_errno(err, "cannot read");
        if (n == 0)
            return true;
        n_done += (uint64_t)n;
        if (!checksum_add(work, bytes, (size_t)n, err))
            return false;
        if (!progress_report(progress, n_done, n_bytes))
            return fail(err, "stopped");
    }
}

bool checksum_file(const char *path, struct checksum *sum, const struct progress *progress, struct error *err)
{
    uint64_t n_bytes;
    struct checksum_work *work = checksum_begin(err);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    *sum = (struct checksum){0};
    bool ok = work != NULL && (descriptor >= 0 || fail_errno(err, "cannot open")) &&
              file_size(path, &n_bytes, err) && add_file(work, descriptor, n_bytes, progress, err) &&
              checksum_end(work, sum, err);
    if (descriptor >= 0)
        close(descriptor);
    checksum_free(work);
    return ok || fail_in(err, path);
}

/* ---- what a file must be ---- */

static bool note_path(struct buffer *note, const char *path, struct error *err)
{
    buffer_append_format(note, "%s.sha256", path);
    return buffer_ok(note, err);
}

/* huggingface_hub keeps models--ORG--NAME/blobs/SUM, and links to it from snapshots/. */
static bool read_blob_name(struct checksum *sum, const char *path)
{
    static const char folder[] = "/blobs/";
    char *real = realpath(path, NULL);
    const char *slash = real != NULL ? strrchr(real, '/') : NULL;
    bool found = slash != NULL && slash - real >= (ptrdiff_t)sizeof folder - 2 && slash[1] != '\0' &&
                 memcmp(slash - (sizeof folder - 2), folder, sizeof folder - 1) == 0 &&
                 strlen(slash + 1) == HEX_DIGITS && checksum_read(sum, slash + 1);
    free(real);
    return found;
}

struct checksum checksum_known(const char *path)
{
    struct checksum sum = {0};
    struct buffer note = {0}, text = {0};
    bool read = note_path(&note, path, NULL) && file_kind(buffer_text(&note)) == FILE_REGULAR &&
                file_read(&text, buffer_text(&note), NOTE_LIMIT, NULL) &&
                checksum_read(&sum, buffer_text(&text));
    if (!read)
        read_blob_name(&sum, path);
    buffer_release(&note);
    buffer_release(&text);
    return sum;
}

bool checksum_note(const char *path, const struct checksum *sum, struct error *err)
{
    const char *slash = strrchr(path, '/');
    struct buffer note = {0}, line = {0};
    struct output output = {0};
    buffer_append_format(&line, "%s  %s\n", sum->text, slash != NULL ? slash + 1 : path);
    bool ok = note_path(&note, path, err) && buffer_ok(&line, err);
    if (ok)
        ok = (output_open(&output, buffer_text(&note), err) &&
              output_write(&output, line.bytes, line.n_bytes, err) && output_commit(&output, err)) ||
             fail_in(err, buffer_text(&note));
    output_discard(&output);
    buffer_release(&note);
    buffer_release(&line);
    return ok;
}

void checksum_forget(const char *path)
{
    struct buffer note = {0};
    if (note_path(&note, path, NULL))
        unlink(buffer_text(&note));
    buffer_release(&note);
}
