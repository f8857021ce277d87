/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c - loads, then works in rounds until it is stopped. The lock guards what crosses the threads, and
 * is never held while anything is computed. */
#include "server/compute/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/thread.h"

#define USUAL_CHUNK   512   /* tokens, where the options say nothing: who else is served waits for as many */
#define NOTES_BYTES   65536 /* of lines that wait to be logged; more are counted and not kept */
#define BLOCKED_NANOS 10000000 /* between looks at readers that are too slow */

struct worker {
    struct worker_options options;
    int wake;
    pthread_t thread;
    bool has_thread;

    struct fathom_model *model; /* the thread's, like the schedule; others read its statistics */
    struct schedule schedule;
    struct tally tally;

    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t changed;
    struct job *inbox;   /* newest first */
    struct buffer notes; /* lines for the log */
    enum worker_phase phase;
    uint32_t percent, n_running, n_waiting;
    uint64_t n_held;
    uint32_t n_ahead;
    bool stopping;
    double deadline; /* clock_seconds(): then nothing may run any more */
    struct fathom_error failure;
};

/* ---- what others see ---- */

struct worker_view worker_view(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    struct worker_view view = {.phase = worker->phase,
                               .stopping = worker->stopping,
                               .percent = worker->percent,
                               .n_running = worker->n_running,
                               .n_waiting = worker->n_waiting,
                               .n_held = worker->n_held,
                               .n_ahead = worker->n_ahead,
                               .tally = &worker->tally,
                               .failure = worker->failure.text[0] != '\0' ? worker->failure.text : NULL};
    for (const struct job *job = worker->inbox; job != NULL; job = job->next)
        view.n_waiting++;
    if (view.phase == WORKER_READY) {
        view.info = fathom_model_info(worker->model);
        view.stats = fathom_model_stats(worker->model);
    }
    pthread_mutex_unlock(&worker->lock);
    return view;
}

bool worker_is_full(const struct worker *worker)
{
    return atomic_load(&worker->tally.n_chats) >= worker->options.schedule.n_parallel;
}

static void set_phase(struct worker *worker, enum worker_phase phase)
{
    pthread_mutex_lock(&worker->lock);
    worker->phase = phase;
    pthread_mutex_unlock(&worker->lock);
    eventfd_write(worker->wake, 1);
}

static void show_schedule(struct worker *worker)
{
    const struct schedule *schedule = &worker->schedule;
    pthread_mutex_lock(&worker->lock);
    worker->n_running = schedule_running(schedule);
    worker->n_waiting = schedule_waiting(schedule);
    worker->n_held = slots_held(&schedule->slots);
    worker->n_ahead = slots_ahead(&schedule->slots);
    pthread_mutex_unlock(&worker->lock);
}

/* ---- what others want ---- */

bool worker_submit(struct worker *worker, struct job *job)
{
    pthread_mutex_lock(&worker->lock);
    bool taken = worker->phase != WORKER_STOPPED;
    if (taken) {
        job->next = worker->inbox;
        worker->inbox = job;
        pthread_cond_signal(&worker->changed);
    }
    pthread_mutex_unlock(&worker->lock);
    return taken;
}

