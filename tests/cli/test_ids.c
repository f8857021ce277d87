/* SPDX-License-Identifier: Apache-2.0 */
/* test_ids.c - token ids read from text. */
#include "check.h"
#include "cli/ids.h"

#include <string.h>

static void ids_read(void **state)
{
    (void)state;
    struct buffer text = {0};
    struct ids ids;
    struct error err;
    assert_true(ids_parse(&ids, &text, &err)); /* no bytes at all */
    assert_int_equal(ids.n_items, 0);
    ids_release(&ids);

    buffer_append_text(&text, " 1\n22\t4294967295\r\n");
    assert_true(ids_parse(&ids, &text, &err));
    assert_int_equal(ids.n_items, 3);
    assert_int_equal(ids.items[1], 22);
    assert_true(ids.items[2] == UINT32_MAX);
    assert_false(ids_check(&ids, 23, &err));
    assert_string_equal(err.text, "token 3 is 4294967295, and the vocabulary ends at 22");
    ids_release(&ids);

    static const char *const bad[] = {"1 2x", "1 -2", "1 4294967296", "1 2,3", "1 2.0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        buffer_clear(&text);
        buffer_append_text(&text, bad[i]);
        assert_false(ids_parse(&ids, &text, &err));
        assert_non_null(strstr(err.text, "word 2, '"));
        assert_null(ids.items);
    }
    buffer_clear(&text);
    buffer_append(&text, "1\0002", 3);
    assert_false(ids_parse(&ids, &text, &err));
    buffer_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
