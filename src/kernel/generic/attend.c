/* SPDX-License-Identifier: Apache-2.0 */
/* attend.c - attention's loops over floats in plain C. */
#include <string.h>

#include "kernel/generic/exponential.h"
#include "kernel/generic/generic.h"

#define LANES ATTEND_LANES

void generic_attend_pack_queries(const float *x, size_t stride, size_t n_lanes, struct attend_size size,
                                 void *panel)
{
    float *to = panel;
    for (size_t i = 0; i < size.plain + size.rotary; i++)
        for (size_t lane = 0; lane < LANES; lane++)
            to[i * LANES + lane] = lane < n_lanes ? x[lane * stride + i] : 0.0f;
}

void generic_attend_unpack(const float *lanes, size_t n, size_t n_lanes, float *to, size_t stride)
{
    for (size_t lane = 0; lane < n_lanes; lane++)
        for (size_t i = 0; i < n; i++)
            to[lane * stride + i] = lanes[i * LANES + lane];
}

static void product_row(const float *panel, const float *row, size_t n, float *out)
{
    float sums[LANES] = {0};
    for (size_t i = 0; i < n; i++, panel += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            sums[lane] += row[i] * panel[lane];
    memcpy(out, sums, sizeof sums);
}

void generic_attend_product(const struct attend_product *p)
{
    const float *panels = p->panels, *rows = p->rows;
    const size_t n = p->size.plain + p->size.rotary;
    for (size_t bundle = 0; bundle < p->n_bundles; bundle++)
        for (size_t row = 0; row < p->n_rows; row++)
            product_row(panels + bundle * n * LANES, rows + row * p->row_words, n,
                        p->out + bundle * p->out_bundle + row * p->out_row);
}

void generic_attend_weigh(const struct attend_weigh *w)
{
    struct attend_running *running = w->running;
    float *weights = w->weights;
    for (size_t lane = 0; lane < LANES; lane++) {
        float *scores = w->scores + lane;
        size_t n_seen = w->n_seen == NULL ? w->n_positions : w->n_seen[lane];
        float highest = running->highest[lane], sum = 0.0f;
        for (size_t i = 0; i < n_seen; i++)
            highest = scores[i * LANES] > highest ? scores[i * LANES] : highest;
        for (size_t i = 0; i < w->n_positions; i++) {
            float weight = i < n_seen ? generic_exponential_of(scores[i * LANES] - highest) : 0.0f;
            sum += weight;
            weights[i * LANES + lane] = weight;
        }
        w->shrink[lane] = generic_exponential_of(running->highest[lane] - highest);
        running->sum[lane] = running->sum[lane] * w->shrink[lane] + sum;
        running->highest[lane] = highest;
    }
}

static void sum_column(const struct attend_sum *s, size_t bundle, size_t column)
{
    const float *weights = (const float *)s->weights + bundle * s->weights_bundle, *values = s->values;
    float *out = s->out + (bundle * s->n_columns + column) * LANES, sums[LANES];
    for (size_t lane = 0; lane < LANES; lane++)
        sums[lane] = out[lane] * s->shrink[bundle * LANES + lane];
    for (size_t i = 0; i < s->n_words; i++) {
        float value = values[i * s->value_words + column];
        for (size_t lane = 0; lane < LANES; lane++)
            sums[lane] += value * weights[i * LANES + lane];
    }
    memcpy(out, sums, sizeof sums);
}

void generic_attend_sum(const struct attend_sum *s)
{
    for (size_t bundle = 0; bundle < s->n_bundles; bundle++)
        for (size_t column = 0; column < s->n_columns; column++)
            sum_column(s, bundle, column);
}
