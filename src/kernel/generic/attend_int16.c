/* SPDX-License-Identifier: Apache-2.0 */
/* attend_int16.c - attention over pairs of int16, in plain C: the law for every level. */
#include <math.h>
#include <string.h>

#include "kernel/generic/exponential.h"
#include "kernel/generic/generic.h"

#define LANES ATTEND_LANES

/* ---- rows of numbers ---- */

static float length_of(const float *x, size_t n)
{
    float sums[ATTEND_SQUARES] = {0};
    for (size_t i = 0; i < n; i++)
        sums[i % ATTEND_SQUARES] += x[i] * x[i];
    for (size_t half = ATTEND_SQUARES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            sums[i] += sums[i + half];
    return sqrtf(sums[0]);
}

/* Whole words of int16, each `step` words from the one before; returns the scale. */
static float pack_part(const float *x, size_t n, int16_t *words, size_t step)
{
    const float length = length_of(x, n), factor = attend_factor(length);
    for (size_t i = 0; i < (n + 1) / 2 * 2; i++)
        words[i / 2 * 2 * step + i % 2] = (int16_t)(i < n && factor > 0.0f ? lrintf(x[i] * factor) : 0);
    return attend_scale(length);
}

static void pack_row(const float *x, struct attend_size size, void *row, size_t step)
{
    const size_t n_words = attend_scales_at(size);
    int16_t *words = row;
    float *scales = (float *)row + n_words * step;
    scales[0] = pack_part(x, size.plain, words, step);
    scales[step] = pack_part(x + size.plain, size.rotary, words + (size.plain + 1) / 2 * 2 * step, step);
}

void generic_attend_int16_pack_queries(const float *x, size_t stride, size_t n_lanes, struct attend_size size,
                                       void *panel)
{
    memset(panel, 0, (attend_scales_at(size) + ATTEND_PARTS) * LANES * sizeof(float));
    for (size_t lane = 0; lane < n_lanes; lane++)
        pack_row(x + lane * stride, size, (float *)panel + lane, LANES);
}

void generic_attend_int16_pack_keys(const float *x, size_t stride, size_t n, struct attend_size size,
                                    void *rows, size_t row_words)
{
    for (size_t i = 0; i < n; i++)
        pack_row(x + i * stride, size, (float *)rows + i * row_words, 1);
}

void generic_attend_int16_pack_values(const struct attend_values *v)
{
    for (size_t p = 0; p < v->n_positions; p++) {
        const int16_t *row = (const int16_t *)v->rows + 2 * p * v->row_words;
        int16_t *words = (int16_t *)v->words + p / 2 * 2 * v->value_words;
        for (size_t i = 0; i < v->n_columns; i++) {
            words[2 * i + p % 2] = row[i];
            if (p % 2 == 0) /* until the next position comes, if it does */
                words[2 * i + 1] = 0;
        }
    }
}

/* ---- products ---- */

/* sums[lane] = of n words, each `stride` from the one before. */
static void sum_words(const int16_t *lanes, const int16_t *words, size_t stride, size_t n, int32_t *sums)
{
    memset(sums, 0, LANES * sizeof *sums);
    for (size_t i = 0; i < n; i++, lanes += 2 * LANES, words += 2 * stride)
        for (size_t lane = 0; lane < LANES; lane++)
            sums[lane] += words[0] * lanes[2 * lane] + words[1] * lanes[2 * lane + 1];
}

static void product_row(const struct attend_product *p, const float *panel, const float *row, float *out)
{
    const size_t n_words = attend_scales_at(p->size), n_plain = (p->size.plain + 1) / 2;
    const size_t begin[ATTEND_PARTS + 1] = {0, n_plain, n_words};
    memset(out, 0, LANES * sizeof *out);
    for (size_t part = 0; part < ATTEND_PARTS; part++) {
        const float *scales = panel + (n_words + part) * LANES;
        int32_t sums[LANES];
        sum_words((const int16_t *)(const void *)(panel + begin[part] * LANES),
                  (const int16_t *)(const void *)(row + begin[part]), 1, begin[part + 1] - begin[part], sums);
        for (size_t lane = 0; lane < LANES; lane++)
            out[lane] += (float)sums[lane] * (row[n_words + part] * scales[lane]);
    }
}

void generic_attend_int16_product(const struct attend_product *p)
{
    const size_t panel = (attend_scales_at(p->size) + ATTEND_PARTS) * LANES;
    for (size_t bundle = 0; bundle < p->n_bundles; bundle++)
        for (size_t row = 0; row < p->n_rows; row++)
            product_row(p, (const float *)p->panels + bundle * panel,
                        (const float *)p->rows + row * p->row_words,
                        p->out + bundle * p->out_bundle + row * p->out_row);
}

/* ---- weights ---- */

/* A lane's weights, times the scales of their values, as floats in place of its scores. Returns what the
 * largest integer stands for. */
static float weigh_lane(const struct attend_weigh *w, size_t lane)
{
    struct attend_running *running = w->running;
    float *scores = w->scores + lane, highest = running->highest[lane];
    float sum = 0.0f, total = 0.0f, most = 0.0f;
    const size_t n_seen = w->n_seen == NULL ? w->n_positions : w->n_seen[lane];
    for (size_t i = 0; i < n_seen; i++)
        highest = scores[i * LANES] > highest ? scores[i * LANES] : highest;
    for (size_t i = 0; i < w->n_positions; i++) {
        const float below = scores[i * LANES] - highest;
        const float weight = i < n_seen && !(below < ATTEND_LEAST) ? generic_exponential_of(below) : 0.0f;
        const float scaled = weight * w->value_scales[i * w->scale_stride];
        sum += weight;
        total += scaled;
        most = scaled > most ? scaled : most;
        scores[i * LANES] = scaled;
    }
    w->shrink[lane] = generic_exponential_of(running->highest[lane] - highest);
    running->sum[lane] = running->sum[lane] * w->shrink[lane] + sum;
    running->highest[lane] = highest;
    return most > total * 0.5f ? most : total * 0.5f;
}

void generic_attend_int16_weigh(const struct attend_weigh *w)
{
    int16_t *weights = w->weights;
    float factors[LANES];
    for (size_t lane = 0; lane < LANES; lane++) {
        const float limit = weigh_lane(w, lane);
        factors[lane] = limit > 0.0f ? ATTEND_WEIGHTS / limit : 0.0f;
        w->scale[lane] = limit / ATTEND_WEIGHTS;
    }
    /* Words of two positions may take the place of the first one's floats. */
    for (size_t i = 0; i < w->n_positions; i += 2)
        for (size_t lane = 0; lane < LANES; lane++) {
            const float first = w->scores[i * LANES + lane];
            const float second = i + 1 < w->n_positions ? w->scores[(i + 1) * LANES + lane] : 0.0f;
            int16_t *word = weights + (i / 2 * LANES + lane) * 2;
            word[0] = (int16_t)lrintf(first * factors[lane]);
            word[1] = (int16_t)lrintf(second * factors[lane]);
        }
}

void generic_attend_int16_sum(const struct attend_sum *s)
{
    for (size_t bundle = 0; bundle < s->n_bundles; bundle++) {
        const int16_t *weights = (const int16_t *)s->weights + bundle * s->weights_bundle * 2;
        const float *shrink = s->shrink + bundle * LANES, *scale = s->scale + bundle * LANES;
        for (size_t column = 0; column < s->n_columns; column++) {
            float *out = s->out + (bundle * s->n_columns + column) * LANES;
            int32_t sums[LANES];
            sum_words(weights, (const int16_t *)s->values + column * 2, s->value_words, s->n_words, sums);
            for (size_t lane = 0; lane < LANES; lane++)
                out[lane] = out[lane] * shrink[lane] + (float)sums[lane] * scale[lane];
        }
    }
}
