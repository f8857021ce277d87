/* SPDX-License-Identifier: Apache-2.0 */
/* probe.h - how fast this machine reads, measured now: its memory, which bounds decoding, and a drive, which
 * bounds what memory cannot hold. */
#ifndef FATHOM_MACHINE_PROBE_H
#define FATHOM_MACHINE_PROBE_H

#include "machine/team.h"

/* Far more bytes than all caches hold beside so many threads: 256 MiB to 2 GiB. */
size_t probe_memory_bytes(size_t n_threads);

/* Bytes a second that the whole team reads from memory: the median of passes over n_bytes of its own, as many
 * as above or more, for about `seconds`. Takes that memory while it runs. */
bool probe_read_bandwidth(struct team *team, size_t n_bytes, double seconds, double *bytes_per_second,
                          struct error *err);

/* Bytes a second that PROBE_READERS threads read from random places of a file, past the system's cache, in
 * pieces of PROBE_READ_BYTES, for about `seconds`. Files that are too short or have holes fail, and those on
 * file systems without O_DIRECT. */
#define PROBE_READERS    8                 /* as many as keep an NVMe drive busy with large reads */
#define PROBE_READ_BYTES ((size_t)4 << 20) /* about one matrix of an expert of DeepSeek-R1 */
bool probe_drive(const char *path, double seconds, double *bytes_per_second, struct error *err);

#endif
