/* SPDX-License-Identifier: Apache-2.0 */
/* vbmi_look_up.h - look-ups in code books that lie in registers: sixty-four codes at once. */
#ifndef FATHOM_KERNEL_AVX512_VBMI_LOOK_UP_H
#define FATHOM_KERNEL_AVX512_VBMI_LOOK_UP_H

#include "kernel/avx512/codebook_planes.h"
#include "kernel/avx512/dot.h"

#define SIZE_OFFSET 64 /* added to the signed values of IQ2 and IQ3 to make them codes */

/* Entries of a plane of 256 bytes. */
INLINE __m512i look_up_256(const uint8_t *plane, __m512i codes)
{
    const __m512i *part = (const void *)plane;
    __m512i low = _mm512_permutex2var_epi8(_mm512_loadu_si512(part), codes, _mm512_loadu_si512(part + 1));
    __m512i high =
        _mm512_permutex2var_epi8(_mm512_loadu_si512(part + 2), codes, _mm512_loadu_si512(part + 3));
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(codes), low, high);
}

/* Entries of a plane of 512 bytes: `ninth` has the codes' upper bits. */
INLINE __m512i look_up_512(const uint8_t *plane, __m512i codes, __mmask64 ninth)
{
    return _mm512_mask_blend_epi8(ninth, look_up_256(plane, codes), look_up_256(plane + 256, codes));
}

/* a where the mask is set, b elsewhere. */
INLINE __m512i select_bits(__m512i mask, __m512i a, __m512i b)
{
    return _mm512_ternarylogic_epi64(mask, a, b, 0xCA);
}

#endif
