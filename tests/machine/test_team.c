/* SPDX-License-Identifier: Apache-2.0 */
/* test_team.c - the team at work: everybody once a round, nobody early through a barrier, everything
 * written before seen after, with fewer and with many more members than processors. What is compared is
 * written without atomics, so that a thread sanitizer judges the team's own ordering. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "check.h"
#include "machine/team.h"

#define MAX_MEMBERS 33

static struct topology machine;

/* Rounds for each size of team: enough to meet rare orders, few enough where every round sleeps and wakes. */
static const struct {
    size_t n_members;
    int n_rounds;
} teams[] = {{1, 10000}, {2, 10000}, {3, 3000}, {8, 2000}, {MAX_MEMBERS, 1000}};

#define N_TEAMS (sizeof teams / sizeof *teams)

static int read_machine(void **state)
{
    (void)state;
    return topology_read(&machine, NULL, NULL) ? 0 : -1;
}

static int release_machine(void **state)
{
    (void)state;
    topology_release(&machine);
    return 0;
}

static struct team *make_team(size_t n_members)
{
    struct error err;
    struct team *team = team_create(&machine, n_members, &err);
    if (team == NULL)
        fail_msg("%zu members: %s", n_members, err.text);
    assert_int_equal(team_size(team), n_members);
    return team;
}

static void pause_us(uint64_t us)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
}

/* What a piece of work leaves behind; cells have their own cache lines to make the rounds fast, not
 * correct. */
struct record {
    struct {
        _Alignas(64) int n_calls;
        int value;
        int n_errors;
    } of[MAX_MEMBERS]; /* [member] */
    int round;
    int n_barriers;
};

static void count_call(void *argument, const struct member *member)
{
    struct record *record = argument;
    record->of[member->index].n_calls++;
    record->of[member->index].value = record->round;
}

static void everybody_works_once_a_round(void **state)
{
    (void)state;
    for (size_t t = 0; t < N_TEAMS; t++) {
        size_t n = teams[t].n_members;
        struct team *team = make_team(n);
        struct record record = {0};
        for (int round = 1; round <= teams[t].n_rounds; round++) {
            record.round = round;
            team_run(team, count_call, &record);
            for (size_t i = 0; i < n; i++)
                if (record.of[i].n_calls != round || record.of[i].value != round)
                    fail_msg("%zu members, round %d: member %zu was called %d times and saw round %d", n,
                             round, i, record.of[i].n_calls, record.of[i].value);
        }
        assert_int_equal(team_rounds(team), teams[t].n_rounds);
        team_free(team);
    }
}

/* Between two barriers everybody writes its own cell, and reads all cells after the second. */
static void write_then_read(void *argument, const struct member *member)
{
    struct record *record = argument;
    for (int step = 1; step <= record->n_barriers / 2; step++) {
        record->of[member->index].value = record->round * 100 + step;
        team_barrier(member);
        for (size_t i = 0; i < member->n_members; i++)
            record->of[member->index].n_errors += record->of[i].value != record->round * 100 + step;
        team_barrier(member);
    }
}

static void barrier_shows_all_that_was_written(void **state)
{
    (void)state;
    for (size_t t = 0; t < N_TEAMS; t++) {
        size_t n = teams[t].n_members;
        int n_rounds = teams[t].n_rounds / 10;
        struct team *team = make_team(n);
        struct record record = {.n_barriers = 20};
        for (int round = 1; round <= n_rounds; round++) {
            record.round = round;
            team_run(team, write_then_read, &record);
        }
        for (size_t i = 0; i < n; i++)
            if (record.of[i].n_errors != 0)
                fail_msg("%zu members: member %zu saw %d old values", n, i, record.of[i].n_errors);
        assert_int_equal(team_rounds(team), n_rounds * (1 + record.n_barriers));
        team_free(team);
    }
}

/* Some come late, and by more than the others spin for. */
static void come_late(void *argument, const struct member *member)
{
    struct record *record = argument;
    struct random random = random_seeded((uint64_t)record->round * MAX_MEMBERS + member->index);
    if (random_below(&random, 3) == 0)
        pause_us(random_below(&random, 500));
    write_then_read(argument, member);
    if (random_below(&random, 3) == 0)
        pause_us(random_below(&random, 500));
    count_call(argument, member);
}

/* Pauses of about the time after which members fall asleep, before and inside the work: a lost wake-up
 * hangs here. */
