/* SPDX-License-Identifier: Apache-2.0 */
/* unroll.h - loops that must leave no index behind, so that arrays become registers, and functions that must
 * be expanded where they are called, so that their arguments become constants. */
#ifndef FATHOM_KERNEL_UNROLL_H
#define FATHOM_KERNEL_UNROLL_H

/* Of at most 16 rounds, a number that is known when it is compiled. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline))

#endif
