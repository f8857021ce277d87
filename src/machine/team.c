/* SPDX-License-Identifier: Apache-2.0 */
/* team.c - the team: gates that start a piece of work, counts of arrivals, and gates for those who wait
 * inside the work (barrier) and for the caller who waits for its end.
 *
 * Members whose processors share a last-level cache are a cluster. They count and watch on lines of their
 * own, which never leave that cache until the last of them has come: what crosses from cluster to cluster in
 * a round is one arrival and one opening for each, not one for each member.
 *
 * A count serves barriers and ends alike, since no member can come to the next meeting before all have
 * left the count of this one: the last to arrive sets it back to zero before a gate is opened. */
#include "machine/team.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "base/thread.h"
#include "machine/gate.h"

/* How long a member that has a processor to itself watches before it sleeps: longer than sampling a
 * token and the other serial work between two pieces, shorter than anybody notices on an idle machine. */
#define SPIN_SECONDS 200e-6

struct cluster {
    _Alignas(64) _Atomic size_t n_arrived;
    size_t n_members;
    struct gate start;
    struct gate passed; /* a barrier */
};

struct team {
    size_t n_members;
    size_t n_started;       /* threads to join; the caller has none */
    pthread_t *threads;     /* [n_members] owned; [0] is unused */
    struct member *members; /* [n_members] owned */
    uint32_t *processors;   /* [n_processors] owned */
    size_t n_processors;
    double spin_seconds;
    team_work *work; /* of this round; NULL: the team is dissolved */
    void *argument;
    struct cluster *clusters;    /* [n_clusters] owned */
    struct cluster **cluster_of; /* [n_members] owned; into clusters */
    size_t n_clusters;
    struct gate finished; /* the work; opened only where a member other than the caller is last */
    _Alignas(64) _Atomic size_t n_arrived; /* clusters */
    _Atomic uint64_t n_rounds;
};

/* True for the last of n to arrive, who then sees what all the others wrote. */
static bool is_last(_Atomic size_t *n_arrived, size_t n)
{
    if (atomic_fetch_add_explicit(n_arrived, 1, memory_order_acq_rel) + 1 < n)
        return false;
    atomic_store_explicit(n_arrived, 0, memory_order_relaxed); /* a gate publishes it */
    return true;
}

/* True for the last of the team, who must open a gate. */
static bool arrive(struct team *team, size_t index)
{
    struct cluster *cluster = team->cluster_of[index];
    return is_last(&cluster->n_arrived, cluster->n_members) && is_last(&team->n_arrived, team->n_clusters);
}

/* Puts the calling thread on the member's own processor, or, where there are more members than
 * processors, on any of them. Where the system refuses (a described machine, a processor gone) the
 * thread runs where it may. */
static void pin(const struct team *team, size_t index)
{
    bool own = team->n_members <= team->n_processors;
    size_t first = own ? index : 0;
    size_t end = own ? index + 1 : team->n_processors;
    uint32_t highest = 0;
    for (size_t i = first; i < end; i++)
        highest = (uint32_t)max_size(highest, team->processors[i]);
    cpu_set_t *set = CPU_ALLOC(highest + 1);
    if (set == NULL)
        return;
    size_t set_bytes = CPU_ALLOC_SIZE(highest + 1);
    CPU_ZERO_S(set_bytes, set);
    for (size_t i = first; i < end; i++)
        CPU_SET_S(team->processors[i], set_bytes, set);
    pthread_setaffinity_np(pthread_self(), set_bytes, set);
    CPU_FREE(set);
}

static void *member_main(void *argument)
{
    struct member *member = argument;
    struct team *team = member->team;
    char name[16]; /* what the kernel keeps */
    snprintf(name, sizeof name, "member %zu", member->index);
    pthread_setname_np(pthread_self(), name);
    pin(team, member->index);

    for (uint32_t seen = 0;; seen++) {
        gate_wait(&team->cluster_of[member->index]->start, seen, team->spin_seconds);
        if (team->work == NULL)
            return NULL;
        team->work(team->argument, member);
        if (arrive(team, member->index))
            gate_open(&team->finished);
    }
}

static bool start_threads(struct team *team, struct error *err)
{
    for (size_t i = 1; i < team->n_members; i++) {
        if (thread_start(&team->threads[i], member_main, &team->members[i]) != 0)
            return fail(err, "cannot start thread %zu of %zu", i, team->n_members - 1);
        team->n_started++;
    }
    return true;
}

/* Members that may run anywhere are one cluster. */
static void form_clusters(struct team *team, const struct topology *topology)
{
    bool pinned = team->n_members <= team->n_processors;
    for (size_t i = 0; i < team->n_members; i++) {
        struct cluster *cluster = &team->clusters[pinned ? topology->caches[i] : 0];
        team->cluster_of[i] = cluster;
        team->n_clusters += cluster->n_members++ == 0;
    }
}

