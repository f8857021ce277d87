/* SPDX-License-Identifier: Apache-2.0 */
/* plan_forecast.h - the part of a plan that says how fast it will go. */
#ifndef FATHOM_WEIGHTS_PLAN_FORECAST_H
#define FATHOM_WEIGHTS_PLAN_FORECAST_H

#include "weights/plan.h"

/* Fills plan->forecast of a plan whose homes and context are settled. Unknown where the machine's rates are.
 */
void plan_forecast_make(struct plan *plan, const struct plan_request *request);

/* The same arithmetic for what somebody is about to time, with the plan's own request: a token of an answer
 * behind n_positions others, and a prompt of n_tokens behind `depth` others. Speeds of 0 are not known. */
struct plan_speed plan_answer_speed(const struct plan *plan, const struct plan_request *request,
                                    double n_positions);
struct plan_speed plan_prompt_speed(const struct plan *plan, const struct plan_request *request,
                                    uint32_t n_tokens, uint32_t depth);

#endif
