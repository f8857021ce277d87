/* SPDX-License-Identifier: Apache-2.0 */
/* paged.h - routed experts in a mapped file: those that memory holds come first, the others are asked of the
 * disk ahead, a window of them at a time, and come as they were asked for. Where memory holds the whole model
 * in the end, what has come once is taken to be there. */
#ifndef FATHOM_WEIGHTS_PAGED_H
#define FATHOM_WEIGHTS_PAGED_H

#include "backend/backend.h"
#include "weights/resident.h"

struct paged {
    struct expert_source source; /* first: the address of one is the address of the other */
    const struct resident *resident;
    bool is_told; /* by the system, what memory holds */
    bool *known;  /* [layer][GEOMETRY_MAX_EXPERTS] owned: have come; NULL: what comes may go again */
    uint32_t layer;
    uint32_t order[GEOMETRY_MAX_EXPERTS]; /* ids as they will be delivered */
    size_t n_wanted;
    size_t n_asked;     /* of `order`: held, or asked of the disk */
    size_t n_delivered; /* of `order` */
};

/* `resident` must outlive it, and all its layers' experts lie on the host, mapped from `file`. `stays`:
 * memory will hold all. Where the system does not say what memory holds, experts are asked for as if it held
 * none. */
bool paged_init(struct paged *paged, const struct resident *resident, const struct gguf *file, bool stays,
                struct error *err);
void paged_release(struct paged *paged); /* zeroed is fine */

#endif
