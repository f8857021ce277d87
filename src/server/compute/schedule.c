/* SPDX-License-Identifier: Apache-2.0 */
/* schedule.c - one round: who left, who begins, what is computed, who is done. */
#include "server/compute/schedule.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "server/answer/account.h"
#include "server/answer/listing.h"

#define FULL_BYTES       ((size_t)2 << 20)
#define PATIENCE_SECONDS 60.0

void schedule_init(struct schedule *schedule, struct fathom_model *model,
                   const struct schedule_options *options, struct tally *tally)
{
    *schedule = (struct schedule){.options = *options, .model = model, .tally = tally};
    if (options->full_bytes == 0)
        schedule->options.full_bytes = FULL_BYTES;
    if (options->patience_seconds == 0)
        schedule->options.patience_seconds = PATIENCE_SECONDS;
    slots_init(&schedule->slots, model, options->n_parallel);
}

void schedule_release(struct schedule *schedule)
{
    slots_release(&schedule->slots);
}

/* ---- ends ---- */

static void write_line(const struct schedule *schedule, struct buffer *line)
{
    if (schedule->options.log.write != NULL)
        schedule->options.log.write(schedule->options.log.listener, buffer_text(line));
    buffer_release(line);
}

static void refuse_job(struct schedule *schedule, struct job *job, const struct refusal *refusal)
{
    struct buffer line = {0};
    account_of_refusal(&line, job, refusal);
    refuse_stream(job->stream, refusal);
    write_line(schedule, &line);
    meter_add(&schedule->tally->refused, 1);
    job_free(job);
}

/* What the client has now, and will send back. */
static void look_ahead(struct schedule *schedule, struct turn *turn)
{
    const struct delivery *delivery = &turn->delivery;
    const struct fathom_tokens held = slot_tokens(turn->slot);
    struct fathom_tool_call calls[DELIVERY_CALLS];
    for (size_t i = 0; i < delivery->n_calls; i++)
        calls[i] = (struct fathom_tool_call){.id = delivery->calls[i].id,
                                             .name = buffer_text(&delivery->calls[i].name),
                                             .arguments = buffer_text(&delivery->calls[i].arguments)};
    const struct fathom_message answer = {.role = FATHOM_ASSISTANT,
                                          .content = buffer_text(&delivery->content),
                                          .calls = calls,
                                          .n_calls = delivery->n_calls};
    if (turn->job->request.kind == REQUEST_CHAT &&
        !wording_next_turn(schedule->slots.vocabulary, &turn->job->request, &answer, &held,
                           &turn->slot->later))
        fathom_tokens_release(&turn->slot->later); /* the next turn computes it itself then */
}

/* Frees the turn; what its session holds stays. */
static void close_turn(struct schedule *schedule, struct turn *turn, enum account_end how)
{
    const bool side = turn == &schedule->side;
    struct slot *slot = turn->slot;
    struct buffer line = {0};
    const struct account_machine machine = {.read_rate = schedule->options.read_rate,
                                            .exceeds_memory =
                                                fathom_model_info(schedule->model).exceeds_memory};
    account_of_turn(&line, turn, how, &machine);
    write_line(schedule, &line);
    if (how == ACCOUNT_ANSWERED && !side)
        look_ahead(schedule, turn);
    meter_add(how == ACCOUNT_ANSWERED ? &schedule->tally->answered
              : how == ACCOUNT_LEFT   ? &schedule->tally->cancelled
                                      : &schedule->tally->refused,
              1);
    meter_add(&schedule->tally->prompt_tokens, turn_computed(turn));
    meter_add(&schedule->tally->cached_tokens, turn->n_cached);
    meter_add(&schedule->tally->generated_tokens, turn->n_generated);
    turn_release(turn);
    slots_give_back(&schedule->slots, slot);
}

/* What its client asks next is not taken for one that waits. */
static void free_place(struct schedule *schedule, const struct turn *turn)
{
    if (turn != &schedule->side)
        atomic_fetch_sub(&schedule->tally->n_chats, 1);
}

static void finish_turn(struct schedule *schedule, struct turn *turn)
{
    free_place(schedule, turn);
    turn_finish(turn);
    close_turn(schedule, turn, turn->failure.status != 0 ? ACCOUNT_FAILED : ACCOUNT_ANSWERED);
}

/* Whoever reads nothing for too long does not come back, and would keep a turn from others. */
static void look_at_reader(struct schedule *schedule, struct turn *turn)
{
    const double now = clock_seconds();
    struct stream *stream = turn->job->stream;
    if (!turn->job->request.stream || stream_unread(stream) < schedule->options.full_bytes)
        turn->blocked = 0;
    else if (turn->blocked == 0)
        turn->blocked = now;
    else if (now - turn->blocked > schedule->options.patience_seconds)
        stream_leave(stream);
    if (stream_was_left(stream)) {
        free_place(schedule, turn);
        close_turn(schedule, turn, ACCOUNT_LEFT);
    }
}

