/* SPDX-License-Identifier: Apache-2.0 */
/* The page over HTTP: who gets it, with which headers; and that it asks nothing of anybody else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"
#include "server/page/page.h"
#include "server/serving.h"

#define POLICY "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "

static void every_file_comes_as_it_is(void **state)
{
    for (size_t i = 0; i < n_page_files; i++) {
        const struct page_file *file = &page_files[i];
        const size_t n_bytes = (size_t)(file->end - file->bytes);
        char line[64];
        snprintf(line, sizeof line, "GET %s", file->path);
        char *answer = ask_server(*state, line, "", NULL);
        const char *body = strstr(answer, "\r\n\r\n") + 4;
        assert_has(answer, "HTTP/1.1 200");
        assert_has(answer, file->type);
        assert_has(answer, POLICY);
        assert_has(answer, "frame-ancestors 'none'");
        assert_has(answer, "X-Content-Type-Options: nosniff");
        assert_has(answer, "X-Frame-Options: DENY");
        assert_has(answer, "Referrer-Policy: no-referrer");
        assert_has(answer, "Cache-Control: no-cache");
        assert_int_equal(strlen(body), n_bytes);
        assert_memory_equal(body, file->bytes, n_bytes);
        free(answer);
    }
}

static void what_a_browser_has_is_not_sent_again(void **state)
{
    char *answer = ask_server(*state, "GET /", "", NULL), header[128];
    const char *tag = strstr(answer, "ETag: ");
    assert_non_null(tag);
    snprintf(header, sizeof header, "If-None-Match: %.18s\r\n", tag + strlen("ETag: "));
    free(answer);
    answer = ask_server(*state, "GET /", header, NULL);
    assert_has(answer, "HTTP/1.1 304");
    assert_has(answer, POLICY);
    assert_has_not(answer, "<html");
    free(answer);
    answer = ask_server(*state, "GET /page/page.css", header, NULL);
    assert_has(answer, "HTTP/1.1 200");
    free(answer);
}

static void other_files_are_not_there(void **state)
{
    static const char *const lines[] = {"GET /page/", "GET /page/none.js", "GET /page/../page.css",
                                        "GET /page.css"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char *answer = ask_server(*state, lines[i], "", NULL);
        assert_has(answer, "HTTP/1.1 404");
        free(answer);
    }
    char *answer = ask_server(*state, "POST /", "", "{}");
    assert_has(answer, "HTTP/1.1 405");
    free(answer);
}

static struct buffer text_of(const struct page_file *file)
{
    struct buffer text = {0};
    buffer_append(&text, file->bytes, (size_t)(file->end - file->bytes));
    assert_true(buffer_ok(&text, NULL));
    return text;
}

/* The policy would refuse it all; a browser then only shows less. The namespace of SVG is a name. */
static void the_files_ask_only_this_server(void **state)
{
    static const char *const never[] = {"src=\"http",     "href=\"http", "url(",          "@import",
                                        "innerHTML",      "<style",      "style=\"",      "onclick=\"",
                                        "insertAdjacent", "eval(",       "document.write"};
    (void)state;
    for (size_t i = 0; i < n_page_files; i++) {
        struct buffer text = text_of(&page_files[i]);
        for (size_t j = 0; j < sizeof never / sizeof *never; j++)
            assert_has_not(buffer_text(&text), never[j]);
        for (const char *at = strstr(buffer_text(&text), "://"); at != NULL; at = strstr(at + 3, "://"))
            assert_true(strncmp(at, "://www.w3.org/2000/svg", 22) == 0);
        buffer_release(&text);
    }
}

/* What the page and its scripts name is there. */
static void the_files_name_files_that_are_there(void **state)
{
    size_t n_named = 0;
    for (size_t i = 0; i < n_page_files; i++) {
        struct buffer text = text_of(&page_files[i]);
        const char *mark = i == 0 ? "=\"page/" : "from \"./";
        for (const char *at = strstr(buffer_text(&text), mark); at != NULL; at = strstr(at, mark)) {
            char line[64];
            at += strlen(mark);
            snprintf(line, sizeof line, "HEAD /page/%.*s", (int)strcspn(at, "\""), at);
            char *answer = ask_server(*state, line, "", NULL);
            assert_has(answer, "HTTP/1.1 200");
            free(answer);
            n_named++;
        }
        buffer_release(&text);
    }
    assert_true(n_named > 10);
}

static void props_tell_what_the_page_shows(void **state)
{
    wait_until_loaded(*state);
    char *answer = ask_server(*state, "GET /props", "", NULL);
    assert_has(answer, "\"exceeds_memory\": false");
    assert_has(answer, "\"n_threads\": 1");
    free(answer);
    assert_true(metric_of(*state, "fathom_buffer_bytes") > 0);
}

static void it_comes_without_a_key(void **state)
{
    struct serving serving = serving_with(256, 1);
    struct scratch scratch;
    (void)state;
    scratch_make(&scratch);
    serving.options.key_file = scratch_write_text(&scratch, "keys", "secret\n");
    serving_start(&serving);
    char *answer = ask_server(&serving, "GET /", "", NULL);
    assert_has(answer, "HTTP/1.1 200");
    free(answer);
    answer = ask_server(&serving, "GET /page/chat.js", "", NULL);
    assert_has(answer, "HTTP/1.1 200");
    free(answer);
    answer = ask_server(&serving, "GET /props", "", NULL);
    assert_has(answer, "HTTP/1.1 401");
    free(answer);
    serving_stop(&serving);
    scratch_remove(&scratch);
}

static int start(void **state)
{
    static struct serving serving;
    serving = serving_with(256, 1);
    serving_start(&serving);
    *state = &serving;
    return 0;
}

static int stop(void **state)
{
    serving_stop(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_comes_as_it_is),
        cmocka_unit_test(what_a_browser_has_is_not_sent_again),
        cmocka_unit_test(other_files_are_not_there),
        cmocka_unit_test(the_files_ask_only_this_server),
        cmocka_unit_test(the_files_name_files_that_are_there),
        cmocka_unit_test(props_tell_what_the_page_shows),
        cmocka_unit_test(it_comes_without_a_key),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
