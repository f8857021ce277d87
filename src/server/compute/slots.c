/* SPDX-License-Identifier: Apache-2.0 */
/* slots.c - which conversation a request goes on with.
 *
 * A slot is asked with its own tokens held, since an answer that comes back is
 * spelled by the tokens that were generated, not by those that the tokenizer
 * would choose. That is a rendering for each slot, so only slots are asked that
 * share as much as any with the plain rendering. */
#include "server/compute/slots.h"

#include <string.h>

#include "base/bytes.h"

/* That open a reasoning at a prompt's end, and are not in the next turn's: "<think>\n" of R1's template. */
#define OPENING_TOKENS 2

/* Bytes of the longest token that texts may hold. */
static size_t longest_token(const struct fathom_vocabulary *vocabulary)
{
    size_t n_longest = 0, n_bytes;
    for (uint32_t token = 0; token < fathom_vocabulary_size(vocabulary); token++)
        if (fathom_token_text(vocabulary, token, &n_bytes) != NULL)
            n_longest = max_size(n_longest, n_bytes);
    return n_longest;
}

void slots_init(struct slots *slots, struct fathom_model *model, uint32_t n_parallel)
{
    *slots = (struct slots){.model = model, .vocabulary = fathom_model_vocabulary(model)};
    slots->n_context = fathom_model_info(model).n_planned;
    slots->most_tokens = (uint64_t)slots->n_context * n_parallel;
    slots->most_bytes = (uint64_t)slots->n_context * longest_token(slots->vocabulary);
}

static void close_slot(struct slot *slot)
{
    fathom_session_close(slot->session);
    fathom_tokens_release(&slot->later);
    *slot = (struct slot){0};
}

void slots_release(struct slots *slots)
{
    for (size_t i = 0; i < SLOTS_MOST; i++)
        close_slot(&slots->items[i]);
    close_slot(&slots->side);
}

struct fathom_tokens slot_tokens(const struct slot *slot)
{
    struct fathom_tokens held = {0};
    if (slot->session != NULL)
        held.ids = (uint32_t *)fathom_session_tokens(slot->session, &held.n);
    return held;
}

static size_t common_tokens(const struct slot *slot, const struct wording *prompt)
{
    const struct fathom_tokens held = slot_tokens(slot);
    const size_t n = min_size(held.n, prompt->n);
    size_t common = 0;
    while (common < n && held.ids[common] == prompt->ids[common])
        common++;
    return common;
}

/* ---- memory ---- */

uint64_t slots_held(const struct slots *slots)
{
    uint64_t n = slot_tokens(&slots->side).n;
    for (size_t i = 0; i < SLOTS_MOST; i++)
        n += slot_tokens(&slots->items[i]).n;
    return n;
}

static struct slot *least_recent(struct slots *slots)
{
    struct slot *oldest = NULL;
    for (struct slot *slot = slots->items; slot < slots->items + SLOTS_MOST; slot++)
        if (slot->session != NULL && !slot->taken && (oldest == NULL || slot->used < oldest->used))
            oldest = slot;
    return oldest;
}

void slots_trim(struct slots *slots)
{
    struct slot *oldest;
    while (slots_held(slots) > slots->most_tokens && (oldest = least_recent(slots)) != NULL)
        close_slot(oldest);
}

static struct slot *open_slot(struct slots *slots, struct refusal *refusal)
{
    struct slot *slot = slots->items;
    while (slot < slots->items + SLOTS_MOST && slot->session != NULL)
        slot++;
    if (slot == slots->items + SLOTS_MOST) {
        slot = least_recent(slots);
        close_slot(slot); /* there is one: fewer are taken than there are */
    }
    const struct fathom_session_options options = {.n_context = slots->n_context};
    struct fathom_error err;
    struct slot *oldest;
    slot->session = fathom_session_open(slots->model, &options, &err);
    while (slot->session == NULL && (oldest = least_recent(slots)) != NULL) {
        close_slot(oldest); /* its memory may be what is wanting */
        slot->session = fathom_session_open(slots->model, &options, &err);
    }
    if (slot->session != NULL)
        return slot;
    refuse_with(refusal, 503, REFUSAL_UNAVAILABLE, NULL, "%s", err.text);
    return NULL;
}

/* ---- choosing ---- */

static bool word(const struct slots *slots, const struct request *request, const struct slot *slot,
                 struct wording *prompt, struct refusal *refusal)
{
    struct fathom_error err;
    const struct fathom_tokens held = slot != NULL ? slot_tokens(slot) : (struct fathom_tokens){0};
    if (!wording_prompt(slots->vocabulary, request, &held, prompt, &err))
        return refuse(refusal, "invalid_value", request->kind == REQUEST_CHAT ? "messages" : "prompt", "%s",
                      err.text);
    return prompt->n > 0 || refuse(refusal, "invalid_value", "prompt", "the prompt is empty");
}

/* Tokens held that the slot's own conversation will go on with. */
static size_t own_tokens(const struct slot *slot)
{
    const struct wording later = {.ids = slot->later.ids, .n = slot->later.n};
    return later.n > 0 ? common_tokens(slot, &later) : min_size(slot->n_base, slot_tokens(slot).n);
}

/* How a prompt, as a slot's own tokens spell it, meets what the slot holds. */
struct match {
    size_t n_prompt, n_common;
};

