/* SPDX-License-Identifier: Apache-2.0 */
/* rope.c - computed in double, once a model. */
#include "model/rope.h"

#include <math.h>

/* The dimension (a real number) that turns `turns` times within the original context. */
static double dimension_of_turns(const struct geometry *g, double turns)
{
    double span = g->yarn_original_context / (turns * 2.0 * M_PI);
    return g->head_rotary * log(span) / (2.0 * log(g->rope_theta));
}

void rope_frequencies(const struct geometry *g, float *frequencies)
{
    double low = 0.0, high = 0.0;
    if (g->yarn) {
        low = fmax(floor(dimension_of_turns(g, g->yarn_beta_fast)), 0.0);
        high = fmin(ceil(dimension_of_turns(g, g->yarn_beta_slow)), g->head_rotary - 1.0);
    }
    for (uint32_t i = 0; i < g->head_rotary / 2; i++) {
        double frequency = pow(g->rope_theta, -2.0 * i / g->head_rotary);
        if (g->yarn) {
            /* 0.001 keeps the ramp defined where both ends fall together */
            double ramp = fmin(fmax((i - low) / fmax(high - low, 0.001), 0.0), 1.0);
            frequency = frequency / g->yarn_factor * ramp + frequency * (1.0 - ramp);
        }
        frequencies[i] = (float)frequency;
    }
}

float rope_score_scale(const struct geometry *g)
{
    double m = g->yarn ? g->yarn_log_multiplier * log(g->yarn_factor) + 1.0 : 1.0;
    return (float)(m * m / sqrt(geometry_head_query(g)));
}
