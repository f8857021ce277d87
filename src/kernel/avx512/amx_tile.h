/* SPDX-License-Identifier: Apache-2.0 */
/* amx_tile.h - the instructions of AMX that amx_*.h are written over. The tests give the same names to a
 * model of them in C, so that the code above them runs on any machine with AVX-512.
 *
 * Tiles are named by literal numbers, 0 to 7; a row is `stride` bytes from the next. */
#ifndef FATHOM_KERNEL_AVX512_AMX_TILE_H
#define FATHOM_KERNEL_AVX512_AMX_TILE_H

#include <immintrin.h>

/* The intrinsics of gcc 12 do not say that memory is read: it is written before. */
static inline void write_memory(const void *from)
{
    __asm__ volatile("" : : "r"(from) : "memory");
}

#define TILE_CONFIGURE(shapes) (write_memory(shapes), _tile_loadconfig(shapes))
#define TILE_LOAD(tile, from, stride)    \
    do {                                 \
        write_memory(from);              \
        _tile_loadd(tile, from, stride); \
    } while (0)
/* The same of what is not read again soon: it leaves the first-level cache to others. */
#define TILE_LOAD_ONCE(tile, from, stride)      \
    do {                                        \
        write_memory(from);                     \
        _tile_stream_loadd(tile, from, stride); \
    } while (0)
#define TILE_ZERO(tile) _tile_zero(tile)
/* Products of bytes, by the signs of the first operand and the second. */
#define TILE_MULTIPLY_SIGNED(to, a, b)      _tile_dpbssd(to, a, b)
#define TILE_MULTIPLY_UNSIGNED(to, a, b)    _tile_dpbuud(to, a, b)
#define TILE_MULTIPLY_BY_UNSIGNED(to, a, b) _tile_dpbsud(to, a, b)
#define TILE_MULTIPLY_BY_SIGNED(to, a, b)   _tile_dpbusd(to, a, b)
#define TILE_MULTIPLY_BF16(to, a, b)        _tile_dpbf16ps(to, a, b)
#define TILE_STORE(tile, to, stride)        _tile_stored(tile, to, stride)
#define TILE_RELEASE()                      _tile_release()

#endif
