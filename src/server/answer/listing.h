/* SPDX-License-Identifier: Apache-2.0 */
/* listing.h - what the server says of itself, and of tokens: answers for which nothing is computed. */
#ifndef FATHOM_SERVER_ANSWER_LISTING_H
#define FATHOM_SERVER_ANSWER_LISTING_H

#include "server/compute/worker.h"

struct listing_facts {
    const char *model_id;
    bool quick;      /* listing_model: the same with its reasoning closed */
    int64_t created; /* seconds since 1970: when the server began */
    const struct worker_view *view;
    const struct request_defaults *defaults;
};

void listing_health(struct buffer *out, const struct listing_facts *facts);
void listing_models(struct buffer *out, const struct listing_facts *facts);
void listing_model(struct buffer *out, const struct listing_facts *facts);
void listing_props(struct buffer *out, const struct listing_facts *facts);
void listing_metrics(struct buffer *out, const struct listing_facts *facts); /* Prometheus' text format */
void listing_tokens(struct buffer *out, const struct fathom_vocabulary *vocabulary,
                    const struct wording *tokens, bool with_pieces);

#endif
