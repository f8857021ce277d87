/* SPDX-License-Identifier: Apache-2.0 */
/* test_corpus_request.c - the inputs that fuzz_request starts from, and those that once failed. */
#include "check.h"
#include "fuzz/fuzz_request.c"
#include "text/replay.h"

static void corpus(void **state)
{
    (void)state;
    assert_true(replay("tests/corpus/request", LLVMFuzzerTestOneInput) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