void worker_note_refusal(struct worker *worker, const char *line)
{
    meter_add(&worker->tally.requests, 1);
    meter_add(&worker->tally.refused, 1);
    pthread_mutex_lock(&worker->lock);
    if (worker->notes.n_bytes < NOTES_BYTES) {
        buffer_append_text(&worker->notes, worker->notes.n_bytes > 0 ? "\n" : "");
        buffer_append_text(&worker->notes, line);
    }
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

void worker_stop(struct worker *worker, double grace_seconds)
{
    pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    worker->deadline = clock_seconds() + grace_seconds;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

static bool is_wanted(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    bool wanted = worker->inbox != NULL || worker->notes.n_bytes > 0 || worker->stopping;
    pthread_mutex_unlock(&worker->lock);
    return wanted;
}

static bool go_on_idling(void *context, uint64_t done, uint64_t total)
{
    (void)done, (void)total;
    return !is_wanted(context);
}

/* What is new, in the order in which it came. With the lock. */
static struct job *empty_inbox(struct worker *worker)
{
    struct job *oldest = NULL;
    while (worker->inbox != NULL) {
        struct job *job = worker->inbox;
        worker->inbox = job->next;
        job->next = oldest;
        oldest = job;
    }
    return oldest;
}

static void add_jobs(struct worker *worker, struct job *oldest)
{
    while (oldest != NULL) {
        struct job *job = oldest;
        oldest = job->next;
        schedule_add(&worker->schedule, job);
    }
}

/* Lines that were taken out of the notes, without the lock. */
static void write_notes(const struct worker *worker, struct buffer *notes)
{
    const struct server_log *log = &worker->options.schedule.log;
    if (notes->n_bytes > 0 && log->write != NULL)
        log->write(log->listener, buffer_text(notes));
    buffer_release(notes);
}

static struct buffer take_notes(struct worker *worker)
{
    struct buffer notes = worker->notes;
    worker->notes = (struct buffer){0};
    return notes;
}

static void wait_a_little(struct worker *worker)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += BLOCKED_NANOS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&worker->changed, &worker->lock, &until);
}

enum order { ORDER_WORK, ORDER_STOP_WAITING, ORDER_STOP };

/* Between two rounds: waits where there is nothing to do, takes what is new, and shows where things stand. */
static enum order take_orders(struct worker *worker, enum round last)
{
    enum order order = ORDER_WORK;
    bool idle = last == ROUND_NOTHING && !schedule_has_idle_work(&worker->schedule);
    show_schedule(worker);
    pthread_mutex_lock(&worker->lock);
    if (worker->inbox == NULL && last == ROUND_BLOCKED)
        wait_a_little(worker);
    while (idle && worker->inbox == NULL && worker->notes.n_bytes == 0 && !worker->stopping)
        pthread_cond_wait(&worker->changed, &worker->lock);
    struct job *jobs = empty_inbox(worker);
    struct buffer notes = take_notes(worker);
    if (worker->stopping)
        order =
            last == ROUND_NOTHING || clock_seconds() >= worker->deadline ? ORDER_STOP : ORDER_STOP_WAITING;
    pthread_mutex_unlock(&worker->lock);
    write_notes(worker, &notes);
    add_jobs(worker, jobs);
    return order;
}

/* ---- the thread ---- */

static bool report_loading(void *context, uint64_t done, uint64_t total)
{
    struct worker *worker = context;
    const struct fathom_progress *also = &worker->options.model.progress;
    bool go_on = also->report == NULL || also->report(also->listener, done, total);
    uint32_t percent = total > 0 ? (uint32_t)(100 * (double)done / (double)total) : 0;
    pthread_mutex_lock(&worker->lock);
    worker->percent = percent;
    go_on = go_on && !worker->stopping;
    pthread_mutex_unlock(&worker->lock);
    return go_on;
}

static uint32_t chunk_tokens(const struct worker *worker)
{
    uint32_t given = worker->options.model.chunk_tokens;
    return given > 0 ? given : USUAL_CHUNK;
}

static bool load_model(struct worker *worker)
{
    struct fathom_error err = {0};
    struct fathom_model_options options = worker->options.model;
    options.progress = (struct fathom_progress){report_loading, worker};
    options.n_sessions = worker->options.schedule.n_parallel;
    options.chunk_tokens = chunk_tokens(worker);
    struct fathom_model *model = fathom_model_open(worker->options.path, &options, &err);
    pthread_mutex_lock(&worker->lock);
    worker->model = model;
    worker->percent = 100;
    if (model == NULL && !worker->stopping)
        worker->failure = err;
    pthread_mutex_unlock(&worker->lock);
    return model != NULL;
}