static void sleepers_are_woken(void **state)
{
    (void)state;
    const size_t sizes[] = {2, 3, 8};
    for (size_t s = 0; s < 3; s++) {
        struct team *team = make_team(sizes[s]);
        struct record record = {.n_barriers = 2};
        for (int round = 1; round <= 150; round++) {
            struct random random = random_seeded((uint64_t)round);
            pause_us(random_below(&random, 500));
            record.round = round;
            team_run(team, come_late, &record);
            for (size_t i = 0; i < sizes[s]; i++)
                if (record.of[i].n_calls != round || record.of[i].n_errors != 0)
                    fail_msg("seed %d: %zu members, member %zu", round, sizes[s], i);
        }
        team_free(team);
    }
}

static void change_work(void *argument, const struct member *member)
{
    ((int *)argument)[member->index] *= 3;
}

static void work_may_change_every_round(void **state)
{
    (void)state;
    struct team *team = make_team(3);
    struct record record = {0};
    int factors[3] = {1, 1, 1};
    for (int i = 0; i < 10; i++) {
        team_run(team, count_call, &record);
        team_run(team, change_work, factors);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(record.of[i].n_calls, 10);
        assert_int_equal(factors[i], 59049);
    }
    team_free(team);
}

static void teams_come_and_go(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 40; n++) {
        struct team *team = make_team(n % 5 + 1);
        if (n % 2 == 0) { /* the others never work at all */
            struct record record = {0};
            team_run(team, count_call, &record);
        }
        team_free(team);
    }
    team_free(NULL);
}

static void zero_asks_for_the_default(void **state)
{
    (void)state;
    struct team *team = team_create(&machine, 0, NULL);
    assert_int_equal(team_size(team), topology_default_threads(&machine));
    team_free(team);
}

/* A thread needs a stack; none is as large as this. */
static void says_when_threads_cannot_start(void **state)
{
    (void)state;
    pthread_attr_t before, huge;
    assert_int_equal(pthread_getattr_default_np(&before), 0);
    pthread_attr_init(&huge);
    assert_int_equal(pthread_attr_setstacksize(&huge, (size_t)1 << 46), 0);
    assert_int_equal(pthread_setattr_default_np(&huge), 0);
    struct error err = {0};
    struct team *team = team_create(&machine, 4, &err);
    pthread_setattr_default_np(&before);
    pthread_attr_destroy(&huge);
    pthread_attr_destroy(&before);
    assert_null(team);
    assert_string_equal(err.text, "cannot start thread 1 of 3");
}

struct place {
    cpu_set_t set;
    sigset_t blocked;
};

static void note_place(void *argument, const struct member *member)
{
    struct place *place = (struct place *)argument + member->index;
    pthread_getaffinity_np(pthread_self(), sizeof place->set, &place->set);
    pthread_sigmask(SIG_BLOCK, NULL, &place->blocked);
}

static void members_have_their_processors(void **state)
{
    (void)state;
    struct place places[MAX_MEMBERS];
    size_t n = machine.n_processors < MAX_MEMBERS ? machine.n_processors : MAX_MEMBERS;
    struct team *team = make_team(n);
    team_run(team, note_place, places);
    team_free(team);
    for (size_t i = 1; i < n; i++) {
        assert_int_equal(CPU_COUNT(&places[i].set), 1);
        assert_true(CPU_ISSET(machine.processors[i], &places[i].set));
        assert_true(sigismember(&places[i].blocked, SIGINT));
    }
    assert_false(sigismember(&places[0].blocked, SIGINT));

    if (machine.n_processors >= MAX_MEMBERS)
        return;
    team = make_team(machine.n_processors + 1); /* too many: all of them may run anywhere */
    team_run(team, note_place, places);
    team_free(team);
    for (size_t i = 1; i <= machine.n_processors; i++)
        assert_int_equal(CPU_COUNT(&places[i].set), machine.n_processors);
}

static void note_processor(void *argument, const struct member *member)
{
    if (member->index == 0)
        *(int *)argument = sched_getcpu();
}

/* Put on the second member's processor, the caller works on its own again, with the mask that it had.
 * The scheduler may interfere once in a while, but not often. */
