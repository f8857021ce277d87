/* SPDX-License-Identifier: Apache-2.0 */
/* topology.h - which processors this process may use, and how they are grouped: hwloc's view, narrowed by the
 * affinity mask, with the CPU quota of the control group beside it. */
#ifndef FATHOM_MACHINE_TOPOLOGY_H
#define FATHOM_MACHINE_TOPOLOGY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct core {
    uint32_t processor; /* operating system's number of the core's first allowed hardware thread */
    uint32_t node;      /* index of its memory node, 0 .. n_nodes - 1 */
};

struct node {
    uint32_t number;       /* the operating system's */
    uint64_t memory_bytes; /* installed there; 0: not known */
};

struct topology {
    struct core *cores; /* [n_cores] owned; physical cores that this process may run on, node by node */
    size_t n_cores;
    /* [n_processors] owned; allowed hardware threads: the first of every core in the order of cores, then
     * the second ones, and so on */
    uint32_t *processors;
    size_t n_processors;
    /* [n_processors] owned; index of the last cache that each shares with others, in the order in which the
     * list of processors meets them. A memory node's processors count as sharing one where none is known. */
    uint32_t *caches;
    size_t n_caches;
    struct node *nodes; /* [n_nodes] owned; memory nodes that hold at least one of the cores */
    size_t n_nodes;
    double quota;             /* processors' worth of time granted by the control group; 0: no limit */
    uint64_t memory_bytes;    /* installed, or the control group's limit where that is lower */
    uint64_t available_bytes; /* what could be used now without swapping, under the same limit */
};

/* `description` NULL: this machine. Otherwise a synthetic one in hwloc's syntax, for tests and plans:
 * "numa:2(memory=68719476736) core:8 pu:2". Memory that it does not mention is hwloc's default, even 0. */
bool topology_read(struct topology *topology, const char *description, struct error *err);
void topology_release(struct topology *topology);
/* One a physical core, no more than the quota rounded up; at least 1. */
size_t topology_default_threads(const struct topology *topology);

#endif
