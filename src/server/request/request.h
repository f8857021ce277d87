/* SPDX-License-Identifier: Apache-2.0 */
/* request.h - what a client asks for: the body of a POST, parsed and checked whole.
 *
 * Bodies come from anybody. Afterwards every text is UTF-8 without zero
 * characters, every number is in its range, and nothing is left to check but
 * what needs the model. A field is honoured, accepted without effect and named
 * in `ignored`, or refused because it would change the answer; docs/serving.md
 * has the three lists. */
#ifndef FATHOM_SERVER_REQUEST_REQUEST_H
#define FATHOM_SERVER_REQUEST_REQUEST_H

#include "base/buffer.h"
#include "fathom.h"
#include "server/request/arena.h"
#include "server/request/refusal.h"

#define REQUEST_BYTES    ((size_t)16 << 20) /* of a body at most: a context of 160k tokens is under 1 MiB */
#define TOKENIZE_BYTES   ((size_t)1 << 20)  /* of a text to be tokenized: chats stand still meanwhile */
#define REQUEST_VALUES   400000 /* in a body; the longest context of these models has 163840 positions */
#define REQUEST_MESSAGES 4096
#define REQUEST_TOOLS    128 /* OpenAI's limit */
#define REQUEST_CALLS    128 /* of tools, in one message */
#define REQUEST_STOPS    32  /* fathom_stop_open()'s */
#define REQUEST_BIASES   1024

enum request_kind { REQUEST_CHAT, REQUEST_COMPLETION, REQUEST_TOKENIZE };

/* What a front end asks beside the chat itself. */
enum chore { CHORE_NONE, CHORE_TITLE, CHORE_TAGS, CHORE_FOLLOW_UPS, CHORE_AUTOCOMPLETE, CHORE_OTHER };

enum tool_choice {
    TOOLS_AUTO,
    TOOLS_NONE,     /* the model is not to know of them */
    TOOLS_REQUIRED, /* one or more, whichever */
    TOOLS_NAMED     /* tool_name */
};

/* What holds where the body says nothing. */
struct request_defaults {
    struct fathom_sampling sampling; /* no biases */
    enum fathom_think think;
    uint32_t think_budget; /* tokens of reasoning; 0: no limit */
    uint32_t max_tokens;   /* 0: to the end of the context */
};

/* Texts are terminated and belong to the request. */
struct request {
    enum request_kind kind;
    const char *model; /* the name that was asked for, without ":quick"; NULL: none */
    bool quick;        /* ":quick" was: thinking is closed */

    /* chats */
    struct fathom_message *messages; /* [n_messages] at least one */
    size_t n_messages;
    bool continues; /* the last message is an answer's beginning, to go on with */
    enum chore chore;
    struct fathom_tool *tools; /* [n_tools] */
    size_t n_tools;
    enum tool_choice tool_choice;
    const char *tool_name;
    bool parallel_calls; /* more than one call in an answer is welcome */

    /* completions, and what is to be tokenized */
    const char *prompt; /* [prompt_bytes]; NULL where ids were given */
    size_t prompt_bytes;
    uint32_t *prompt_ids; /* [n_prompt_ids] not checked against the vocabulary; NULL where text was given */
    size_t n_prompt_ids;
    bool parse_special; /* spellings of control tokens in the prompt become those tokens */
    bool add_begin;     /* the prompt begins with the token that the vocabulary asks for */
    bool with_pieces;   /* tokenize: each token's text too */

    /* the answer */
    struct fathom_sampling sampling; /* biases' ids are not checked; seed as asked, where has_seed */
    bool has_seed;
    const char **stops; /* [n_stops] */
    size_t n_stops;
    uint32_t max_tokens; /* 0: to the end of the context */
    enum fathom_think think;
    uint32_t think_budget; /* 0: no limit */
    bool is_constrained;
    enum fathom_constraint_kind constraint;
    const char *constraint_text; /* schema or grammar; NULL for JSON_OBJECT */
    bool logprobs;
    uint32_t n_top_logprobs;
    bool stream;
    bool include_usage;

    struct buffer ignored; /* "user, metadata": fit for a header, 512 bytes at most; empty: none */
    struct arena arena;    /* owns what the pointers above point to */
};

/* False: refused, and the request holds nothing. `defaults` may be NULL: zeros. */
bool request_parse(struct request *request, enum request_kind kind, const char *body, size_t n_bytes,
                   const struct request_defaults *defaults, struct refusal *refusal);
void request_release(struct request *request); /* zeroed is fine */

/* Of its prompt, or of all that its messages and its tools put into one. */
size_t request_text_bytes(const struct request *request);
enum fathom_think request_thinks(const struct request *request); /* off where it is quick, or a chore */
const char *chore_name(enum chore chore);                        /* "title"; "" for none */

#endif