static void caller_leaves_the_others_alone(void **state)
{
    (void)state;
    if (machine.n_processors < 2)
        skip();
    struct team *team = make_team(2);
    cpu_set_t before, other, after;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&other);
    CPU_SET(machine.processors[1], &other);
    int n_moved = 0;
    for (int i = 0; i < 50; i++) {
        int processor = -1;
        sched_setaffinity(0, sizeof other, &other);
        sched_setaffinity(0, sizeof before, &before);
        team_run(team, note_processor, &processor);
        n_moved += processor == (int)machine.processors[0];
        assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
        assert_true(CPU_EQUAL(&before, &after));
    }
    assert_true(n_moved >= 40);

    /* Who may not run there is left where it is. */
    int processor = -1;
    sched_setaffinity(0, sizeof other, &other);
    team_run(team, note_processor, &processor);
    sched_getaffinity(0, sizeof after, &after);
    sched_setaffinity(0, sizeof before, &before);
    assert_int_equal(processor, machine.processors[1]);
    assert_true(CPU_EQUAL(&other, &after));
    team_free(team);
}

/* Processors that this machine does not have: the members run where they may. */
static void a_described_machine_works_too(void **state)
{
    (void)state;
    struct topology described;
    assert_true(topology_read(&described, "numa:2 core:16 pu:2", NULL));
    struct team *team = team_create(&described, 8, NULL);
    assert_non_null(team);
    topology_release(&described); /* the team keeps nothing of it */
    struct record record = {0};
    for (int i = 0; i < 100; i++)
        team_run(team, count_call, &record);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(record.of[i].n_calls, 100);
    team_free(team);
}

/* Clusters of unequal size, some of one member: nobody passes a barrier early. */
static void clusters_meet_at_barriers(void **state)
{
    (void)state;
    static const struct {
        const char *description;
        size_t n_members;
    } machines[] = {{"l3:2 core:2 pu:1", 4}, {"l3:2 core:2 pu:1", 3}, {"l3:3 core:1 pu:2", 5}};
    for (size_t m = 0; m < sizeof machines / sizeof *machines; m++) {
        struct topology described;
        size_t n = machines[m].n_members;
        assert_true(topology_read(&described, machines[m].description, NULL));
        struct team *team = team_create(&described, n, NULL);
        assert_non_null(team);
        topology_release(&described);
        struct record record = {.n_barriers = 20};
        for (record.round = 1; record.round <= 10; record.round++)
            team_run(team, write_then_read, &record);
        for (size_t i = 0; i < n; i++)
            if (record.of[i].n_errors != 0 || record.of[i].value != 1010)
                fail_msg("%s: member %zu saw %d old values and wrote %d", machines[m].description, i,
                         record.of[i].n_errors, record.of[i].value);
        assert_int_equal(team_rounds(team), 10 * 21);
        team_free(team);
    }
}

static void shares_cover_everything_once(void **state)
{
    (void)state;
    for (size_t n_members = 1; n_members <= 12; n_members++)
        for (size_t n = 0; n <= 100; n++)
            for (size_t grain = 1; grain <= 9; grain++) {
                size_t at = 0, longest = 0, shortest = SIZE_MAX;
                for (size_t i = 0; i < n_members; i++) {
                    struct member member = {.index = i, .n_members = n_members};
                    struct range range = team_share(&member, n, grain);
                    size_t length = range.end - range.begin;
                    if (range.begin != at || range.end < range.begin ||
                        (range.end % grain != 0 && range.end != n))
                        fail_msg("%zu of %zu members, %zu by %zu: %zu..%zu", i, n_members, n, grain,
                                 range.begin, range.end);
                    at = range.end;
                    longest = length > longest ? length : longest;
                    shortest = length < shortest ? length : shortest;
                }
                assert_int_equal(at, n);
                assert_true(longest - shortest <
                            2 * grain); /* one grain, or a little more by the short last one */
            }
    struct member last = {.index = 2, .n_members = 3};
    struct range range = team_share(&last, (size_t)1 << 62, 64);
    assert_int_equal(range.end, (size_t)1 << 62);
    assert_true(range.begin > (size_t)1 << 61);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_works_once_a_round),
        cmocka_unit_test(barrier_shows_all_that_was_written),
        cmocka_unit_test(sleepers_are_woken),
        cmocka_unit_test(work_may_change_every_round),
        cmocka_unit_test(teams_come_and_go),
        cmocka_unit_test(zero_asks_for_the_default),
        cmocka_unit_test(says_when_threads_cannot_start),
        cmocka_unit_test(members_have_their_processors),
        cmocka_unit_test(caller_leaves_the_others_alone),
        cmocka_unit_test(a_described_machine_works_too),
        cmocka_unit_test(clusters_meet_at_barriers),
        cmocka_unit_test(shares_cover_everything_once),
    };
    return cmocka_run_group_tests(tests, read_machine, release_machine);
}
