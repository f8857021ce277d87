/* SPDX-License-Identifier: Apache-2.0 */
/* delivery.h - an answer on its way out: events of a reply become chunks, or are gathered for one object.
 *
 * Either way the text is kept as it was sent, since the client will send it
 * back, and the next turn's prompt is computed from exactly that. */
#ifndef FATHOM_SERVER_ANSWER_DELIVERY_H
#define FATHOM_SERVER_ANSWER_DELIVERY_H

#include "server/answer/chunk.h"
#include "server/compute/job.h"

#define DELIVERY_CALLS 128 /* of an answer at most: as many as OpenAI lets there be tools */

struct delivered_call {
    char id[ID_BYTES];
    struct buffer name, arguments;
};

struct delivery {
    struct stream *stream; /* borrowed */
    bool streams, wants_usage;
    struct answer_head head;
    struct fathom_stop *stop; /* owned; NULL: no strings end this answer */
    bool stopped;             /* one of them did */
    struct logprobs logprobs; /* of tokens whose text was not sent yet, or of all */
    struct buffer reasoning, content;
    struct delivered_call *calls; /* [DELIVERY_CALLS] owned; NULL: none yet */
    size_t n_calls;
    struct buffer out; /* chunks that are written next */
    bool failed;       /* no memory for a call, or too many of them */
};

/* The job outlives the delivery. False: the stop strings make no sense. */
bool delivery_open(struct delivery *delivery, const struct job *job, struct fathom_error *err);
void delivery_close(struct delivery *delivery); /* zeroed is fine */

/* The answer is being made: a stream begins. `model` is the id that is served, and outlives the delivery. */
void delivery_begin(struct delivery *delivery, const char *model);
void delivery_take(struct delivery *delivery, const struct fathom_event *event);
void delivery_take_text(struct delivery *delivery, const char *text, size_t n_bytes); /* content */
void delivery_flush(struct delivery *delivery); /* what was taken goes out */

bool delivery_has_failed(const struct delivery *delivery); /* something is missing from what was taken */

struct delivery_end {
    enum finish finish;
    struct answer_usage usage;
    struct answer_timings timings;
};
void delivery_finish(struct delivery *delivery, const struct delivery_end *end);

/* The end of a request that fails, begun or not: its status is the refusal's where none was sent. */
void refuse_stream(struct stream *stream, const struct refusal *refusal);

#endif
