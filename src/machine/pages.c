/* SPDX-License-Identifier: Apache-2.0 */
/* pages.c - mmap, madvise, mlock and mbind. A block's mapped length follows from its n_bytes alone, so
 * nothing is remembered. */
#include "machine/pages.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"

/* One piece of advice to read ahead is cut to the drive's read-ahead window (Linux, force_page_cache_ra()),
 * which is this where nobody changed it (VM_READAHEAD_PAGES). */
#define WILL_NEED_BYTES ((size_t)128 << 10)

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Whole huge pages, so that the last one can be huge too. */
static size_t mapped_bytes(size_t n_bytes)
{
    return round_up(n_bytes, n_bytes >= PAGES_HUGE_BYTES ? PAGES_HUGE_BYTES : page_bytes());
}

static uint8_t *map(size_t n_bytes)
{
    void *block = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return block != MAP_FAILED ? block : NULL;
}

void *pages_allocate(size_t n_bytes, const char *what, struct error *err)
{
    if (n_bytes > PTRDIFF_MAX) {
        fail(err, "no memory for %zu MiB of %s", n_bytes >> 20, what);
        return NULL;
    }
    size_t length = mapped_bytes(n_bytes);
    size_t extra = n_bytes >= PAGES_HUGE_BYTES ? PAGES_HUGE_BYTES - page_bytes() : 0;
    uint8_t *mapped = map(length + extra);
    if (mapped == NULL) {
        fail_errno(err, "no memory for %zu MiB of %s", n_bytes >> 20, what);
        return NULL;
    }
    if (n_bytes < PAGES_HUGE_BYTES)
        return mapped;

    /* What lies before the first multiple and behind the block goes back. */
    size_t before = round_up((uintptr_t)mapped, PAGES_HUGE_BYTES) - (uintptr_t)mapped;
    if (before > 0)
        munmap(mapped, before);
    if (extra > before)
        munmap(mapped + before + length, extra - before);
    madvise(mapped + before, length, MADV_HUGEPAGE);
    return mapped + before;
}

void pages_free(void *block, size_t n_bytes)
{
    if (block != NULL)
        munmap(block, mapped_bytes(n_bytes));
}

/* The kernel wants the start at a page; it rounds the length up by itself. */
static bool advise(const void *bytes, size_t n_bytes, int advice)
{
    size_t inside = (uintptr_t)bytes % page_bytes();
    return n_bytes == 0 || madvise((uint8_t *)bytes - inside, n_bytes + inside, advice) == 0;
}

bool pages_read(const void *bytes, size_t n_bytes)
{
    return advise(bytes, n_bytes, MADV_POPULATE_READ);
}

void pages_will_need(const void *bytes, size_t n_bytes)
{
    const uint8_t *at = bytes;
    for (size_t done = 0; done < n_bytes; done += WILL_NEED_BYTES)
        advise(at + done, min_size(WILL_NEED_BYTES, n_bytes - done), MADV_WILLNEED);
}

void pages_random(const void *bytes, size_t n_bytes)
{
    advise(bytes, n_bytes, MADV_RANDOM);
}

void pages_want_huge(const void *bytes, size_t n_bytes)
{
    advise(bytes, n_bytes, MADV_HUGEPAGE);
}

void pages_keep_small(void *block, size_t n_bytes)
{
    advise(block, n_bytes, MADV_NOHUGEPAGE);
}

void pages_drop(const void *bytes, size_t n_bytes)
{
    advise(bytes, n_bytes, MADV_PAGEOUT);
}

bool pages_place(void *block, size_t n_bytes, const uint32_t *nodes, size_t n_nodes, struct error *err)
{
    enum { WORD_BITS = sizeof(unsigned long) * CHAR_BIT };
    unsigned long mask[PAGES_MAX_NODES / WORD_BITS] = {0};
    for (size_t i = 0; i < n_nodes; i++) {
        if (nodes[i] >= PAGES_MAX_NODES)
            return fail(err, "memory node %u: at most %d", nodes[i], PAGES_MAX_NODES - 1);
        mask[nodes[i] / WORD_BITS] |= 1ul << nodes[i] % WORD_BITS;
    }
    int policy = n_nodes == 1 ? MPOL_PREFERRED : MPOL_INTERLEAVE;
    /* The kernel takes one bit less than it is told (mbind(2), maxnode). */
    if (syscall(SYS_mbind, block, mapped_bytes(n_bytes), policy, mask, (unsigned long)PAGES_MAX_NODES + 1,
                0) != 0)
        return fail_errno(err, "the system does not place memory on a node (mbind)");
    return true;
}

bool pages_lock(const void *bytes, size_t n_bytes, struct error *err)
{
    if (n_bytes > 0 && mlock(bytes, n_bytes) != 0)
        return fail_errno(err, "cannot lock %zu MiB in memory", n_bytes >> 20);
    return true;
}

bool pages_are_told(const char *path)
{
    struct stat file;
    return (stat(path, &file) == 0 && file.st_uid == geteuid()) ||
           faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

bool pages_are_held(const void *bytes, size_t n_bytes)
{
    unsigned char held[1024]; /* [page] bit 0 */
    size_t page = page_bytes(), inside = (uintptr_t)bytes % page;
    uint8_t *at = (uint8_t *)(uintptr_t)bytes - inside;
    for (n_bytes += inside; n_bytes > 0;) {
        size_t n = min_size(n_bytes, sizeof held * page);
        if (mincore(at, n, held) != 0)
            return false;
        for (size_t i = 0; i < (n + page - 1) / page; i++)
            if ((held[i] & 1) == 0)
                return false;
        at += n;
        n_bytes -= n;
    }
    return true;
}

/* Whoever has the capability is not limited (mlock(2)). */
static bool may_lock_all(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};
    return syscall(SYS_capget, &header, sets) == 0 && (sets[0].effective & (1u << CAP_IPC_LOCK)) != 0;
}

uint64_t pages_lock_limit(void)
{
    struct rlimit limit;
    if (may_lock_all() || getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    return limit.rlim_cur;
}

void pages_discard(void *bytes, size_t n_bytes)
{
    uintptr_t begin = round_up((uintptr_t)bytes, page_bytes());
    uintptr_t end = ((uintptr_t)bytes + n_bytes) / page_bytes() * page_bytes();
    if (begin < end)
        madvise((void *)begin, end - begin, MADV_DONTNEED);
}
