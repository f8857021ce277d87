/* SPDX-License-Identifier: Apache-2.0 */
/* What a log's line says limits a request. */
#include "check.h"
#include "server/answer/account.h"

static void what_limits_is_said(void **state)
{
    static const struct {
        struct account_phase phase;
        struct account_machine machine;
        const char *says;
    } cases[] = {
        {{"answer", 2, 1.9, 57000000000},
         {40e9, false},
         "; memory limits the answer: read 30.0 of 40.0 GB/s"},
        {{"prompt", 2, 2, 4000000000},
         {40e9, false},
         "; the cores limit the prompt: memory was read at 2.00 of 40.0 GB/s"},
        {{"answer", 2, 2, 4000000000},
         {40e9, true},
         "; the drive limits the answer: memory was read at 2.00 of 40.0 GB/s"},
        {{"answer", 9, 1.25, 50000000000},
         {40e9, false},
         "; others' turns, or a slow reader, limit the answer: its steps took 1.25 s"},
        {{"answer", 2, 2, 57000000000}, {0, false}, "; read 28.5 GB/s"},
        {{"prompt", 2, 0, 0}, {40e9, false}, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer line = {0};
        account_limit(&line, &cases[i].phase, &cases[i].machine);
        assert_string_equal(buffer_text(&line), cases[i].says);
        buffer_release(&line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_limits_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
