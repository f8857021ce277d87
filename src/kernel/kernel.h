/* SPDX-License-Identifier: Apache-2.0 */
/* kernel.h - the table of inner loops: one value per backend instance, filled level by level.
 *
 * kernels_fill() starts from generic/ and lets each instruction set that the
 * machine has and the mask allows overwrite what it does better. Every entry
 * computes the same function as generic/; two levels may differ in rounding,
 * but one level gives the same bits for the same operands, whatever the other
 * rows and tokens of the call are. */
#ifndef FATHOM_KERNEL_KERNEL_H
#define FATHOM_KERNEL_KERNEL_H

#include "base/error.h"
#include "kernel/attend.h"
#include "quant/activation.h"
#include "quant/format.h"

/* Products of n_rows weight rows with n_tokens activation rows. Each output is one dot product of n_columns
 * values; its bits depend on its own two operands only. */
struct product {
    const void *rows; /* [n_rows][row_bytes]: blocks in the format of the table entry */
    size_t row_bytes;
    size_t n_rows;
    size_t n_columns;        /* whole blocks of the format; a multiple of 32 where activations are int8 */
    const void *activations; /* [n_tokens][activation_bytes]: float, or an int8 row as quant/activation.h */
    size_t activation_bytes; /* from one token to the next */
    size_t n_tokens;
    const void *next;  /* the rows that the caller reads after these, or NULL: a hint, for speed alone */
    float *out;        /* [n_tokens][out_stride]; the call writes out[token * out_stride + row] */
    size_t out_stride; /* floats */
};

typedef void product_fn(const struct product *product);

enum isa { ISA_GENERIC, ISA_AVX2, ISA_AVX_VNNI, ISA_AVX512, ISA_AVX512_VBMI, ISA_AMX, ISA_COUNT };

struct kernels {
    enum isa isa; /* the highest level that filled the table */
    /* int8 activations; float ones where format_info says float_activations */
    product_fn *product[FORMAT_COUNT];
    /* The same for many tokens: rows are unpacked once for all. The bits may differ from product's, by
     * rounding; never NULL: the same function where there is no better way. */
    product_fn *panel_product[FORMAT_COUNT];
    uint8_t panel_tokens[FORMAT_COUNT]; /* from this number of tokens on it is the faster of the two */
    /* The same for still more tokens: weights and activations are rounded to bfloat16, each by a part of 2^-8
     * at most. NULL: no level so far has one. */
    product_fn *wide_product[FORMAT_COUNT];
    uint8_t wide_tokens[FORMAT_COUNT]; /* from this number of tokens on it is the fastest */
    /* Rows of a call beside many tokens, a multiple of 64, where a weight has enough: what is made ready of
     * tokens serves them all. */
    size_t many_rows;
    /* float activations on decoded weights: the law, for --exact; the same bits on every level */
    product_fn *product_exact[FORMAT_COUNT];

    void (*quantize)(const float *x, void *row, size_t n_columns); /* bits of activation_encode() */
    /* out = x / sqrt(mean(x^2) + epsilon) * gain; out may be x */
    void (*rms_norm)(const float *x, const float *gain, float epsilon, float *out, size_t n);
    /* out = silu(gate) * up; out may be either */
    void (*silu_multiply)(const float *gate, const float *up, float *out, size_t n);
    /* y += a * x */
    void (*add_scaled)(float a, const float *x, float *y, size_t n);
    /* y = a * y + b * x */
    void (*scale_add)(float a, float *y, float b, const float *x, size_t n);
    /* out = e^x, out may be x. Within 2 units in the last place where the result is normal (1 from avx2 on);
     * e^0 is 1, and e^x is 0 for x <= -104 and -infinity. A value's bits depend on x alone. */
    void (*exponential)(const float *x, float *out, size_t n);
    void (*f16_to_float)(const uint16_t *x, float *out, size_t n);
    void (*float_to_f16)(const float *x, uint16_t *out, size_t n);
    /* blocks of n values, whole ones, as quant/decode.h says */
    void (*q8_0_to_float)(const void *blocks, float *out, size_t n);
    void (*q4_0_to_float)(const void *blocks, float *out, size_t n);

    struct attend_kernels attend_float; /* attention over floats */
    struct attend_kernels attend_int16; /* over int16, with the same integers on every level */
    /* The same bits, where all parts of vectors are whole chunks and a plain one is not empty. Without
     * functions where a level has no better way. */
    struct attend_kernels attend_chunks;
    /* lanes[n][ATTEND_LANES] back to n_lanes rows, to[n_lanes][stride] */
    void (*attend_unpack)(const float *lanes, size_t n, size_t n_lanes, float *to, size_t stride);
};

/* The fastest for so many tokens together, of one session: they round differently. */
static inline product_fn *kernels_product(const struct kernels *kernels, enum format format, size_t together)
{
    if (kernels->wide_product[format] != NULL && together >= kernels->wide_tokens[format])
        return kernels->wide_product[format];
    bool panels = together >= kernels->panel_tokens[format];
    return panels ? kernels->panel_product[format] : kernels->product[format];
}

/* Attention over int16 for parts of vectors that are all whole chunks, or not. */
static inline const struct attend_kernels *kernels_attend_int16(const struct kernels *kernels, bool chunks)
{
    return chunks && kernels->attend_chunks.product != NULL ? &kernels->attend_chunks
                                                            : &kernels->attend_int16;
}

const char *isa_name(enum isa isa); /* "generic", "avx2", "avxvnni", "avx512", "avx512vbmi", "amx" */
bool isa_by_name(const char *name, enum isa *isa);
bool isa_available(enum isa isa); /* compiled in, and this processor and system have it */
enum isa isa_best(void);          /* the highest that is available, and used */
/* The level that kernels_fill(highest) ends at: one that fails its own test leaves it to that below. */
enum isa isa_used(enum isa highest);
/* Fills the table with everything up to `highest` that is available: a machine may lack avxvnni and have what
 * is above it. That `highest` is not available is an error that names what is missing. */
bool kernels_fill(struct kernels *kernels, enum isa highest, struct error *err);

#endif
