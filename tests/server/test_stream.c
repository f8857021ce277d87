/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes through a stream whose reader is behind: all of them, in order, and no memory for those that went. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "check.h"
#include "server/compute/stream.h"

#define PIECE  1000
#define PIECES 2000

static void a_reader_that_is_behind_loses_nothing(void **state)
{
    (void)state;
    int wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct stream *stream = stream_create(wake, NULL);
    struct buffer piece = {0};
    char into[PIECE];
    unsigned char written = 0, read = 0;
    assert_non_null(stream);
    for (int i = 0; i < PIECES; i++) {
        buffer_clear(&piece);
        for (int at = 0; at < PIECE; at++, written++)
            buffer_append(&piece, &written, 1);
        stream_write(stream, &piece);
        size_t n = i > 0 ? stream_read(stream, into, PIECE) : 0; /* always a piece behind */
        for (size_t at = 0; at < n; at++, read++)
            assert_int_equal((unsigned char)into[at], read);
        assert_int_equal(stream_unread(stream), PIECE);
    }
    assert_true(stream->bytes.capacity < 8 * PIECE);
    assert_int_equal(stream_read(stream, into, PIECE), PIECE);
    assert_int_equal(stream_read(stream, into, PIECE), 0);
    stream_drop(stream);
    buffer_release(&piece);
    close(wake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_that_is_behind_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
