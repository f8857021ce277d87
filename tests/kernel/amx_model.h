/* SPDX-License-Identifier: Apache-2.0 */
/* amx_model.h - the products of AMX over a model of its instructions, on any machine with AVX-512. */
#ifndef FATHOM_TESTS_KERNEL_AMX_MODEL_H
#define FATHOM_TESTS_KERNEL_AMX_MODEL_H

#include "kernel/kernel.h"

product_fn *amx_model_product(enum format format); /* NULL: floats, or no x86-64 */
size_t amx_model_multiplied(void);                 /* tiles, in this process */
bool amx_model_is_right(bool takes_signed);        /* what the level finds of tiles; these may be wrong */

#endif
