/* SPDX-License-Identifier: Apache-2.0 */
/* test_json_writer.c - any bytes as a JSON string: one line, valid, and the same text when it is read. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/utf8.h"
#include "check.h"
#include "server/answer/json_writer.h"

static void expect_text(const char *text, size_t n_bytes, const char *expected)
{
    struct buffer out = {0};
    json_write_text(&out, text, n_bytes);
    assert_string_equal(buffer_text(&out), expected);
    buffer_release(&out);
}

static void texts(void **state)
{
    (void)state;
    expect_text("", 0, "\"\"");
    expect_text("plain", 5, "\"plain\"");
    expect_text("\"\\/\b\f\n\r\t", 8, "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
    expect_text("\0\x01\x1F\x7F", 4, "\"\xEF\xBF\xBD\\u0001\\u001f\\u007f\"");
    expect_text("\xE2\x82\xAC\xF0\x9F\x90\x9F", 7, "\"\xE2\x82\xAC\xF0\x9F\x90\x9F\"");
}

/* Each byte that begins no character is one U+FFFD. */
static void no_utf8(void **state)
{
    (void)state;
    expect_text("a\xE2\x82", 3, "\"a\xEF\xBF\xBD\xEF\xBF\xBD\"");
    expect_text("\xC0\x80z", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBDz\"");
    expect_text("\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
    expect_text("\xFF\n", 2, "\"\xEF\xBF\xBD\\n\"");
}

static void any_bytes(void **state)
{
    (void)state;
    enum { ROUNDS = 2000, MOST = 40 };
    struct random random = random_seeded(7);
    struct buffer out = {0};
    for (int round = 0; round < ROUNDS; round++) {
        char text[MOST];
        size_t n_bytes = random_below(&random, MOST);
        for (size_t i = 0; i < n_bytes; i++)
            text[i] = (char)(random_below(&random, round % 2 ? 256 : 128));
        buffer_clear(&out);
        json_write_text(&out, text, n_bytes);
        json_t *read = json_loadb(buffer_text(&out), out.n_bytes, JSON_DECODE_ANY, NULL);
        if (read == NULL || memchr(buffer_text(&out), '\n', out.n_bytes) != NULL)
            fail_msg("seed 7, round %d: %s", round, buffer_text(&out));
        if (utf8_valid(text, n_bytes) && memchr(text, '\0', n_bytes) == NULL &&
            (json_string_length(read) != n_bytes || memcmp(json_string_value(read), text, n_bytes) != 0))
            fail_msg("seed 7, round %d: another text", round);
        json_decref(read);
    }
    buffer_release(&out);
}

static void others(void **state)
{
    (void)state;
    struct buffer out = {0};
    json_write_string(&out, "a");
    json_write_string(&out, NULL);
    buffer_append_text(&out, " ");
    json_write_number(&out, 0.1, 6);
    buffer_append_text(&out, " ");
    json_write_number(&out, 1234567.0, 9);
    json_write_number(&out, (double)INFINITY, 6);
    json_write_number(&out, (double)NAN, 6);
    assert_string_equal(buffer_text(&out), "\"a\"null 0.1 1234567nullnull");
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts), cmocka_unit_test(no_utf8),
                                       cmocka_unit_test(any_bytes), cmocka_unit_test(others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
