/* SPDX-License-Identifier: Apache-2.0 */
/* fathom.h - the public interface of libfathom: models, words, sessions, sampling.
 *
 * A model is opened once and shared; a session is one conversation with it,
 * brought to hold exactly a given list of tokens. Opaque structs are owned by
 * whoever opened them and closed by the call of that name; closing NULL is
 * fine. Close sessions before their model.
 *
 * Fallible calls return false, NULL or 0 as said, and write one line to
 * `err`, which may be NULL. Text is bytes, UTF-8 by intention: invalid bytes
 * are carried through. One session belongs to one thread at a time; sessions
 * of one model must not compute at the same time. */
#ifndef FATHOM_H
#define FATHOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FATHOM_API __attribute__((visibility("default")))

enum fathom_outcome {
    FATHOM_DONE,
    FATHOM_STOPPED,      /* by a cancel or a listener; what was finished is held */
    FATHOM_CONTEXT_FULL, /* nothing was computed */
    FATHOM_FAILED
};

struct fathom_error {
    char text[512];
    enum fathom_outcome outcome; /* never FATHOM_DONE */
};

/* Called during long work with what is done so far; returning false stops the work, which then fails with
 * "stopped". */
struct fathom_progress {
    bool (*report)(void *listener, uint64_t done, uint64_t total); /* NULL: nobody listens */
    void *listener;
};

FATHOM_API const char *fathom_version(void); /* such as "0.1.0" */

/* ---- words ---- */

struct fathom_vocabulary;

/* Reads the vocabulary alone; `path` is a .gguf file, its first shard, or a folder with one model. */
FATHOM_API struct fathom_vocabulary *fathom_vocabulary_open(const char *path, struct fathom_error *err);
FATHOM_API void fathom_vocabulary_close(struct fathom_vocabulary *vocabulary);

FATHOM_API uint32_t fathom_vocabulary_size(const struct fathom_vocabulary *vocabulary);
/* The token's bytes (not terminated, owned by the vocabulary), perhaps part of a character; NULL for an id
 * out of range. */
FATHOM_API const char *fathom_token_text(const struct fathom_vocabulary *vocabulary, uint32_t token,
                                         size_t *n_bytes);
FATHOM_API bool fathom_token_is_control(const struct fathom_vocabulary *vocabulary, uint32_t token);
FATHOM_API bool fathom_token_ends_answer(const struct fathom_vocabulary *vocabulary, uint32_t token);

/* Token ids that the library allocates; a zeroed list is empty. */
struct fathom_tokens {
    uint32_t *ids;
    size_t n;
};
FATHOM_API void fathom_tokens_release(struct fathom_tokens *tokens);

enum {
    /* Spellings of control tokens in the text become those tokens; otherwise they are plain text. */
    FATHOM_PARSE_SPECIAL = 1,
    /* Start with the begin-of-sentence token where the vocabulary asks for one. */
    FATHOM_ADD_BEGIN = 2
};

/* Replaces *tokens by the ids of the text. */
FATHOM_API bool fathom_tokenize(const struct fathom_vocabulary *vocabulary, const char *text, size_t n_bytes,
                                unsigned flags, struct fathom_tokens *tokens, struct fathom_error *err);

/* ---- prompts ---- */

enum fathom_role { FATHOM_SYSTEM, FATHOM_USER, FATHOM_ASSISTANT, FATHOM_TOOL };

struct fathom_tool_call {
    const char *id; /* the client's, or NULL: it only says which output belongs to which call */
    const char *name;
    const char *arguments; /* JSON, as the model wrote it */
};

/* All text is terminated, and never parsed for control tokens. */
struct fathom_message {
    enum fathom_role role;
    const char *content;   /* NULL only where an assistant's message calls tools */
    const char *reasoning; /* an assistant's, or NULL; shown to the model by FATHOM_CONTINUE alone */
    const struct fathom_tool_call *calls; /* [n_calls] an assistant's */
    size_t n_calls;
    const char *call_id; /* of the call that a tool's message answers, or NULL */
};

struct fathom_tool {
    const char *name;
    const char *description; /* or NULL */
    const char *parameters;  /* a JSON schema with ", " and ": ", as models were shown them; or NULL */
};

enum fathom_think {
    FATHOM_THINK_AUTO,  /* as the model's template has it */
    FATHOM_THINK_FORCE, /* the answer starts inside the reasoning */
    FATHOM_THINK_OFF    /* the answer starts after an empty reasoning */
};

