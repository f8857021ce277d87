/* SPDX-License-Identifier: Apache-2.0 */
/* amx_model.h - the products of AMX, and its attention, over a model of its instructions, on any machine with
 * AVX-512. */
#ifndef FATHOM_TESTS_KERNEL_AMX_MODEL_H
#define FATHOM_TESTS_KERNEL_AMX_MODEL_H

#include "kernel/kernel.h"

product_fn *amx_model_product(enum format format); /* NULL: floats, or no x86-64 */
struct attend_kernels amx_model_attend(void);      /* for whole chunks; no functions: no x86-64 */

/* What tiles may get wrong: see tile_model.h. */
enum amx_fault { AMX_NO_FAULT, AMX_TAKES_SIGNED, AMX_TAKES_FIRST_SIGNED, AMX_SWAPS_PAIRS, AMX_HALVES_DEPTH };
/* What the level finds of such tiles. */
bool amx_model_is_right(enum amx_fault fault);
bool amx_model_attends_right(enum amx_fault fault);

#endif
