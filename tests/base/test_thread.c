/* SPDX-License-Identifier: Apache-2.0 */
/* test_thread.c - a thread runs with its argument, deaf to signals, and leaves its starter's mask alone. */
#include <signal.h>

#include "base/thread.h"
#include "check.h"

static void *note_mask(void *argument)
{
    pthread_sigmask(SIG_BLOCK, NULL, argument);
    return argument;
}

static void signals_stay_with_the_starter(void **state)
{
    (void)state;
    sigset_t before, inside, after;
    pthread_t thread;
    void *returned = NULL;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    assert_int_equal(thread_start(&thread, note_mask, &inside), 0);
    assert_int_equal(pthread_join(thread, &returned), 0);
    assert_ptr_equal(returned, &inside);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        assert_int_equal(sigismember(&inside, signals[i]), 1);
        assert_int_equal(sigismember(&after, signals[i]), sigismember(&before, signals[i]));
    }
    assert_int_equal(sigismember(&inside, SIGSEGV), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(signals_stay_with_the_starter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