enum fathom_ending {
    FATHOM_ANSWER,    /* an answer can begin */
    FATHOM_NEXT_TURN, /* the last message is over: what prompts of longer conversations begin with */
    FATHOM_CONTINUE   /* the last message, an assistant's, is an answer's beginning that goes on */
};

struct fathom_chat {
    const struct fathom_message *messages; /* [n_messages] oldest first */
    size_t n_messages;
    /* [n_tools] that the model may call; without any the prompt is the template's */
    const struct fathom_tool *tools;
    size_t n_tools;
    enum fathom_think think;
    enum fathom_ending ending;
    const uint32_t *held; /* [n_held] a session's tokens: their ids are kept where they spell the prompt */
    size_t n_held;
};

/* Replaces *tokens by the prompt that the model's own chat template makes of a conversation. */
FATHOM_API bool fathom_prompt(const struct fathom_vocabulary *vocabulary, const struct fathom_chat *chat,
                              struct fathom_tokens *tokens, struct fathom_error *err);
/* Replaces *tokens by what may be pushed into an answer, and into its reply, for the model: the end of its
 * reasoning; a call of a tool up to the arguments, or up to the name where that is NULL. */
FATHOM_API bool fathom_reasoning_close(const struct fathom_vocabulary *vocabulary,
                                       struct fathom_tokens *tokens, struct fathom_error *err);
FATHOM_API bool fathom_call_open(const struct fathom_vocabulary *vocabulary, const char *name,
                                 struct fathom_tokens *tokens, struct fathom_error *err);

/* ---- replies ---- */

/* Tokens to text that may be shown: whole characters only. */
struct fathom_text_stream;
FATHOM_API struct fathom_text_stream *fathom_text_stream_open(const struct fathom_vocabulary *vocabulary,
                                                              struct fathom_error *err);
/* Takes one token; returns the bytes that became complete (terminated, owned by the stream, valid until the
 * next call). */
FATHOM_API const char *fathom_text_stream_push(struct fathom_text_stream *stream, uint32_t token,
                                               size_t *n_bytes);
/* What is left, whole or not. */
FATHOM_API const char *fathom_text_stream_finish(struct fathom_text_stream *stream, size_t *n_bytes);
FATHOM_API void fathom_text_stream_close(struct fathom_text_stream *stream);

enum fathom_event_kind {
    FATHOM_REASONING, /* text */
    FATHOM_CONTENT,   /* text */
    FATHOM_CALL,      /* of a tool; the text is its name, whole */
    FATHOM_ARGUMENTS, /* of that call: text, JSON if the model makes no mistake */
    FATHOM_CALL_END,
    FATHOM_END /* of the answer, once */
};

struct fathom_event {
    enum fathom_event_kind kind;
    const char *text; /* [n_bytes] whole characters, never none; valid until the reply is given more */
    size_t n_bytes;
    size_t call; /* of a call's events: its place in the answer, from 0 */
    bool cut;    /* CALL_END: the answer ended inside the call. END: and inside the reasoning */
};

/* An answer taken apart, token by token; docs/library.md has the rules. Nothing allocates once it is open. */
struct fathom_reply;
/* `prompt` is what the answer follows: it may end inside the reasoning, or within the answer. */
FATHOM_API struct fathom_reply *fathom_reply_open(const struct fathom_vocabulary *vocabulary,
                                                  const uint32_t *prompt, size_t n_prompt,
                                                  struct fathom_error *err);
FATHOM_API void fathom_reply_close(struct fathom_reply *reply);
FATHOM_API bool fathom_reply_push(struct fathom_reply *reply, uint32_t token, struct fathom_error *err);
/* The answer ends here, if no token has ended it yet. */
FATHOM_API bool fathom_reply_finish(struct fathom_reply *reply, struct fathom_error *err);
/* What the last push or finish brought, one by one; false: no more. */
FATHOM_API bool fathom_reply_next(struct fathom_reply *reply, struct fathom_event *event);
FATHOM_API bool fathom_reply_is_reasoning(const struct fathom_reply *reply);

/* Strings that end an answer: at most 32, of 1 to 1024 bytes of UTF-8 each. */
struct fathom_stop;
FATHOM_API struct fathom_stop *fathom_stop_open(const char *const *strings, size_t n_strings,
                                                struct fathom_error *err);
FATHOM_API void fathom_stop_close(struct fathom_stop *stop);
/* Takes more text; returns what can be shown by now (terminated, owned by the stop, valid until the next
 * call): all before the string that was found, *found, or where that is -1 all that begins none. */