static bool allocate_team(struct team *team, const struct topology *topology, struct error *err)
{
    team->threads = memory_allocate(team->n_members, sizeof *team->threads, "a team", err);
    team->members = memory_allocate(team->n_members, sizeof *team->members, "a team", err);
    team->processors = memory_allocate(team->n_processors, sizeof *team->processors, "a team", err);
    team->clusters = memory_allocate(topology->n_caches, sizeof *team->clusters, "a team", err);
    team->cluster_of = memory_allocate(team->n_members, sizeof *team->cluster_of, "a team", err);
    return team->threads != NULL && team->members != NULL && team->processors != NULL &&
           team->clusters != NULL && team->cluster_of != NULL;
}

struct team *team_create(const struct topology *topology, size_t n_members, struct error *err)
{
    struct team *team = memory_allocate(1, sizeof *team, "a team", err);
    if (team == NULL)
        return NULL;
    size_t n_useful = topology->n_processors; /* at once */
    if (topology->quota > 0)
        n_useful = min_size(n_useful, (size_t)ceil(topology->quota));
    team->n_members = n_members > 0 ? n_members : topology_default_threads(topology);
    team->n_processors = topology->n_processors;
    team->spin_seconds = team->n_members <= n_useful ? SPIN_SECONDS : 0;
    if (!allocate_team(team, topology, err))
        goto failed;
    form_clusters(team, topology);
    for (size_t i = 0; i < team->n_processors; i++)
        team->processors[i] = topology->processors[i];
    for (size_t i = 0; i < team->n_members; i++)
        team->members[i] = (struct member){.team = team, .index = i, .n_members = team->n_members};
    if (!start_threads(team, err))
        goto failed;
    return team;

failed:
    team_free(team);
    return NULL;
}

void team_free(struct team *team)
{
    if (team == NULL)
        return;
    team->work = NULL;
    for (size_t i = 0; i < team->n_clusters; i++)
        gate_open(&team->clusters[i].start);
    for (size_t i = 1; i <= team->n_started; i++)
        pthread_join(team->threads[i], NULL);
    memory_free(team->threads);
    memory_free(team->members);
    memory_free(team->processors);
    memory_free(team->clusters);
    memory_free(team->cluster_of);
    memory_free(team);
}

size_t team_size(const struct team *team)
{
    return team->n_members;
}

/* The others never leave their processors, so a caller that shares one of them makes two members take
 * turns, each watching in vain for the other: 370 us a barrier instead of 0.1 were measured on two cores
 * with a compiler running beside. The scheduler needs seconds to part them. Being pinned for good is not
 * for a thread that is not ours and whose children would inherit it, so the pin is taken back at once:
 * that moves nobody. */
static void settle_caller(const struct team *team)
{
    cpu_set_t before;
    bool pinned = team->n_members <= team->n_processors;
    if (!pinned || sched_getcpu() == (int)team->processors[0] ||
        pthread_getaffinity_np(pthread_self(), sizeof before, &before) != 0 ||
        !CPU_ISSET(team->processors[0], &before))
        return;
    pin(team, 0);
    pthread_setaffinity_np(pthread_self(), sizeof before, &before);
}

void team_run(struct team *team, team_work *work, void *argument)
{
    atomic_fetch_add_explicit(&team->n_rounds, 1, memory_order_relaxed);
    if (team->n_members == 1) {
        work(argument, &team->members[0]);
        return;
    }
    settle_caller(team);
    uint32_t seen = gate_count(&team->finished);
    team->work = work;
    team->argument = argument;
    for (size_t i = 0; i < team->n_clusters; i++)
        gate_open(&team->clusters[i].start);
    work(argument, &team->members[0]);
    if (!arrive(team, 0))
        gate_wait(&team->finished, seen, team->spin_seconds);
}

void team_barrier(const struct member *member)
{
    struct team *team = member->team;
    struct cluster *own = team->cluster_of[member->index];
    uint32_t seen = gate_count(&own->passed); /* before arriving: the gate may open at once */
    if (!arrive(team, member->index)) {
        gate_wait(&own->passed, seen, team->spin_seconds);
        return;
    }
    atomic_fetch_add_explicit(&team->n_rounds, 1, memory_order_relaxed);
    for (size_t i = 0; i < team->n_clusters; i++)
        gate_open(&team->clusters[i].passed);
}

uint64_t team_rounds(const struct team *team)
{
    return atomic_load_explicit(&team->n_rounds, memory_order_relaxed);
}

struct range team_share(const struct member *member, size_t n, size_t grain)
{
    size_t n_grains = n / grain + (n % grain != 0);
    size_t each = n_grains / member->n_members;
    size_t n_longer = n_grains % member->n_members; /* the first members take one grain more */
    size_t begin = member->index * each + min_size(member->index, n_longer);
    size_t end = begin + each + (member->index < n_longer);
    return (struct range){.begin = min_size(begin * grain, n), .end = min_size(end * grain, n)};
}
