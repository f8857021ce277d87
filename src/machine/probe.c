/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c - memory: every member reads its own share, which it also touched first, so pages lie where their
 * reader is. Drives: direct reads in random places, other ones each time. */
#include "machine/probe.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/thread.h"
#include "machine/pages.h"

/* ---- memory ---- */

#define MAX_PASSES 64
#define MIN_PASSES 3

/* Last-level caches have 4 to 12 MB a core today; what is read wants to be several times that. */
#define THREAD_BYTES ((size_t)64 << 20)
#define LEAST_BYTES  ((size_t)256 << 20)
#define MOST_BYTES   ((size_t)2 << 30)

size_t probe_memory_bytes(size_t n_threads)
{
    return min_size(MOST_BYTES, max_size(LEAST_BYTES, n_threads * THREAD_BYTES));
}

struct memory_probe {
    uint8_t *bytes;
    size_t n_bytes;
    double seconds;
    double passes[MAX_PASSES]; /* seconds each, taken by member 0 */
    size_t n_passes;
    bool stop;
    _Atomic uint64_t sum; /* keeps the reads */
};

/* Eight running sums, so that loads and not additions are waited for; the compiler makes vectors of them. */
static uint64_t sum_words(const uint64_t *words, size_t n)
{
    uint64_t sums[8] = {0};
    for (size_t i = 0; i + 8 <= n; i += 8)
        for (size_t j = 0; j < 8; j++)
            sums[j] += words[i + j];
    uint64_t sum = 0;
    for (size_t j = 0; j < 8; j++)
        sum += sums[j];
    return sum;
}

/* Between two barriers, by one member: ends the pass under way, and says whether another follows. */
static void count_pass(struct memory_probe *probe, double *begun, double *pass_begun)
{
    double now = clock_seconds();
    if (*begun == 0)
        *begun = now;
    else
        probe->passes[probe->n_passes++] = now - *pass_begun;
    *pass_begun = now;
    probe->stop =
        probe->n_passes == MAX_PASSES || (probe->n_passes >= MIN_PASSES && now - *begun >= probe->seconds);
}

static void read_share(void *argument, const struct member *member)
{
    struct memory_probe *probe = argument;
    struct range share = team_share(member, probe->n_bytes, PAGES_SMALL_BYTES);
    const uint64_t *words = (const uint64_t *)(const void *)(probe->bytes + share.begin);
    double begun = 0, pass_begun = 0;
    memset(probe->bytes + share.begin, 1, share.end - share.begin);
    for (;;) {
        team_barrier(member);
        if (member->index == 0)
            count_pass(probe, &begun, &pass_begun);
        team_barrier(member);
        if (probe->stop)
            return;
        probe->sum += sum_words(words, (share.end - share.begin) / sizeof *words);
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool probe_read_bandwidth(struct team *team, size_t n_bytes, double seconds, double *bytes_per_second,
                          struct error *err)
{
    struct memory_probe probe = {.n_bytes = n_bytes, .seconds = seconds};
    probe.bytes = pages_allocate(n_bytes, "the bandwidth probe", err);
    if (probe.bytes == NULL)
        return false;
    team_run(team, read_share, &probe);
    pages_free(probe.bytes, n_bytes);
    qsort(probe.passes, probe.n_passes, sizeof *probe.passes, ascending);
    *bytes_per_second = (double)n_bytes / probe.passes[probe.n_passes / 2];
    return true;
}

/* ---- a drive ---- */

#define MIN_PIECES 64 /* in a file worth timing: fewer would be read twice */

struct drive_probe {
    int file;
    size_t n_pieces;          /* whole ones in the file */
    double end;               /* clock_seconds() after which no read begins */
    _Atomic uint64_t seed;    /* of the next reader */
    _Atomic uint64_t n_bytes; /* read */
    atomic_bool failed;
};

static void *read_pieces(void *argument)
{
    struct drive_probe *probe = argument;
    uint8_t *piece = pages_allocate(PROBE_READ_BYTES, "the drive probe", NULL);
    struct random random = random_seeded(atomic_fetch_add(&probe->seed, 1));
    while (piece != NULL && !probe->failed && clock_seconds() < probe->end) {
        uint64_t at = random_below(&random, probe->n_pieces);
        ssize_t n = pread(probe->file, piece, PROBE_READ_BYTES, (off_t)(at * PROBE_READ_BYTES));
        if (n <= 0)
            probe->failed = true;
        else
            probe->n_bytes += (uint64_t)n;
    }
    if (piece == NULL)
        probe->failed = true;
    pages_free(piece, PROBE_READ_BYTES);
    return NULL;
}

static bool time_reads(struct drive_probe *probe, double seconds, double *bytes_per_second, struct error *err)
{
    pthread_t threads[PROBE_READERS];
    size_t n_threads = 0;
    double begun = clock_seconds();
    probe->end = begun + seconds;
    probe->seed = (uint64_t)(begun * 1e6);
    while (n_threads < PROBE_READERS && thread_start(&threads[n_threads], read_pieces, probe) == 0)
        n_threads++;
    for (size_t i = 0; i < n_threads; i++)
        pthread_join(threads[i], NULL);
    *bytes_per_second = (double)probe->n_bytes / (clock_seconds() - begun);
    if (n_threads == 0)
        return fail(err, "cannot start threads to read with");
    return !probe->failed || fail(err, "cannot be read past the system's cache");
}

bool probe_drive(const char *path, double seconds, double *bytes_per_second, struct error *err)
{
    struct drive_probe probe = {.file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_DIRECT)};
    if (probe.file < 0)
        return fail_errno(err, "cannot open past the system's cache");
    struct stat status;
    bool ok = false;
    if (fstat(probe.file, &status) != 0)
        fail_errno(err, "cannot examine");
    else if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size / PROBE_READ_BYTES < MIN_PIECES)
        fail(err, "too short to time its drive");
    else if ((uint64_t)status.st_blocks * 512 < (uint64_t)status.st_size)
        fail(err, "has holes or is compressed, so its drive is not what would be timed");
    else
        ok = true;
    if (ok) {
        probe.n_pieces = (size_t)status.st_size / PROBE_READ_BYTES;
        ok = time_reads(&probe, seconds, bytes_per_second, err);
    }
    close(probe.file);
    return ok;
}