/* "DeepSeek-R1 is loaded, in 41.2 s: avx512vbmi, 16 threads, a context of 32768 tokens, 2 chats at once" */
static void say_loaded(const struct worker *worker, double seconds)
{
    const struct schedule_options *options = &worker->options.schedule;
    const struct fathom_model_info info = fathom_model_info(worker->model);
    struct buffer line = {0};
    buffer_append_format(&line, "%s is loaded, in %.1f s: %s, %u %s, a context of %u tokens, %u %s at once",
                         options->model_id, seconds, info.isa, info.n_threads,
                         info.n_threads == 1 ? "thread" : "threads", info.n_planned, options->n_parallel,
                         options->n_parallel == 1 ? "chat" : "chats");
    if (info.exceeds_memory)
        buffer_append_text(&line, "; memory does not hold all weights: experts are read from disk");
    if (options->log.write != NULL)
        options->log.write(options->log.listener, buffer_text(&line));
    buffer_release(&line);
}

/* Chunks of other prompts are never cut to make room for tokens, so a piece leaves room for them. */
static void open_schedule(struct worker *worker)
{
    struct schedule_options *options = &worker->options.schedule;
    uint32_t n_chunk = chunk_tokens(worker);
    options->n_piece = n_chunk > options->n_parallel ? n_chunk - options->n_parallel : 1;
    schedule_init(&worker->schedule, worker->model, options, &worker->tally);
}

/* STOPPED is set with the lock that empties the inbox, so nothing is left there. */
static void refuse_all(struct worker *worker)
{
    struct refusal refusal = {0};
    refuse_with(&refusal, 503, REFUSAL_UNAVAILABLE, "stopped", "%s",
                worker->failure.text[0] != '\0' ? worker->failure.text : "the server is stopping");
    schedule_refuse_running(&worker->schedule, &refusal);
    pthread_mutex_lock(&worker->lock);
    struct job *jobs = empty_inbox(worker);
    struct buffer notes = take_notes(worker);
    worker->phase = WORKER_STOPPED;
    worker->n_running = worker->n_waiting = 0;
    pthread_mutex_unlock(&worker->lock);
    write_notes(worker, &notes);
    add_jobs(worker, jobs);
    schedule_refuse_waiting(&worker->schedule, &refusal);
    eventfd_write(worker->wake, 1);
}

static void work(struct worker *worker)
{
    const struct fathom_progress until_wanted = {go_on_idling, worker};
    enum round last = ROUND_NOTHING;
    enum order order;
    while ((order = take_orders(worker, last)) != ORDER_STOP) {
        if (order == ORDER_STOP_WAITING) {
            struct refusal refusal = {0};
            refuse_with(&refusal, 503, REFUSAL_UNAVAILABLE, "stopped", "the server is stopping");
            schedule_refuse_waiting(&worker->schedule, &refusal);
        }
        schedule_admit(&worker->schedule);
        show_schedule(worker);
        last = schedule_round(&worker->schedule);
        if (last == ROUND_NOTHING && order == ORDER_WORK)
            schedule_idle(&worker->schedule, &until_wanted);
    }
}

static void *run(void *context)
{
    struct worker *worker = context;
    const double begun = clock_seconds();
    if (load_model(worker)) {
        open_schedule(worker);
        say_loaded(worker, clock_seconds() - begun);
        set_phase(worker, WORKER_READY);
        work(worker);
    }
    refuse_all(worker);
    schedule_release(&worker->schedule);
    return NULL;
}

struct worker *worker_start(const struct worker_options *options, int wake, struct error *err)
{
    struct worker *worker = memory_allocate(1, sizeof *worker, "a worker", err);
    if (worker == NULL)
        return NULL;
    pthread_condattr_t attributes;
    worker->options = *options;
    worker->wake = wake;
    worker->schedule.options = options->schedule; /* refusals are logged also where nothing was loaded */
    worker->schedule.tally = &worker->tally;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    errno = thread_start(&worker->thread, run, worker);
    worker->has_thread = errno == 0;
    if (worker->has_thread)
        return worker;
    fail_errno(err, "cannot start a thread");
    worker_free(worker);
    return NULL;
}

void worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    if (worker->has_thread) {
        worker_stop(worker, 0);
        pthread_join(worker->thread, NULL);
    }
    fathom_model_close(worker->model);
    buffer_release(&worker->notes);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    memory_free(worker);
}
