/* SPDX-License-Identifier: Apache-2.0 */
/* levels.h - what each instruction set's folder gives to isa.c: one call that overwrites the entries it
 * does better.
 *
 * A fill function may be called only where its level is available; the levels below that are have filled the
 * table already. One that changes nothing sets kernels->isa back to the level below. Some machines with
 * AVX-512 lack AVX-VNNI, so avx512_fill() overwrites all that avxvnni_fill() gives: a level's bits are the
 * same everywhere. The table's products are functions of one format each, which the lists of formats here
 * write out. */
#ifndef FATHOM_KERNEL_LEVELS_H
#define FATHOM_KERNEL_LEVELS_H

#include "kernel/kernel.h"

/* clang-format off */
/* Every format, once: X(name of the enum, name in functions). */
#define EACH_FLOAT_FORMAT(X) X(F32, f32) X(F16, f16) X(BF16, bf16)
#define EACH_QUANTIZED_FORMAT(X)                                                                    \
    X(Q8_0, q8_0) X(Q4_0, q4_0) X(Q4_1, q4_1) X(Q5_0, q5_0) X(Q5_1, q5_1)                           \
    X(Q2_K, q2_k) X(Q3_K, q3_k) X(Q4_K, q4_k) X(Q5_K, q5_k) X(Q6_K, q6_k)                           \
    X(IQ1_S, iq1_s) X(IQ1_M, iq1_m) X(IQ2_XXS, iq2_xxs) X(IQ2_XS, iq2_xs) X(IQ2_S, iq2_s)           \
    X(IQ3_XXS, iq3_xxs) X(IQ3_S, iq3_s) X(IQ4_NL, iq4_nl) X(IQ4_XS, iq4_xs)
/* clang-format on */

void generic_fill(struct kernels *kernels);
void avx2_fill(struct kernels *kernels);
void avxvnni_fill(struct kernels *kernels);
void avx512_fill(struct kernels *kernels);
void avx512_vbmi_fill(struct kernels *kernels);
void amx_fill(struct kernels *kernels);

#endif
