/* SPDX-License-Identifier: Apache-2.0 */
/* pages.h - memory in pages: large blocks of our own, and advice about mapped ones.
 *
 * A block of PAGES_HUGE_BYTES or more starts at a multiple of that and asks
 * for huge pages; a smaller one starts at a multiple of 4096. Blocks are
 * zeroed and become real, on the toucher's memory node, page by page as they
 * are first touched. */
#ifndef FATHOM_MACHINE_PAGES_H
#define FATHOM_MACHINE_PAGES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define PAGES_SMALL_BYTES ((size_t)4096)    /* x86-64; arm64 may have larger ones */
#define PAGES_HUGE_BYTES  ((size_t)2 << 20) /* x86-64, and arm64 with 4 KiB pages */

/* n_bytes > 0; the caller frees it with the same n_bytes. NULL: no memory for "what". */
void *pages_allocate(size_t n_bytes, const char *what, struct error *err);
void pages_free(void *block, size_t n_bytes); /* NULL is fine */
/* Gives the whole pages inside a range of a block back to the system, until they are touched again. Each
 * byte of the range is then zero or what it was. */
void pages_discard(void *bytes, size_t n_bytes);

/* Advice, before a block is touched: no huge pages, as with mapped files where the file system has none. */
void pages_keep_small(void *block, size_t n_bytes);
/* Decides, before a block is touched, which memory nodes its pages come from: one, or several in turn. Nodes
 * by the operating system's numbers, below PAGES_MAX_NODES. A node that is full gives way to its neighbours.
 */
#define PAGES_MAX_NODES 1024 /* Linux's CONFIG_NODES_SHIFT is 10 at most */
bool pages_place(void *block, size_t n_bytes, const uint32_t *nodes, size_t n_nodes, struct error *err);

/* Brings a range of mapped memory in, from disk where it must, and keeps it there until it is unmapped. */
bool pages_lock(const void *bytes, size_t n_bytes, struct error *err);
uint64_t pages_lock_limit(void); /* bytes that this process may lock in all; UINT64_MAX: any number */

/* Reads a range of mapped memory from disk, where it must, and maps it. False: some of it cannot be read, or
 * the system does not do this (before Linux 5.14). */
bool pages_read(const void *bytes, size_t n_bytes);

/* Whether memory holds all of a range of a mapped file now. The kernel tells only those who own the file or
 * could write it; to others everything looks held. */
bool pages_are_held(const void *bytes, size_t n_bytes);
bool pages_are_told(const char *path); /* whether this process is one of them */

/* Advice about any range inside mapped memory; what the kernel does not take is lost without harm. */

/* Read a huge page or two with whatever is touched, and map them as such where the file system can. */
void pages_want_huge(const void *bytes, size_t n_bytes);
void pages_will_need(const void *bytes, size_t n_bytes); /* start reading all of it from disk now */
void pages_random(const void *bytes, size_t n_bytes);    /* do not read ahead around what is touched */
void pages_drop(const void *bytes, size_t n_bytes);      /* of a file: not needed again, others come first */

#endif
