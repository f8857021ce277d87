/* SPDX-License-Identifier: Apache-2.0 */
/* tiles.h - the system's leave to use AMX's tiles, which Linux wants to be asked for. */
#ifndef FATHOM_BASE_TILES_H
#define FATHOM_BASE_TILES_H

#include <stdbool.h>

/* Asks for it, for every thread of this process. False: refused, or a system without tiles. Says nothing of
 * the processor. */
bool tiles_allowed(void);

#endif
