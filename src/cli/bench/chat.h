/* SPDX-License-Identifier: Apache-2.0 */
/* chat.h - a conversation timed: what a person waits for, with what earlier turns left in the cache. */
#ifndef FATHOM_CLI_BENCH_CHAT_H
#define FATHOM_CLI_BENCH_CHAT_H

#include "cli/bench/report.h"
#include "cli/setup.h"

#define BENCH_MOST_TURNS 64

struct bench_chat {
    struct buffer text;                        /* the prompts, each ends with a zero byte */
    struct bench_turn turns[BENCH_MOST_TURNS]; /* point into it */
    size_t n_turns;
};

/* Prompts from a file, one a line, empty lines left out; NULL: two that are customary. */
bool bench_chat_read(struct bench_chat *chat, const char *path, struct error *err);
/* Plays them in one session; n_answer tokens at most each, sampled as R1's makers recommend, seeded. The
 * model's name is filled too. */
bool bench_chat_play(struct bench_chat *chat, const struct computation *computation, const char *path,
                     uint32_t n_answer, struct bench_model *model, struct error *err);
void bench_chat_release(struct bench_chat *chat); /* zeroed is fine */

#endif