static void drop_left(struct schedule *schedule)
{
    for (struct turn *turn = schedule->turns; turn < schedule->turns + PARALLEL_MOST; turn++)
        if (turn->job != NULL)
            look_at_reader(schedule, turn);
    if (schedule->side.job != NULL)
        look_at_reader(schedule, &schedule->side);
    for (struct job **at = &schedule->waiting; *at != NULL;) {
        struct job *job = *at;
        if (!stream_was_left(job->stream)) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        struct buffer line = {0};
        account_of_waiting(&line, job);
        write_line(schedule, &line);
        meter_add(&schedule->tally->cancelled, 1);
        job_free(job);
    }
}

/* ---- beginnings ---- */

/* Suggestions for a half-typed line are worth nothing once there is more of the line. */
static void supersede(struct schedule *schedule)
{
    struct refusal refusal = {0};
    struct job **at = &schedule->waiting;
    /* not 409, which clients take for a reason to ask again */
    refuse_with(&refusal, 410, REFUSAL_INVALID, "superseded", "a newer autocompletion was asked for");
    while (*at != NULL) {
        struct job *job = *at;
        if (job->request.chore != CHORE_AUTOCOMPLETE) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        refuse_job(schedule, job, &refusal);
    }
    struct turn *side = &schedule->side;
    if (side->job != NULL && side->job->request.chore == CHORE_AUTOCOMPLETE) {
        side->failure = refusal;
        finish_turn(schedule, side);
    }
}

void schedule_add(struct schedule *schedule, struct job *job)
{
    if (job->request.chore == CHORE_AUTOCOMPLETE)
        supersede(schedule);
    struct job **end = &schedule->waiting;
    while (*end != NULL)
        end = &(*end)->next;
    job->next = NULL;
    *end = job;
    meter_add(&schedule->tally->requests, 1);
}

static void answer_tokens(struct schedule *schedule, struct job *job)
{
    struct wording prompt = {0};
    struct fathom_error err;
    struct refusal refusal = {0};
    struct buffer out = {0}, line = {0};
    const struct fathom_tokens none = {0};
    const struct fathom_vocabulary *vocabulary = schedule->slots.vocabulary;
    if (!wording_prompt(vocabulary, &job->request, &none, &prompt, &err)) {
        refuse(&refusal, "invalid_value", "prompt", "%s", err.text);
        refuse_job(schedule, job, &refusal);
    } else {
        listing_tokens(&out, vocabulary, &prompt, job->request.with_pieces);
        stream_begin(job->stream, 200);
        stream_write(job->stream, &out);
        stream_end(job->stream);
        account_of_tokens(&line, job, prompt.n);
        write_line(schedule, &line);
        meter_add(&schedule->tally->answered, 1);
        job_free(job);
    }
    buffer_release(&out);
    wording_release(&prompt);
}

/* Takes a slot and begins the job there. False: there is no place for it now, which only the side can say. */
static bool begin(struct schedule *schedule, struct job *job, struct turn *turn)
{
    struct wording prompt = {0};
    struct refusal refusal = {0};
    const bool side = turn == &schedule->side;
    struct slot *slot = side ? slots_take_side(&schedule->slots, &job->request, &prompt, &refusal)
                             : slots_take(&schedule->slots, &job->request, &prompt, &refusal);
    bool placed = slot != NULL || refusal.status != 0;
    if (slot != NULL && turn_begin(turn, job, slot, &prompt, schedule->slots.vocabulary, &refusal)) {
        atomic_fetch_add(&schedule->tally->n_chats, !side);
        turn_announce(turn, schedule->options.model_id);
    } else if (placed) {
        if (slot != NULL)
            slots_give_back(&schedule->slots, slot);
        refuse_job(schedule, job, &refusal);
    }
    wording_release(&prompt);
    return placed;
}

static struct turn *find_free(struct schedule *schedule)
{
    for (uint32_t i = 0; i < schedule->options.n_parallel; i++)
        if (schedule->turns[i].job == NULL)
            return &schedule->turns[i];
    return NULL;
}

/* Whether the job could begin, or was ended; it is in no list then. */
static bool try_to_begin(struct schedule *schedule, struct job *job, bool chores)
{
    if (job->request.kind == REQUEST_TOKENIZE) {
        answer_tokens(schedule, job);
        return true;
    }
    struct turn *turn = find_free(schedule);
    if (job->request.chore == CHORE_NONE)
        return turn != NULL && begin(schedule, job, turn);
    if (!chores || schedule->side.job != NULL)
        return false;
    return begin(schedule, job, &schedule->side) || (turn != NULL && begin(schedule, job, turn));
}

static void begin_turns(struct schedule *schedule, bool chores)
{
    for (struct job **at = &schedule->waiting; *at != NULL;) {
        struct job *job = *at, *next = job->next;
        if (try_to_begin(schedule, job, chores))
            *at = next;
        else
            at = &job->next;
    }
}

