/* SPDX-License-Identifier: Apache-2.0 */
/* slots.c - which conversation a request goes on with.
 *
 * A slot is asked with its own tokens held, since an answer that comes back is
 * spelled by the tokens that were generated, not by those that the tokenizer
 * would choose. That is a rendering for each slot, so only slots are asked that
 * share as much as any with the plain rendering. */
#include "server/slots.h"

#include <string.h>

#include "base/bytes.h"

void slots_init(struct slots *slots, struct fathom_model *model, uint32_t n_parallel)
{
    *slots = (struct slots){.model = model, .vocabulary = fathom_model_vocabulary(model)};
    slots->n_context = fathom_model_info(model).n_planned;
    slots->most_tokens = (uint64_t)slots->n_context * n_parallel;
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
    slot->session = fathom_session_open(slots->model, &options, &err);
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
    const uint32_t n_vocabulary = fathom_vocabulary_size(slots->vocabulary);
    if (!wording_prompt(slots->vocabulary, request, &held, prompt, &err))
        return refuse(refusal, "invalid_value", request->kind == REQUEST_CHAT ? "messages" : "prompt", "%s",
                      err.text);
    for (size_t i = 0; i < prompt->n; i++)
        if (prompt->ids[i] >= n_vocabulary)
            return refuse(refusal, "invalid_value", "prompt", "token %u: the model has %u", prompt->ids[i],
                          n_vocabulary);
    return prompt->n > 0 || refuse(refusal, "invalid_value", "prompt", "the prompt is empty");
}

/* Going on in a slot costs what it holds of its own conversation beyond what is common. Worth it where half
 * of that conversation's prompt or more is shared: then it is most likely the same one. */
static bool is_continued(const struct slot *slot, size_t n_common)
{
    return n_common > 0 && 2 * n_common >= slot->n_base;
}

/* Tokens that a slot shares with the prompt when its own are held. */
static size_t common_if_held(const struct slots *slots, const struct request *request,
                             const struct slot *slot)
{
    struct refusal refusal = {0};
    struct wording prompt = {0};
    size_t n = word(slots, request, slot, &prompt, &refusal) ? common_tokens(slot, &prompt) : 0;
    wording_release(&prompt);
    return n;
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
        size_t n = common_if_held(slots, request, slot);
        if (is_continued(slot, n) && (n > n_best || (n == n_best && slot->used > best->used))) {
            best = slot;
            n_best = n;
        }
    }
    return best;
}

static void take(struct slot *slot, const struct wording *prompt)
{
    slot->taken = true;
    slot->n_base = prompt->n;
    fathom_tokens_release(&slot->later);
    /* The last token is computed in any case, for its logits. */
    fathom_session_rewind(slot->session, min_size(common_tokens(slot, prompt), prompt->n - 1));
}

struct slot *slots_take(struct slots *slots, const struct request *request, struct wording *prompt,
                        struct refusal *refusal)
{
    struct slot *slot;
    if (!word(slots, request, NULL, prompt, refusal))
        return NULL;
    if (prompt->n > slots->n_context) {
        refuse(refusal, "context_length_exceeded", request->kind == REQUEST_CHAT ? "messages" : "prompt",
               "the prompt has %zu tokens, and the context holds %u", prompt->n, slots->n_context);
        return NULL;
    }
    slot = find_continued(slots, request, prompt);
    if (slot == NULL)
        slot = open_slot(slots, refusal);
    else if (!word(slots, request, slot, prompt, refusal))
        return NULL;
    if (slot == NULL)
        return NULL;
    take(slot, prompt);
    slots_trim(slots);
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
    if (side->session == NULL || side->taken || !word(slots, request, side, prompt, refusal))
        return NULL;
    if (prompt->n > options.n_context / 2) /* the other half is the answer's */
        return NULL;
    take(side, prompt);
    return side;
}

void slots_give_back(struct slots *slots, struct slot *slot)
{
    slot->taken = false;
    slot->used = ++slots->n_turns;
    slots_trim(slots);
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