FATHOM_API const char *fathom_stop_push(struct fathom_stop *stop, const char *text, size_t n_bytes,
                                        size_t *n_shown, int *found);
/* The text is over: what was held back. */
FATHOM_API const char *fathom_stop_finish(struct fathom_stop *stop, size_t *n_shown);

/* ---- models ---- */

struct fathom_model;

enum fathom_attention { FATHOM_ATTENTION_AUTO, FATHOM_ATTENTION_ABSORBED, FATHOM_ATTENTION_EXPANDED };

enum fathom_cache {
    FATHOM_CACHE_DEFAULT,
    FATHOM_CACHE_F16,
    FATHOM_CACHE_F32,
    FATHOM_CACHE_Q8_0, /* 17 bytes for 32 of f16 */
    FATHOM_CACHE_Q4_0  /* 9 bytes for 32 of f16 */
};                     /* default: f16; f32 in exact models */

/* Where weights lie that no rule speaks of. */
enum fathom_load {
    FATHOM_LOAD_AUTO, /* copied where several memory nodes would be read unevenly and it fits, else mapped */
    FATHOM_LOAD_MAP,  /* in the file's pages, which the system reads when they are touched, and may drop */
    FATHOM_LOAD_COPY, /* in huge pages of their own, spread over the memory nodes */
    FATHOM_LOAD_LOCK  /* in the file's pages, read at once and kept in memory */
};

struct fathom_model_options { /* zeroed: all defaults */
    uint32_t n_threads;       /* 0: one a physical core, within the CPU quota */
    const char *isa; /* "generic", "avx2", "avxvnni", "avx512", "avx512vbmi", "amx"; NULL: the best */
    bool exact;      /* float activations on decoded weights, float32 cache: slow, for comparison */
    /* AUTO: by the number of the session's own rows in a step; exact: absorbed. */
    enum fathom_attention attention;
    uint32_t chunk_tokens; /* rows of one step, 4096 at most; 0: chosen, 512 to 2048 */
    /* What memory is planned for, before anything is loaded: what cannot fit is refused. */
    uint32_t n_context;       /* of a session; 0: the largest power of two that fits, 32768 at most */
    enum fathom_cache cache;  /* of that session */
    uint32_t n_sessions;      /* that are to be full at once; 0: 1 */
    uint64_t ram_bytes;       /* for the model in all; 0: what is available, less a reserve */
    enum fathom_load load;    /* and exceptions from it: */
    const char *const *place; /* [n_place] rules REGEX=HOME, or files of such; see docs/placement.md */
    size_t n_place;
    struct fathom_progress progress; /* of copying and locking, in bytes */
};

FATHOM_API struct fathom_model *fathom_model_open(const char *path,
                                                  const struct fathom_model_options *options,
                                                  struct fathom_error *err);
FATHOM_API void fathom_model_close(struct fathom_model *model);
/* A mapped model is open before its file is read: what memory holds of it is read from the drive meanwhile,
 * and the first tokens take longer. Waits until that is done. `progress`, in bytes, may be NULL. */
FATHOM_API bool fathom_model_wait(const struct fathom_model *model, const struct fathom_progress *progress,
                                  struct fathom_error *err);
FATHOM_API const struct fathom_vocabulary *fathom_model_vocabulary(
    const struct fathom_model *model); /* the model's own */

struct fathom_model_info {
    const char *name;      /* as the file says, or "" */
    const char *isa;       /* instruction set in use */
    uint32_t n_vocabulary; /* logits of one position */
    uint32_t n_context;    /* positions that the model was made for */
    uint32_t n_planned;    /* and those that memory was planned for: the default of sessions */
    uint32_t n_threads;
    bool exceeds_memory;   /* not all weights are held at once: some are read from disk while computing */
    uint64_t weight_bytes; /* of all tensors that are used */
    uint64_t cache_bytes_token; /* of one position, over all layers, in a session that asks for no cache */
};
FATHOM_API struct fathom_model_info fathom_model_info(const struct fathom_model *model);

/* ---- sessions ---- */

struct fathom_session;

struct fathom_session_options { /* zeroed: what the model was planned for */
    uint32_t n_context;         /* positions. Memory is taken as they are used, 2 MiB a layer at a time */
    enum fathom_cache cache;
};

FATHOM_API struct fathom_session *fathom_session_open(struct fathom_model *model,
                                                      const struct fathom_session_options *options,
                                                      struct fathom_error *err);
FATHOM_API void fathom_session_close(struct fathom_session *session);
FATHOM_API uint32_t fathom_session_context(const struct fathom_session *session);
FATHOM_API const uint32_t *fathom_session_tokens(const struct fathom_session *session,
                                                 size_t *n_tokens); /* held now */