/* ---- a round ---- */

uint32_t schedule_running(const struct schedule *schedule)
{
    uint32_t n = schedule->side.job != NULL;
    for (size_t i = 0; i < PARALLEL_MOST; i++)
        n += schedule->turns[i].job != NULL;
    return n;
}

uint32_t schedule_waiting(const struct schedule *schedule)
{
    uint32_t n = 0;
    for (const struct job *job = schedule->waiting; job != NULL; job = job->next)
        n++;
    return n;
}

/* What a round computes. */
struct load {
    struct fathom_piece pieces[PARALLEL_MOST];
    struct turn *turns[PARALLEL_MOST];
    size_t n;
    bool blocked; /* somebody reads too slowly */
};

static void add_piece(struct load *load, struct turn *turn, size_t n_piece)
{
    if (turn->blocked > 0) {
        load->blocked = true;
        return;
    }
    load->turns[load->n] = turn;
    load->pieces[load->n++] = turn_next(turn, n_piece);
}

/* A token of every chat that is being answered, and a piece of the prompt that came first; a chore where no
 * chat has anything to compute. */
static void gather(struct schedule *schedule, struct load *load)
{
    const size_t n_piece = schedule->options.n_piece;
    struct turn *first = NULL;
    for (struct turn *turn = schedule->turns; turn < schedule->turns + PARALLEL_MOST; turn++) {
        if (turn->job == NULL)
            continue;
        if (!turn_reads_prompt(turn))
            add_piece(load, turn, n_piece);
        else if (first == NULL || turn->begun < first->begun)
            first = turn;
    }
    if (first != NULL)
        add_piece(load, first, n_piece);
    if (load->n == 0 && schedule->side.job != NULL)
        add_piece(load, &schedule->side, n_piece);
}

/* Whether a chat has anything to compute now. */
static bool chats_run(const struct schedule *schedule)
{
    for (size_t i = 0; i < PARALLEL_MOST; i++)
        if (schedule->turns[i].job != NULL && schedule->turns[i].blocked == 0)
            return true;
    return false;
}

static void settle(struct schedule *schedule, struct turn *turn, enum fathom_outcome outcome,
                   const struct fathom_error *err)
{
    if (outcome == FATHOM_STOPPED)
        return; /* the client has left, or the server stops: the next round looks */
    if (outcome == FATHOM_DONE)
        turn_advance(turn);
    else
        refuse_with(&turn->failure, 500, REFUSAL_SERVER, NULL, "%s", err->text);
    if (turn->over || turn->failure.status != 0)
        finish_turn(schedule, turn);
}

void schedule_admit(struct schedule *schedule)
{
    drop_left(schedule);
    begin_turns(schedule, false);
    if (!chats_run(schedule))
        begin_turns(schedule, true);
}

enum round schedule_round(struct schedule *schedule)
{
    struct load load = {0};
    struct fathom_error err = {0};
    gather(schedule, &load);
    if (load.n == 0)
        return load.blocked ? ROUND_BLOCKED : ROUND_NOTHING;
    fathom_step(load.pieces, load.n, &err); /* each piece has its own outcome */
    for (size_t i = 0; i < load.n; i++)
        settle(schedule, load.turns[i], load.pieces[i].outcome, &err);
    slots_trim(&schedule->slots);
    return ROUND_WORKED;
}

/* ---- idle ---- */

bool schedule_has_idle_work(struct schedule *schedule)
{
    return slots_find_idle(&schedule->slots) != NULL;
}

void schedule_idle(struct schedule *schedule, const struct fathom_progress *progress)
{
    struct fathom_error err = {0};
    struct slot *slot = slots_find_idle(&schedule->slots);
    if (slot == NULL)
        return;
    bool held = fathom_session_hold(slot->session, slot->later.ids, slot->later.n, progress, NULL, &err);
    if (held || err.outcome != FATHOM_STOPPED)
        slot_settle_later(slot, held);
    slots_trim(&schedule->slots);
}

/* ---- the end of the server ---- */

void schedule_refuse_waiting(struct schedule *schedule, const struct refusal *refusal)
{
    while (schedule->waiting != NULL) {
        struct job *job = schedule->waiting;
        schedule->waiting = job->next;
        refuse_job(schedule, job, refusal);
    }
}

void schedule_refuse_running(struct schedule *schedule, const struct refusal *refusal)
{
    for (struct turn *turn = schedule->turns; turn < schedule->turns + PARALLEL_MOST; turn++) {
        if (turn->job == NULL)
            continue;
        turn->failure = *refusal;
        finish_turn(schedule, turn);
    }
    if (schedule->side.job != NULL) {
        schedule->side.failure = *refusal;
        finish_turn(schedule, &schedule->side);
    }
}