static struct match match_as_held(const struct slots *slots, const struct request *request,
                                  const struct slot *slot)
{
    struct refusal refusal = {0};
    struct wording prompt = {0};
    struct match match = {0};
    if (word(slots, request, slot, &prompt, &refusal))
        match = (struct match){.n_prompt = prompt.n, .n_common = common_tokens(slot, &prompt)};
    wording_release(&prompt);
    return match;
}

/* Going on in a slot costs what its own conversation held beyond what is common. Nobody misses that where the
 * last question is asked again, or a client comes back that had left. Where it is another conversation with
 * the same 4000 tokens of instructions, a new slot has to read those once, and then neither pushes out the
 * other. So what may be lost is half of what is saved. */
static bool is_continued(const struct slot *slot, struct match match)
{
    bool again = match.n_common + OPENING_TOKENS >= match.n_prompt;
    return match.n_common > 0 && (again || 3 * match.n_common >= 2 * own_tokens(slot));
}

/* The slot whose conversation the request goes on with, NULL where none does. `plain` is the prompt as the
 * tokenizer spells it. */
static struct slot *find_continued(struct slots *slots, const struct request *request,
                                   const struct wording *plain)
{
    struct slot *best = NULL;
    size_t n_best = 0, n_plain = 0;
    for (size_t i = 0; i < SLOTS_MOST; i++)
        if (!slots->items[i].taken)
            n_plain = max_size(n_plain, common_tokens(&slots->items[i], plain));
    for (struct slot *slot = slots->items; slot < slots->items + SLOTS_MOST; slot++) {
        if (slot->session == NULL || slot->taken || 2 * common_tokens(slot, plain) < n_plain)
            continue;
        const struct match match = match_as_held(slots, request, slot);
        if (is_continued(slot, match) &&
            (match.n_common > n_best || (match.n_common == n_best && slot->used > best->used))) {
            best = slot;
            n_best = match.n_common;
        }
    }
    return best;
}

void slot_begin(struct slot *slot, const struct wording *prompt)
{
    slot->n_base = prompt->n;
    fathom_tokens_release(&slot->later);
    /* The last token is computed in any case, for its logits. */
    fathom_session_rewind(slot->session, min_size(common_tokens(slot, prompt), prompt->n - 1));
}

/* As the tokenizer spells it; refused where the context does not hold it. */
static bool word_plainly(const struct slots *slots, const struct request *request, struct wording *prompt,
                         struct refusal *refusal)
{
    const char *param = request->kind == REQUEST_CHAT ? "messages" : "prompt";
    const size_t n_bytes = request_text_bytes(request);
    if (n_bytes > slots->most_bytes)
        return refuse(refusal, "context_length_exceeded", param,
                      "the prompt has %zu bytes, and the context holds %u tokens", n_bytes, slots->n_context);
    if (!word(slots, request, NULL, prompt, refusal))
        return false;
    return prompt->n <= slots->n_context ||
           refuse(refusal, "context_length_exceeded", param,
                  "the prompt has %zu tokens, and the context holds %u", prompt->n, slots->n_context);
}

/* As the slot's tokens spell it. They may be more than the tokenizer would make, and too many. */
static bool word_as_held(const struct slots *slots, const struct request *request, const struct slot *slot,
                         struct wording *prompt, struct refusal *refusal)
{
    return word(slots, request, slot, prompt, refusal) &&
           (prompt->n <= slots->n_context || word(slots, request, NULL, prompt, refusal));
}

struct slot *slots_take(struct slots *slots, const struct request *request, struct wording *prompt,
                        struct refusal *refusal)
{
    struct slot *slot;
    if (!word_plainly(slots, request, prompt, refusal))
        return NULL;
    slot = find_continued(slots, request, prompt);
    if (slot == NULL)
        slot = open_slot(slots, refusal);
    else if (!word_as_held(slots, request, slot, prompt, refusal))
        return NULL;
    if (slot != NULL)
        slot->taken = true;
    return slot;
}

struct slot *slots_take_side(struct slots *slots, const struct request *request, struct wording *prompt,
                             struct refusal *refusal)
{
    struct slot *side = &slots->side;
    const struct fathom_session_options options = {.n_context =
                                                       (uint32_t)min_size(SIDE_TOKENS, slots->n_context)};
    if (side->session == NULL)
        side->session = fathom_session_open(slots->model, &options, NULL);
    if (side->session == NULL || side->taken || request_text_bytes(request) > slots->most_bytes ||
        !word(slots, request, side, prompt, refusal))
        return NULL;
    if (prompt->n > options.n_context / 2) /* the other half is the answer's */
        return NULL;
    side->taken = true;
    return side;
}

void slots_give_back(struct slots *slots, struct slot *slot)
{
    slot->taken = false;
    slot->used = ++slots->n_turns;
    slots_trim(slots);
}

void slot_settle_later(struct slot *slot, bool held)
{
    if (held)
        slot->n_base = slot->later.n;
    fathom_tokens_release(&slot->later);
}

struct slot *slots_find_idle(struct slots *slots)
{
    struct slot *latest = NULL;
    for (struct slot *slot = slots->items; slot < slots->items + SLOTS_MOST; slot++)
        if (!slot->taken && slot->later.n > 0 && (latest == NULL || slot->used > latest->used))
            latest = slot;
    return latest;
}

uint32_t slots_ahead(const struct slots *slots)
{
    uint32_t n = 0;
    for (size_t i = 0; i < SLOTS_MOST; i++)
        n += !slots->items[i].taken && slots->items[i].later.n > 0;
    return n;
}