/* Given each position's logits as they are computed: [n_vocabulary] floats, valid during the call. False
 * stops. */
struct fathom_logits_listener {
    bool (*take)(void *listener, size_t position, const float *logits);
    void *listener;
};

/* Brings the session to hold exactly these tokens (n > 0): the common prefix is kept, the rest is computed in
 * chunks. With `listener`, nothing is kept and every position is heard. On failure the session holds what was
 * finished. */
FATHOM_API bool fathom_session_hold(struct fathom_session *session, const uint32_t *tokens, size_t n_tokens,
                                    const struct fathom_progress *progress,
                                    const struct fathom_logits_listener *listener, struct fathom_error *err);
/* One token more, as in generation. */
FATHOM_API bool fathom_session_push(struct fathom_session *session, uint32_t token, struct fathom_error *err);
/* Positions left; at 0 a push fails with FATHOM_CONTEXT_FULL. */
FATHOM_API uint32_t fathom_session_room(const struct fathom_session *session);
/* Keeps the first n tokens, or all where fewer are held; there are no logits until something is computed. */
FATHOM_API void fathom_session_rewind(struct fathom_session *session, size_t n_tokens);
/* From any thread or signal handler: while true, whatever this session computes fails with FATHOM_STOPPED,
 * within a layer of the chunk under way, which is not held then; in a step with others only where most of its
 * rows are of cancelled sessions, else the chunk is finished and held. Set it to false before going on. */
FATHOM_API void fathom_session_cancel(struct fathom_session *session, bool cancelled);
/* [n_vocabulary] floats behind the last token held; valid until the next computation. NULL where there are
 * none: before the first, after a rewind that dropped tokens, and after a call that was stopped or failed
 * before its last chunk. */
FATHOM_API const float *fathom_session_logits(const struct fathom_session *session);

/* What one session does in a step: one token is decoding, more are a piece of a prompt. */
struct fathom_piece {
    struct fathom_session *session;
    const uint32_t *tokens; /* [n_tokens] that follow those held, n_tokens > 0 */
    size_t n_tokens;
    enum fathom_outcome outcome; /* set by the step */
};
/* Computes all pieces together, each weight read once for as many rows as a chunk has; then each session that
 * is done has its logits. Sessions are of one model and differ. The company changes no bit: each gets what it
 * would get alone. False unless all are done, with the worst outcome in `err`. */
FATHOM_API bool fathom_step(struct fathom_piece *pieces, size_t n_pieces, struct fathom_error *err);

/* ---- statistics ---- */

enum fathom_part {
    FATHOM_PART_ATTENTION,
    FATHOM_PART_DENSE,
    FATHOM_PART_SHARED,
    FATHOM_PART_ROUTED,
    FATHOM_PART_ROUTER, /* and norms */
    FATHOM_PART_EMBEDDING,
    FATHOM_PART_HEAD,
    FATHOM_PART_CACHE,
    FATHOM_PARTS
};

/* Totals since the model or session was opened. A model's seconds are divided among prompts and answers by
 * the rows of a step; a session's are the whole steps that it took part in, and so are its steps, rounds,
 * experts and bytes of weights. */
struct fathom_stats {
    uint64_t n_prompt_tokens, n_generated_tokens; /* computed: held ones cost nothing */
    double prompt_seconds, generated_seconds;
    uint64_t n_steps;                  /* of the backend */
    uint64_t n_rounds;                 /* starts and barriers of the threads in them */
    uint64_t n_experts;                /* routed experts computed, each once a layer and step */
    uint64_t read_bytes[FATHOM_PARTS]; /* that steps had to read: a weight once a step, a cache once */
    /* memory now; of a session the last two alone */
    uint64_t mapped_bytes; /* weights in the file's pages, as far as the system keeps them */
    uint64_t copied_bytes; /* weights in memory of their own */
    uint64_t cache_bytes;  /* of the positions held */
    uint64_t buffer_bytes; /* for the rows of a step, tokens, logits */
};
/* From any thread, at any time; cheap. */
FATHOM_API struct fathom_stats fathom_model_stats(const struct fathom_model *model);
FATHOM_API struct fathom_stats fathom_session_stats(const struct fathom_session *session);
FATHOM_API const char *fathom_part_name(enum fathom_part part); /* "routed experts" */

/* ---- sampling ---- */

struct fathom_sampler;
struct fathom_constraint;

