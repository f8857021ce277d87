/* SPDX-License-Identifier: Apache-2.0 */
/* download.h - one file on its way from a host to disk, in any order and over any number of runs.
 *
 * Bytes go to NAME.part, and NAME.part.json records which of them are there
 * and of what: a record never claims bytes that a power cut could still take.
 * Whole and right, the file gets its name; before that nothing has it. Knows
 * nothing of how bytes come. */
#ifndef FATHOM_CLI_PULL_DOWNLOAD_H
#define FATHOM_CLI_PULL_DOWNLOAD_H

#include "cli/pull/repository.h"

#define DOWNLOAD_ETAG_BYTES 128

struct download {
    const struct repository_file *file;
    struct buffer path, part_path, record_path;
    int descriptor; /* of NAME.part, locked; -1 once the file is finished */
    uint64_t piece_bytes;
    uint64_t *held; /* [n_pieces] owned; bytes at the beginning of each piece that are there */
    size_t n_pieces;
    uint64_t n_held;                /* their sum */
    char etag[DOWNLOAD_ETAG_BYTES]; /* the host's name for these contents; "": not told yet */
    bool unranged;                  /* the host sends it only whole */
    bool begun_anew;                /* what lay there was of other contents */
    bool spoiled;                   /* the host has other contents now: what is held is worth nothing */
    bool recorded;                  /* the record says all that is held */
    bool unwritable;                /* the drive lost bytes: nothing more is recorded */
    struct checksum_work *checksum; /* of the first n_checked bytes; NULL: the host tells none to compare */
    uint64_t n_checked;
};

/* Zeroed before anything else, with descriptor -1: download_none(). */
struct download download_none(void);

/* Takes up `file` where an earlier run left it, below `folder`. A finished one is found by its name, size and
 * checksum: then there is nothing to do. `n_at_once`: how many pieces it is good to fetch at a time. */
bool download_open(struct download *download, const char *folder, const struct repository_file *file,
                   size_t n_at_once, struct error *err);
bool download_is_finished(const struct download *download);
/* Bytes of the file that take up room already: what is held, or more where the file system keeps no holes. */
uint64_t download_room(const struct download *download);

/* Where a piece ends in the file; it begins at piece * piece_bytes. */
uint64_t download_piece_end(const struct download *download, size_t piece);
/* The next bytes of a piece, no more than it lacks. */
bool download_write(struct download *download, size_t piece, const void *bytes, size_t n_bytes,
                    struct error *err);
/* Nothing is held any more: other contents, or a host that sends only whole files (`in_one`). */
bool download_begin_anew(struct download *download, bool in_one, struct error *err);
/* Writes down what is held, once it is on disk. */
bool download_record(struct download *download, struct error *err);

/* Whether bytes that are there wait for download_check(), which takes 64 KiB of them. */
bool download_can_check(const struct download *download);
bool download_check(struct download *download, struct error *err);
bool download_is_whole(const struct download *download); /* everything is there, and checked */
/* Compares the checksum, syncs, renames. What is wrong is thrown away: the next run begins anew. */
bool download_finish(struct download *download, struct error *err);

/* A file of which nothing is held leaves nothing behind. */
void download_close(struct download *download);

#endif
