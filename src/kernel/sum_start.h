/* SPDX-License-Identifier: Apache-2.0 */
/* sum_start.h - where integer sums begin, so that they are read as floats without conversion.
 *
 * A core has one or two ports that multiply integers, add and multiply floats, and convert: all take turns
 * with VPDPBUSD. So sums are not converted. They begin with the bits of the float SUM_START, and while they
 * stay below 2^22 they are the bits of SUM_START + sum: one fused multiply-add with the scale, less scale
 * times SUM_START, is scale times sum, rounded once. A scale's significand has 22 bits or less (it is a
 * binary16 times a small integer), so its product with SUM_START, which has two, is exact. */
#ifndef FATHOM_KERNEL_SUM_START_H
#define FATHOM_KERNEL_SUM_START_H

/* 1.5 times 2^23: its last bit counts ones, and so do those of its neighbours. */
#define SUM_START 12582912.0f

#endif