#define FATHOM_NO_TOKEN UINT32_MAX /* never an id */

struct fathom_bias {
    uint32_t token;
    float add; /* to its logit; -INFINITY forbids it */
};

/* Zeroed: greedy. The order is: bias, penalties, constraint, temperature, top-k, top-p, min-p, draw. */
struct fathom_sampling {
    float temperature; /* 0: the most likely token; otherwise logits are divided by it */
    uint32_t top_k;    /* 0: no limit */
    float top_p;       /* 0 or 1: no limit; a share of what top-k leaves */
    float min_p;       /* of the likeliest token's probability; 0: no limit */
    uint64_t seed;
    float repetition_penalty;   /* 0 or 1: none; divides a seen token's positive logit, multiplies others */
    uint32_t repetition_window; /* tokens looked back, prompt included; 0: all */
    float presence_penalty;     /* OpenAI's: subtracted once from the logit of a token that was generated, */
    float frequency_penalty;    /* and this, for each time it was */
    const struct fathom_bias *biases; /* [n_biases] copied; several for one token add up */
    size_t n_biases;
};

FATHOM_API struct fathom_sampler *fathom_sampler_open(uint32_t n_vocabulary,
                                                      const struct fathom_sampling *sampling,
                                                      struct fathom_error *err);
FATHOM_API void fathom_sampler_close(struct fathom_sampler *sampler);
/* From now on picks what the constraint allows and passes accepted tokens on to it. Borrowed; NULL: none. */
FATHOM_API void fathom_sampler_constrain(struct fathom_sampler *sampler,
                                         struct fathom_constraint *constraint);
/* A token for these [n_vocabulary] logits; ties: the lowest id. Equal logits, options and history give equal
 * tokens. FATHOM_NO_TOKEN when all are forbidden. */
FATHOM_API uint32_t fathom_sampler_pick(struct fathom_sampler *sampler, const float *logits);
/* Counts a generated token, picked or not; false, and nothing is counted, when it is not allowed. */
FATHOM_API bool fathom_sampler_accept(struct fathom_sampler *sampler, uint32_t token);
/* Starts again, from a seed and a history: tokens[0..n_prompt) count for the repetition penalty alone, the
 * rest as generated. The constraint is left as it is. */
FATHOM_API void fathom_sampler_reset(struct fathom_sampler *sampler, uint64_t seed, const uint32_t *tokens,
                                     size_t n_tokens, size_t n_prompt);

#define FATHOM_MOST_LOGPROBS 20

struct fathom_logprob {
    uint32_t token;
    float logprob; /* natural; -INFINITY for an impossible token */
};

/* The logarithm of the token's probability by the raw logits (before bias, penalties, constraint and
 * temperature), and of the n_top <= 20 likeliest in top[], likeliest first. Returns how many stand there. */
FATHOM_API size_t fathom_logprobs(const float *logits, uint32_t n_vocabulary, uint32_t token, float *logprob,
                                  struct fathom_logprob *top, size_t n_top);

/* ---- constraints ---- */

enum fathom_constraint_kind {
    FATHOM_JSON_OBJECT, /* any JSON object; needs no text */
    FATHOM_JSON_SCHEMA, /* docs/library.md lists the keywords; one that is not supported is an error */
    FATHOM_GRAMMAR      /* rules, beginning with `root`: a subset of GBNF, in docs/library.md */
};

/* What a text may be; the schema or grammar may come from anybody. The vocabulary outlives it. A constraint
 * belongs to one thread at a time, takes some MiB, and allocates nothing after its opening. */
FATHOM_API struct fathom_constraint *fathom_constraint_open(const struct fathom_vocabulary *vocabulary,
                                                            enum fathom_constraint_kind kind,
                                                            const char *text, size_t n_bytes,
                                                            struct fathom_error *err);
FATHOM_API void fathom_constraint_close(struct fathom_constraint *constraint);
FATHOM_API void fathom_constraint_reset(struct fathom_constraint *constraint); /* before the first token */
/* Goes on by one token; false, staying where it was, when the token is not allowed. The end token is allowed
 * exactly when the text is complete, and after it nothing is; no other control token ever is. */
FATHOM_API bool fathom_constraint_accept(struct fathom_constraint *constraint, uint32_t token);
FATHOM_API bool fathom_constraint_allows(struct fathom_constraint *constraint, uint32_t token);
/* Is what was accepted a whole text already? More may follow. */
FATHOM_API bool fathom_constraint_is_complete(const struct fathom_constraint *constraint);

#ifdef __cplusplus
}
#endif
#endif
